"""Neural style transfer: a picture with the content of one and the style of others.

Gatys et al. 2016, "Image Style Transfer Using Convolutional Neural Networks", CVPR; from coarse to fine as in Gatys et
al. 2017, "Controlling Perceptual Factors in Neural Style Transfer", arXiv:1611.07865, section 6.
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal

import keras
import numpy as np

from kerascnn.gradients import compile_gradient
from kerascnn.results import Stylization
from kerascnn.tasks.descent import descend_adam, descend_lbfgs
from kerascnn.tasks.style_costs import StyleCosts, StyleRecipe
from kerascnn.tasks.style_pictures import SMALLEST, Colors, Size, prepare_pictures, resize

OnStep = Callable[[dict[str, Any], Callable[[], np.ndarray]], None]

OPTIMIZERS = {"lbfgs": descend_lbfgs, "adam": descend_adam}
STEPS = (120, 60, 30)
COSTS = ("total", "content", "style", "variation")


def stylize(
    content: np.ndarray,
    style: np.ndarray | Sequence[np.ndarray],
    *,
    recipe: StyleRecipe | None = None,
    network: keras.Model | None = None,
    image_size: int | None = None,
    style_scale: float = 1.0,
    style_weights: Sequence[float] | None = None,
    masks: Sequence[np.ndarray] | None = None,
    start: Literal["content", "noise"] | np.ndarray = "content",
    colors: Colors = "style",
    optimizer: Literal["lbfgs", "adam"] = "lbfgs",
    steps: Sequence[int] = STEPS,
    seed: int = 0,
    verbose: int = 1,
    on_step: OnStep | None = None,
) -> Stylization:
    """Make a picture with the content of one picture and the style of another, or of several.

    Pictures may have any size, and keep their ratio. Ctrl-C ends the work with what is there.

    Args:
        content: uint8, (H, W, 3), RGB.
        style: uint8, (h, w, 3), or several of these.
        recipe: what counts how much; by default `StyleRecipe()`.
        network: `recipe.network()`, to build it once for many pictures.
        image_size: of the result's longer side in pixels; by default that of the content.
        style_scale: how large the longer side of the style picture is against that of the result. Smaller makes
            strokes finer.
        style_weights: how much each style counts, not negative; all alike by default.
        masks: for each style, (H, W) bool or in 0..1, where it goes; everywhere by default.
        start: `content`; `noise`, as the notes have it; or a picture, uint8, of the content's ratio, to go on from, at
            the last level only.
        colors: `style` takes the style's. `match` gives the style the content's before, their mean and covariance.
            `luminance` changes nothing but brightness.
        optimizer: `lbfgs` or `adam`.
        steps: for each level of a pyramid, the coarsest first, each half as large as the next. Levels whose shorter
            side would have less than 32 pixels are left out.
        seed: of the noise.
        verbose: 0 is silent, 1 shows a progress bar with the costs.
        on_step: is called after each step with its row of the history, and with a function that makes the picture as
            it then is, of the size of its level.

    Returns:
        The picture, and the costs of each step.

    Raises:
        TypeError: for a picture that is no uint8 array.
        ValueError: for pictures, masks, weights or numbers of wrong shapes or ranges, or weights that cannot be had.

    Example:
        >>> stylize(photo, painting).picture  # uint8, of the size of the photo
    """
    recipe, styles = recipe or StyleRecipe(), [style] if isinstance(style, np.ndarray) else list(style)
    masks = [masks] if isinstance(masks, np.ndarray) and masks.ndim == 2 else masks
    _check(optimizer, steps, style_weights, len(styles))
    options = {"image_size": image_size, "style_scale": style_scale, "masks": masks, "start": start, "colors": colors}
    pictures = prepare_pictures(content, styles, **options, seed=seed)
    levels = _levels(pictures.content.shape[:2], steps[-1:] if isinstance(start, np.ndarray) else steps)
    network = network or recipe.network()
    history: list[dict[str, Any]] = []
    bar = keras.utils.Progbar(sum(count for _, count in levels), verbose=verbose, stateful_metrics=COSTS)
    latest = pictures.at(levels[0][0]).start

    try:
        for size, count in levels:
            level, latest = pictures.at(size), resize(latest, size)

            def keep(picture: np.ndarray, costs: dict[str, float], level=level) -> None:
                nonlocal latest
                latest = picture[0]
                history.append({"step": len(history) + 1, "height": len(latest), "width": latest.shape[1], **costs})
                bar.update(len(history), values=list(costs.items()), finalize=False)
                if on_step is not None:
                    on_step(history[-1], lambda: level.render(latest))

            costs = StyleCosts(network, recipe, level.content, level.styles, style_weights, level.masks)
            OPTIMIZERS[optimizer](compile_gradient(costs, of="total"), latest[np.newaxis], count, keep)
        stopped = False
    except KeyboardInterrupt:
        stopped = True
    if verbose:
        print()  # ends the bar, which does not know that fewer steps were taken
    return Stylization(pictures.render(resize(latest, levels[-1][0])), tuple(history), stopped)


def _levels(size: Size, steps: Sequence[int]) -> list[tuple[Size, int]]:
    """Give (height, width) and steps of each level, the coarsest first."""
    halved = [(tuple(round(side / 2**level) for side in size), count) for level, count in enumerate(reversed(steps))]
    return [(size, count) for size, count in reversed(halved) if min(size) >= SMALLEST]


def _check(optimizer: str, steps: Sequence[int], style_weights: Sequence[float] | None, styles: int) -> None:
    if optimizer not in OPTIMIZERS:
        raise ValueError(f"optimizer must be one of {', '.join(OPTIMIZERS)}. Received: optimizer={optimizer!r}.")
    if isinstance(steps, int) or not steps or min(steps) < 1:
        raise ValueError(f"steps must be at least 1 for each level, and one level. Received: steps={steps}.")
    if style_weights is not None and (
        len(style_weights) != styles or not min(style_weights) >= 0 or not 0 < sum(style_weights) < np.inf
    ):
        raise ValueError(
            f"style_weights must be {styles} numbers, one for each style, none negative and not all 0. "
            f"Received: {style_weights}."
        )
