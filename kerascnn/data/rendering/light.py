"""How light falls on what has a surface: Lambert, Blinn and Phong, and shadows from outside of the picture."""

from dataclasses import dataclass

import numpy as np

from kerascnn.data.rendering.surfaces import Random, fractal_noise, turn_coordinates


@dataclass(frozen=True)
class Light:
    """A lamp at `direction` (x, y, z; unit length, z towards the camera), and light from all around."""

    direction: np.ndarray
    color: np.ndarray
    ambient: np.ndarray


def find_normals(height: np.ndarray) -> np.ndarray:
    """Give the unit normals (H, W, 3) of a relief, `height` (H, W) in pixels."""
    down, right = np.gradient(height.astype(np.float32))
    normals = np.stack([-right, -down, np.ones_like(down)], axis=-1)
    return normals / np.linalg.norm(normals, axis=-1, keepdims=True)


def diffuse(normals: np.ndarray, light: Light) -> np.ndarray:
    """Lambert's law, with a little more light from all around on what faces the camera: (H, W, 3)."""
    facing = np.clip(normals @ light.direction, 0, None)
    return light.color * facing[..., None] + light.ambient * (0.4 + 0.6 * normals[..., 2:])


def highlight(normals: np.ndarray, light: Light, sharpness: float) -> np.ndarray:
    """Blinn and Phong's highlight, broad at a sharpness of 10 and a dot at 100: (H, W) in 0..1."""
    halfway = light.direction + np.array([0, 0, 1], np.float32)  # between the lamp and the camera
    halfway /= np.linalg.norm(halfway)
    return np.clip(normals @ halfway, 0, None) ** sharpness


def uneven_light(rng: Random, shape: tuple[int, int]) -> np.ndarray:
    """Darken the corners and one side; sometimes let the light fall through leaves: (H, W) factors.

    Args:
        rng: which side, and how much.
        shape: (height, width) of the result.
    """
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    x, y = x / shape[1] - 0.5, y / shape[0] - 0.5
    toward_lamp, _ = turn_coordinates((x, y), rng.uniform(0, 2 * np.pi))
    side = 1 + rng.uniform(0, 0.7) * toward_lamp
    corners = 1 - rng.uniform(0, 0.7) * (x**2 + y**2)
    if rng.uniform() < 0.3:
        leaves = fractal_noise(rng, x.shape, rng.uniform(30, 60))
        corners *= 1 - rng.uniform(0.3, 0.6) * np.clip(0.5 + 2.5 * leaves, 0, 1)
    return side * corners
