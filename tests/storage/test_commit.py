"""What commit.py promises: nothing has its name before the disk holds all of it, and a refusal leaves no trace.

- A folder is renamed only after every file and folder in it was fsynced, and its new parent is fsynced after that.
- A file is replaced in one step; whatever fails on the way leaves the old content and no temporary.
- A disk that refuses is one line with the path, the reason and a remedy.
"""

import errno
import os
from pathlib import Path

import pytest

from counterpoint.errors import CounterpointError
from counterpoint.storage import commit


@pytest.fixture
def calls(monkeypatch):
    """The durable steps in their order: ("fsync", inode), or ("rename", inode of what was renamed)."""
    seen = []
    fsync, rename, replace = os.fsync, os.rename, os.replace

    def seen_fsync(descriptor):
        seen.append(("fsync", os.fstat(descriptor).st_ino))
        fsync(descriptor)

    def seen_rename(source, target):
        seen.append(("rename", inode(source)))
        rename(source, target)

    def seen_replace(source, target):
        seen.append(("rename", inode(source)))
        replace(source, target)

    monkeypatch.setattr(commit.os, "fsync", seen_fsync)
    monkeypatch.setattr(commit.os, "rename", seen_rename)
    monkeypatch.setattr(commit.os, "replace", seen_replace)
    return seen


def inode(path: Path) -> int:
    return path.stat().st_ino


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def refuse(monkeypatch, call: str, number: int) -> None:
    """Let the disk refuse this call of the commit module with an errno."""

    def refused(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(commit.os, call, refused)


def staged_folder(home: Path) -> Path:
    staged = home / "staged"
    (staged / "parts").mkdir(parents=True)
    (staged / "parts" / "0.parquet").write_text("zero")
    (staged / "about.json").write_text("{}")
    return staged


def test_a_folder_gets_its_name_after_all_of_it_is_on_the_disk_and_its_parent_is_told_last(tmp_path, calls):
    staged = staged_folder(tmp_path)
    target = tmp_path / "data" / "a-1"
    target.parent.mkdir()
    bottom_up = [inode(staged / "parts" / "0.parquet"), inode(staged / "parts"), inode(staged)]
    about = ("fsync", inode(staged / "about.json"))
    commit.publish_folder(staged, target)
    assert calls.index(about) < calls.index(("fsync", inode(target)))
    calls.remove(about)
    assert calls[:-2] == [("fsync", number) for number in bottom_up]
    assert calls[-2:] == [("rename", inode(target)), ("fsync", inode(target.parent))]
    assert not staged.exists()


def test_a_folder_that_is_already_there_is_kept_as_it_is(tmp_path):
    target = tmp_path / "a-1"
    target.mkdir()
    (target / "old").write_text("old")
    commit.publish_folder(staged_folder(tmp_path), target)
    assert names(tmp_path) == ["a-1"]
    assert names(target) == ["old"]


def test_a_retired_folder_is_gone_durably_before_it_is_deleted(tmp_path, calls):
    folder = staged_folder(tmp_path)
    number = inode(folder)
    commit.retire_folder(folder, tmp_path / "grave")
    assert calls == [("rename", number), ("fsync", inode(tmp_path))]
    assert names(tmp_path) == []


def test_a_file_is_on_the_disk_before_it_replaces_the_old_one(tmp_path, calls):
    target = tmp_path / "workspace.json"
    target.write_text("old")
    commit.replace_file(target, b"new")
    number = inode(target)
    assert calls == [("fsync", number), ("rename", number), ("fsync", inode(tmp_path))]
    assert target.read_bytes() == b"new"


def test_folders_are_made_as_deep_as_they_are_missing_and_their_parents_told(tmp_path, calls):
    deep = tmp_path / "a" / "b"
    commit.make_folder(deep)
    commit.make_folder(deep)
    assert calls == [("fsync", inode(tmp_path)), ("fsync", inode(tmp_path / "a"))]


@pytest.mark.parametrize("call", ["fsync", "replace"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.EIO])
def test_a_refused_replacement_leaves_the_old_file_and_no_temporary(tmp_path, monkeypatch, call, number):
    target = tmp_path / "workspace.json"
    target.write_text("old")
    refuse(monkeypatch, call, number)
    with pytest.raises(CounterpointError, match=os.strerror(number)):
        commit.replace_file(target, b"new")
    assert names(tmp_path) == ["workspace.json"]
    assert target.read_text() == "old"


def test_a_disk_that_fills_up_in_the_middle_is_one_line_and_leaves_no_half_written_file(tmp_path, monkeypatch):
    def half(path, content):
        with path.open("wb") as file:
            file.write(content[: len(content) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", half)
    target = tmp_path / "scores.csv"
    with pytest.raises(CounterpointError) as refusal:
        commit.replace_file(target, b"uid,score")
    assert str(refusal.value) == (
        f"cannot write {target}: No space left on device; free some space on that disk and run again"
    )
    assert names(tmp_path) == []


@pytest.mark.parametrize("call", ["fsync", "rename"])
def test_a_folder_that_the_disk_refuses_stays_staged(tmp_path, monkeypatch, call):
    staged = staged_folder(tmp_path)
    refuse(monkeypatch, call, errno.ENOSPC)
    with pytest.raises(CounterpointError, match="a-1: No space left on device; free some space"):
        commit.publish_folder(staged, tmp_path / "a-1")
    assert names(tmp_path) == ["staged"]


def test_a_missing_folder_is_refused_before_the_work_begins(tmp_path):
    with (
        pytest.raises(CounterpointError, match="make the folder it goes into first"),
        commit.atomic_file(tmp_path / "nowhere" / "report.html"),
    ):
        pytest.fail("the block ran")


def test_a_folder_in_place_of_the_file_is_refused_before_the_work_begins(tmp_path):
    with (
        pytest.raises(CounterpointError, match="this is a folder: name a file in it"),
        commit.atomic_file(tmp_path),
    ):
        pytest.fail("the block ran")


def test_a_file_in_place_of_a_folder_is_refused(tmp_path):
    (tmp_path / "plays.log").touch()
    with pytest.raises(CounterpointError, match="a file of this name is in the way"):
        commit.make_folder(tmp_path / "plays.log" / "workspace")


def test_a_big_output_appears_whole_under_a_name_with_its_own_suffix(tmp_path):
    target = tmp_path / "report.svg"
    with commit.atomic_file(target) as temporary:
        assert temporary.suffix == ".svg"
        temporary.write_text("<svg/>")
        assert not target.exists()
        assert commit.stale_temporaries(target) == [temporary]
    assert names(tmp_path) == ["report.svg"]


@pytest.mark.parametrize("failure", [KeyboardInterrupt(), ValueError("no such listener")])
def test_an_output_whose_making_fails_leaves_the_old_one(tmp_path, failure):
    target = tmp_path / "scores.csv"
    target.write_text("old")

    def failing() -> None:
        with commit.atomic_file(target) as temporary:
            temporary.write_text("half")
            raise failure

    with pytest.raises(type(failure)):
        failing()
    assert names(tmp_path) == ["scores.csv"]
    assert target.read_text() == "old"


def test_a_disk_that_fills_up_while_an_output_is_made_is_told_as_such(tmp_path):
    with (
        pytest.raises(CounterpointError, match=r"cannot write .*scores\.csv: No space left"),
        commit.atomic_file(tmp_path / "scores.csv"),
    ):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_failure_for_the_sake_of_another_file_is_not_blamed_on_the_output(tmp_path):
    with pytest.raises(FileNotFoundError), commit.atomic_file(tmp_path / "scores.csv"):
        (tmp_path / "no such input").read_bytes()
    assert names(tmp_path) == []
