"""The guide's steps for a cluster run as they are printed, a folder standing for the object store."""

import re
from pathlib import Path

import polars as pl
from polars.testing import assert_frame_equal
from tests.small_logs import Event, ingested

from counterpoint.churn.feature_table import listener_table
from counterpoint.snapshots.snapshot import Snapshot
from counterpoint.storage.workspace import open_workspace

PAGE = Path(__file__).parents[2] / "docs" / "guide" / "clusters.md"
AT = 17_284
LOG = [
    Event(uid, kind, AT - day, 1000 * uid, 60_000, "ar")
    for uid in range(1, 40)
    for kind, day in (("P", uid % 30), ("P", uid % 7), ("D", 3), ("S", -uid % 15 - 14))
]


def test_the_steps_for_a_cluster_give_the_table_of_a_workspace(spark_session, tmp_path):
    workspace = ingested(LOG, tmp_path)
    store = tmp_path / "store"
    (store / "events").mkdir(parents=True)
    with open_workspace(workspace) as view:
        [log] = view.with_prefix("log:")
        (store / "events" / "0.parquet").write_bytes(log.file("events.parquet").read_bytes())
    [_, steps] = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert "s3a://bucket/counterpoint" in steps
    exec(steps.replace("s3a://bucket/counterpoint", f"file:{store}"), {"spark": spark_session})  # noqa: S102  the page's
    found = pl.concat(pl.read_parquet(part) for part in (store / "features").glob("*.parquet")).sort("uid")
    wanted = listener_table(workspace, Snapshot.of("2017-04-28")).rows
    assert_frame_equal(found, wanted, check_exact=True)
