"""A workspace is immutable folders and one mutable file: a folder that `workspace.json` does not name does not exist.

::

    workspace.json      format version; for each live name its folder and what made it
    data/<name>-<key>/  immutable files and about.json: what made them, and the size and SHA-256 of each
    tmp/                staged folders and scratch; nothing in it outlives the writer
    lock                held by the one writer, with its process number
    readers             held by every reader: what they may be reading is not collected

So a commit is one replacement of `workspace.json`, and `kill -9` can only lose the step in flight.

>>> from tempfile import TemporaryDirectory
>>> with TemporaryDirectory() as home:
...     with edit_workspace(Path(home), create=True) as writer:
...         staged = writer.stage()
...         _ = (staged / "plays.csv").write_text("uid,song_id")
...         writer.commit(Staged("log:monday", key_of("monday", "rules"), staged, metadata={"seed": 7}))
...     with open_workspace(Path(home)) as view:
...         plays = view.folder("log:monday").file("plays.csv").read_text()
>>> plays
'uid,song_id'
"""

import fcntl
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from counterpoint.errors import CounterpointError, suggestion
from counterpoint.storage.commit import (
    make_folder,
    publish_folder,
    readable_errors,
    replace_file,
    retire_folder,
    stale_temporaries,
)

FORMAT = 2  # 1: before each question had its own room; its words for what is kept were others
"""Part of every key too, so that folders of two formats never meet."""

_INDEX, _DATA, _TMP, _LOCK, _READERS, _ABOUT = "workspace.json", "data", "tmp", "lock", "readers", "about.json"
_KEY = re.compile(r"[0-9a-z]+")
_FOLDER = re.compile(r"[A-Za-z0-9._-]*-([0-9a-z]+)")
# File names end at 255 bytes; this leaves room for a key and for the mark of a retired folder.
_SLUG_LENGTH = 160


@dataclass(frozen=True)
class Folder:
    """One live folder: `metadata` holds the settings, seed and versions that made it."""

    name: str
    key: str
    path: Path
    metadata: Mapping[str, object]

    def file(self, name: str) -> Path:
        """Return the path of a file (or part folder) in this folder; refuse a name that it does not hold."""
        path = self.path / name
        if not path.exists():
            known = sorted(file.name for file in self.path.glob("*"))
            raise CounterpointError(f"{self.name} has no file {name!r}; {suggestion(name, known)}")
        return path


@dataclass(frozen=True)
class WorkspaceView:
    """The folders that were live at one moment, by name."""

    root: Path
    live: Mapping[str, Folder]

    def folder(self, name: str) -> Folder:
        """Return the folder of this name; refuse an unknown name with the nearest known one."""
        if name not in self.live:
            hint = suggestion(name, self.live) if self.live else "nothing has been committed yet"
            raise CounterpointError(f"workspace {self.root} has no {name!r}; {hint}")
        return self.live[name]

    def get(self, name: str) -> Folder | None:
        """Return the folder of this name, or None."""
        return self.live.get(name)

    def with_prefix(self, prefix: str) -> tuple[Folder, ...]:
        """Return the folders whose names begin with `prefix` (such as "log:"), in the order of their names."""
        return tuple(self.live[name] for name in sorted(self.live) if name.startswith(prefix))


@dataclass(frozen=True)
class Staged:
    """A finished folder from `WorkspaceWriter.stage`, ready to be committed under `name`.

    `key` (of `key_of`) covers everything that the content depends on, the name included where the content repeats it:
    a folder that is already there with this name and key is kept, and this one is dropped. `about.json` in it is ours.
    """

    name: str
    key: str
    path: Path
    metadata: Mapping[str, object]


class WorkspaceWriter:
    """The one process that changes a workspace; `scratch` is a folder for engines to spill to."""

    def __init__(self, view: WorkspaceView) -> None:
        self.view = view
        self._tmp = view.root / _TMP
        self._stages = 0
        self.scratch = self.stage()

    def stage(self) -> Path:
        """Return a new empty folder to write into; it vanishes with the writer unless it is committed."""
        self._stages += 1
        staged = self._tmp / f"{os.getpid()}-{self._stages}"
        with readable_errors(staged):
            staged.mkdir()
        return staged

    def commit(self, *put: Staged, drop: Iterable[str] = ()) -> None:
        """Make `put` live, in place of older folders of the same names, and `drop` no longer live: all of it or none.

        Raises CounterpointError, and leaves the workspace as it was, if a dropped name is not live, a key was not made
        by `key_of`, what made a folder is not JSON, or the disk refuses.
        """
        dropped = {self.view.folder(name).name for name in drop}
        live = {name: folder for name, folder in self.view.live.items() if name not in dropped}
        for staged in put:
            live[staged.name] = self._publish(staged)
        try:
            _write_index(self.view.root, live)
        finally:
            # Even a failed replacement may have happened: only the last fsync may have been refused.
            self.view = _read_view(self.view.root)
        _remove_unnamed_folders(self.view.root)

    def _publish(self, staged: Staged) -> Folder:
        if staged.path.parent != self._tmp:
            raise CounterpointError(
                f"{staged.path} cannot be committed; write into a folder from WorkspaceWriter.stage()"
            )
        target = self.view.root / _DATA / _folder_name(staged.name, staged.key)
        if not target.exists():
            replace_file(staged.path / _ABOUT, _json(_about(staged)).encode())
        publish_folder(staged.path, target)
        metadata = _read_about(staged.name, target)["metadata"]
        return Folder(staged.name, staged.key, target, metadata)


@contextmanager
def open_workspace(root: Path) -> Iterator[WorkspaceView]:
    """Yield what is live now; those files stay readable until the block ends, whatever a writer does meanwhile."""
    _read_view(root)  # refuses before a lock file appears in a folder that is no workspace
    # The lock comes before the look: a collector that runs between the two would take away what was just seen.
    with _lock_file(root / _READERS, fcntl.LOCK_SH):
        yield _read_view(root)


@contextmanager
def edit_workspace(root: Path, *, create: bool = False) -> Iterator[WorkspaceWriter]:
    """Yield the one writer of a workspace; a second one is refused with the process number of the first.

    What a killed writer left behind is cleared away first. `create` makes the workspace if there is none, in a new or
    empty folder only.
    """
    if create:
        _check_new_or_ours(root)
        make_folder(root)
    else:
        _read_view(root)
    with _sole_writer(root):
        view = _completed_layout(root)
        _clear_leftovers(root)
        try:
            yield WorkspaceWriter(view)
        finally:
            _clear_leftovers(root)


def key_of(*parts: object) -> str:
    """Return 16 hexadecimal digits that stand for `parts` (JSON values) and the format version.

    The order of the keys in a mapping does not matter; a tuple counts as a list.

    >>> key_of("features", {"window": 28, "at": 60}) == key_of("features", {"at": 60, "window": 28})
    True
    """
    return hashlib.blake2b(_json([FORMAT, *parts]).encode(), digest_size=8).hexdigest()


def verify(folder: Folder) -> None:
    """Raise CounterpointError with the first file whose size or SHA-256 is not what was committed."""
    for name, committed in sorted(_read_about(folder.name, folder.path)["files"].items()):
        present = _fingerprint(folder.path / name)
        if present != committed:
            raise CounterpointError(
                f"file {folder.path / name} is damaged: it has {present}, but was committed with {committed}; "
                "restore the workspace from a copy, or make it again"
            )


def _folder_name(name: str, key: str) -> str:
    """Names are not to be trusted (they hold file names): the result is always one plain path part."""
    if not _KEY.fullmatch(key):
        raise CounterpointError(f"the key of {name!r} is {key!r}; make it with key_of()")
    return f"{re.sub('[^A-Za-z0-9._-]', '-', name)[:_SLUG_LENGTH]}-{key}"


def _json(value: object) -> str:
    try:
        return json.dumps(value, sort_keys=True, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError) as error:
        raise CounterpointError(
            f"settings must be JSON values (text, finite numbers, true, false, null, lists, mappings by text): {error}"
        ) from error


def _about(staged: Staged) -> dict[str, object]:
    paths = sorted(path for path in staged.path.rglob("*") if path.is_file() and path != staged.path / _ABOUT)
    files = {path.relative_to(staged.path).as_posix(): _fingerprint(path) for path in paths}
    return {"format": FORMAT, "name": staged.name, "key": staged.key, "metadata": dict(staged.metadata), "files": files}


def _fingerprint(path: Path) -> dict[str, object]:
    """Return the size and SHA-256 of a file as the manifest holds them, or why it cannot be read."""
    try:
        with path.open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
            return {"bytes": content.tell(), "sha256": digest}
    except OSError as error:
        return {"error": error.strerror}


def _read_about(name: str, path: Path) -> dict[str, dict[str, object]]:
    """Read what the folder at `path` says of itself; refuse it if it was made for another name."""
    try:
        about = json.loads((path / _ABOUT).read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise CounterpointError(f"{path / _ABOUT} cannot be read ({error}); restore it from a copy") from error
    match about:
        case {"name": str(owner), "metadata": dict(metadata), "files": dict(files)} if owner == name:
            return {"metadata": metadata, "files": files}
        case {"name": str(owner)} if owner != name:
            raise CounterpointError(f"{path} holds {owner!r}, not {name!r}; give key_of() the name as well")
    raise CounterpointError(f"{path / _ABOUT} was not written by Counterpoint; restore it from a copy")


def _write_index(root: Path, live: Mapping[str, Folder]) -> None:
    entries = {
        name: {"folder": folder.path.name, "metadata": dict(folder.metadata)} for name, folder in sorted(live.items())
    }
    # A line a folder: people can read it, and json's fast encoder, which knows no indentation, can write it.
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(entry, sort_keys=True)}" for name, entry in entries.items())
    replace_file(root / _INDEX, f'{{"format": {FORMAT}, "live": {{\n{lines}\n}}}}\n'.encode())


def _read_view(root: Path) -> WorkspaceView:
    try:
        content = json.loads((root / _INDEX).read_bytes())
    except (FileNotFoundError, NotADirectoryError) as error:
        raise CounterpointError(
            f"no workspace at {root}; make one with `counterpoint events ingest LOGS... --to {root}`"
        ) from error
    except OSError as error:
        raise CounterpointError(
            f"cannot read {root / _INDEX}: {error.strerror}; ask its owner for the right to read it"
        ) from error
    except (ValueError, RecursionError) as error:
        raise _not_ours(root, "it is not JSON") from error
    return WorkspaceView(root, MappingProxyType(_live(root, content)))


def _live(root: Path, content: object) -> dict[str, Folder]:
    match content:
        case {"format": int(version)} if version != FORMAT:
            raise CounterpointError(
                f"workspace {root} has format {version}, this Counterpoint reads format {FORMAT}; "
                "ingest the logs again into a new folder"
            )
        case {"format": int(), "live": dict(live)}:
            return {name: _folder(root, name, entry) for name, entry in live.items()}
    raise _not_ours(root, "it lacks the format version or the live folders")


def _folder(root: Path, name: str, entry: object) -> Folder:
    match entry:
        case {"folder": str(folder), "metadata": dict(metadata)} if is_folder := _FOLDER.fullmatch(folder):
            return Folder(name, is_folder[1], root / _DATA / folder, metadata)
    raise _not_ours(root, f"its entry for {name!r} names no folder of data")


def _not_ours(root: Path, reason: str) -> CounterpointError:
    return CounterpointError(
        f"{root / _INDEX} was not written by Counterpoint, or is damaged: {reason}; "
        "restore it from a copy, or choose another folder"
    )


def _check_new_or_ours(root: Path) -> None:
    """Let pass a workspace, an empty folder, no folder at all, and what a writer killed while creating can leave.

    Only the lock and temporaries come before `workspace.json`, so a folder with data and tmp of its own is never taken
    for a workspace and cleared.
    """
    index = root / _INDEX
    ours = {root / _LOCK, *stale_temporaries(index)}
    # Listed before the index is looked for: another process may be creating the workspace right now.
    strangers = sorted(set(root.glob("*")) - ours)
    if index.exists():
        _read_view(root)
    elif strangers:
        raise CounterpointError(
            f"{root} is not a workspace and not empty (it holds {strangers[0].name!r}); choose a new or empty folder"
        )


def _completed_layout(root: Path) -> WorkspaceView:
    """Complete the layout under the writer's lock, the index first."""
    if not (root / _INDEX).exists():
        _write_index(root, {})
    view = _read_view(root)
    for folder in (root / _DATA, root / _TMP):
        if folder.is_symlink():
            # tmp is emptied: behind a link that would be somebody else's folder.
            raise CounterpointError(f"{folder} is a link; make it a folder on the same disk as the workspace")
        make_folder(folder)
    return view


@contextmanager
def _sole_writer(root: Path) -> Iterator[None]:
    lock = root / _LOCK
    with _lock_file(lock, fcntl.LOCK_EX | fcntl.LOCK_NB) as is_alone:
        if not is_alone:
            holder = lock.read_text(encoding="utf-8").strip()
            who = f"process {holder}" if holder.isdecimal() else "another process"
            raise CounterpointError(f"workspace {root} is being written by {who}; try again when it has finished")
        with readable_errors(lock):
            lock.write_text(f"{os.getpid()}\n", encoding="utf-8")
        yield


@contextmanager
def _lock_file(path: Path, operation: int) -> Iterator[bool]:
    """Hold a lock of the kernel, which ends with the process however it ends; False if others hold it."""
    # An exclusive lock needs a file open for writing on network disks, and a shared one must do without the right.
    access = os.O_RDONLY if operation & fcntl.LOCK_SH else os.O_RDWR
    with readable_errors(path):
        descriptor = os.open(path, access | os.O_CREAT, 0o666)
    try:
        with readable_errors(path):
            locked = _try_lock(descriptor, operation)
        yield locked
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int, operation: int) -> bool:
    try:
        fcntl.flock(descriptor, operation)
    except BlockingIOError:
        return False
    return True


def _clear_leftovers(root: Path) -> None:
    """Clear away whatever no commit made live. The best that can be done: a later writer tries again."""
    _remove_unnamed_folders(root)
    with suppress(OSError):
        for left in (*stale_temporaries(root / _INDEX), *(root / _TMP).iterdir()):
            if left.is_dir() and not left.is_symlink():
                shutil.rmtree(left, ignore_errors=True)
            else:
                left.unlink()


def _remove_unnamed_folders(root: Path) -> None:
    """Remove the folders of data that are not live, unless somebody reads: an older view may still name them.

    What is live is read from the disk: a writer that was interrupted may not know of its own last commit.
    """
    readers = root / _READERS
    with suppress(OSError, CounterpointError), _lock_file(readers, fcntl.LOCK_EX | fcntl.LOCK_NB) as is_alone:
        named = {folder.path for folder in _read_view(root).live.values()}
        for folder in (root / _DATA).iterdir() if is_alone else ():
            if folder.is_dir() and folder not in named:
                retire_folder(folder, root / _TMP / f"retired-{folder.name}")
