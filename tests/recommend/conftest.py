from dataclasses import replace

import pytest

from counterpoint.recommend.models import autoencoder


@pytest.fixture(scope="module")
def hurried():
    """A tenth of an autoencoder's steps, which makes no blend better."""
    with pytest.MonkeyPatch.context() as patch:
        learned = autoencoder._learned
        patch.setattr(autoencoder, "_learned", lambda rows, kind, rng: learned(rows, replace(kind, steps=24), rng))
        yield
