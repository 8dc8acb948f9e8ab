"""`counterpoint rumour`: how a rumour spreads, and what an answer to it changes; `trace` has who started it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from counterpoint.cli import rumour_results as results
from counterpoint.cli.interventions import InterventionOptions
from counterpoint.cli.options import (
    ModelOptions,
    NetworkOptions,
    OutputOptions,
    Seed,
    SpreadModel,
    command,
)
from counterpoint.cli.printing import progress, say, say_json, say_written
from counterpoint.errors import CounterpointError

if TYPE_CHECKING:
    from counterpoint.networks.graph import Network
    from counterpoint.spread.models.model import Model
    from counterpoint.spread.outbreaks import Outbreaks
    from counterpoint.spread.simulation import Keep

app = typer.Typer(help="Let a rumour spread over a network, answer it, and find its source.", no_args_is_help=True)


@dataclass(frozen=True, kw_only=True)
class FileOptions:
    """The files that a simulation is written into."""

    out: Annotated[
        Path | None, typer.Option("--out", help="Write all counts, by run, step and state, to .parquet or .csv.")
    ] = None
    out_nodes: Annotated[
        Path | None, typer.Option("--out-nodes", help="Write who changed when, and their last states, by run and node.")
    ] = None
    out_tree: Annotated[
        Path | None, typer.Option("--out-tree", help="Write the same with whose contact it was, by run and node.")
    ] = None
    report: Annotated[Path | None, typer.Option("--report", help="Write an HTML page with figures.")] = None
    figures: Annotated[Path | None, typer.Option("--figures", help="Write the figures as SVG files into a folder.")] = (
        None
    )

    @property
    def keep(self) -> "Keep":
        """What of each run must be kept for these files."""
        return "tree" if self.out_tree else "nodes" if self.out_nodes else "counts"

    def write_tables(self, outbreaks: "Outbreaks") -> None:
        """Write the tables asked for."""
        from counterpoint.storage.exchange import write_table

        tables = (
            (self.out, outbreaks.table),
            (self.out_nodes, outbreaks.changes),
            (self.out_tree, outbreaks.changes),
        )
        for path, frame in tables:
            if path is not None:
                write_table(frame(), path)


@dataclass(frozen=True, kw_only=True)
class SimulateRequest:
    """What `rumour simulate` is asked."""

    network: NetworkOptions
    model: ModelOptions = ModelOptions()
    runs: Annotated[int, typer.Option("--runs", min=1, help="How often it is run.")] = 1000
    sources: Annotated[
        str | None, typer.Option("--sources", help="Where it begins: NAME,NAME; otherwise at random.")
    ] = None
    random_sources: Annotated[
        int, typer.Option("--random-sources", min=1, help="At how many nodes it begins, drawn anew for every run.")
    ] = 1
    steps: Annotated[int, typer.Option("--steps", min=1, help="The last step, if something can still change then.")] = (
        1000
    )
    interventions: InterventionOptions = InterventionOptions()
    simulator: Annotated[
        Literal["bit-parallel", "per-run", "single-large", "pairwise"] | None,
        typer.Option("--simulator", help="What computes it; by default the fastest that can."),
    ] = None
    seed: Seed = 0
    files: FileOptions = FileOptions()
    output: OutputOptions = OutputOptions()

    def source_nodes(self) -> list[str] | int:
        """Return the names of the sources, or how many are drawn."""
        if self.sources is None:
            return self.random_sources
        if self.random_sources != 1:
            raise CounterpointError("--sources names where it begins, and --random-sources draws it: one of them")
        return self.sources.split(",")


@command(app)
def simulate(request: SimulateRequest) -> None:
    """Run a rumour many times over a network, and say how far it comes, when, and what an answer to it averts.

    Example: counterpoint rumour simulate --network ba:10000,3 --model sidr --plant 5:D:source
    """
    files = request.files
    with progress("reading") as step:
        read = request.network.read(request.seed)
        interventions = request.interventions.build(request.steps)
        run = _simulation(
            read.network,
            request.model.build(),
            sources=request.source_nodes(),
            steps=request.steps,
            interventions=interventions,
            rng=request.seed,
        )
        step("spreading")
        outbreaks = run(runs=request.runs, keep=files.keep, simulator=request.simulator)
        without = _without(run, outbreaks) if interventions else None
        step("writing")
        files.write_tables(outbreaks)
        if files.report or files.figures:
            from counterpoint.spread.reporting import report_outbreaks

            metadata = {"Network": request.network.network, "Seed": str(request.seed)}
            findings = report_outbreaks(run, outbreaks, without, interventions)
            results.write_findings(findings, metadata, files.report, files.figures)
    if request.output.as_json:
        network = results.network_as_json(request.network.network, read)
        say_json({**network, **results.outbreaks_as_json(outbreaks, without)})
        return
    say(f"{request.network.network}: {results.network_size(read)}")
    results.say_outbreaks(outbreaks, without)
    say_written(files.out, files.out_nodes, files.out_tree, files.report, files.figures)


@dataclass(frozen=True, kw_only=True)
class ModelsRequest:
    """What `rumour models` is asked."""

    name: Annotated[SpreadModel | None, typer.Argument(help="A model, to see its parameters and rules.")] = None
    output: OutputOptions = OutputOptions()


@command(app)
def models(request: ModelsRequest) -> None:
    """List the models of spreading; of one, its parameters, what it says, and where it is from.

    Example: counterpoint rumour models sidr
    """
    from counterpoint.spread.models.presets import MODELS
    from counterpoint.spread.models.presets import model as preset

    built = {name: preset(name) for name in ([request.name] if request.name is not None else MODELS)}
    if request.output.as_json:
        say_json(
            [{**results.model_as_json(model), "parameters": MODELS[name].parameters} for name, model in built.items()]
        )
    elif request.name is None:
        results.say_models(built)
    else:
        results.say_model(request.name, built[request.name])


def _simulation(network: "Network", model: "Model", **settings: Any) -> "Callable[..., Outbreaks]":
    from counterpoint.spread.simulation import simulate

    return partial(simulate, network, model, **settings)


def _without(run: "Callable[..., Outbreaks]", outbreaks: "Outbreaks") -> "Outbreaks":
    """Run the same without what is done to it: on the same simulator, whose draws are then the same ones."""
    return run(runs=outbreaks.runs, interventions=(), simulator=outbreaks.simulator.partition(":")[0])
