"""What a camera does to the light it gets."""

import numpy as np
from scipy import ndimage

from kerascnn.data.rendering.surfaces import Random

MIDDLE_GRAY = 0.38  # what the root mean square of the light is exposed to; white is about 1
FILM_GAMMA = 1.8  # below the screen's 2.2: a little more contrast than in nature, as every camera gives


def expose(rng: Random, canvas: np.ndarray) -> np.ndarray:
    """Do what a camera does: blur, white balance, exposure, noise, tone curve.

    Args:
        rng: how much of each.
        canvas: (H, W, 3) linear light.

    Returns:
        (H, W, 3) uint8.
    """
    blur = rng.uniform(0.2, 0.9)
    canvas = ndimage.gaussian_filter(canvas, (blur, blur, 0), truncate=2.5)
    if rng.uniform() < 0.2:
        canvas = ndimage.uniform_filter1d(canvas, int(rng.integers(3, 6)), axis=int(rng.integers(2)))  # a moved camera
    exposure = rng.uniform(0.8, 1.25) * MIDDLE_GRAY / np.sqrt(np.mean(canvas**2))
    canvas = canvas * (exposure * rng.uniform(0.92, 1.08, size=3)).astype(np.float32)
    noise = rng.standard_normal(canvas.shape, dtype=np.float32) * np.sqrt(np.clip(canvas, 0, None) + 0.02)
    canvas = canvas + rng.uniform(0.005, 0.035) * noise
    shoulder = 1 - np.exp(-1.6 * np.clip(canvas, 0, None))  # highlights fade out softly, as on film
    return (255 * shoulder ** (1 / FILM_GAMMA) + 0.5).astype(np.uint8)
