"""Where logs lie: plain files, .gz, files within a .tar.gz, or folders of these; a log is a name and its bytes."""

import gzip
import hashlib
import os
import tarfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from io import BufferedReader
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import IO, Final

from counterpoint.errors import CounterpointError

ARCHIVES: Final = (".tar.gz", ".tgz", ".tar")


@dataclass(frozen=True)
class Log:
    """One log. `name` has no folders and no `.gz`: the same log packed or not is the same log."""

    name: str
    path: Path
    unpack: Callable[[], AbstractContextManager[IO[bytes]]]

    @contextmanager
    def opened(self) -> Iterator[IO[bytes]]:
        """Yield its bytes, unpacked; a file that is missing or broken is one clear line."""
        try:
            with self.unpack() as stream:
                yield stream
        except (EOFError, gzip.BadGzipFile, zlib.error, tarfile.TarError) as error:
            raise CounterpointError(
                f"{self.path}: broken archive ({_first_line(error)}); nothing of {self.name} was taken"
            ) from error
        except OSError as error:
            if error.filename != str(self.path):
                raise
            raise CounterpointError(f"{self.path}: {error.strerror}; nothing of {self.name} was taken") from error

    def sha256(self) -> str:
        """Return the SHA-256 of its unpacked bytes."""
        with self.opened() as stream:
            digest = hashlib.sha256()
            while block := stream.read(1 << 20):
                digest.update(block)
        return digest.hexdigest()


class HashingReader:
    """A stream that knows the SHA-256 and the number of the bytes read through it."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._digest = hashlib.sha256()
        self._size = 0

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes; b"" at the end."""
        block = self._stream.read(size)
        self._digest.update(block)
        self._size += len(block)
        return block

    def finish(self) -> tuple[str, int]:
        """Return the digest and the size, once all has been read."""
        return self._digest.hexdigest(), self._size


def find_logs(paths: Iterable[Path]) -> tuple[Log, ...]:
    """Return every log that `paths` hold, in the order of their names; a folder gives the files in it.

    Raises
    ------
    CounterpointError
        If a path does not exist, a folder or archive holds no file, or two different paths give logs of one name.
    """
    logs = sorted((log for path in paths for log in _logs_in(path)), key=lambda log: log.name)
    for log, following in pairwise(logs):
        if log.name == following.name and log.sha256() != following.sha256():
            raise CounterpointError(
                f"{log.path} and {following.path} are different logs of one name: rename one of them"
            )
    return tuple({log.name: log for log in logs}.values())


def _logs_in(path: Path) -> list[Log]:
    if path.name != os.fsencode(path.name).decode("utf-8", "replace") or not path.name.isprintable():
        raise CounterpointError(f"{path.name!r}: a log's name is printable UTF-8: rename it")
    if path.is_dir():
        logs = [
            log
            for file in sorted(path.iterdir())
            if file.is_file() and not file.name.startswith(".")
            for log in _logs_in(file)
        ]
        return logs or _nothing(path)
    if not path.is_file():
        raise CounterpointError(f"{path}: no such file or folder")
    if path.name.endswith(ARCHIVES):
        return _members(path)
    if path.suffix == ".gz":
        return [Log(path.stem, path, lambda: _unzipped(path))]
    return [Log(path.name, path, lambda: path.open("rb"))]


@contextmanager
def _unzipped(path: Path) -> Iterator[IO[bytes]]:
    if not path.stat().st_size:
        raise EOFError("it has no bytes")  # gzip takes nothing for a whole archive of nothing
    with path.open("rb") as packed, gzip.open(packed) as stream:
        yield BufferedReader(stream, 1 << 20)


def _members(path: Path) -> list[Log]:
    try:
        with tarfile.open(path) as archive:
            members = [member for member in archive if member.isfile()]
    except (tarfile.TarError, EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise CounterpointError(f"{path}: broken archive ({_first_line(error)})") from error
    logs = [Log(PurePosixPath(member.name).name, path, _opener(path, member)) for member in members]
    return [log for log in logs if not log.name.startswith(".")] or _nothing(path)


def _opener(path: Path, member: tarfile.TarInfo) -> Callable[[], AbstractContextManager[IO[bytes]]]:
    @contextmanager
    def unpack() -> Iterator[IO[bytes]]:
        with tarfile.open(path) as archive:
            stream = archive.extractfile(member)
            if stream is None:
                raise tarfile.ReadError(f"{member.name} cannot be read")
            with stream:
                yield stream

    return unpack


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


def _nothing(path: Path) -> list[Log]:
    raise CounterpointError(f"{path}: holds no log")
