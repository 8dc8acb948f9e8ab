"""How a rumour spread, and what an answer to it changed: in words, tables and figures."""

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from counterpoint.networks.drawing import drawn_part
from counterpoint.networks.graph import Network
from counterpoint.report import outbreak_chart
from counterpoint.report.finding import Cell, Figure, Finding, Table
from counterpoint.spread.close_up import CloseUp
from counterpoint.spread.interventions import Block, Change, Intervention, Plant, Prebunk
from counterpoint.spread.models.model import Contact, Joint, Model, Rule
from counterpoint.spread.outbreaks import TAKEOFF_SHARE, Outbreaks
from counterpoint.stats.intervals import Estimate
from counterpoint.text import pluralize

MOST_STATES_CHARTED: Final = 6  # states that a chart tells apart
DEGREE_QUANTILES: Final = (1 / 3, 2 / 3, 0.95)  # of the nodes, by their neighbours: where a class of degree ends


def spread_finding(
    outbreaks: Outbreaks, close_up: CloseUp | None = None, interventions: Iterable[Intervention] = ()
) -> Finding:
    """Say whether the rumour took off, how far it came and when, of runs that took off if any did."""
    taken_off = bool(outbreaks.took_off.any())
    stocks, flows = (outbreaks.summary(flow=flow, taken_off=taken_off) for flow in (False, True))
    evidence: list[Table | Figure] = [
        _takeoff_table(outbreaks),
        _measures_table("Shares of the nodes", stocks, taken_off, outbreaks),
        _measures_table("New in a step, as shares of the nodes", flows, taken_off, outbreaks),
        *_course_figures(outbreaks, taken_off),
    ]
    if close_up is not None:
        evidence += [_by_degree_figure(close_up.outbreaks), _film_figure(close_up)]
    evidence.append(_settings_table(outbreaks, tuple(interventions)))
    return Finding(
        "How the rumour spread",
        _spread_sentence(outbreaks, stocks, taken_off),
        tuple(evidence),
        (outbreaks.model.about,),
    )


def intervention_finding(outbreaks: Outbreaks, without: Outbreaks, interventions: Iterable[Intervention]) -> Finding:
    """Say what share of the rumour an answer averts, beside the same runs without it."""
    averted, source = outbreaks.averted(without), outbreaks.model.source
    done = "; ".join(intervention_text(intervention) for intervention in interventions)
    believers = f"of those who come to believe (new in {source}) without it"
    says = f"What was done: {done}. "
    if averted is None:
        says += f"What share {believers} it averts cannot be told from {pluralize(outbreaks.runs, 'run')}."
    else:
        runs = pluralize(outbreaks.runs, "run")
        says += f"It averts {averted.brief} {believers}, over {runs} that began at the same nodes."
    both = [_over_all_runs(each) for each in (without, outbreaks)]
    rows = (*((name, before, now) for (name, before), (_, now) in zip(*both, strict=True)), ("averted", None, averted))
    return Finding("What the answer changed", says, (Table("Over all runs", ("share", "without", "with"), rows),))


def _over_all_runs(outbreaks: Outbreaks) -> tuple[tuple[str, Cell], ...]:
    source, first = outbreaks.model.source, outbreaks.model.states[0]
    stocks, flows = (
        {
            (state, measure): cell
            for state, measure, cell in summary_cells(outbreaks.summary(flow=flow, taken_off=False))
        }
        for flow in (False, True)
    )
    return (
        (f"new in {source}, in all", flows[source, "total"]),
        (f"in {source} at the peak", stocks[source, "peak"]),
        (f"in {first} at the end", stocks[first, "end"]),
        ("of the runs: took off", outbreaks.takeoff),
    )


def _spread_sentence(outbreaks: Outbreaks, stocks: pl.DataFrame, taken_off: bool) -> str:
    source, first = outbreaks.model.source, outbreaks.model.states[0]
    cells = {(state, measure): cell for state, measure, cell in summary_cells(stocks)}
    peak, step, rest = (_brief(cells[key]) for key in ((source, "peak"), (source, "peak step"), (first, "end")))
    began = pluralize(outbreaks.sources.shape[1], "node")
    least = f"reached {TAKEOFF_SHARE:.0%} of the {outbreaks.network.nodes:,} nodes"
    runs = pluralize(outbreaks.runs, "run")
    says = f"{outbreaks.took_off.sum():,} of {runs} from {began} took off ({least}): a share of"
    says += f" {outbreaks.takeoff.brief}. " if outbreaks.runs > 1 else f" {outbreaks.takeoff.value:g}. "
    whose = "Of these, on average" if taken_off else "Of all runs, on average"
    return f"{says}{whose}, the share in {source} peaks at {peak} at step {step}; {rest} are in {first} at the end."


def summary_cells(summary: pl.DataFrame) -> list[tuple[str, str, Cell]]:
    """Return state, measure and mean of a summary; of more than one run as an estimate."""
    return [
        (state, measure, value if low is None else Estimate(value, low, high, n))
        for state, measure, value, low, high, n in summary.iter_rows()
    ]


def _brief(cell: Cell) -> str:
    return cell.brief if isinstance(cell, Estimate) else f"{cell:.3g}"


def _takeoff_table(outbreaks: Outbreaks) -> Table:
    rows = ((pluralize(outbreaks.runs, "run"), int(outbreaks.took_off.sum()), outbreaks.takeoff),)
    return Table("Runs that took off", ("of", "took off", "share"), rows)


def _measures_table(title: str, summary: pl.DataFrame, taken_off: bool, outbreaks: Outbreaks) -> Table:
    """Return a row a state, its measures beside each other."""
    names = tuple(dict.fromkeys(summary["measure"]))
    cells = {(state, measure): cell for state, measure, cell in summary_cells(summary)}
    rows = tuple((state, *(cells[state, name] for name in names)) for state in outbreaks.model.states)
    whose = "Means over the runs that took off" if taken_off else "Means over all runs: none took off"
    return Table(title, ("state", *names), rows, f"{whose}; a peak is that of each run.")


def _course_figures(outbreaks: Outbreaks, taken_off: bool) -> tuple[Figure, ...]:
    shown = _charted_states(outbreaks)
    left = [state for state in outbreaks.model.states[1:] if state not in shown]
    note = f" Not shown: {', '.join(left)}." if left else ""
    runs = int(outbreaks.took_off.sum()) if taken_off else outbreaks.runs
    caption = f"Median and 90 % band over {pluralize(runs, 'run')}, step by step.{note}"
    figures = []
    for title, axis, flow in (("Who is in which state", "Share", False), ("New in each step", "New, share", True)):
        curves = {state: outbreaks.bands(state, flow=flow, taken_off=taken_off) for state in shown}
        figures.append(Figure(title, outbreak_chart.curves(curves, title=title, axis=f"{axis} of nodes"), caption))
    return tuple(figures)


def _charted_states(outbreaks: Outbreaks) -> tuple[str, ...]:
    """Return the states to draw: all but the first, and of too many those that most people are in at some time."""
    others = outbreaks.model.states[1:]
    most = sorted(others, key=lambda state: -outbreaks.stock(state).mean(0).max())[:MOST_STATES_CHARTED]
    return tuple(state for state in others if state in most)


def _by_degree_figure(outbreaks: Outbreaks) -> Figure:
    classes, names = degree_classes(outbreaks.network)
    taken_off = bool(outbreaks.took_off.any())
    reached = outbreaks.reach(classes, taken_off=taken_off)
    runs = int(outbreaks.took_off.sum()) if taken_off else outbreaks.runs
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
    cuts = np.unique(np.quantile(heard, DEGREE_QUANTILES, method="inverted_cdf"))
    _, classes = np.unique(np.searchsorted(cuts, heard), return_inverse=True)
    names = []
    for number in range(int(classes.max()) + 1):
        low, high = heard[classes == number].min(), heard[classes == number].max()
        names.append(f"hears {low:,}" if low == high else f"hears {low:,} to {high:,}")
    return classes, tuple(names)


def _film_figure(close_up: CloseUp) -> Figure:
    outbreaks = close_up.outbreaks
    kept, edges, whole = drawn_part(outbreaks.network, outbreaks.sources[close_up.run], "the source")
    names, states = state_colours(
        outbreaks.model, _charted_states(outbreaks), [last[kept] for _, last in close_up.frames]
    )
    times = {f"step {step}": state for (step, _), state in zip(close_up.frames, states, strict=True)}
    title = "One of the runs, at several times"
    caption = f"{whole}; larger ones have more neighbours. A run that {_ended(outbreaks, close_up.run)}."
    return Figure(title, outbreak_chart.networks(edges, times, names, title=title), caption)


def state_colours(
    model: Model, most: Sequence[str], states: Sequence[NDArray[np.uint8]]
) -> tuple[list[str], list[NDArray[np.intp]]]:
    """Return the states by the numbers of their colours; those that cannot be told apart are one, called others."""
    shown = (model.states[0], *most)
    names = [*shown[:MOST_STATES_CHARTED], "others"] if len(model.states) > MOST_STATES_CHARTED + 1 else list(shown)
    numbers = np.array([names.index(state) if state in names else len(names) - 1 for state in model.states])
    return names, [numbers[each] for each in states]


def _ended(outbreaks: Outbreaks, run: int) -> str:
    steps = pluralize(int(outbreaks.ended[run]), "step")
    reached = f"reached {outbreaks.reached[run]:,} of {outbreaks.network.nodes:,} nodes in {steps}"
    return reached if outbreaks.took_off[run] else f"did not take off: it {reached}"


def _settings_table(outbreaks: Outbreaks, interventions: tuple[Intervention, ...]) -> Table:
    network, model = outbreaks.network, outbreaks.model
    chances = ", ".join(f"{name} {share:g}" for name, share in model.classes.items())
    arcs = "arcs, each one way" if network.directed else "edges"
    rows = (
        ("network", f"{network.nodes:,} nodes, {network.edges:,} {arcs}"),
        ("model", f"{model.name}: states {', '.join(model.states)}; contact {model.contact}"),
        *((("shares of people", chances),) if chances else ()),
        *(("rule", words) for rule in model.rules if (words := rule_text(rule))),
        *(("done to it", intervention_text(intervention)) for intervention in interventions),
        ("simulator", outbreaks.simulator),
        ("seed", str(outbreaks.metadata["seed"])),
    )
    return Table("How it was run", ("what", "as"), rows)


def rule_text(rule: Rule) -> str:
    """Return a rule in words; what has no chance is left out, and a rule without any says nothing.

    >>> from counterpoint.spread.models.model import Spontaneous
    >>> rule_text(Contact("S", "I", {"D": 0.3}, who="checker")), rule_text(Spontaneous("I", {"R": 0}))
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


def intervention_text(intervention: Intervention) -> str:
    """Return what is done in words.

    >>> intervention_text(Plant(3, "D", "hubs", 10)), intervention_text(Prebunk(0, "checker", share=0.1))
    ('after step 3, D is put in at hubs, count 10', 'after step 0, made checker: a share of 0.1')
    """
    match intervention:
        case Plant(at, state, where, count):
            place = f"{where}, count {count}" if isinstance(where, str) else _names_text(where)
            return f"after step {at}, {state} is put in at {place}"
        case Prebunk(at, into, nodes, share):
            whom = _names_text(nodes) if nodes else f"a share of {share:g}"
            return f"after step {at}, made {into}: {whom}"
        case Block(at, nodes, edges):
            gone = [_names_text(nodes)] * bool(nodes) + [pluralize(len(edges), "edge")] * bool(edges)
            return f"from step {at} on, blocked: {' and '.join(gone) or 'nobody'}"
        case Change(at, model):
            return f"from step {at} on, the model {model.name} with other chances"


def _names_text(names: Sequence[object]) -> str:
    few = ", ".join(str(name) for name in names[:5])
    return few if len(names) <= 5 else f"{few} and {len(names) - 5:,} more"
