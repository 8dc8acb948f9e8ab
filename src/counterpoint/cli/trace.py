"""`counterpoint rumour trace` and `evaluate`: who may have started it, and how often that is right."""

import os
from collections.abc import Iterable, Mapping
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from counterpoint.cli.output import progress, say, say_json, say_table
from counterpoint.cli.rumour import RECIPES, model_from, network_from, network_told, size_of, whole
from counterpoint.errors import CounterpointError, suggestion
from counterpoint.text import pluralize

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

    from counterpoint.trace.detector import Detector
    from counterpoint.trace.problem import Problem
    from counterpoint.trace.suspects import Suspects

SPAN: Final = 100  # steps between the first and the last that may be the time, at most
DETECTORS: Final = "ensemble,ranker,lpsi,jordan,random"

Network = Annotated[str, typer.Option("--network", help=f"A file of a network, or a recipe: {RECIPES}.")]
Steps = Annotated[str, typer.Option("--time", help="Steps since it began, as 3; or 2-6: any of these, alike.")]
ModelName = Annotated[str, typer.Option("--model", help="How it spreads: see `counterpoint rumour models`.")]
Event = Annotated[str | None, typer.Option("--event", help="Parameters of SIDR by the event: jiangsu, or fur-collar.")]
Settings = Annotated[
    list[str] | None, typer.Option("--set", help="A parameter of the model, as alpha1=.3; as often as you like.")
]
ContactScheme = Annotated[
    str | None, typer.Option("--contact", help="How people meet: broadcast, draw, look, meet or clock.")
]
Directed = Annotated[
    bool | None,
    typer.Option("--directed/--undirected", help="What a file's edges are; by default as the file says, or not."),
]
Alike = Annotated[
    list[str] | None,
    typer.Option("--alike", help="A state that is not told from the first one, as R; as often as you like."),
]
Sources = Annotated[int, typer.Option("--sources", min=1, help="At how many nodes it began.")]
Seconds = Annotated[float, typer.Option("--seconds", help="About how long a method may learn.")]
Cache = Annotated[
    Path | None, typer.Option("--cache", help="A folder in which what was learned is kept, and looked for.")
]
Seed = Annotated[
    int, typer.Option("--seed", min=0, max=2**32 - 1, help="Of the recipe, of what is learned, and of ties.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result for machines.")]


def trace(
    network: Network,
    snapshot: Annotated[
        Path, typer.Option("--snapshot", help="Who was seen in which state: .csv or .parquet, columns node and state.")
    ],
    time: Steps,
    model: ModelName = "sidr",
    event: Event = None,
    settings: Settings = None,
    contact: ContactScheme = None,
    rest: Annotated[
        str | None,
        typer.Option("--rest", help="What nodes are that the snapshot leaves out: a state, as S; or ?: not seen."),
    ] = None,
    alike: Alike = None,
    sources: Sources = 1,
    method: Annotated[
        str, typer.Option("--method", help="ensemble, ranker, graph-network, sampler, mean-field, jordan, lpsi, ...")
    ] = "ensemble",
    seconds: Seconds = 60.0,
    cache: Cache = None,
    directed: Directed = None,
    top: Annotated[int, typer.Option("--top", min=1, help="How many suspects are printed.")] = 10,
    seed: Seed = 0,
    out: Annotated[Path | None, typer.Option("--out", help="Write all suspects to .csv or .parquet.")] = None,
    report: Annotated[Path | None, typer.Option("--report", help="Write an HTML page with figures.")] = None,
    as_json: AsJson = False,
) -> None:
    """Rank who may have started a rumour, from who was seen in which state; that is no proof.

    Example: counterpoint rumour trace --network friends.csv --snapshot seen.csv --time 3 --rest S
    """
    from counterpoint.trace.localization import locate
    from counterpoint.trace.observation import Observation

    _check_outputs(out, report)
    with progress("reading") as step:
        read, law = network_from(network, directed, seed), model_from(model, event, settings or (), contact)
        hidden = _alike(alike)
        seen = Observation.read(snapshot, read.network, law, _times(time), indistinguishable=hidden, default_state=rest)
        how: dict[str, Any] = {"method": method, "sources": sources, "seconds": _seconds(seconds)}
        found = locate(read.network, seen, law, **how, rng=seed, cache=cache, progress=step)
        step("writing")
        _hand_out(found.table(), out)
        if report is not None:
            _show(found, {"Network": network, "Snapshot": snapshot.name, "Seed": str(seed)}, report)
    if as_json:
        say_json({**network_told(network, read), **_told(found, top)})
        return
    say(f"{network}: {size_of(read)}")
    _say(found, snapshot, top)
    _say_written(out, report)


def evaluate(
    network: Network,
    time: Steps,
    model: ModelName = "sidr",
    event: Event = None,
    settings: Settings = None,
    contact: ContactScheme = None,
    outbreaks: Annotated[
        int, typer.Option("--outbreaks", min=1, help="On how many outbreaks they are evaluated.")
    ] = 200,
    detectors: Annotated[
        str, typer.Option("--detectors", help="Methods of `rumour trace`, with commas; others stand behind the first.")
    ] = DETECTORS,
    sources: Sources = 1,
    alike: Alike = None,
    share: Annotated[float, typer.Option("--share", help="What share of the nodes is seen.")] = 1.0,
    least: Annotated[int, typer.Option("--least", min=0, help="Outbreaks seen to touch fewer nodes do not count.")] = 5,
    seconds: Seconds = 60.0,
    cache: Cache = None,
    directed: Directed = None,
    seed: Seed = 0,
    out: Annotated[Path | None, typer.Option("--out", help="Write the table to .csv or .parquet.")] = None,
    as_json: AsJson = False,
) -> None:
    """Judge methods on fresh outbreaks: how often the one who began it comes first, and what probabilities are worth.

    Example: counterpoint rumour evaluate --network ba:1000,3 --time 3 --outbreaks 200
    """
    from counterpoint.trace.evaluation import evaluate
    from counterpoint.trace.problem import Problem

    _check_outputs(out)
    with progress("reading") as step:
        read, law = network_from(network, directed, seed), model_from(model, event, settings or (), contact)
        chances = _times(time)
        times = tuple((at, 1 / len(chances)) for at in chances)
        problem = Problem(read.network, ((law, 1.0),), times, _alike(alike), share, sources, least)
        methods = _learned(problem, detectors, seconds=_seconds(seconds), rng=seed, cache=cache, progress=step)
        evaluated = evaluate(problem, methods, outbreaks=outbreaks, rng=_apart(seed), progress=step)
        table = evaluated.table()
        _hand_out(table, out)
    if as_json:
        rows = [{name: _finite(value) for name, value in row.items()} for row in table.to_dicts()]
        say_json({**network_told(network, read), **_setting_told(problem), "outbreaks": outbreaks, "detectors": rows})
        return
    say(f"{network}: {size_of(read)}")
    many = f"{pluralize(outbreaks, 'outbreak')} with {least:,} reached or more"
    say(f"{_setting_said(problem)}; {many}, {evaluated.reached.mean():.1f} on average")
    _say_judged(table, sources)
    _say_written(out)


def _times(text: str) -> dict[int, float]:
    """Return the steps since it may have begun, equally likely each."""
    first, dash, last = text.partition("-")
    low = whole(f"--time {text}", first)
    high = whole(f"--time {text}", last) if dash else low
    if not low <= high < low + SPAN:
        raise CounterpointError(f"--time {text}: from fewer steps to more, at most {SPAN} of them, would be right")
    return dict.fromkeys(range(low, high + 1), 1.0)


def _alike(states: Iterable[str] | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(states or ()))


def _seconds(seconds: float) -> float:
    if not (isfinite(seconds) and seconds > 0):
        raise CounterpointError(f"--seconds {seconds:g}: more than 0 would be right")
    return seconds


def _apart(seed: int) -> "np.random.Generator":
    """Return luck of its own: with the seed itself, methods would be evaluated on what they have learned from."""
    import numpy as np

    return np.random.default_rng([seed, 1])


def _learned(problem: "Problem", names: str, **how: Any) -> "dict[str, Detector]":
    """Return detectors by name, learned one after the other; unknown ones are refused before the first is."""
    from counterpoint.trace.localization import METHODS, detector

    asked = [name.strip() for name in names.split(",")]
    for name in asked:
        if name not in METHODS:
            raise CounterpointError(f"--detectors: no method {name!r}; {suggestion(name, METHODS)}")
    return {name: detector(problem, name, **how) for name in asked}


def _check_outputs(table: Path | None, page: Path | None = None) -> None:
    """Refuse at once what could not be written after a minute of learning."""
    from counterpoint.storage.commit import readable_errors
    from counterpoint.storage.exchange import check_table_path

    if table is not None:
        check_table_path(table)
    for path in filter(None, (table, page)):
        with readable_errors(path):
            os.scandir(path.parent).close()


def _hand_out(table: "pl.DataFrame", to: Path | None) -> None:
    from counterpoint.storage.exchange import write_table

    if to is not None:
        write_table(table, to)


def _show(found: "Suspects", made: Mapping[str, str], to: Path) -> None:
    from importlib.metadata import version

    from counterpoint.report import page
    from counterpoint.storage.commit import replace_file
    from counterpoint.trace.findings import suspects_finding

    told = {"Counterpoint": version("counterpoint"), **made}
    replace_file(to, page.render("Who may have started it", [suspects_finding(found)], told).encode())


def _say(found: "Suspects", snapshot: Path, top: int) -> None:
    from counterpoint.trace.findings import NO_PROOF, ONLY_RANKED, certainty_text

    problem = found.problem
    reached = int(problem.reached[found.codes].sum())
    say(f"{snapshot.name}: {reached:,} of {pluralize(len(found.codes), 'node')} seen to be reached")
    say(_setting_said(problem))
    table = found.table(top)
    say_table(table.columns, table.with_columns(table["node"].cast(str)).rows())  # names, even if they are numbers
    if said := certainty_text(found):
        say(said)
    say(f"method {found.method}: {found.why}; {found.metadata['seconds']:.1f} s")
    say(f"no proof: {ONLY_RANKED if found.probability is None else NO_PROOF}")


def _say_judged(table: "pl.DataFrame", sources: int) -> None:
    from counterpoint.stats.intervals import Estimate

    def brief(row: Mapping[str, Any], name: str) -> str | None:
        value, low, high = (row[name + end] for end in ("", "_low", "_high"))
        return None if value is None else Estimate(value, low, high, row["n"]).brief

    rows = table.to_dicts()
    rows[0]["behind"] = None
    estimates = {"first": "top1", "in 3": "top3", "in 5": "top5", f"behind {rows[0]['detector']}": "behind"}
    say_table(
        ("detector", *estimates, "steps off"),
        [(row["detector"], *(brief(row, each) for each in estimates.values()), row["hops"]) for row in rows],
    )
    if sources > 1:
        say(f"found among as many as are named, of {sources} sources:")
        say_table(
            ("detector", "1", "3", "5"),
            [(row["detector"], *(row[f"recall{first}"] for first in (1, 3, 5))) for row in rows],
        )
    say("those that give probabilities: what they claim, and the set of nodes that should hold 90 % of it")
    say_table(
        ("detector", "claimed first", "holds", "claimed", "nodes", "bits"),
        [
            (row["detector"], row["claimed1"], brief(row, "held"), row["mass"], row["size"], brief(row, "bits"))
            for row in rows
            if row["claimed1"] is not None
        ],
    )
    took = ", ".join(f"{row['detector']} {row['seconds']:.2g}" for row in rows)
    say(f"seconds a snapshot: {took}")


def _say_written(*paths: Path | None) -> None:
    for path in paths:
        if path is not None:
            say(f"written: {path}")


def _setting_said(problem: "Problem") -> str:
    from counterpoint.trace.findings import time_text

    model = problem.model
    also = (
        f"; {', '.join(problem.indistinguishable)} not told from {model.states[0]}" if problem.indistinguishable else ""
    )
    seen = f"; {100 * problem.share:.0f} % of the nodes seen" if problem.share < 1 else ""
    began = f"; {problem.sources} sources" if problem.sources > 1 else ""
    return f"{model.name}, contact {model.contact}, after {time_text(problem)}{also}{seen}{began}"


def _setting_told(problem: "Problem") -> dict[str, Any]:
    return {
        "model": problem.model.name,
        "contact": problem.model.contact,
        "times": {str(time): prior for time, prior in problem.times},
        "alike": list(problem.indistinguishable),
        "share": problem.share,
        "sources": problem.sources,
        "least": problem.min_size,
    }


def _told(found: "Suspects", top: int) -> dict[str, Any]:
    names = found.problem.network.names
    is_probabilistic = found.probability is not None
    return {
        **_setting_told(found.problem),
        "method": found.method,
        "why": found.why,
        "seconds": found.metadata["seconds"],
        "seed": found.metadata["seed"],
        "proof": False,
        "reached": int(found.problem.reached[found.codes].sum()),
        "count": len(found.nodes),
        "suspects": found.table(top).to_dicts(),
        "credible": names.gather(found.credible()).to_list() if is_probabilistic else None,
        "expected_distance": found.distance,
        "references": found.metadata["references"],
    }


def _finite(value: Any) -> Any:
    """Return a value as JSON has it: no number is infinite there."""
    return None if isinstance(value, float) and not isfinite(value) else value
