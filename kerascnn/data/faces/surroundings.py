"""What is around a head: the background, and now and then something in front of it."""

import cv2
import numpy as np

from kerascnn.data.faces.circumstances import IMAGE_SIZE, Pose
from kerascnn.data.rendering.light import Light, diffuse, find_normals
from kerascnn.data.rendering.surfaces import Random, mix, random_color_pair, random_ground, random_pattern
from kerascnn.data.scenes.shapes import DISTRACTORS, SHAPES, draw_shape, rasterize_shape, transform_shape

WALL = np.array([0.45, 0.48, 0.5], np.float32)


def light_background(rng: Random, clutter: float, light: Light) -> np.ndarray:
    """Draw what is behind the head, out of focus.

    Args:
        rng: which ground, and how blurred.
        clutter: from 0, for a plain wall, to 1.
        light: that falls on it.

    Returns:
        (IMAGE_SIZE, IMAGE_SIZE, 3) float32, linear light.
    """
    x, y = _pixels()
    ground = random_ground(rng, (x + rng.uniform(100, 300), y + rng.uniform(100, 300)))
    lit = (WALL + (ground.albedo - WALL) * clutter) * diffuse(find_normals(ground.height * clutter), light)
    return cv2.GaussianBlur(lit.astype(np.float32), (0, 0), rng.uniform(0.6, 2.5))


def put_in_front(rng: Random, canvas: np.ndarray, pose: Pose, light: Light) -> tuple[np.ndarray, np.ndarray]:
    """Lay one of the things of the data set `scenes` over a part of the face.

    Args:
        rng: which thing, where and in which colours.
        canvas: (IMAGE_SIZE, IMAGE_SIZE, 3) linear light.
        pose: where the face is.
        light: that falls on the thing.

    Returns:
        The canvas, and the coverage of the thing, (IMAGE_SIZE, IMAGE_SIZE) in 0..1.
    """
    angle, size = rng.uniform(0, 2 * np.pi), rng.uniform(0.5, 0.9) * pose.scale
    matrix = size * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    center = pose.center + rng.uniform(-0.8, 0.8, size=2) * pose.scale
    shape = draw_shape(rng.choice([*SHAPES, *DISTRACTORS]), rng)
    coverage, grooves = rasterize_shape(transform_shape(shape, matrix, center), IMAGE_SIZE)
    albedo = mix(*random_color_pair(rng, (0.1, 0.8)), random_pattern(rng, _pixels(), rng.uniform(7, 18)))
    normals = find_normals(6 * cv2.GaussianBlur(coverage, (0, 0), 3) - grooves)
    lit = albedo * (1 - 0.4 * grooves[..., None]) * diffuse(normals, light)
    blur = rng.uniform(0.5, 1.2)
    coverage, lit = (cv2.GaussianBlur(values.astype(np.float32), (0, 0), blur) for values in (coverage, lit))
    return mix(canvas, lit, coverage), coverage


def _pixels() -> tuple[np.ndarray, np.ndarray]:
    y, x = np.mgrid[:IMAGE_SIZE, :IMAGE_SIZE].astype(np.float32)
    return x, y
