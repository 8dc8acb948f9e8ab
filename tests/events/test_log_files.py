"""A log has a name and bytes, wherever it lies; what is missing or broken is one line, and never half a log."""

import gzip
import hashlib
import io
import tarfile

import pytest
from tests.logs import log, refused

from counterpoint.events.log_files import HashingReader, find_logs

PLAYS = b"".join(b"%d\tar\t11\n" % number for number in range(5_000))


def packed(path, **members):
    """Write a .tar.gz of files (name without its .log: bytes) and return its path."""
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(f"logs/{name}.log")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return path


def content(found):
    with found.opened() as stream:
        return stream.read()


def shown(paths):
    return {found.name: content(found) for found in find_logs(paths)}


def test_a_log_plain_gzipped_or_in_an_archive_has_one_name_and_the_same_bytes(tmp_path):
    plain = tmp_path / "a.log"
    plain.write_bytes(PLAYS)
    zipped = tmp_path / "a.log.gz"
    zipped.write_bytes(gzip.compress(PLAYS))
    for path in (plain, zipped, packed(tmp_path / "all.tar.gz", a=PLAYS), packed(tmp_path / "all.tgz", a=PLAYS)):
        [found] = find_logs([path])
        assert (found.name, found.path, content(found)) == ("a.log", path, PLAYS)
        assert found.sha256() == hashlib.sha256(PLAYS).hexdigest()


def test_a_folder_gives_the_logs_in_it_in_the_order_of_their_names(tmp_path):
    log(tmp_path / "b.log", b"b")
    log(tmp_path / "deeper" / "z.log", b"z")
    packed(tmp_path / "0.tar.gz", c=b"c", a=b"a")
    (tmp_path / "d.log.gz").write_bytes(gzip.compress(b"d"))
    assert list(shown([tmp_path]).items()) == [("a.log", b"a"), ("b.log", b"b\n"), ("c.log", b"c"), ("d.log", b"d")]


def test_hidden_files_are_no_logs(tmp_path):
    log(tmp_path / "a.log", b"a")
    log(tmp_path / ".DS_Store", b"x")
    packed(tmp_path / "all.tar.gz", **{"._a": b"x", "b": b"b"})
    assert list(shown([tmp_path])) == ["a.log", "b.log"]


def test_gzip_of_several_parts_is_one_log(tmp_path):
    (tmp_path / "a.log.gz").write_bytes(gzip.compress(b"a\n") + gzip.compress(b"b\n"))
    assert shown([tmp_path / "a.log.gz"]) == {"a.log": b"a\nb\n"}


def test_the_same_log_given_twice_is_one_log(tmp_path):
    one, other = log(tmp_path / "x" / "a.log", b"a"), log(tmp_path / "y" / "a.log", b"a")
    assert shown([one, other, one, packed(tmp_path / "all.tar.gz", a=b"a\n")]) == {"a.log": b"a\n"}


def test_two_different_logs_of_one_name_are_refused(tmp_path):
    one, other = log(tmp_path / "x" / "a.log", b"a"), log(tmp_path / "y" / "a.log", b"b")
    with refused(r"x/a\.log and .*y/a\.log are different logs of one name: rename one of them$"):
        find_logs([one, other])


def test_a_path_that_does_not_exist_is_refused(tmp_path):
    with refused(r"nowhere\.log: no such file or folder$"):
        find_logs([log(tmp_path / "a.log", b"a"), tmp_path / "nowhere.log"])


def test_a_folder_or_an_archive_without_a_log_is_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    with refused(r"empty: holds no log$"):
        find_logs([tmp_path / "empty"])
    with refused(r"none\.tar\.gz: holds no log$"):
        find_logs([packed(tmp_path / "none.tar.gz")])


def test_a_log_that_vanishes_after_it_was_found_is_one_line(tmp_path):
    path = log(tmp_path / "a.log", b"a")
    [found] = find_logs([path])
    path.unlink()
    with refused(r"a\.log: .*[Nn]o such file"):
        found.sha256()


def damaged(whole):
    return {
        "half": whole[: len(whole) // 2],
        "a header": whole[:8],
        "no bytes": b"",
        "another file": b"no archive at all",
        "zeros within": whole[:50] + bytes(50) + whole[100:],
        "no end": whole[:-4],
        "another checksum": whole[:-8] + bytes(4) + whole[-4:],
        "more after it": whole + b"more",
    }


@pytest.mark.parametrize("damage", damaged(b""))
def test_a_broken_gzip_is_refused_with_its_path(tmp_path, damage):
    path = tmp_path / "a.log.gz"
    path.write_bytes(damaged(gzip.compress(PLAYS))[damage])
    [found] = find_logs([path])
    with refused(r"a\.log\.gz: broken archive \(.+\); nothing of a\.log was taken$"):
        found.sha256()


@pytest.mark.parametrize("damage", list(damaged(b""))[:5])
def test_a_broken_archive_is_refused_with_its_path_before_anything_is_read(tmp_path, damage):
    path = packed(tmp_path / "all.tar.gz", a=PLAYS, b=PLAYS)
    path.write_bytes(damaged(path.read_bytes())[damage])
    with refused(r"all\.tar\.gz: broken archive \(.+\)$"):
        find_logs([path])


def test_a_file_cut_short_within_an_archive_is_refused(tmp_path):
    path = tmp_path / "all.tar"
    whole = gzip.decompress(packed(tmp_path / "all.tar.gz", a=PLAYS, b=PLAYS).read_bytes())
    path.write_bytes(whole[: len(whole) - len(PLAYS) // 2 - 10_240])
    with refused(r"all\.tar: broken archive \(.+\)"):
        [found.sha256() for found in find_logs([path])]


def test_what_is_read_through_it_is_hashed_and_counted(tmp_path):
    stream = HashingReader(io.BytesIO(PLAYS))
    while stream.read(1_000):
        pass
    assert stream.finish() == (hashlib.sha256(PLAYS).hexdigest(), len(PLAYS))
