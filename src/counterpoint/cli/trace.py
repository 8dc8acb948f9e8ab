"""`counterpoint rumour trace` and `evaluate`: who may have started it, and how often that is right."""

import os
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import typer

from counterpoint.cli import rumour
from counterpoint.cli import trace_results as results
from counterpoint.cli.options import ModelOptions, NetworkOptions, OutputOptions, Seed, command, whole_number
from counterpoint.cli.printing import progress, say, say_json, say_written
from counterpoint.cli.rumour_results import network_as_json, network_size
from counterpoint.errors import CounterpointError, suggestion

if TYPE_CHECKING:
    import numpy as np

    from counterpoint.trace.problem import Problem
    from counterpoint.trace.protocol import Detector

app = rumour.app  # `trace` and `evaluate` are commands of `rumour`, too

SPAN: Final = 100  # steps between the first and the last that may be the time, at most
DETECTORS: Final = "ensemble,ranker,lpsi,jordan,random"
MethodName = Literal[
    "ensemble",
    "ranker",
    "graph-network",
    "ranker-fast",
    "random",
    "degree",
    "closeness",
    "jordan",
    "rumour-centrality",
    "lpsi",
    "mean-field",
    "beam",
    "soft-margin",
    "sampler",
]


@dataclass(frozen=True, kw_only=True)
class ProblemOptions:
    """What is known beside who was seen in which state."""

    time: Annotated[
        str, typer.Option("--time", help="Steps since it began, as 3; or 2-6: any of these, equally likely.")
    ]
    sources: Annotated[int, typer.Option("--sources", min=1, help="At how many nodes it began.")] = 1
    indistinguishable: Annotated[
        list[str] | None,
        typer.Option(
            "--indistinguishable", help="A state that is not told from the first one, as R; as often as you like."
        ),
    ] = None

    def times(self) -> dict[int, float]:
        """Return the steps since it may have begun, equally likely each."""
        first, dash, last = self.time.partition("-")
        low = whole_number(f"--time {self.time}", first)
        high = whole_number(f"--time {self.time}", last) if dash else low
        if not low <= high < low + SPAN:
            wanted = f"from fewer steps to more, at most {SPAN} of them, would be right"
            raise CounterpointError(f"--time {self.time}: {wanted}")
        return dict.fromkeys(range(low, high + 1), 1.0)

    def states(self) -> tuple[str, ...]:
        """Return the states that are not told from the first one."""
        return tuple(dict.fromkeys(self.indistinguishable or ()))


@dataclass(frozen=True, kw_only=True)
class LearningOptions:
    """What a method may spend on learning, and where that is kept."""

    seconds: Annotated[float, typer.Option("--seconds", help="About how long a method may learn.")] = 60.0
    cache: Annotated[
        Path | None, typer.Option("--cache", help="A folder in which what was learned is kept, and looked for.")
    ] = None

    def check(self) -> None:
        """Refuse a time that is none."""
        if not (isfinite(self.seconds) and self.seconds > 0):
            raise CounterpointError(f"--seconds {self.seconds:g}: more than 0 would be right")


@dataclass(frozen=True, kw_only=True)
class TraceRequest:
    """What `rumour trace` is asked."""

    network: NetworkOptions
    snapshot: Annotated[
        Path, typer.Option("--snapshot", help="Who was seen in which state: .csv or .parquet, columns node and state.")
    ]
    problem: ProblemOptions
    model: ModelOptions = ModelOptions()
    default_state: Annotated[
        str | None,
        typer.Option(
            "--default-state", help="The state of nodes that the snapshot leaves out, as S; or ?: they were not seen."
        ),
    ] = None
    method: Annotated[MethodName, typer.Option("--method", help="What ranks the suspects.")] = "ensemble"
    learning: LearningOptions = LearningOptions()
    top: Annotated[int, typer.Option("--top", min=1, help="How many suspects are printed.")] = 10
    seed: Seed = 0
    out: Annotated[Path | None, typer.Option("--out", help="Write all suspects to .csv or .parquet.")] = None
    report: Annotated[Path | None, typer.Option("--report", help="Write an HTML page with figures.")] = None
    output: OutputOptions = OutputOptions()


@command(app)
def trace(request: TraceRequest) -> None:
    """Rank who may have started a rumour, from who was seen in which state; that is no proof.

    Example: counterpoint rumour trace --network friends.csv --snapshot seen.csv --time 3 --default-state S
    """
    from counterpoint.trace.localization import locate
    from counterpoint.trace.observation import Observation

    _check_outputs(request.out, request.report)
    problem, name = request.problem, request.network.network
    with progress("reading") as step:
        read, model = request.network.read(request.seed), request.model.build()
        observation = Observation.read(
            request.snapshot,
            read.network,
            model,
            problem.times(),
            indistinguishable=problem.states(),
            default_state=request.default_state,
            sources=problem.sources,
        )
        request.learning.check()
        suspects = locate(
            observation,
            model,
            kind=request.method,
            seconds=request.learning.seconds,
            rng=request.seed,
            cache=request.learning.cache,
            progress=step,
        )
        step("writing")
        results.write(suspects.table(), request.out)
        if request.report is not None:
            metadata = {"Network": name, "Snapshot": request.snapshot.name, "Seed": str(request.seed)}
            results.write_page(suspects, metadata, request.report)
    if request.output.as_json:
        say_json({**network_as_json(name, read), **results.suspects_as_json(suspects, request.top)})
        return
    say(f"{name}: {network_size(read)}")
    results.say_suspects(suspects, request.snapshot, request.top)
    say_written(request.out, request.report)


@dataclass(frozen=True, kw_only=True)
class EvaluateRequest:
    """What `rumour evaluate` is asked."""

    network: NetworkOptions
    problem: ProblemOptions
    model: ModelOptions = ModelOptions()
    outbreaks: Annotated[
        int, typer.Option("--outbreaks", min=1, help="On how many outbreaks methods are evaluated.")
    ] = 200
    detectors: Annotated[
        str,
        typer.Option(
            "--detectors",
            metavar="NAME,NAME",
            help="Methods of `rumour trace`; the others are compared with the first.",
        ),
    ] = DETECTORS
    share: Annotated[float, typer.Option("--share", help="What share of the nodes is seen.")] = 1.0
    min_size: Annotated[
        int, typer.Option("--min-size", min=0, help="Outbreaks seen to reach fewer nodes do not count.")
    ] = 5
    learning: LearningOptions = LearningOptions()
    seed: Seed = 0
    out: Annotated[Path | None, typer.Option("--out", help="Write the table to .csv or .parquet.")] = None
    output: OutputOptions = OutputOptions()

    def as_problem(self, network: Any) -> "Problem":
        """Return the problem that outbreaks are drawn for."""
        from counterpoint.trace.problem import Problem

        times = self.problem.times()
        return Problem(
            network,
            ((self.model.build(), 1.0),),
            tuple((time, 1 / len(times)) for time in times),
            self.problem.states(),
            self.share,
            self.problem.sources,
            self.min_size,
        )


@command(app)
def evaluate(request: EvaluateRequest) -> None:
    """Evaluate methods on fresh outbreaks: how often the source comes first, and what probabilities are worth.

    Example: counterpoint rumour evaluate --network ba:1000,3 --time 3 --outbreaks 200
    """
    from counterpoint.trace import evaluation

    _check_outputs(request.out)
    name = request.network.network
    with progress("reading") as step:
        read = request.network.read(request.seed)
        problem = request.as_problem(read.network)
        detectors = _detectors(problem, request, step)
        evaluated = evaluation.evaluate(
            problem, detectors, outbreaks=request.outbreaks, rng=_other_draws(request.seed), progress=step
        )
        table = evaluated.table()
        results.write(table, request.out)
    if request.output.as_json:
        evaluation_json = results.evaluation_as_json(problem, table, request.outbreaks)
        say_json({**network_as_json(name, read), **evaluation_json})
        return
    say(f"{name}: {network_size(read)}")
    results.say_evaluation(problem, evaluated, request.outbreaks)
    say_written(request.out)


def _other_draws(seed: int) -> "np.random.Generator":
    """Return a generator of its own: with the seed itself, methods would be judged on what they have learned from."""
    import numpy as np

    return np.random.default_rng([seed, 1])


def _detectors(problem: "Problem", request: EvaluateRequest, progress: Any) -> "dict[str, Detector]":
    """Return detectors by name, learned one after the other; unknown ones are refused before the first is."""
    from counterpoint.trace.detectors import METHODS, detector

    request.learning.check()
    names = [name.strip() for name in request.detectors.split(",")]
    for name in names:
        if name not in METHODS:
            raise CounterpointError(f"--detectors: no method {name!r}; {suggestion(name, METHODS)}")
    seconds, cache = request.learning.seconds, request.learning.cache
    return {
        name: detector(problem, name, seconds=seconds, rng=request.seed, cache=cache, progress=progress)
        for name in names
    }


def _check_outputs(*paths: Path | None) -> None:
    """Refuse at once what could not be written after a minute of learning: a table first, a page after it."""
    from counterpoint.storage.commit import readable_errors
    from counterpoint.storage.exchange import check_table_path

    if paths[0] is not None:
        check_table_path(paths[0])
    for path in filter(None, paths):
        with readable_errors(path):
            os.scandir(path.parent).close()
