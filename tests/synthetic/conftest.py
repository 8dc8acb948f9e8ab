"""A platform in each format, invented and ingested once: a month of three hundred listeners."""

from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest

from counterpoint.events.formats import Format, load_format
from counterpoint.events.ingestion import IngestReport, ingest
from counterpoint.storage import parquet
from counterpoint.storage.workspace import open_workspace
from counterpoint.synthetic.platform import FORMATS, GeneratedLogs, Platform, generate


@dataclass(frozen=True)
class Invented:
    """A platform, and what ingest made of it."""

    request: Platform
    format: Format
    logs: GeneratedLogs
    reports: tuple[IngestReport, ...]
    workspace: Path

    def truth(self, name: str) -> pl.DataFrame:
        """Return a table of the truth."""
        return pl.read_parquet(self.logs.folder / "truth" / f"{name}.parquet")

    def table(self, table: str, kind: str = "") -> pl.DataFrame:
        """Return the "events", "rejected" or "problems" of all files of a kind, with the name of their file."""
        with open_workspace(self.workspace) as view:
            folders = {name: view.folder(f"log:{name}") for name in self.files if kind in name}
            read = {name: parquet.read(folder.file(f"{table}.parquet")) for name, folder in folders.items()}
        return pl.concat([part.with_columns(file=pl.lit(name)) for name, part in read.items()])

    @property
    def files(self) -> list[str]:
        """The names of the logs."""
        return [file.name for file in self.logs.files]


def invented(folder: Path, request: Platform, seed: int) -> Invented:
    logs = generate(folder / "logs", request, rng=seed)
    log_format = load_format(request.format)
    reports = ingest([folder / "logs"], to=folder / "workspace", format=log_format)
    return Invented(request, log_format, logs, tuple(reports), folder / "workspace")


@pytest.fixture(scope="session", params=FORMATS)
def platform(request, tmp_path_factory):
    """One platform after the other."""
    return _platforms(tmp_path_factory, request.param)


@pytest.fixture(scope="session")
def music_box(tmp_path_factory):
    return _platforms(tmp_path_factory, "music-box")


@pytest.fixture(scope="session")
def eventsim(tmp_path_factory):
    return _platforms(tmp_path_factory, "eventsim")


KNOWN: dict[str, Invented] = {}


def _platforms(tmp_path_factory, style):
    if style not in KNOWN:
        asked = Platform(listeners=300, days=30, songs=1000, format=style)
        KNOWN[style] = invented(tmp_path_factory.mktemp("invented"), asked, 4)
    return KNOWN[style]
