"""Parquet as every engine reads it: plain types, zstd, a few hundred thousand rows a group."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from counterpoint.errors import CounterpointError


@contextmanager
def open_writer(
    path: Path, schema: Mapping[str, type[pl.DataType]], *, growing: Sequence[str] = ()
) -> Iterator[Callable[[pl.DataFrame], None]]:
    """Yield a function that appends a frame to the file; columns the frame lacks are null.

    The file has its columns in the order of `schema` and is complete when the block ends. Whole numbers that grow from
    row to row, such as a line's, are kept as differences: smaller, and several times faster to write.
    """
    empty = pl.DataFrame(schema=dict(schema))
    arrow = empty.to_arrow(compat_level=pl.CompatLevel.oldest()).schema
    with pq.ParquetWriter(
        path,
        arrow,
        compression="zstd",
        compression_level=1,
        use_dictionary=[name for name in schema if name not in growing],
        column_encoding=dict.fromkeys(growing, "DELTA_BINARY_PACKED"),
        write_statistics=[name for name, kind in schema.items() if kind.is_integer()],  # what a query can skip rows by
    ) as writer:

        def append(frame: pl.DataFrame) -> None:
            whole = pl.concat([empty, frame], how="diagonal").select(list(schema))
            writer.write_table(whole.to_arrow(compat_level=pl.CompatLevel.oldest()).cast(arrow))

        yield append


def read(path: Path) -> pl.DataFrame:
    """Return a whole file, or a folder of parts, as a frame."""
    return pl.concat(pl.read_parquet(part, glob=False) for part in parts(path))


def parts(path: Path) -> list[Path]:
    """Return the files of a folder of parts, however deep they lie; of a file itself."""
    return sorted(part for part in path.rglob("*.parquet") if part.is_file()) if path.is_dir() else [path]


def batches(source: IO[bytes], name: str, rows: int = 250_000) -> Iterator[pl.DataFrame]:
    """Yield the frames of a Parquet file, `rows` rows at a time; `name` is what an error calls it."""
    try:
        for batch in pq.ParquetFile(source).iter_batches(rows):
            yield pl.DataFrame(pl.from_arrow(pa.Table.from_batches([batch])))
    except (pa.ArrowInvalid, OSError) as error:
        raise CounterpointError(
            f"{name}: not a Parquet file that can be read ({str(error).splitlines()[0]})"
        ) from error
