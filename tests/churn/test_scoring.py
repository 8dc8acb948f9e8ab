"""Who is about to leave: everybody once, in order, each with a reason, and nobody by a model that saw how it ended.

- Every listener of the snapshot has one rank; probabilities fall and lie in [0, 1].
- At the day the model learned from, each is scored by the part that never saw them.
- The reason is the feature that adds most, in words, with the listener's own value.
- Scores are those of the workspace's model: of another model they are none.
"""

import shutil

import numpy as np
import pytest
from tests.small_logs import Event, ingested

from counterpoint.churn import visit_hmm
from counterpoint.churn.models import boosted
from counterpoint.churn.models.registry import MODELS, SEARCHED_FOREST
from counterpoint.churn.scoring import main_reasons, safest_traits, score, scores_in
from counterpoint.churn.training import train, trained_in
from counterpoint.churn.training_set import listener_folds
from counterpoint.errors import CounterpointError
from counterpoint.events.formats import load_format
from counterpoint.events.ingestion import ingest
from counterpoint.snapshots.listener_features import Feature, LastDay, WindowTotal
from counterpoint.snapshots.snapshot import Snapshot
from counterpoint.storage.workspace import open_workspace

LAST_DAY = "2017-04-28"


@pytest.fixture(scope="module", autouse=True)
def _quick():
    """None of these truths depends on how many trees a model has, or how long the rhythm is learned."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(boosted, "BOOSTING_ROUNDS", 20)
        patch.setattr(visit_hmm, "EM_ITERATIONS", 5)
        yield


@pytest.fixture(scope="module", params=[name for name in MODELS if name != SEARCHED_FOREST])
def trained(workspace, snapshot, request):
    """Train each kind of model in turn in the module's workspace."""
    return train(workspace, snapshot, kind=request.param, rng=2)


@pytest.fixture(scope="module")
def now(trained, workspace):
    """The scores of the last day of the log."""
    return score(workspace)


@pytest.fixture(scope="module")
def then(trained, workspace):
    """The scores of the day that the model learned from."""
    return score(workspace, at="2017-04-21")


def test_everybody_known_on_that_day_has_exactly_one_rank(now, table):
    expected = table(now.snapshot, cleaned_at=Snapshot.of("2017-04-21", known_for=14, outcome_for=7), outcome=False)
    assert sorted(now.rows["uid"]) == expected.rows["uid"].to_list()
    assert now.rows["rank"].to_list() == list(range(1, now.rows.height + 1))
    assert (
        now.rows.select("uid", "days_since_seen", "events")
        .sort("uid")
        .equals(expected.rows.select("uid", "days_since_seen", "events"))
    )


def test_the_last_day_of_the_log_is_scored_by_default(now, trained):
    assert now.snapshot.day.isoformat() == LAST_DAY
    assert (now.snapshot.known_for, now.snapshot.outcome_for) == (
        trained.snapshot.known_for,
        trained.snapshot.outcome_for,
    )
    assert (now.model, now.seen) == (trained.kind, 0)


def test_the_likeliest_to_leave_come_first_and_ties_in_the_order_of_uid(now, then):
    for scores in (now, then):
        p, uid = scores.rows["probability"].to_numpy(), scores.rows["uid"].to_numpy()
        assert ((p >= 0) & (p <= 1)).all()
        assert (np.lexsort((uid, -p)) == np.arange(len(p))).all()


def test_everybody_has_a_reason(now, then):
    for scores in (now, then):
        assert scores.rows["reasons"].null_count() == 0
        assert (scores.rows["reasons"].str.len_chars() > 5).all()
        assert scores.rows["reasons"].n_unique() > 5


def test_at_the_day_learned_from_each_is_scored_by_the_part_that_never_saw_them(then, trained, table):
    known = table(trained.snapshot, visit_hmm=True)
    found = then.rows.sort("uid")["probability"].to_list()
    fold, expected = listener_folds(known), np.empty(known.rows.height)
    for number, model in enumerate(trained.fitted.folds):
        expected[fold == number] = model.probability(known.matrix[fold == number])
    assert found == pytest.approx(expected, abs=1e-12)
    assert then.seen == len(found) == known.rows.height


def test_at_the_day_learned_from_the_scores_are_not_those_of_the_model_that_saw_everybody(then, trained, table):
    whole = trained.fitted.whole.probability(table(trained.snapshot, visit_hmm=True).matrix)
    assert (then.rows.sort("uid")["probability"].to_numpy() != whole).mean() > 0.9


def test_at_another_day_the_model_that_learned_from_everybody_scores(now, trained, table):
    known = table(now.snapshot, cleaned_at=trained.snapshot, outcome=False, visit_hmm=True)
    whole = trained.fitted.whole.probability(known.matrix)
    np.testing.assert_array_equal(now.rows.sort("uid")["probability"].to_numpy(), whole)


def test_scores_are_read_back_as_they_were_returned(now, workspace):
    again = score(workspace)
    with open_workspace(workspace) as view:
        kept = scores_in(view)
    for scores in (again, kept):
        assert (scores.snapshot, scores.model, scores.seen) == (now.snapshot, now.model, now.seen)
        assert (scores.traits, scores.key) == (now.traits, now.key)
        assert scores.rows.equals(now.rows)


def test_scores_of_a_model_that_is_no_longer_there_are_none(now, workspace, snapshot, tmp_path):
    copy = shutil.copytree(workspace, tmp_path / "copy")
    score(copy)
    train(copy, snapshot, kind="logistic", rng=77)
    with open_workspace(copy) as view:
        assert scores_in(view) is None


def test_a_model_is_kept_as_it_was_trained(trained, workspace, table):
    with open_workspace(workspace) as view:
        kept, _ = trained_in(view)
    assert (kept.kind, kept.snapshot, kept.features, kept.listeners, kept.churned, kept.seed) == (
        trained.kind,
        trained.snapshot,
        trained.features,
        trained.listeners,
        trained.churned,
        trained.seed,
    )
    t = table(trained.snapshot, visit_hmm=True)
    for one, other in zip(
        (kept.fitted.whole, *kept.fitted.folds), (trained.fitted.whole, *trained.fitted.folds), strict=True
    ):
        np.testing.assert_array_equal(one.contributions(t.matrix), other.contributions(t.matrix))


# Reasons

PLAYS = Feature("plays", "{0}", (WindowTotal("P"),), "{:,.0f} plays")
IDLE = Feature("idle", "{at} - {0}", (LastDay("P"),), "last play {:.0f} days before", "no play at all")


@pytest.mark.parametrize(
    ("values", "weights", "reason"),
    [
        ((1234, 9), (0.5, 0.1), "1,234 plays; last play 9 days before"),
        ((1234, 9), (0.1, 0.5), "last play 9 days before; 1,234 plays"),
        ((1234, 9), (0.1, -0.5), "1,234 plays"),
        ((0, np.nan), (-1, 0.5), "no play at all"),
        ((5, 9), (-0.5, -0.1), "nothing speaks for leaving"),
        ((5, 9), (0, 0), "nothing speaks for leaving"),
    ],
)
def test_reasons_are_the_features_that_speak_for_leaving_the_strongest_first(values, weights, reason):
    assert main_reasons((PLAYS, IDLE), np.array([values], float), np.array([weights], float)) == [reason]


def test_what_the_safest_have_in_common_is_what_tells_them_from_the_others():
    rng = np.random.default_rng(1)
    x = np.column_stack([np.arange(1000.0), rng.random(1000), np.full(1000, np.nan)])
    first, second = safest_traits(("often", "noise", "never"), x, -x[:, 0])
    assert (first.feature, first.superiority, first.safest, first.others) == ("often", 1.0, 949.5, 449.5)
    assert second.feature == "noise"
    assert abs(second.superiority - 0.5) < 0.1


# Refusals


def refusal(act, *args, **settings):
    with pytest.raises(CounterpointError) as refused:
        act(*args, **settings)
    assert "\n" not in str(refused.value)
    return str(refused.value)


@pytest.fixture
def visited(tmp_path):
    """A small log: listener n comes every day of the first 10 + n, all on Android, and plays one song."""
    log = [Event(uid, "P", 17_000 + day, 9000, 9000, "ar") for uid in range(80) for day in range(30) if day < 10 + uid]
    return ingested(log, tmp_path)


SMALL = Snapshot.of("2016-08-06", known_for=20, outcome_for=10)


def test_a_workspace_without_a_model_says_how_to_make_one(visited):
    assert refusal(score, visited).endswith("has no churn model; `counterpoint churn train` makes one")


def test_a_kind_of_model_that_there_is_none_of_is_refused_with_the_nearest(visited):
    assert refusal(train, visited, SMALL, kind="lightgmb") == "no model 'lightgmb'; did you mean 'lightgbm'?"


def test_a_day_that_the_log_does_not_cover_is_refused(visited):
    train(visited, SMALL, kind="logistic")
    assert "the log has 2016-07-18 to 2016-08-16" in refusal(score, visited, at="2016-08-17")
    assert "is no day: 2017-04-28 would be one" in refusal(score, visited, at="soon")


def test_a_model_goes_on_with_the_kinds_of_event_it_knows_when_the_logs_get_others(visited, tmp_path):
    train(visited, SMALL, kind="logistic")
    before = score(visited).rows.select("uid", "probability")
    ingested([Event(1, "D", 17_005)], tmp_path, log="downloads.csv")
    assert score(visited).rows.select("uid", "probability").equals(before)


def plays_by_text(to, *more):
    """A workspace of 80 listeners whose uids are texts, each of whom comes on the first days of 2016-08."""
    lines = [f'"lis,tener ={n}",2016-08-{1 + day:02}T12:00,song' for n in range(80) for day in range(n % 31)]
    (to / "plays.csv").write_text("\n".join([*lines, *more]) + "\n", encoding="utf-8")
    ingest([to / "plays.csv"], to=to / "workspace", format=load_format("plain"))
    return to / "workspace"


TEXTS = Snapshot.of("2016-08-20", known_for=20, outcome_for=7)


def test_uids_may_be_texts(tmp_path):
    workspace = plays_by_text(tmp_path)
    train(workspace, TEXTS, kind="logistic")
    assert "lis,tener =60" in score(workspace).rows["uid"].to_list()


@pytest.mark.parametrize("clock", [900_000_000_000_000, -900_000_000_000_000])
def test_one_clock_beyond_the_calendar_does_not_keep_the_rest_from_being_scored(tmp_path, clock):
    workspace = plays_by_text(tmp_path, f"odd,{clock},song")
    train(workspace, TEXTS, kind="logistic")
    assert score(workspace).snapshot.day.isoformat() == "2016-08-30"
    assert "no model" not in refusal(score, workspace, at="2016-09-30")
