"""What the commands of `counterpoint rumour` print of networks, models and outbreaks."""

from collections.abc import Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from counterpoint.cli.printing import say, say_table
from counterpoint.text import pluralize

if TYPE_CHECKING:
    from counterpoint.networks.graph import Network
    from counterpoint.networks.readers import ReadNetwork
    from counterpoint.report.finding import Cell, Finding
    from counterpoint.spread.models.model import Model
    from counterpoint.spread.outbreaks import Outbreaks

LEFT_OUT: Final = {
    "header": "header",
    "comments": "comment",
    "blank": "blank line",
    "loops": "loop",
    "doubles": "double",
    "refused": "line that is no edge",
}


def network_size(read: "ReadNetwork") -> str:
    """Say how large a network is, and what was left out of it."""
    network, report = read.network, read.report
    size = f"{pluralize(network.nodes, 'node')}, {pluralize(network.edges, 'arc' if network.directed else 'edge')}"
    threshold = _epidemic_threshold(network)
    above = f"; epidemic threshold {threshold:.3g}" if threshold is not None else ""
    parts = ", ".join(pluralize(count, word) for name, word in LEFT_OUT.items() if (count := getattr(report, name)))
    out = f"; of {pluralize(report.records, 'record')} left out: {parts}" if parts else ""
    return f"{size}{out}{above}"


def network_as_json(name: str, read: "ReadNetwork") -> dict[str, Any]:
    """Return the same for machines."""
    network = read.network
    size: dict[str, Any] = {"nodes": network.nodes, "edges": network.edges, "directed": network.directed}
    size["epidemic_threshold"] = _epidemic_threshold(network)
    return {"network": {"from": name, **size, "read": read.report}}


def _epidemic_threshold(network: "Network") -> float | None:
    """Return the chance to win a neighbour above which an outbreak may take off, where degrees tell it."""
    from counterpoint.spread.mean_field_theory import thresholds

    if network.directed or network.weight is not None or not len(network.to) or len(network.changes()):
        return None
    threshold = thresholds(network).epidemic
    return threshold if isfinite(threshold) else None


def say_models(models: "Mapping[str, Model]") -> None:
    """Print a line a model."""
    from counterpoint.spread.models.presets import MODELS

    rows = [
        (name, ", ".join(model.states), model.contact, " ".join(MODELS[name].parameters))
        for name, model in models.items()
    ]
    say_table(("model", "states", "contact", "parameters"), rows)


def say_model(name: str, model: "Model") -> None:
    """Print a model's rules, classes, parameters and source."""
    from counterpoint.spread.findings import rule_text
    from counterpoint.spread.models.presets import MODELS

    say(f"{name}: states {', '.join(model.states)}; contact {model.contact}; a source is in {model.source}")
    for words in filter(None, map(rule_text, model.rules)):
        say(f"  {words}")
    for kind, share in model.classes.items():
        say(f"  {kind}: a share of {share:g} of the people, drawn anew for every run")
    say_table(("parameter", "is"), list(MODELS[name].parameters.items()))
    say(model.about)


def model_as_json(model: "Model") -> dict[str, Any]:
    """Return a model for machines."""
    values = {name: getattr(model, name) for name in ("name", "states", "source", "active", "contact", "about")}
    return {**values, "classes": dict(model.classes)}


def write_findings(
    findings: "Sequence[Finding]", metadata: Mapping[str, str], report: Path | None, figures: Path | None
) -> None:
    """Write findings as a page, their figures as files, or both."""
    from importlib.metadata import version

    from counterpoint.report import page
    from counterpoint.report.finding import Figure
    from counterpoint.report.svg import standalone
    from counterpoint.storage.commit import make_folder, replace_file

    if report is not None:
        metadata = {"Counterpoint": version("counterpoint"), **metadata}
        replace_file(report, page.render("How a rumour spreads", findings, metadata).encode())
    if figures is not None:
        make_folder(figures)
        for figure in (each for finding in findings for each in finding.evidence if isinstance(each, Figure)):
            replace_file(figures / f"{figure.file}.svg", standalone(figure.svg).encode())


def say_outbreaks(outbreaks: "Outbreaks", without: "Outbreaks | None") -> None:
    """Print how many runs took off, how far they came and when, and what an answer averted."""
    model = outbreaks.model
    say(f"{model.name}, contact {model.contact}; {outbreaks.simulator}; seed {outbreaks.metadata['seed']}")
    took_off, runs = int(outbreaks.took_off.sum()), pluralize(outbreaks.runs, "run")
    say(f"took off (1 % of the nodes reached, or more): {took_off:,} of {runs}, {outbreaks.takeoff.brief}")
    stocks, flows = (_measures(outbreaks, flow=flow) for flow in (False, True))
    rows = [
        (
            state,
            *(_brief(stocks[state, name]) for name in ("peak", "peak step", "end")),
            *(_brief(flows[state, name]) for name in ("peak", "peak step", "total")),
        )
        for state in model.states
    ]
    say_table(("state", "peak", "at step", "end", "new: peak", "at step", "in all"), rows)
    whose = f"the {pluralize(took_off, 'run')} that took off" if took_off else "all runs, none of which took off"
    say(f"shares of the nodes: means over {whose}, and their 95 % intervals")
    if without is not None:
        say(f"the same runs with nothing done to it: took off {without.takeoff.brief}")
        averted = outbreaks.averted(without) or "cannot be told from these"
        say(f"averted, of those who come to {model.source} without it, in all runs: {averted}")


def _measures(outbreaks: "Outbreaks", *, flow: bool) -> "dict[tuple[str, str], Cell]":
    from counterpoint.spread.findings import summary_cells

    summary = outbreaks.summary(flow=flow, taken_off=bool(outbreaks.took_off.any()))
    return {(state, measure): cell for state, measure, cell in summary_cells(summary)}


def _brief(cell: "Cell") -> str:
    from counterpoint.stats.intervals import Estimate

    return cell.brief if isinstance(cell, Estimate) else f"{cell:.3f}"


def outbreaks_as_json(outbreaks: "Outbreaks", without: "Outbreaks | None") -> dict[str, Any]:
    """Return the same for machines."""
    taken_off = bool(outbreaks.took_off.any())
    return {
        "model": model_as_json(outbreaks.model),
        "simulator": outbreaks.simulator,
        "runs": outbreaks.runs,
        "seed": outbreaks.metadata["seed"],
        "took_off": outbreaks.takeoff,
        "means_over": "runs that took off" if taken_off else "all runs",
        "stocks": outbreaks.summary(taken_off=taken_off).to_dicts(),
        "flows": outbreaks.summary(flow=True, taken_off=taken_off).to_dicts(),
        "without": None if without is None else {"took_off": without.takeoff},
        "averted": None if without is None else outbreaks.averted(without),
    }
