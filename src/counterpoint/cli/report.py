"""`counterpoint report`: all that a workspace found, on one page."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from counterpoint.cli.options import NetworkOptions, Workspace
from counterpoint.cli.printing import progress, say
from counterpoint.text import pluralize

if TYPE_CHECKING:
    from counterpoint.report.finding import Finding


@dataclass(frozen=True, kw_only=True)
class ReportRequest:
    """What `report` is asked."""

    workspace: Workspace
    to: Annotated[Path, typer.Option("--to", help="The HTML file to write.")] = Path("report.html")
    title: Annotated[str, typer.Option("--title", help="The page's title.")] = "Who is about to leave, and why"
    network: Annotated[
        Path | None,
        typer.Option("--network", help="Who is whose friend: a file. Adds how a rumour (SIDR) would spread there."),
    ] = None


def report(request: ReportRequest) -> None:
    """Write one plain HTML page of what the workspace found; no script, no outside address.

    Example: counterpoint report work --to report.html
    """
    from counterpoint.platform.workspace_report import write_report

    with progress("writing") as step:
        findings, metadata = ((), {}) if request.network is None else _rumour_findings(request.network)
        step("writing")
        count = write_report(
            request.workspace, request.to, title=request.title, extra_findings=findings, metadata=metadata
        )
    say(f"{request.to}: {pluralize(count, 'finding')}")


def _rumour_findings(network: Path, seed: int = 0) -> "tuple[tuple[Finding, ...], dict[str, str]]":
    """Return what a rumour (SIDR) would do in a network, and how that was simulated."""
    from counterpoint.spread.reporting import report_network

    read = NetworkOptions(network=str(network)).read(seed)
    return report_network(read.network, rng=seed), {"Rumour": f"over {network.name}, seed {seed}"}
