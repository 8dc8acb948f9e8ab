"""Plain drawings, each one function from values to SVG, in colours that colour-blind readers can tell apart.

Every function takes the `title` that a screen reader says, gives the same text for the same values, and draws text
and axes in the colour of the page, so that it reads on light and dark.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from counterpoint.errors import CounterpointError
from counterpoint.report.finding import format_cell
from counterpoint.report.svg import INK, drawing, inline, label, width
from counterpoint.stats.calibration import CalibrationBin
from counterpoint.stats.intervals import Estimate

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""Okabe and Ito (2008), the colours that show on both white and black, strongest first."""
INCH = 72.0
"""Points in an inch."""
COLUMN = 5.0
"""Points that a column of 9 point text takes, in a wide font."""
Curve = tuple[NDArray[np.floating[Any]], NDArray[np.floating[Any]]]


def roc(curves: Mapping[str, Curve], *, title: str) -> Markup:
    """Draw (false positive rate, true positive rate) of each named curve over the diagonal of chance.

    At most six curves, as many as there are colours that differ; more raises CounterpointError.

    >>> roc({"model": (np.array([0.0, 0.2, 1.0]), np.array([0.0, 0.7, 1.0]))}, title="ROC curve").startswith("<svg ")
    True
    """
    check_colours(curves)
    with drawing():
        names = [label(name) for name in curves]
        lines: list[Line2D] = []
        figure, axes = _square(names)
        axes.plot([0, 1], [0, 1], color=INK, alpha=0.45, linewidth=0.9, dashes=(4, 3))
        for colour, (false_positive, true_positive) in zip(PALETTE, curves.values(), strict=False):
            lines += axes.plot(false_positive, true_positive, color=colour, linewidth=1.8)
        axes.set(xlabel="False positive rate", ylabel="True positive rate")
        legend(axes, lines, names)
        return inline(figure, title)


def calibration(rows: Sequence[CalibrationBin], *, title: str) -> Markup:
    """Draw what happened over what was said, each bin with its interval; the diagonal is perfection.

    >>> from counterpoint.stats.intervals import wilson
    >>> calibration([CalibrationBin(0.2, wilson(22, 100), 100)], title="Calibration").startswith("<svg ")
    True
    """
    with drawing():
        figure, axes = _square([])
        axes.plot([0, 1], [0, 1], color=INK, alpha=0.45, linewidth=0.9, dashes=(4, 3))
        predicted = [row.mean_probability for row in rows]
        axes.vlines(predicted, [row.observed.low for row in rows], [row.observed.high for row in rows], PALETTE[0])
        axes.plot(predicted, [row.observed.value for row in rows], "o", color=PALETTE[0], markersize=5, clip_on=False)
        axes.set(xlabel="Probability given", ylabel="Share observed")
        return inline(figure, title)


def bars(labels: Sequence[str], values: Sequence[float | Estimate], *, title: str) -> Markup:
    """Draw one horizontal bar a value, the first on top, its number beside it; an Estimate also shows its interval.

    Raises CounterpointError unless there is one finite value for each of at least one label.

    >>> "<text" in bars(["Days since the last play", "晴天"], [0.31, -0.02], title="Importance")
    True
    """
    estimates = [value if isinstance(value, Estimate) else Estimate(value, value, value, 0) for value in values]
    _check_bars(labels, estimates)
    names, numbers = [label(name) for name in labels], [format_cell(each.value) for each in estimates]
    with drawing():
        figure, axes = _rows(names, numbers)
        places = range(len(names))
        axes.barh(places, [each.value for each in estimates], height=0.62, color=PALETTE[0])
        axes.set_yticks(places, names)
        axes.set_xlim(*_reach(estimates))
        axes.axvline(0, color=INK, alpha=0.5, linewidth=0.8)
        for place, number, each in zip(places, numbers, estimates, strict=True):
            axes.plot([each.low, each.high], [place, place], color=INK, linewidth=1.1, solid_capstyle="butt")
            end = max(each.high, each.value, 0)
            axes.annotate(number, (end, place), (5, 0), textcoords="offset points", va="center")
        return inline(figure, title)


def histogram(edges: NDArray[Any], counts: NDArray[Any], *, title: str, axis: str) -> Markup:
    """Draw `counts` between consecutive `edges` (one more than counts, rising), `axis` naming what is counted.

    Raises CounterpointError if the edges do not fit the counts.

    >>> "Days" in histogram(np.array([0, 7, 14]), np.array([120, 80]), title="Idle days", axis="Days")
    True
    """
    if len(edges) != len(counts) + 1 or not len(counts) or not (np.diff(edges) > 0).all():
        raise CounterpointError(
            f"a histogram needs rising edges, one more than counts: got {len(edges)} edges for {len(counts)} counts",
        )
    with drawing():
        figure, axes = framed(7.0, 3.0, left=0.75, right=0.15, bottom=0.5, top=0.15)
        axes.stairs(counts, edges, fill=True, color=PALETTE[0])
        axes.yaxis.set_major_formatter("{x:,.0f}")
        axes.grid(visible=True, axis="y")
        axes.set(xlim=(edges[0], edges[-1]), xlabel=label(axis))
        return inline(figure, title)


def survival_curves(curves: Mapping[str, Sequence[tuple[float, Estimate]]], *, title: str, axis: str) -> Markup:
    """Draw shares that fall in steps from 1, each with the band of its intervals; `axis` names what they fall over.

    At most six curves, as many as there are colours that differ; more raises CounterpointError.

    >>> steps = [(3, Estimate(0.8, 0.7, 0.9, 50))]
    >>> survival_curves({"May": steps}, title="Still there", axis="Days").startswith("<svg ")
    True
    """
    check_colours(curves)
    with drawing():
        names = [label(name) for name in curves]
        lines: list[Line2D] = []
        figure, axes = _square(names)
        end = max((x for steps in curves.values() for x, _ in steps), default=0.0) or 1.0
        for colour, steps in zip(PALETTE, curves.values(), strict=False):
            days = [0.0, *(x for x, _ in steps), end]
            whole = Estimate(1.0, 1.0, 1.0, 0)
            shares = [whole, *(share for _, share in steps)]
            shares.append(shares[-1])
            low, high = [each.low for each in shares], [each.high for each in shares]
            axes.fill_between(days, low, high, step="post", color=colour, alpha=0.2, linewidth=0)
            lines += axes.step(days, [each.value for each in shares], where="post", color=colour, linewidth=1.6)
        axes.set(xlim=(0, end), xlabel=label(axis), ylabel="Share still there")
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        legend(axes, lines, names)
        return inline(figure, title)


def legend(axes: Axes, lines: Sequence[Line2D], names: Sequence[str]) -> None:
    """Name the lines at the right of the frame, in the room that `_square` left."""
    axes.legend(lines, names, loc="lower left", bbox_to_anchor=(1.02, 0), frameon=False, handlelength=1.4)


def check_colours(curves: Mapping[str, object]) -> None:
    """Raise CounterpointError for no curve, and for more than there are colours that differ."""
    if not 1 <= len(curves) <= len(PALETTE):
        raise CounterpointError(f"a chart can tell 1 to {len(PALETTE)} curves apart by colour, got {len(curves)}")


def framed(wide: float, high: float, *, left: float, right: float, bottom: float, top: float) -> tuple[Figure, Axes]:
    """Return a figure of so many inches with one frame inside these margins, also in inches, without a box or ticks."""
    figure = Figure(figsize=(wide, high))
    place = (left / wide, bottom / high, (wide - left - right) / wide, (high - bottom - top) / high)
    axes = figure.add_axes(place)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0, pad=5)
    axes.set_axisbelow(True)
    return figure, axes


def _square(names: Sequence[str]) -> tuple[Figure, Axes]:
    """Return a frame of 0 to 1 both ways, with room for `names` at its right."""
    room = 0.5 + inches(names) if names else 0.2
    figure, axes = framed(4.6 + room, 4.6, left=0.65, right=room, bottom=0.55, top=0.1)
    axes.set(xlim=(0, 1), ylim=(0, 1), xticks=np.linspace(0, 1, 6), yticks=np.linspace(0, 1, 6))
    axes.grid(visible=True)
    return figure, axes


def _rows(names: Sequence[str], numbers: Sequence[str]) -> tuple[Figure, Axes]:
    """Return a frame with a line of text for each name, room for the names at its left and the numbers at its right."""
    left, right = 0.2 + inches(names), 0.2 + inches(numbers)
    figure, axes = framed(7.0, 0.2 + 0.27 * len(names), left=left, right=right, bottom=0.1, top=0.1)
    axes.set(ylim=(len(names) - 0.5, -0.5), xticks=[])
    return figure, axes


def inches(names: Sequence[str]) -> float:
    """Return the room that the longest of these names takes."""
    # Matplotlib's own measure would be wrong: its font lacks the glyphs that the page's fonts have.
    return max(map(width, names)) * COLUMN / INCH


def _reach(estimates: Sequence[Estimate]) -> tuple[float, float]:
    low = min(0.0, *(min(each.low, each.value) for each in estimates))
    high = max(0.0, *(max(each.high, each.value) for each in estimates))
    return (low, high) if low < high else (0.0, 1.0)


def _check_bars(labels: Sequence[str], estimates: Sequence[Estimate]) -> None:
    if len(labels) != len(estimates) or not labels:
        raise CounterpointError(f"bars need one value a label: got {len(labels)} labels and {len(estimates)} values")
    for name, each in zip(labels, estimates, strict=True):
        if not np.isfinite([each.value, each.low, each.high]).all():
            raise CounterpointError(f"the bar {name!r} has no finite length: {each.value}")
