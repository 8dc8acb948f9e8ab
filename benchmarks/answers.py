"""What answering a rumour changes: both of the paper's events, on a scale-free network and a real one.

    python benchmarks/answers.py --to FOLDER [--facebook FILE] [--runs 1000]

prints, as tables in Markdown, how either event goes in every reading of SIDR, how it goes in ours (peaks, ends, new
believers and deniers a step), and what share of its believers is averted when people who deny it are planted: when,
how many and where. Answered and unanswered runs have the same seed, so that a run and its answered twin begin alike;
intervals are paired. What was measured is kept in FOLDER/results.jsonl, one line a point: a second run goes on where
the first stopped.
"""

import argparse
import json
from collections.abc import Callable
from functools import cache, partial
from itertools import product
from pathlib import Path
from typing import Any, Final

from counterpoint.networks.generators import barabasi_albert
from counterpoint.networks.graph import Network
from counterpoint.networks.readers import read
from counterpoint.spread.interventions import Plant
from counterpoint.spread.models.presets import model
from counterpoint.spread.models.sidr import READINGS
from counterpoint.spread.outbreaks import Outbreaks
from counterpoint.spread.simulation import simulate

EVENTS: Final = ("jiangsu", "fur-collar")
TIMES: Final = (1, 2, 4, 6, 8)
COUNTS: Final = (1, 10, 100)
PLACES: Final = ("next", "hubs", "random")
SEED: Final = 5


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--to", type=Path, required=True)
    options.add_argument("--facebook", type=Path)
    options.add_argument("--runs", type=int, default=1000)
    asked = options.parse_args()
    asked.to.mkdir(parents=True, exist_ok=True)
    networks: dict[str, Callable[[], Network]] = {"scale-free": cache(lambda: barabasi_albert(10_000, 3, rng=1))}
    if asked.facebook:
        networks["facebook"] = cache(lambda: read(asked.facebook))
    for name, event in product(networks, EVENTS):
        kept = Kept(asked.to / "results.jsonl", name, event, asked.runs, networks[name])
        if name == "scale-free":
            kept.tell_readings()
        kept.tell_course()
        kept.tell_answers()


class Kept:
    """Points of one event on one network, measured once."""

    def __init__(self, path: Path, name: str, event: str, runs: int, network: Callable[[], Network]) -> None:
        self.path, self.labels, self.network = path, {"network": name, "event": event, "runs": runs}, network
        self.unanswered = cache(lambda: self._simulated(()))

    def _simulated(self, interventions: tuple[Plant, ...]) -> Outbreaks:
        rumour = model("sidr", event=self.labels["event"])
        return simulate(self.network(), rumour, runs=self.labels["runs"], interventions=interventions, rng=SEED)

    def point(self, measure: Callable[[], dict[str, Any]], **labels: Any) -> dict[str, Any]:
        labels = {**self.labels, **labels}
        for line in self.path.read_text().splitlines() if self.path.exists() else ():
            found = json.loads(line)
            if all(found.get(label) == value for label, value in labels.items()):
                return found
        found = {**labels, **measure()}
        with self.path.open("a") as file:
            file.write(json.dumps(found) + "\n")
        return found

    def tell_readings(self) -> None:
        print(f"\nReadings, {self.labels['event']}, {self.labels['network']}")
        print("\n| reading | takes off | peak I, at | peak D, at | S, I, D, R at the end |\n|---|---|---|---|---|")
        for reading in READINGS:
            found = self.point(partial(self._reading, reading), reading=reading)
            peaks = (f"{value:.3f}, {step}" for value, step in found["peaks"])
            end = ", ".join(f"{value:.3f}" for value in found["end"])
            print(f"| {reading} | {found['takeoff']} |", " | ".join(peaks), f"| {end} |", flush=True)

    def _reading(self, reading: str) -> dict[str, Any]:
        out = simulate(self.network(), model(reading, event=self.labels["event"]), runs=self.labels["runs"], rng=SEED)
        course = out.course()
        peaks = [(course[state].max(), course[state].arg_max()) for state in "ID"]
        return {"takeoff": out.takeoff.brief, "peaks": peaks, "end": [course[state][-1] for state in "SIDR"]}

    def tell_course(self) -> None:
        found = self.point(self._course, what="course")
        runs = f"{self.labels['per-run']:,} runs, of which {found['takeoff']} take off"
        print(f"\n{self.labels['event']}, {self.labels['network']}: {runs}")
        print("\n| state | peak | at step | at the end |\n|---|---|---|---|")
        for state, (peak, step, end) in found["states"].items():
            print(f"| {state} | {peak} | {step} | {end} |")
        print("\n| step |", " | ".join(map(str, found["steps"])), "|")
        print("|---" * (len(found["steps"]) + 1) + "|")
        for state, flow in found["new"].items():
            print(f"| new {state} |", " | ".join(f"{value:.4f}" for value in flow), "|")

    def _course(self) -> dict[str, Any]:
        out = self.unanswered()
        told = {(row[0], row[1]): f"{row[2]:.4g} [{row[3]:.4g}, {row[4]:.4g}]" for row in out.summary().rows()}
        course, steps = out.course(), list(range(0, 21, 2))
        return {
            "takeoff": out.takeoff.brief,
            "states": {state: [told[state, what] for what in ("peak", "peak step", "end")] for state in "SIDR"},
            "steps": steps,
            "new": {state: [course[f"new {state}"][step] for step in steps] for state in "ID"},
        }

    def tell_answers(self) -> None:
        ways = [("source", 1), *product(PLACES, COUNTS)]
        print("\n| after step |", " | ".join(f"{count} {place}" for place, count in ways), "|")
        print("|---" * (len(ways) + 1) + "|")
        for at in TIMES:
            cells = [self.point(partial(self._avoided, at, *way), at=at, place=way[0], count=way[1]) for way in ways]
            print(f"| {at} |", " | ".join(cell["averted"] for cell in cells), "|", flush=True)

    def _avoided(self, at: int, place: Any, count: int) -> dict[str, Any]:
        answered = self._simulated((Plant(at, "D", place, count),))
        found = answered.averted(self.unanswered())
        return {"averted": found.brief, "value": found.value, "low": found.low, "high": found.high, "n": found.count}


if __name__ == "__main__":
    main()
