"""What the commands of `counterpoint churn` print."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from counterpoint.cli.printing import brief, say, say_json, say_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

    from counterpoint.churn.cohorts import Cohorts
    from counterpoint.churn.evaluation import ChurnEvaluation
    from counterpoint.churn.leaving_songs import SongsBeforeLeaving
    from counterpoint.churn.likes import LikeComparison
    from counterpoint.churn.missingness import MissingnessCheck
    from counterpoint.churn.model_comparison import SplitEvaluation
    from counterpoint.churn.offer_assignment import OfferCosts, Uplift
    from counterpoint.churn.offer_experiment import Offers
    from counterpoint.churn.scoring import Scores
    from counterpoint.churn.training import TrainedChurnModel
    from counterpoint.snapshots.cleaning_report import CleaningReport
    from counterpoint.snapshots.snapshot import Snapshot


def say_cleaning(report: "CleaningReport", checks: "Sequence[MissingnessCheck]", snapshot: "Snapshot") -> None:
    """Print what each rule met, and whether what is missing is missing of those who left."""
    say(f"{report.plays:,} plays known on {snapshot.day}, {report.dropped:,} dropped; {report.bots:,} bots left out")
    rows = [(rule.name, "changed" if rule.changed else "dropped", rule.plays, rule.why) for rule in report.rules]
    say_table(("rule", "plays are", "plays", "why"), rows)
    if checks:
        say("\nWhat is missing, and how many of those plays are of listeners who left (Cohen's h, 90 % over listeners)")
        tests = [
            (c.what, c.plays, c.listeners, c.churn_rate, c.present_churn_rate, c.p, brief(c.h), c.verdict)
            for c in checks
        ]
        say_table(("plays without", "plays", "listeners", "left", "left, of the rest", "p", "h", "difference"), tests)
        say("That values are missing at random cannot be tested: what decides it is missing too.")


def say_trained(trained: "TrainedChurnModel") -> None:
    """Print what a model learned from."""
    days = ", ".join(str(snapshot.day) for snapshot in trained.snapshots)
    say(
        f"{trained.kind} learned from {trained.listeners:,} listeners known on {days};"
        f" {trained.churned / trained.listeners:.1%} of them left"
    )


def say_evaluation(evaluation: "ChurnEvaluation") -> None:
    """Print how well each predictor does, split by split."""
    for split in evaluation.splits:
        left = f"{split.churn_rate:.1%} left"
        say(
            f"{split.name}: {split.listeners:,} listeners known on {evaluation.day}, {left}; learned {split.trained_on}"
        )
        _say_split(split)
        say()
    if evaluation.note:
        say(evaluation.note)


def _say_split(split: "SplitEvaluation") -> None:
    others = list(dict.fromkeys(other for judged in split.predictors for other in judged.auc_gain))
    columns = ("AUC", "PR-AUC", "lift", *(f"ahead of {other}" for other in others), "Brier", "log loss")
    rows = [
        (
            judged.predictor,
            *(brief(judged.metrics.get(name)) for name in ("auc", "pr_auc", "lift")),
            *(brief(judged.auc_gain.get(other)) for other in others),
            *(brief(judged.metrics.get(name)) for name in ("brier", "log_loss")),
        )
        for judged in split.predictors
    ]
    say_table(("predictor", *columns), rows)
    at_half = ("accuracy", "precision", "recall", "f1")
    rows = [(j.predictor, *(brief(j.metrics[name]) for name in at_half)) for j in split.predictors if j.calibration]
    say_table(("at .5", "accuracy", "precision", "recall", "F1"), rows)
    for judged in split.predictors:
        if leading := [row.feature for row in split.importance.get(judged.predictor, ())[:5]]:
            say(f"{judged.predictor} looks at {', '.join(leading)}")


def scores_as_json(scores: "Scores", top: int, safest: int) -> dict[str, Any]:
    """Return a ranked list for machines."""
    return {
        "at": scores.snapshot.day,
        "model": scores.model,
        "listeners": scores.rows.height,
        "top": scores.rows.head(top).to_dicts(),
        "safest": scores.rows.tail(safest).reverse().to_dicts(),
        "in common": scores.traits,
    }


def say_scores(scores: "Scores", top: int, safest: int) -> None:
    """Print the head of a ranked list, and its tail if that is asked for."""
    say(f"{scores.rows.height:,} listeners known on {scores.snapshot.day}, ranked by {scores.model}")
    _say_ranked(scores.rows.head(top))
    if safest:
        say("\nleast likely to leave")
        _say_ranked(scores.rows.tail(safest).reverse())
        rows = [(trait.feature, trait.safest, trait.others, trait.superiority) for trait in scores.traits]
        say("\nwhat the least likely tenth has in common")
        say_table(("feature", "their median", "of the others", "larger for one of them"), rows)


def offers_as_json(offers: "Offers", top: int) -> dict[str, Any]:
    """Return who gets what, and what that costs, for machines."""
    return {
        "at": offers.snapshot.day,
        "model": offers.model,
        "listeners": offers.rows.height,
        "costs": offers.costs,
        "top": offers.rows.head(top).to_dicts(),
    }


def say_offers(offers: "Offers", top: int) -> None:
    """Print who gets what, and what that costs."""
    say(f"{offers.rows.height:,} listeners known on {offers.snapshot.day}, ranked by {offers.model}")
    _say_ranked(offers.rows.head(top))
    say_costs(offers.costs)


RANKED: Final = {
    "rank": "rank",
    "uid": "uid",
    "probability": "probability",
    "alert": "alert",
    "reasons": "main reasons",
    "offer": "offer",
    "days_since_seen": "days since seen",
    "events": "events",
}
"""What is printed of a ranked list, as far as it has it: columns and their titles."""


def _say_ranked(rows: "pl.DataFrame") -> None:
    columns = [name for name in RANKED if name in rows.columns]
    shown = [(rank, str(uid), *rest) for rank, uid, *rest in rows.select(columns).iter_rows()]
    say_table([RANKED[name] for name in columns], shown)


def say_out(path: Path | None, before: str = "") -> None:
    """Print where all rows are."""
    if path is not None:
        say(f"{before}all of them: {path}")


def say_costs(costs: "OfferCosts") -> None:
    """Print what the offers cost, and from which effect on they pay."""
    say(
        f"\n{costs.stage} stage: {costs.offered:,} offers cost {costs.cost:,.0f}, {costs.on_stayers:,.0f} of it on"
        f" listeners who would stay anyway; they pay from a fall of {costs.break_even:.1%} in the probability to leave"
    )
    if not costs.offered + costs.held_out:
        say("nobody gets an offer: nobody is at risk, or an offer costs no less than a new customer (then: e-mail)")
        return
    if costs.break_even > costs.churn_rate:
        expected = f"only {costs.churn_rate:.1%} of them are expected to leave"
        say(f"{expected}: no offer can lower that so far, so none can pay")
        return
    held = f"{costs.held_out:,} are held out" if costs.held_out else "nobody is held out (--holdout)"
    needed = "" if costs.needed is None else f"; to find that fall, {costs.needed:,} would be needed"
    say(f"no effect of an offer is claimed: {held}{needed}")


def say_uplift(uplift: "Uplift", *, as_json: bool) -> None:
    """Print what the offers of an experiment did."""
    if as_json:
        say_json({**asdict(uplift), "verdict": uplift.verdict})
        return
    rows = [
        ("offer", uplift.offered, uplift.offered_left, uplift.offered_left / uplift.offered),
        ("hold-out", uplift.held_out, uplift.held_out_left, uplift.held_out_left / uplift.held_out),
    ]
    say_table(("group", "listeners", "left", "share"), rows)
    kept = f"offers kept {uplift.uplift.brief} of those who got one"
    say(f"{kept}; they pay from {uplift.break_even:.3f}: {uplift.verdict}")
    if uplift.unknown:
        say(f"{uplift.unknown:,} listeners of the two groups are not in the outcome, and not counted")


def say_cohorts(cohorts: "Cohorts", by: str) -> None:
    """Print how many of each cohort left, and how long it lasts."""
    rows = [(row.cohort, row.day, row.left.count, row.left.brief) for row in cohorts.churn]
    say_table((f"first seen in the {by} of", "known on", "listeners", "share that left"), rows)
    say()
    lasting = [(life.cohort, life.listeners, life.left, life.median) for life in cohorts.survival]
    say_table((f"first seen in the {by} of", "listeners", "left", "half are gone after days"), lasting)


def songs_as_json(songs: "SongsBeforeLeaving", snapshot: "Snapshot") -> dict[str, Any]:
    """Return the songs or singers found, for machines."""
    about = {name: getattr(songs, name) for name in ("item_kind", "seed", "leavers", "stayers", "inflation")}
    return {**about, "at": snapshot.day, "tested": songs.rows.height, "found": songs.over_represented.to_dicts()}


def say_songs(songs: "SongsBeforeLeaving", top: int) -> None:
    """Print the songs or singers found, the strongest first."""
    say(
        f"{songs.over_represented.height:,} of {songs.rows.height:,} {songs.item_kind}s tested"
        " are over-represented before leaving:"
        f" {songs.leavers:,} leavers against {songs.stayers:,} days of stayers like them; an association, no cause"
    )
    columns = ("item", "name", "singer", "leavers", "expected", "odds", "low", "high", "shrunk", "q", "regulars")
    rows = [(str(row[0]), *row[1:]) for row in songs.over_represented.head(top).select(columns).iter_rows()]
    names = ("name", "singer", "leavers", "by chance", "odds", "low", "high", "shrunk", "fdr", "regulars")
    say_table((songs.item_kind, *names), rows)


def say_likes(likes: "LikeComparison", of: str) -> None:
    """Print whether silence follows days with a like more often."""
    rows = [(row.days_of, row.exposed, row.days, row.odds_ratio.brief, row.risk_difference.brief) for row in likes.rows]
    say_table(("days", f"with a {of}", "in all", "odds ratio of silence", "difference in its probability"), rows)
    say("an association: who likes things may differ in ways that no log shows")
