"""Matched comparisons are the textbook's: Mantel and Haenszel's odds, the error of Robins, Breslow and Greenland.

- Published: admissions to Berkeley (Bickel et al. 1975), matched by department, as R prints them.
- Every number is that of a slow count over strata; one stratum gives the plain odds ratio; z has the skewness of draws
  without replacement, and under the null the p values are uniform.
- Strata in which everybody is alike say nothing; items do not know of each other.
- False discovery rates are scipy's; shrinking recovers the prior; the jackknife of a mean is its standard error.
"""

from fractions import Fraction
from itertools import chain
from math import comb, exp, log, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import false_discovery_control, norm

from counterpoint.errors import CounterpointError
from counterpoint.stats.matching import (
    Cells,
    false_discovery,
    jackknife_error,
    mantel_haenszel,
    risk_difference,
    shrink,
)

# Men admitted and rejected, women admitted and rejected, of the six largest departments.
BERKELEY = [
    (512, 313, 89, 19),
    (353, 207, 17, 8),
    (120, 205, 202, 391),
    (138, 279, 131, 244),
    (53, 138, 94, 299),
    (22, 351, 24, 317),
]
MEASURES = ("observed", "expected", "log_odds", "error", "z", "p")


def cells(tables, item=0):
    """Tables (exposed hit, exposed not, others hit, others not), as one item or as the items given."""
    a, b, c, d = (np.array(column, dtype=np.float64) for column in zip(*tables, strict=True))
    return Cells(np.zeros(len(a), np.int64) + item, a, a + b, a + c, a + b + c + d)


def found(tables):
    """What is found of one item, by name."""
    of = mantel_haenszel(cells(tables))
    return {name: float(getattr(of, name)[0]) for name in MEASURES}


def tables():
    """Some strata, of which the first has others of both sorts."""
    counts = st.tuples(*[st.integers(0, 9)] * 4)
    return st.lists(counts, min_size=1, max_size=12).map(
        lambda rows: [(*rows[0][:2], rows[0][2] + 1, rows[0][3] + 1), *filter(any, rows[1:])]
    )


def slow_odds(strata):
    """The matched odds ratio and the variance of its logarithm, in fractions; None where a side is empty."""
    r = s = pr = both = qs = Fraction(0)
    for a, b, c, d in strata:
        n = a + b + c + d
        p, q, for_, against = Fraction(a + d, n), Fraction(b + c, n), Fraction(a * d, n), Fraction(b * c, n)
        r, s, pr, both, qs = r + for_, s + against, pr + p * for_, both + p * against + q * for_, qs + q * against
    return (r / s, pr / (2 * r * r) + both / (2 * r * s) + qs / (2 * s * s)) if r and s else None


def slow_z(strata):
    """How far the exposed hit are from what draws without replacement give, without and with the skewness taken out."""
    gap = spread = third = Fraction(0)
    for a, b, c, d in strata:
        mean = Fraction((a + b) * (a + c), a + b + c + d)
        ways = comb(a + b + c + d, a + b)
        likely = [(k, Fraction(comb(a + c, k) * comb(b + d, a + b - k), ways)) for k in range(a + b + 1)]
        gap += a - mean
        spread += sum(p * (k - mean) ** 2 for k, p in likely)
        third += sum(p * (k - mean) ** 3 for k, p in likely)
    # At z = -1, where the correction ends, rounding decides.
    if not spread or gap**2 == spread:
        return None
    z, skew = gap / sqrt(spread), third / spread**1.5
    near = max(-8.0, min(8.0, z))
    corrected = z - skew * (near**2 - 1) / 6 + skew**2 * (4 * near**3 - 7 * near) / 36
    return z, corrected if z > -1 else z


def test_berkeley_admitted_men_as_r_prints_it():
    # R 4: mantelhaen.test(UCBAdmissions).
    of = found(BERKELEY)
    ends = [exp(of["log_odds"] + 1.959964 * step * of["error"]) for step in (-1, 0, 1)]
    assert ends == pytest.approx([0.7719074, 0.9046968, 1.0603298], abs=1e-6)
    gap, (z, _) = of["observed"] - of["expected"], slow_z(BERKELEY)
    assert z**2 * (1 - 0.5 / abs(gap)) ** 2 == pytest.approx(1.4269, abs=1e-4)
    assert of["z"] == pytest.approx(z, rel=0.03)  # so many are hardly skew


@given(tables())
def test_odds_and_error_are_those_counted_slowly_over_strata(strata):
    of, slowly = found(strata), slow_odds(strata)
    if slowly is None:
        assert np.isnan(of["log_odds"])
        assert np.isnan(of["error"])
    else:
        assert of["log_odds"] == pytest.approx(log(slowly[0]))
        assert of["error"] == pytest.approx(sqrt(slowly[1]))


@given(tables())
def test_expected_are_as_many_as_if_being_exposed_meant_nothing(strata):
    of = found(strata)
    assert of["observed"] == sum(a for a, *_ in strata)
    assert of["expected"] == pytest.approx(
        float(sum(Fraction((a + b) * (a + c), a + b + c + d) for a, b, c, d in strata))
    )


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=12))
def test_of_one_exposed_a_stratum_z_is_that_of_draws_without_replacement(rows):
    strata = [(int(hit), int(not hit), c, d) for hit, c, d in rows]
    slowly = slow_z(strata)
    if slowly is not None:
        assert found(strata)["z"] == pytest.approx(slowly[1], abs=1e-9)


@given(tables())
def test_of_many_exposed_z_is_that_of_draws_without_replacement(strata):
    slowly = slow_z(strata)
    if slowly is not None:
        assert found(strata)["z"] == pytest.approx(slowly[1], abs=1e-9)


@given(st.tuples(*[st.integers(1, 40)] * 4))
def test_one_stratum_gives_the_plain_odds_ratio_and_the_error_of_woolf(table):
    a, b, c, d = table
    of = found([table])
    assert of["log_odds"] == pytest.approx(log(a * d / (b * c)), abs=1e-9)
    assert of["error"] == pytest.approx(sqrt(1 / a + 1 / b + 1 / c + 1 / d))


@given(tables(), st.integers(2, 5))
def test_the_same_strata_again_and_again_make_only_surer(strata, times):
    once, often = found(strata), found(strata * times)
    assert often["log_odds"] == pytest.approx(once["log_odds"], nan_ok=True)
    assert often["error"] == pytest.approx(once["error"] / sqrt(times), nan_ok=True)
    assert often["expected"] == pytest.approx(once["expected"] * times)


@given(tables(), st.integers(1, 9), st.integers(0, 9), st.booleans())
def test_a_stratum_of_which_all_or_none_are_hit_says_nothing(strata, exposed, others, hit):
    alike = (exposed, 0, others, 0) if hit else (0, exposed, 0, others)
    without, with_it = found(strata), found([*strata, alike])
    for name in ("log_odds", "error", "z", "p"):
        assert with_it[name] == pytest.approx(without[name], nan_ok=True), name


@given(tables(), st.integers(0, 9), st.integers(1, 9))
def test_a_stratum_of_which_all_are_exposed_says_nothing(strata, hit, not_hit):
    without, with_it = found(strata), found([*strata, (hit, not_hit, 0, 0)])
    for name in ("log_odds", "error", "z", "p"):
        assert with_it[name] == pytest.approx(without[name], nan_ok=True), name


@given(st.lists(tables(), min_size=2, max_size=5))
def test_each_of_several_items_is_found_as_if_it_were_alone(each):
    together = cells([*chain(*each)], np.repeat(np.arange(len(each)), [len(own) for own in each]))
    several, differences = mantel_haenszel(together), risk_difference(together)
    for at, own in enumerate(each):
        for name, alone in found(own).items():
            assert getattr(several, name)[at] == pytest.approx(alone, nan_ok=True), name
        assert differences[at] == pytest.approx(risk_difference(cells(own))[0], nan_ok=True)


@given(tables(), st.randoms())
def test_the_order_of_strata_changes_nothing(strata, random):
    shuffled = random.sample(strata, len(strata))
    assert found(shuffled) == pytest.approx(found(strata), nan_ok=True)


@given(tables(), st.floats(0.05, 0.95))
def test_a_hit_may_be_a_chance_of_one(strata, chance):
    parts = [(chance * a, (1 - chance) * a + b, chance * c, (1 - chance) * c + d) for a, b, c, d in strata]
    of = found(parts)
    assert of["observed"] == pytest.approx(chance * sum(a for a, *_ in strata))
    r, s = (sum(x * y / sum(own) for own in parts for x, y in [(own[i], own[j])]) for i, j in ((0, 3), (1, 2)))
    assert (np.isnan(of["log_odds"])) if r == 0 or s == 0 else of["log_odds"] == pytest.approx(log(r / s))


@pytest.mark.parametrize(("exposed", "share"), [(1, 0.1), (1, 0.9), (2, 0.4), (15, 0.15)])
def test_if_being_exposed_means_nothing_p_values_are_uniform(exposed, share):
    rng, items, strata, size = np.random.default_rng(1), 4000, 120, 30
    hits = np.maximum(1, rng.binomial(size, share, (items, strata)))
    hit = rng.hypergeometric(hits, size - hits, exposed)
    item = np.repeat(np.arange(items), strata)
    whole = np.full(items * strata, float(size))
    of = mantel_haenszel(Cells(item, hit.ravel() * 1.0, whole * 0 + exposed, hits.ravel() * 1.0, whole))
    step = 1 / np.sqrt(120 * exposed * share * (1 - share))  # of z: counts are whole, so p values come in steps
    for level in (0.01, 0.05, 0.5):
        sigmas = 4 * np.sqrt(level * (1 - level) / items)
        assert (of.p <= level).mean() == pytest.approx(level, abs=sigmas + norm.pdf(norm.ppf(level)) * step)
    assert (of.p <= 0.001).mean() < 0.003


@given(tables())
def test_the_risk_difference_is_that_of_greenland_and_robins_counted_slowly(strata):
    both = [own for own in strata if own[0] + own[1] and own[2] + own[3]]
    weight = sum(Fraction((a + b) * (c + d), a + b + c + d) for a, b, c, d in both)
    gap = sum(Fraction(a * (c + d) - c * (a + b), a + b + c + d) for a, b, c, d in both)
    ours = risk_difference(cells(strata))[0]
    assert np.isnan(ours) if not weight else ours == pytest.approx(float(gap / weight))


def test_entries_out_of_the_order_of_items_are_refused():
    with pytest.raises(CounterpointError, match="in the order of their items"):
        mantel_haenszel(cells(BERKELEY[:2], np.array([1, 0])))


def test_of_no_entries_nothing_is_found():
    nothing = np.zeros(0)
    assert mantel_haenszel(Cells(np.zeros(0, np.int64), *[nothing] * 4)).z.tolist() == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=50))
def test_false_discovery_rates_are_those_of_scipy(p):
    np.testing.assert_allclose(false_discovery(np.array(p)), false_discovery_control(p), atol=1e-15)


@given(st.lists(st.tuples(st.floats(-5, 5), st.floats(0.05, 5)), min_size=2, max_size=30))
def test_what_is_shrunk_lies_between_its_value_and_one_mean_for_all(rows):
    values, errors = (np.array(column) for column in zip(*rows, strict=True))
    # Of what nothing is known the mean of all is told.
    *drawn, mean = shrink(np.append(values, 0), np.append(errors, 1e9)).tolist()
    for value, told in zip(values, drawn, strict=True):
        assert min(value, mean) - 1e-9 <= told <= max(value, mean) + 1e-9


def test_shrinking_recovers_a_normal_prior():
    rng = np.random.default_rng(1)
    true, errors = rng.normal(0.3, 0.5, 5000), rng.uniform(0.1, 2, 5000)
    values = true + errors * rng.normal(size=5000)
    best = (values / errors**2 + 0.3 / 0.25) / (1 / errors**2 + 1 / 0.25)
    # Mean and spread are known to about two in a hundred from so many.
    np.testing.assert_allclose(shrink(values, errors), best, atol=0.06)


def test_what_is_measured_exactly_is_not_shrunk_and_a_guess_becomes_the_mean():
    values, errors = np.array([-1.0, 0.0, 1.0, 2.0, 5.0]), np.array([1e-6] * 4 + [1e6])
    drawn = shrink(values, errors)
    np.testing.assert_allclose(drawn[:4], values[:4], atol=1e-6)
    assert drawn[4] == pytest.approx(0.5, abs=0.01)


@given(st.lists(st.floats(-100, 100), min_size=2, max_size=40))
def test_the_jackknife_of_a_mean_is_its_standard_error(values):
    values = np.array(values)
    left_out = (values.sum() - values) / (len(values) - 1)
    assert jackknife_error(left_out) == pytest.approx(values.std(ddof=1) / sqrt(len(values)), abs=1e-9)
