"""What rendered things and grounds are made of: colours, patterns and relief, before any light.

Colours are linear light in 0..1 (not sRGB), pictures are float32. Nothing here knows a class: colour and texture tell
nothing about the label.
"""

import colorsys
import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFilter
from scipy import ndimage

GAMMA = 2.2  # between linear light and the stored picture
GROUND_SATURATION = (0.05, 0.5)  # calmer than the things that lie on it, on the whole
SLOPE_SOFTNESS = 0.8  # in pixels: how wide the edge of a tile or a stripe is

Random = np.random.Generator
Coordinates = tuple[np.ndarray, np.ndarray]


class Surface(NamedTuple):
    """A lit-to-be area: `albedo` (H, W, 3) linear light 0..1 and `height` (H, W) in pixels."""

    albedo: np.ndarray
    height: np.ndarray


def random_color(rng: Random, saturation: tuple[float, float], value: tuple[float, float]) -> np.ndarray:
    """Draw a colour: any hue, though often a warm one, as wood, clay, skin and sand have.

    Args:
        rng: where the colour comes from.
        saturation: its range within 0..1, as seen on a screen.
        value: the same for its brightness.

    Returns:
        (3,) float32 linear light.
    """
    hue = rng.uniform(0.02, 0.14) if rng.uniform() < 0.35 else rng.uniform()
    color = colorsys.hsv_to_rgb(hue, rng.uniform(*saturation), rng.uniform(*value))
    return np.asarray(color, np.float32) ** GAMMA


def random_color_pair(rng: Random, saturation: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Draw two colours that go together: a strong one with off-white, with its own shade, or with any other."""
    first = random_color(rng, saturation, (0.35, 0.95))
    companion = rng.integers(3)
    if companion == 0:
        return first, random_color(rng, (0, 0.12), (0.75, 1))
    if companion == 1:
        return first, first * np.float32(rng.uniform(0.2, 0.5))
    return first, random_color(rng, saturation, (0.35, 0.95))


def fractal_noise(rng: Random, shape: tuple[int, int], cell: float, stretch: float = 1.0) -> np.ndarray:
    """Add up three octaves of smooth noise.

    Args:
        rng: where the noise comes from.
        shape: (height, width) of the result.
        cell: size of the largest blobs in pixels.
        stretch: how many times wider than high the blobs are.

    Returns:
        (height, width) float32, mean about 0, mostly within -1..1.
    """
    height, width = shape
    total = np.zeros(shape, np.float32)
    for octave in range(3):
        rows = max(2, round(height / cell * 2**octave))
        columns = max(2, round(width / (cell * stretch) * 2**octave))
        coarse = Image.fromarray(rng.standard_normal((rows, columns), dtype=np.float32))
        total += np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC)) / 2**octave
    return total / 2


def random_pattern(rng: Random, coordinates: Coordinates, period: float) -> np.ndarray:
    """Draw one of the patterns.

    Args:
        rng: which pattern, turned how.
        coordinates: two arrays (H, W), x and y in pixels.
        period: size of what repeats, in pixels.

    Returns:
        (H, W) float32 in 0..1: how much of the second colour is to be mixed into the first.
    """
    turned = turn_coordinates(coordinates, rng.uniform(0, np.pi))
    pattern = PATTERNS[rng.integers(len(PATTERNS))]
    return np.clip(pattern(rng, turned, period), 0, 1).astype(np.float32)


def random_ground(rng: Random, coordinates: Coordinates) -> Surface:
    """Draw what the things lie on: planks, tiles, cloth, plaster, a printed sheet, blurred lights or blurred clutter.

    Args:
        rng: which ground, in which colours.
        coordinates: two arrays (H, W), x and y in pixels, as the camera sees the ground.

    Returns:
        The surface of the whole picture.
    """
    ground = GROUNDS[rng.integers(len(GROUNDS))]
    return ground(rng, coordinates)


def turn_coordinates(coordinates: Coordinates, angle: float) -> Coordinates:
    """Turn the axes of `coordinates`, two arrays (H, W), by `angle` in radians."""
    x, y = coordinates
    cosine, sine = math.cos(angle), math.sin(angle)  # Python floats, which keep float32 as it is
    return x * cosine + y * sine, y * cosine - x * sine


def mix(first: np.ndarray, second: np.ndarray, amount: np.ndarray) -> np.ndarray:
    """Blend two colours (3,) or pictures (H, W, 3) by `amount` (H, W) in 0..1."""
    return first + (second - first) * amount[..., None]


def _wave(x: np.ndarray, period: float) -> np.ndarray:
    """Alternate between 0 and 1, half a period each, with an edge of about a pixel."""
    return 0.5 + np.clip(np.sin(2 * np.pi * x / period) * period / (4 * np.pi * SLOPE_SOFTNESS), -0.5, 0.5)


def _plain(rng: Random, coordinates: Coordinates, period: float) -> np.ndarray:
    return 0.3 + 0.3 * fractal_noise(rng, coordinates[0].shape, 2 * period)


def _stripes(rng: Random, coordinates: Coordinates, period: float) -> np.ndarray:
    return _wave(coordinates[0], period)


def _checks(rng: Random, coordinates: Coordinates, period: float) -> np.ndarray:
    first, second = (_wave(axis, 1.5 * period) for axis in coordinates)
    return first + second - 2 * first * second


def _tartan(rng: Random, coordinates: Coordinates, period: float) -> np.ndarray:
    return (_wave(coordinates[0], 1.2 * period) + _wave(coordinates[1], 1.2 * period)) / 2


def _dots(rng: Random, coordinates: Coordinates, period: float) -> np.ndarray:
    radius = rng.uniform(0.2, 0.38) * period
    row = np.floor(coordinates[1] / period)
    x = (coordinates[0] + row % 2 * period / 2) % period - period / 2
    return 0.5 + (radius - np.hypot(x, coordinates[1] % period - period / 2)) / (2 * SLOPE_SOFTNESS)


def _marble(rng: Random, coordinates: Coordinates, period: float) -> np.ndarray:
    bend = fractal_noise(rng, coordinates[0].shape, 2.5 * period)
    return np.abs(np.sin(coordinates[0] * np.pi / (3 * period) + 3 * bend)) ** 0.6


def _wood(rng: Random, coordinates: Coordinates, period: float) -> np.ndarray:
    x, y = coordinates
    rings = np.hypot(x / 6, y + rng.uniform(-40, 40)) + 2 * fractal_noise(rng, x.shape, 3 * period)
    return 0.5 + 0.35 * np.sin(rings * 2 * np.pi / (0.7 * period)) + 0.15 * fractal_noise(rng, x.shape, 3)


def _speckles(rng: Random, coordinates: Coordinates, period: float) -> np.ndarray:
    return 0.5 + 2 * (fractal_noise(rng, coordinates[0].shape, 0.6 * period) - 0.3)


PATTERNS: tuple[Callable[[Random, Coordinates, float], np.ndarray], ...] = (
    _plain, _plain, _stripes, _checks, _tartan, _dots, _marble, _wood, _speckles,
)  # fmt: skip


def _planks(rng: Random, coordinates: Coordinates) -> Surface:
    x, y = coordinates
    width, (light, _) = rng.uniform(20, 45), random_color_pair(rng, GROUND_SATURATION)
    plank = np.floor(y / width).astype(int)
    fibres = fractal_noise(rng, (512, 64), 5)
    grain = ndimage.map_coordinates(fibres, (y, x / 9), order=1, mode="mirror")  # stretched along the planks
    tone = rng.uniform(0.55, 1.0, size=64).astype(np.float32)[plank % 64] * (0.85 + 0.22 * grain)
    gap = np.abs((y / width) % 1 - 0.5) * width - width / 2  # 0 at a gap, negative inside
    height = 2 * np.clip(-gap / 1.5, 0, 1) + 0.35 * grain
    return Surface(light * np.clip(tone, 0.1, 1.2)[..., None], height)


def _tiles(rng: Random, coordinates: Coordinates) -> Surface:
    size, (tile, grout) = rng.uniform(22, 48), random_color_pair(rng, GROUND_SATURATION)
    x, y = coordinates
    row, shift = np.floor(y / size), rng.choice([0, 0.5])
    column = np.floor(x / size + row * shift)
    to_edge = np.minimum(*(size / 2 - np.abs(axis % size - size / 2) for axis in (x + row * shift * size, y)))
    inside = np.clip((to_edge - 1) / 1.5, 0, 1)
    tones = rng.uniform(0.7, 1.0, size=(32, 32)).astype(np.float32)
    tone = tones[row.astype(int) % 32, column.astype(int) % 32] * (1 + 0.1 * fractal_noise(rng, x.shape, 12))
    return Surface(mix(0.7 * grout, tile * tone[..., None], inside), 2 * inside)


def _cloth(rng: Random, coordinates: Coordinates) -> Surface:
    x, y = coordinates
    thread = rng.uniform(3.5, 5)
    weave = np.sin(2 * np.pi * x / thread) * np.sin(2 * np.pi * y / thread)
    folds = fractal_noise(rng, x.shape, 70, stretch=rng.choice([0.5, 2]))
    pattern = 0.7 * random_pattern(rng, coordinates, rng.uniform(14, 40))
    albedo = mix(*random_color_pair(rng, GROUND_SATURATION), pattern) * (0.9 + 0.1 * weave)[..., None]
    return Surface(albedo, 0.25 * weave + 6 * folds)


def _plaster(rng: Random, coordinates: Coordinates) -> Surface:
    shape = coordinates[0].shape
    first, _ = random_color_pair(rng, GROUND_SATURATION)
    stains, grit = fractal_noise(rng, shape, 50), fractal_noise(rng, shape, rng.uniform(3, 9))
    albedo = mix(first, 0.55 * first, np.clip(0.5 + 0.5 * stains, 0, 1))
    return Surface(albedo, rng.uniform(0.3, 1.3) * grit)


def _printed_sheet(rng: Random, coordinates: Coordinates) -> Surface:
    pattern = random_pattern(rng, coordinates, rng.uniform(10, 45))
    return Surface(mix(*random_color_pair(rng, GROUND_SATURATION), pattern), 2 * fractal_noise(rng, pattern.shape, 60))


def _blurred_lights(rng: Random, coordinates: Coordinates) -> Surface:
    height, width = coordinates[0].shape
    slope = np.linspace(0, 1, height)[:, None] + np.zeros((1, width))
    albedo = mix(*(0.4 * color for color in random_color_pair(rng, GROUND_SATURATION)), slope)
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    aperture = rng.uniform(6, 16)
    for _ in range(rng.integers(8, 25)):
        radius = aperture * rng.uniform(0.8, 1.1)
        distance = np.hypot(x - rng.uniform(0, width), y - rng.uniform(0, height))
        disc = np.clip((radius - distance) / 1.5, 0, 1) * (0.6 + 0.4 * distance / radius)
        albedo = albedo + rng.uniform(0.1, 0.7) * random_color(rng, (0.1, 0.7), (0.8, 1)) * disc[..., None]
    return Surface(albedo, np.zeros((height, width)))


def _blurred_clutter(rng: Random, coordinates: Coordinates) -> Surface:
    height, width = coordinates[0].shape
    picture = Image.new("RGB", (2 * width, 2 * height), _screen_color(rng))  # twice as large: its corners turn away
    pen = ImageDraw.Draw(picture)
    for _ in range(rng.integers(30, 70)):
        left, top = rng.uniform(-30, 2 * width), rng.uniform(-30, 2 * height)
        box = (left, top, left + rng.uniform(10, 80), top + rng.uniform(10, 80))
        draw = pen.ellipse if rng.uniform() < 0.5 else pen.rectangle
        draw(box, fill=_screen_color(rng))
    turned = picture.rotate(rng.uniform(0, 360), Image.Resampling.BILINEAR)
    middle = turned.crop((width // 2, height // 2, width // 2 + width, height // 2 + height))
    blurred = middle.filter(ImageFilter.GaussianBlur(rng.uniform(1.5, 6)))
    return Surface((np.asarray(blurred, np.float32) / 255) ** GAMMA, np.zeros((height, width)))


def _screen_color(rng: Random) -> tuple[int, ...]:
    color = random_color(rng, (0.1, 0.6), (0.2, 0.95)) ** (1 / GAMMA)
    return tuple(round(255 * float(channel)) for channel in color)


GROUNDS: tuple[Callable[[Random, Coordinates], Surface], ...] = (
    _planks, _tiles, _cloth, _plaster, _printed_sheet, _blurred_lights, _blurred_clutter,
)  # fmt: skip
