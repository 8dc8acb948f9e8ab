"""What can be hidden in a listener: a kind of person and a stage of life, as a finite table of chances.

A state is a pair (kind, stage). Everything that a day shows of a listener follows from the state by the numbers here,
so what the log betrays of the future can be computed exactly (`leaving_filter`), without a look at the state itself.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

TO_COME, FIRST, ENGAGED, DRIFTING, GONE = range(STAGES := 5)
ORDINARY, LEAVER, DECOY = range(3)
ROLES: Final = ("ordinary", "leaver", "decoy")
COUNTED_ACTIONS: Final = ("plays", "downloads", "searches")
MAX_LEAVING_CHANCE: Final = 0.9  # of a day's chance to get worse, however much that is multiplied

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


def published() -> dict[str, Any]:
    """Return the world's constants as fitted to the published figures (see docs/method/synthetic-platform.md)."""
    return tomllib.loads((Path(__file__).parent / "world.toml").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class States:
    """The hidden states, and what a day shows of each; k states: every kind of listener in its five stages.

    start    : float64[k], chances on the log's first day
    visits   : float64[7, k], chance of a visit on a day of the week (Monday first)
    means    : float64[k, 3], mean plays, downloads and searches of a visit
    spread   : float64[3], their dispersions (negative binomial)
    plays    : float64[k, 15], how a clean play falls into the fifths of its song and the roles of songs (`ROLES`): a
               leaver makes people leave; a decoy is liked by those who leave anyway
    life     : chances a day of drifting, leaving, fading, recovering, returning; and of a first day
    restless : float64[kinds], what multiplies the first three
    bounces  : float64[kinds], chance that the first day is the last
    """

    start: Floats
    visits: Floats
    means: Floats
    spread: Floats
    plays: Floats
    life: Mapping[str, float]
    restless: Floats
    bounces: Floats

    def transition_matrix(self, factor: float = 1.0) -> Floats:
        """Return the chances of tomorrow's state (column) given today's (row), float64[k, k].

        `factor` multiplies what is bad: the chances to drift, to fade and to leave.
        """
        moves = np.zeros((len(self.start), len(self.start)))
        for kind, (restless, bounces) in enumerate(zip(self.restless, self.bounces, strict=True)):
            block = moves[kind * STAGES : (kind + 1) * STAGES, kind * STAGES : (kind + 1) * STAGES]
            drifts, leaves, fades = (factor * restless * self.life[name] for name in ("drifts", "leaves", "fades"))
            much = max(1.0, (drifts + leaves) / MAX_LEAVING_CHANCE)
            block[TO_COME, FIRST] = self.life["arrives"]
            block[FIRST, GONE] = min(MAX_LEAVING_CHANCE, factor * bounces)
            block[ENGAGED, DRIFTING], block[ENGAGED, GONE] = drifts / much, leaves / much
            block[DRIFTING, GONE] = min(MAX_LEAVING_CHANCE, fades)
            block[DRIFTING, ENGAGED] = self.life["recovers"] * (1 - block[DRIFTING, GONE])
            block[GONE, ENGAGED] = self.life["returns"]
            block[FIRST, ENGAGED] = 1 - block[FIRST, GONE]
            for stage in (TO_COME, ENGAGED, DRIFTING, GONE):
                block[stage, stage] = 1 - block[stage].sum()
        return moves


def states(world: Mapping[str, Any]) -> States:
    """Return the hidden states that a world's constants (`published`) give."""
    kinds, drifting = [*world["kind"], world["bot"]], world["drifting"]
    weight = np.array([kind["weight"] for kind in kinds])
    weight /= weight.sum()
    panel = world["arrivals"]["panel"]
    a_day = np.outer(world["week"]["visits"], [kind["visits"] for kind in kinds])
    means = np.array([[kind[name] for name in COUNTED_ACTIONS] for kind in kinds])
    skips = np.array([kind["fickle"] for kind in kinds])[:, None]
    keen, fickle = (np.array(world["shares"][ear]) for ear in ("keen", "fickle"))
    shares = (1 - skips) * keen + skips * fickle
    drifts = (1 - drifting["skips"]) * shares + drifting["skips"] * fickle
    decoy, leaver = np.array([kind["decoys"] for kind in kinds]), world["songs"]["leaver"]
    roles = np.stack([1 - leaver - decoy, np.full_like(decoy, leaver), decoy], axis=1)
    nobody = np.zeros_like(weight)
    a_visit = np.stack([means, means, means, means * drifting["plays"], means], axis=1)
    return States(
        start=_by_state((1 - panel) * weight, panel * weight, nobody, nobody, nobody),
        visits=np.stack([_by_state(nobody, nobody + 1, comes, comes * drifting["visits"], nobody) for comes in a_day]),
        means=a_visit.reshape(-1, len(COUNTED_ACTIONS)),
        spread=np.array([world["spread"][name] for name in COUNTED_ACTIONS]),
        plays=(np.stack([shares, shares, shares, drifts, shares], axis=1)[..., None] * roles[:, None, None]).reshape(
            -1, 15
        ),
        life={**world["life"], "arrives": world["arrivals"]["a_day"]},
        restless=np.array([kind["restless"] for kind in kinds]),
        bounces=np.array([kind["bounces"] for kind in kinds]),
    )


def _by_state(*stages: Floats) -> Floats:
    return np.stack(stages, axis=1).ravel()
