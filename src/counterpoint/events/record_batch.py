"""What a log's lines become: records, each with the line it came from, and the lines that could not be parsed."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

AS_IT_IS, EMPTY_FIRST, TRAILING_EMPTY, SPLIT = range(4)
REPAIRS: Final = {
    EMPTY_FIRST: "empty first field",
    TRAILING_EMPTY: "trailing empty fields",
    SPLIT: "split by a newline",
}


@dataclass(frozen=True)
class Rejected:
    """A line that is no record: its number from 1, why, and its bytes without the line's end."""

    line: int
    reason: str
    text: bytes


class HasText(Protocol):
    """Whatever can show a line again."""

    def text(self, line: int) -> bytes:
        """Return the bytes of the line of this number."""


@dataclass(frozen=True)
class Lines:
    """Physical lines of a file: their bytes, where each starts and ends (its newline left out), the first's number."""

    data: bytes
    number: int
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.starts)

    def text(self, line: int) -> bytes:
        """Return the bytes of the line of this number."""
        place = line - self.number
        return self.data[self.starts[place] : self.ends[place]]


@dataclass(frozen=True)
class RecordBatch:
    """Records in the order of their lines, and what became of every line.

    lines  : where the text of a line is found
    count  : how many physical lines it accounts for
    fields : one column of bytes a field, one row a record
    line   : int64[records], the number of a record's first line
    repair : int8[records], AS_IT_IS or a key of REPAIRS
    """

    lines: HasText
    count: int
    fields: pl.DataFrame
    line: NDArray[np.int64]
    repair: NDArray[np.int8]
    rejected: list[Rejected]

    def repairs(self) -> dict[str, int]:
        """Count the repaired lines by repair; a record that a newline split has two."""
        return {
            name: int((self.repair == code).sum()) * (2 if code == SPLIT else 1)
            for code, name in sorted(REPAIRS.items(), reverse=True)
            if (self.repair == code).any()
        }

    def without(self, records: NDArray[np.bool_], reason: Callable[[int], str]) -> "RecordBatch":
        """Reject the marked records for what they say: their lines leave with `reason(record)`."""
        out = [
            Rejected(line, reason(int(record)), self.lines.text(line))
            for record in np.flatnonzero(records)
            for line in self.lines_of(int(record))
        ]
        keep = ~records
        return replace(
            self,
            fields=self.fields.filter(pl.Series(keep)),
            line=self.line[keep],
            repair=self.repair[keep],
            rejected=sorted(self.rejected + out, key=lambda rejected: rejected.line),
        )

    def lines_of(self, record: int) -> range:
        """Return the numbers of a record's lines."""
        first = int(self.line[record])
        return range(first, first + (2 if self.repair[record] == SPLIT else 1))
