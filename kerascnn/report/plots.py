"""The plots of a run, as SVG text that works as a file and inline in a page; and one that is looked at by itself.

Figures are made without pyplot: no display, no window, no global list of figures. The same input gives the same text,
byte for byte. Text stays text, so that a page can set its font and a reader can search it.
"""

import io
import math
import re
import warnings
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator, PercentFormatter

from kerascnn.report.units import SUPERSCRIPTS, monitor_name, rate, title

INK = "#1c1917"
MUTED = "#78716c"
HAIRLINE = "#e7e5e4"
ACCENT = "#0f766e"
SHARE_COLORS = LinearSegmentedColormap.from_list("share", ["#ffffff", "#b5ddd8", ACCENT])

WIDTH = 5.2  # inches of 72 px: about as wide as a phone, so that 9 px letters stay 9 px there
STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "kerascnn",  # ids of clip paths and markers come from this and their content, not from chance
    "text.parse_math": False,  # a class may be called "$5$"
    "font.size": 9,
    "text.color": INK,
    "axes.edgecolor": HAIRLINE,
    "axes.labelcolor": MUTED,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": HAIRLINE,
    "ytick.color": HAIRLINE,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
}

PICTURE_DPI = 200  # of a plot that is a picture: about 1,000 px wide
MARKED_EPOCHS = 40  # with more, the points of a curve would hide it
NARROW_STAGE = 0.2  # of the axis; the names of narrower stages would collide, so they take two rows
NAME_HEIGHT = 13  # px, a row of stage names
MAX_NAMED_CLASSES = 25  # with more, neither counts nor every name would be legible
MAX_TICKS = 12
MAX_NAME_LENGTH = 18


def plot_history(rows: Sequence[Mapping[str, Any]], *, monitor: str = "accuracy", best_epoch: int | None = None) -> str:
    """Plot the loss and the metric that chose the best epoch against the epoch, over all stages of a run.

    Stage boundaries are dashed and the stages named; the best epoch is circled.

    Args:
        rows: one mapping per epoch, in order, with the keys stage (str), epoch (int, 1-based over the whole run), loss,
            val_loss, the monitor, and val_ with its name. Where a value is NaN or None the curve has a gap.
        monitor: name of that metric, in 0..1; or `loss`, where that is what chose.
        best_epoch: the epoch whose weights the model has; None, or one that is not in the rows, circles nothing.

    Returns:
        An `<svg>` element.

    Raises:
        ValueError: there is no row.
    """
    if not rows:
        raise ValueError("rows must hold at least one epoch. Received none.")
    best = next((row for row in rows if row["epoch"] == best_epoch), None)
    with matplotlib.rc_context(STYLE):
        alone = monitor == "loss"
        figure = Figure(figsize=(WIDTH, 3.0 if alone else 4.8), layout="constrained")
        panels = figure.subplots(1 if alone else 2, 1, sharex=True, squeeze=False)[:, 0]
        loss, lowest = panels[0], panels[-1]
        _draw_curves(loss, rows, "loss", best)
        loss.set_ylim(bottom=0)
        lowest.set_xlabel("epoch")
        lowest.xaxis.set_major_locator(MaxNLocator(integer=True))
        pad = _name_stages(loss, list(panels), rows)
        loss.set_title("Loss", pad=pad)
        if best is not None:
            circled = f"circled: epoch {best['epoch']}, the best"
            loss.set_title(circled, loc="right", pad=pad, color=ACCENT, fontsize=9, fontweight="normal")
        if not alone:
            _draw_curves(lowest, rows, monitor, best)
            lowest.yaxis.set_major_formatter(PercentFormatter(xmax=1))
            lowest.set_title(title(monitor_name(monitor)))
        lowest.legend(loc="best", frameon=False, labelcolor=MUTED, fontsize=9)
        return svg_text(figure)


def plot_confusion(matrix: np.ndarray | Sequence[Sequence[int]], classes: Sequence[str]) -> str:
    """Plot a confusion matrix: the colour is the share of the true class, the text the number of pictures.

    With more than 25 classes only the colour is shown, and about a dozen of the names.

    Args:
        matrix: counts, (C, C), row = true class, column = predicted class. A row of zeros (a class without pictures)
            stays white.
        classes: the C names, in the order of the rows.

    Returns:
        An `<svg>` element.

    Raises:
        ValueError: the matrix is not (C, C), or holds negative numbers.
    """
    counts = np.asarray(matrix)
    if counts.shape != (len(classes), len(classes)) or counts.size == 0 or counts.min() < 0:
        raise ValueError(
            f"matrix must hold counts of shape (C, C) for C={len(classes)} classes. Received: shape={counts.shape}."
        )
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)  # (C, C), rows sum to 1 or are all 0
    few = len(classes) <= MAX_NAMED_CLASSES
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 4.8), layout="constrained")
        axes = figure.subplots()
        image = axes.imshow(shares, cmap=SHARE_COLORS, vmin=0, vmax=1, interpolation="none")
        _name_classes(axes, classes)
        if few:
            _write_counts(axes, counts, shares)
        else:
            bar = figure.colorbar(image, ax=axes, format=PercentFormatter(xmax=1), shrink=0.6, aspect=30)
            bar.outline.set_visible(False)
        return svg_text(figure)


def plot_learning_rate_search(
    rates: Sequence[float], losses: Sequence[float], smoothed_losses: Sequence[float], *, suggestion: float
) -> np.ndarray:
    """Plot the loss against the learning rate of a search, its single steps faint, and mark the suggestion.

    The loss may rise out of the picture where it diverges, so that its fall can be seen.

    Args:
        rates: (N,), positive and rising.
        losses: (N,), one a step.
        smoothed_losses: (N,).
        suggestion: a rate, which is marked.

    Returns:
        A picture: uint8, (H, W, 3), RGB.

    Raises:
        ValueError: there is no step, or the arrays are not equally long.
    """
    if not 0 < len(rates) == len(losses) == len(smoothed_losses):
        raise ValueError(
            "rates, losses and smoothed_losses must be equally long, and not empty. "
            f"Received: lengths of {len(rates)}, {len(losses)} and {len(smoothed_losses)}."
        )
    smoothed = np.asarray(smoothed_losses)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 3.2), dpi=PICTURE_DPI, layout="constrained")
        axes = figure.subplots()
        axes.set_xscale("log")
        axes.plot(rates, losses, color=MUTED, alpha=0.45, linewidth=0.9, label="of each step")
        axes.plot(rates, smoothed, color=ACCENT, linewidth=2.2, label="smoothed")
        level = float(np.interp(math.log(suggestion), np.log(rates), smoothed))
        axes.axvline(suggestion, color=ACCENT, linewidth=0.9, linestyle=(0, (3, 3)))
        axes.plot(suggestion, level, "o", color=ACCENT, markersize=9, markerfacecolor="white", markeredgewidth=1.8)
        axes.set_ylim(*_range_of_fall(np.asarray(losses), smoothed))
        axes.grid(axis="y", color=HAIRLINE, linewidth=0.7)
        axes.set_axisbelow(True)
        axes.margins(x=0.02)
        axes.xaxis.set_major_locator(LogLocator(numticks=MAX_TICKS))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(FuncFormatter(_power_of_ten))
        axes.set_xlabel("learning rate")
        axes.set_title("Loss")
        axes.set_title(f"suggested rate: {rate(float(f'{suggestion:.2g}'))}", loc="right", color=ACCENT, fontsize=9)
        axes.legend(loc="lower left", frameon=False, labelcolor=MUTED, fontsize=9)
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def _range_of_fall(losses: np.ndarray, smoothed: np.ndarray) -> tuple[float, float]:
    """Give the range that shows the losses up to the lowest, and as much above as a third of their own range."""
    fallen = losses[: int(smoothed.argmin()) + 1]
    low, high = min(fallen.min(), smoothed.min()), max(fallen.max(), smoothed[0])
    room = (high - low) or 1.0
    return low - 0.06 * room, high + 0.3 * room


def _power_of_ten(value: float, position: int | None = None) -> str:
    return f"10{str(round(math.log10(value))).translate(SUPERSCRIPTS)}"


def _draw_curves(axes: Axes, rows: Sequence[Mapping[str, Any]], key: str, best: Mapping[str, Any] | None) -> None:
    epochs = [row["epoch"] for row in rows]
    marker = "o" if len(rows) <= MARKED_EPOCHS else None
    for name, label, color in ((key, "training", MUTED), (f"val_{key}", "validation", ACCENT)):
        values = [_number(row.get(name)) for row in rows]
        axes.plot(epochs, values, color=color, label=label, linewidth=1.6, marker=marker, markersize=2.5)
    if best is not None:
        value = _number(best.get(f"val_{key}"))
        axes.plot(best["epoch"], value, "o", color=ACCENT, markersize=9, markerfacecolor="none", clip_on=False)
    axes.grid(axis="y", color=HAIRLINE, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.margins(x=0.03)


def _name_stages(top: Axes, panels: Sequence[Axes], rows: Sequence[Mapping[str, Any]]) -> float:
    """Name the stages above the top panel and mark their boundaries in all; return the height of the names, in px."""
    spans = _spans(rows)
    total = rows[-1]["epoch"] - rows[0]["epoch"] + 1
    staggered = any((last - first + 1) / total < NARROW_STAGE for _, first, last in spans)
    for index, (name, first, last) in enumerate(spans):
        offset = (0, NAME_HEIGHT * (index % 2 if staggered else 0) + 4)
        at = {"xy": ((first + last) / 2, 1), "xycoords": top.get_xaxis_transform()}
        top.annotate(name, **at, xytext=offset, textcoords="offset points", ha="center", color=MUTED)
        if index > 0:
            for axes in panels:
                axes.axvline(first - 0.5, color=MUTED, linewidth=0.8, linestyle=(0, (3, 3)))
    return NAME_HEIGHT * (2 if staggered else 1) + 6


def _spans(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, int, int]]:
    """Return (name, first epoch, last epoch) of every stage, in order."""
    stages = [(name, list(group)) for name, group in groupby(rows, key=lambda row: row["stage"])]
    return [(name, group[0]["epoch"], group[-1]["epoch"]) for name, group in stages]


def _name_classes(axes: Axes, classes: Sequence[str]) -> None:
    step = 1 if len(classes) <= MAX_NAMED_CLASSES else math.ceil(len(classes) / MAX_TICKS)
    ticks = range(0, len(classes), step)
    names = [shortened(classes[tick]) for tick in ticks]
    upright = len(names) <= 6 and max(map(len, names)) <= 10
    axes.set_xticks(ticks, names, rotation=0 if upright else 90)
    axes.set_yticks(ticks, names)
    axes.tick_params(length=0, labelcolor=INK, labelsize=9 if len(names) <= 15 else 7)
    axes.set_xlabel("predicted class")
    axes.set_ylabel("true class")
    axes.spines[["top", "right"]].set_visible(True)


def _write_counts(axes: Axes, counts: np.ndarray, shares: np.ndarray) -> None:
    size = float(np.interp(len(counts), [4, MAX_NAMED_CLASSES], [14, 5.5]))
    for (row, column), count in np.ndenumerate(counts):
        color = "white" if shares[row, column] > 0.5 else INK
        if count > 0 or len(counts) <= 10:  # zeros would only clutter a larger matrix
            axes.text(column, row, f"{count:,}", ha="center", va="center", color=color, fontsize=size)


def svg_text(figure: Figure) -> str:
    """Return the figure as an `<svg>` element without metadata and without the ids that two figures would share."""
    buffer = io.StringIO()
    metadata = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph")  # a letter DejaVu Sans lacks; the reader's own font has it
        figure.savefig(buffer, format="svg", transparent=True, metadata=metadata)
    text = buffer.getvalue()
    text = text[text.index("<svg") :].rstrip() + "\n"
    return re.sub(r' id="[A-Za-z0-9.]+_\d+"', "", text)


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def shortened(name: str) -> str:
    """Cut a name that is too long for a plot, with an ellipsis."""
    return name if len(name) <= MAX_NAME_LENGTH else name[: MAX_NAME_LENGTH - 1] + "\N{HORIZONTAL ELLIPSIS}"
