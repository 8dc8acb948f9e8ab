"""How interventions are written on the command line: --plant, --prebunk and --block."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final, cast

import typer

from counterpoint.cli.options import number, whole_number
from counterpoint.errors import CounterpointError

if TYPE_CHECKING:
    from counterpoint.spread.interventions import Intervention, Place

PLANT: Final = "AT:STATE:WHERE"
PREBUNK: Final = "AT:CLASS:SHARE"
BLOCK: Final = "AT:NODE,NODE"


@dataclass(frozen=True, kw_only=True)
class InterventionOptions:
    """What is done to a rumour on the way."""

    plant: Annotated[
        list[str] | None,
        typer.Option(
            "--plant",
            metavar=f"{PLANT}[:COUNT]",
            help="As 3:D:source: put nodes into a state after step 3 (0: at the start). WHERE: "
            "source, next, hubs, random, or NAME,NAME.",
        ),
    ] = None
    prebunk: Annotated[
        list[str] | None,
        typer.Option(
            "--prebunk",
            metavar=PREBUNK,
            help="As 0:checker:.1: after a step make a share of all people of another class.",
        ),
    ] = None
    block: Annotated[
        list[str] | None,
        typer.Option("--block", metavar=BLOCK, help="After a step these hear nobody, nobody hears them."),
    ] = None

    def build(self, steps: int) -> "tuple[Intervention, ...]":
        """Return the interventions asked for; those after the last step are refused."""
        interventions = (
            *_plants(self.plant or ()),
            *_prebunks(self.prebunk or ()),
            *_blocks(self.block or ()),
        )
        if late := [intervention.step for intervention in interventions if intervention.step >= steps]:
            raise CounterpointError(f"what is done after step {late[0]} comes too late: the last step is {steps}")
        return interventions


def _plants(texts: Iterable[str]) -> "Iterable[Intervention]":
    from counterpoint.spread.interventions import PLACES, Plant

    for text in texts:
        step, state, where = _parts(text, "--plant", f"{PLANT}[:COUNT]", 3)
        place, colon, count = where.partition(":")
        if place in PLACES:
            nodes = whole_number(f"--plant {text}", count) if colon else 1
            yield Plant(whole_number(f"--plant {text}", step), state, cast("Place", place), nodes)
        else:
            yield Plant(whole_number(f"--plant {text}", step), state, where.split(","))


def _prebunks(texts: Iterable[str]) -> "Iterable[Intervention]":
    from counterpoint.spread.interventions import Prebunk

    for text in texts:
        step, to_class, share = _parts(text, "--prebunk", PREBUNK, 3)
        yield Prebunk(whole_number(f"--prebunk {text}", step), to_class, share=number(f"--prebunk {text}", share))


def _blocks(texts: Iterable[str]) -> "Iterable[Intervention]":
    from counterpoint.spread.interventions import Block

    for text in texts:
        step, names = _parts(text, "--block", BLOCK, 2)
        yield Block(whole_number(f"--block {text}", step), names.split(","))


def _parts(text: str, option: str, wanted: str, count: int) -> list[str]:
    parts = text.split(":", count - 1)
    if len(parts) != count or not all(parts):
        raise CounterpointError(f"{option} {text}: {wanted} would be right")
    return parts
