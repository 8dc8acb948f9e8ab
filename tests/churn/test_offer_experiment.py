"""Offers follow the ranked list of the workspace; an experiment outlives the list and the model that drew it."""

import shutil

import polars as pl
import pytest
from tests.logs import refusal

from counterpoint.churn.offer_assignment import OfferPlan
from counterpoint.churn.offer_experiment import measure_offers, offers_for, offers_in, plan_offers
from counterpoint.churn.scoring import score, scores_in
from counterpoint.churn.training import train
from counterpoint.storage.workspace import edit_workspace, open_workspace

LAST_DAY = "2017-04-28"
HALF = OfferPlan(holdout=0.5, at_risk=0.1)


@pytest.fixture(scope="module")
def ranked(workspace, snapshot):
    """A workspace with a model and its ranked list."""
    train(workspace, snapshot, kind="logistic", snapshots=1)
    score(workspace)
    return workspace


@pytest.fixture
def copy(ranked, tmp_path):
    return shutil.copytree(ranked, tmp_path / "copy")


def test_offers_are_those_of_the_ranked_list_and_are_read_back_as_they_were(copy):
    offers = plan_offers(copy, OfferPlan(at_risk=0.3))
    with open_workspace(copy) as view:
        scores, kept = scores_in(view), offers_in(view)
    assert offers.rows.select(scores.rows.columns).equals(scores.rows)
    assert (kept.plan, kept.costs, kept.scores_key) == (offers.plan, offers.costs, scores.key)
    assert kept.rows.equals(offers.rows)
    assert offers_for(scores, OfferPlan(at_risk=0.3)).rows.equals(offers.rows)


def test_offers_of_another_ranked_list_are_none(copy):
    plan_offers(copy)
    score(copy, at="2017-04-27")
    with open_workspace(copy) as view:
        assert offers_in(view) is None


def test_without_a_ranked_list_there_is_nothing_to_offer(tmp_path):
    with edit_workspace(tmp_path / "bare", create=True):
        pass
    assert "has no ranked list" in refusal(lambda: plan_offers(tmp_path / "bare"))


def test_an_experiment_outlives_the_ranking_and_the_model_that_drew_it(copy, snapshot):
    drawn = plan_offers(copy, HALF).rows.filter(pl.col("group") != "")
    train(copy, snapshot, kind="logistic", snapshots=1, rng=5)
    score(copy)
    outcome = drawn.select("uid", left=(pl.col("group") == "hold-out").cast(pl.Int64))
    uplift = measure_offers(copy, outcome)
    assert (uplift.offered + uplift.held_out, uplift.uplift.value, uplift.unknown) == (drawn.height, 1.0, 0)
    assert measure_offers(copy, outcome, at=LAST_DAY) == uplift


def test_an_experiment_under_way_is_not_drawn_anew(copy):
    assert plan_offers(copy, HALF).rows.equals(plan_offers(copy, HALF).rows)
    says = refusal(lambda: plan_offers(copy, OfferPlan(holdout=0.2, at_risk=0.1)))
    assert "an experiment of 2017-04-28 with other groups is kept" in says


def test_without_a_hold_out_nothing_is_said_of_offers(copy):
    says = refusal(lambda: measure_offers(copy, pl.DataFrame({"uid": [1], "left": [0]})))
    assert says == "nobody was held out of the offers: `churn offers --holdout 0.1` would do that"
