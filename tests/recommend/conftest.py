from dataclasses import replace

import pytest

from counterpoint.recommend.models import autoencoder


@pytest.fixture(scope="module")
def hurried():
    """A tenth of an autoencoder's steps, which makes no blend better."""
    with pytest.MonkeyPatch.context() as patch:
        fit_net = autoencoder._fit_net
        patch.setattr(
            autoencoder, "_fit_net", lambda rows, settings, rng: fit_net(rows, replace(settings, steps=24), rng)
        )
        yield
