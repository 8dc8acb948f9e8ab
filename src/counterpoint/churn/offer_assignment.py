"""What to do about those who may leave: alerts, offers by the stage of the business, and an experiment that can tell.

No effect of an offer is claimed here. What an offer must achieve to pay for itself is arithmetic; what it does achieve
only a hold-out can say: some of those who would get it, drawn at random, do not.
"""

from dataclasses import dataclass
from hashlib import blake2b
from math import ceil, sqrt
from statistics import NormalDist
from typing import Final

import numpy as np
import polars as pl

from counterpoint.churn.label import parse_labels
from counterpoint.errors import CounterpointError
from counterpoint.stats.intervals import Estimate, difference_of_shares

EMAIL: Final = "e-mail"
TRIAL: Final = "one-month trial"
MONTH: Final = "discount or free month"
TREATED, HELD_OUT = "offer", "hold-out"
PLATFORMS: Final = ("freemium", "paid")


@dataclass(frozen=True, kw_only=True)
class OfferPlan:
    """What is done for whom, and what it costs, in any one currency.

    watch_after, act_after : idle days from which a listener is watched, and acted upon
    at_risk                : the probability to leave from which a listener is written to
    stickiness_from        : the share expected to leave from which keeping listeners comes before earning by them
    platform               : freemium (free listeners get a trial), or paid (all pay)
    holdout                : the share of those who would get an offer that gets none, to learn what offers do

    Offers go to everybody at risk while stickiness comes first, even at a loss; afterwards only if an offer costs less
    than to acquire a new customer, and everybody else at risk gets an e-mail.
    """

    watch_after: int = 7
    act_after: int = 14
    at_risk: float = 0.5
    stickiness_from: float = 0.5
    platform: str = "freemium"
    offer_cost: float = 5.0
    acquisition_cost: float = 10.0
    value_kept: float = 50.0
    holdout: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("at_risk", "stickiness_from"):
            if not 0 <= getattr(self, name) <= 1:
                raise CounterpointError(f"{name} is a probability in [0, 1]; got {getattr(self, name)}")
        if not 0 <= self.holdout < 1:
            raise CounterpointError(f"a hold-out is a share of those offered in [0, 1); got {self.holdout}")
        for name in ("offer_cost", "acquisition_cost", "value_kept"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise CounterpointError(f"{name} is an amount of at least 0; got {getattr(self, name)}")
        if not self.value_kept:
            raise CounterpointError(
                "value_kept is 0: nothing would be worth an offer; say what a listener kept is worth"
            )
        if not 0 < self.watch_after <= self.act_after:
            raise CounterpointError(
                f"listeners are watched before they are acted upon: watch_after {self.watch_after} must be above 0 and"
                f" not above act_after {self.act_after}"
            )
        if self.platform not in PLATFORMS:
            raise CounterpointError(f"no platform {self.platform!r}; known: {', '.join(PLATFORMS)}")

    @property
    def break_even(self) -> float:
        """The fall of the probability to leave that an offer must cause, on average, to pay for itself."""
        return self.offer_cost / self.value_kept

    def stage(self, expected: float) -> str:
        """Return the stage of a business of whose listeners this share is expected to leave."""
        return "stickiness" if expected >= self.stickiness_from else "revenue"


@dataclass(frozen=True, kw_only=True)
class OfferCosts:
    """What a plan costs and must achieve, from the probabilities alone.

    stage      : stickiness or revenue; `offered` listeners get an offer and `held_out` do not, though they would
    cost       : of all offers; `on_stayers` is the part expected to go to listeners who would stay anyway
    break_even : the fall of the probability to leave from which on offers pay for themselves
    churn_rate : the share of both groups that is expected to leave
    needed     : the size of a hold-out that finds a fall of `break_even` (80 % power, 5 % two-sided), with as many
                 offered for each held out as now; None if no fall can be that large
    """

    stage: str
    offered: int
    held_out: int
    cost: float
    on_stayers: float
    break_even: float
    churn_rate: float
    needed: int | None


@dataclass(frozen=True, kw_only=True)
class Uplift:
    """What offers did: the share that left of the held out minus that of the offered, with a 95 % interval."""

    offered: int
    offered_left: int
    held_out: int
    held_out_left: int
    unknown: int
    uplift: Estimate
    break_even: float

    @property
    def verdict(self) -> str:
        """Say whether offers pay for themselves, as far as the interval can tell."""
        if self.uplift.low > self.break_even:
            return "offers pay for themselves"
        return "offers do not pay for themselves" if self.uplift.high < self.break_even else "it cannot be told yet"


def assign_offers(rows: pl.DataFrame, plan: OfferPlan, paying: pl.Series | None) -> pl.DataFrame:
    """Return what is done for each listener: alert, offer and group ("offer", "hold-out" or ""), beside `rows`.

    rows   : uid, probability, days_since_seen
    paying : the uids of those who pay, if it is known

    >>> rows = pl.DataFrame({"uid": [1, 2], "probability": [0.9, 0.2], "days_since_seen": [8, 0]})
    >>> assign_offers(rows, OfferPlan(), None).select("alert", "offer", "group").rows()
    [('watch', 'free: one-month trial; paying: discount or free month', 'offer'), ('', '', '')]
    """
    payers = None if paying is None or plan.platform == "paid" else parse_uids(paying, rows.schema["uid"])
    if payers is not None and not rows["uid"].is_in(payers.implode()).any():
        raise CounterpointError("none of those said to pay is known here: are they the uids of these logs?")
    idle, at_risk = pl.col("days_since_seen"), pl.col("probability") >= plan.at_risk
    alert = pl.when(idle >= plan.act_after).then(pl.lit("act")).when(idle >= plan.watch_after).then(pl.lit("watch"))
    stage = plan.stage(_mean(rows["probability"]))
    offers = stage == "stickiness" or plan.offer_cost < plan.acquisition_cost
    offer_text = _offer(plan, payers) if offers else pl.lit(EMAIL)
    is_held_out = _uniform_by_hash(rows["uid"], plan.seed) < plan.holdout
    group = (
        pl.when(at_risk & is_held_out).then(pl.lit(HELD_OUT)).when(at_risk).then(pl.lit(TREATED)).otherwise(pl.lit(""))
    )
    marked = rows.with_columns(alert=alert.otherwise(pl.lit("")), group=group if offers else pl.lit(""))
    offer = pl.when(at_risk & (pl.col("group") != HELD_OUT)).then(offer_text).otherwise(pl.lit(""))
    return marked.with_columns(offer=offer)


def _uniform_by_hash(uid: pl.Series, seed: int) -> pl.Series:
    """Return a number in [0, 1) for each listener, by a hash of the seed and the uid.

    Whoever is held out today is held out next week too, whoever else is there.
    """
    digests = (blake2b(f"{seed}:{value}".encode(), digest_size=8).digest() for value in uid.to_list())
    return pl.Series("uniform", [int.from_bytes(digest) / 2**64 for digest in digests], dtype=pl.Float64)


def _offer(plan: OfferPlan, paying: pl.Series | None) -> pl.Expr:
    if plan.platform == "paid":
        return pl.lit(MONTH)
    if paying is None:
        return pl.lit(f"free: {TRIAL}; paying: {MONTH}")
    return pl.when(pl.col("uid").is_in(paying.implode())).then(pl.lit(MONTH)).otherwise(pl.lit(TRIAL))


def offer_costs(rows: pl.DataFrame, plan: OfferPlan) -> OfferCosts:
    """Return what a plan costs and must achieve; `rows` as `assign_offers` returns them."""
    offered, held_out = (rows.filter(pl.col("group") == group)["probability"] for group in (TREATED, HELD_OUT))
    churn_rate = _mean(pl.concat([offered, held_out]))
    return OfferCosts(
        stage=plan.stage(_mean(rows["probability"])),
        offered=len(offered),
        held_out=len(held_out),
        cost=plan.offer_cost * len(offered),
        on_stayers=plan.offer_cost * float((1 - offered).sum()),
        break_even=plan.break_even,
        churn_rate=churn_rate,
        needed=holdout_size(churn_rate, plan.break_even, ratio=len(offered) / len(held_out) if len(held_out) else 1.0),
    )


def holdout_size(churn_rate: float, reduction: float, *, ratio: float = 1.0) -> int | None:
    """Return how many must be held out to find a fall of the share that leaves, with 80 % power at 5 % (two-sided).

    `ratio` is how many are offered for each held out (Fleiss, Levin & Paik 2003, section 4.4, without correction). None
    if the share that leaves cannot fall so far.

    >>> holdout_size(0.5, 0.1)
    388
    """
    after = churn_rate - reduction
    if not reduction > 0 or not after >= 0 or not 0 < churn_rate < 1 or not ratio > 0:
        return None
    alpha, power = NormalDist().inv_cdf(0.975), NormalDist().inv_cdf(0.8)
    pooled = (churn_rate + ratio * after) / (1 + ratio)
    by_chance = alpha * sqrt((1 + 1 / ratio) * pooled * (1 - pooled))
    in_truth = power * sqrt(churn_rate * (1 - churn_rate) + after * (1 - after) / ratio)
    return ceil(((by_chance + in_truth) / reduction) ** 2)


def measure_uplift(rows: pl.DataFrame, outcome: pl.DataFrame, break_even: float) -> Uplift:
    """Return what offers did, from what became of the listeners.

    rows    : uid and group, as `assign_offers` returned them
    outcome : uid, and left: 1 or true if the listener left

    Raises
    ------
    CounterpointError
        If the outcome has other columns or values, names nobody of a group, or there was no hold-out.
    """
    for name in ("uid", "left"):
        if name not in outcome.columns:
            raise CounterpointError(f"the outcome has no column {name!r}; it needs uid and left (1 or 0)")
    known = outcome.select(parse_uids(outcome["uid"], rows.schema["uid"]), left=parse_labels(outcome["left"]))
    if known["uid"].n_unique() != known.height:
        raise CounterpointError("the outcome names a listener twice; it needs one row a listener")
    joined = rows.filter(pl.col("group") != "").join(known, on="uid", how="left")
    counts = {}
    for group in (TREATED, HELD_OUT):
        left = joined.filter((pl.col("group") == group) & pl.col("left").is_not_null())["left"]
        if not len(left):
            raise CounterpointError(f"the outcome names nobody of the group {group!r}")
        counts[group] = (int(left.sum()), len(left))
    (left_offered, offered), (left_held, held) = counts[TREATED], counts[HELD_OUT]
    difference = difference_of_shares(left_held, held, left_offered, offered)
    return Uplift(
        offered=offered,
        offered_left=left_offered,
        held_out=held,
        held_out_left=left_held,
        unknown=joined["left"].null_count(),
        uplift=difference,
        break_even=break_even,
    )


def parse_uids(given: pl.Series, dtype: pl.DataType) -> pl.Series:
    """Return uids that people hand in as those of the logs; raises CounterpointError at the first that is none.

    >>> parse_uids(pl.Series("uid", ["007", "8.0"]), pl.Int64()).to_list()
    [7, 8]
    """
    text = given.cast(pl.String).str.strip_chars()
    parsed = text if dtype == pl.String else text.str.replace(r"\.0*$", "").cast(dtype, strict=False)
    if parsed.null_count():
        raise CounterpointError(f"{given[int(parsed.is_null().arg_max() or 0)]!r} is no uid of these logs")
    return parsed.alias("uid")


def _mean(values: pl.Series) -> float:
    return float(np.mean(values.to_numpy())) if len(values) else 0.0
