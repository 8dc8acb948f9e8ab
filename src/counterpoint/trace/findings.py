"""How a rumour spread, what an answer changed, who may have begun it: in words, tables and figures."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from counterpoint.networks.graph import Network
from counterpoint.report import outbreak_chart
from counterpoint.report.finding import Cell, Figure, Finding, Table
from counterpoint.spread.interventions import Block, Change, Intervention, Plant, Prebunk
from counterpoint.spread.models.model import Contact, Joint, Model, Rule
from counterpoint.spread.outbreaks import TOUCHED, Outbreaks
from counterpoint.stats.intervals import Estimate
from counterpoint.text import pluralize
from counterpoint.trace.problem import Problem
from counterpoint.trace.suspects import LEVEL, Suspects

SHOWN: Final = 6  # states that a chart tells apart
WHOLE: Final = 600  # nodes up to which a picture shows the whole network
SAMPLE: Final = 500
FRIENDS: Final = 6  # of each node that a sample follows
CLOSER: Final = 100  # runs that are looked at node by node
BUDGET: Final = 4_000_000  # nodes of all these runs together
SHARES: Final = (1 / 3, 2 / 3, 0.95)  # of the nodes, by their neighbours: where a class of degree ends
SUSPECTS: Final = 20  # in the table of a page
NO_PROOF: Final = (
    "of the outbreaks that look like this, if the model is right, so many began there; who did is not shown"
)
ONLY_RANKED: Final = "they stand in the order of a score, and how likely each is, is not known"

Again = Callable[..., Outbreaks]
"""Runs the rumour again, from the same seed: takes `runs`, and what else of `simulate` is to be different."""


class Closer(NamedTuple):
    """Some of the runs node by node, and one of them at several times.

    nodes : the runs, first changes and last states kept
    run   : which of them is shown
    times : states of all nodes after some steps, uint8[nodes] each
    """

    nodes: Outbreaks
    run: int
    times: tuple[tuple[int, NDArray[np.uint8]], ...]


def look_closer(again: Again, found: Outbreaks) -> Closer:
    """Run some of the rumour again node by node, and one that took off up to several times: a film, step by step.

    Engines that count only give other outbreaks of the same law than those that follow nodes.
    """
    runs = max(1, min(found.runs, CLOSER, BUDGET // found.network.nodes))
    nodes = again(runs=runs, keep="nodes")
    run = int(nodes.took_off.argmax())
    # As many runs each time, because what is done at random is drawn for all of them.
    films = [(step, again(runs=runs, keep="nodes", steps=step).last) for step in _times(nodes, run)]
    times = [(step, last[run]) for step, last in films if last is not None]
    return Closer(nodes, run, tuple(times))


def _times(found: Outbreaks, run: int) -> list[int]:
    """Return four steps of a run: a third and two thirds of the way to the peak of believers, the peak, the end."""
    end = max(1, int(found.ended[run]))
    peak = max(1, int(found.stock(found.model.source)[run].argmax()))
    return sorted({max(1, peak // 3), max(1, 2 * peak // 3), peak, end})


def tell_spread(found: Outbreaks, closer: Closer | None = None, interventions: Iterable[Intervention] = ()) -> Finding:
    """Say whether the rumour took off, how far it came and when, of runs that took off if any did."""
    taken_off = bool(found.took_off.any())
    stocks, flows = (found.summary(flow=flow, taken_off=taken_off) for flow in (False, True))
    evidence: list[Table | Figure] = [
        _takeoff(found),
        _measures("Shares of the nodes", stocks, taken_off, found),
        _measures("New in a step, as shares of the nodes", flows, taken_off, found),
        *_courses(found, taken_off),
    ]
    if closer is not None:
        evidence += [_by_degree(closer.nodes), _pictures(closer)]
    evidence.append(_made(found, tuple(interventions)))
    return Finding("How the rumour spread", _says(found, stocks, taken_off), tuple(evidence), (found.model.about,))


def tell_answer(found: Outbreaks, without: Outbreaks, interventions: Iterable[Intervention]) -> Finding:
    """Say what share of the rumour an answer averts, beside the same runs without it."""
    averted, source = found.averted(without), found.model.source
    done = "; ".join(said_deed(intervention) for intervention in interventions)
    believers = f"of those who come to believe (new in {source}) without it"
    says = f"What was done: {done}. "
    if averted is None:
        says += f"What share {believers} it averts cannot be told from {pluralize(found.runs, 'run')}."
    else:
        says += (
            f"It averts {averted.brief} {believers}, over {pluralize(found.runs, 'run')} that began at the same nodes."
        )
    both = [_all_runs(each) for each in (without, found)]
    rows = (*((name, before, now) for (name, before), (_, now) in zip(*both, strict=True)), ("averted", None, averted))
    return Finding("What the answer changed", says, (Table("Over all runs", ("share", "without", "with"), rows),))


def tell_suspects(found: Suspects) -> Finding:
    """Say who may have started it, how sure that is, and that it is no proof."""
    first = f"Of {pluralize(len(found.nodes), 'node')} that may have started it, {found.names[0]} comes first"
    if found.probability is None:
        says = f"{first}. No proof: {ONLY_RANKED}."
    else:
        says = (
            f"{first}, with a probability of {found.probability[0]:.2f}; {said_how_sure(found)}. No proof: {NO_PROOF}."
        )
    table = found.table(SUSPECTS).cast({"node": pl.String})  # a name, even if it is a number
    left = len(found.nodes) - len(table)
    evidence: tuple[Table | Figure, ...] = (
        Table("The first suspects", tuple(table.columns), tuple(table.rows()), f"{left:,} more." if left else ""),
        *_suspected(found),
        _traced(found),
    )
    references = tuple(about for about in found.metadata["references"].values() if about)
    return Finding("Who may have started it", says, evidence, references)


def said_how_sure(found: Suspects) -> str:
    """Say how few nodes hold most of the probability, and how far off the first one is; nothing if there is none."""
    if found.probability is None:
        return ""
    distance = (
        "" if found.distance is None else f"; expected distance of the first from the source: {found.distance:.2f}"
    )
    return f"{100 * LEVEL:.0f} % of the probability lies on {pluralize(len(found.credible()), 'node')}{distance}"


def said_time(problem: Problem) -> str:
    """Say how many steps ago it may have begun.

    >>> from counterpoint.spread.models.presets import model
    >>> said_time(Problem(Network.of([0], [1]), ((model("si"), 1.0),), ((2, 0.5), (3, 0.5))))
    '2 to 3 steps'
    """
    times = [time for time, prior in problem.times if prior > 0]
    return pluralize(times[0], "step") if len(times) == 1 else f"{min(times)} to {max(times)} steps"


def _suspected(found: Suspects) -> tuple[Figure, ...]:
    """Return the network as it is seen, and the same with the suspects."""
    problem, first = found.problem, found.nodes[: found.problem.sources]
    kept, edges, whole = _drawn(problem.network, first, "the first suspect")
    unseen = found.codes == problem.unseen
    codes = np.where(unseen, 0, found.codes)[kept]
    names, [seen] = _few_states(problem.model, problem.model.states[1:], [codes])
    names[0] += " or not seen" if unseen.any() else ""
    near, words = found.nodes[:10], "the next of the first ten"
    if found.probability is not None:
        near, words = found.credible(), f"the others that hold {100 * LEVEL:.0f} %"
    place = np.zeros(problem.network.nodes, np.int64)
    for number, some in ((3, found.nodes), (2, near), (1, first)):
        place[some] = number
    groups = ["not suspected", "first" if len(first) == 1 else f"first {len(first)}", words, "other suspects"]
    titles = "What is seen", "The suspects"
    pictured = (seen, names), (place[kept], groups)
    caption = f"{whole}; larger ones have more neighbours."
    return tuple(
        Figure(title, outbreak_chart.networks(edges, {"": state}, legend, title=title), caption)
        for title, (state, legend) in zip(titles, pictured, strict=True)
    )


def _traced(found: Suspects) -> Table:
    problem, made = found.problem, found.metadata
    network, model = problem.network, problem.model
    rows = (
        (
            "network",
            f"{network.nodes:,} nodes, {network.edges:,} {'arcs, each one way' if network.directed else 'edges'}",
        ),
        *(("model", f"{each.name}, contact {each.contact}; prior {prior:.3g}") for each, prior in problem.models),
        *(("rule", words) for rule in model.rules if (words := said_rule(rule))),
        ("time since it began", said_time(problem)),
        *(
            (("not told from " + model.states[0], ", ".join(problem.indistinguishable)),)
            if problem.indistinguishable
            else ()
        ),
        ("nodes seen", f"{100 * problem.share:.0f} %"),
        ("sources", str(problem.sources)),
        ("method", found.method),
        ("why", found.why),
        ("seconds", f"{made['seconds']:.1f}"),
        ("seed", str(made["seed"])),
    )
    return Table("How it was traced", ("what", "as"), rows)


def _all_runs(found: Outbreaks) -> tuple[tuple[str, Cell], ...]:
    source, first = found.model.source, found.model.states[0]
    stocks, flows = (
        {(state, measure): cell for state, measure, cell in cells_of(found.summary(flow=flow, taken_off=False))}
        for flow in (False, True)
    )
    return (
        (f"new in {source}, in all", flows[source, "total"]),
        (f"in {source} at the peak", stocks[source, "peak"]),
        (f"in {first} at the end", stocks[first, "end"]),
        ("of the runs: took off", found.takeoff),
    )


def _says(found: Outbreaks, stocks: pl.DataFrame, taken_off: bool) -> str:
    source, first = found.model.source, found.model.states[0]
    cells = {(state, measure): cell for state, measure, cell in cells_of(stocks)}
    peak, step, rest = (_brief(cells[key]) for key in ((source, "peak"), (source, "peak step"), (first, "end")))
    began = pluralize(found.sources.shape[1], "node")
    least = f"touched {TOUCHED:.0%} of the {found.network.nodes:,} nodes"
    says = f"{found.took_off.sum():,} of {pluralize(found.runs, 'run')} from {began} took off ({least}): a share of"
    says += f" {found.takeoff.brief}. " if found.runs > 1 else f" {found.takeoff.value:g}. "
    whose = "Of these, on average" if taken_off else "Of all runs, on average"
    return f"{says}{whose}, the share in {source} peaks at {peak} at step {step}; {rest} are in {first} at the end."


def cells_of(summary: pl.DataFrame) -> list[tuple[str, str, Cell]]:
    """Return state, measure and mean of a summary; of more than one run as an estimate."""
    return [
        (state, measure, value if low is None else Estimate(value, low, high, n))
        for state, measure, value, low, high, n in summary.iter_rows()
    ]


def _brief(cell: Cell) -> str:
    return cell.brief if isinstance(cell, Estimate) else f"{cell:.3g}"


def _takeoff(found: Outbreaks) -> Table:
    rows = ((pluralize(found.runs, "run"), int(found.took_off.sum()), found.takeoff),)
    return Table("Runs that took off", ("of", "took off", "share"), rows)


def _measures(title: str, summary: pl.DataFrame, taken_off: bool, found: Outbreaks) -> Table:
    """Return a row a state, its measures beside each other."""
    names = tuple(dict.fromkeys(summary["measure"]))
    cells = {(state, measure): cell for state, measure, cell in cells_of(summary)}
    rows = tuple((state, *(cells[state, name] for name in names)) for state in found.model.states)
    whose = "Means over the runs that took off" if taken_off else "Means over all runs: none took off"
    return Table(title, ("state", *names), rows, f"{whose}; a peak is that of each run.")


def _courses(found: Outbreaks, taken_off: bool) -> tuple[Figure, ...]:
    shown = _shown(found)
    left = [state for state in found.model.states[1:] if state not in shown]
    note = f" Not shown: {', '.join(left)}." if left else ""
    runs = int(found.took_off.sum()) if taken_off else found.runs
    caption = f"Median and 90 % band over {pluralize(runs, 'run')}, step by step.{note}"
    figures = []
    for title, axis, flow in (("Who is in which state", "Share", False), ("New in each step", "New, share", True)):
        curves = {state: found.bands(state, flow=flow, taken_off=taken_off) for state in shown}
        figures.append(Figure(title, outbreak_chart.curves(curves, title=title, axis=f"{axis} of nodes"), caption))
    return tuple(figures)


def _shown(found: Outbreaks) -> tuple[str, ...]:
    """Return the states to draw: all but the first, and of too many those that most people are in at some time."""
    others = found.model.states[1:]
    most = sorted(others, key=lambda state: -found.stock(state).mean(0).max())[:SHOWN]
    return tuple(state for state in others if state in most)


def _by_degree(found: Outbreaks) -> Figure:
    classes, names = degree_classes(found.network)
    taken_off = bool(found.took_off.any())
    reached = found.reach(classes, taken_off=taken_off)
    runs = int(found.took_off.sum()) if taken_off else found.runs
    title = "Who is reached when, by how many they hear"
    curves = dict(zip(names, reached, strict=True))
    svg = outbreak_chart.curves(curves, title=title, axis="Share that has changed")
    return Figure(title, svg, f"Means over {pluralize(runs, 'run')}, followed node by node.")


def degree_classes(network: Network) -> tuple[NDArray[np.intp], tuple[str, ...]]:
    """Return the class of each node by how many nodes it hears, and what the classes are called.

    >>> degree_classes(Network.of([0, 0, 0], [1, 2, 3]))
    (array([1, 0, 0, 0]), ('hears 1', 'hears 3'))
    """
    heard = np.diff(network.heard[0])
    cuts = np.unique(np.quantile(heard, SHARES, method="inverted_cdf"))
    _, classes = np.unique(np.searchsorted(cuts, heard), return_inverse=True)
    names = []
    for number in range(int(classes.max()) + 1):
        low, high = heard[classes == number].min(), heard[classes == number].max()
        names.append(f"hears {low:,}" if low == high else f"hears {low:,} to {high:,}")
    return classes, tuple(names)


def _pictures(closer: Closer) -> Figure:
    found = closer.nodes
    kept, edges, whole = _drawn(found.network, found.sources[closer.run], "the source")
    names, states = _few_states(found.model, _shown(found), [last[kept] for _, last in closer.times])
    times = {f"step {step}": state for (step, _), state in zip(closer.times, states, strict=True)}
    title = "One of the runs, at several times"
    caption = f"{whole}; larger ones have more neighbours. A run that {_ended(found, closer.run)}."
    return Figure(title, outbreak_chart.networks(edges, times, names, title=title), caption)


def _drawn(
    network: Network, middle: NDArray[np.integer[Any]], where: str
) -> tuple[NDArray[np.int64], NDArray[np.int64], str]:
    """Return the nodes of a picture, its edges by their places among these, and which nodes they are, in words."""
    kept = _around(network, middle) if network.nodes > WHOLE else np.arange(network.nodes)
    number = np.full(network.nodes, -1)
    number[kept] = np.arange(len(kept))
    edges = number[np.stack([network.tails, network.to], axis=1)]
    edges = np.unique(np.sort(edges[(edges >= 0).all(1)], axis=1), axis=0)
    whole = f"All {len(kept):,} nodes" if len(kept) == network.nodes else f"{len(kept):,} nodes around {where}"
    return kept, edges, whole


def _few_states(
    model: Model, most: Sequence[str], states: Sequence[NDArray[np.uint8]]
) -> tuple[list[str], list[NDArray[np.intp]]]:
    """Return the states by the numbers of their colours; those that cannot be told apart are one, called others."""
    shown = (model.states[0], *most)
    names = [*shown[:SHOWN], "others"] if len(model.states) > SHOWN + 1 else list(shown)
    numbers = np.array([names.index(state) if state in names else len(names) - 1 for state in model.states])
    return names, [numbers[each] for each in states]


def _ended(found: Outbreaks, run: int) -> str:
    touched = (
        f"touched {found.touched[run]:,} of {found.network.nodes:,} nodes in {pluralize(int(found.ended[run]), 'step')}"
    )
    return touched if found.took_off[run] else f"did not take off: it {touched}"


def _around(network: Network, sources: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
    """Return some nodes around the sources: of each in turn a few neighbours at random, who are asked next."""
    rng, seen, at = np.random.default_rng(0), dict.fromkeys(sources.tolist()), 0
    order = list(seen)
    while at < len(order) and len(order) < SAMPLE:
        near = network.to[network.start[order[at]] : network.start[order[at] + 1]]
        for node in rng.permutation(near)[:FRIENDS].tolist():
            if node not in seen and len(order) < SAMPLE:
                seen[node] = None
                order.append(node)
        at += 1
    return np.sort(np.array(order, np.int64))


def _made(found: Outbreaks, interventions: tuple[Intervention, ...]) -> Table:
    network, model = found.network, found.model
    chances = ", ".join(f"{name} {share:g}" for name, share in model.classes.items())
    arcs = "arcs, each one way" if network.directed else "edges"
    rows = (
        ("network", f"{network.nodes:,} nodes, {network.edges:,} {arcs}"),
        ("model", f"{model.name}: states {', '.join(model.states)}; contact {model.contact}"),
        *((("shares of people", chances),) if chances else ()),
        *(("rule", words) for rule in model.rules if (words := said_rule(rule))),
        *(("done to it", said_deed(intervention)) for intervention in interventions),
        ("engine", found.engine),
        ("seed", str(found.metadata["seed"])),
    )
    return Table("How it was run", ("what", "as"), rows)


def said_rule(rule: Rule) -> str:
    """Return a rule in words; what has no chance is left out, and a rule without any says nothing.

    >>> from counterpoint.spread.models.model import Spontaneous
    >>> said_rule(Contact("S", "I", {"D": 0.3}, who="checker")), said_rule(Spontaneous("I", {"R": 0}))
    ('S meeting I becomes D with 0.3, if checker', '')
    """
    if isinstance(rule, Joint):
        into = " or ".join(f"{one} and {other} with {chance:g}" for (one, other), chance in rule.becomes.items())
        return f"{rule.caller} calling {rule.called}: they become {into}"
    into = " or ".join(f"{state} with {chance:g}" for state, chance in rule.becomes.items() if chance)
    who = f", if {rule.who}" if rule.who else ""
    met = "alone"
    if isinstance(rule, Contact):
        met = {"either": "meeting", "caller": "calling", "called": "called by"}[rule.side] + f" {rule.met}"
    return f"{rule.state} {met} becomes {into}{who}" if into else ""


def said_deed(intervention: Intervention) -> str:
    """Return what is done in words.

    >>> said_deed(Plant(3, "D", "hubs", 10)), said_deed(Prebunk(0, "checker", share=0.1))
    ('after step 3, D is put in at hubs, count 10', 'after step 0, made checker: a share of 0.1')
    """
    match intervention:
        case Plant(at, state, where, count):
            place = f"{where}, count {count}" if isinstance(where, str) else _some(where)
            return f"after step {at}, {state} is put in at {place}"
        case Prebunk(at, into, nodes, share):
            whom = _some(nodes) if nodes else f"a share of {share:g}"
            return f"after step {at}, made {into}: {whom}"
        case Block(at, nodes, edges):
            gone = [_some(nodes)] * bool(nodes) + [pluralize(len(edges), "edge")] * bool(edges)
            return f"from step {at} on, blocked: {' and '.join(gone) or 'nobody'}"
        case Change(at, model):
            return f"from step {at} on, the model {model.name} with other chances"


def _some(names: Sequence[object]) -> str:
    few = ", ".join(str(name) for name in names[:5])
    return few if len(names) <= 5 else f"{few} and {len(names) - 5:,} more"
