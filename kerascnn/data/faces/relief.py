"""The relief of what everybody has: head, ears and neck. Hair and clothes are further layers of the bust."""

import numpy as np
from scipy.interpolate import PchipInterpolator

from kerascnn.data.faces.anatomy import LEFT, RIGHT, Anatomy
from kerascnn.data.faces.bust import Bust
from kerascnn.data.faces.identity import Skull
from kerascnn.data.faces.plane import (
    ROWS,
    SIZE,
    X,
    Y,
    blob,
    blobs,
    fill,
    smooth_step,
    soften,
    window,
)

FOREHEAD = -0.12  # y where the head is widest
TEMPLE = -0.25  # y where it is deepest
DEPTH = 0.78  # of the face, in front of the ears
SKIN_GLOSS = 0.35
EARS_COVERED = 0.25  # hair that ends below this y covers the ears


def shape_head(bust: Bust, anatomy: Anatomy) -> None:
    """Add neck, ears and head, in the colour of the skin."""
    _add_neck(bust, anatomy)
    style = anatomy.identity.hair.style
    if style is None or style.end < EARS_COVERED:
        for side in (LEFT, RIGHT):
            _add_ear(bust, anatomy, side)
    widths = half_widths(anatomy.identity.skull, anatomy.chin)
    inside = widths[:, None] - np.abs(X)
    front = round_out(widths, profile(anatomy.chin)) + _features(anatomy) * smooth_step(0, 0.25, inside)
    bust.add(inside, (front, -skull_back(widths)), anatomy.identity.skin.color, SKIN_GLOSS)


def half_widths(skull: Skull, chin: float, wider: float = 0.0, higher: float = 0.0) -> np.ndarray:
    """Give half the width of a head at each row.

    Args:
        skull: whose head it is.
        chin: y where it ends; a large one gives a head without a jaw.
        wider: how much more a shell around it has at each side, as hair and hats.
        higher: how much more it has above.

    Returns:
        (SIZE,) float32, -1 above and below.
    """
    crown = -1 - higher
    top = np.sqrt(np.clip(1 - np.abs((ROWS - FOREHEAD) / (crown - FOREHEAD)) ** 2.3, 0, None))
    knots = (FOREHEAD - 0.35, FOREHEAD, 0.22, 0.22 + 0.52 * (chin - 0.22), chin)
    sides = (skull.temples, skull.width, 0.975 * skull.width, skull.jaw, skull.chin)
    rounding = np.clip((ROWS - 0.45) / (chin - 0.45), 0, 1)
    widths = PchipInterpolator(knots, sides)(np.clip(ROWS, knots[0], chin)) + wider
    widths = widths * np.where(ROWS < FOREHEAD, top, 1) * np.sqrt(1 - rounding**3.2)
    return np.where(widths > 0, widths, -1).astype(np.float32)


def profile(chin: float, higher: float = 0.0) -> np.ndarray:
    """Give how far the middle of each row stands out, without nose and lips: (SIZE,)."""
    share = np.clip((ROWS - 0.3) / (chin - 0.3), 0, 1)
    depth = (DEPTH + higher) * np.where(ROWS < TEMPLE, _vault(higher), 1 - 0.04 * share) * np.sqrt(1 - share**9)
    return depth.astype(np.float32)


def skull_back(widths: np.ndarray, farther: float = 0.0, higher: float = 0.0) -> np.ndarray:
    """Give how far the back of a head reaches, (SIZE, SIZE): the skull is deep, the jaw is not."""
    depth = (0.85 + farther - 0.6 * smooth_step(0.2, 0.75, ROWS)) * np.where(ROWS < TEMPLE, _vault(higher), 1)
    return round_out(widths, depth, 2.2)


def round_out(widths: np.ndarray, depth: np.ndarray, exponent: float = 2.4) -> np.ndarray:
    """Bend rows into arcs: z falls from `depth` (SIZE,) in the middle to 0 at the half `widths` (SIZE,), and below."""
    share = np.abs(X) / np.maximum(widths, 1e-3)[:, None]
    excess = np.maximum(1 - share**exponent, -1)
    return depth[:, None] * np.sign(excess) * np.abs(excess) ** (1 / exponent)


def _vault(higher: float) -> np.ndarray:
    """Fall from 1 at the temples to 0 at the crown: (SIZE,)."""
    return np.sqrt(np.clip(1 - np.abs((ROWS - TEMPLE) / (1 + higher + TEMPLE)) ** 2.2, 0, None))


def _features(anatomy: Anatomy) -> np.ndarray:
    """Sum up what stands out of the egg of the head: (SIZE, SIZE)."""
    eyes, skull, chin = anatomy.identity.eyes, anatomy.identity.skull, anatomy.chin
    smile = max(anatomy.expression.smile, 0)
    relief = -0.075 * blobs(eyes.distance - 0.03, eyes.height - 0.02, (0.15, 0.1))  # sockets
    relief += 0.05 * blobs(eyes.distance, eyes.height - 0.01, (0.1, 0.075))  # eyeballs
    ridge = blobs(eyes.distance - 0.05, eyes.height - anatomy.identity.brows.rise, (0.17, 0.06))
    relief += (0.02 + 0.035 * skull.brow_ridge) * ridge
    relief += (0.02 + 0.035 * skull.cheekbones + 0.04 * smile) * blobs(0.42, 0.28 - 0.05 * smile, (0.14, 0.13))
    relief -= 0.03 * skull.cheekbones * blobs(0.46, 0.55, (0.1, 0.14))
    relief += 0.06 * blob((0, chin - 0.13), (0.12, 0.09)) - 0.035 * blob((0, chin - 0.25), (0.14, 0.035))
    relief += _nose(anatomy)
    _add_lips(relief, anatomy)
    _carve_folds(relief, anatomy)
    return relief


def _nose(anatomy: Anatomy) -> np.ndarray:
    nose, top = anatomy.identity.nose, anatomy.identity.eyes.height - 0.1
    rise = np.clip((ROWS - top) / (nose.tip - top), 0, 1)
    height = (0.25 * rise + 0.75 * rise**2) * (1 - smooth_step(nose.tip, nose.tip + 0.12, ROWS))
    widths = nose.bridge + (nose.ball - nose.bridge) * rise**2
    ridge = nose.reach * height[:, None] * np.exp(-np.square(X / widths[:, None]))
    wings = 0.4 * nose.reach * blobs(nose.wings - 0.035, nose.tip + 0.045, (0.042, 0.05))
    return ridge + wings + 0.12 * nose.reach * blob((0, nose.tip), (0.06, 0.05))


def _add_lips(relief: np.ndarray, anatomy: Anatomy) -> None:
    relief += 0.07 * blob((0, anatomy.mouth - 0.02), (0.2, 0.12))
    part = window((-0.5, 0.5), (anatomy.mouth - 0.25, anatomy.mouth + 0.4))
    y = Y[part]
    top, line, lower_line, bottom = anatomy.lips(X[part] / anatomy.mouth_half_width)
    upper, lower = fill(np.minimum(y - top, line - y), 4), fill(np.minimum(y - lower_line, bottom - y), 4)
    between = fill(np.minimum(y - line, lower_line - y), 3)
    relief[part] += soften(0.03 * upper + 0.04 * lower - 0.05 * between, 0.015)


def _carve_folds(relief: np.ndarray, anatomy: Anatomy) -> None:
    """Lines from the wings of the nose past the mouth, deeper with age and with a smile, and across the forehead."""
    nose, age, expression = anatomy.identity.nose, anatomy.identity.skin.age, anatomy.expression
    start, stop = nose.tip + 0.02, anatomy.mouth + 0.1
    part = window((-0.7, 0.7), (start, stop))
    x, share = X[part], np.clip((Y[part] - start) / (stop - start), 0, 1)
    line = nose.wings + 0.05 + (anatomy.mouth_half_width + 0.03 - nose.wings) * share**1.3
    strength = (0.02 * age + 0.028 * max(expression.smile, 0)) * np.sqrt(np.clip(np.sin(np.pi * share), 0, None))
    relief[part] -= strength * np.exp(-np.square((np.abs(x) - line) / 0.028))
    part = window((-0.6, 0.6), (-0.8, -0.25))
    y = Y[part] + 0.5
    waves = np.clip(np.cos(y * (2 * np.pi / 0.11)), 0, 1) ** 2 * np.exp(-((y / 0.12) ** 4) - (X[part] / 0.33) ** 4)
    relief[part] -= 0.02 * (max(age - 0.35, 0) + 0.35 * max(expression.brow_raise, 0) * age) * waves


def _add_neck(bust: Bust, anatomy: Anatomy) -> None:
    width = 0.36 + 0.42 * (anatomy.identity.skull.jaw - 0.5) + 0.25 * smooth_step(1.2, 1.6, ROWS)
    arc = round_out(width, np.full(SIZE, 0.4, np.float32), 2)
    inside = np.minimum(width[:, None] - np.abs(X), Y - 0.5)
    bust.add(inside, (arc - 0.28, -arc - 0.28), anatomy.identity.skin.color, SKIN_GLOSS)


def _add_ear(bust: Bust, anatomy: Anatomy, side: int) -> None:
    height, off = anatomy.identity.ears
    at_side, half_width = anatomy.identity.skull.width - 0.035, 0.5 * off + 0.05
    left, right = sorted((side * (at_side - 0.25), side * (at_side + 0.4)))
    part = window((left, right), (-0.35, 0.5))
    y = Y[part] - 0.12
    x = side * X[part] - at_side - 0.45 * off + 1.8 * off * y  # the upper end stands off more
    distance = np.hypot(x / half_width, y / (height * (1 - 0.25 * smooth_step(-0.1, 0.3, y))))
    rim = 0.05 * np.exp(-np.square((distance - 0.82) / 0.2))
    surfaces = rim + 0.04 * x - 0.06, np.full_like(x, -0.2)
    redder = anatomy.identity.skin.color * np.float32([1, 0.9, 0.88])
    bust.add((1 - distance) * half_width, surfaces, redder, SKIN_GLOSS, part)
