"""How probable a snapshot is, source by source, if neighbours were independent."""

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from counterpoint.errors import CounterpointError
from counterpoint.networks.graph import Network
from counterpoint.spread.engines.by_counts import CODES, fields_of
from counterpoint.spread.models.model import Model
from counterpoint.trace.heuristics import Numbers, filled, likely_first
from counterpoint.trace.mean_field_kernels import Field, mean_field
from counterpoint.trace.problem import Codes, Problem
from counterpoint.trace.protocol import Scores


class Stage(NamedTuple):
    """The nodes whose chances depend on where the rumour began, and whom they hear.

    nodes    : int64[n], their numbers in the network
    heard    : rows of who hears, columns of who is heard, by place in `nodes`
    strength : float64[n], how much contact they have with all whom they hear, on stage or not
    silent   : bool[n], who surely never left the first state
    """

    nodes: Numbers
    heard: csr_array
    strength: NDArray[np.float64]
    silent: NDArray[np.bool_]


@dataclass(frozen=True)
class MeanField:
    """By the likelihood of the snapshot, node by node, in the mean field of the network at hand.

    From every suspect, each node's chances of being in each state are taken on from step to step as if its neighbours
    were independent of each other and of it; those that never left the first state tell nobody. It is the plain field
    of nodes, which lets a rumour come back to who told it; the messages of Lokhov et al. do not. Where several kinds
    of contact compete for somebody they share in proportion to their number and chance. Neighbours are not
    independent, so its probabilities are too sure of themselves, the more so the later the snapshot.

    Of several sources, those beside the suspect are anywhere among the nodes that may be reached. Arcs count as there
    at all times. Only the first `most` suspects, as `likely_first` has them, are looked at; the rest come after them.
    """

    most: int = 500

    name: ClassVar = "mean-field"
    about: ClassVar = "Likelihood in a mean field of nodes, after Lokhov et al. 2014 (Phys. Rev. E 90)."
    is_probabilistic: ClassVar = True

    def scores(self, problem: Problem, codes: Codes, rng: np.random.Generator) -> Scores:
        """Return ln P(codes | source), over all models and times that are possible.

        Raises CounterpointError for models in which people meet in pairs.
        """
        order = likely_first(problem, codes, rng)
        fits = [log + _fits(problem, model, codes, order[: self.most]) for model, log in _priors(problem.models)]
        return filled(len(codes), order, np.logaddexp.reduce(fits))


def _priors(given: tuple[tuple[Any, float], ...]) -> list[tuple[Any, float]]:
    return [(what, float(np.log(prior))) for what, prior in given if prior > 0]


def _fits(problem: Problem, model: Model, codes: Codes, suspects: Numbers) -> Scores:
    """Return ln P(codes | suspect, model) over all times."""
    if model.contact not in CODES:
        raise CounterpointError(
            f"the mean field knows contact {', '.join(CODES)}; {model.name} has {model.contact!r}: beam or soft margin"
            " take any"
        )
    stage = _stage(problem, model, codes)
    asked = np.zeros(problem.time + 1, np.bool_)
    times = _priors(problem.times)
    asked[[time for time, _ in times]] = True
    log_likelihoods = mean_field(
        _field(problem, model, stage),
        stage.heard.indptr.astype(np.int64),
        stage.heard.indices.astype(np.int32),
        stage.heard.data,
        problem.possible_states[codes[stage.nodes]],
        np.searchsorted(stage.nodes, suspects),
        asked,
    )
    return np.asarray(np.logaddexp.reduce([log + log_likelihoods[:, time] for time, log in times]))


def _stage(problem: Problem, model: Model, codes: Codes) -> Stage:
    """Return the nodes that may be reached and those who hear them, or all if ignorant ones matter to others."""
    returns = bool(model.contact_chances[..., 0].any() or model.spontaneous_chances[..., 0].any())
    silent = np.asarray(~problem.possible_states[codes][:, 1:].any(1) & (not returns))
    tells = np.ones(len(codes), np.bool_) if 0 in fields_of(model) else ~silent
    heard = _heard(problem.network)
    nodes = np.flatnonzero(tells | (heard @ tells.astype(np.float64) > 0))
    part = heard[nodes][:, nodes]
    part.data *= tells[nodes][part.indices]
    part.eliminate_zeros()
    return Stage(nodes, part, heard.sum(1)[nodes], silent[nodes])


def _heard(network: Network) -> csr_array:
    start, heard = network.heard
    weight = np.ones(len(heard)) if network.weight is None else network.weight[network.heard_places]
    return csr_array((weight, heard, start), shape=(network.nodes, network.nodes))


def _field(problem: Problem, model: Model, stage: Stage) -> Field:
    fields, source_state = fields_of(model), model.number(model.source)
    classes, states = len(model.class_names), len(model.states)
    source, ignorant = np.zeros((classes, states)), np.zeros((classes, states))
    source[0, source_state] = 1.0
    ignorant[:, 0] = 1 - sum(model.classes.values()), *model.classes.values()
    others = (problem.sources - 1) / max(int((~stage.silent).sum()) - 1, 1)
    chance = np.where(stage.silent, 0.0, min(others, 1.0))[:, None, None]
    return Field(
        CODES[model.contact],
        np.array(fields, np.int64),
        np.ascontiguousarray(model.contact_chances[0][:, :, fields]),
        model.spontaneous_chances,
        stage.strength,
        stage.silent,
        chance * source + (1 - chance) * ignorant,
        source,
    )
