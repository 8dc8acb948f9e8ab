"""`counterpoint demo`: an invented platform, from the first log line to the report."""

from pathlib import Path
from typing import Annotated

import typer

from counterpoint.cli import churn, events, recommend, report, rumour, trace
from counterpoint.cli.output import say
from counterpoint.errors import CounterpointError

DAYS = 60
EARLY = 3  # steps after which a rumour is seen that is traced
NEAR = 20_000  # listeners, above which distances between suspects would take too long
TAUGHT = 8.0  # seconds
TITLE = "Who is about to leave, why, what to play them, and how a rumour spreads (an invented platform)"


def demo(
    listeners: Annotated[int, typer.Option("--listeners", min=1000, help="How many people are invented.")] = 20_000,
    to: Annotated[Path, typer.Option("--to", help="A folder for the logs, the workspace and the report.")] = Path(
        "demo"
    ),
    seed: Annotated[int, typer.Option("--seed", min=0, max=2**32 - 1, help="The same seed, the same people.")] = 0,
) -> None:
    """Invent a platform; tell who will leave, what to play, how a rumour spreads, and who began one; all is invented.

    Example: counterpoint demo --to demo
    """
    logs, workspace, page = to / f"logs-{listeners}-{seed}", to / "workspace", to / "report.html"
    if not logs.exists():
        events.make(to=logs, listeners=listeners, days=DAYS, seed=seed)
    events.ingest([logs], to=workspace, replace=True)
    say()
    churn.evaluate(workspace, seed=seed)
    churn.train(workspace, seed=seed)
    say()
    churn.score(workspace, out=to / "ranked.csv")
    say()
    churn.cohorts(workspace, by="month")
    say()
    try:
        churn.songs(workspace, top=10)
    except CounterpointError as error:  # of few listeners no song can be told from chance, and the rest still holds
        say(f"songs: {error}")
    recommend.evaluate(workspace, seed=seed)
    recommend.train(workspace, seed=seed)
    recommend.songs(workspace, out=to / "songs.parquet")
    say()
    friends = logs / "network" / "friends.csv"
    rumour.simulate(str(friends), plant=["3:D:source"], seed=seed)
    say()
    _who_began(friends, to, "ranker" if listeners <= NEAR else "ranker-fast", seed)
    say()
    report.report(workspace, to=page, title=TITLE, network=friends)


def _who_began(friends: Path, to: Path, method: str, seed: int) -> None:
    """Let one more rumour spread, and trace it: the file of what was seen also says who began it, in step 0."""
    seen = to / "seen.csv"
    rumour.simulate(str(friends), runs=1, steps=EARLY, seed=seed, nodes=seen, as_json=False)
    say()
    page = to / "suspects.html"
    trace.trace(str(friends), seen, str(EARLY), rest="S", method=method, seconds=TAUGHT, seed=seed, report=page)
