"""What is done for whom follows from a plan, and only a hold-out says what it did.

- A plan that makes no sense is refused in one line that names the value.
- Alerts follow idle days, offers the probability, the stage of the business and who pays.
- Who is held out is drawn by seed, whatever the order of the rows, and gets no offer.
- What an offer must achieve is arithmetic, and a hold-out of the size said finds it in four worlds of five.
"""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm
from tests.logs import refusal

from counterpoint.churn.offer_assignment import (
    EMAIL,
    HELD_OUT,
    MONTH,
    TREATED,
    TRIAL,
    OfferPlan,
    assign_offers,
    holdout_size,
    measure_uplift,
    offer_costs,
)
from counterpoint.stats.intervals import difference_of_shares

REVENUE = {"stickiness_from": 1.0}  # fewer than all leave, so earning comes first


def listeners(*probability, idle=0):
    count = len(probability)
    return pl.DataFrame(
        {"uid": range(count), "probability": probability, "days_since_seen": [idle] * count},
        schema_overrides={"uid": pl.Int64, "probability": pl.Float64},
    )


@st.composite
def many(draw):
    probability = draw(st.lists(st.floats(0, 1), min_size=1, max_size=60))
    return listeners(*probability)


# Refusals


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"at_risk": 1.7}, "at_risk is a probability in [0, 1]; got 1.7"),
        ({"at_risk": float("nan")}, "at_risk is a probability in [0, 1]; got nan"),
        ({"stickiness_from": -0.1}, "stickiness_from is a probability in [0, 1]; got -0.1"),
        ({"holdout": 1.0}, "a hold-out is a share of those offered in [0, 1); got 1.0"),
        ({"holdout": -0.2}, "a hold-out is a share of those offered in [0, 1); got -0.2"),
        ({"offer_cost": -5.0}, "offer_cost is an amount of at least 0; got -5.0"),
        ({"acquisition_cost": float("inf")}, "acquisition_cost is an amount of at least 0; got inf"),
        ({"value_kept": float("nan")}, "value_kept is an amount of at least 0; got nan"),
        ({"value_kept": 0.0}, "value_kept is 0"),
        ({"watch_after": 0}, "watch_after 0 must be above 0"),
        ({"watch_after": 15}, "watch_after 15 must be above 0 and not above act_after 14"),
        ({"platform": "premium"}, "no platform 'premium'; known: freemium, paid"),
    ],
)
def test_a_plan_that_makes_no_sense_is_refused_in_one_line_that_names_the_value(wrong, says):
    assert says in refusal(lambda: OfferPlan(**wrong))


# Alerts and offers


def test_a_listener_is_watched_from_7_idle_days_and_acted_upon_from_14():
    rows = pl.concat([listeners(0.2, idle=idle).with_columns(uid=pl.lit(idle)) for idle in (0, 6, 7, 13, 14, 99)])
    assert assign_offers(rows, OfferPlan(), None)["alert"].to_list() == ["", "", "watch", "watch", "act", "act"]
    early = OfferPlan(watch_after=1, act_after=7)
    assert assign_offers(rows, early, None)["alert"].to_list() == ["", "watch", "act", "act", "act", "act"]


@given(many())
def test_an_offer_goes_to_everybody_at_risk_and_to_nobody_else(rows):
    found = assign_offers(rows, OfferPlan(at_risk=0.3), None)
    assert ((found["offer"] != "") == (found["probability"] >= 0.3)).all()
    assert ((found["group"] == TREATED) == (found["probability"] >= 0.3)).all()


@given(many())
def test_the_listeners_and_what_is_known_of_them_stay_as_they_are(rows):
    found = assign_offers(rows, OfferPlan(), None)
    assert found.select(rows.columns).equals(rows)
    assert set(found.columns) - set(rows.columns) == {"alert", "offer", "group"}


@pytest.mark.parametrize(("expected", "stage"), [(0.49, "revenue"), (0.5, "stickiness"), (0.51, "stickiness")])
def test_keeping_listeners_comes_first_while_half_or_more_are_expected_to_leave(expected, stage):
    assert OfferPlan().stage(expected) == stage
    assert offer_costs(assign_offers(listeners(expected, expected), OfferPlan(), None), OfferPlan()).stage == stage


def test_free_listeners_get_a_trial_and_those_who_pay_a_discount():
    found = assign_offers(listeners(0.9, 0.9, 0.1), OfferPlan(), pl.Series([1, 2, 77]))
    assert found["offer"].to_list() == [TRIAL, MONTH, ""]


def test_where_nobody_knows_who_pays_the_offer_says_both():
    assert assign_offers(listeners(0.9), OfferPlan(), None)["offer"].to_list() == [f"free: {TRIAL}; paying: {MONTH}"]


@pytest.mark.parametrize("paying", [None, pl.Series([0]), pl.Series([], dtype=pl.Int64)])
def test_where_all_pay_everybody_at_risk_gets_a_discount(paying):
    found = assign_offers(listeners(0.9, 0.8, 0.1), OfferPlan(platform="paid"), paying)
    assert found["offer"].to_list() == [MONTH, MONTH, ""]


@pytest.mark.parametrize("kind", [pl.Int32, pl.UInt64])
def test_who_pays_is_known_by_number_whatever_the_width_of_the_number(kind):
    found = assign_offers(listeners(0.9, 0.9), OfferPlan(), pl.Series([1], dtype=kind))
    assert found["offer"].to_list() == [TRIAL, MONTH]


def test_who_pays_is_known_where_the_log_names_listeners_by_texts_that_look_like_numbers():
    rows = listeners(0.9, 0.9).with_columns(pl.col("uid").cast(pl.String))
    # A CSV of those who pay is read as numbers.
    assert assign_offers(rows, OfferPlan(), pl.Series([1]))["offer"].to_list() == [TRIAL, MONTH]


@pytest.mark.parametrize("cost", [10.0, 12.0])
def test_in_the_revenue_stage_an_offer_as_dear_as_a_new_customer_becomes_an_email(cost):
    found = assign_offers(listeners(0.9, 0.1), OfferPlan(**REVENUE, offer_cost=cost, holdout=0.5), None)
    assert found["offer"].to_list() == [EMAIL, ""]
    assert found["group"].to_list() == ["", ""]


def test_an_offer_that_costs_less_than_a_new_customer_is_made_at_any_stage():
    assert assign_offers(listeners(0.9, 0.1), OfferPlan(**REVENUE, offer_cost=9.99), None)["group"].to_list() == [
        TREATED,
        "",
    ]


def test_while_keeping_listeners_comes_first_offers_are_made_even_at_a_loss():
    assert assign_offers(listeners(0.9, 0.8), OfferPlan(offer_cost=1000.0), None)["group"].to_list() == [
        TREATED,
        TREATED,
    ]


def test_for_nobody_nothing_is_done_and_it_costs_nothing():
    found = offer_costs(assign_offers(listeners(), OfferPlan(), None), OfferPlan())
    assert (found.offered, found.held_out, found.cost, found.needed) == (0, 0, 0, None)


# Hold-out


@given(many(), st.randoms(), st.integers(0, 2**32 - 1))
def test_who_is_held_out_does_not_depend_on_the_order_of_the_rows(rows, random, seed):
    plan, order = OfferPlan(holdout=0.4, seed=seed), random.sample(range(rows.height), rows.height)
    assert assign_offers(rows[order], plan, None).sort("uid").equals(assign_offers(rows, plan, None).sort("uid"))


@given(st.lists(st.tuples(st.floats(0.5, 1), st.floats(0.5, 1)), min_size=1, max_size=60))
def test_who_is_held_out_does_not_depend_on_how_much_at_risk_they_are(pairs):
    before, after = (assign_offers(listeners(*side), OfferPlan(holdout=0.4), None) for side in zip(*pairs, strict=True))
    assert (before["group"] == after["group"]).all()


def test_another_seed_holds_out_others():
    first, same, other = (
        assign_offers(listeners(*[0.9] * 200), OfferPlan(holdout=0.5, seed=seed), None)["group"] for seed in (1, 1, 2)
    )
    assert first.equals(same)
    assert not first.equals(other)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9])
def test_about_the_share_asked_for_is_held_out_and_gets_no_offer(share):
    found = assign_offers(listeners(*[0.9] * 20_000), OfferPlan(holdout=share), None)
    held = found.filter(pl.col("group") == HELD_OUT)
    assert held.height / 20_000 == pytest.approx(share, abs=4 * np.sqrt(share * (1 - share) / 20_000))
    assert set(held["offer"]) <= {""}
    assert (found.filter(pl.col("group") == TREATED)["offer"] != "").all()


@given(many())
def test_whoever_is_not_at_risk_is_in_no_group(rows):
    found = assign_offers(rows, OfferPlan(holdout=0.5), None).filter(pl.col("probability") < 0.5)
    assert set(found["group"]) | set(found["offer"]) <= {""}


# Costs


def test_costs_are_sums_that_a_person_can_check():
    rows = listeners(0.9, 0.8, 0.7, 0.1).with_columns(group=pl.Series([TREATED, TREATED, HELD_OUT, ""]))
    found = offer_costs(rows, OfferPlan(offer_cost=5.0, value_kept=50.0))
    assert (found.stage, found.offered, found.held_out) == ("stickiness", 2, 1)
    assert (found.cost, found.on_stayers, found.break_even, found.churn_rate) == pytest.approx((10.0, 1.5, 0.1, 0.8))
    assert found.needed == holdout_size(0.8, 0.1, ratio=2)


def test_what_goes_to_stayers_is_no_more_than_everything():
    found = offer_costs(assign_offers(listeners(0.5, 0.6, 1.0), OfferPlan(), None), OfferPlan())
    assert found.on_stayers == pytest.approx(5 * (0.5 + 0.4))
    assert found.on_stayers < found.cost == 15


def test_an_offer_worth_more_than_a_listener_can_never_pay():
    plan = OfferPlan(offer_cost=60.0, value_kept=50.0)
    assert plan.break_even == 1.2
    assert offer_costs(assign_offers(listeners(0.9), plan, None), plan).needed is None


def test_where_by_chance_everybody_is_held_out_the_costs_are_nought():
    plan = OfferPlan(holdout=0.99)
    found = offer_costs(assign_offers(listeners(0.9, 0.8, 0.7), plan, None), plan)
    assert (found.offered, found.held_out, found.cost) == (0, 3, 0)


# The size of a hold-out


def by_the_book(leave, after, ratio):
    """Fleiss, Levin & Paik (2003), equation 4.14's size without correction, of the held out."""
    mean = (leave + ratio * after) / (ratio + 1)
    both = norm.ppf(0.975) * np.sqrt((ratio + 1) * mean * (1 - mean))
    each = norm.ppf(0.8) * np.sqrt(ratio * leave * (1 - leave) + after * (1 - after))
    return (both + each) ** 2 / (ratio * (leave - after) ** 2)


@given(st.floats(0.05, 0.95), st.floats(0.01, 1), st.floats(0.1, 20))
def test_the_size_of_a_hold_out_is_that_of_the_book_rounded_up(leave, part, ratio):
    found, book = holdout_size(leave, part * leave, ratio=ratio), by_the_book(leave, leave - part * leave, ratio)
    assert book - 1e-6 <= found < book + 1 + 1e-6


@pytest.mark.parametrize(("leave", "fall", "expected"), [(0.5, 0.1, 388), (0.5, 0.25, 58), (0.15, 0.05, 686)])
def test_the_size_of_two_equal_groups_is_the_one_known(leave, fall, expected):
    assert holdout_size(leave, fall) == expected  # 387.3, 57.7 and 685.6 in the R function power.prop.test


@pytest.mark.parametrize(("leave", "fall", "ratio"), [(0.5, 0.1, 1.0), (0.8, 0.1, 4.0), (0.3, 0.08, 9.0)])
def test_a_hold_out_of_that_size_finds_the_fall_in_about_four_worlds_of_five(leave, fall, ratio):
    size, rng = holdout_size(leave, fall, ratio=ratio), np.random.default_rng(1)
    others = round(ratio * size)
    held = rng.binomial(size, leave, 20_000) / size
    offered = rng.binomial(others, leave - fall, 20_000) / others
    pooled = (held * size + offered * others) / (size + others)
    by_chance = np.sqrt(pooled * (1 - pooled) * (1 / size + 1 / others))
    assert np.mean(np.abs(held - offered) > norm.ppf(0.975) * by_chance) == pytest.approx(0.8, abs=0.02)


@given(st.floats(0.1, 0.9), st.floats(0.01, 0.1), st.floats(0.5, 10))
def test_a_smaller_fall_needs_a_larger_hold_out_and_more_offers_a_smaller_one(leave, fall, ratio):
    assert holdout_size(leave, fall / 2, ratio=ratio) > holdout_size(leave, fall, ratio=ratio)
    assert holdout_size(leave, fall, ratio=2 * ratio) <= holdout_size(leave, fall, ratio=ratio)


@pytest.mark.parametrize(("leave", "fall"), [(0.5, 0.6), (0.5, 0.0), (0.0, 0.1), (1.0, 0.1), (0.5, float("nan"))])
def test_a_fall_that_cannot_be_has_no_size(leave, fall):
    assert holdout_size(leave, fall) is None


# Uplift


def experiment(offered=10, held=10):
    groups = [TREATED] * offered + [HELD_OUT] * held + ["", ""]
    return listeners(*[0.9] * len(groups)).with_columns(group=pl.Series(groups))


def outcome(*left):
    return pl.DataFrame({"uid": range(len(left)), "left": left})


def test_the_uplift_is_the_share_that_left_of_the_held_out_minus_that_of_the_offered():
    left = [1] * 3 + [0] * 7 + [1] * 6 + [0] * 4
    found = measure_uplift(experiment(), outcome(*left, 1, 0), 0.1)
    assert (found.offered, found.offered_left, found.held_out, found.held_out_left) == (10, 3, 10, 6)
    assert (found.uplift, found.unknown, found.break_even) == (difference_of_shares(6, 10, 3, 10), 0, 0.1)


@pytest.mark.parametrize(
    "left",
    [[True, False] * 10, [1.0, 0.0] * 10, ["1", "0"] * 10, np.array([1, 0] * 10, dtype=np.uint8)],
)
def test_who_left_may_be_said_by_truth_values_numbers_or_texts(left):
    found = measure_uplift(experiment(), outcome(*left), 0.1)
    assert (found.offered_left, found.held_out_left) == (5, 5)


def test_listeners_may_be_named_by_texts_and_in_any_order():
    told = outcome(*[1] * 3 + [0] * 7 + [1] * 6 + [0] * 4)
    texts = told.reverse().with_columns(pl.col("uid").cast(pl.String))
    assert measure_uplift(experiment(), texts, 0.1) == measure_uplift(experiment(), told, 0.1)


def test_listeners_of_whom_the_outcome_says_nothing_are_counted_and_strangers_are_not():
    told = pl.DataFrame({"uid": [0, 1, 10, 999], "left": [1, 0, 1, 1]})
    found = measure_uplift(experiment(), told, 0.1)
    assert (found.offered, found.held_out, found.unknown) == (2, 1, 17)


@pytest.mark.parametrize(
    ("told", "says"),
    [
        (pl.DataFrame({"who": [1], "left": [1]}), "the outcome has no column 'uid'"),
        (pl.DataFrame({"uid": [1], "stayed": [1]}), "the outcome has no column 'left'"),
        (outcome(1, 2), "must hold 1 (left) or 0 (stayed)"),
        (outcome(1, None), "must hold 1 (left) or 0 (stayed)"),
        (outcome("yes", "no"), "must hold 1 (left) or 0 (stayed)"),
        (outcome(1.0, float("nan")), "must hold 1 (left) or 0 (stayed)"),
        (pl.DataFrame({"uid": [1, 1], "left": [1, 0]}), "names a listener twice"),
        (outcome(*[1] * 10), "names nobody of the group 'hold-out'"),
        (pl.DataFrame({"uid": [15], "left": [1]}), "names nobody of the group 'offer'"),
        (outcome(), "names nobody of the group 'offer'"),
    ],
)
def test_an_outcome_that_says_nothing_is_refused_in_one_line(told, says):
    assert says in refusal(lambda: measure_uplift(experiment(), told, 0.1))


def test_a_listener_is_named_twice_however_the_number_is_written():
    told = pl.DataFrame({"uid": ["0", "00", "15"], "left": [1, 0, 1]})
    assert "names a listener twice" in refusal(lambda: measure_uplift(experiment(), told, 0.1))


@pytest.mark.parametrize(
    ("held_left", "says"),
    [(950, "offers pay for themselves"), (510, "offers do not pay for themselves"), (600, "it cannot be told yet")],
)
def test_whether_offers_pay_is_said_only_as_far_as_the_interval_can_tell(held_left, says):
    left = [1] * 500 + [0] * 500 + [1] * held_left + [0] * (1000 - held_left)
    assert measure_uplift(experiment(1000, 1000), outcome(*left), 0.1).verdict == says


def test_whoever_is_held_out_stays_so_whoever_else_is_there():
    rows = listeners(*[0.9] * 400)
    before = assign_offers(rows, OfferPlan(holdout=0.3), None)
    after = assign_offers(rows.filter(pl.col("uid") % 7 != 0), OfferPlan(holdout=0.3), None)
    assert after.sort("uid").equals(before.filter(pl.col("uid") % 7 != 0).sort("uid"))


def test_those_said_to_pay_must_be_known_and_be_uids():
    assert "none of those said to pay is known" in refusal(
        lambda: assign_offers(listeners(0.9), OfferPlan(), pl.Series([99]))
    )
    assert "'x' is no uid of these logs" in refusal(
        lambda: assign_offers(listeners(0.9), OfferPlan(), pl.Series(["x"]))
    )
