"""The survival curve is Kaplan and Meier's, and its interval Greenwood's on the scale log(-log).

- It is the product over days of those who stayed, counted slowly, and what scipy gives.
- Where everybody's end is known it is the share still there.
- Published: the remissions of Freireich et al. (1963).
- The interval lies within [0, 1] and covers the truth; the median is the first day after which half or fewer are left.
"""

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import CensoredData, ecdf

from counterpoint.errors import CounterpointError
from counterpoint.stats.survival import kaplan_meier, median_survival

# Weeks of remission under 6-mercaptopurine; a negative one was still in remission then.
REMISSION = np.array([6, 6, 6, -6, 7, -9, 10, -10, -11, 13, 16, -17, -19, -20, 22, 23, -25, -32, -32, -34, -35])


@st.composite
def lives(draw):
    rows = draw(st.lists(st.tuples(st.integers(0, 12), st.booleans()), min_size=1, max_size=40))
    days, ended = (np.array(column) for column in zip(*rows, strict=True))
    return days, ended


def slowly(days, ended):
    """Day, how many were there on it, the share left after it and Greenwood's sum: counted, in fractions."""
    share, greenwood, steps = Fraction(1), Fraction(0), []
    for day in sorted(set(days[ended].tolist())):
        there, gone = int((days >= day).sum()), int(((days == day) & ended).sum())
        share *= Fraction(there - gone, there)
        greenwood += Fraction(gone, there * (there - gone)) if there > gone else 0
        steps.append((day, there, share, greenwood))
    return steps


def ends(share, greenwood, z=1.959963984540054):
    """Greenwood's interval of log(-log S), turned back."""
    middle, half = np.log(-np.log(share)), z * np.sqrt(greenwood) / abs(np.log(share))
    return np.exp(-np.exp(middle + half)), np.exp(-np.exp(middle - half))


@given(lives())
def test_the_curve_is_the_product_of_those_who_stayed_counted_slowly(life):
    found = [(step.day, step.at_risk, step.share.value) for step in kaplan_meier(*life)]
    expected = [(day, there, pytest.approx(float(share))) for day, there, share, _ in slowly(*life)]
    assert found == expected


@given(lives())
def test_the_interval_is_greenwoods_turned_back_from_log_minus_log(life):
    for step, (_, _, share, greenwood) in zip(kaplan_meier(*life), slowly(*life), strict=True):
        if share:
            assert (step.share.low, step.share.high) == pytest.approx(ends(float(share), float(greenwood)))


@pytest.mark.filterwarnings("ignore:The confidence interval is undefined")  # where nobody or everybody is left
def test_curve_and_interval_are_those_of_scipy():
    rng = np.random.default_rng(1)
    days, ended = rng.integers(1, 60, 300), rng.random(300) < 0.6
    theirs = ecdf(CensoredData(uncensored=days[ended], right=days[~ended])).sf
    between = theirs.confidence_interval(method="log-log")
    for step in kaplan_meier(days, ended):
        assert step.share.value == pytest.approx(theirs.evaluate(step.day))
        if step.share.value:
            expected = [end.evaluate(step.day) for end in (between.low, between.high)]
            np.testing.assert_allclose([step.share.low, step.share.high], expected)


@given(st.lists(st.integers(0, 12), min_size=1, max_size=40))
def test_where_every_end_is_known_the_curve_is_the_share_still_there(days):
    days = np.array(days)
    for step in kaplan_meier(days, np.ones(len(days), dtype=bool)):
        assert step.share.value == pytest.approx((days > step.day).mean())


@given(lives(), st.randoms())
def test_the_order_of_people_changes_nothing(life, random):
    shuffled = np.array(random.sample(range(len(life[0])), len(life[0])))
    assert kaplan_meier(*(column[shuffled] for column in life)) == kaplan_meier(*life)


@given(lives())
def test_the_curve_falls_and_its_interval_holds_it_within_0_and_1(life):
    curve = kaplan_meier(*life)
    assert all(later.share.value < earlier.share.value for earlier, later in pairwise(curve))
    assert all(0 <= step.share.low <= step.share.value <= step.share.high <= 1 for step in curve)
    assert {step.share.count for step in curve} <= {len(life[0])}


@given(lives())
def test_where_nobody_is_left_the_interval_goes_from_nought_to_the_high_end_of_the_step_before(life):
    *before, last = kaplan_meier(*life) or (None,)
    if last and last.share.value == 0:
        assert (last.share.low, last.share.high) == (0, before[-1].share.high if before else 1)


@given(lives())
def test_who_is_followed_no_longer_than_to_before_the_first_end_adds_nothing(life):
    days, ended = life[0] + 1, life[1]
    more = kaplan_meier(np.append(days, 0), np.append(ended, False))
    assert [(step.day, step.share.value) for step in more] == [
        (step.day, step.share.value) for step in kaplan_meier(days, ended)
    ]


@given(lives())
def test_a_higher_level_gives_a_wider_interval(life):
    for narrow, wide in zip(kaplan_meier(*life, level=0.8), kaplan_meier(*life, level=0.99), strict=True):
        assert wide.share.low <= narrow.share.low <= narrow.share.high <= wide.share.high
        assert (narrow.share.level, wide.share.level) == (0.8, 0.99)


def test_the_remissions_of_freireich_1963_last_as_published():
    curve = kaplan_meier(np.abs(REMISSION), REMISSION > 0)
    assert [(step.day, step.at_risk) for step in curve] == [
        (6, 21),
        (7, 17),
        (10, 15),
        (13, 12),
        (16, 11),
        (22, 7),
        (23, 6),
    ]
    assert [round(step.share.value, 3) for step in curve] == [0.857, 0.807, 0.753, 0.690, 0.627, 0.538, 0.448]
    assert median_survival(curve) == 23


def test_the_intervals_of_the_remissions_are_those_that_statistical_packages_print():
    curve = kaplan_meier(np.abs(REMISSION), REMISSION > 0)
    assert [(round(step.share.low, 4), round(step.share.high, 4)) for step in curve] == [
        (0.6197, 0.9516),
        (0.5631, 0.9228),
        (0.5032, 0.8894),
        (0.4316, 0.8491),
        (0.3675, 0.8049),
        (0.2678, 0.7468),
        (0.1881, 0.6801),
    ]


def test_an_interval_of_95_percent_covers_the_truth_in_about_95_of_100_worlds():
    rng, covered = np.random.default_rng(1), 0
    true = 0.95**10  # of whom one in twenty goes each day, those left after the tenth
    for _ in range(1000):
        leaves, followed = rng.geometric(0.05, 100), rng.integers(5, 40, 100)
        curve = kaplan_meier(np.minimum(leaves, followed), leaves <= followed)
        share = [step.share for step in curve if step.day <= 10][-1]
        covered += share.low <= true <= share.high
    assert 0.93 < covered / 1000 < 0.97  # three sigmas of 1,000 worlds


def test_nobody_who_left_means_no_step_and_no_median():
    curve = kaplan_meier(np.array([3, 5]), np.array([False, False]))
    assert curve == ()
    assert median_survival(curve) is None


def exact_median(days, ended):
    return next((day for day, _, share, _ in slowly(days, ended) if share <= Fraction(1, 2)), None)


@given(lives())
def test_the_median_is_the_first_day_after_which_half_or_fewer_are_left(life):
    assert median_survival(kaplan_meier(*life)) == exact_median(*life)


def test_the_median_is_exact_for_random_lives():
    rng, ties = np.random.default_rng(1), 0
    for _ in range(4000):
        people = rng.integers(2, 13)
        life = rng.integers(0, 4, people), rng.random(people) < 0.6
        curve, median = kaplan_meier(*life), exact_median(*life)
        assert median_survival(curve) == median
        ties += median != next((step.day for step in curve if step.share.value <= 0.5), None)
    assert ties  # the product of floats would have been wrong


def test_a_share_of_exactly_one_half_is_half_though_floats_make_it_more():
    days = np.array([0, 0, 1, 1, 2, 2, 2, 2, 2, 2])
    ended = np.array([True, True, True, True, False, False, False, False, False, True])
    assert median_survival(kaplan_meier(days, ended)) == 2


@pytest.mark.parametrize(
    ("days", "ended"),
    [([], []), ([1, 2], [True]), ([-1, 2], [True, True]), ([[1, 2]], [[True, True]])],
)
def test_days_that_are_no_lives_are_refused(days, ended):
    with pytest.raises(CounterpointError, match="a number of days of at least 0"):
        kaplan_meier(np.array(days, dtype=np.int64), np.array(ended, dtype=bool))


@pytest.mark.parametrize("level", [0, 1, 95])
def test_a_level_of_95_is_refused_because_it_must_be_a_share(level):
    with pytest.raises(CounterpointError, match=r"0\.95 is usual"):
        kaplan_meier(np.array([1, 2]), np.array([True, True]), level=level)
