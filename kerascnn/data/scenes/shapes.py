"""The silhouettes of the data set `scenes`: ten everyday things and three nameless ones that only get in the way.

A silhouette is a list of strokes in a box of about -1..1 (x to the right, y down); its proportions are drawn at random.
What it is made of, and the light that falls on it, is the business of `surfaces` and `renderer`.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import Literal, NamedTuple

import numpy as np
from PIL import Image, ImageDraw
from scipy.interpolate import CubicSpline

OVERSAMPLING = 4  # strokes are drawn this many times larger and averaged down, for smooth edges
GROOVE_WIDTH = 1.6  # in pixels of the picture


class Stroke(NamedTuple):
    """One step of a drawing: `points` (N, 2) xy are filled, cut out again, or engraved as an open line."""

    kind: Literal["fill", "cut", "groove"]
    points: np.ndarray


Shape = list[Stroke]
Random = np.random.Generator


def draw_shape(name: str, rng: Random) -> Shape:
    """Draw the silhouette `name` with random proportions.

    Args:
        name: a key of `SHAPES` or `DISTRACTORS`.
        rng: where the proportions come from.

    Returns:
        Its strokes, in the order of drawing, in a box of about -1..1.

    Raises:
        ValueError: if there is no such silhouette.
    """
    known = SHAPES | DISTRACTORS
    if name not in known:
        raise ValueError(f"name must be one of {sorted(known)}. Received: name={name!r}.")
    return known[name](rng)


def transform_shape(shape: Shape, matrix: np.ndarray, center: tuple[float, float] = (0.0, 0.0)) -> Shape:
    """Apply `matrix` (2, 2) to all points and put the middle of what is filled at `center` (x, y)."""
    moved = [Stroke(kind, points @ matrix.T) for kind, points in shape]
    filled = np.concatenate([points for kind, points in moved if kind == "fill"])
    shift = np.asarray(center) - (filled.min(axis=0) + filled.max(axis=0)) / 2
    return [Stroke(kind, points + shift) for kind, points in moved]


def rasterize_shape(shape: Shape, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw a shape, given in pixels, with smooth edges.

    Args:
        shape: strokes in pixels; what lies outside of the picture is cut off.
        size: height and width of the picture.

    Returns:
        The coverage and the grooves, both (size, size) float32 in 0..1.
    """
    large = (size * OVERSAMPLING, size * OVERSAMPLING)
    coverage, grooves = Image.new("L", large), Image.new("L", large)
    for kind, points in shape:
        corners = (points * OVERSAMPLING).ravel().tolist()
        if kind == "groove":
            ImageDraw.Draw(grooves).line(corners, fill=255, width=round(GROOVE_WIDTH * OVERSAMPLING), joint="curve")
        else:
            ImageDraw.Draw(coverage).polygon(corners, fill=255 if kind == "fill" else 0)
    return _average_down(coverage), _average_down(grooves)


def measure_area(shape: Shape, resolution: int = 16) -> float:
    """Measure the filled area of a shape around the origin, in its own unit squared; it must lie within -2..2."""
    enlarged = transform_shape(shape, np.eye(2) * resolution, (2 * resolution, 2 * resolution))
    coverage, _ = rasterize_shape(enlarged, 4 * resolution)
    return float(coverage.sum()) / resolution**2


def _average_down(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture.reduce(OVERSAMPLING), np.float32) / 255


def _fill(points) -> Stroke:
    return Stroke("fill", np.asarray(points, float))


def _cut(points) -> Stroke:
    return Stroke("cut", np.asarray(points, float))


def _groove(points) -> Stroke:
    return Stroke("groove", np.asarray(points, float))


def _arc(x: float, y: float, radius_x: float, radius_y: float, start: float = 0, stop: float = 360) -> np.ndarray:
    angles = np.radians(np.linspace(start, stop, 40))
    return np.stack([x + radius_x * np.cos(angles), y + radius_y * np.sin(angles)], axis=1)


def _curve(points) -> np.ndarray:
    """Draw a closed smooth line through a few points."""
    closed = np.asarray([*points, points[0]], float)
    return CubicSpline(np.arange(len(closed)), closed, bc_type="periodic")(np.linspace(0, len(closed) - 1, 60))


def _mirror(points) -> np.ndarray:
    return np.asarray(points, float) * (-1, 1)


def _symmetric(right_side) -> np.ndarray:
    """Close a right side, given from top to bottom, with its mirror image."""
    return np.concatenate([right_side, _mirror(right_side)[::-1]])


def _thicken(line, width: float) -> np.ndarray:
    """Turn an open line (N, 2) into the outline of a band."""
    line = np.asarray(line, float)
    along = np.gradient(line, axis=0)
    across = np.stack([-along[:, 1], along[:, 0]], axis=1) / np.linalg.norm(along, axis=1, keepdims=True)
    return np.concatenate([line + across * width / 2, (line - across * width / 2)[::-1]])


def _bottle(rng: Random) -> Shape:
    neck, body = rng.uniform(0.11, 0.17), rng.uniform(0.3, 0.44)
    shoulder, slope = rng.uniform(-0.4, -0.1), rng.uniform(0.1, 0.35)
    lip = neck + 0.05
    side = [(lip, -1), (lip, -0.82), (neck, -0.82), (neck, shoulder - slope / 2), (body, shoulder + slope / 2)]
    side += [(body, 0.93), (body - 0.07, 1)]
    label_top, label_bottom = shoulder + slope / 2 + 0.15, rng.uniform(0.6, 0.8)
    rings = [_groove([(-width, y), (width, y)]) for width, y in
             ((lip, -0.82), (body, label_top), (body, label_bottom))]  # fmt: skip
    return [_fill(_symmetric(side)), *rings]


def _butterfly(rng: Random) -> Shape:
    reach, rise, drop = rng.uniform(0.8, 1.05), rng.uniform(0.6, 0.95), rng.uniform(0.55, 0.9)
    upper = _curve([(0, -0.12), (0.3, -0.55 * rise), (0.85 * reach, -rise), (reach, -0.45 * rise), (0.5, 0.02)])
    lower = _curve([(0, 0), (0.5, 0.0), (0.75 * reach, 0.35 * drop), (0.5 * reach, drop), (0.2, 0.6 * drop)])
    feeler = [(0.02, -0.35), (0.1, -0.62), (0.26, -0.85 * rise - 0.1)]
    vein = [(0.1, -0.15), (0.72 * reach, -0.62 * rise)]
    right = [_fill(upper), _fill(lower), _fill(_thicken(feeler, 0.05)), _groove(vein), _groove(upper)]
    left = [Stroke(kind, _mirror(points)) for kind, points in right]
    return [*right, *left, _fill(_arc(0, 0.05, 0.09, 0.5)), _groove(_arc(0, 0.05, 0.09, 0.5))]


def _cup(rng: Random) -> Shape:
    top, bottom, height = rng.uniform(0.55, 0.7), rng.uniform(0.38, 0.62), rng.uniform(0.55, 0.8)
    handle_x, handle_y = rng.uniform(0.36, 0.5), height * rng.uniform(0.5, 0.68)
    middle, thickness = (top + bottom) / 2, rng.uniform(0.12, 0.18)
    side = [(top, -height), (middle + 0.03, 0), (bottom, 0.9 * height), (bottom - 0.1, height)]
    return [
        _fill(_arc(middle, 0, handle_x, handle_y)),
        _cut(_arc(middle, 0, handle_x - thickness, handle_y - thickness)),
        _fill(_symmetric(side)),
        _fill(_arc(0, -height, top, 0.13)),
        _groove(_arc(0, -height, top - 0.04, 0.09)),
    ]


def _fish(rng: Random) -> Shape:
    height, tail, fin = rng.uniform(0.3, 0.5), rng.uniform(0.32, 0.5), rng.uniform(0.12, 0.3)
    body = _curve([(-1, 0.02), (-0.6, -0.85 * height), (-0.1, -height), (0.55, -0.1), (0.55, 0.1), (-0.1, height),
                   (-0.6, 0.85 * height)])  # fmt: skip
    return [
        _fill(body),
        _fill([(0.42, 0), (0.98, -tail), (0.84, 0), (0.98, tail)]),
        _fill([(-0.35, -0.85 * height), (0, -height - fin), (0.15, -height - fin), (0.25, -0.5 * height)]),
        _fill([(-0.1, 0.9 * height), (0.12, height + 0.8 * fin), (0.15, 0.75 * height)]),
        _groove(_arc(-0.75, 0, 0.22, 0.8 * height, -60, 60)),
        _groove(_arc(-0.74, -0.25 * height, 0.045, 0.045)),
        _groove([(0.6, 0), (0.88, -0.6 * tail)]),
        _groove([(0.6, 0), (0.88, 0.6 * tail)]),
    ]


def _gear(rng: Random) -> Shape:
    teeth, root, hole = rng.integers(7, 13), rng.uniform(0.7, 0.8), rng.uniform(0.18, 0.36)
    angles = (np.arange(teeth)[:, None] + (-0.3, -0.17, 0.17, 0.3)) * 2 * np.pi / teeth
    radii = np.broadcast_to((root, 1, 1, root), angles.shape)
    outline = np.stack([radii * np.cos(angles), radii * np.sin(angles)], axis=-1).reshape(-1, 2)
    ring = (root + hole) / 2
    return [_fill(outline), _cut(_arc(0, 0, hole, hole)), _groove(_arc(0, 0, ring, ring))]


def _key(rng: Random) -> Shape:
    bow_x, bow_y, rim = rng.uniform(0.32, 0.4), rng.uniform(0.32, 0.48), rng.uniform(0.13, 0.18)
    shaft, bits = rng.uniform(0.08, 0.11), rng.integers(2, 4)
    strokes = [
        _fill(_arc(-0.6, 0, bow_x, bow_y)),
        _cut(_arc(-0.6, 0, bow_x - rim, bow_y - rim)),
        _fill([(bow_x - 0.7, -shaft), (1, -shaft), (1, shaft), (bow_x - 0.7, shaft)]),
        _groove([(bow_x - 0.55, 0), (0.95, 0)]),
    ]
    for x in np.linspace(0.93, 0.93 - 0.22 * (bits - 1), bits):
        length = rng.uniform(0.2, 0.34)
        strokes.append(_fill([(x - 0.07, 0), (x + 0.07, 0), (x + 0.07, shaft + length), (x - 0.07, shaft + length)]))
    return strokes


def _leaf(rng: Random) -> Shape:
    width, teeth, depth = rng.uniform(0.4, 0.58), rng.integers(5, 9), rng.uniform(0.08, 0.2)
    along = np.linspace(0, 1, 80)
    half_width = width * np.sin(np.pi * along**0.8) ** 0.9 * (1 - depth * (1 - along * teeth % 1))
    blade = np.stack([half_width, 0.65 - 1.65 * along], axis=1)
    stalk = [(0, 0.6), (0.02, 0.75), (0.1, 1)]
    strokes = [_fill(_symmetric(blade)), _fill(_thicken(stalk, 0.11)), _groove([(0, 0.6), (0, -0.9)])]
    for y in (0.4, 0.1, -0.2):
        vein = [(0, y), (0.62 * width, y - 0.3)]
        strokes += [_groove(vein), _groove(_mirror(vein))]
    return strokes


def _mushroom(rng: Random) -> Shape:
    cap, rise, sag = rng.uniform(0.65, 0.95), rng.uniform(0.5, 0.85), rng.uniform(0.02, 0.15)
    stem, foot = rng.uniform(0.17, 0.27), rng.uniform(1.0, 1.6)
    side = [(stem, 0), (0.9 * stem, 0.45), (stem * foot, 0.85), (0.6 * stem * foot, 0.95)]
    brow = 0.8 * cap
    hood = _curve([(cap, 0.05), (brow, -0.62 * rise), (0, -rise), (-brow, -0.62 * rise), (-cap, 0.05), (0, sag)])
    gills, skirt = _arc(0, 0.02, 0.85 * cap, 0.06 + sag, 0, 180), _arc(0, 0.28, 1.1 * stem, 0.06, 0, 180)
    return [_fill(_symmetric(side)), _fill(hood), _groove(gills), _groove(skirt)]


def _star(rng: Random) -> Shape:
    waist = rng.uniform(0.4, 0.55)
    angles = np.arange(10) * np.pi / 5 - np.pi / 2
    radii = np.where(np.arange(10) % 2, waist, 1)
    corners = np.stack([radii * np.cos(angles), radii * np.sin(angles)], axis=1)
    return [_fill(corners), *(_groove([(0, 0), tip * 0.8]) for tip in corners[::2])]


def _umbrella(rng: Random) -> Shape:
    rise, scallops, dip = rng.uniform(0.6, 0.9), int(rng.integers(3, 6)), rng.uniform(0.08, 0.16)
    joints = np.linspace(1, -1, scallops + 1)
    hem = [_arc((right + left) / 2, 0, (right - left) / 2, dip, 0, -180) for right, left in pairwise(joints)]
    canopy = np.concatenate([_arc(0, 0, 1, rise, 180, 360), *hem])
    hook = _arc(-0.14, 0.8, 0.14, 0.18, 0, 170)
    handle = np.concatenate([[(0, -rise - 0.12), (0, 0.6)], hook])
    ribs = [_groove([(0, -rise), (0.75 * x, -0.42 * rise), (x, 0)]) for x in joints[1:-1]]
    return [_fill(_thicken(handle, 0.1)), _fill(canopy), *ribs]


def _pebble(rng: Random) -> Shape:
    angles = np.arange(7) * 2 * np.pi / 7
    radii = rng.uniform(0.65, 1, size=7)
    return [_fill(_curve(np.stack([radii * np.cos(angles), radii * np.sin(angles)], axis=1)))]


def _ribbon(rng: Random) -> Shape:
    along = np.linspace(-1.6, 1.6, 60)
    waves = rng.uniform(0.1, 0.35) * np.sin(along * rng.uniform(1, 3) + rng.uniform(0, 6))
    return [_fill(_thicken(np.stack([along, waves], axis=1), rng.uniform(0.12, 0.25)))]


def _stick(rng: Random) -> Shape:
    half_width, tip = rng.uniform(0.05, 0.09), rng.uniform(0.1, 0.3)
    side = [(0.3 * half_width, -1.4), (half_width, -1.4 + tip), (half_width, 1.4)]
    return [_fill(_symmetric(side)), _groove([(-half_width, tip - 1.4), (half_width, tip - 1.4)])]


SHAPES: dict[str, Callable[[Random], Shape]] = {
    "bottle": _bottle,
    "butterfly": _butterfly,
    "cup": _cup,
    "fish": _fish,
    "gear": _gear,
    "key": _key,
    "leaf": _leaf,
    "mushroom": _mushroom,
    "star": _star,
    "umbrella": _umbrella,
}
DISTRACTORS: dict[str, Callable[[Random], Shape]] = {"pebble": _pebble, "ribbon": _ribbon, "stick": _stick}
