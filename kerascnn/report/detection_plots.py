"""The plots of detection and of landmarks, as SVG text; made as those of `kerascnn.report.plots` are."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from kerascnn.report import units
from kerascnn.report.palette import COLORS, class_color, hexadecimal
from kerascnn.report.plots import ACCENT, HAIRLINE, INK, MUTED, STYLE, WIDTH, shortened, svg_text

# What `kerascnn.metrics.detection_errors` counts, in the order of the bars.
ERRORS = {
    "correct": "correct",
    "localization": "box too far off",
    "classification": "wrong class",
    "both": "far off and wrong class",
    "duplicate": "duplicate",
    "background": "nothing is there",
    "missed": "object missed",
}
BAR_HEIGHT = 0.3  # inches


def plot_precision_recall(
    curves: Sequence[Mapping[str, Any]],
    *,
    overall: Mapping[str, Any] | None = None,
    chosen: tuple[float, float] | None = None,
) -> str:
    """Plot precision against recall, a curve for each class.

    Up to seven classes have colours and names; more are one faint bundle, in which the curve of all classes stands out.

    Args:
        curves: one mapping a class with the keys class (str), recall and precision (equally long, 0..1), and perhaps
            ap50 (0..1 or None), which is written beside the name. Classes without points are left out.
        overall: the same for all classes together, without class.
        chosen: (recall, precision) at the score that was chosen, which is circled.

    Returns:
        An `<svg>` element.

    Raises:
        ValueError: there is no class, or a curve's recall and precision are not equally long.
    """
    if not curves:
        raise ValueError("curves must hold at least one class. Received none.")
    for curve in (*curves, *([] if overall is None else [overall])):
        _check_lengths(curve, "recall", "precision")
    few = len(curves) <= len(COLORS)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 4.2), layout="constrained")
        axes = figure.subplots()
        for number, curve in enumerate(curves):
            if few:
                look = {"label": _with_ap(curve), "color": hexadecimal(class_color(number)), "linewidth": 1.8}
            else:  # only the first of the bundle is named
                name = None if number else f"each of {len(curves)} classes"
                look = {"label": name, "color": MUTED, "linewidth": 0.7, "alpha": 0.4}
            axes.plot(curve["recall"], curve["precision"], **look)
        if overall is not None:
            dashed = {"color": INK, "linewidth": 1.4, "linestyle": (0, (4, 2))}
            look = dashed if few else {"color": ACCENT, "linewidth": 2.2}
            axes.plot(overall["recall"], overall["precision"], label="all classes", **look)
        if chosen is not None:
            axes.plot(*chosen, "o", color=ACCENT, markersize=9, markerfacecolor="none", clip_on=False)
            axes.set_title("circled: the chosen score", loc="right", color=ACCENT, fontsize=9, fontweight="normal")
        _as_shares(axes, x="recall")
        axes.set_xlim(0, 1)
        axes.set_title("Precision")
        axes.legend(loc="lower left", frameon=False, labelcolor=INK, fontsize=9)
        return svg_text(figure)


def plot_proposal_recall(recall: Mapping[str, float | None]) -> str:
    """Plot the share of objects that are proposed against the number of proposals that are looked at.

    Args:
        recall: the share, 0..1, by the number of the first proposals of a picture; None, without objects, is a gap.

    Returns:
        An `<svg>` element.

    Raises:
        ValueError: there is no number.
    """
    if not recall:
        raise ValueError("recall must hold at least one number of proposals. Received none.")
    counts, shares = list(map(int, recall)), [float("nan") if share is None else share for share in recall.values()]
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 3.2), layout="constrained")
        axes = figure.subplots()
        axes.plot(counts, shares, "o-", color=ACCENT, linewidth=1.8, clip_on=False)
        axes.set_xscale("log")
        axes.set_xticks(counts, list(map(str, counts)), minor=False)
        axes.minorticks_off()
        axes.set_ylim(0, 1)
        axes.yaxis.set_major_formatter(PercentFormatter(xmax=1))
        axes.set_xlabel("proposals of a picture")
        axes.set_title("Recall of proposals")
        return svg_text(figure)


def plot_detection_errors(counts: Mapping[str, int]) -> str:
    """Plot how many detections were right, and what was wrong with the others, as bars.

    Args:
        counts: numbers, 0 or more, of the keys correct, localization, classification, both, duplicate, background and
            missed, see `kerascnn.metrics.detection_errors.find_errors`.

    Returns:
        An `<svg>` element.

    Raises:
        ValueError: a key is missing, or a number is negative.
    """
    if not set(ERRORS) <= set(counts) or min(counts[key] for key in ERRORS) < 0:
        raise ValueError(f"counts must hold {', '.join(ERRORS)}, each 0 or more. Received: {dict(counts)}.")
    numbers = [counts[key] for key in ERRORS]
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, BAR_HEIGHT * (len(ERRORS) + 1.5)), layout="constrained")
        axes = figure.subplots()
        colors = [ACCENT if key == "correct" else MUTED for key in ERRORS]
        bars = axes.barh(list(ERRORS.values()), numbers, color=colors, height=0.68)
        axes.bar_label(bars, [units.count(number) for number in numbers], padding=4, color=INK)
        axes.invert_yaxis()
        axes.tick_params(length=0, axis="y", labelcolor=INK)
        axes.set_xticks([])
        axes.set_xlim(0, 1.12 * max(1, *numbers))  # room for the numbers
        axes.spines["bottom"].set_visible(False)
        axes.set_title("Detections, and objects missed")
        return svg_text(figure)


def plot_cumulative_error(curves: Mapping[str, Mapping[str, Any]]) -> str:
    """Plot which share of pictures has a normalised mean error up to each size.

    Args:
        curves: by the name of what was measured, such as a split; each with the keys error (rising) and share (0..1),
            equally long, see `kerascnn.metrics.landmarks.summarise_landmarks`, and perhaps auc (0..1 or None).

    Returns:
        An `<svg>` element.

    Raises:
        ValueError: there is no curve, or one is empty, or its error and share are not equally long.
    """
    if not curves or not all(len(curve["error"]) for curve in curves.values()):
        raise ValueError(f"curves must hold at least one, and none without points. Received: {list(curves)}.")
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 3.4), layout="constrained")
        axes = figure.subplots()
        others = itertools.count()
        for name, curve in curves.items():
            _check_lengths(curve, "error", "share")
            color = ACCENT if name == next(iter(curves)) else hexadecimal(class_color(next(others)))
            area = "" if curve.get("auc") is None else f", area {units.percent(curve['auc'])}"
            axes.plot(curve["error"], curve["share"], color=color, linewidth=1.8, label=shortened(name) + area)
        _as_shares(axes, x="normalised mean error")
        axes.set_xlim(0, max(curve["error"][-1] for curve in curves.values()))
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.set_title("Share of pictures up to an error")
        axes.legend(loc="best", frameon=False, labelcolor=INK, fontsize=9)
        return svg_text(figure)


def _as_shares(axes: Axes, *, x: str) -> None:
    """Let an axis of shares rise from 0 to 100%, over one of the given name."""
    axes.set_ylim(0, 1.02)  # a line at 100% is not cut in half
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(xmax=1))
    axes.set_xlabel(x)
    axes.grid(color=HAIRLINE, linewidth=0.7)
    axes.set_axisbelow(True)


def _with_ap(curve: Mapping[str, Any]) -> str:
    name = shortened(curve["class"])
    return name if curve.get("ap50") is None else f"{name}, AP50 {units.percent(curve['ap50'])}"


def _check_lengths(curve: Mapping[str, Any], *keys: str) -> None:
    lengths = [len(curve[key]) for key in keys]
    if len(set(lengths)) > 1:
        raise ValueError(f"{' and '.join(keys)} must be equally long. Received: {' and '.join(map(str, lengths))}.")
