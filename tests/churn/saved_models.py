"""A fitted model as the bytes that are kept of it, and as it is read back."""

from pathlib import Path
from tempfile import TemporaryDirectory

from counterpoint.churn.models.registry import FITTED_MODELS
from counterpoint.storage.serializer import load, save


def saved(model):
    """The files that keep a model, as one text of bytes."""
    with TemporaryDirectory() as home:
        save(model, Path(home), "model")
        return b"".join(file.read_bytes() for file in sorted(Path(home).iterdir()))


def read_back(model):
    """The model that was kept."""
    with TemporaryDirectory() as home:
        save(model, Path(home), "model")
        return load(type(model), Path(home), "model", among=FITTED_MODELS)
