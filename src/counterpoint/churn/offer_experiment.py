"""What a plan makes of the ranked list: offers kept in the workspace, their experiment, and what they did."""

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polars as pl

from counterpoint.churn.offer_assignment import (
    OfferCosts,
    OfferPlan,
    Uplift,
    assign_offers,
    measure_uplift,
    offer_costs,
)
from counterpoint.churn.scoring import Scores, scores_in
from counterpoint.errors import CounterpointError
from counterpoint.snapshots.snapshot import Snapshot, day_of
from counterpoint.storage.results import keep, kept
from counterpoint.storage.serializer import plain
from counterpoint.storage.workspace import (
    WorkspaceView,
    WorkspaceWriter,
    edit_workspace,
    key_of,
    open_workspace,
)

OFFERS: Final = "offers:churn"
EXPERIMENT: Final = "experiment:churn:"
DEFAULT_PLAN: Final = OfferPlan()


@dataclass(frozen=True, kw_only=True)
class Offers:
    """What is done for each listener of a ranked list, and what it costs.

    rows : those of the scores, with alert, offer and group ("offer", "hold-out" or "")
    """

    snapshot: Snapshot
    model: str
    scores_key: str
    plan: OfferPlan
    costs: OfferCosts
    rows: pl.DataFrame


@dataclass(frozen=True)
class Experiment:
    """Who was offered something on a day and who was held out (uid, group), kept apart: later offers do not end it."""

    break_even: float
    groups: pl.DataFrame


def plan_offers(workspace: Path, plan: OfferPlan = DEFAULT_PLAN, *, paying: pl.Series | None = None) -> Offers:
    """Say what is done for whom in the workspace's ranked list, and keep it; with a hold-out, its groups too.

    `plan` says what is done, and `paying` holds the uids of those who pay.

    Raises
    ------
    CounterpointError
        If there is no ranked list, nobody of `paying` is in it, or the workspace has an experiment of that day with
        other groups: its outcome would be read by the wrong ones.
    """
    with edit_workspace(workspace) as writer:
        scores = scores_in(writer.view)
        if scores is None:
            raise CounterpointError(f"workspace {workspace} has no ranked list; `counterpoint churn score` makes one")
        offers = offers_for(scores, plan, paying=paying)
        if offers.costs.held_out:
            _keep_experiment(writer, offers)
        key = key_of("offers", offers.scores_key, plain(plan), offers.rows["offer"].to_list())
        keep(writer, OFFERS, key, offers, metadata={"day": str(offers.snapshot.day)})
    return offers


def offers_for(scores: Scores, plan: OfferPlan = DEFAULT_PLAN, *, paying: pl.Series | None = None) -> Offers:
    """Say what is done for whom in a ranked list; nothing is kept."""
    rows = assign_offers(scores.rows, plan, paying)
    columns = (
        "rank",
        "uid",
        "pseudonym",
        "probability",
        "alert",
        "reasons",
        "offer",
        "group",
        "days_since_seen",
        "events",
    )
    return Offers(
        snapshot=scores.snapshot,
        model=scores.model,
        scores_key=scores.key,
        plan=plan,
        costs=offer_costs(rows, plan),
        rows=rows.select(columns),
    )


def _keep_experiment(writer: WorkspaceWriter, offers: Offers) -> None:
    name = f"{EXPERIMENT}{offers.snapshot.day}"
    groups = offers.rows.filter(pl.col("group") != "").select("uid", "group").sort("uid")
    earlier = writer.view.get(name)
    if earlier is not None and not kept(earlier, Experiment).groups.equals(groups):
        raise CounterpointError(
            f"an experiment of {offers.snapshot.day} with other groups is kept: score another day, or as it was drawn;"
            " `churn offers --outcome` reads it"
        )
    key = key_of(name, offers.scores_key, plain(offers.plan), groups["uid"].to_list(), groups["group"].to_list())
    keep(writer, name, key, Experiment(offers.plan.break_even, groups))


def measure_offers(workspace: Path, outcome: pl.DataFrame, *, at: str | dt.date | None = None) -> Uplift:
    """Return what the offers of an experiment did, from who left since (columns uid, left).

    The experiment is the last one, or that of the ranking `at` a day.

    Raises
    ------
    CounterpointError
        If there is no such experiment, or the outcome has other columns or values.
    """
    with open_workspace(workspace) as view:
        experiments = view.with_prefix(EXPERIMENT) if at is None else [view.get(f"{EXPERIMENT}{day_of(at)}")]
        if not experiments or experiments[-1] is None:
            when = "" if at is None else f" at {at}"
            raise CounterpointError(
                f"nobody was held out of the offers{when}: `churn offers --holdout 0.1` would do that"
            )
        experiment = kept(experiments[-1], Experiment)
        return measure_uplift(experiment.groups, outcome, experiment.break_even)


def offers_in(view: WorkspaceView) -> Offers | None:
    """Return the offers that a workspace keeps, if they were made from its ranked list."""
    folder, scores = view.get(OFFERS), scores_in(view)
    if folder is None or scores is None:
        return None
    offers = kept(folder, Offers)
    return offers if offers.scores_key == scores.key else None
