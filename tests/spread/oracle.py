"""The slow, obvious twin of the engines that count neighbours, and of meetings in steps: lists, loops, the law itself.

It shares with them nothing but the plan of a schedule (`periods`) and the numbering of the draws.
"""

from dataclasses import dataclass, field
from functools import cache
from math import prod

import numpy as np

from counterpoint.networks.graph import Network
from counterpoint.spread.engines.run_spec import Period
from counterpoint.spread.models.model import Model

WORD = 2**64
PEOPLE = 2**62
WHICH, INTO, SELF, WHO = 0, 1, 2, 3
PARTNER, CALLER, CALLED, BY_ITSELF, TURN = 0, 1, 2, 3, 4  # of a meeting
HALVINGS = 60
TABULATED = 64  # contacts of either of two kinds below which who was first is drawn by its chance, not by its time


def mixed(x: int) -> int:
    """Splitmix64's finisher (Steele, Lea & Flood 2014), in whole numbers of any size."""
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 % WORD
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB % WORD
    return x ^ (x >> 31)


def under(key: int, number: int) -> int:
    return mixed((key + (number + 1) * 0x9E3779B97F4A7C15) % WORD)


def uniform(key: int) -> float:
    return (key >> 11) / 2**53


@dataclass
class Story:
    """One run: what an Outbreaks holds of it, as lists."""

    stocks: list[list[int]]
    entries: list[list[int]]
    first: list[int]
    parent: list[int]
    last: list[int]
    kinds: list[int]
    ended: int = 0
    changes: list[tuple[int, int, int]] = field(default_factory=list)  # of contacts and alone: node, from, to


def outbreak(planned: tuple[Period, ...], sources: list[int], run: int, *, steps: int, seed: int) -> Story:
    """Run number `run` of a seed, step by step, node by node."""
    model, nodes = planned[0].model, planned[0].network.nodes
    key = under(mixed(seed + 1), run)
    kinds = [_kind(model, uniform(under(under(key, PEOPLE), v))) for v in range(nodes)]
    state = [0] * nodes
    for v in sources:
        state[v], kinds[v] = model.number(model.source), 0
    first = [0 if v in sources else -1 for v in range(nodes)]
    story = Story([_count(state, model)], [[0] * len(model.states)], first, [-1] * nodes, state, kinds)
    heard: list[list[tuple[int, float]]] = []
    for t in range(steps):
        for period in planned:
            if period.since == t:
                heard, model = _heard(period.network, back=period.model.contact == "pairwise"), period.model
                _do(period, run, t, story)
        step = _meetings if model.contact == "pairwise" else _step
        step(model, heard, story, under(key, t), t + 1)
    return story


def _kind(model: Model, draw: float) -> int:
    upto = 0.0
    for number, share in enumerate(model.classes.values(), start=1):
        upto += share
        if draw < upto:
            return number
    return 0


def _count(state: list[int], model: Model) -> list[int]:
    return [state.count(each) for each in range(len(model.states))]


def _heard(network: Network, *, back: bool) -> list[list[tuple[int, float]]]:
    """Whom each node hears, or with `back` is heard by, and how many contacts that is."""
    heard: list[list[tuple[int, float]]] = [[] for _ in range(network.nodes)]
    for u in range(network.nodes):
        for arc in range(network.start[u], network.start[u + 1]):
            weight = 1.0 if network.weight is None else float(network.weight[arc])
            one, other = (u, int(network.to[arc])) if back else (int(network.to[arc]), u)
            heard[one].append((other, weight))
    return heard


def _do(period: Period, run: int, t: int, story: Story) -> None:
    for kind, nodes in period.turned:
        for v in nodes[run][nodes[run] >= 0]:
            story.kinds[v] = kind
    for into, nodes in period.planted:
        for v in nodes[run]:
            if v >= 0 and story.last[v] != into:
                story.stocks[t][story.last[v]] -= 1
                story.stocks[t][into] += 1
                story.entries[t][into] += 1
                story.last[v] = into
                story.ended = max(story.ended, t)
                if story.first[v] < 0:
                    story.first[v] = t


def _step(model: Model, heard: list[list[tuple[int, float]]], story: Story, key: int, t: int) -> None:
    state, news = story.last, []
    meet, by_itself = model.contact_chances[0].tolist(), model.spontaneous_chances.tolist()
    for v in range(len(state)):
        own, c, s = under(key, v), story.kinds[v], state[v]
        chances = meet[c][s]  # [met][becomes]
        contacts = [(u, weight) for u, weight in heard[v] if model.contact != "active-pull" or _posts(model, state[u])]
        met = [0.0] * len(model.states)
        for u, weight in contacts:
            met[state[u]] += weight
        p = [sum(chances[j]) for j in range(len(model.states))]
        stays, alone = _stays(model, met, p), by_itself[c][s]
        if stays == 1.0 and sum(alone) == 0:
            continue
        story.ended = t
        u = uniform(own)
        if u >= stays:
            whole = all(weight == 1.0 for _, weight in contacts)
            by = _by(model, met, p, u, uniform(under(own, WHICH)), whole=whole)
            whose = _pick([weight * (state[w] == by) for w, weight in contacts], uniform(under(own, WHO)))
            news.append((v, _pick(chances[by], uniform(under(own, INTO))), contacts[whose][0]))
        elif sum(alone) > 0 and (r := uniform(under(own, SELF))) < sum(alone):
            news.append((v, _within(alone, r), -1))
    _tell(model, story, news, t)


def _meetings(model: Model, heard_by: list[list[tuple[int, float]]], story: Story, key: int, t: int) -> None:
    """Everybody who posts calls one; of several proposals to change somebody, the one with the lowest turn counts."""
    state, proposals = story.last, []
    for u, people in enumerate(heard_by):
        if not people or not _posts(model, state[u]):
            continue
        own = under(key, u)
        v = people[_pick([weight for _, weight in people], uniform(under(own, PARTNER)))][0]
        s, j, turn = state[u], state[v], under(own, TURN)
        r, chances = uniform(under(own, CALLER)), model.joint_chances[s, j].ravel().tolist()
        if sum(chances) > 0:
            one, other = divmod(_within(chances, r), len(model.states)) if r < sum(chances) else (s, j)
        else:
            one = _becomes(model.contact_chances[0, story.kinds[u], s, j].tolist(), s, r)
            other = _becomes(model.contact_chances[1, story.kinds[v], j, s].tolist(), j, uniform(under(own, CALLED)))
        proposals += [(turn, u, one, v)] if one != s else []
        proposals += [(mixed(turn), v, other, u)] if other != j else []
    if any(_may_change(model, heard_by, story, u) for u in range(len(state))):
        story.ended = t
    chosen: dict[int, tuple[int, int]] = {}
    for _, v, to, whose in sorted(proposals):
        chosen.setdefault(v, (to, whose))
    for v in range(len(state)):
        alone, r = (
            model.spontaneous_chances[story.kinds[v], state[v]].tolist(),
            uniform(under(under(key, v), BY_ITSELF)),
        )
        to = _becomes(alone, state[v], r)
        if v not in chosen and to != state[v]:
            chosen[v] = (to, -1)
    _tell(model, story, [(v, *what) for v, what in chosen.items()], t)


def _may_change(model: Model, heard_by: list[list[tuple[int, float]]], story: Story, u: int) -> bool:
    """Whether u changes by itself, or a call of u's may change somebody."""
    s, c = story.last[u], story.kinds[u]
    calls = heard_by[u] if _posts(model, s) else []
    return bool(
        model.spontaneous_chances[c, s].any()
        or any(
            model.joint_chances[s, story.last[v]].any()
            or model.contact_chances[0, c, s, story.last[v]].any()
            or model.contact_chances[1, story.kinds[v], story.last[v], s].any()
            for v, _ in calls
        )
    )


def _becomes(chances: list[float], now: int, r: float) -> int:
    return _within(chances, r) if r < sum(chances) else now


def _tell(model: Model, story: Story, news: list[tuple[int, int, int]], t: int) -> None:
    state = story.last
    story.stocks.append(list(story.stocks[-1]))
    story.entries.append([0] * len(model.states))
    for v, to, whose in news:
        story.changes.append((v, state[v], to))
        story.stocks[t][state[v]] -= 1
        story.stocks[t][to] += 1
        story.entries[t][to] += 1
        state[v] = to
        if story.first[v] < 0:
            story.first[v], story.parent[v] = t, whose


def _posts(model: Model, state: int) -> bool:
    return model.states[state] in model.active


def _stays(model: Model, met: list[float], p: list[float]) -> float:
    """P(no contact changes somebody)."""
    if model.contact == "broadcast":
        return prod((1 - p[j]) ** met[j] for j in range(len(met)))
    changes = sum(met[j] * p[j] for j in range(len(met)))
    return 1 - changes / sum(met) if changes > 0 else 1.0


def _by(model: Model, met: list[float], p: list[float], u: float, r: float, *, whole: bool) -> int:
    """With whom the contact was that changed somebody whose draw is u."""
    matter = [j for j in range(len(met)) if model.contact_chances[0][:, :, j].any()]
    if model.contact == "broadcast" and whole and len(matter) == 2 and max(met[j] for j in matter) < TABULATED:
        one, other = matter
        a, b = int(met[one]), int(met[other])
        changes = 1 - (1 - p[one]) ** a * (1 - p[other]) ** b
        return one if r < _wins(a, b, p[one], p[other]) / changes else other
    time = _time(met, p, u) if model.contact == "broadcast" else 0.0
    return _pick([met[j] * p[j] / (1 - p[j] * time) if met[j] else 0.0 for j in range(len(met))], r)


@cache
def _wins(a: int, b: int, p: float, q: float) -> float:
    """P(one of a contacts changes somebody before one of b others does), met one by one in random order."""
    if a == 0:
        return 0.0
    rest = b * (1 - q) * _wins(a, b - 1, p, q) if b else 0.0
    return (a * (p + (1 - p) * _wins(a - 1, b, p, q)) + rest) / (a + b)


def _time(met: list[float], p: list[float], u: float) -> float:
    """When P(nothing yet) falls to u, by halving."""
    low, high = 0.0, 1.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if prod((1 - p[j] * middle) ** met[j] for j in range(len(met))) > u:
            low = middle
        else:
            high = middle
    return low


def _pick(weights: list[float], r: float) -> int:
    return _within(weights, r * sum(weights))


def _within(weights: list[float], left: float) -> int:
    for at, weight in enumerate(weights):
        if left < weight:
            return at
        left -= weight
    return int(np.flatnonzero(weights)[-1])
