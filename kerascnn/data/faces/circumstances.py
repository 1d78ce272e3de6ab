"""What differs between pictures of one person: pose, expression, what is worn, and the light."""

from dataclasses import dataclass

import numpy as np

from kerascnn.data.rendering.light import Light
from kerascnn.data.rendering.surfaces import Random

IMAGE_SIZE = 112  # height and width in pixels: what most face recognition takes

MAX_YAW, MAX_PITCH, MAX_ROLL = 38.0, 20.0, 20.0  # degrees to either side
SCALE = (27.0, 48.0)  # pixels for half a head
WORN = {"glasses": 0.2, "sunglasses": 0.05, "beanie": 0.06, "cap": 0.06, "mask": 0.05}  # how often
IN_FRONT = 0.12  # how often something is in front of the face


@dataclass(frozen=True)
class Expression:
    """What the face does.

    Attributes:
        smile: from -1 (mouth corners down) to 1.
        mouth_open: from 0 to 1.
        lids: 0 for closed eyes, 1 for eyes open as usual, more for wide ones.
        brow_raise: from -1 (frown) to 1.
        gaze: x and y, from -1 to 1.
    """

    smile: float
    mouth_open: float
    lids: float
    brow_raise: float
    gaze: tuple[float, float]


@dataclass(frozen=True)
class Pose:
    """How the head is turned and where the picture shows it.

    Attributes:
        angles: yaw (positive looks to the right of the picture), pitch (positive looks down), roll, in degrees.
        scale: pixels for half a head.
        center: x and y of the middle of the face in pixels.
    """

    angles: tuple[float, float, float]
    scale: float
    center: tuple[float, float]


@dataclass(frozen=True)
class Circumstances:
    """Everything by which nobody can be known again; `worn` and `in_front` say what hides parts of the face."""

    pose: Pose
    expression: Expression
    light: Light
    worn: frozenset[str]
    in_front: bool
    clutter: float  # of the background, 0 for a plain wall


def draw_circumstances(rng: Random, nuisance: float = 1.0) -> Circumstances:
    """Draw the circumstances of one picture.

    Args:
        rng: where they come from.
        nuisance: from 0, for a passport picture, to 1.
    """
    yaw = nuisance * MAX_YAW * rng.uniform(-1, 1)
    pitch = nuisance * MAX_PITCH * rng.uniform(-1, 1)
    roll = nuisance * MAX_ROLL * min(max(rng.normal(0, 0.4), -1), 1)
    scale = np.exp(_between(nuisance, np.log(38), rng.uniform(*np.log(SCALE))))
    room = max(IMAGE_SIZE / 2 - 1.05 * scale, 0.1 * IMAGE_SIZE)
    center = IMAGE_SIZE / 2 + nuisance * room * rng.uniform(-1, 1, size=2)
    return Circumstances(
        Pose((yaw, pitch, roll), float(scale), (float(center[0]), float(center[1]))),
        _draw_expression(rng, nuisance),
        _draw_light(rng, nuisance),
        _draw_worn(rng, nuisance),
        rng.uniform() < nuisance * IN_FRONT,
        nuisance,
    )


def _draw_expression(rng: Random, nuisance: float) -> Expression:
    blink, mouth_open = rng.uniform() < 0.08, max(0.0, rng.uniform(-0.8, 1))
    return Expression(
        smile=nuisance * min(max(rng.normal(0.25, 0.5), -0.8), 1.0),
        mouth_open=nuisance * mouth_open,
        lids=_between(nuisance, 1.0, rng.uniform(0, 0.3) if blink else rng.uniform(0.65, 1.2)),
        brow_raise=nuisance * rng.uniform(-0.8, 1),
        gaze=(nuisance * rng.uniform(-1, 1), nuisance * rng.uniform(-0.6, 0.6)),
    )


def _draw_light(rng: Random, nuisance: float) -> Light:
    azimuth = np.radians(-90 + nuisance * rng.uniform(-110, 110))  # rarely from below
    elevation = np.radians(_between(nuisance, 60, rng.uniform(20, 70)))
    across = np.cos(elevation)
    direction = np.array([across * np.cos(azimuth), across * np.sin(azimuth), np.sin(elevation)], np.float32)
    tint = 1 + nuisance * rng.uniform(-1, 1) * np.array([0.22, 0.02, -0.25], np.float32)
    ambient_tint = 1 + nuisance * rng.uniform(-0.2, 0.2, size=3).astype(np.float32)
    ambient = _between(nuisance, 0.35, rng.uniform(0.15, 0.5))
    return Light(direction, (1.25 - ambient) * tint, ambient * ambient_tint)


def _draw_worn(rng: Random, nuisance: float) -> frozenset[str]:
    worn = {name for name, frequency in WORN.items() if rng.uniform() < nuisance * frequency}
    for first, second in (("sunglasses", "glasses"), ("cap", "beanie")):  # never both
        if first in worn:
            worn.discard(second)
    return frozenset(worn)


def _between(nuisance: float, neutral: float, drawn: float) -> float:
    return (1 - nuisance) * neutral + nuisance * drawn
