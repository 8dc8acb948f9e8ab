"""What goes with leaving: songs and singers heard before it, and likes."""

from typing import Final

from counterpoint.churn.likes import Likes
from counterpoint.churn.songs import FALSE, LEAST_ODDS, Songs
from counterpoint.report.finding import Cell, Finding, Table
from counterpoint.snapshots.snapshot import Span
from counterpoint.text import pluralize

SHOWN: Final = 20

MATCHED: Final = "Mantel, N. & Haenszel, W. (1959). Statistical aspects of the analysis of data from retrospective studies of disease. JNCI 22(4)."  # noqa: E501
VARIANCE: Final = "Robins, J., Breslow, N. & Greenland, S. (1986). Estimators of the Mantel-Haenszel variance consistent in both sparse data and large-strata limiting models. Biometrics 42(2)."  # noqa: E501
DISCOVERY: Final = "Benjamini, Y. & Hochberg, Y. (1995). Controlling the false discovery rate: a practical and powerful approach to multiple testing. JRSS B 57(1)."  # noqa: E501
DIFFERENCE: Final = "Greenland, S. & Robins, J. M. (1985). Estimation of a common effect parameter from sparse follow-up data. Biometrics 41(1)."  # noqa: E501
JACKKNIFE: Final = "Quenouille, M. H. (1956). Notes on bias in estimation. Biometrika 43."


def tell_songs(songs: Songs) -> Finding:
    """Show what leavers heard more on their last day than stayers like them."""
    found = songs.found
    says = (
        f"{pluralize(found.height, songs.of)} of {songs.rows.height:,} tested came before leaving more often than"
        " chance"
        f" allows: {songs.leavers:,} leavers on their last active day against {songs.stayers:,} days of stayers of the"
        " same date, device, activity and tenure. This is an association: no song is said to have driven anyone away."
    )
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (
            str((row["name"] if songs.of == "song" else None) or row["item"]),
            *([str(row["singer"] or "")] if songs.of == "song" else []),
            row["leavers"],
            row["expected"],
            f"{row['odds']:.2f} [{row['low']:.2f}, {row['high']:.2f}]",
            row["shrunk"],
            row["q"],
            row["regulars"],
        )
        for row in found.head(SHOWN).iter_rows(named=True)
    )
    names = ("song", "singer") if songs.of == "song" else ("singer",)
    note = f"Found: false discovery rate at most {FALSE:g} and odds of {LEAST_ODDS:g} or more. " + (
        "" if songs.inflation is None else f"Over all tested, z squared is {songs.inflation:.2f} times chance."
    )
    columns = (*names, "leavers", "by chance", "odds ratio", "shrunk", "false discovery rate", "odds of regulars")
    table = Table(f"Before leaving: {songs.of}s", columns, rows, note)
    return Finding(
        f"Heard before leaving: {songs.of}s at {songs.snapshot.day}", says, (table,), (MATCHED, VARIANCE, DISCOVERY)
    )


def tell_likes(likes: Likes) -> Finding:
    """Show what days with a like go with."""
    whole, silence = likes.rows[0], Span.of(likes.outcome_for).words
    says = (
        f"After a day with a {likes.of}, the odds of {silence} of silence are {whole.odds.brief} times those after days"
        " like it without one. This is an association: who likes things may differ in ways that no log shows."
    )
    rows = tuple((row.days_of, row.exposed, row.days, row.odds.brief, row.difference.brief) for row in likes.rows)
    columns = ("days", f"with a {likes.of}", "in all", "odds ratio of silence", "difference in its probability")
    note = "Of the same date, device and number of plays, and of listeners who had liked something before or had not."
    table = Table(f"Days with a {likes.of}", columns, rows, note)
    return Finding(f"{likes.of.capitalize()}s and staying", says, (table,), (MATCHED, DIFFERENCE, JACKKNIFE))
