"""What was learned, from disk."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

import numpy as np
from numpy.typing import NDArray

from counterpoint.errors import CounterpointError


def loaded(path: Path | str, names: Sequence[str]) -> dict[str, NDArray[Any]]:
    """Return arrays by name from a file of numpy's (npz).

    Raises CounterpointError if it is no such file, is damaged, or lacks one of them.
    """
    try:
        with ZipFile(path) as archive:  # numpy would leave a damaged one open
            why = archive.testzip()
        if why is None:
            with np.load(path, allow_pickle=False) as file:
                return {name: file[name] for name in names}
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        why = str(error)
    raise CounterpointError(f"{path} holds nothing that was learned, or is damaged: {why}")
