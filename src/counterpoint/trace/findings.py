"""Who may have started it: in words, tables and pictures of the network."""

from typing import Final

import numpy as np
import polars as pl

from counterpoint.networks.drawing import drawn_part
from counterpoint.report import outbreak_chart
from counterpoint.report.finding import Figure, Finding, Table
from counterpoint.spread.findings import rule_text, state_colours
from counterpoint.text import pluralize
from counterpoint.trace.problem import Problem
from counterpoint.trace.suspects import LEVEL, Suspects

MOST_SUSPECTS: Final = 20  # in the table of a page
NO_PROOF: Final = (
    "of the outbreaks that look like this, if the model is right, so many began there; who did is not shown"
)
ONLY_RANKED: Final = "they stand in the order of a score, and how likely each is, is not known"


def suspects_finding(suspects: Suspects) -> Finding:
    """Say who may have started it, how sure that is, and that it is no proof."""
    first = f"Of {pluralize(len(suspects.nodes), 'node')} that may have started it, {suspects.names[0]} comes first"
    if suspects.probability is None:
        says = f"{first}. No proof: {ONLY_RANKED}."
    else:
        chance = f"with a probability of {suspects.probability[0]:.2f}"
        says = f"{first}, {chance}; {certainty_text(suspects)}. No proof: {NO_PROOF}."
    table = suspects.table(MOST_SUSPECTS).cast({"node": pl.String})  # a name, even if it is a number
    left = len(suspects.nodes) - len(table)
    evidence: tuple[Table | Figure, ...] = (
        Table("The first suspects", tuple(table.columns), tuple(table.rows()), f"{left:,} more." if left else ""),
        *_network_figures(suspects),
        _settings_table(suspects),
    )
    references = tuple(about for about in suspects.metadata["references"].values() if about)
    return Finding("Who may have started it", says, evidence, references)


def certainty_text(suspects: Suspects) -> str:
    """Say how few nodes hold most of the probability, and how far off the first one is; nothing if there is none."""
    if suspects.probability is None:
        return ""
    distance = (
        ""
        if suspects.distance is None
        else f"; expected distance of the first from the source: {suspects.distance:.2f}"
    )
    return f"{100 * LEVEL:.0f} % of the probability lies on {pluralize(len(suspects.credible()), 'node')}{distance}"


def time_text(problem: Problem) -> str:
    """Say how many steps ago it may have begun.

    >>> from counterpoint.networks.graph import Network
    >>> from counterpoint.spread.models.presets import model
    >>> time_text(Problem(Network.of([0], [1]), ((model("si"), 1.0),), ((2, 0.5), (3, 0.5))))
    '2 to 3 steps'
    """
    times = [time for time, prior in problem.times if prior > 0]
    return pluralize(times[0], "step") if len(times) == 1 else f"{min(times)} to {max(times)} steps"


def _network_figures(suspects: Suspects) -> tuple[Figure, ...]:
    """Return the network as it is seen, and the same with the suspects."""
    problem, first = suspects.problem, suspects.nodes[: suspects.problem.sources]
    kept, edges, whole = drawn_part(problem.network, first, "the first suspect")
    unseen = suspects.codes == problem.unseen
    codes = np.where(unseen, 0, suspects.codes)[kept]
    names, [seen] = state_colours(problem.model, problem.model.states[1:], [codes])
    names[0] += " or not seen" if unseen.any() else ""
    likeliest, likeliest_label = suspects.nodes[:10], "the next of the first ten"
    if suspects.probability is not None:
        likeliest, likeliest_label = suspects.credible(), f"the others that hold {100 * LEVEL:.0f} %"
    group_of = np.zeros(problem.network.nodes, np.int64)
    for group, nodes in ((3, suspects.nodes), (2, likeliest), (1, first)):
        group_of[nodes] = group
    groups = ["not suspected", "first" if len(first) == 1 else f"first {len(first)}", likeliest_label, "other suspects"]
    titles = "What is seen", "The suspects"
    colourings = (seen, names), (group_of[kept], groups)
    caption = f"{whole}; larger ones have more neighbours."
    return tuple(
        Figure(title, outbreak_chart.networks(edges, {"": state}, legend, title=title), caption)
        for title, (state, legend) in zip(titles, colourings, strict=True)
    )


def _settings_table(suspects: Suspects) -> Table:
    problem, metadata = suspects.problem, suspects.metadata
    network, model = problem.network, problem.model
    rows = (
        (
            "network",
            f"{network.nodes:,} nodes, {network.edges:,} {'arcs, each one way' if network.directed else 'edges'}",
        ),
        *(("model", f"{each.name}, contact {each.contact}; prior {prior:.3g}") for each, prior in problem.models),
        *(("rule", words) for rule in model.rules if (words := rule_text(rule))),
        ("time since it began", time_text(problem)),
        *(
            (("not told from " + model.states[0], ", ".join(problem.indistinguishable)),)
            if problem.indistinguishable
            else ()
        ),
        ("nodes seen", f"{100 * problem.share:.0f} %"),
        ("sources", str(problem.sources)),
        ("method", suspects.method),
        ("why", suspects.why),
        ("seconds", f"{metadata['seconds']:.1f}"),
        ("seed", str(metadata["seed"])),
    )
    return Table("How it was traced", ("what", "as"), rows)
