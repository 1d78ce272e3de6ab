"""The plots of faces, as SVG text: who is accepted, how alike pairs are, and where the vectors lie."""

from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from kerascnn.report.palette import COLORS, class_color, hexadecimal
from kerascnn.report.plots import ACCENT, HAIRLINE, INK, MUTED, STYLE, WIDTH, svg_text

LEAST_RATE = 1e-4  # of the axis of false accepts


def plot_roc(curves: Mapping[str, Sequence[Sequence[float]]]) -> str:
    """Plot the share of pairs of a person that are accepted against that of different people.

    Args:
        curves: by the name of what was measured: points (far, tar), in 0..1, rising.

    Returns:
        An `<svg>` element.

    Raises:
        ValueError: there is no curve, or one is empty.
    """
    _check_curves(curves)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 3.6), layout="constrained")
        axes = figure.subplots()
        shown = {name: np.maximum(points, (LEAST_RATE, 0)) for name, points in curves.items()}
        _draw_curves(axes, shown, drawstyle="steps-post")
        axes.set_xscale("log")
        axes.set_xlim(LEAST_RATE, 1)
        axes.set_ylim(0, 1.02)
        axes.xaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=None))
        axes.set_xlabel("false accepts, of pairs of different people")
        axes.set_title("True accepts, of pairs of a person")
        return svg_text(figure)


def plot_similarities(histograms: Mapping[str, Sequence[float]], threshold: float) -> str:
    """Plot how alike the pairs of a person are, and those of different people.

    Args:
        histograms: `edges` of the bins, and in `same` and `different` the share of the pairs in each bin.
        threshold: the similarity from which on pairs are accepted, which is marked.

    Returns:
        An `<svg>` element.

    Raises:
        ValueError: the numbers of edges and shares do not belong together.
    """
    edges, kinds = histograms["edges"], {kind: histograms[kind] for kind in ("different", "same")}
    if any(len(edges) != len(shares) + 1 for shares in kinds.values()):
        raise ValueError(
            "Bins have one edge more than there are. Received: "
            f"{len(edges)} edges, {', '.join(str(len(shares)) for shares in kinds.values())} bins."
        )
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 3.2), layout="constrained")
        axes = figure.subplots()
        names = {"different": "different people", "same": "the same person"}
        for kind, color in (("different", MUTED), ("same", ACCENT)):
            axes.stairs(kinds[kind], edges, fill=True, alpha=0.55, color=color, label=names[kind])
        axes.axvline(threshold, color=INK, linewidth=1.2, linestyle=(0, (4, 2)), label=f"threshold {threshold:.2f}")
        axes.yaxis.set_major_formatter(PercentFormatter(xmax=1))
        axes.set_xlabel("similarity")
        axes.set_title("Pairs")
        axes.legend(loc="best", frameon=False, labelcolor=INK, fontsize=9)
        return svg_text(figure)


def plot_map(points: Sequence[Sequence[float]]) -> str:
    """Plot vectors as points of a plane, a colour and a mark for each person.

    Args:
        points: x, y and the number of the person of each.

    Returns:
        An `<svg>` element.

    Raises:
        ValueError: there is no point.
    """
    if not len(points):
        raise ValueError("points must hold at least one. Received none.")
    marks = "os^Dv<>P*X"
    x, y, people = np.transpose(points)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, WIDTH), layout="constrained")
        axes = figure.subplots()
        for place, person in enumerate(np.unique(people)):
            own = people == person
            look = {"color": hexadecimal(class_color(place % len(COLORS))), "marker": marks[place % len(marks)]}
            axes.plot(x[own], y[own], linestyle="", markersize=5, alpha=0.8, **look)
        axes.set_aspect("equal", adjustable="datalim")
        axes.set_xticks([])
        axes.set_yticks([])
        axes.set_title("Vectors, on the plane along which they differ most")
        return svg_text(figure)


def plot_progress(curves: Mapping[str, Sequence[Sequence[float]]], *, title: str) -> str:
    """Plot how something rises while networks train.

    Args:
        curves: by name: points (steps, share), steps rising, shares in 0..1.
        title: what rises.

    Returns:
        An `<svg>` element.

    Raises:
        ValueError: there is no curve, or one is empty.
    """
    _check_curves(curves)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 3.4), layout="constrained")
        axes = figure.subplots()
        _draw_curves(axes, curves)
        axes.set_xlabel("steps")
        axes.set_title(title)
        return svg_text(figure)


def _check_curves(curves: Mapping[str, Sequence[Sequence[float]]]) -> None:
    if not curves or not all(len(points) for points in curves.values()):
        raise ValueError(f"curves must hold at least one, and none without points. Received: {list(curves)}.")


def _draw_curves(axes: Axes, curves: Mapping[str, Sequence[Sequence[float]]], **look: str) -> None:
    """Draw shares against something, with a name and a colour for each curve."""
    for number, (name, points) in enumerate(curves.items()):
        color = ACCENT if number == 0 else hexadecimal(class_color(number - 1))
        axes.plot(*np.transpose(points), color=color, linewidth=1.8, label=name, **look)
    axes.yaxis.set_major_formatter(PercentFormatter(xmax=1))
    axes.grid(color=HAIRLINE, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.legend(loc="lower right", frameon=False, labelcolor=INK, fontsize=9)
