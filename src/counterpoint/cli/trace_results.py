"""What `counterpoint rumour trace` and `evaluate` print of suspects and of methods."""

from collections.abc import Mapping
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from counterpoint.cli.printing import say, say_table
from counterpoint.text import pluralize

if TYPE_CHECKING:
    import polars as pl

    from counterpoint.trace.evaluation import DetectorEvaluation
    from counterpoint.trace.problem import Problem
    from counterpoint.trace.suspects import Suspects


def write(table: "pl.DataFrame", to: Path | None) -> None:
    """Write a table, if that is asked for."""
    from counterpoint.storage.exchange import write_table

    if to is not None:
        write_table(table, to)


def write_page(suspects: "Suspects", metadata: Mapping[str, str], to: Path) -> None:
    """Write suspects as a page with figures."""
    from importlib.metadata import version

    from counterpoint.report import page
    from counterpoint.storage.commit import replace_file
    from counterpoint.trace.findings import suspects_finding

    metadata = {"Counterpoint": version("counterpoint"), **metadata}
    replace_file(to, page.render("Who may have started it", [suspects_finding(suspects)], metadata).encode())


def say_suspects(suspects: "Suspects", snapshot: Path, top: int) -> None:
    """Print the first suspects, how sure they are, and that it is no proof."""
    from counterpoint.trace.findings import NO_PROOF, ONLY_RANKED, certainty_text

    problem = suspects.problem
    reached = int(problem.reached[suspects.codes].sum())
    say(f"{snapshot.name}: {reached:,} of {pluralize(len(suspects.codes), 'node')} seen to be reached")
    say(_problem_in_words(problem))
    table = suspects.table(top)
    say_table(table.columns, table.with_columns(table["node"].cast(str)).rows())  # names, even if they are numbers
    if words := certainty_text(suspects):
        say(words)
    say(f"method {suspects.method}: {suspects.why}; {suspects.metadata['seconds']:.1f} s")
    say(f"no proof: {ONLY_RANKED if suspects.probability is None else NO_PROOF}")


def suspects_as_json(suspects: "Suspects", top: int) -> dict[str, Any]:
    """Return the same for machines."""
    names = suspects.problem.network.names
    probabilistic = suspects.probability is not None
    return {
        **_problem_as_json(suspects.problem),
        "method": suspects.method,
        "why": suspects.why,
        "seconds": suspects.metadata["seconds"],
        "seed": suspects.metadata["seed"],
        "proof": False,
        "reached": int(suspects.problem.reached[suspects.codes].sum()),
        "count": len(suspects.nodes),
        "suspects": suspects.table(top).to_dicts(),
        "credible": names.gather(suspects.credible()).to_list() if probabilistic else None,
        "expected_distance": suspects.distance,
        "references": suspects.metadata["references"],
    }


def say_evaluation(problem: "Problem", evaluated: "DetectorEvaluation", outbreaks: int) -> None:
    """Print how often each method is right, and what its probabilities are worth."""
    table, count = evaluated.table(), f"{pluralize(outbreaks, 'outbreak')} with {problem.min_size:,} reached or more"
    say(f"{_problem_in_words(problem)}; {count}, {evaluated.reached.mean():.1f} on average")
    rows = table.to_dicts()
    rows[0]["top1_deficit"] = None
    estimates = {"first": "top1", "in 3": "top3", "in 5": "top5", f"behind {rows[0]['detector']}": "top1_deficit"}
    say_table(
        ("detector", *estimates, "steps off"),
        [(row["detector"], *(_brief(row, each) for each in estimates.values()), row["hops"]) for row in rows],
    )
    if problem.sources > 1:
        say(f"found among as many as are named, of {problem.sources} sources:")
        recalls = [(row["detector"], *(row[f"recall{first}"] for first in (1, 3, 5))) for row in rows]
        say_table(("detector", "1", "3", "5"), recalls)
    say("those that give probabilities: what they claim, and the set of nodes that should hold 90 % of it")
    say_table(
        ("detector", "claimed first", "holds", "claimed", "nodes", "bits"),
        [
            (
                row["detector"],
                row["claimed1"],
                _brief(row, "coverage"),
                row["nominal_coverage"],
                row["size"],
                _brief(row, "bits"),
            )
            for row in rows
            if row["claimed1"] is not None
        ],
    )
    took = ", ".join(f"{row['detector']} {row['seconds']:.2g}" for row in rows)
    say(f"seconds a snapshot: {took}")


def _brief(row: Mapping[str, Any], name: str) -> str | None:
    from counterpoint.stats.intervals import Estimate

    value, low, high = (row[name + end] for end in ("", "_low", "_high"))
    return None if value is None else Estimate(value, low, high, row["n"]).brief


def evaluation_as_json(problem: "Problem", table: "pl.DataFrame", outbreaks: int) -> dict[str, Any]:
    """Return the same for machines."""
    rows = [{name: _finite(value) for name, value in row.items()} for row in table.to_dicts()]
    return {**_problem_as_json(problem), "outbreaks": outbreaks, "detectors": rows}


def _problem_in_words(problem: "Problem") -> str:
    from counterpoint.trace.findings import time_text

    model = problem.model
    also = (
        f"; {', '.join(problem.indistinguishable)} not told from {model.states[0]}" if problem.indistinguishable else ""
    )
    seen = f"; {100 * problem.share:.0f} % of the nodes seen" if problem.share < 1 else ""
    sources = f"; {problem.sources} sources" if problem.sources > 1 else ""
    return f"{model.name}, contact {model.contact}, after {time_text(problem)}{also}{seen}{sources}"


def _problem_as_json(problem: "Problem") -> dict[str, Any]:
    return {
        "model": problem.model.name,
        "contact": problem.model.contact,
        "times": {str(time): prior for time, prior in problem.times},
        "indistinguishable": list(problem.indistinguishable),
        "share": problem.share,
        "sources": problem.sources,
        "min_size": problem.min_size,
    }


def _finite(value: Any) -> Any:
    """Return a value as JSON has it: no number is infinite there."""
    return None if isinstance(value, float) and not isfinite(value) else value
