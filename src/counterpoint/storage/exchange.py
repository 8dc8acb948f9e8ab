"""Tables handed to people, and back: Parquet, or CSV that no spreadsheet runs as a formula; whole or not at all."""

import json
from pathlib import Path
from typing import Any, Final

import polars as pl

from counterpoint.errors import CounterpointError, suggestion
from counterpoint.storage.commit import atomic_file, readable_errors, replace_file

FORMULA: Final = r"^[=+\-@\t\r]"


def write_table(frame: pl.DataFrame, to: Path) -> None:
    """Write `frame` to a .csv or .parquet file.

    In CSV a text that a spreadsheet would take for a formula gets a `'` before it; numbers stay numbers.

    Raises
    ------
    CounterpointError
        If the name ends in neither, or the disk refuses.
    """
    check_table_path(to)
    with atomic_file(to) as temporary, readable_errors(to):
        if to.suffix == ".parquet":
            frame.write_parquet(temporary)
        else:
            frame.with_columns(_harmless(name) for name in _texts(frame)).write_csv(temporary)


def write_json(value: Any, to: Path) -> None:
    """Write a value that people will read as JSON: indented, one line at the end, no letter escaped.

    Raises
    ------
    CounterpointError
        If the disk refuses.
    """
    replace_file(to, (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode())


def read_table(path: Path, *needed: str) -> pl.DataFrame:
    """Read a .csv or .parquet file that people hand in; refuse one without the columns `needed`.

    Raises
    ------
    CounterpointError
        If the name ends in neither, the file cannot be read, is no such table, or lacks a column.
    """
    check_table_path(path)
    try:
        frame = _read_csv(path) if path.suffix == ".csv" else pl.read_parquet(path)
    except OSError as error:
        raise CounterpointError(f"cannot read {path}: {error.strerror or error}") from error
    except pl.exceptions.PolarsError as error:
        first = str(error).partition("\n")[0]
        raise CounterpointError(f"{path} is no {path.suffix[1:]} table: {first}") from error
    for name in needed:
        if name not in frame.columns:
            raise CounterpointError(f"{path} has no column {name!r}; {suggestion(name, frame.columns)}")
    return frame


def check_table_path(path: Path) -> None:
    """Raise CounterpointError for a name that ends in neither .csv nor .parquet."""
    if path.suffix not in (".csv", ".parquet"):
        raise CounterpointError(f"{path}: a name that ends in .csv or .parquet would be right")


def to_frame(table: Any) -> pl.DataFrame:
    """Return any table that exports Arrow (polars, pandas, pyarrow, DuckDB ...) as a frame.

    Raises
    ------
    CounterpointError
        If it is no such table, or cannot be read.
    """
    if isinstance(table, pl.DataFrame):
        return table
    if not hasattr(table, "__arrow_c_stream__"):
        raise CounterpointError(f"{type(table).__name__} is no table: one that exports Arrow (polars, pandas) would be")
    try:
        return pl.DataFrame(table)
    except Exception as error:  # whatever the maker of the table raises for a column of mixed types
        raise CounterpointError(f"the table cannot be read: {str(error).partition(chr(10))[0]}") from error


def _read_csv(path: Path) -> pl.DataFrame:
    """Read every value as the text it is, without the `'` that keeps a formula from being one."""
    frame = pl.read_csv(path, infer_schema=False)
    return frame.with_columns(pl.all().str.replace(r"^'([=+\-@\t\r])", "$1"))


def _texts(frame: pl.DataFrame) -> list[str]:
    return [name for name, dtype in frame.schema.items() if dtype == pl.String]


def _harmless(name: str) -> pl.Expr:
    text = pl.col(name)
    return pl.when(text.str.contains(FORMULA)).then(pl.concat_str(pl.lit("'"), text)).otherwise(text).alias(name)
