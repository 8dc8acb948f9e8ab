"""`counterpoint demo`: an invented platform, from the first log line to the report."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer

from counterpoint.cli import churn, events, recommend, report, rumour, trace
from counterpoint.cli.interventions import InterventionOptions
from counterpoint.cli.options import NetworkOptions, Seed
from counterpoint.cli.printing import say
from counterpoint.errors import CounterpointError

DAYS: Final = 60
SEEN_AFTER: Final = 3  # steps after which the rumour is seen that is traced
RANKER_NODES: Final = 20_000  # listeners, above which distances between suspects would take too long
SECONDS_TO_LEARN: Final = 8.0
TITLE: Final = "Who is about to leave, why, what to play them, and how a rumour spreads (an invented platform)"


@dataclass(frozen=True, kw_only=True)
class DemoRequest:
    """What `demo` is asked."""

    listeners: Annotated[int, typer.Option("--listeners", min=1000, help="How many people are invented.")] = 20_000
    to: Annotated[Path, typer.Option("--to", help="A folder for the logs, the workspace and the report.")] = Path(
        "demo"
    )
    seed: Seed = 0


def demo(request: DemoRequest) -> None:
    """Invent a platform; say who will leave, what to play, how a rumour spreads, and its source; all is invented.

    Example: counterpoint demo --to demo
    """
    to, seed = request.to, request.seed
    logs, workspace, page = to / f"logs-{request.listeners}-{seed}", to / "workspace", to / "report.html"
    if not logs.exists():
        events.generate(events.GenerateRequest(to=logs, listeners=request.listeners, days=DAYS, seed=seed))
    events.ingest(events.IngestRequest(logs=[logs], to=workspace, replace=True))
    say()
    _churn(workspace, to, seed)
    _recommend(workspace, to, seed)
    friends = logs / "network" / "friends.csv"
    network = NetworkOptions(network=str(friends))
    answer = InterventionOptions(plant=[f"{SEEN_AFTER}:D:source"])
    rumour.simulate(rumour.SimulateRequest(network=network, interventions=answer, seed=seed))
    say()
    _trace(network, to, "ranker" if request.listeners <= RANKER_NODES else "ranker-fast", seed)
    say()
    report.report(report.ReportRequest(workspace=workspace, to=page, title=TITLE, network=friends))


def _churn(workspace: Path, to: Path, seed: int) -> None:
    churn.evaluate(churn.EvaluateRequest(workspace=workspace, seed=seed))
    churn.train(churn.TrainRequest(workspace=workspace, seed=seed))
    say()
    churn.score(churn.ScoreRequest(workspace=workspace, out=to / "ranked.csv"))
    say()
    churn.offers(churn.OffersRequest(workspace=workspace, out=to / "offers.csv"))
    say()
    churn.cohorts(churn.CohortsRequest(workspace=workspace, by="month"))
    say()
    try:
        churn.songs(churn.SongsRequest(workspace=workspace, top=10))
    except CounterpointError as error:  # of few listeners no song can be told from chance, and the rest still holds
        say(f"songs: {error}")


def _recommend(workspace: Path, to: Path, seed: int) -> None:
    recommend.evaluate(recommend.EvaluateRequest(workspace=workspace, seed=seed))
    recommend.train(recommend.TrainRequest(workspace=workspace, seed=seed))
    recommend.songs(recommend.SongsRequest(workspace=workspace, out=to / "songs.parquet"))
    say()


def _trace(network: NetworkOptions, to: Path, method: trace.MethodName, seed: int) -> None:
    """Let one more rumour spread, and trace it: the file of what was seen also has the source, in step 0."""
    seen = to / "seen.csv"
    files = rumour.FileOptions(out_nodes=seen)
    rumour.simulate(rumour.SimulateRequest(network=network, runs=1, steps=SEEN_AFTER, seed=seed, files=files))
    say()
    trace.trace(
        trace.TraceRequest(
            network=network,
            snapshot=seen,
            problem=trace.ProblemOptions(time=str(SEEN_AFTER)),
            default_state="S",
            method=method,
            learning=trace.LearningOptions(seconds=SECONDS_TO_LEARN),
            seed=seed,
            report=to / "suspects.html",
        )
    )
