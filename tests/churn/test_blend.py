"""The blend adds its members' log-odds, by weights that are fitted to listeners whom the members did not see.

- Reasons and a constant add up exactly to the log-odds, with the visit HMM and without.
- While it weighs, no member is asked about a listener it has seen, nor about another row of one.
- Labels that are noise make it say the share of leavers; of too few listeners the members count alike.
- It is read as it was written, and the same seed learns the same.
"""

import numpy as np
import pytest
from tests.churn.saved_models import read_back, saved

from counterpoint.churn.feature_catalogue import HMM_PROBABILITY, HMM_SILENCE_ODDS
from counterpoint.churn.models import blend
from counterpoint.churn.models.blend import Blend, BlendKind
from counterpoint.churn.models.boosted import BoostedKind
from counterpoint.churn.models.logistic import LogisticKind
from counterpoint.churn.training_set import FOLDS, MIN_LISTENERS, Examples

NAMES = ("plays", "days", "uid", HMM_PROBABILITY, HMM_SILENCE_ODDS)


def log_odds(chance):
    return np.log(chance / (1 - chance))


def some(seed, listeners, *, with_hmm=True, noise=False, rows=2):
    """Rows of listeners, of whom who play less and are foretold to be silent leave; some plays are missing."""
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(listeners), rows)
    n = len(who)
    foretold, since = rng.uniform(0.05, 0.95, n), rng.uniform(0.5, 4, n)
    x = np.column_stack([rng.poisson(9, n) * 1.0, rng.integers(1, 15, n) * 1.0, who * 1.0, foretold, since])
    tends = log_odds(foretold) + np.log(since) - 0.2 * (x[:, 0] - 9) - 0.5
    y = (rng.random(n) < (0.4 if noise else 1 / (1 + np.exp(-tends)))).astype(np.int64)
    x[rng.random(n) < 0.1, 0] = np.nan
    columns = 5 if with_hmm else 3
    return Examples(NAMES[:columns], x[:, :columns], y, who, rng.integers(0, 10_000, listeners)[who])


@pytest.fixture(scope="module", params=[True, False], ids=["with HMM", "without"])
def learned(request):
    examples = some(1, 400, with_hmm=request.param)
    return examples, BlendKind().fit(examples, seed=1)


def test_reasons_and_a_constant_add_up_to_the_log_odds(learned):
    _, model = learned
    fresh = some(2, 300, with_hmm=len(model.weights) == 3).x
    left = log_odds(model.probability(fresh)) - model.contributions(fresh).sum(axis=1)
    np.testing.assert_allclose(left, left[0], rtol=0, atol=1e-9)


def test_a_reason_is_the_members_own_by_their_weights_and_the_hmm_adds_to_its_own_columns(learned):
    examples, model = learned
    by_trees, by_regression, *by_hmm = model.weights
    trees, regression = model.trees.contributions(examples.x), model.regression.contributions(examples.x)
    left = model.contributions(examples.x) - by_trees * trees - by_regression * regression
    np.testing.assert_allclose(left[:, :3], 0, atol=1e-12)
    if by_hmm:
        foretold, since = log_odds(examples.x[:, 3]), np.log(examples.x[:, 4])
        expected = by_hmm[0] * np.column_stack([foretold - foretold.mean(), since - since.mean()])
        np.testing.assert_allclose(left[:, 3:], expected, atol=1e-9)


def test_there_is_a_weight_for_the_hmm_only_where_there_are_its_columns(learned):
    examples, model = learned
    assert len(model.weights) == (3 if HMM_PROBABILITY in examples.names else 2)
    assert model.hmm_columns == ((3, 4) if HMM_PROBABILITY in examples.names else ())


def test_what_tells_is_what_was_made_to_tell(learned):
    _, model = learned
    assert model.importance.sum() == pytest.approx(1)
    assert model.importance.argmax() in ({3} if model.hmm_columns else {0})


def test_it_says_more_than_each_listener_leaves_as_often(learned):
    examples, model = learned
    fresh = some(2, 1000, with_hmm=HMM_PROBABILITY in examples.names)
    p, usual = model.probability(fresh.x), examples.y.mean()

    def loss(p):
        return -np.mean(fresh.y * np.log(p) + (1 - fresh.y) * np.log(1 - p))

    assert loss(p) < loss(np.full(len(p), usual)) - 0.005
    assert p.mean() == pytest.approx(fresh.y.mean(), abs=0.05)


def test_it_is_read_as_it_was_written(learned):
    examples, model = learned
    again = read_back(model)
    np.testing.assert_array_equal(again.probability(examples.x), model.probability(examples.x))
    np.testing.assert_array_equal(again.contributions(examples.x), model.contributions(examples.x))
    np.testing.assert_array_equal(again.importance, model.importance)


def test_the_same_seed_learns_the_same_and_another_seed_another():
    examples = some(1, 120)
    first, again, other = (BlendKind().fit(examples, seed=seed) for seed in (1, 1, 2))
    assert saved(first) == saved(again)
    assert saved(first) != saved(other)


class Member:
    """Says something of everybody, and remembers whom it has seen and of whom it was asked."""

    asked: list

    def __init__(self, examples):
        self.seen = set(examples.x[:, 2])

    def log_odds(self, x):
        Member.asked.append((self.seen, x[:, 2].tolist()))
        return np.sin(x[:, 2])

    def contributions(self, x):
        return np.zeros_like(x)


class MemberKind:
    def fit(self, examples, *, seed):
        assert seed == 1
        return Member(examples)


@pytest.fixture
def asked(monkeypatch):
    for name in ("BoostedKind", "LogisticKind"):
        monkeypatch.setattr(blend, name, MemberKind)
    monkeypatch.setattr(Member, "asked", [], raising=False)
    return Member.asked


def test_while_it_weighs_no_member_is_asked_about_a_listener_it_has_seen(asked):
    examples = some(1, 300, rows=3)
    BlendKind().fit(examples, seed=1)
    assert len(asked) == 2 * FOLDS
    assert not [seen for seen, of in asked if seen & set(of)]


def test_everybody_is_asked_about_once_a_member(asked):
    examples = some(1, 300, rows=3)
    BlendKind().fit(examples, seed=1)
    for member in (0, 1):
        assert sorted(uid for _, of in asked[member::2] for uid in of) == examples.listener.tolist()


def test_within_one_outer_fold_there_are_all_inner_folds(asked):
    examples = some(1, 1500, rows=1)
    BlendKind().fit(examples.rows(examples.fold == 2), seed=1)
    sizes = np.array([len(of) for _, of in asked[::2]])
    assert len(sizes) == FOLDS
    assert (np.abs(sizes - sizes.mean()) < 5 * np.sqrt(sizes.mean())).all()


def test_of_very_many_one_fifth_are_asked_about(asked, monkeypatch):
    monkeypatch.setattr(blend, "MAX_WEIGHING_ROWS", 500)
    BlendKind().fit(some(1, 300), seed=1)
    assert len(asked) == 2
    assert 60 < len(asked[0][1]) < 180


@pytest.mark.parametrize("with_hmm", [True, False])
def test_of_too_few_listeners_the_members_count_alike(with_hmm):
    model = BlendKind().fit(some(1, MIN_LISTENERS // 2, with_hmm=with_hmm), seed=1)
    members = 2 + with_hmm
    assert model.weights == (1 / members,) * members
    assert model.constant == 0


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_labels_that_are_noise_make_it_say_the_share_of_leavers(seed):
    examples, fresh = some(seed, 600, noise=True, rows=1), some(9, 2000, noise=True, rows=1)
    p = BlendKind().fit(examples, seed=seed).probability(fresh.x)
    trees = BoostedKind().fit(examples, seed=seed).probability(fresh.x)
    assert p.mean() == pytest.approx(0.4, abs=4 * np.sqrt(0.24 / 600))
    assert p.std() < 0.06 < trees.std()


def test_members_that_agree_are_added_and_not_counted_twice():
    # The regression alone is right here: together the members say no more than it.
    rng = np.random.default_rng(1)
    x = rng.uniform(0, 20, (3000, 2))
    tends = 1.5 * np.log1p(x[:, 0]) - 3
    y = (rng.random(3000) < 1 / (1 + np.exp(-tends))).astype(np.int64)
    examples = Examples(("plays", "days"), x, y, np.arange(3000), rng.integers(0, 10_000, 3000))
    told = log_odds(BlendKind().fit(examples, seed=1).probability(x))
    slope = np.polyfit(tends, told, 1)[0]
    assert slope == pytest.approx(1, abs=0.2)


def test_a_blend_of_given_members_is_the_sum_by_hand():
    examples = some(1, 200)
    trees, regression = (kind().fit(examples, seed=1) for kind in (BoostedKind, LogisticKind))
    model = Blend(trees, regression, (0.5, 0.25, 2.0), -1.0, (3, 4), (0.1, 0.2), np.zeros(5))
    hmm = log_odds(examples.x[:, 3]) - 0.1 + np.log(examples.x[:, 4]) - 0.2
    expected = 0.5 * trees.log_odds(examples.x) + 0.25 * regression.log_odds(examples.x) + 2 * hmm - 1
    np.testing.assert_allclose(log_odds(model.probability(examples.x)), expected, atol=1e-9)


@pytest.mark.parametrize("since", [[np.nan], [-1.0], None])
def test_a_table_with_columns_named_like_the_hmm_that_are_none_is_a_table_like_any_other(since):
    rng = np.random.default_rng(5)
    x, names = rng.random((300, 2)), ["plays", "hmm_churn_probability"]
    if since is not None:
        x, names = np.column_stack([x, np.where(np.arange(300) == 7, since, 2.0)]), [*names, "hmm_silence_odds"]
    who = np.arange(300)
    known = Examples(tuple(names), x, (x[:, 0] > rng.random(300)).astype(np.int64), who, who)
    assert BlendKind().fit(known, seed=0).hmm_columns == ()
