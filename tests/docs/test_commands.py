"""Every command and every option is in the guide, and every command's help has an example."""

from pathlib import Path

import pytest
import typer.main

from counterpoint.cli import app

GUIDE = (Path(__file__).parents[2] / "docs/guide/commands.md").read_text()


def _commands():
    root = typer.main.get_command(app)
    for name, command in root.commands.items():
        below = getattr(command, "commands", None)
        for sub, inner in (below or {"": command}).items():
            yield f"counterpoint {name} {sub}".strip(), inner


COMMANDS = dict(_commands())


@pytest.mark.parametrize("name", COMMANDS)
def test_the_guide_names_the_command_and_its_options(name):
    [row] = [row for row in GUIDE.splitlines() if row.startswith((f"| `{name} ", f"| `{name}`"))]
    everywhere = {"--help", "--json"}
    options = {option for param in COMMANDS[name].params for option in param.opts if option.startswith("--")}
    assert [option for option in sorted(options - everywhere) if option not in row] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_has_an_example(name):
    assert f"Example: {name}" in COMMANDS[name].help


def test_all_commands_were_looked_at():
    assert {"counterpoint events ingest", "counterpoint churn offers", "counterpoint report"} <= set(COMMANDS)
