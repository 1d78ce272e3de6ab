"""Where the features of a face lie on the plane, and the lines that bound them, as the expression moves them.

What is drawn and what is annotated both come from here, so a landmark cannot miss its feature. Lines are functions of
t, which runs from -1 at one end of a feature to 1 at the other.
"""

import math
from dataclasses import dataclass

import numpy as np

from kerascnn.data.faces.circumstances import Expression
from kerascnn.data.faces.identity import Identity

# Left and right are the person's own: the left eye is at the right of the picture. `outer` is toward the ear.
LANDMARKS = (
    "left_brow_outer",
    "left_brow_inner",
    "right_brow_inner",
    "right_brow_outer",
    "left_eye_outer",
    "left_eye_inner",
    "right_eye_inner",
    "right_eye_outer",
    "nose_tip",
    "left_mouth_corner",
    "right_mouth_corner",
    "upper_lip",
    "lower_lip",
    "chin",
)
_OTHER_SIDE = {"left": "right", "right": "left"}
# Which landmark takes the place of each in a mirrored picture, as `kerascnn.data.mirror` wants it.
SWAP = tuple(LANDMARKS.index("_".join(_OTHER_SIDE.get(word, word) for word in name.split("_"))) for name in LANDMARKS)
LEFT, RIGHT = 1, -1  # the sign of x


@dataclass(frozen=True)
class Axes:
    """The axes of a feature at one side: t outward, and the distance below; `slant` in radians lifts the outer end."""

    center: tuple[float, float]
    half_width: float
    slant: float
    side: int

    def to_feature(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Give t and the distance below of points of the plane."""
        outward, down = self.side * (x - self.center[0]), y - self.center[1]
        cosine, sine = math.cos(self.slant), math.sin(self.slant)
        return (outward * cosine - down * sine) / self.half_width, outward * sine + down * cosine

    def to_plane(self, t: float, below: float) -> tuple[float, float]:
        """Give the point of the plane for t and the distance below."""
        cosine, sine = math.cos(self.slant), math.sin(self.slant)
        outward, down = t * self.half_width * cosine + below * sine, below * cosine - t * self.half_width * sine
        return self.center[0] + self.side * outward, self.center[1] + down


class Anatomy:
    """The face of `identity` with an `expression`."""

    def __init__(self, identity: Identity, expression: Expression):
        self.identity = identity
        self.expression = expression
        self.chin = identity.skull.length + 0.1 * expression.mouth_open  # the jaw drops
        self.mouth = identity.mouth.height + 0.02 * expression.mouth_open
        self.mouth_half_width = identity.mouth.half_width * (1 + 0.2 * expression.smile - 0.12 * expression.mouth_open)
        self.gap = 0.17 * expression.mouth_open  # between the lips

    def eye(self, side: int) -> Axes:
        """Give the axes of an eye; its corners are at t = -1 (inner) and t = 1."""
        eyes = self.identity.eyes
        return Axes((side * eyes.distance, eyes.height), eyes.half_width, eyes.slant, side)

    def lids(self, t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Give the edges of the upper and of the lower lid, as distances below the eye's axis."""
        eyes, expression = self.identity.eyes, self.expression
        bow = np.clip(1 - t * t, 0, None)
        lower = 0.6 * eyes.opening * bow * (1 + 0.25 * t) * (1 - 0.45 * max(expression.smile, 0))
        upper = -eyes.opening * bow**0.8 * (1 - 0.2 * t)
        return lower + expression.lids * (upper - lower), lower

    def brow(self, side: int) -> Axes:
        """Give the axes of a brow; its ends are at t = -1 (inner) and t = 1."""
        brows, eyes, lift = self.identity.brows, self.identity.eyes, self.expression.brow_raise
        frown = max(-lift, 0)
        height = eyes.height - brows.rise - 0.07 * lift
        center = side * (eyes.distance * 1.04 - 0.02 * frown), height
        return Axes(center, brows.half_width, brows.slant - 0.06 + 0.18 * frown, side)

    def brow_line(self, t: np.ndarray) -> np.ndarray:
        """Give the middle line of a brow, as a distance below its axis."""
        return self.identity.brows.arch * (np.square(t - 0.25) - 1)

    def lips(self, t: np.ndarray) -> tuple[np.ndarray, ...]:
        """Give y of the four lines of the mouth, from the top of the upper lip to the bottom of the lower one."""
        mouth, smile = self.identity.mouth, self.expression.smile
        bow = np.clip(1 - t * t, 0, None)
        line = self.mouth - (0.015 + 0.07 * smile) * t * t
        opening = self.gap * bow * (0.75 + 0.25 * bow)
        dent = 1 - mouth.bow * np.exp(-np.square(t / 0.14)) - 0.15 * t * t
        top = line - mouth.upper * bow**0.75 * dent * (1 - 0.2 * max(smile, 0)) - 0.25 * opening
        return top, line - 0.25 * opening, line + 0.75 * opening, line + 0.75 * opening + mouth.lower * bow**0.65

    def landmarks(self) -> np.ndarray:
        """Give the places of `LANDMARKS` on the plane: (14, 2)."""
        places = {
            "nose_tip": (0.0, self.identity.nose.tip),
            "upper_lip": (0.0, float(self.lips(np.float64(0))[0])),
            "lower_lip": (0.0, float(self.lips(np.float64(0))[3])),
            "chin": (0.0, self.chin - 0.1),
        }
        for name, side in (("left", LEFT), ("right", RIGHT)):
            for end, t in (("inner", -1.0), ("outer", 1.0)):
                places[f"{name}_brow_{end}"] = self.brow(side).to_plane(t, float(self.brow_line(np.float64(t))))
                places[f"{name}_eye_{end}"] = self.eye(side).to_plane(t, 0.0)
            places[f"{name}_mouth_corner"] = (side * self.mouth_half_width, float(self.lips(np.float64(1))[1]))
        return np.array([places[name] for name in LANDMARKS])
