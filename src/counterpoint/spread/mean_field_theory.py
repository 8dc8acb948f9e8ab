"""What theory expects of a rumour: thresholds, final sizes, and its course where only a node's degree matters.

The degree-based mean field (Pastor-Satorras, R. et al. 2015, Rev. Mod. Phys. 87, section IV) forgets who is whose
neighbour: each neighbour of a node is in state j with chance Theta_j = sum over k of k P(k) rho_kj / <k>, anew in every
step, where P(k) is the share of nodes of degree k, and rho_kj that of those in state j.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import solve_ivp
from scipy.optimize import brentq
from scipy.special import lambertw

from counterpoint.errors import CounterpointError
from counterpoint.networks.graph import Network
from counterpoint.spread.models.model import Model

Degrees = Network | Mapping[int, float]
"""A network, of which only the degrees count; or how many nodes, or what share of them, have each degree."""

Floats = NDArray[np.float64]
EPSILON: Final = 1e-9  # to the root 1, which is always one
ODE_TOLERANCES: Final = {"rtol": 1e-9, "atol": 1e-12}


@dataclass(frozen=True)
class Threshold:
    """From where on a rumour may take off.

    mean, square : <k> and <k^2>, of the degrees
    epidemic     : the chance that a spreader ever wins a neighbour, above which an outbreak may take off
    """

    mean: float
    square: float
    epidemic: float


@dataclass(frozen=True, eq=False)
class MeanField:
    """The expected course of a rumour.

    degrees, share : int64[d], float64[d], the degrees there are, and the share of nodes that have each
    by_degree      : float64[steps + 1, d, states], who of the nodes of a degree is in which state, 1 together
    """

    model: Model
    degrees: NDArray[np.int64]
    share: Floats
    by_degree: Floats

    @property
    def stocks(self) -> Floats:
        """The share of nodes in each state after every step, float64[steps + 1, states]."""
        return np.asarray(np.einsum("d,tds->ts", self.share, self.by_degree))

    def stock(self, state: str) -> Floats:
        """Return the share of nodes in a state after every step, float64[steps + 1]."""
        return np.asarray(self.stocks[:, self.model.number(state)])


def thresholds(network: Degrees) -> Threshold:
    """Return where the epidemic threshold of a network with these degrees lies: <k> / (<k^2> - <k>).

    It is that of SIR and the independent cascade where nothing but degrees is known (Newman 2002, Phys. Rev. E 66;
    Pastor-Satorras et al. 2015); infinite where nobody has two neighbours.

    >>> thresholds({2: 0.5, 4: 0.5})
    Threshold(mean=3.0, square=10.0, epidemic=0.42857142857142855)
    """
    degrees, share = _distribution(network)
    mean, square = float(share @ degrees), float(share @ degrees**2)
    return Threshold(mean, square, mean / (square - mean) if square > mean else np.inf)


def final_size(r0: float) -> float:
    """Return the share of a large well-mixed population that SIR reaches if it takes off: z = 1 - exp(-R0 z).

    Kermack & McKendrick (1927); 0 where R0 is 1 or less.

    r0 : how many a spreader wins on average while everybody else is susceptible

    >>> round(final_size(2.0), 4)
    0.7968
    """
    if not (r0 >= 0 and np.isfinite(r0)):
        raise CounterpointError(f"R0 is a mean number of people: it must be 0 or more, got {r0:g}")
    return float(1 + lambertw(-r0 * np.exp(-r0)).real / r0) if r0 > 1 else 0.0


def percolation_size(network: Degrees, spread: float) -> float:
    """Return the share of nodes that a cascade reaches if it takes off, in a random network with these degrees.

    It is the giant component of the edges that are kept with chance `spread` (Newman 2002, Phys. Rev. E 66): u is the
    chance that an edge does not lead there, u = G1(1 - p + p u), and 1 - G0(1 - p + p u) the share of nodes in it.
    As edges are kept one by one it is also the chance that a cascade from a random node takes off.

    >>> round(percolation_size({3: 1.0}, 0.8), 4)  # u = 1 / 16
    0.9844
    """
    if not 0 <= spread <= 1:
        raise CounterpointError(f"spread is a probability: it must lie within [0, 1], got {spread:g}")
    degrees, share = _distribution(network)
    ends = share * degrees / max(float(share @ degrees), EPSILON)

    def above(u: float) -> float:
        return float(ends @ (1 - spread + spread * u) ** np.maximum(degrees - 1, 0)) - u

    u = (
        float(brentq(above, 0.0, 1 - EPSILON)) if above(1 - EPSILON) < 0 else 1.0
    )  # below the threshold 1 is the only root
    return float(1 - share @ (1 - spread + spread * u) ** degrees)


def mean_field(network: Degrees, model: Model, *, share: float, steps: int) -> MeanField:
    """Return the course that the degree-based mean field expects of a model, whatever its contact.

    A node of degree k has k neighbours, each in state j with chance Theta_j, independently. In "broadcast" nothing
    changes it with chance (1 - sum of Theta_j p_j)^k, and otherwise it was state j in proportion to Theta_j p_j; in
    "active-pull" it has a contact unless none of the k posts; in "pull" one of the k is its contact. In "pairwise" it
    also calls one, and each neighbour calls it with chance rho_j / <k>, as neighbours of k' others call any with chance
    1 / k'; of several that would change it one, any, does. That is a map from step to step; in "asynchronous" the
    same is a differential equation by degree (Nekovee et al. 2007), its time units the steps.

    share : of the nodes that begin as sources, at random, all of them ordinary people
    steps : how many

    Raises CounterpointError for a network that is more than its degrees: directed, weighted or changing over time.

    >>> from counterpoint.spread.models.presets import model
    >>> course = mean_field({1000: 1.0}, model("sir", spread=0.0002, recover=0.1), share=1e-5, steps=400)
    >>> round(float(course.stock("R")[-1]), 2)  # final_size(2)
    0.8
    """
    degrees, shares = _distribution(network)
    if not 0 <= share <= 1 or steps < 1:
        raise CounterpointError(f"a share within [0, 1] and 1 step or more are needed, got {share:g} and {steps}")
    if not shares @ degrees:
        raise CounterpointError("nobody has a neighbour: there is no mean field")
    began = np.zeros((len(degrees), len(model.class_names), len(model.states)))
    began[:, :, 0] = (1 - share) * np.array([1 - sum(model.classes.values()), *model.classes.values()])
    began[:, 0, model.number(model.source)] += share
    population = _Population(model, degrees, shares)
    course = (
        population.in_continuous_time(began, steps)
        if model.contact == "asynchronous"
        else population.in_steps(began, steps)
    )
    return MeanField(model, degrees, shares, course.sum(2))


class _Population:
    """A model among nodes of known degrees; people are float64[degrees, classes, states]."""

    def __init__(self, model: Model, degrees: NDArray[np.int64], share: Floats) -> None:
        self.model, self.degrees, self.share = model, degrees, share
        self.mean = float(share @ degrees)
        self.posts = np.array([state in model.active for state in model.states], float)
        # Who changes together with another changes, for itself, with the sum over what becomes of the other.
        count = np.arange(len(model.states))
        caller, called = model.joint_chances.sum(3), np.moveaxis(model.joint_chances.sum(2), 0, 1)
        for side in (caller, called):
            side[count, :, count] = 0
        self.calling, self.called = model.contact_chances[0] + caller, model.contact_chances[1] + called

    def in_steps(self, people: Floats, steps: int) -> Floats:
        """Return the people after every step."""
        course = [people]
        for _ in range(steps):
            changed, stays = self._changed(people)
            moves = people[..., None] * (changed + stays[..., None] * self.model.spontaneous_chances)
            people = people + moves.sum(2) - moves.sum(3)
            course.append(people)
        return np.array(course)

    def in_continuous_time(self, people: Floats, steps: int) -> Floats:
        """Return the people after every unit of time."""

        def change(_: float, flat: Floats) -> Floats:
            now = flat.reshape(people.shape)
            met, heard = self._met(now), self._calls(now)
            calls = np.einsum("s,j,csjk->csk", self.posts, met, self.calling)
            rates = (
                calls * (self.degrees > 0)[:, None, None, None]
                + np.einsum("d,j,csjk->dcsk", self.degrees, heard, self.called)
                + self.model.spontaneous_chances
            )
            moves = now[..., None] * rates
            return np.asarray(moves.sum(2) - moves.sum(3)).ravel()

        solution = solve_ivp(
            change, (0, steps), people.ravel(), t_eval=np.arange(steps + 1), method="LSODA", **ODE_TOLERANCES
        )
        return np.asarray(solution.y.T).reshape(steps + 1, *people.shape)

    def _met(self, people: Floats) -> Floats:
        """Return Theta, the chance that a neighbour is in each state."""
        return np.asarray(np.einsum("d,dcs->s", self.share * self.degrees, people) / self.mean)

    def _calls(self, people: Floats) -> Floats:
        """Return the chance that a neighbour is in each state, and calls."""
        return np.asarray(np.einsum("d,dcs->s", self.share * (self.degrees > 0), people) * self.posts / self.mean)

    def _changed(self, people: Floats) -> tuple[Floats, Floats]:
        """Return P(a contact makes k of class c in state s), [d, c, s, k], and P(none changes it), [d, c, s]."""
        met, degrees = self._met(people), self.degrees[:, None, None]
        if self.model.contact == "pairwise":
            return self._in_calls(met, self._calls(people))
        if self.model.contact == "active-pull":
            posted = met @ self.posts
            met = met * self.posts / posted if posted else met * 0
            chance: Floats = 1 - (1 - posted) ** degrees
        into = np.einsum("j,csjk->csk", met, self.calling)
        whole = into.sum(2)
        match self.model.contact:
            case "broadcast":
                moved = 1 - (1 - whole) ** degrees
            case "active-pull":
                moved = whole * chance
            case _:
                moved = whole * (degrees > 0)
        return moved[..., None] * _shared(into), 1 - moved

    def _in_calls(self, met: Floats, heard: Floats) -> tuple[Floats, Floats]:
        degrees = self.degrees[:, None, None]
        own = np.einsum("s,j,csjk->csk", self.posts, met, self.calling)
        others = np.einsum("j,csjk->csk", heard, self.called)
        one, each = own.sum(2) * (degrees > 0), others.sum(2)
        stays = (1 - one) * (1 - each) ** degrees
        # The one call wins against n of k with chance 1 / (n + 1), of which this is the mean.
        several = -np.expm1((degrees + 1) * np.log1p(-np.minimum(each, 1 - EPSILON))) / np.where(
            each > 0, (degrees + 1) * each, 1
        )
        by_own = one * np.where(each > 0, several, 1)
        by_others = 1 - stays - by_own
        return by_own[..., None] * _shared(own) + by_others[..., None] * _shared(others), stays


def _shared(into: Floats) -> Floats:
    whole = into.sum(2, keepdims=True)
    return np.asarray(np.divide(into, whole, out=np.zeros_like(into), where=whole > 0))


def _distribution(network: Degrees) -> tuple[NDArray[np.int64], Floats]:
    if isinstance(network, Network):
        if network.directed or any(column is not None for column in (network.weight, network.since, network.until)):
            raise CounterpointError("mean fields are of degrees alone: this network is directed, weighted or changing")
        degrees, counts = np.unique(network.degrees, return_counts=True)
    else:
        if wrong := [degree for degree, count in network.items() if degree < 0 or not 0 <= count < np.inf]:
            raise CounterpointError(
                f"degrees and their shares must be 0 or more, got {network[wrong[0]]:g} of {wrong[0]}"
            )
        degrees, counts = np.array(sorted(network), np.int64), np.array([network[each] for each in sorted(network)])
    if not counts.sum() > 0:
        raise CounterpointError("there are no nodes, so they have no degrees")
    return degrees.astype(np.int64), counts / counts.sum()
