"""Everybody's songs, streamed into a file: as many listeners as there are, in the memory of some thousand."""

from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import Any

from counterpoint.errors import CounterpointError
from counterpoint.recommend.recommender import Recommender, Request
from counterpoint.storage import parquet
from counterpoint.storage.commit import atomic_file, readable_errors


def write_songs(recommender: Recommender, uids: Iterable[Any] | None, request: Request, to: Path) -> int:
    """Write what `Recommender.songs` returns to a .parquet file, whole or not at all; return the number of rows."""
    if to.suffix != ".parquet":
        raise CounterpointError(f"{to}: a name that ends in .parquet would be right")
    parts, rows = recommender.stream(uids, request), 0
    first = next(parts)
    schema = {name: type(kind) for name, kind in first.schema.items()}
    with atomic_file(to) as temporary, readable_errors(to), parquet.open_writer(temporary, schema) as append:
        for part in chain((first,), parts):
            append(part)
            rows += part.height
    return rows
