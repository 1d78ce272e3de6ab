"""Ways down: the pixels of a picture are changed step by step until a cost is small."""

from collections.abc import Callable, Mapping

import keras
import numpy as np
from scipy.optimize import Bounds, minimize

from kerascnn.tasks.style_pictures import BRIGHTEST

Costs = Mapping[str, float]
Compute = Callable[[np.ndarray], tuple[Costs, np.ndarray]]  # costs, one of which is `total`, and its gradient
OnStep = Callable[[np.ndarray, Costs], None]  # the picture after a step, and its costs


def descend_lbfgs(compute: Compute, picture: np.ndarray, steps: int, on_step: OnStep) -> None:
    """Follow the gradient, with what the last gradients say of the curvature, inside the range of pixels.

    Byrd et al. 1995, "A Limited Memory Algorithm for Bound Constrained Optimization": L-BFGS-B, as SciPy has it.

    Args:
        compute: the costs of a picture and the gradient of their total.
        picture: float32, in 0..255, where to start.
        steps: at most; fewer where nothing goes down any more.
        on_step: is called after each.
    """
    last: Costs = {}

    def total(flat: np.ndarray) -> tuple[float, np.ndarray]:
        nonlocal last
        last, gradient = compute(flat.reshape(picture.shape).astype(np.float32))
        return last["total"], gradient.ravel().astype(np.float64)

    minimize(
        total,
        picture.ravel().astype(np.float64),
        jac=True,
        method="L-BFGS-B",
        bounds=Bounds(0.0, BRIGHTEST),
        callback=lambda flat: on_step(flat.reshape(picture.shape).astype(np.float32), last),
        options={"maxiter": steps, "maxfun": 2 * steps + 20, "ftol": 0.0, "gtol": 0.0, "maxcor": 10},
    )


def descend_adam(
    compute: Compute, picture: np.ndarray, steps: int, on_step: OnStep, *, learning_rate: float = 5.0
) -> None:
    """Follow the gradient by Adam, and clip to the range of pixels after each step.

    Args:
        compute: the costs of a picture and the gradient of their total.
        picture: float32, in 0..255, where to start.
        steps: how many.
        on_step: is called after each.
        learning_rate: about how many grey levels a pixel changes in a step.
    """
    pixels, optimizer = keras.Variable(picture, dtype="float32"), keras.optimizers.Adam(learning_rate)
    _, gradient = compute(picture)
    for _ in range(steps):
        optimizer.apply([keras.ops.convert_to_tensor(gradient)], [pixels])
        pixels.assign(keras.ops.clip(pixels, 0.0, BRIGHTEST))
        picture = keras.ops.convert_to_numpy(pixels)
        costs, gradient = compute(picture)
        on_step(picture, costs)
