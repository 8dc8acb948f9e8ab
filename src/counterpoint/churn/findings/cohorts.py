"""Does it get better: churn by when listeners were first seen, and how long they last."""

from typing import Final

from counterpoint.churn.cohorts import ALL, CohortChurn, Cohorts
from counterpoint.report import chart
from counterpoint.report.finding import Figure, Finding, Table
from counterpoint.snapshots.snapshot import Span

CURVES_SHOWN: Final = 5  # curves beside that of all
SNAPSHOTS_SHOWN: Final = 6

KAPLAN_MEIER: Final = (
    "Kaplan, E. L. & Meier, P. (1958). Nonparametric estimation from incomplete observations. JASA 53(282)."
)
GREENWOOD: Final = "Kalbfleisch, J. D. & Prentice, R. L. (1980). The statistical analysis of failure time data. Wiley."


def cohorts_finding(cohorts: Cohorts) -> Finding:
    """Show how churn moves from snapshot to snapshot, and how long each cohort lasts."""
    overall = [row for row in cohorts.churn if row.cohort == ALL]
    silence = Span.of(cohorts.outcome_for).words
    says = (
        f"Of those known on {overall[0].day}, {_share(overall[0])} left; of those known on {overall[-1].day},"
        f" {_share(overall[-1])}. Left means silent for {silence}."
        if len(overall) > 1
        else f"Of those known on {overall[0].day}, {_share(overall[0])} left, that is, were silent for {silence}."
    )
    return Finding(
        f"Churn by {cohorts.period} of first appearance",
        says,
        (_churn_table(cohorts), *_survival(cohorts)),
        (KAPLAN_MEIER, GREENWOOD),
    )


def _share(row: CohortChurn) -> str:
    return f"{row.left.value:.1%} [{row.left.low:.1%}, {row.left.high:.1%}]"


def _churn_table(cohorts: Cohorts) -> Table:
    """Show cohorts in rows, the latest snapshots in columns."""
    days = list(dict.fromkeys(row.day for row in cohorts.churn))[-SNAPSHOTS_SHOWN:]
    cells = {(row.cohort, row.day): row.left.brief for row in cohorts.churn}
    names = list(dict.fromkeys(row.cohort for row in sorted(cohorts.churn, key=lambda r: (r.cohort != ALL, r.cohort))))
    rows = tuple((name, *(cells.get((name, day)) for day in days)) for name in names)
    note = "Wilson's 95 % intervals. The first cohort holds whoever was there before the log began."
    return Table("Share that left, by snapshot", (f"first seen in the {cohorts.period} of", *days), rows, note)


def _survival(cohorts: Cohorts) -> list[Table | Figure]:
    shown = cohorts.survival[: CURVES_SHOWN + 1]
    curves = {
        f"{life.cohort} ({life.listeners:,})": [(float(step.day), step.share) for step in life.curve] for life in shown
    }
    caption = (
        "Share still to be seen again so many days after the first (Kaplan-Meier, 95 % bands), followed up to the last"
        " day whose outcome the log has."
    )
    rows = tuple((life.cohort, life.listeners, life.left, life.median) for life in cohorts.survival)
    return [
        Figure(
            "How long they last",
            chart.survival_curves(curves, title="How long they last", axis="Days since first seen"),
            caption,
        ),
        Table("How long they last", ("cohort", "listeners", "left", "half are gone after days"), rows),
    ]
