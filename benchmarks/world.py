"""The invented world beside the report that it imitates: both in one table; with `--fit`, its constants again."""

import argparse
import time
from collections.abc import Mapping
from copy import deepcopy
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from counterpoint.synthetic.activity import simulate_activity
from counterpoint.synthetic.bayes_filter import leaving_filter
from counterpoint.synthetic.day_counts import Chances
from counterpoint.synthetic.hidden_states import Floats, published, states

CHANCES: Final = Chances(lost=(0.004, 0.009, 0.004), spoiled=0.10, liked=0.0, worse=2.0, better=1.0)
MONDAY, KNOWN, OUTCOME, LOG, SNAPSHOT, LATER = 3, 30, 14, 44, 29, 75
SECONDS: Final = 241 * np.array([0.05, 0.30, 0.50, 0.70, 0.985])  # of a play, by the fifth of the song it ends in
SPOILED: Final = 144.0  # mean seconds of a play without a believable length
BOTS: Final = 99.9  # percentile of plays from which on a listener is taken for a bot
AMOUNTS: Final = ("weight", "plays", "downloads", "searches", "restless")  # all other constants are chances

# What the report published; and one unit of the fit's loss (relative from 1 on, else absolute; 0: not fitted).
PUBLISHED_SUMMARIES: Final = {
    "raw plays, mean; bots' share": ([246.0, 0.25], 0),  # how many bots there are is chance: the next leaves them out
    "raw plays, mean but bots; median; 75%": ([184.5, 40.0, 174.0], 0.05),
    "raw plays, 99.9%": ([5195.0], 0.15),
    "raw downloads and searches": ([13.5, 15.1], 0.05),
    "share that left": ([0.621], 0.005),
    "shares of the fifths": ([0.358, 0.058, 0.063, 0.085, 0.422], 0.003),
    "seconds, mean and quartiles": ([20226.0, 544.0, 3623.0, 17113.0], 0.05),
    "seconds of a play": ([144.0], 0.015),
    "plays in the last 7 days, share": ([0.100], 0.004),
    "days since a play, mean and quartiles": ([15.0, 2.0, 15.0, 28.0], 0.04),
    "plays, downloads, searches": ([140.0, 8.0, 10.6], 0.05),
    "searches, median": ([1.0], 0.25),
}
# What the filter must reach besides: from, to, and one unit of the loss.
FILTER_TARGETS: Final = {
    "ceiling": (0.890, 0.900, 0.003),
    "recency": (0.0, 1.0, 1.0),
    "ceiling - recency": (0.041, 1.0, 0.003),
    "later: share that left": (0.30, 0.60, 0.03),
    "later: ceiling": (0.86, 0.91, 0.005),
    "later: recency": (0.0, 1.0, 1.0),
    "later: ceiling - recency": (0.036, 1.0, 0.004),
}


def summary(world: Mapping[str, Any], listeners: int, seed: int) -> dict[str, Floats]:
    """Simulate a world and return its summaries by the names of `PUBLISHED_SUMMARIES` and `FILTER_TARGETS`."""
    hidden, rng, days = states(world), np.random.default_rng(seed), LATER + OUTCOME + 1
    filter_ = leaving_filter(hidden, CHANCES, listeners=listeners, monday=MONDAY)
    raw, fifths, seen = np.zeros((listeners, 3)), np.zeros((listeners, 5)), np.zeros((days, listeners, 3))
    chance = {}
    for day in simulate_activity(hidden, CHANCES, listeners=listeners, days=days, monday=MONDAY, rng=rng):
        seen[day.day, day.who] = day.accepted
        raw[day.who] += (day.accepted + day.lost) * (day.day < LOG)
        fifths[day.who] += day.clean.sum(axis=2) * (day.day <= SNAPSHOT)
        if day.day <= LATER:
            filter_.see(day)
        if day.day in (SNAPSHOT, LATER):
            chance[day.day] = filter_.leaves(day.day, OUTCOME)
    now, later = (_predicted(seen, after, chance[after]) for after in (SNAPSHOT, LATER))
    now |= {f"later: {name}": value for name, value in later.items()}
    simulated = _raw(raw, rng) | _features(seen[:KNOWN], fifths, rng) | now
    return {name: np.atleast_1d(value) for name, value in simulated.items()}


def _raw(counts: Floats, rng: np.random.Generator) -> dict[str, Any]:
    plays, downloads, searches = counts[counts.sum(axis=1) > 0].T
    top = np.percentile(plays, BOTS)
    return {
        "raw plays, mean; bots' share": [plays.mean(), plays[plays >= top].sum() / plays.sum()],
        "raw plays, mean but bots; median; 75%": [(plays * (plays < top)).mean(), *_quartiles(plays, rng)[1:]],
        "raw plays, 99.9%": top,
        "raw downloads and searches": [downloads.mean(), searches.mean()],
    }


def _features(known: Floats, fifths: Floats, rng: np.random.Generator) -> dict[str, Any]:
    people = _people(known)
    known, fifths = known[:, people], fifths[people]
    totals = known.sum(axis=0)
    plays, _, searches = totals.T
    seconds = fifths @ SECONDS + (plays - fifths.sum(axis=1)) * SPOILED
    since = (known[::-1, :, 0] > 0).argmax(axis=0)  # 0 for those who never played
    return {
        "shares of the fifths": (fifths / np.maximum(fifths.sum(axis=1, keepdims=True), 1)).mean(axis=0),
        "seconds, mean and quartiles": [seconds.mean(), *_quartiles(seconds, rng)],
        "seconds of a play": seconds.sum() / plays.sum(),
        "plays in the last 7 days, share": (known[-7:, :, 0].sum(axis=0) / np.maximum(plays, 1)).mean(),
        "days since a play, mean and quartiles": [since.mean(), *_quartiles(since, rng)],
        "plays, downloads, searches": totals.mean(axis=0),
        "searches, median": _quartiles(searches, rng)[1],
    }


def _quartiles(counts: NDArray[Any], rng: np.random.Generator) -> Floats:
    # Whole numbers are spread by a half to either side: a fit can follow that, and rounded they are the quartiles.
    return np.percentile(counts + rng.uniform(-0.5, 0.5, len(counts)), (25, 50, 75))


def _people(known: Floats) -> NDArray[np.bool_]:
    total = known.sum(axis=0)
    anything = total.sum(axis=1) > 0
    return np.asarray(anything & (total[:, 0] < np.percentile(total[anything, 0], BOTS)))


def _predicted(seen: Floats, after: int, chance: Floats) -> dict[str, Any]:
    known = seen[after + 1 - KNOWN : after + 1]
    people = _people(known)
    left = seen[after + 1 : after + 1 + OUTCOME, people].sum(axis=(0, 2)) == 0
    since = (known[::-1, people].sum(axis=2) > 0).argmax(axis=0)
    best, recency = roc_auc_score(left, chance[people]), roc_auc_score(left, since)
    return {"share that left": left.mean(), "ceiling": best, "recency": recency, "ceiling - recency": best - recency}


def misses(simulated: Mapping[str, Floats]) -> Floats:
    """Return by how many units each summary misses what the report published or what is asked, none above 12."""
    published_misses = [
        (np.log(max(mine, 0.1) / value) if value >= 1 else mine - value) / unit
        for name, (values, unit) in PUBLISHED_SUMMARIES.items()
        for mine, value in zip(simulated[name], values, strict=True)
        if unit
    ]
    targets = [
        (min(simulated[n][0] - low, 0) + max(simulated[n][0] - high, 0)) / unit
        for n, (low, high, unit) in FILTER_TARGETS.items()
    ]
    return np.asarray(np.clip([*published_misses, *targets], -12, 12))


def fit(world: dict[str, Any], listeners: int, seed: int, minutes: float) -> dict[str, Any]:
    """Return better constants by ensemble Kalman inversion (Iglesias, Law and Stuart 2013) on their logarithms.

    Worlds drawn around the best so far say which way its misses shrink; a step that helps is taken.
    """
    rng, end = np.random.default_rng(seed), time.monotonic() + 60 * minutes
    constants = 23 + sum(len(kind) for kind in world["kind"])
    while time.monotonic() < end:
        seed += 1
        half = rng.normal(scale=0.1, size=(30, constants))
        moves = np.vstack([half, -half])
        missed = np.array([misses(summary(_moved(world, move), listeners, seed)) for move in moves])
        slopes, noise = moves.T @ (missed - missed.mean(axis=0)) / len(moves), np.cov(missed.T)
        now = misses(summary(world, 2 * listeners, seed))
        steps = [-slopes @ np.linalg.solve(noise + damping * np.eye(len(now)), now) for damping in (1, 8, 50)]
        worlds = [world, *(_moved(world, step * min(1.0, 0.5 / np.abs(step).max())) for step in steps)]
        losses = [float((misses(summary(other, 2 * listeners, seed)) ** 2).sum()) for other in worlds]
        print(f"# loss {losses[0]:.0f}, then {min(losses):.0f}", flush=True)
        world = worlds[int(np.argmin(losses))]
    return world


def _moved(world: dict[str, Any], moves: Floats) -> dict[str, Any]:
    moved, factors = deepcopy(world), iter(np.exp(moves))
    for table in (*(moved[part] for part in ("arrivals", "life", "drifting", "spread")), *moved["kind"]):
        for name, value in table.items():
            more = float(value * next(factors))
            table[name] = more if name in AMOUNTS else min(0.97, more / (1 - value + more))
    for ear, shares in moved["shares"].items():
        parts = np.array([share * next(factors) for share in shares])
        first = [float(share) for share in (parts / parts.sum())[:-1].round(3)]
        moved["shares"][ear] = [*first, 1 - sum(first)]
    return moved


def toml(world: Mapping[str, Any]) -> str:
    """Return a world's constants as the text of a TOML file."""
    lines = []
    for part, tables in world.items():
        several = isinstance(tables, list)
        for table in tables if several else [tables]:
            lines.append(f"\n[[{part}]]" if several else f"\n[{part}]")
            for name, value in table.items():
                new = [round(number, 3) for number in value] if isinstance(value, list) else float(f"{value:.3g}")
                lines.append(f"{name} = {new}")
    return "\n".join(lines)


def main() -> None:
    """Print both summaries, or fit the constants and print them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--listeners", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--fit", type=float, metavar="MINUTES", help="search from the shipped constants for so long")
    arguments = parser.parse_args()
    if arguments.fit:
        print(toml(fit(published(), arguments.listeners, arguments.seed, arguments.fit)))
        return
    simulated = summary(published(), arguments.listeners, arguments.seed)
    published_text = {
        name: " / ".join(f"{value:g}" for value in values) for name, (values, _) in PUBLISHED_SUMMARIES.items()
    }
    target_text = {name: f"{low:g} to {high:g}" for name, (low, high, _) in FILTER_TARGETS.items()}
    print(f"{'what':<44}{'published':<40}ours")
    for name, theirs in (published_text | target_text).items():
        print(f"{name:<44}{theirs:<40}{' / '.join(f'{value:.{3 if value < 1 else 1}f}' for value in simulated[name])}")


if __name__ == "__main__":
    main()
