"""What `events show` says follows from the records: counted here by hand, from logs small enough to count."""

import math

import numpy as np
import pytest

from counterpoint.errors import CounterpointError
from counterpoint.events.formats import load_format
from counterpoint.events.ingestion import ingest
from counterpoint.events.log_overview import ActivityBin, overview
from counterpoint.storage.workspace import edit_workspace, open_workspace


def _play(uid, song):
    return f"{uid}\tar\t{song}\t0\tSong\tSinger\t100\t200\t0\n"


def _seen(folder):
    ingest([folder / "logs"], to=folder / "work", format=load_format("music-box"))
    with open_workspace(folder / "work") as view:
        return overview(view)


def _log(folder, name, lines):
    (folder / "logs").mkdir(exist_ok=True)
    (folder / "logs" / name).write_text("".join(lines))


def test_events_are_counted_by_kind_and_day_and_listeners_by_activity(tmp_path):
    _log(tmp_path, "20170330_1_play.log", [_play(1, song) for song in range(10)] + [_play(2, 5)])
    _log(tmp_path, "20170331_1_play.log", [_play(2, song) for song in range(2)] + [_play("nobody", 1)])
    _log(tmp_path, "20170331_1_search.log", ["3\tip\t2017-03-31 10:00:00\tq\n"])
    seen = _seen(tmp_path)
    assert seen.events == (("P", 17255, 11), ("P", 17256, 3), ("S", 17256, 1))
    assert seen.listeners == 3
    assert seen.activity == (ActivityBin(0.0, 0.5, 2), ActivityBin(0.5, 1.0, 0), ActivityBin(1.0, 1.5, 1))
    assert [file.file for file in seen.files] == ["20170330_1_play.log", "20170331_1_play.log", "20170331_1_search.log"]
    assert seen.bots_from is None


def test_the_bot_threshold_is_the_exact_percentile_of_plays(tmp_path):
    plays = np.random.default_rng(5).geometric(0.2, 1500)
    _log(tmp_path, "20170330_1_play.log", [_play(uid, song) for uid, n in enumerate(plays) for song in range(n)])
    seen = _seen(tmp_path)
    assert math.isclose(seen.bots_from, np.percentile(plays, 99.9, method="linear"))
    assert sum(part.listeners for part in seen.activity) == 1500


def test_a_workspace_without_logs_has_nothing_to_show(tmp_path):
    with edit_workspace(tmp_path / "work", create=True):
        pass
    with open_workspace(tmp_path / "work") as view, pytest.raises(CounterpointError, match="has no logs"):
        overview(view)
