"""What a verb found is kept in the workspace under a name, in place of what it found before."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, TypeVar

from counterpoint.errors import CounterpointError
from counterpoint.storage.commit import make_folder, publish_folder
from counterpoint.storage.serializer import load, save
from counterpoint.storage.workspace import Folder, Staged, WorkspaceView, WorkspaceWriter, verify

RESULT: Final = "result"

T = TypeVar("T")


def keep(
    writer: WorkspaceWriter,
    name: str,
    key: str,
    result: Any,
    *,
    metadata: Mapping[str, object] | None = None,
) -> Folder:
    """Keep a result under `name`; `key` (of `key_of`) covers all that it depends on."""
    folder = writer.stage()
    save(result, folder, RESULT)
    writer.commit(Staged(name, key, folder, metadata or {}))
    return writer.view.folder(name)


def kept(folder: Folder, kind: type[T], *, among: Sequence[type] = ()) -> T:
    """Return the result that a folder of the workspace keeps; refuse it if a file in the folder is damaged."""
    verify(folder)
    return load(kind, folder.path, RESULT, among=among)


def all_kept(view: WorkspaceView, prefix: str, kind: type[T]) -> tuple[T, ...]:
    """Return the results kept under names that begin with `prefix`, in the order of their names."""
    return tuple(kept(folder, kind) for folder in view.with_prefix(prefix))


def save_new_folder(result: Any, folder: Path) -> None:
    """Write a result into a new or empty folder, whole or not at all.

    Raises
    ------
    CounterpointError
        If something is there already, or the disk refuses.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise CounterpointError(f"{folder} is there already: name a new or an empty folder")
    parent = folder.absolute().parent
    make_folder(parent)
    with TemporaryDirectory(dir=parent, prefix=f".{folder.name}-") as home:
        staged = Path(home) / folder.name
        staged.mkdir()
        save(result, staged, RESULT)
        if folder.exists():
            folder.rmdir()
        publish_folder(staged, folder.absolute())


def load_folder(kind: type[T], folder: Path, *, among: Sequence[type] = ()) -> T:
    """Read what `save_new_folder` wrote."""
    return load(kind, folder, RESULT, among=among)
