"""Nothing gets its name before the disk holds all of it: the only module that makes files and folders durable.

Everything is written under another name first, fsynced, and then renamed in one step. So a reader finds the old or the
new, never a half, and `kill -9` or a power cut leaves at most a temporary behind.
"""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from glob import escape
from pathlib import Path
from typing import NoReturn

from counterpoint.errors import CounterpointError

_REMEDIES = {
    errno.ENOSPC: "free some space on that disk and run again",
    errno.EDQUOT: "free some of your quota on that disk and run again",
    errno.EACCES: "choose a folder that you may write to",
    errno.EPERM: "choose a folder that you may write to",
    errno.EROFS: "choose a disk that may be written to",
    errno.ENOENT: "make the folder it goes into first",
    errno.ENOTDIR: "a part of this path is a file: choose another path",
    errno.EEXIST: "a file of this name is in the way: choose another name",
    errno.EISDIR: "this is a folder: name a file in it",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.EXDEV: "keep tmp and data of a workspace on the same disk",
}


def publish_folder(staged: Path, target: Path) -> None:
    """Give the finished folder `staged` the name `target`, once every file in it is on the disk.

    A `target` that is already there was renamed whole, so it is kept and `staged` is removed.
    """
    with readable_errors(target):
        if target.exists():
            shutil.rmtree(staged, ignore_errors=True)  # it may be gone: a commit that failed half-way is tried again
        else:
            _sync_tree(staged)
            os.rename(staged, target)  # noqa: PTH104 - tests count the calls that go through `os`
        _sync(target.parent)


def retire_folder(folder: Path, grave: Path) -> None:
    """Take away `folder`: it disappears whole, by being renamed to `grave` (on the same disk), and is deleted there.

    Deleting it in place could be interrupted, and what is left would pass for a complete folder.
    """
    with readable_errors(folder):
        os.rename(folder, grave)  # noqa: PTH104
        _sync(folder.parent)
    shutil.rmtree(grave, ignore_errors=True)


def make_folder(folder: Path) -> None:
    """Make `folder` and the folders above it, as far as they are missing, so that they outlast a power cut."""
    with readable_errors(folder):
        if folder.is_dir():
            return
        make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        _sync(folder.parent)


def replace_file(target: Path, content: bytes) -> None:
    """Make `content` the whole content of `target`; on any failure the old content stays."""
    with atomic_file(target) as temporary:
        temporary.write_bytes(content)


@contextmanager
def atomic_file(target: Path) -> Iterator[Path]:
    """Yield a temporary path beside `target` that becomes `target` when the block ends, and vanishes if it fails.

    The temporary keeps the suffix, because plotting and table libraries choose the format by it. A `target` that cannot
    be written is refused at once, not after the work is done.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     target = Path(folder) / "scores.csv"
    ...     with atomic_file(target) as temporary:
    ...         _ = temporary.write_text("uid,score")
    ...         seen_early = target.exists()
    ...     (seen_early, target.read_text())
    (False, 'uid,score')
    """
    if not target.name:
        raise CounterpointError(f"cannot write {target}: this is a folder: name a file in it")
    temporary = target.with_name(f"{target.stem}.{os.getpid()}.tmp{target.suffix}")
    try:
        with readable_errors(target):
            _claim(target, temporary)
        try:
            yield temporary
        except OSError as error:
            # The block may fail for another file's sake; a full disk is reported without any file's name.
            if error.filename is None or str(error.filename) == str(temporary):
                _refuse(target, error)
            raise
        with readable_errors(target):
            _sync(temporary)
            os.replace(temporary, target)  # noqa: PTH105
            _sync(target.parent)
    finally:
        temporary.unlink(missing_ok=True)


def stale_temporaries(target: Path) -> list[Path]:
    """Return the temporaries of `target` beside it: of killed processes, if nobody else can be writing it now."""
    return sorted(target.parent.glob(f"{escape(target.stem)}.*.tmp{escape(target.suffix)}"))


@contextmanager
def readable_errors(target: Path) -> Iterator[None]:
    """Turn an OSError of the block into one line that says what could not be written, why, and what would be right."""
    try:
        yield
    except OSError as error:
        _refuse(target, error)


def _refuse(target: Path, error: OSError) -> NoReturn:
    remedy = _REMEDIES.get(error.errno or 0, "check the disk and run again")
    raise CounterpointError(f"cannot write {target}: {error.strerror or error}; {remedy}") from error


def _claim(target: Path, temporary: Path) -> None:
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    temporary.touch()


def _sync_tree(folder: Path) -> None:
    """Fsync bottom-up: when a folder is durable, so is everything that it names."""
    for path, _, files in os.walk(folder, topdown=False):
        for name in files:
            _sync(Path(path, name))
        _sync(Path(path))


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
