"""What goes with leaving: songs and singers heard before it, and likes."""

from typing import Final

from counterpoint.churn.leaving_songs import MAX_FALSE_DISCOVERY, MIN_ODDS_RATIO, SongsBeforeLeaving
from counterpoint.churn.likes import LikeComparison
from counterpoint.report.finding import Cell, Finding, Table
from counterpoint.snapshots.snapshot import Span
from counterpoint.text import pluralize

ITEMS_SHOWN: Final = 20

MANTEL_HAENSZEL: Final = "Mantel, N. & Haenszel, W. (1959). Statistical aspects of the analysis of data from retrospective studies of disease. JNCI 22(4)."  # noqa: E501
ROBINS_BRESLOW_GREENLAND: Final = "Robins, J., Breslow, N. & Greenland, S. (1986). Estimators of the Mantel-Haenszel variance consistent in both sparse data and large-strata limiting models. Biometrics 42(2)."  # noqa: E501
BENJAMINI_HOCHBERG: Final = "Benjamini, Y. & Hochberg, Y. (1995). Controlling the false discovery rate: a practical and powerful approach to multiple testing. JRSS B 57(1)."  # noqa: E501
GREENLAND_ROBINS: Final = "Greenland, S. & Robins, J. M. (1985). Estimation of a common effect parameter from sparse follow-up data. Biometrics 41(1)."  # noqa: E501
QUENOUILLE: Final = "Quenouille, M. H. (1956). Notes on bias in estimation. Biometrika 43."


def songs_finding(songs: SongsBeforeLeaving) -> Finding:
    """Show what leavers heard more on their last day than stayers like them."""
    over_represented = songs.over_represented
    says = (
        f"{pluralize(over_represented.height, songs.item_kind)} of {songs.rows.height:,} tested came before leaving"
        f" more often than chance allows: {songs.leavers:,} leavers on their last active day against"
        f" {songs.stayers:,} days of stayers of the same date, device, activity and tenure. This is an association: no"
        " song is said to have driven anyone away."
    )
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (
            str((row["name"] if songs.item_kind == "song" else None) or row["item"]),
            *([str(row["singer"] or "")] if songs.item_kind == "song" else []),
            row["leavers"],
            row["expected"],
            f"{row['odds']:.2f} [{row['low']:.2f}, {row['high']:.2f}]",
            row["shrunk"],
            row["q"],
            row["regulars"],
        )
        for row in over_represented.head(ITEMS_SHOWN).iter_rows(named=True)
    )
    names = ("song", "singer") if songs.item_kind == "song" else ("singer",)
    note = f"Found: false discovery rate at most {MAX_FALSE_DISCOVERY:g} and odds of {MIN_ODDS_RATIO:g} or more. " + (
        "" if songs.inflation is None else f"Over all tested, z squared is {songs.inflation:.2f} times chance."
    )
    columns = (*names, "leavers", "by chance", "odds ratio", "shrunk", "false discovery rate", "odds of regulars")
    table = Table(f"Before leaving: {songs.item_kind}s", columns, rows, note)
    return Finding(
        f"Heard before leaving: {songs.item_kind}s at {songs.snapshot.day}",
        says,
        (table,),
        (MANTEL_HAENSZEL, ROBINS_BRESLOW_GREENLAND, BENJAMINI_HOCHBERG),
    )


def likes_finding(likes: LikeComparison) -> Finding:
    """Show what days with a like go with."""
    whole, silence = likes.rows[0], Span.of(likes.outcome_for).words
    says = (
        f"After a day with a {likes.event}, the odds of {silence} of silence are {whole.odds_ratio.brief} times those"
        " after days"
        " like it without one. This is an association: who likes things may differ in ways that no log shows."
    )
    rows = tuple(
        (row.days_of, row.exposed, row.days, row.odds_ratio.brief, row.risk_difference.brief) for row in likes.rows
    )
    columns = ("days", f"with a {likes.event}", "in all", "odds ratio of silence", "difference in its probability")
    note = "Of the same date, device and number of plays, and of listeners who had liked something before or had not."
    table = Table(f"Days with a {likes.event}", columns, rows, note)
    return Finding(
        f"{likes.event.capitalize()}s and staying", says, (table,), (MANTEL_HAENSZEL, GREENLAND_ROBINS, QUENOUILLE)
    )
