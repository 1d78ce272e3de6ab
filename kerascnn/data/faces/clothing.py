"""What people wear on the body: shirts, hats and masks. Glasses stand in front of it and have a file of their own."""

import numpy as np

from kerascnn.data.faces.anatomy import Anatomy
from kerascnn.data.faces.bust import Bust
from kerascnn.data.faces.hair import NO_JAW
from kerascnn.data.faces.plane import DENSITY, EXTENT, ROWS, SIZE, X, Y, fill, smooth_step, soften
from kerascnn.data.faces.relief import half_widths, profile, round_out, skull_back
from kerascnn.data.rendering.surfaces import Random, fractal_noise, mix, random_color_pair, random_pattern

GLOSS = 0.05
HAT_LINE = -0.42  # y of a hat's lower edge in the middle
SHIRT_TOP = 1.22  # y of the collar at the sides of the neck
DEEPEST_COLLAR = 0.4  # how much lower it is in the middle, at most
MASK_COLORS = ((0.35, 0.6, 0.75), (0.8, 0.82, 0.84), (0.03, 0.03, 0.035), (0.75, 0.45, 0.5))


def add_shirt(rng: Random, bust: Bust) -> None:
    """Add shoulders in a shirt with a round or a pointed collar."""
    width = 0.42 + 1.4 * smooth_step(1.1, 1.8, ROWS) ** 0.7
    arc = round_out(width, np.full(SIZE, 0.52, np.float32), 2.2)
    slope = np.clip(np.abs(X) / 0.42, 0, 1) ** int(rng.integers(1, 3))
    collar = SHIRT_TOP + rng.uniform(0.1, DEEPEST_COLLAR) * (1 - slope)
    seam = np.exp(-np.square((Y - collar - 0.07) / 0.02))
    color = _draw_cloth(rng, 0.7) * (1 - 0.35 * seam)[..., None]
    bust.paint(fill(Y - collar), color, GLOSS)  # beyond the shoulders too: what is cut off below is filled from here
    folds = 0.05 * fractal_noise(rng, X.shape, 35) * smooth_step(EXTENT, 1.6, Y)  # what goes on below is smooth
    inside = np.minimum(width[:, None] - np.abs(X), Y - collar)
    bust.add(inside, (arc - 0.22 + folds, -arc - 0.3), color, GLOSS)


def add_beanie(rng: Random, bust: Bust, anatomy: Anatomy) -> None:
    """Add a knitted hat with a fold."""
    line = HAT_LINE + rng.uniform(-0.08, 0.06) + 0.1 * np.square(X / 0.7)
    outline, front, back = _dome(anatomy, 0.12, rng.uniform(0.12, 0.3))
    ribs, above_fold = np.sin(X * (2 * np.pi / 0.07)), Y - line + 0.24
    color = _draw_cloth(rng, 0.5) * (0.85 + 0.15 * ribs - 0.2 * np.exp(-np.square(above_fold / 0.02)))[..., None]
    front += 0.05 * smooth_step(0, 0.03, above_fold) + 0.012 * ribs
    bust.add(np.minimum(outline, line - Y), (front, back), color, GLOSS)


def add_cap(rng: Random, bust: Bust, anatomy: Anatomy) -> None:
    """Add a cap with a visor."""
    line = HAT_LINE - 0.02 + 0.12 * np.square(X / 0.7)
    outline, front, back = _dome(anatomy, 0.08, 0.1)
    color, half_width = _draw_cloth(rng, 0.4), rng.uniform(0.5, 0.62)
    bust.add(np.minimum(outline, line - Y), (front, back), color, GLOSS)
    share = np.square(X / half_width)
    visor = np.minimum(0.035 - np.abs(Y - line + 0.03 - 0.05 * share), half_width - np.abs(X))
    reach = front + rng.uniform(0.3, 0.45) * np.sqrt(np.clip(1 - share, 0, None))
    bust.add(visor, (reach, front), 0.7 * color, GLOSS)


def add_mask(rng: Random, bust: Bust, anatomy: Anatomy) -> None:
    """Add a cloth mask over nose, mouth and chin."""
    top = anatomy.identity.nose.tip - 0.2 + 0.12 * np.square(X / 0.5)
    bottom = anatomy.chin + 0.01 - 0.25 * np.square(X / 0.6)
    sides = 0.88 * half_widths(anatomy.identity.skull, anatomy.chin)[:, None] - np.abs(X)
    pleats = np.sin((Y - top) * (2 * np.pi / 0.15))
    color = np.float32(MASK_COLORS[rng.integers(len(MASK_COLORS))]) * (0.93 + 0.07 * pleats[..., None])
    front = np.maximum(soften(np.maximum(bust.front, -0.3), 0.06), bust.front) + 0.05 + 0.01 * pleats
    bust.add(np.minimum.reduce([Y - top, bottom - Y, sides]), (front, np.zeros_like(X)), color, GLOSS)
    string = np.minimum(0.012 - np.abs(Y - top - 0.155 + 0.25 * np.abs(X)), np.abs(X) - 0.45)
    bust.paint(fill(string) * (bust.front > -0.5), color)


def _dome(anatomy: Anatomy, wider: float, higher: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give the distance inside the outline of a hat, and z of its front and of its back."""
    widths = half_widths(anatomy.identity.skull, NO_JAW, wider=wider, higher=higher)
    front = round_out(widths, profile(NO_JAW, higher) + 0.6 * wider)
    return widths[:, None] - np.abs(X), front, -skull_back(widths, wider, higher)


def _draw_cloth(rng: Random, patterned: float) -> np.ndarray:
    """Draw plain or, as often as `patterned` says, patterned cloth: (SIZE, SIZE, 3) or (3,) albedo."""
    first, second = random_color_pair(rng, (0.05, 0.8))
    if rng.uniform() >= patterned:
        return first
    return mix(first, second, random_pattern(rng, (X * DENSITY, Y * DENSITY), rng.uniform(10, 33)))
