"""Drawings of what spreads: courses over steps with their bands, and pictures of a network, coloured by state.

As in `chart`, every function takes the `title` that a screen reader says and gives the same text for the same values.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import shortest_path

from counterpoint.errors import CounterpointError
from counterpoint.report.chart import PALETTE, check_colours, framed, inches, legend
from counterpoint.report.svg import INK, drawing, inline, label

COLOURS: Final = (PALETTE[1], PALETTE[0], *PALETTE[2:])
"""Of states, in order, after the first: the rumour burns, its answer is cool."""
UNTOUCHED: Final = "#9aa0a6"
EDGES: Final = 2000  # drawn at most
ACROSS: Final = 2  # pictures in a row
PIVOTS: Final = 30
ROUNDS: Final = 60
Course = Mapping[str, NDArray[np.floating[Any]]]


def curves(named: Course, *, title: str, axis: str) -> Markup:
    """Draw each named course over steps 0, 1, ...: one row of values, or three: low, middle and high, as a band.

    At most six, as many as there are colours that differ; more, none, and values that are no numbers raise
    CounterpointError. `axis` says what is counted.

    >>> curves({"I": np.array([[0.1, 0.2], [0.2, 0.4], [0.3, 0.5]])}, title="Course", axis="Share").startswith("<svg ")
    True
    """
    _check_courses(named)
    with drawing():
        names = [label(name) for name in named]
        room = 0.5 + inches(names)
        figure, axes = framed(6.2 + room, 3.4, left=0.65, right=room, bottom=0.5, top=0.12)
        lines: list[Line2D] = []
        for colour, values in zip(COLOURS, named.values(), strict=False):
            low, middle, high = np.broadcast_to(np.atleast_2d(values), (3, values.shape[-1]))
            steps = np.arange(len(middle))
            if values.ndim > 1:
                axes.fill_between(steps, low, high, color=colour, alpha=0.2, linewidth=0)
            lines += axes.plot(steps, middle, color=colour, linewidth=1.7)
        axes.set(xlim=(0, max(1, values.shape[-1] - 1)), xlabel="Step", ylabel=label(axis))
        axes.set_ylim(bottom=0)
        axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
        axes.grid(visible=True)
        legend(axes, lines, names)
        return inline(figure, title)


def _check_courses(curves: Course) -> None:
    check_colours(curves)
    for name, values in curves.items():
        fits = values.ndim == 1 or (values.ndim == 2 and len(values) == 3)
        if not fits or not values.shape[-1] or not np.isfinite(values).all():
            raise CounterpointError(f"the course {name!r} needs finite values, one row or three: got {values.shape}")


def networks(
    edges: NDArray[np.integer[Any]],
    states: Mapping[str, NDArray[np.integer[Any]]],
    names: Sequence[str],
    *,
    title: str,
) -> Markup:
    """Draw a network once for each named time, nodes coloured by their states then, larger with many neighbours.

    edges  : int[edges, 2], the nodes each joins; of many edges only some are drawn
    states : the number of each node's state by time, int[nodes]; 0, as yet untouched, is grey
    names  : of the states, at most seven

    Raises CounterpointError for a network without nodes, more states than colours, and numbers that are no state's.

    >>> ring = np.array([[0, 1], [1, 2], [2, 0]])
    >>> "step 4" in networks(ring, {"step 4": np.array([1, 0, 0])}, ["S", "I"], title="A ring")
    True
    """
    _check_pictures(edges, states, names)
    nodes = len(next(iter(states.values())))
    places, degree = node_places(edges, nodes), np.bincount(edges.ravel(), minlength=nodes)
    shown = edges if len(edges) <= EDGES else edges[np.random.default_rng(0).choice(len(edges), EDGES, replace=False)]
    across = min(ACROSS, len(states))
    rows = -(-len(states) // across)
    with drawing():
        figure = Figure(figsize=(8.4, 4.0 * rows + 0.4))
        marks = [
            Line2D([], [], color=colour, marker="o", linestyle="", markersize=6)
            for colour in (UNTOUCHED, *COLOURS)[: len(names)]
        ]
        for place, (time, state) in enumerate(states.items()):
            high = 0.4 / (4.0 * rows + 0.4)
            tall = (1 - high) / rows
            frame = (place % across / across, high + tall * (rows - 1 - place // across), 1 / across, tall * 0.94)
            axes = figure.add_axes(frame)
            axes.set(xlim=(-1.04, 1.04), ylim=(-1.04, 1.04), aspect="equal")
            axes.axis("off")
            axes.set_title(label(time), fontsize=9, pad=0)
            _strokes(axes, places[shown[:, 0]], places[shown[:, 1]], color=INK, alpha=0.18, linewidth=0.5)
            _nodes(axes, places, state, degree)
        figure.legend(marks, [label(name) for name in names], loc="lower center", ncols=len(names), frameon=False)
        return inline(figure, title)


def _check_pictures(
    edges: NDArray[np.integer[Any]], states: Mapping[str, NDArray[np.integer[Any]]], names: Sequence[str]
) -> None:
    if not 1 <= len(names) <= len(COLOURS) + 1:
        raise CounterpointError(f"a picture tells 1 to {len(COLOURS) + 1} states apart by colour, got {len(names)}")
    sizes = {len(state) for state in states.values()}
    if len(sizes) != 1 or 0 in sizes:
        raise CounterpointError(f"pictures need the same nodes at every time, and at least one: got {sorted(sizes)}")
    nodes = sizes.pop()
    if edges.ndim != 2 or edges.shape[1] != 2 or (edges.size and not 0 <= edges.min() <= edges.max() < nodes):
        raise CounterpointError(f"edges are pairs of the nodes 0 to {nodes - 1}")
    for time, state in states.items():
        if not 0 <= state.min() <= state.max() < len(names):
            raise CounterpointError(f"at {time!r} a node is in no state: numbers are 0 to {len(names) - 1}")


def _nodes(
    axes: Axes, places: NDArray[np.float64], state: NDArray[np.integer[Any]], degree: NDArray[np.integer[Any]]
) -> None:
    """Draw the nodes, a path for each state and size: a mark each would make the page many times longer."""
    size = np.digitize(degree / max(1, np.median(degree)), [2.5, 6])
    small = 4.2 if len(places) <= 400 else 2.8
    for number in np.unique(state):
        colour = (UNTOUCHED, *COLOURS)[number]
        for scale in np.unique(size[state == number]):
            points = places[(state == number) & (size == scale)]
            round_ = {"linewidth": small * (1 + 0.75 * scale), "solid_capstyle": "round", "alpha": 0.95}
            _strokes(axes, points, points + np.array([0.001, 0]), color=colour, **round_)


def _strokes(axes: Axes, begin: NDArray[np.float64], end: NDArray[np.float64], **style: Any) -> None:
    """Draw strokes as one path, in pieces because matplotlib's SVG keeps a path on one line."""
    gaps = np.full_like(begin, np.nan)
    x, y = np.stack([begin, end, gaps], axis=1).reshape(-1, 2).T
    [line] = axes.plot(x, y, **style)
    line.get_path().should_simplify = False


def node_places(edges: NDArray[np.integer[Any]], nodes: int) -> NDArray[np.float64]:
    """Return a place for every node, float64[nodes, 2] within [-1, 1]: neighbours near, others apart.

    Begun by distances to some nodes (Brandes & Pich 2007), refined by forces (Fruchterman & Reingold 1991). The same
    network, the same places. Room for the square of the nodes is needed: some thousands are the most.

    >>> places = node_places(np.array([[0, 1], [1, 2]]), 3)
    >>> bool(np.hypot(*(places[0] - places[1])) < np.hypot(*(places[0] - places[2])))
    True
    """
    noise = np.random.default_rng(0).normal(size=(nodes, 2))
    places = (_by_distance(edges, nodes) + 0.05 * noise).astype(np.float32)
    apart = np.float32(1.6 / np.sqrt(nodes))
    for left in np.linspace(1, 0.02, ROUNDS, dtype=np.float32):
        between = places[:, None] - places[None]
        square = np.maximum((between**2).sum(-1), np.float32(1e-6))
        push = (between * (apart**2 / square)[..., None]).sum(1) - places * np.float32(0.6)
        along = places[edges[:, 0]] - places[edges[:, 1]]
        pull = along * (np.hypot(*along.T) / apart)[:, None]
        for end, sign in ((0, -1), (1, 1)):
            np.add.at(push, edges[:, end], sign * pull)
        size = np.maximum(np.hypot(*push.T), np.float32(1e-6))[:, None]
        places = places + push / size * np.minimum(size, np.float32(0.12) * left)
    places = places - places.mean(0)
    far = np.quantile(np.hypot(*places.T), 0.97) or 1.0
    radius = np.maximum(np.hypot(*places.T), 1e-9)[:, None]
    return np.asarray(places / radius * np.minimum(radius / far, 1.0), np.float64)


def _by_distance(edges: NDArray[np.integer[Any]], nodes: int) -> NDArray[np.float64]:
    """Place nodes by the two axes along which their distances to some of them, the best joined first, differ most."""
    joined = coo_array((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), shape=(nodes, nodes)).tocsr()
    degree = np.bincount(edges.ravel(), minlength=nodes)
    pivots = np.argsort(-degree, kind="stable")[:: max(1, nodes // PIVOTS)][:PIVOTS]
    away = shortest_path(joined, directed=False, unweighted=True, indices=pivots).T
    farthest = away[np.isfinite(away)].max(initial=1.0)
    square = np.where(np.isfinite(away), away, farthest + 2) ** 2
    centred = square - square.mean(0) - square.mean(1, keepdims=True) + square.mean()
    axes = np.linalg.svd(centred, full_matrices=False)[0][:, :2]
    axes = np.pad(axes, ((0, 0), (0, 2 - axes.shape[1])))
    axes = axes * np.where(axes[np.abs(axes).argmax(0), [0, 1]] < 0, -1, 1)  # which way an axis points is arbitrary
    spread = np.abs(axes).max(0)
    return np.asarray(axes / np.where(spread > 0, spread, 1.0))
