"""What a workspace promises.

- A workspace holds exactly what was committed: `data/` has the live folders and nothing else, whatever they are called.
- A commit of several puts and drops happens whole or not at all, at whatever moment the process is killed.
- One process writes; a reader sees the moment it began and can read it to the end.
- A folder that is not a workspace is never touched.
"""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.crash import every_kill

from counterpoint.errors import CounterpointError
from counterpoint.storage import commit
from counterpoint.storage.workspace import (
    Staged,
    WorkspaceView,
    WorkspaceWriter,
    edit_workspace,
    key_of,
    open_workspace,
    verify,
)

NAMES = st.text(max_size=40) | st.sampled_from(
    ["log:a b", "log:a-b", "..", ".", "/", "../../etc", "log:\u266b", "log:" + "x" * 400, "", "\udcff", "C:\\con"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=6,
)


def staged(writer: WorkspaceWriter, name: str, content: str) -> Staged:
    path = writer.stage()
    (path / "parts").mkdir()
    (path / "parts" / "0.txt").write_text(content, encoding="utf-8")
    return Staged(name, key_of(name, content), path, {"content": content})


def put(root: Path, **contents: str) -> None:
    with edit_workspace(root, create=True) as writer:
        writer.commit(*(staged(writer, name, content) for name, content in contents.items()))


def contents(view: WorkspaceView) -> dict[str, str]:
    return {name: folder.file("parts/0.txt").read_text(encoding="utf-8") for name, folder in view.live.items()}


def live(root: Path) -> dict[str, str]:
    with open_workspace(root) as view:
        return contents(view)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def assert_data_is_live(root: Path) -> None:
    with open_workspace(root) as view:
        assert names(root / "data") == sorted(folder.path.name for folder in view.live.values())


def assert_holds_nothing_but_the_live(root: Path) -> None:
    assert_data_is_live(root)
    assert names(root / "tmp") == []
    assert names(root) == ["data", "lock", "readers", "tmp", "workspace.json"]


# What is committed


@settings(max_examples=25)
@given(st.lists(st.tuples(st.dictionaries(NAMES, st.sampled_from("xyz"), max_size=3), st.booleans()), max_size=4))
def test_a_workspace_holds_exactly_what_was_committed_whatever_it_is_called(commits):
    with TemporaryDirectory() as home:
        root, model = Path(home, "w"), {}
        for new, drop_all in commits:
            with edit_workspace(root, create=True) as writer:
                gone = list(model) if drop_all else []
                writer.commit(*(staged(writer, name, content) for name, content in new.items()), drop=gone)
                model = ({} if drop_all else model) | new
                assert contents(writer.view) == model
            assert live(root) == model
            assert_holds_nothing_but_the_live(root)
            with open_workspace(root) as view:
                for name, folder in view.live.items():
                    verify(folder)
                    assert folder.path.parent == root / "data"
                    assert folder.path.resolve().parent == (root / "data").resolve()
                    assert (folder.name, folder.key) == (name, key_of(name, model[name]))
                    assert folder.metadata == {"content": model[name]}


def test_folders_are_found_by_name_and_by_prefix(tmp_path):
    put(tmp_path / "w", **{"log:b": "2", "log:a": "1", "model:churn": "3"})
    with open_workspace(tmp_path / "w") as view:
        assert [folder.name for folder in view.with_prefix("log:")] == ["log:a", "log:b"]
        assert view.get("model:churn") == view.folder("model:churn")
        assert view.get("model:none") is None
        with pytest.raises(CounterpointError, match="has no 'model:chrun'; did you mean 'model:churn'"):
            view.folder("model:chrun")
        with pytest.raises(CounterpointError, match=r"log:a has no file 'abuot\.json'; did you mean 'about\.json'"):
            view.folder("log:a").file("abuot.json")


def test_two_names_with_one_key_are_told_apart_or_refused_but_never_mixed_up(tmp_path):
    root = tmp_path / "w"
    with edit_workspace(root, create=True) as writer:
        first, second = staged(writer, "log:a b", "x"), staged(writer, "log:a-b", "y")
        writer.commit(first)
        with pytest.raises(CounterpointError, match=r"holds 'log:a b', not 'log:a-b'; give key_of\(\) the name"):
            writer.commit(Staged(second.name, first.key, second.path, {}))
    assert live(root) == {"log:a b": "x"}


def test_what_was_made_before_with_the_same_key_is_kept(tmp_path):
    root = tmp_path / "w"
    put(root, a="x")
    before = (root / "data").stat().st_mtime_ns
    put(root, a="x")
    assert (root / "data").stat().st_mtime_ns == before
    assert_holds_nothing_but_the_live(root)


def test_a_name_that_is_not_live_cannot_be_dropped(tmp_path):
    root = tmp_path / "w"
    put(root, a="x")
    with edit_workspace(root) as writer, pytest.raises(CounterpointError, match="has no 'log:a'"):
        writer.commit(staged(writer, "b", "y"), drop=["log:a"])
    assert live(root) == {"a": "x"}


def test_only_a_staged_folder_with_a_proper_key_and_json_can_be_committed(tmp_path):
    mine = tmp_path / "mine"
    mine.mkdir()
    with edit_workspace(tmp_path / "w", create=True) as writer:
        with pytest.raises(CounterpointError, match=r"write into a folder from WorkspaceWriter\.stage"):
            writer.commit(Staged("a", key_of("a"), mine, {}))
        with pytest.raises(CounterpointError, match=r"the key of 'a' is '\.\./x'; make it with key_of"):
            writer.commit(Staged("a", "../x", writer.stage(), {}))
        with pytest.raises(CounterpointError, match="settings must be JSON values"):
            writer.commit(Staged("a", key_of("a"), writer.stage(), {"when": object()}))
    assert mine.exists()
    assert live(tmp_path / "w") == {}


def test_a_damaged_file_is_named(tmp_path):
    root = tmp_path / "w"
    put(root, a="good")
    with open_workspace(root) as view:
        folder = view.folder("a")
        file = folder.file("parts/0.txt")
        verify(folder)
        file.write_text("evil")
        with pytest.raises(
            CounterpointError, match=r"parts/0\.txt is damaged: it has .*but was committed with .*'bytes': 4"
        ):
            verify(folder)
        file.unlink()
        with pytest.raises(CounterpointError, match=r"parts/0\.txt is damaged: it has .*No such file"):
            verify(folder)
        folder.file("about.json").write_text("[]")
        with pytest.raises(CounterpointError, match=r"about\.json was not written by Counterpoint"):
            verify(folder)


# Keys


@given(st.lists(JSON, max_size=3), st.lists(JSON, max_size=3))
def test_a_key_stands_for_its_parts(one, other):
    same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert (key_of(*one) == key_of(*other)) == same
    assert len(bytes.fromhex(key_of(*one))) == 8


@given(st.dictionaries(st.text(), JSON))
def test_a_key_ignores_the_order_of_a_mapping(settings_of_a_run):
    assert key_of(settings_of_a_run) == key_of(dict(reversed(settings_of_a_run.items())))


@pytest.mark.parametrize("part", [object(), {1, 2}, b"x", float("nan"), Path("x"), {"at": 1j}])
def test_what_is_not_json_has_no_key(part):
    with pytest.raises(CounterpointError, match="settings must be JSON values"):
        key_of("features", part)


# Killed at any moment: what the three functions of tests/crash.py ask for

MOMENTS = ({}, {"log:a": "1"}, {"rollup": "1"}, {"rollup": "2", "model": "2"})


def scenario(folder: Path) -> None:
    """Go through the moments, and say after each commit, like a command that returns, how many are done."""
    with edit_workspace(folder / "w", create=True) as writer:
        for done, moment in enumerate(MOMENTS[1:], start=1):
            drop = [name for name in writer.view.live if name not in moment]
            writer.commit(*(staged(writer, name, content) for name, content in moment.items()), drop=drop)
            (folder / "done").write_text(str(done), encoding="utf-8")


def survived(folder: Path) -> None:
    done = int((folder / "done").read_text(encoding="utf-8")) if (folder / "done").exists() else 0
    if done == 0 and not (folder / "w" / "workspace.json").exists():
        return
    with open_workspace(folder / "w") as view:
        assert contents(view) in MOMENTS[done : done + 2], (done, contents(view))
        for live_folder in view.live.values():
            verify(live_folder)


def finished(folder: Path) -> None:
    assert live(folder / "w") == MOMENTS[-1]
    assert_holds_nothing_but_the_live(folder / "w")


def test_kill_9_at_any_step_loses_only_the_commit_in_flight(tmp_path):
    assert every_kill(scenario, survived, finished, tmp_path) >= 3 * 5


def test_what_a_killed_writer_left_is_cleared_away_by_the_next(tmp_path):
    root = tmp_path / "w"
    put(root, a="x")
    (root / "tmp" / "99-1" / "deep").mkdir(parents=True)
    (root / "tmp" / "spill").write_text("half")
    (root / "data" / "orphan-0").mkdir()
    (root / "workspace.99.tmp.json").write_text("{")
    with edit_workspace(root) as writer:
        assert names(root / "tmp") == [writer.scratch.name]
        assert names(root / "data") == [writer.view.folder("a").path.name]
    assert_holds_nothing_but_the_live(root)


def test_a_writer_that_fails_leaves_the_last_commit_and_nothing_else(tmp_path):
    root = tmp_path / "w"
    put(root, a="x")

    def interrupted() -> None:
        with edit_workspace(root) as writer:
            staged(writer, "b", "y")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert live(root) == {"a": "x"}
    assert_holds_nothing_but_the_live(root)


# Writers and readers at the same time


def test_a_second_writer_is_refused_with_the_process_of_the_first(tmp_path):
    root = tmp_path / "w"
    hold = (
        "import pathlib, sys; from counterpoint.storage.workspace import edit_workspace\n"
        "with edit_workspace(pathlib.Path(sys.argv[1]), create=True): print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", hold, str(root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as first:
        assert first.stdout.readline() == b"held\n"
        refusal = rf"w is being written by process {first.pid}; try again when it has finished"
        for create in (False, True):
            with pytest.raises(CounterpointError, match=refusal), edit_workspace(root, create=create):
                pytest.fail("two writers")
        assert live(root) == {}
        first.communicate()
    put(root, a="x")
    assert live(root) == {"a": "x"}


def test_a_reader_reads_its_moment_to_the_end_while_a_writer_replaces_it(tmp_path):
    root = tmp_path / "w"
    put(root, a="old", b="dropped")
    with open_workspace(root) as view:
        put(root, a="new")
        with edit_workspace(root) as writer:
            writer.commit(drop=["b"])
        assert contents(view) == {"a": "old", "b": "dropped"}
        assert live(root) == {"a": "new"}
    with edit_workspace(root):
        assert_data_is_live(root)


def test_an_unnamed_folder_is_taken_up_again_while_readers_keep_it(tmp_path):
    root = tmp_path / "w"
    put(root, a="old")
    with open_workspace(root):
        put(root, a="new")
        put(root, a="old")
        assert live(root) == {"a": "old"}
    with edit_workspace(root):
        pass
    assert live(root) == {"a": "old"}
    assert_holds_nothing_but_the_live(root)


# A disk that refuses


def refused(*_):
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("call", ["fsync", "rename", "replace", "open"])
def test_a_full_disk_is_one_line_and_the_workspace_stays_as_it_was(tmp_path, call):
    root = tmp_path / "w"
    put(root, a="x")
    with edit_workspace(root) as writer:
        new = staged(writer, "b", "y")
        with pytest.MonkeyPatch.context() as disk:
            disk.setattr(commit.os, call, refused)
            with pytest.raises(CounterpointError, match=r"^cannot write .*: No space left on device; free some space"):
                writer.commit(new, drop=["a"])
        assert contents(writer.view) == {"a": "x"}
        writer.commit(new)
        verify(writer.view.folder("b"))
    assert live(root) == {"a": "x", "b": "y"}
    assert_holds_nothing_but_the_live(root)


def test_a_commit_whose_last_fsync_fails_is_not_collected_as_if_it_had_not_happened(tmp_path, monkeypatch):
    root = tmp_path / "w"
    put(root, a="x")
    replace, fsync = os.replace, os.fsync

    def last_replace(source, target):
        replace(source, target)
        if Path(target).name == "workspace.json":
            monkeypatch.setattr(commit.os, "fsync", refused)

    with edit_workspace(root) as writer:
        monkeypatch.setattr(commit.os, "replace", last_replace)
        with pytest.raises(CounterpointError, match="No space left"):
            writer.commit(staged(writer, "a", "y"))
        monkeypatch.setattr(commit.os, "fsync", fsync)
        assert contents(writer.view) == {"a": "y"}
    assert live(root) == {"a": "y"}


# Folders that are no workspace


def test_no_workspace_says_how_to_make_one(tmp_path):
    (tmp_path / "file").touch()
    for root in (tmp_path, tmp_path / "nowhere", tmp_path / "file"):
        for act in (open_workspace, edit_workspace):
            with pytest.raises(CounterpointError) as refusal, act(root):
                pytest.fail("there is none")
            assert str(refusal.value) == (
                f"no workspace at {root}; make one with `counterpoint events ingest LOGS... --to {root}`"
            )
    assert names(tmp_path) == ["file"]


def test_a_folder_with_data_and_tmp_of_its_own_is_not_taken_for_a_workspace(tmp_path):
    (tmp_path / "data" / "thesis").mkdir(parents=True)
    (tmp_path / "tmp").mkdir()
    refusal = "is not a workspace and not empty .it holds 'data'.; choose a new or empty folder"
    with pytest.raises(CounterpointError, match=refusal), edit_workspace(tmp_path, create=True):
        pytest.fail("it was taken")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["data", "thesis", "tmp"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it is not JSON"),
        (b"\xff\x00", "it is not JSON"),
        (b"[" * 100_000, "it is not JSON"),
        (b"[]", "it lacks the format version"),
        (b'{"version": 2, "projects": {}}', "it lacks the format version"),
        (b'{"format": 2}', "or the live folders"),
        (
            b'{"format": 1, "live": {}}',
            "has format 1, this Counterpoint reads format 2; ingest the logs again into a new folder",
        ),
        (
            b'{"format": 2, "live": {"a": {"folder": "..", "metadata": {}}}}',
            "its entry for 'a' names no folder of data",
        ),
        (b'{"format": 2, "live": {"a": {"folder": "../x-1", "metadata": {}}}}', "its entry for 'a' names no folder"),
        (b'{"format": 2, "live": {"a": {"folder": "a-1"}}}', "its entry for 'a' names no folder of data"),
    ],
)
def test_a_foreign_or_broken_index_is_refused_and_nothing_is_touched(tmp_path, content, reason):
    (tmp_path / "workspace.json").write_bytes(content)
    (tmp_path / "tmp" / "thesis").mkdir(parents=True)
    for act in (open_workspace, edit_workspace, lambda root: edit_workspace(root, create=True)):
        with pytest.raises(CounterpointError, match=reason) as refusal, act(tmp_path):
            pytest.fail("it was taken for a workspace")
        assert "\n" not in str(refusal.value)
    assert names(tmp_path) == ["tmp", "workspace.json"]
    assert names(tmp_path / "tmp") == ["thesis"]


def test_a_link_in_place_of_tmp_is_refused_because_what_it_points_to_would_be_emptied(tmp_path):
    root, elsewhere = tmp_path / "w", tmp_path / "elsewhere"
    put(root, a="x")
    elsewhere.mkdir()
    (elsewhere / "thesis").touch()
    (root / "tmp").rmdir()
    (root / "tmp").symlink_to(elsewhere)
    with pytest.raises(CounterpointError, match="tmp is a link; make it a folder"), edit_workspace(root):
        pytest.fail("it was taken")
    assert names(elsewhere) == ["thesis"]
