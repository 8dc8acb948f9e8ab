"""A kill at any moment loses only the log in flight: what is live is whole, and the next run completes it."""

from pathlib import Path

import numpy.ma
import pyarrow.compute
from tests.crash import every_kill

from counterpoint.events.formats import load_format
from counterpoint.events.ingestion import LOG, ingest, ledgers
from counterpoint.storage import parquet
from counterpoint.storage.workspace import open_workspace, verify

PLAYS, DOWNLOADS = "20170330_1_play.log", "20170330_1_down.log"
PLAY, DOWNLOAD = b"7\tar\t11\t0\tSong\tSinger\t30\t242\t0\n", b"7\tar\t11\tSong\tSinger\t0\n"
IMPORTED_ONCE = (numpy.ma, pyarrow.compute)
"""Needed by ingest, and slow to import: done here, it is not done again in each of the forks."""

MOMENTS = ({}, {DOWNLOADS: 1}, {DOWNLOADS: 1, PLAYS: 2}, {DOWNLOADS: 1, PLAYS: 3})
"""After each commit: the logs, and how many records they have."""


def scenario(folder: Path) -> None:
    """Take two logs, and then one of them changed; note after each run how many commits are done, as a command does."""
    logs = folder / "logs"
    logs.mkdir(exist_ok=True)
    (logs / DOWNLOADS).write_bytes(DOWNLOAD)
    for done, content in ((2, PLAY * 2), (3, PLAY * 3)):
        (logs / PLAYS).write_bytes(content)
        ingest([logs], to=folder / "w", format=load_format("music-box"), replace=True)
        (folder / "done").write_text(str(done), encoding="utf-8")


def live(folder: Path) -> dict[str, int]:
    """Return the logs and their records, if every file is as it was committed and agrees with its ledger."""
    with open_workspace(folder / "w") as view:
        for log, ledger in zip(view.with_prefix(LOG), ledgers(view), strict=True):
            verify(log)
            assert parquet.read(log.file("events.parquet")).height == ledger.records
            assert parquet.read(log.file("rejected.parquet")).height == ledger.rejected
            assert ledger.accepted + ledger.repaired + ledger.rejected == ledger.lines
        return {ledger.file: ledger.records for ledger in ledgers(view)}


def survived(folder: Path) -> None:
    done = int((folder / "done").read_text(encoding="utf-8")) if (folder / "done").exists() else 0
    if done or (folder / "w" / "workspace.json").exists():
        assert live(folder) in (MOMENTS[done:] if done else MOMENTS[:3]), done


def finished(folder: Path) -> None:
    assert live(folder) == MOMENTS[-1]
    assert [path.name for path in (folder / "w" / "tmp").iterdir()] == []
    with open_workspace(folder / "w") as view:
        assert sorted((folder / "w" / "data").iterdir()) == sorted(log.path for log in view.live.values())


def test_kill_9_at_any_step_of_ingest_loses_only_the_log_in_flight(tmp_path, monkeypatch):
    monkeypatch.setenv("POLARS_MAX_THREADS", "1")  # a pool of threads for each fork would cost more than its work
    assert (
        every_kill(scenario, survived, finished, tmp_path) >= 3 * 5
    )  # three commits, each with five moments that differ
