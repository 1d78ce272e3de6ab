"""How light falls on a bust: its own shadows, dim hollows, and skin that lets a little light through."""

import cv2
import numpy as np

from kerascnn.data.faces.bust import Bust
from kerascnn.data.faces.clothing import DEEPEST_COLLAR, SHIRT_TOP
from kerascnn.data.faces.plane import DENSITY, EXTENT, SIZE, soften
from kerascnn.data.faces.projection import View, turn
from kerascnn.data.rendering.light import Light, find_normals, highlight

SHADOW_REACH = (0.05, 0.1, 0.16, 0.24, 0.34, 0.47, 0.65, 0.9)  # how far away something may cast a shadow
SHADOW_DEPTH = 0.75  # share of the lamp's light that is lost
WRAP = 0.2  # how far light goes around the edge of what it falls on
FLOOR = -0.9  # z of what is no body: so deep that edges are steep, so high that slopes keep their accuracy
SMOOTHING = 0.02  # of the relief before its slopes are taken: its steep sides are stairs of texels
SHARPNESS = 22  # of highlights


def light_view(bust: Bust, view: View, angles: tuple[float, float, float], light: Light) -> np.ndarray:
    """Light what the rays meet.

    Args:
        bust: what is looked at.
        view: what each ray meets of it.
        angles: yaw, pitch and roll of the head in degrees.
        light: in the camera's directions.

    Returns:
        (H, W, 3) float32, linear light, as large as the view; what it holds where nothing is met has no meaning.
    """
    rotation, height = turn(angles).astype(np.float32), np.maximum(bust.front, FLOOR)
    hollows = np.clip(soften(height, 0.09) - height, 0, None)
    openness = np.clip(1 - 2.2 * hollows, 0.35, 1)
    shadow = _cast_shadows(height, rotation.T @ light.direction)
    surface = _sample(np.dstack([bust.albedo, bust.gloss]), view.x, _fold_rows(view.y))
    normals = _sample(find_normals(soften(height, SMOOTHING) * DENSITY), view.x, view.y) @ rotation.T
    normals /= np.linalg.norm(normals, axis=-1, keepdims=True) + np.float32(1e-6)
    openness, shadow = (_sample(values, view.x, view.y)[..., None] for values in (openness, shadow))

    facing = np.clip((normals @ light.direction + WRAP) / (1 + WRAP), 0, None)[..., None]
    ambient = light.ambient * openness * (0.6 + 0.4 * normals[..., 2:])
    lit = surface[..., :3] * (light.color * facing * (1 - shadow) + ambient) * np.sqrt(openness)
    shine = 0.12 * surface[..., 3:] * highlight(normals, light, SHARPNESS)[..., None] * (1 - shadow)
    return lit + shine * light.color


def _cast_shadows(height: np.ndarray, toward: np.ndarray) -> np.ndarray:
    """Find what hides the lamp, which is `toward` (3,) of the head, by looking a few steps that way: (SIZE, SIZE)."""
    across = float(np.hypot(*toward[:2])) + 1e-6
    (x, y), slope = toward[:2] / across, max(float(toward[2]), 0.05) / across
    shadow = np.zeros_like(height)
    for distance in SHADOW_REACH:
        shift = np.array([[1, 0, x * distance * DENSITY], [0, 1, y * distance * DENSITY]], np.float32)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        moved = cv2.warpAffine(height, shift, (SIZE, SIZE), flags=flags, borderMode=cv2.BORDER_REPLICATE)
        excess = moved - height - slope * distance
        np.maximum(shadow, np.clip(excess / (0.02 + 0.25 * distance), 0, 1), out=shadow)
    return SHADOW_DEPTH * soften(shadow, 0.015)


def _fold_rows(rows: np.ndarray) -> np.ndarray:
    """Fold what is below the plane back up, so that a pattern goes on below; rows are in texels."""
    fold = (EXTENT - SHIRT_TOP - DEEPEST_COLLAR) * DENSITY
    beyond = np.clip(rows - (SIZE - 1), 0, None)
    return np.minimum(rows, SIZE - 1) - (fold - np.abs(beyond % (2 * fold) - fold))


def _sample(values: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return cv2.remap(values, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
