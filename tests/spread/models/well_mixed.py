"""What a model does among very many people of whom anybody may meet anybody, from its tables alone: no simulator."""

import numpy as np
from scipy.integrate import solve_ivp
from scipy.special import lambertw

from counterpoint.spread.models.model import Model

SEED = 1e-6  # the share that begins, small enough for the limits that the literature gives


def shares(model: Model, **people: float) -> np.ndarray:
    """Return the shares of people, [class, state], of whom `people` are in other states than the first."""
    found = np.zeros((len(model.class_names), len(model.states)))
    found[0, 0], found[1:, 0] = 1 - sum(model.classes.values()), [*model.classes.values()]
    for state, share in people.items():
        found[0, 0] -= share
        found[0, model.number(state)] += share
    return found


def clock(model: Model, begin: np.ndarray, until: float = 2000.0) -> dict[str, np.ndarray]:
    """Return the share of each state in the course of time, where everybody who posts calls anybody at rate 1."""
    model = model.with_contact("asynchronous")
    calls = np.array([state in model.active for state in model.states], dtype=float)

    def change(_: float, flat: np.ndarray) -> np.ndarray:
        people = flat.reshape(begin.shape)
        all_ = people.sum(0)
        caller = np.einsum("cs,s,j,csjk->csk", people, calls, all_, model.contact_chances[0])
        called = np.einsum("cs,j,j,csjk->csk", people, calls, all_, model.contact_chances[1])
        moves = caller + called + people[:, :, None] * model.spontaneous_chances
        found = moves.sum(1) - moves.sum(2)
        pairs = np.einsum("s,s,j,sjkl->sjkl", calls, all_, all_, model.joint_chances)
        found[0] += pairs.sum((0, 1, 3)) + pairs.sum((0, 1, 2)) - pairs.sum((1, 2, 3)) - pairs.sum((0, 2, 3))
        return found.ravel()

    course = solve_ivp(change, (0, until), begin.ravel(), method="LSODA", rtol=1e-9, atol=1e-13)
    totals = course.y.reshape(*begin.shape, -1).sum(0)
    return dict(zip(model.states, totals, strict=True))


def steps(model: Model, begin: np.ndarray, heard: float, count: int = 2000) -> dict[str, np.ndarray]:
    """Return the same in steps, where each post reaches a Poisson number of people, `heard` on average.

    Contacts at random times of the step are then a Poisson process each, and the first that changes somebody does.
    """
    model = model.with_contact("broadcast")
    posts = np.array([state in model.active for state in model.states], dtype=float)
    people, course = begin, [begin.sum(0)]
    for _ in range(count):
        rates = heard * np.einsum("j,j,csjk->csk", posts, people.sum(0), model.contact_chances[0])
        whole = rates.sum(2, keepdims=True)
        met = rates * np.divide(-np.expm1(-whole), whole, out=np.zeros_like(whole), where=whole > 0)
        moves = people[:, :, None] * (met + np.exp(-whole) * model.spontaneous_chances)
        people = people + moves.sum(1) - moves.sum(2)
        course.append(people.sum(0))
    return dict(zip(model.states, np.array(course).T, strict=True))


def rest(by_how_much: float) -> float:
    """Return the smallest root of s = exp(-by_how_much (1 - s)): who is left when nobody spreads any more."""
    return float(-lambertw(-by_how_much * np.exp(-by_how_much)).real / by_how_much)
