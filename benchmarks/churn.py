"""Who will leave: how near to the truth ours comes, what is found of songs and likes, and how long it all takes.

    python benchmarks/churn.py --to FOLDER [--listeners 60000] [--cases truth,long,published,songs,likes,scale]

invents platforms in FOLDER once and runs each case on them. `scale` runs `train`, `evaluate` and `score` as a user
would, and prints seconds and the highest memory of each; its platform has `--scale-listeners`, of whom 600,000 are
known at the snapshot. What was measured is kept in FOLDER/results.jsonl, one JSON line a case: a second run goes on
where the first was stopped. The truth is the exact chance of silence given the log: no model ranks better on average.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from counterpoint import Platform, Snapshot, evaluate_churn, generate_platform, ingest, listener_table
from counterpoint.churn import TableSettings, compare_likes, songs_before_leaving
from counterpoint.churn.likes import active_days, compare_days, days_with_outcome
from counterpoint.churn.models.crossfit import cross_fit
from counterpoint.churn.models.registry import MODELS
from counterpoint.churn.training_set import Examples
from counterpoint.events import load_format
from counterpoint.events.cleaning_rules import PUBLISHED_RULES
from counterpoint.snapshots.session import open_session
from counterpoint.snapshots.snapshot import Span
from counterpoint.stats.classification import RankedTruth
from counterpoint.stats.intervals import paired_difference
from counterpoint.storage.workspace import edit_workspace

AT = Snapshot.of("2017-04-28")
LATER = Snapshot.of("2017-06-13")
EPOCH = date(1970, 1, 1)


def world(home: Path, name: str, asked: Platform, seed: int) -> tuple[Path, Path]:
    """Return a workspace of an invented platform and the folder with its truth, made if they are not there."""
    logs, work = home / f"logs-{name}", home / f"work-{name}"
    if not logs.exists():
        generate_platform(logs, asked, rng=seed)
    ingest([logs], to=work, format=load_format(asked.format))
    return work, logs / "truth"


def against_truth(work: Path, truth: Path, snapshot: Snapshot) -> dict[str, Any]:
    """Compare every model, out of fold, with the exact chances."""
    table = listener_table(work, snapshot, TableSettings(visit_hmm=True))
    told = pl.read_parquet(truth / "leaving.parquet").filter(pl.col("at") == (snapshot.day - EPOCH).days)
    chance = table.rows.join(told, on="uid", how="left", maintain_order="left")["leaves"].to_numpy()
    examples = Examples.of(table)
    best = RankedTruth.of(examples.y, chance)
    recency = RankedTruth.of(examples.y, table.rows["days_since_seen"].to_numpy().astype(float)).auc()
    found: dict[str, Any] = {"listeners": len(examples), "ceiling": best.auc(), "recency": recency}
    for name in ("blend", "lightgbm", "logistic"):
        said = cross_fit(MODELS[name], examples, seed=0).out_of_fold(examples.x, examples.fold)
        ranked = RankedTruth.of(examples.y, said)
        gap = paired_difference(best.auc, ranked.auc, examples.listener, rng=0)
        found[name] = {"auc": ranked.auc(), "gap": gap.brief, "off": float(np.abs(said - chance).mean())}
    return found


def by_role(work: Path, truth: Path) -> dict[str, Any]:
    """Count the songs found by their role."""
    roles = dict(pl.read_parquet(truth / "songs.parquet").select("song_id", "role").iter_rows())
    found = {}
    for seed in (0, 1, 2):
        songs = songs_before_leaving(work, AT, rng=seed)
        names = ("leaver", "decoy", "ordinary")
        of = {
            part: [roles.get(item, "ordinary") for item in rows["item"]]
            for part, rows in (("tested", songs.rows), ("found", songs.over_represented))
        }
        found[f"seed {seed}"] = {part: {name: every.count(name) for name in names} for part, every in of.items()}
        found[f"seed {seed}"]["inflation"] = round(songs.inflation, 3)
    return found


def liked(work: Path, truth: Path) -> dict[str, Any]:
    """Compare what likes seem to do with what they do: the same estimate with exact chances instead of outcomes."""
    told = pl.read_parquet(truth / "leaving.parquet")
    with edit_workspace(work) as writer, open_session(writer) as session:
        session.roll_up(session.cleaning(AT))
        days = days_with_outcome(active_days(session, "L"), Span(14), until=(AT.day - EPOCH).days)
    rows = days.join(told, left_on=["uid", "day"], right_on=["uid", "at"], how="inner", maintain_order="left")
    seen, true = (
        compare_days(rows, rows[name].cast(pl.Float64).to_numpy(), "like")[0] for name in ("silent", "leaves")
    )
    return {
        "all days": [
            (row.days_of, row.odds_ratio.brief, row.risk_difference.brief) for row in compare_likes(work).rows
        ],
        "on the days of the truth": {
            "days": seen.days,
            "odds": seen.odds_ratio.brief,
            "difference": seen.risk_difference.brief,
        },
        "truth": {"odds": true.odds_ratio.value, "difference": true.risk_difference.value},
    }


def published(work: Path) -> dict[str, Any]:
    """Judge the churn report's models in its setting."""
    [split] = evaluate_churn(work, AT, rules=PUBLISHED_RULES).splits
    return {
        one.predictor: {name: value.brief for name, value in one.metrics.items() if value}
        | {
            "leading": [
                row.feature for row in sorted(split.importance.get(one.predictor, ()), key=lambda r: -(r.share or 0))
            ][:10]
        }
        for one in split.predictors
    }


def scale(work: Path) -> dict[str, Any]:
    """Run the three commands, each in a process of its own."""
    steps = {}
    for name, options in (("train", []), ("evaluate", []), ("score", ["--out", str(work.parent / "ranked.csv")])):
        command = [
            str(Path(sys.executable).parent / "counterpoint"),
            "churn",
            name,
            str(work),
            "--at",
            str(AT.day),
            *options,
        ]
        before = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        said = process.stdout.read() if process.stdout else ""
        _, status, used = os.wait4(process.pid, 0)
        seconds = round(time.perf_counter() - before, 1)
        steps[name] = {
            "seconds": seconds,
            "gigabytes": round(used.ru_maxrss / 2**20, 2),
            "status": status,
            "said": said,
        }
    steps["seconds"] = round(sum(step["seconds"] for step in steps.values()), 1)
    return steps


def main() -> None:
    """Run the cases that have not been run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--to", type=Path, required=True)
    parser.add_argument("--listeners", type=int, default=60_000)
    parser.add_argument("--scale-listeners", type=int, default=690_000)
    parser.add_argument("--cases", default="truth,long,published,songs,likes,scale")
    asked = parser.parse_args()
    home, n = asked.to, asked.listeners
    home.mkdir(parents=True, exist_ok=True)
    usual, without = Platform(n, days=44), Platform(n, days=44, leavers=False)
    eventsim = Platform(n // 2, days=44, format="eventsim")
    cases: dict[str, Callable[[], dict[str, Any]]] = {
        "truth": lambda: against_truth(*world(home, "44", usual, 1), AT),
        "long": lambda: against_truth(*world(home, "90", Platform(n, days=90), 2), LATER),
        "published": lambda: published(world(home, "44", usual, 1)[0]),
        "songs": lambda: by_role(*world(home, "44", usual, 1)),
        "songs without": lambda: by_role(*world(home, "without", without, 3)),
        "likes": lambda: liked(*world(home, "eventsim", eventsim, 4)),
        "scale": lambda: scale(world(home, "scale", Platform(asked.scale_listeners, days=44), 9)[0]),
    }
    results = home / "results.jsonl"
    done = {json.loads(line)["case"] for line in results.read_text().splitlines()} if results.exists() else set()
    for name in (name for name in cases if name.split()[0] in asked.cases.split(",") and name not in done):
        found = {"case": name, "listeners asked": n, **cases[name]()}
        with results.open("a") as kept:
            kept.write(json.dumps(found, ensure_ascii=False) + "\n")
        print(json.dumps(found, ensure_ascii=False, indent=1))


if __name__ == "__main__":
    main()
