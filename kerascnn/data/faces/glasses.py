"""Glasses: lines and panes in front of the face, drawn where they are nearer to the camera than the head."""

from dataclasses import dataclass

import cv2
import numpy as np

from kerascnn.data.faces.anatomy import LEFT, RIGHT, Anatomy
from kerascnn.data.faces.bust import Bust
from kerascnn.data.faces.circumstances import Pose
from kerascnn.data.faces.plane import read_at
from kerascnn.data.faces.projection import OVERSAMPLING, View, project
from kerascnn.data.rendering.surfaces import Random, mix, random_color

FRAME_COLORS = ((0.01, 0.01, 0.012), (0.03, 0.015, 0.01), (0.13, 0.06, 0.02), (0.4, 0.32, 0.12), (0.36, 0.36, 0.38))
CLEAR = np.array([0.7, 0.75, 0.8], np.float32)  # what a clear pane reflects
IN_FRONT = 0.02  # how far in front of the nose they stand, at least
SINK = 0.03  # how far a frame may be behind what is seen and still lie on it
FRACTION_BITS = 4  # of OpenCV's coordinates


@dataclass(frozen=True)
class Glasses:
    """Glasses as a view shows them.

    Attributes:
        frame: coverage in 0..1, as large as the view.
        panes: the same.
        frame_color: linear light.
        pane_color: linear light.
        opacity: of the panes.
    """

    frame: np.ndarray
    panes: np.ndarray
    frame_color: np.ndarray
    pane_color: np.ndarray
    opacity: float

    def lay_over(self, lit: np.ndarray) -> np.ndarray:
        """Lay them over the lit view (H, W, 3)."""
        return mix(mix(lit, self.pane_color, self.opacity * self.panes), self.frame_color, 0.95 * self.frame)


def put_on_glasses(rng: Random, bust: Bust, anatomy: Anatomy, pose: Pose, view: View, *, dark: bool) -> Glasses:
    """Draw glasses that fit a head.

    Args:
        rng: their form and colours.
        bust: what they rest on.
        anatomy: where the eyes are.
        pose: of the head.
        view: what hides parts of them.
        dark: whether nothing is seen through them.
    """
    width = rng.uniform(0.022, 0.05) * pose.scale * OVERSAMPLING
    pencil = _Pencil(view, width)
    panes = np.zeros(view.hit.shape, np.uint8)
    for line, is_rim in _shape(rng, bust, anatomy):
        points = project(line, pose)
        pencil.draw(points)
        if is_rim:
            cv2.fillPoly(panes, [_to_fixed(points)], 255, cv2.LINE_AA, FRACTION_BITS)
    frame_color = np.float32(FRAME_COLORS[rng.integers(len(FRAME_COLORS))])
    if rng.uniform() < 0.25:
        frame_color = random_color(rng, (0.5, 0.9), (0.2, 0.7))
    pane_color = random_color(rng, (0.1, 0.7), (0.05, 0.25)) if dark else CLEAR
    opacity = rng.uniform(0.85, 0.97) if dark else rng.uniform(0.02, 0.12)
    return Glasses(pencil.mask / np.float32(255), panes / np.float32(255), frame_color, pane_color, opacity)


class _Pencil:
    """Draws lines as wide as `width`, except where the head hides them."""

    def __init__(self, view: View, width: float):
        self.view = view
        self.width = max(1, round(width))
        self.mask = np.zeros(view.hit.shape, np.uint8)

    def draw(self, points: np.ndarray) -> None:
        """Draw a line (N, 3), given in pixels of the picture and depth."""
        middles = (points[:-1] + points[1:]) / 2
        last = np.array(self.mask.shape[::-1]) - 1
        columns, rows = np.clip(middles[:, :2] * OVERSAMPLING, 0, last).astype(int).T
        seen = middles[:, 2] > self.view.depth[rows, columns] - SINK
        fixed = _to_fixed(points)
        for start, stop in zip(fixed[:-1][seen].tolist(), fixed[1:][seen].tolist(), strict=True):
            cv2.line(self.mask, start, stop, 255, self.width, cv2.LINE_AA, FRACTION_BITS)


def _shape(rng: Random, bust: Bust, anatomy: Anatomy) -> list[tuple[np.ndarray, bool]]:
    """Give the lines (N, 3) that make up the frame, and whether each is a rim."""
    eyes = anatomy.identity.eyes
    size = np.array([rng.uniform(0.2, 0.25), rng.uniform(0.14, 0.21)])
    middle = eyes.height + 0.03
    distance = max(eyes.distance, size[0] + 0.05)
    front = max(float(read_at(bust.front, np.array([[0.0, middle]]))[0]) + IN_FRONT, 0.86)
    angles, roundness = np.linspace(0, 2 * np.pi, 41), rng.uniform(0.5, 1)
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    loop = np.sign(circle) * np.abs(circle) ** roundness * size
    inner = distance - size[0]
    x = np.linspace(-inner, inner, 9)
    lines = [(_bend(np.stack([x, middle - 0.08 + 0.03 * (x / inner) ** 2], axis=1), front), False)]
    for side in (LEFT, RIGHT):
        rim = _bend(loop * (side, 1) + (side * distance, middle), front)
        ear = np.array([side * (anatomy.identity.skull.width + 0.02), middle - 0.05, -0.1])
        arm = rim[0] + np.linspace(0, 1, 16)[:, None] * (ear - rim[0])
        lines += [(rim, True), (arm, False)]
    return lines


def _bend(points: np.ndarray, front: float) -> np.ndarray:
    """Put points (N, 2) in front of the face; the frame bends back at the sides."""
    return np.column_stack([points, front - 0.3 * np.square(points[:, 0])])


def _to_fixed(points: np.ndarray) -> np.ndarray:
    return np.round((points[:, :2] * OVERSAMPLING - 0.5) * 2**FRACTION_BITS).astype(np.int32)
