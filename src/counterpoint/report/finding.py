"""What was found, in words, with the tables and figures that show it: values only, drawn elsewhere."""

import re
from dataclasses import dataclass
from numbers import Integral
from typing import TypeAlias

from markupsafe import Markup

from counterpoint.errors import CounterpointError
from counterpoint.stats.intervals import Estimate

Cell: TypeAlias = str | int | float | Estimate | None
"""What a table may hold; None is 'not measured'."""

MISSING = "\N{EN DASH}"


@dataclass(frozen=True)
class Table:
    """Rows under named columns; raises CounterpointError unless every row has one cell a column.

    >>> Table("Songs", ("song", "plays"), (("Dawn", 1200), ("Dusk",)))
    Traceback (most recent call last):
    counterpoint.errors.CounterpointError: table 'Songs' has 2 columns, but row 1 has 1 cell: ('Dusk',)
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""

    def __post_init__(self) -> None:
        for number, row in enumerate(self.rows):
            if len(row) != len(self.columns):
                cells = "1 cell" if len(row) == 1 else f"{len(row)} cells"
                raise CounterpointError(
                    f"table {self.title!r} has {len(self.columns)} columns, but row {number} has {cells}: {row!r}",
                )


@dataclass(frozen=True)
class Figure:
    """A drawing from `chart`, and the caption that says what to see in it.

    The drawing is Markup because only what `chart` drew may enter a page as it is; a plain string is escaped.
    """

    title: str
    svg: Markup
    caption: str = ""

    @property
    def file(self) -> str:
        """A name for a file of it: the title in small letters, with hyphens.

        >>> Figure("Who is where, and when", Markup("")).file
        'who-is-where-and-when'
        """
        return "-".join(re.findall(r"\w+", self.title.lower()))


@dataclass(frozen=True)
class Finding:
    """What was found: `summary` is one or two plain sentences, the references are those of the methods behind it.

    >>> Finding("Who leaves", "Four in ten listeners left within two weeks.").evidence
    ()
    """

    title: str
    summary: str
    evidence: tuple[Table | Figure, ...] = ()
    references: tuple[str, ...] = ()


def format_cell(value: Cell) -> str:
    """Return `value` as a reader wants it: whole numbers in full, others to three digits, missing as a dash.

    >>> [format_cell(value) for value in ("Dawn", 1234567, 0.87049, 1234.5, 0.00001234)]
    ['Dawn', '1,234,567', '0.870', '1,234', '1.23e-05']
    >>> format_cell(None) == format_cell(float("nan")) == MISSING
    True
    """
    if value is None or value != value:  # noqa: PLR0124 (only a nan differs from itself)
        return MISSING
    if isinstance(value, Integral) and not isinstance(value, bool):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 99.95 else f"{value:z#.3g}"
    return str(value)
