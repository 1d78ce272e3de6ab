"""Who somebody is: what stays the same in all pictures of a person. Lengths are in half heads, see `plane`."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np


@dataclass(frozen=True)
class Skull:
    """Half widths of the head at cheekbones, jaw and chin; where the chin ends; how far the face stands out."""

    width: float
    temples: float
    jaw: float
    chin: float
    length: float
    cheekbones: float
    brow_ridge: float


@dataclass(frozen=True)
class Skin:
    """Colour of the skin, and its marks: moles and freckles (N, 3) x, y, radius; `age` in 0..1 draws lines."""

    color: np.ndarray
    blush: float
    moles: np.ndarray
    freckles: np.ndarray
    age: float


@dataclass(frozen=True)
class Eyes:
    """Distance of their middles from the middle of the face, and their form; `slant` lifts the outer corners."""

    distance: float
    height: float
    half_width: float
    opening: float
    slant: float
    iris: float
    color: np.ndarray
    crease: float
    lashes: float


@dataclass(frozen=True)
class Brows:
    """How far above the eyes they lie, and their form."""

    rise: float
    half_width: float
    thickness: float
    arch: float
    slant: float
    color: np.ndarray


@dataclass(frozen=True)
class Nose:
    """Where its tip is, how far it stands out, and its widths at the bridge, at the tip and between the wings."""

    tip: float
    reach: float
    bridge: float
    ball: float
    wings: float


@dataclass(frozen=True)
class Mouth:
    """Where it is, and how wide and how full it is; `bow` is the dent of the upper lip."""

    height: float
    half_width: float
    upper: float
    lower: float
    bow: float
    color: np.ndarray


class HairStyle(NamedTuple):
    """The form of hair: how thick above and at the sides, where it begins and ends, and the opening for the face."""

    top: float
    side: float
    line: float  # y of the hairline
    end: float  # y where it ends at the sides
    opening: float  # half the width of the opening, as a share of the head's
    corners: float  # how square the opening is
    curl: float = 0.0
    bun: float = 0.0


@dataclass(frozen=True)
class Hair:
    """What grows on the head, None for nothing, and its colour; `slant` is how the hairline falls to one side."""

    style: HairStyle | None
    color: np.ndarray
    slant: float


@dataclass(frozen=True)
class Beard:
    """How dense it is on chin and jaw and above the mouth, in 0..1, and how high it grows on the cheeks."""

    jaw: float
    chin: float
    moustache: float
    cheeks: float


@dataclass(frozen=True)
class Identity:
    """Everything by which somebody can be known again."""

    skull: Skull
    skin: Skin
    eyes: Eyes
    brows: Brows
    nose: Nose
    mouth: Mouth
    ears: tuple[float, float]  # how high, and how far they stand off
    hair: Hair
    beard: Beard
