"""The plot of style transfer: how the costs fall."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import matplotlib
from matplotlib.figure import Figure

from kerascnn.report.palette import class_color, hexadecimal
from kerascnn.report.plots import ACCENT, HAIRLINE, INK, MUTED, STYLE, WIDTH, svg_text

PARTS = {"content": "content, times alpha", "style": "style, times beta"}


def plot_costs(history: Sequence[Mapping[str, float]], content_weight: float, style_weight: float) -> str:
    """Plot the total cost of each step and the two parts that it is made of. Dashed lines end levels of the pyramid.

    Args:
        history: of a `Stylization`.
        content_weight: alpha.
        style_weight: beta.

    Returns:
        An `<svg>` element.

    Raises:
        ValueError: for a history without steps.
    """
    if not history:
        raise ValueError("history must hold at least one step. Received none.")
    weights = {"content": content_weight, "style": style_weight}
    steps = [row["step"] for row in history]
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 3.4), layout="constrained")
        axes = figure.subplots()
        axes.plot(steps, [row["total"] for row in history], color=ACCENT, linewidth=1.8, label="total")
        for number, (part, label) in enumerate(PARTS.items()):
            values = [weights[part] * row[part] for row in history]
            if any(values):
                axes.plot(steps, values, color=hexadecimal(class_color(number)), linewidth=1.2, label=label)
        for before, after in pairwise(history):
            if before["width"] != after["width"]:
                axes.axvline(after["step"] - 0.5, color=MUTED, linewidth=0.8, linestyle="--")
        axes.set_yscale("log")
        axes.set_xlabel("steps")
        axes.set_title("Costs of the picture")
        axes.grid(color=HAIRLINE, linewidth=0.7)
        axes.set_axisbelow(True)
        axes.legend(frameon=False, labelcolor=INK, fontsize=9)
        return svg_text(figure)
