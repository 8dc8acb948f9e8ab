"""A sample of listeners follows from their uid and a seed alone, and disturbs nothing that was made without it."""

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from tests.logs import refusal
from tests.small_logs import Event, ingested

from counterpoint.churn.feature_table import TableSettings, listener_table
from counterpoint.events.schema import BUCKETS
from counterpoint.snapshots.sampling import Sample
from counterpoint.snapshots.snapshot import Snapshot
from counterpoint.storage.workspace import open_workspace

AT = 17_284
SNAPSHOT = Snapshot.of("2017-04-28")
LOG = [
    Event(uid, "P", AT - day, 100_000, 200_000, "ar")
    for uid in range(3000)
    for day in (uid % 30, uid % 7, -1 - uid % 14)
]


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    return ingested(LOG, tmp_path_factory.mktemp("sample"))


def chosen(workspace, **sample):
    return set(listener_table(workspace, SNAPSHOT, TableSettings(sample=Sample(**sample))).rows["uid"])


def test_everybody_stays_unless_asked_otherwise(workspace):
    assert len(chosen(workspace)) == 3000


def test_about_that_share_is_chosen_the_same_in_every_run_and_another_by_another_seed(workspace):
    one, again, other = (chosen(workspace, share=0.2, seed=seed) for seed in (1, 1, 2))
    assert one == again != other
    assert len(one) == pytest.approx(600, abs=4 * (3000 * 0.2 * 0.8) ** 0.5)
    assert len(one & other) == pytest.approx(120, abs=100)


def test_a_larger_sample_holds_the_smaller_one(workspace):
    assert chosen(workspace, share=0.05) < chosen(workspace, share=0.3)


def test_those_in_it_keep_all_their_events_and_their_rows(workspace):
    everybody = listener_table(workspace, SNAPSHOT).rows
    some = listener_table(workspace, SNAPSHOT, TableSettings(sample=Sample(0.1))).rows
    assert_frame_equal(some, everybody.filter(pl.col("uid").is_in(some["uid"].implode())), check_exact=True)


def test_what_was_made_of_everybody_stays_as_it_was(workspace):
    before = listener_table(workspace, SNAPSHOT)
    with open_workspace(workspace) as view:
        cleaning, rollups = view.with_prefix("cleaning:"), view.with_prefix("rollup:")
    listener_table(workspace, SNAPSHOT, TableSettings(sample=Sample(0.15)))
    with open_workspace(workspace) as view:
        assert view.with_prefix("cleaning:") == cleaning
        assert all(rollup in view.with_prefix("rollup:") for rollup in rollups)
    assert_frame_equal(listener_table(workspace, SNAPSHOT).rows, before.rows)


@pytest.mark.parametrize("seed", range(20))
def test_the_buckets_are_permuted_so_that_the_share_is_exact(seed):
    frame = pl.DataFrame({"bucket": pl.arange(BUCKETS, eager=True)})
    assert frame.sql(f"SELECT * FROM self WHERE {Sample(0.37, seed).where}").height == 3700


@pytest.mark.parametrize("share", [0, -1, 1.01, float("nan")])
def test_a_share_that_is_none_is_refused(share):
    assert "a share of the listeners in (0, 1]" in refusal(lambda: Sample(share))
