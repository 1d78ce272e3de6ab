"""What is drawn on the skin of a face: eyes, brows, lips, nostrils, beard, freckles and moles."""

import numpy as np

from kerascnn.data.faces.anatomy import LEFT, RIGHT, Anatomy
from kerascnn.data.faces.bust import Bust
from kerascnn.data.faces.plane import X, Y, blob, blobs, fill, smooth_step, soften, window
from kerascnn.data.faces.relief import half_widths
from kerascnn.data.rendering.surfaces import Random, fractal_noise

WHITE_OF_EYE = np.array([0.52, 0.5, 0.48], np.float32)
PUPIL = np.array([0.008, 0.007, 0.007], np.float32)
GLINT = np.array([1.2, 1.2, 1.2], np.float32)
TEETH = np.array([0.8, 0.76, 0.68], np.float32)
MOUTH_INSIDE = np.array([0.09, 0.02, 0.02], np.float32)
TONGUE = np.array([0.35, 0.08, 0.08], np.float32)
EYE_GLOSS, LIP_GLOSS, HAIR_GLOSS = 0.2, 0.55, 0.1


def paint_face(rng: Random, bust: Bust, anatomy: Anatomy) -> None:
    """Paint the face of a bust that shows nothing but skin.

    Args:
        rng: for what is too fine to belong to an identity, as single hairs.
        bust: it is changed; a beard also stands out of it.
        anatomy: the features.
    """
    _paint_complexion(bust, anatomy)
    _paint_marks(bust, anatomy)
    _paint_nostrils(bust, anatomy)
    _grow_beard(rng, bust, anatomy)
    _paint_mouth(bust, anatomy)
    for side in (LEFT, RIGHT):
        _paint_eye(bust, anatomy, side)
        _paint_brow(rng, bust, anatomy, side)


def _paint_complexion(bust: Bust, anatomy: Anatomy) -> None:
    skin, eyes, nose = anatomy.identity.skin, anatomy.identity.eyes, anatomy.identity.nose
    bust.tint(
        skin.blush * (blobs(0.42, 0.32, (0.15, 0.12)) + 0.5 * blob((0, nose.tip), (0.1, 0.08))), (0.04, 0.22, 0.2)
    )
    rings = blobs(eyes.distance - 0.02, eyes.height + 0.1, (0.1, 0.035))  # below the eyes
    bust.tint((0.12 + 0.18 * skin.age) * rings, (0.8, 1, 0.9))


def _paint_marks(bust: Bust, anatomy: Anatomy) -> None:
    skin = anatomy.identity.skin
    for marks, strength in ((skin.freckles, 0.45), (skin.moles, 0.8)):
        for x, y, radius in marks:
            part = window((x - 0.06, x + 0.06), (y - 0.06, y + 0.06))
            bust.tint(strength * fill(radius - np.hypot(X[part] - x, Y[part] - y), 2), (0.55, 0.75, 0.85), part)


def _paint_nostrils(bust: Bust, anatomy: Anatomy) -> None:
    nose = anatomy.identity.nose
    holes = blobs(0.48 * nose.wings, nose.tip + 0.088, (0.027, 0.016))
    creases = blobs(nose.wings + 0.018, nose.tip + 0.045, (0.016, 0.04))
    below = blob((0, nose.tip + 0.1), (nose.wings, 0.025))
    bust.tint(np.clip(0.75 * holes + 0.3 * creases + 0.08 * below, 0, 0.9), (1, 1, 1))


def _grow_beard(rng: Random, bust: Bust, anatomy: Anatomy) -> None:
    beard, mouth = anatomy.identity.beard, anatomy.mouth
    if not max(beard.jaw, beard.chin, beard.moustache):
        return
    widths = half_widths(anatomy.identity.skull, anatomy.chin)
    part = window((-0.85, 0.85), (0.05, anatomy.chin + 0.03))
    x, y = np.abs(X[part]), Y[part]
    share, t = x / np.maximum(widths[part[0]], 0.05)[:, None], x / anatomy.mouth_half_width
    cheek_line = mouth + 0.04 - (0.28 + 0.25 * beard.cheeks) * smooth_step(0.4, 1.0, share)
    jaw = smooth_step(-0.05, 0.08, y - cheek_line) * smooth_step(0.3, 0.5, share) * (share < 1)
    chin = smooth_step(mouth - 0.02, mouth + 0.1, y) * smooth_step(0.6, 0.45, share)
    top, _, _, bottom = anatomy.lips(t)
    moustache = smooth_step(0, 0.03, y - anatomy.identity.nose.tip - 0.085 - 0.06 * t * t)
    moustache *= smooth_step(0.02, -0.01, y - top - 0.1 * t * t) * smooth_step(1.25, 0.9, t)
    coverage = np.maximum.reduce([beard.jaw * jaw, beard.chin * chin, beard.moustache * moustache])
    coverage *= 1 - fill(np.where(t < 1, np.minimum(y - top, bottom - y), -1) + 0.015, 3)

    hairs = fractal_noise(rng, y.shape, 5, stretch=0.6)
    amount = np.clip(coverage * (0.85 + 0.35 * hairs), 0, 0.97)
    color = np.clip(anatomy.identity.hair.color * (0.75 + 0.3 * hairs[..., None]), 0.004, 1)
    bust.paint(amount, color, HAIR_GLOSS, part)
    bust.front[part] += (0.05 * soften(coverage, 0.03) + 0.014 * amount * hairs) * (bust.front[part] > -1)


def _paint_mouth(bust: Bust, anatomy: Anatomy) -> None:
    half_width, color = anatomy.mouth_half_width, anatomy.identity.mouth.color
    part = window((-half_width - 0.1, half_width + 0.1), (anatomy.mouth - 0.25, anatomy.mouth + 0.4))
    y, t = Y[part], X[part] / half_width
    top, line, lower_line, bottom = anatomy.lips(t)
    inside_corners = np.abs(t) < 1
    bust.paint(fill(np.minimum(y - top, bottom - y), 2) * inside_corners, color, LIP_GLOSS, part)
    bust.tint(0.12 * fill(np.minimum(y - top, line - y), 2) * inside_corners, (1, 1, 1), part)  # it faces down

    between = fill(np.minimum(y - line, lower_line - y), 1.5) * inside_corners
    bust.paint(between, MOUTH_INSIDE, EYE_GLOSS, part)
    teeth = between * fill(np.minimum(line + 0.07 - y, 0.93 - np.abs(t)), 2)
    bust.paint(teeth, TEETH * (1 - 0.45 * t[..., None] ** 2), LIP_GLOSS, part)
    tongue = between * smooth_step(0, 0.05, y - lower_line + 0.05) * smooth_step(0.7, 0.3, np.abs(t))
    bust.paint(0.8 * tongue, TONGUE, part=part)

    seam = np.exp(-np.square((y - line) / 0.013)) * inside_corners * (1 - t**8).clip(0, 1)
    corners = np.exp(-np.square((np.abs(t) - 1) * half_width / 0.025) - np.square((y - line) / 0.02))
    bust.tint(np.clip(0.6 * seam + 0.55 * corners, 0, 0.8), (1, 1, 1), part)


def _paint_eye(bust: Bust, anatomy: Anatomy, side: int) -> None:
    eyes, axes = anatomy.identity.eyes, anatomy.eye(side)
    part = window(*((middle - 0.3, middle + 0.3) for middle in axes.center))
    t, below = axes.to_feature(X[part], Y[part])
    upper, lower = anatomy.lids(t)
    from_upper, inside_corners = below - upper, np.abs(t) < 1
    opened = fill(np.minimum(from_upper, lower - below), 1.5) * inside_corners

    lid = smooth_step(-0.11, -0.01, from_upper) * (1 - fill(from_upper, 2)) * smooth_step(1.25, 0.8, np.abs(t))
    bust.tint(0.2 * lid, (1, 1, 1), part)
    bust.paint(opened, WHITE_OF_EYE * (1 - 0.25 * t[..., None] ** 4), EYE_GLOSS, part)
    gaze_x, gaze_y = anatomy.expression.gaze
    x = t * eyes.half_width - side * 0.055 * gaze_x
    y = below - 0.03 * gaze_y + 0.2 * eyes.opening
    distance = np.hypot(x, y)
    shade = 0.45 + 0.75 * smooth_step(-0.05, 0.06, y) - 0.4 * smooth_step(0.75, 1.0, distance / eyes.iris)
    bust.paint(opened * fill(eyes.iris - distance, 1.5), eyes.color * shade[..., None], part=part)
    bust.paint(opened * fill(0.45 * eyes.iris - distance, 1.5), PUPIL, part=part)
    bust.tint(0.45 * opened * smooth_step(0.05, 0, from_upper), (1, 1, 1), part)  # the lid's shadow
    bust.paint(0.9 * opened * fill(0.018 - np.hypot(x + 0.03, y + 0.035), 1.5), GLINT, part=part)

    thickness = (0.011 + 0.014 * eyes.lashes) * (0.7 + 0.4 * t)
    lashes = fill(thickness - np.abs(from_upper + 0.3 * thickness), 2) * smooth_step(1.12, 0.95, np.abs(t))
    bust.paint((0.55 + 0.4 * eyes.lashes) * lashes, 0.25 * anatomy.identity.brows.color, part=part)
    rim = np.exp(-np.square((below - lower) / 0.012)) * inside_corners
    crease = np.exp(-np.square((from_upper + 0.045 + 0.01 * eyes.crease) / 0.012)) * (1 - t * t / 1.1).clip(0, 1)
    bust.tint(0.35 * rim + 0.28 * eyes.crease * crease, (1, 1, 1), part)


def _paint_brow(rng: Random, bust: Bust, anatomy: Anatomy, side: int) -> None:
    brows, axes = anatomy.identity.brows, anatomy.brow(side)
    part = window(*((middle - 0.35, middle + 0.35) for middle in axes.center))
    t, below = axes.to_feature(X[part], Y[part])
    taper = 1 - 0.75 * np.clip((t + 0.3) / 1.3, 0, 1) ** 1.6  # thinner toward the ear
    thickness = brows.thickness * taper * np.sqrt(np.clip(1 - t**6, 0, 1))
    hairs = fractal_noise(rng, t.shape, 4, stretch=2)
    inside = thickness - np.abs(below - anatomy.brow_line(t)) + 0.006 * hairs
    bust.paint(0.9 * fill(inside, 2.5) * (np.abs(t) < 1), brows.color, HAIR_GLOSS, part)
