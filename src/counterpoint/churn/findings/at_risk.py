"""Who is most likely to leave, why, what could be done, and who is least likely to."""

from typing import Final

from counterpoint.churn.offer_experiment import Offers
from counterpoint.churn.scoring import Scores
from counterpoint.report.finding import Finding, Table

LISTENERS_SHOWN: Final = 25
HEADINGS: Final = {
    "rank": "rank",
    "pseudonym": "listener",
    "probability": "probability",
    "alert": "alert",
    "reasons": "main reasons",
    "days_since_seen": "days since seen",
    "events": "events",
}
TREE_EXPLANATIONS: Final = "Lundberg, S. M. et al. (2020). From local explanations to global understanding with explainable AI for trees. Nature Machine Intelligence 2."  # noqa: E501
SAMPLE_SIZE: Final = (
    "Fleiss, J. L., Levin, B. & Paik, M. C. (2003). Statistical methods for rates and proportions, 3rd ed. Wiley."
)


def at_risk_finding(scores: Scores, offers: Offers | None = None) -> Finding:
    """Show who is most likely to leave, and the main reasons; with offers, whom to watch and to act upon too."""
    rows = scores.rows if offers is None else offers.rows
    expected = float(rows["probability"].sum())
    says = (
        f"{rows.height:,} listeners known on {scores.snapshot.day} were ranked by {scores.model}; it expects"
        f" {expected:,.0f} of them ({expected / rows.height:.0%}) to be silent for {scores.snapshot.outcome_for.words}"
        " after it. A probability is no certainty, and a reason is what the model looked at, not a cause."
    )
    top = rows.head(LISTENERS_SHOWN).select(name for name in HEADINGS if name in rows.columns)
    headings = tuple(HEADINGS[name] for name in top.columns)
    note = "Under pseudonyms; the table that `counterpoint churn score --out` writes says who is who."
    table = Table("At risk", headings, tuple(top.iter_rows()), note)
    return Finding("Most likely to leave", says, (table,), (TREE_EXPLANATIONS,))


def offers_finding(offers: Offers) -> Finding:
    """Say what the plan costs, what it must achieve, and how an experiment would find out whether it does."""
    costs, plan = offers.costs, offers.plan
    alerts = {name: offers.rows.filter(offers.rows["alert"] == name).height for name in ("watch", "act")}
    says = (
        f"The stage is {costs.stage}. {costs.offered:,} offers would cost {costs.cost:,.0f}, of which"
        f" {costs.on_stayers:,.0f} would go to listeners who stay anyway. An offer pays for itself if it lowers the"
        f" probability to leave by {costs.break_even:.1%} on average. Whether it does is not known: no effect of an"
        " offer is claimed here, only a hold-out can show it."
    )
    rows = (
        ("to be watched (idle for some days)", alerts["watch"]),
        ("to be acted upon", alerts["act"]),
        ("would get an offer", costs.offered),
        ("held out, to learn what offers do", costs.held_out),
        ("to be held out to find the break-even fall (80 % power)", costs.needed),
    )
    note = (
        f"An offer costs {plan.offer_cost:g}, a new customer {plan.acquisition_cost:g}, a listener kept is worth"
        f" {plan.value_kept:g}; at risk is who leaves with a probability of {plan.at_risk:g} or more."
    )
    return Finding("What to do", says, (Table("The plan", ("listeners", "number"), rows, note),), (SAMPLE_SIZE,))


def safest_finding(scores: Scores) -> Finding:
    """Show who is least likely to leave, and what they have in common."""
    safest = scores.rows.tail(LISTENERS_SHOWN).reverse()
    columns_shown = ("rank", "pseudonym", "probability", "days_since_seen", "events")
    common = tuple((trait.feature, trait.safest, trait.others, trait.superiority) for trait in scores.traits)
    columns = ("feature", "median of the least likely tenth", "of the others", "larger for a random one of them")
    note = "The last column is a probability; .5 would be no difference."
    return Finding(
        "Least likely to leave",
        "The tenth of the listeners whom the model thinks safest, and by what they differ most from the others.",
        (
            Table("What they have in common", columns, common, note),
            Table(
                "The safest",
                ("rank", "listener", "probability", "days since seen", "events"),
                tuple(safest.select(*columns_shown).iter_rows()),
            ),
        ),
    )
