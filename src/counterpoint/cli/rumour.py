"""`counterpoint rumour`: how a rumour spreads, and what an answer to it changes; `trace` has who began it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, cast

import typer

from counterpoint.cli.output import progress, say, say_json, say_table
from counterpoint.errors import CounterpointError, suggestion
from counterpoint.text import pluralize

if TYPE_CHECKING:
    from counterpoint.networks.graph import Network
    from counterpoint.networks.readers import ReadNetwork
    from counterpoint.report.finding import Cell, Finding
    from counterpoint.spread.engines.selection import Simulator
    from counterpoint.spread.interventions import Intervention, Place
    from counterpoint.spread.models.model import ContactScheme, Model
    from counterpoint.spread.outbreaks import Outbreaks
    from counterpoint.spread.simulation import Keep

app = typer.Typer(help="Let a rumour spread over a network, answer it, and find who began it.", no_args_is_help=True)

PLANT: Final = "AT:STATE:WHERE"
PREBUNK: Final = "AT:CLASS:SHARE"
BLOCK: Final = "AT:NODE,NODE"
RECIPES: Final = (
    "ba:10000,3 ws:10000,10,.1 er:10000,8 powerlaw:10000,2.5 cluster:10000,3,.3 complete:100 star:200 ring:200"
)
LEFT_OUT: Final = {
    "header": "header",
    "comments": "comment",
    "blank": "blank line",
    "loops": "loop",
    "doubles": "double",
    "refused": "line that is no edge",
}
BESIDE: Final = 500  # runs of the rumour in the report of a workspace


@app.command()
def simulate(
    network: Annotated[str, typer.Option("--network", help=f"A file of a network, or a recipe: {RECIPES}.")],
    model: Annotated[str, typer.Option("--model", help="How it spreads: see `counterpoint rumour models`.")] = "sidr",
    event: Annotated[
        str | None, typer.Option("--event", help="Parameters of SIDR by the event: jiangsu, or fur-collar.")
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="A parameter of the model, as alpha1=.3; as often as you like.")
    ] = None,
    contact: Annotated[
        str | None, typer.Option("--contact", help="How people meet: broadcast, draw, look, meet or clock.")
    ] = None,
    runs: Annotated[int, typer.Option("--runs", min=1, help="How often it is run.")] = 1000,
    sources: Annotated[
        str | None, typer.Option("--sources", help="Where it begins: NAME,NAME; otherwise at random.")
    ] = None,
    random_sources: Annotated[
        int, typer.Option("--random-sources", min=1, help="At how many nodes it begins, drawn anew for every run.")
    ] = 1,
    steps: Annotated[
        int, typer.Option("--steps", min=1, help="The last step, if something can still change then.")
    ] = 1000,
    plant: Annotated[
        list[str] | None,
        typer.Option(
            "--plant",
            help=f"{PLANT}[:COUNT], as 3:D:source: put nodes into a state after step 3 (0: at the start). WHERE: "
            "source, next, hubs, random, or NAME,NAME.",
        ),
    ] = None,
    prebunk: Annotated[
        list[str] | None,
        typer.Option(
            "--prebunk", help=f"{PREBUNK}, as 0:checker:.1: after a step make a share of all people of another class."
        ),
    ] = None,
    block: Annotated[
        list[str] | None, typer.Option("--block", help=f"{BLOCK}: after a step these hear nobody, nobody hears them.")
    ] = None,
    directed: Annotated[
        bool | None,
        typer.Option("--directed/--undirected", help="What a file's edges are; by default as the file says, or not."),
    ] = None,
    simulator: Annotated[
        str | None,
        typer.Option(
            "--simulator", help="bit-parallel, per-run, single-large or pairwise; by default the fastest that can."
        ),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, max=2**32 - 1, help="The same seed, the same outbreaks.")] = 0,
    out: Annotated[
        Path | None, typer.Option("--out", help="Write all counts, by run, step and state, to .parquet or .csv.")
    ] = None,
    nodes: Annotated[
        Path | None, typer.Option("--nodes", help="Write who changed when, and their last states, by run and node.")
    ] = None,
    tree: Annotated[
        Path | None, typer.Option("--tree", help="Write the same with whose contact it was, by run and node.")
    ] = None,
    report: Annotated[Path | None, typer.Option("--report", help="Write an HTML page with figures.")] = None,
    figures: Annotated[
        Path | None, typer.Option("--figures", help="Write the figures as SVG files into a folder.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result for machines.")] = False,
) -> None:
    """Run a rumour many times over a network, and say how far it comes, when, and what an answer to it averts.

    Example: counterpoint rumour simulate --network ba:10000,3 --model sidr --plant 5:D:source
    """
    with progress("reading") as step:
        read = network_from(network, directed, seed)
        interventions = (*_plants(plant or ()), *_prebunks(prebunk or ()), *_blocks(block or ()))
        if late := [intervention.step for intervention in interventions if intervention.step >= steps]:
            raise CounterpointError(f"what is done after step {late[0]} comes too late: the last step is {steps}")
        run = _spreading(
            read.network,
            model_from(model, event, settings or (), contact),
            sources=_sources(sources, random_sources),
            steps=steps,
            interventions=interventions,
            rng=seed,
        )
        step("spreading")
        keep: Keep = "tree" if tree else "nodes" if nodes else "counts"
        found = run(runs=runs, keep=keep, simulator=cast("Simulator | None", simulator))
        without = _without(run, found) if interventions else None
        step("writing")
        _hand_out(found, out, nodes, tree)
        if report or figures:
            made = {"Network": network, "Seed": str(seed)}
            _show(_findings(run, found, without, interventions), made, report, figures)
    if as_json:
        say_json({**network_told(network, read), **_told(found, without)})
        return
    say(f"{network}: {size_of(read)}")
    _say(found, without)
    for path in (out, nodes, tree, report, figures):
        if path is not None:
            say(f"written: {path}")


@app.command()
def models(
    name: Annotated[str | None, typer.Argument(help="A model, to see its parameters and rules.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print it for machines.")] = False,
) -> None:
    """List the models of spreading; of one, its parameters, what it says, and where it is from.

    Example: counterpoint rumour models sidr
    """
    from counterpoint.spread.findings import rule_text
    from counterpoint.spread.models.presets import MODELS
    from counterpoint.spread.models.presets import model as preset

    made = {each: preset(each) for each in ([name] if name is not None else MODELS)}
    if as_json:
        say_json([{**_model_told(model), "parameters": MODELS[each].parameters} for each, model in made.items()])
        return
    if name is None:
        rows = [
            (each, ", ".join(model.states), model.contact, " ".join(MODELS[each].parameters))
            for each, model in made.items()
        ]
        say_table(("model", "states", "contact", "parameters"), rows)
        return
    [model] = made.values()
    say(f"{name}: states {', '.join(model.states)}; contact {model.contact}; a source is in {model.source}")
    for words in filter(None, map(rule_text, model.rules)):
        say(f"  {words}")
    for kind, share in model.classes.items():
        say(f"  {kind}: a share of {share:g} of the people, drawn anew for every run")
    say_table(("parameter", "is"), list(MODELS[name].parameters.items()))
    say(model.about)


def beside(network: Path, seed: int = 0) -> "tuple[tuple[Finding, ...], Mapping[str, str]]":
    """Return what a rumour (SIDR) would do in a network, for the report of a workspace, and how it was made."""
    read = network_from(str(network), None, seed)
    law = model_from("sidr", None, (), None)
    run = _spreading(read.network, law, sources=1, steps=1000, interventions=(), rng=seed)
    told = _findings(run, run(runs=BESIDE), None, ())
    return told, {"Rumour": f"over {network.name}, seed {seed}"}


def _spreading(network: "Network", model: "Model", **how: Any) -> "Callable[..., Outbreaks]":
    from counterpoint.spread.simulation import simulate

    return partial(simulate, network, model, **how)


def _without(run: "Callable[..., Outbreaks]", found: "Outbreaks") -> "Outbreaks":
    """Run the same without what is done to it: on the same simulator, whose draws are then the same ones."""
    return run(runs=found.runs, interventions=(), simulator=found.simulator.partition(":")[0])


def network_from(what: str, directed: bool | None, seed: int) -> "ReadNetwork":
    """Return the network that a file holds or a recipe makes, and what was left out."""
    from counterpoint.networks.formats.edge_table import ReadReport
    from counterpoint.networks.readers import ReadNetwork, read_with_report
    from counterpoint.networks.recipes import network

    if Path(what).is_file():
        return read_with_report(what, directed=directed)
    made = network(what, rng=seed)
    if directed is not None:
        raise CounterpointError(f"{what} is a recipe: whether edges have a direction is said of files")
    return ReadNetwork(made, ReadReport(made.edges, made.edges, made.dropped.loops, made.dropped.doubles))


def model_from(name: str, event: str | None, settings: Iterable[str], contact: str | None) -> "Model":
    """Return the model that these options ask for."""
    from counterpoint.spread.models.presets import MODELS
    from counterpoint.spread.models.presets import model as preset

    parameters: dict[str, float | str] = {} if event is None else {"event": event}
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals:
            raise CounterpointError(f"--set {setting}: a parameter and a number, as alpha1=.3, would be right")
        if name in MODELS and key not in MODELS[name].parameters:
            raise CounterpointError(f"{name} has no parameter {key!r}; {suggestion(key, MODELS[name].parameters)}")
        parameters[key] = _number(f"--set {setting}", text)
    made = preset(name, **parameters)
    return made if contact is None else made.with_contact(cast("ContactScheme", contact))


def _sources(names: str | None, count: int) -> list[str] | int:
    if names is None:
        return count
    if count != 1:
        raise CounterpointError("--sources names where it begins, and --random-sources draws it: one of them")
    return names.split(",")


def _plants(texts: Iterable[str]) -> "Iterable[Intervention]":
    from counterpoint.spread.interventions import PLACES, Plant

    for text in texts:
        at, state, where = _parts(text, "--plant", f"{PLANT}[:COUNT]", 3)
        place, colon, count = where.partition(":")
        if place in PLACES:
            many = whole(f"--plant {text}", count) if colon else 1
            yield Plant(whole(f"--plant {text}", at), state, cast("Place", place), many)
        else:
            yield Plant(whole(f"--plant {text}", at), state, where.split(","))


def _prebunks(texts: Iterable[str]) -> "Iterable[Intervention]":
    from counterpoint.spread.interventions import Prebunk

    for text in texts:
        at, kind, share = _parts(text, "--prebunk", PREBUNK, 3)
        yield Prebunk(whole(f"--prebunk {text}", at), kind, share=_number(f"--prebunk {text}", share))


def _blocks(texts: Iterable[str]) -> "Iterable[Intervention]":
    from counterpoint.spread.interventions import Block

    for text in texts:
        at, names = _parts(text, "--block", BLOCK, 2)
        yield Block(whole(f"--block {text}", at), names.split(","))


def _parts(text: str, option: str, wanted: str, count: int) -> list[str]:
    parts = text.split(":", count - 1)
    if len(parts) != count or not all(parts):
        raise CounterpointError(f"{option} {text}: {wanted} would be right")
    return parts


def whole(where: str, text: str) -> int:
    """Return a whole number that is not negative; `where` it stands is told if it is none."""
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise CounterpointError(f"{where}: {text!r} is no step or count; a whole number would be right")
    return int(text)


def _number(where: str, text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise CounterpointError(f"{where}: {text!r} is no number") from error


def _hand_out(found: "Outbreaks", out: Path | None, nodes: Path | None, tree: Path | None) -> None:
    from counterpoint.storage.exchange import write_table

    for path, frame in ((out, found.table), (nodes, found.changes), (tree, found.changes)):
        if path is not None:
            write_table(frame(), path)


def _findings(
    run: "Callable[..., Outbreaks]",
    found: "Outbreaks",
    without: "Outbreaks | None",
    interventions: "Sequence[Intervention]",
) -> "tuple[Finding, ...]":
    from counterpoint.spread.close_up import follow_nodes
    from counterpoint.spread.findings import intervention_finding, spread_finding

    told = spread_finding(found, follow_nodes(run, found), interventions)
    return (told, intervention_finding(found, without, interventions)) if without is not None else (told,)


def _show(findings: "Sequence[Finding]", made: Mapping[str, str], report: Path | None, figures: Path | None) -> None:
    from importlib.metadata import version

    from counterpoint.report import page
    from counterpoint.report.finding import Figure
    from counterpoint.report.svg import standalone
    from counterpoint.storage.commit import make_folder, replace_file

    if report is not None:
        made = {"Counterpoint": version("counterpoint"), **made}
        replace_file(report, page.render("How a rumour spreads", findings, made).encode())
    if figures is not None:
        make_folder(figures)
        for figure in (each for finding in findings for each in finding.evidence if isinstance(each, Figure)):
            replace_file(figures / f"{figure.file}.svg", standalone(figure.svg).encode())


def size_of(read: "ReadNetwork") -> str:
    """Say how large a network is, and what was left out of it."""
    network, report = read.network, read.report
    size = f"{pluralize(network.nodes, 'node')}, {pluralize(network.edges, 'arc' if network.directed else 'edge')}"
    least = _epidemic(network)
    above = f"; epidemic threshold {least:.3g}" if least is not None else ""
    told = ", ".join(pluralize(count, word) for name, word in LEFT_OUT.items() if (count := getattr(report, name)))
    out = f"; of {pluralize(report.records, 'record')} left out: {told}" if told else ""
    return f"{size}{out}{above}"


def _epidemic(network: "Network") -> float | None:
    """Return the chance to win a neighbour above which an outbreak may take off, where degrees tell it."""
    from counterpoint.spread.mean_field_theory import thresholds

    if network.directed or network.weight is not None or not len(network.to) or len(network.changes()):
        return None
    least = thresholds(network).epidemic
    return least if isfinite(least) else None


def _say(found: "Outbreaks", without: "Outbreaks | None") -> None:
    say(f"{found.model.name}, contact {found.model.contact}; {found.simulator}; seed {found.metadata['seed']}")
    took_off, runs = int(found.took_off.sum()), pluralize(found.runs, "run")
    say(f"took off (1 % of the nodes reached, or more): {took_off:,} of {runs}, {found.takeoff.brief}")
    stocks, flows = (_measured(found, flow=flow) for flow in (False, True))
    rows = [
        (
            state,
            *(_brief(stocks[state, name]) for name in ("peak", "peak step", "end")),
            *(_brief(flows[state, name]) for name in ("peak", "peak step", "total")),
        )
        for state in found.model.states
    ]
    say_table(("state", "peak", "at step", "end", "new: peak", "at step", "in all"), rows)
    whose = f"the {pluralize(took_off, 'run')} that took off" if took_off else "all runs, none of which took off"
    say(f"shares of the nodes: means over {whose}, and their 95 % intervals")
    if without is not None:
        say(f"the same runs with nothing done to it: took off {without.takeoff.brief}")
        averted = found.averted(without) or "cannot be told from these"
        say(f"averted, of those who come to {found.model.source} without it, in all runs: {averted}")


def _measured(found: "Outbreaks", *, flow: bool) -> "dict[tuple[str, str], Cell]":
    from counterpoint.spread.findings import summary_cells

    summary = found.summary(flow=flow, taken_off=bool(found.took_off.any()))
    return {(state, measure): cell for state, measure, cell in summary_cells(summary)}


def _brief(cell: "Cell") -> str:
    from counterpoint.stats.intervals import Estimate

    return cell.brief if isinstance(cell, Estimate) else f"{cell:.3f}"


def network_told(name: str, read: "ReadNetwork") -> dict[str, Any]:
    """Return the same for machines."""
    network = read.network
    size: dict[str, Any] = {"nodes": network.nodes, "edges": network.edges, "directed": network.directed}
    size["epidemic_threshold"] = _epidemic(network)
    return {"network": {"from": name, **size, "read": read.report}}


def _model_told(model: "Model") -> dict[str, Any]:
    told = {name: getattr(model, name) for name in ("name", "states", "source", "active", "contact", "about")}
    return {**told, "classes": dict(model.classes)}


def _told(found: "Outbreaks", without: "Outbreaks | None") -> dict[str, Any]:
    taken_off = bool(found.took_off.any())
    return {
        "model": _model_told(found.model),
        "simulator": found.simulator,
        "runs": found.runs,
        "seed": found.metadata["seed"],
        "took_off": found.takeoff,
        "means_over": "runs that took off" if taken_off else "all runs",
        "stocks": found.summary(taken_off=taken_off).to_dicts(),
        "flows": found.summary(flow=True, taken_off=taken_off).to_dicts(),
        "without": None if without is None else {"took_off": without.takeoff},
        "averted": None if without is None else found.averted(without),
    }
