"""The data doctor for boxes: what is wrong with one, told in words, and what can be made right without a guess.

Boxes are x1, y1, x2, y2 in pixels, edges not centres; sizes are (height, width).
"""

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from kerascnn.data.checks import SetAside

logger = logging.getLogger(__name__)

Corners = tuple[float, float, float, float]

ROUNDING = 1.0  # pixels over the border that come from counting pixels from 0 or 1, or from rounding
CROWD = "crowd: the box is around many"


@dataclass(frozen=True)
class Box:
    """One thing in a picture, as it is written.

    Attributes:
        place: where it is written: `Annotations/1.xml, box 3`.
        class_name: what it is.
        corners: x1, y1, x2, y2, edges not centres.
        fault: why it cannot be used, where the reader of the format knows already.
    """

    place: str
    class_name: str
    corners: Corners
    fault: str = ""


@dataclass(frozen=True)
class Findings:
    """What was found in the pictures and boxes that were looked at so far, in their order.

    Attributes:
        set_aside: what is left out.
        clipped: the parts of boxes that lie outside of their pictures; what is inside is used.
    """

    set_aside: list[SetAside] = field(default_factory=list)
    clipped: list[SetAside] = field(default_factory=list)

    def log(self) -> None:
        """Say how much was found, and what first."""
        for said, found in (("Set aside %d files and boxes", self.set_aside), ("Clipped %d boxes", self.clipped)):
            if found:
                logger.warning(f"{said}, the first %s: %s.", len(found), found[0].path, found[0].reason)

    def as_tuples(self) -> dict[str, tuple[SetAside, ...]]:
        """Give both as `kerascnn.data.Source` takes them."""
        return {"set_aside": tuple(self.set_aside), "clipped": tuple(self.clipped)}


def check_boxes(boxes: Sequence[Box], size: tuple[int, int], findings: Findings) -> list[tuple[int, Corners]]:
    """Choose the boxes of a picture that can be used, and cut off what lies outside of it.

    Args:
        boxes: in pixels of the upright picture.
        size: of the picture.
        findings: gets what is set aside, and what is cut off.

    Returns:
        For each box that can be used its index, and its corners in the precision of float32.
    """
    kept: list[tuple[int, Corners]] = []
    first: dict[tuple[str, Corners], str] = {}  # where each is written
    for index, box in enumerate(boxes):
        with np.errstate(over="ignore"):  # what float32 cannot hold is infinite, and has its own reason
            corners = tuple(np.asarray(box.corners, np.float32).tolist())
        fault, cut = box.fault or find_fault(corners, size), ""
        if not fault:
            corners, cut = clip_box(corners, size)
            if (box.class_name, corners) in first:
                fault = f"box twice: the same as {first[box.class_name, corners]}"
        if fault:
            findings.set_aside.append(SetAside(box.place, fault))
            continue
        if cut:
            findings.clipped.append(SetAside(box.place, cut))
        first[box.class_name, corners] = box.place
        kept.append((index, corners))
    return kept


def find_fault(box: Corners, size: tuple[int, int]) -> str:
    """Tell why a box cannot be used.

    Args:
        box: x1, y1, x2, y2.
        size: of its picture.

    Returns:
        The reason, whose kind stands before the colon; nothing for a box that lies in the picture at least in part.
    """
    x1, y1, x2, y2 = box
    if not all(map(math.isfinite, box)):
        return f"box not finite: {_text(box)}"
    if x2 < x1 or y2 < y1:
        return f"box turned over: {_text(box)}"
    if x1 == x2 or y1 == y2:
        return f"box without area: {_text(box)}"
    if x2 <= 0 or y2 <= 0 or x1 >= size[1] or y1 >= size[0]:
        return f"box outside of the picture: {_text(box)} in {size[1]} x {size[0]}"
    return ""


def clip_box(box: Corners, size: tuple[int, int]) -> tuple[Corners, str]:
    """Cut off what lies outside of the picture.

    Args:
        box: without a fault.
        size: of its picture.

    Returns:
        The box within the picture; and what was cut off in words, nothing if it was up to `ROUNDING` pixels.
    """
    x1, y1, x2, y2 = box
    height, width = size
    clipped = (max(x1, 0.0), max(y1, 0.0), min(x2, float(width)), min(y2, float(height)))
    cut = max(abs(before - after) for before, after in zip(box, clipped, strict=True))
    return clipped, f"box cut at the border: {_text(box)} in {width} x {height}" if cut > ROUNDING else ""


def turn_box(box: Corners, orientation: int, size: tuple[int, int]) -> Corners:
    """Turn a box along with its picture, whose rows are stored as columns.

    Args:
        box: in the picture as it is stored.
        orientation: EXIF's number, 5 to 8.
        size: of the upright picture.

    Returns:
        The box in the upright picture.
    """
    y1, x1, y2, x2 = box  # 5 swaps x and y; 6, 7 and 8 mirror the result as well
    height, width = size
    if orientation in (6, 7):
        x1, x2 = width - x2, width - x1
    if orientation in (7, 8):
        y1, y2 = height - y2, height - y1
    return x1, y1, x2, y2


def _text(box: Corners) -> str:
    return ", ".join(f"{edge:g}" for edge in box)
