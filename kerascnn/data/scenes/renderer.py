"""Photographs of toys on a table, made by code: the ground, the shadows on it, and the things' bodies.

`render_scene` returns one example of the data set `scenes` in numpy alone; `kerascnn.data.scenes` packs it for tfds.
Where the things lie is decided in `layout`; what they are made of, the light and the camera come from `rendering`.
"""

import numpy as np
from PIL import Image, ImageFilter
from scipy import ndimage

from kerascnn.data.rendering.camera import expose
from kerascnn.data.rendering.light import Light, diffuse, find_normals, highlight, uneven_light
from kerascnn.data.rendering.surfaces import (
    Random,
    fractal_noise,
    mix,
    random_color_pair,
    random_ground,
    random_pattern,
    turn_coordinates,
)
from kerascnn.data.scenes.layout import (
    CLASSES,
    IMAGE_SIZE,
    NO_CLASS,
    Thing,
    annotate_things,
    arrange_one,
    arrange_things,
)

SPLITS = ("train", "validation", "test")
NONE_OF_12 = 2  # pictures without a thing of a class, where there is one at most


def render_scene(seed: int, index: int, split: str = "train", *, one: bool = False) -> dict[str, np.ndarray]:
    """Render one picture with its annotation; the same arguments always give the same answer.

    Args:
        seed: of the whole data set, at least 0.
        index: of the picture in its split, at least 0. Its label is `index % 10`.
        split: one of `SPLITS`.
        one: whether there is one thing of a class or none, for localization, instead of several. Then the label is
            `index % 12`, and -1, for none, where that is 10 or 11.

    Returns:
        A sample: `image` (160, 160, 3) uint8, `label` () int32, `boxes` (N, 4) float32, `class_ids` (N,) int32 and
        `mask` (160, 160) int32 with 0 for background, 1 + class id, and 255 for ignored. Boxes are tight around what is
        visible of a thing. The first box is that of the thing that gives the label, by far the largest.

    Raises:
        ValueError: if the split is unknown, the seed or the index negative.
    """
    if split not in SPLITS:
        raise ValueError(f"split must be one of {SPLITS}. Received: split={split!r}.")
    if seed < 0 or index < 0:
        raise ValueError(f"seed and index must be at least 0. Received: seed={seed}, index={index}.")
    key = (seed, SPLITS.index(split), index)
    if one:
        rng, label = np.random.default_rng((*key, 1)), index % (len(CLASSES) + NONE_OF_12)
        label = label if label < len(CLASSES) else NO_CLASS
        things, owners = arrange_one(rng, label)
    else:
        rng, label = np.random.default_rng(key), index % len(CLASSES)
        things, owners = arrange_things(rng, label)
    return {"image": _photograph(rng, things), "label": np.int32(label), **annotate_things(things, owners)}


def _photograph(rng: Random, things: list[Thing]) -> np.ndarray:
    """Light the ground, lay the things on it from bottom to top, and take the picture: (H, W, 3) uint8."""
    light = _random_light(rng)
    canvas = _light_ground(rng, light)
    for thing in things:
        canvas *= 1 - _cast_shadow(rng, thing, light)[..., None]
        _paint(rng, canvas, thing, light)
    canvas *= uneven_light(rng, (IMAGE_SIZE, IMAGE_SIZE))[..., None]
    return expose(rng, canvas)


def _random_light(rng: Random) -> Light:
    azimuth, elevation = rng.uniform(0, 2 * np.pi), np.radians(rng.uniform(30, 65))
    across = np.cos(elevation)
    direction = np.array([across * np.cos(azimuth), across * np.sin(azimuth), np.sin(elevation)], np.float32)
    warmth = rng.uniform(-0.12, 0.2)
    color = np.array([1 + warmth, 1, 1 - warmth], np.float32)
    return Light(direction, rng.uniform(1.0, 1.4) * color, rng.uniform(0.12, 0.4) * color[::-1])


def _light_ground(rng: Random, light: Light) -> np.ndarray:
    """Render the ground alone, seen at a slant, often out of focus: (H, W, 3) float32."""
    y, x = np.mgrid[:IMAGE_SIZE, :IMAGE_SIZE].astype(np.float32)
    nearness = 1 + rng.uniform(-0.3, 0.3) * (y / IMAGE_SIZE - 0.5)
    slanted = (x - IMAGE_SIZE / 2) * nearness, (y - IMAGE_SIZE / 2) * nearness
    x, y = turn_coordinates(slanted, rng.uniform(0, np.pi))
    ground = random_ground(rng, (x + rng.uniform(100, 300), y + rng.uniform(100, 300)))
    lit = ground.albedo * diffuse(find_normals(ground.height), light)
    blur = rng.uniform(0.6, 2.0) if rng.uniform() < 0.5 else 0
    return ndimage.gaussian_filter(lit.astype(np.float32), (blur, blur, 0), truncate=2.5)


def _cast_shadow(rng: Random, thing: Thing, light: Light) -> np.ndarray:
    """Darken what lies away from the lamp, and a narrow seam all around: (H, W) share of the light that is lost."""
    distance = rng.uniform(4, 8) / light.direction[2]
    offset = tuple(round(float(-distance * axis)) for axis in light.direction[:2])
    outline = Image.fromarray((255 * thing.coverage).astype(np.uint8))
    moved = Image.new("L", outline.size)
    moved.paste(outline, offset)
    softness = rng.uniform(1.5, 4)
    shadow = np.asarray(moved.filter(ImageFilter.GaussianBlur(softness)), np.float32) / 255
    seam = np.asarray(outline.filter(ImageFilter.GaussianBlur(2)), np.float32) / 255
    return 1 - (1 - rng.uniform(0.55, 0.8) * shadow) * (1 - 0.35 * seam)


def _paint(rng: Random, canvas: np.ndarray, thing: Thing, light: Light) -> None:
    """Light a thing and lay it over the canvas, in place."""
    window = _crop_window(thing.coverage)
    if window is None:
        return
    coverage, grooves = thing.coverage[window], thing.grooves[window]
    normals = find_normals(_inflate(rng, coverage, grooves))
    albedo = _random_albedo(rng, coverage.shape) * (1 - 0.45 * grooves[..., None])
    lit = albedo * diffuse(normals, light) + _shine(rng, normals, light)
    canvas[window] = mix(canvas[window], lit, coverage)


def _crop_window(coverage: np.ndarray, margin: int = 2) -> tuple[slice, slice] | None:
    """Find the rows and columns that a thing needs; None if it lies outside of the picture."""
    rows, columns = np.nonzero(coverage.any(axis=1))[0], np.nonzero(coverage.any(axis=0))[0]
    if not rows.size:
        return None
    return (
        slice(max(rows[0] - margin, 0), rows[-1] + 1 + margin),
        slice(max(columns[0] - margin, 0), columns[-1] + 1 + margin),
    )


def _inflate(rng: Random, coverage: np.ndarray, grooves: np.ndarray) -> np.ndarray:
    """Puff a flat outline up to a rounded body: (H, W) height in pixels.

    An outline blurred by s pixels is above one half inside of it and rises over a distance of about s from the edge.
    The roots of such rises at several s add up to a smooth cushion with a steep rim; a distance map would have ridges.
    """
    height = np.zeros_like(coverage)
    for radius, strength in ((1.5, 1.0), (4, rng.uniform(0.5, 1.0)), (9, rng.uniform(0, 1.0))):
        blurred = ndimage.gaussian_filter(coverage, radius, truncate=2.5, mode="constant")
        height += strength * radius * np.sqrt(np.clip(2 * blurred - 1, 0, None))
    dents = rng.uniform(0, 0.35) * fractal_noise(rng, coverage.shape, 8)
    return ndimage.gaussian_filter(height - 1.5 * grooves + dents, 0.7, truncate=2.5)


def _random_albedo(rng: Random, shape: tuple[int, int]) -> np.ndarray:
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    pattern = random_pattern(rng, (x, y), rng.uniform(7, 18))
    return mix(*random_color_pair(rng, (0.1, 0.8)), rng.uniform(0.5, 1) * pattern)


def _shine(rng: Random, normals: np.ndarray, light: Light) -> np.ndarray:
    """Highlights from none (chalk) to sharp (glaze): (H, W, 3)."""
    sharpness, strength = rng.uniform(10, 70), rng.uniform(0, 0.8)
    return strength * highlight(normals, light, sharpness)[..., None] * light.color
