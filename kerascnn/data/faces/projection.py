"""How the camera sees a bust: every pixel's ray meets the relief somewhere, or passes by.

The camera is far away, so rays are parallel. Along a ray x and y of the plane are linear in z; at a fixed z they are
one affine map of the whole picture. Rays are followed from one such z to the next, then to the surface by bisection.
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from kerascnn.data.faces.bust import NOTHING, Bust
from kerascnn.data.faces.circumstances import IMAGE_SIZE, Pose
from kerascnn.data.faces.plane import DENSITY, EXTENT

OVERSAMPLING = 2  # rays for each pixel, along either side
STRIDE = 0.075  # of z; what is thinner than that, seen from the side, may be missed
LAST = -0.95  # z behind which nothing is seen
BISECTIONS = 4
PIVOT = np.array([0.0, 0.1, 0.3])  # the point of the head that stays where it is when the head turns


@dataclass(frozen=True)
class View:
    """What the rays meet; all are arrays of twice the picture's height and width.

    Attributes:
        hit: whether a ray meets anything.
        depth: how far toward the camera that is, in half heads from the pivot; -NOTHING for a miss.
        x: where on the plane that is, in texels.
        y: the same.
    """

    hit: np.ndarray
    depth: np.ndarray
    x: np.ndarray
    y: np.ndarray


def turn(angles: tuple[float, float, float]) -> np.ndarray:
    """Give the rotation (3, 3) by yaw, pitch and roll in degrees, in this order."""
    (sin_yaw, sin_pitch, sin_roll), (cos_yaw, cos_pitch, cos_roll) = (f(np.radians(angles)) for f in (np.sin, np.cos))
    yaw = np.array([[cos_yaw, 0, sin_yaw], [0, 1, 0], [-sin_yaw, 0, cos_yaw]])
    pitch = np.array([[1, 0, 0], [0, cos_pitch, sin_pitch], [0, -sin_pitch, cos_pitch]])
    roll = np.array([[cos_roll, -sin_roll, 0], [sin_roll, cos_roll, 0], [0, 0, 1]])
    return roll @ pitch @ yaw


def project(points: np.ndarray, pose: Pose) -> np.ndarray:
    """Project points of the head (N, 3): x and y in pixels, and depth as in `View`."""
    seen = (points - PIVOT) @ turn(pose.angles).T
    seen[:, :2] = seen[:, :2] * pose.scale + pose.center
    return seen


def look_at(bust: Bust, pose: Pose) -> View:
    """Find what each ray meets first."""
    rotation, size = turn(pose.angles), IMAGE_SIZE * OVERSAMPLING
    surfaces, texels_at = np.dstack([bust.front, bust.back]), _make_maps(rotation, pose)
    z = _find_first(surfaces, texels_at, size)
    hit = z > -NOTHING
    z[~hit] = 0
    at_zero, for_each = texels_at(0.0), texels_at(1.0)[:, 2] - texels_at(0.0)[:, 2]
    columns = np.arange(size, dtype=np.float32)
    x, y = (row[0] * columns + row[1] * columns[:, None] + row[2] for row in at_zero)
    for halving in range(1, BISECTIONS + 1):
        nearer = z + np.float32(STRIDE / 2**halving)
        maps = x + for_each[0] * nearer, y + for_each[1] * nearer
        sampled = cv2.remap(surfaces, *maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        np.copyto(z, nearer, where=_is_inside(sampled, nearer))
    x, y = x + for_each[0] * z, y + for_each[1] * z
    place = (x + 0.5) / DENSITY - EXTENT, (y + 0.5) / DENSITY - EXTENT, z
    depth = sum(np.float32(factor) * (axis - np.float32(pivot))
                for factor, axis, pivot in zip(rotation[2], place, PIVOT, strict=True))  # fmt: skip
    return View(hit, np.where(hit, depth, -NOTHING), x, y)


def _make_maps(rotation: np.ndarray, pose: Pose) -> Callable[[float], np.ndarray]:
    """Give a function from z to the affine map (2, 3) of rays' columns and rows to texels."""
    backward = np.linalg.inv(rotation[:2, :2])
    first_ray = (0.5 / OVERSAMPLING - np.array(pose.center)) / pose.scale
    linear = backward * (DENSITY / (pose.scale * OVERSAMPLING))

    def texels_at(z: float) -> np.ndarray:
        origin = backward @ (first_ray - rotation[:2, 2] * (z - PIVOT[2])) + PIVOT[:2]
        return np.column_stack([linear, (origin + EXTENT) * DENSITY - 0.5]).astype(np.float32)

    return texels_at


def _find_first(surfaces: np.ndarray, texels_at: Callable[[float], np.ndarray], size: int) -> np.ndarray:
    """Give the first z, from the front in steps of STRIDE, at which each ray is inside; -NOTHING where it never is."""
    z = np.full((size, size), -NOTHING, np.float32)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    for height in np.arange(surfaces[..., 0].max(), LAST, -STRIDE, dtype=np.float32):
        matrix = texels_at(float(height))
        sampled = cv2.warpAffine(surfaces, matrix, (size, size), flags=flags, borderMode=cv2.BORDER_REPLICATE)
        np.copyto(z, height, where=(z == -NOTHING) & _is_inside(sampled, height))
    return z


def _is_inside(surfaces: np.ndarray, z: np.ndarray | np.float32) -> np.ndarray:
    return (surfaces[..., 0] >= z) & (surfaces[..., 1] <= z)
