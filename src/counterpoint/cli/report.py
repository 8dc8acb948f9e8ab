"""`counterpoint report`: all that a workspace found, on one page."""

from pathlib import Path
from typing import Annotated

import typer

from counterpoint.cli.output import progress, say
from counterpoint.cli.rumour import beside
from counterpoint.text import pluralize


def report(
    workspace: Annotated[Path, typer.Argument(help="The workspace.")],
    to: Annotated[Path, typer.Option("--to", help="The HTML file to write.")] = Path("report.html"),
    title: Annotated[str, typer.Option("--title", help="The page's title.")] = "Who is about to leave, and why",
    network: Annotated[
        Path | None,
        typer.Option("--network", help="Who is whose friend: a file. Adds how a rumour (SIDR) would spread there."),
    ] = None,
) -> None:
    """Write one plain HTML page of what the workspace found; no script, no outside address.

    Example: counterpoint report work --to report.html
    """
    from counterpoint.platform.workspace_report import write_report

    with progress("writing") as step:
        more, made = ((), {}) if network is None else beside(network)
        step("writing")
        findings = write_report(workspace, to, title=title, extra_findings=more, metadata=made)
    say(f"{to}: {pluralize(findings, 'finding')}")
