"""Put the measured tables into the documentation: what stands between two marks is made from a CSV of results.

    python benchmarks/tables.py

A page holds `<!-- results: NAME -->`, the table, and `<!-- end of results -->`. The table is
`benchmarks/results/NAME.csv` as it is, but for those in `SUMMARIES`, which are computed from the rows of a larger CSV.
A test fails if a page and its CSV differ, so a figure is changed in the CSV alone.
"""

import csv
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
RESULTS: Final = ROOT / "benchmarks" / "results"
BLOCK: Final = re.compile(r"(<!-- results: ([a-z0-9-]+) -->\n).*?(<!-- end of results -->)", re.DOTALL)
NOT_RIVALS: Final = (
    "ensemble",
    "sampler",
    "long-sampler",
    "Chen et al. 2021, in their own setting",
    "a random suspect",
)

Table = list[list[str]]


def rows(name: str) -> list[dict[str, str]]:
    """Return the rows of a CSV of results."""
    with (RESULTS / f"{name}.csv").open(newline="", encoding="utf-8") as content:
        return list(csv.DictReader(content))


def verbatim(name: str) -> Table:
    """Return a CSV of results as it is, its header first."""
    with (RESULTS / f"{name}.csv").open(newline="", encoding="utf-8") as content:
        return list(csv.reader(content))


def with_interval(row: Mapping[str, str], name: str) -> str:
    """Return a share with its interval, such as "88.4 [86-90]"."""
    value, low, high = (row[column] for column in (f"{name}_percent", f"{name}_low", f"{name}_high"))
    return f"{value} [{low}-{high}]" if low else value


def three_shares(row: Mapping[str, str] | None) -> str:
    """Return Top1/3/5 in whole percent."""
    return "/".join(f"{float(row[f'top{first}_percent']):.0f}" for first in (1, 3, 5)) if row else ""


def best_rival(cell: Mapping[str, Mapping[str, str]]) -> Mapping[str, str] | None:
    """Return the detector with the highest Top1 beside the ensemble, of those that were compared with it in pairs.

    They have seen a quarter of its snapshots or more; where there is no ensemble, all are compared.
    """
    rivals = [row for name, row in cell.items() if name not in NOT_RIVALS]
    if "ensemble" in cell:
        seen = int(cell["ensemble"]["snapshots"])
        rivals = [row for row in rivals if row["ensemble_ahead_top1"] and 4 * int(row["snapshots"]) >= seen]
    return max(rivals, key=lambda row: float(row["top1_percent"]), default=None)


def tracing_summary() -> Table:
    """Return a row a cell: what the ensemble finds, and how far it is ahead of the best other detector."""
    by_cell: dict[str, dict[str, dict[str, str]]] = {}
    for row in rows("tracing"):
        by_cell.setdefault(row["cell"], {})[row["detector"]] = row
    head = [
        "cell",
        "reached",
        "Chen et al. 2021",
        "random suspect",
        "ensemble: snapshots",
        "Top1 %",
        "Top3 %",
        "Top5 %",
    ]
    table = [[*head, "best other, Top1 %", "ensemble ahead of it"]]
    for described in rows("tracing-cells"):
        cell = by_cell[described["cell"]]
        ours, rival = cell.get("ensemble"), best_rival(cell)
        published, chance = cell.get("Chen et al. 2021, in their own setting"), cell.get("a random suspect")
        shares = [ours["snapshots"], *(with_interval(ours, f"top{first}") for first in (1, 3, 5))] if ours else [""] * 4
        best = f"{rival['detector']}: {with_interval(rival, 'top1')}" if rival else ""
        start = [described["cell"], described["median_reached_seen"], three_shares(published), three_shares(chance)]
        table.append([*start, *shares, best, paired_gain(rival) if ours and rival else ""])
    return table


def paired_gain(row: Mapping[str, str]) -> str:
    """Return how far the ensemble is ahead of a detector on the same snapshots, with its interval."""
    gains = [row[column] for column in ("ensemble_ahead_top1", "ahead_low", "ahead_high")]
    if not gains[0]:
        return ""
    value, low, high = (f"{float(gain):+.1f}" for gain in gains)
    return f"{value} [{low} {high}]"


SUMMARIES: Final[Mapping[str, Callable[[], Table]]] = {"tracing-summary": tracing_summary}


def markdown(table: Sequence[Sequence[str]]) -> str:
    """Return a table as Markdown."""
    head, *body = table
    return "".join("| " + " | ".join(row) + " |\n" for row in (head, ["---"] * len(head), *body))


def rendered(page: str) -> str:
    """Return a page with its tables made anew."""

    def renew(block: re.Match[str]) -> str:
        name = block[2]
        table = SUMMARIES[name]() if name in SUMMARIES else verbatim(name)
        return f"{block[1]}{markdown(table)}{block[3]}"

    return BLOCK.sub(renew, page)


def main() -> None:
    """Write every page whose tables have changed."""
    for path in sorted((ROOT / "docs").rglob("*.md")):
        page = path.read_text(encoding="utf-8")
        renewed = rendered(page)
        if renewed != page:
            path.write_text(renewed, encoding="utf-8")
            print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()
