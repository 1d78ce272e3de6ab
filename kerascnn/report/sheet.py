"""Contact sheets: samples with their annotation, in captioned columns.

Pictures are uint8 arrays (H, W, 3), RGB; annotations follow the sample's convention, in absolute pixels.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image, ImageDraw

from kerascnn.report.draw import INK, WHITE, check_picture, fit_lines
from kerascnn.report.draw_annotations import draw_boxes, draw_points
from kerascnn.report.palette import class_color
from kerascnn.results import IGNORED

BACKGROUND = 0  # of masks
VEIL, CONTOUR = 0.25, 0.9  # share of the class' colour over a masked pixel, and over one at the edge of its mask
GREY = (128, 128, 128)
GAP = 4  # px between the pictures of a sheet


def draw_annotation(
    picture: np.ndarray,
    *,
    boxes: np.ndarray | None = None,
    class_ids: np.ndarray | None = None,
    mask: np.ndarray | None = None,
    landmarks: np.ndarray | None = None,
    visibility: np.ndarray | None = None,
) -> np.ndarray:
    """Draw a mask, boxes and landmarks on a picture. A class has one colour, and mask class c + 1 that of box class c.

    Args:
        picture: uint8, (H, W, 3), RGB.
        boxes: (N, 4), see `draw_boxes`.
        class_ids: (N,), see `draw_boxes`.
        mask: (H, W) integers; 0 is background and stays as it is, 255 is ignored and becomes grey.
        landmarks: (K, 2), see `draw_points`.
        visibility: (K,), see `draw_points`.

    Returns:
        uint8, (H, W, 3).

    Raises:
        TypeError: the picture is not a uint8 array.
        ValueError: the picture is not (H, W, 3), the mask has another size, or see `draw_boxes` and `draw_points`.
    """
    check_picture(picture)
    drawn = picture.copy() if mask is None else _veil(picture, mask)
    if boxes is not None:
        drawn = draw_boxes(drawn, boxes, class_ids=class_ids)
    if landmarks is not None:
        drawn = draw_points(drawn, landmarks, visibility=visibility)
    return drawn


def beside(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Lay two pictures, uint8 (H, W, 3), side by side, the second brought to the height of the first."""
    height = len(first)
    width = max(1, round(second.shape[1] * height / len(second)))
    resized = np.asarray(Image.fromarray(second).resize((width, height), Image.Resampling.BICUBIC))
    return np.concatenate([first, np.full((height, GAP, 3), 255, np.uint8), resized], axis=1)


def contact_sheet(columns: Mapping[str, Sequence[np.ndarray]], *, max_columns: int = 10) -> np.ndarray:
    """Lay out pictures in columns, each below its caption.

    Args:
        columns: the pictures of each column by its caption, from top to bottom, in number and size the same in all.
        max_columns: how many stand side by side, at least 2. If there are more, the others follow below, beside the
            first column again, which is what they are compared with.

    Returns:
        uint8, (H, W, 3).

    Raises:
        TypeError: a picture is not a uint8 array.
        ValueError: there are no pictures, they differ in number or size, or `max_columns` is below 2.
    """
    _check_columns(columns, max_columns)
    (first, *others), per_band = list(columns), max_columns - 1
    bands = [[first, *others[start : start + per_band]] for start in range(0, max(1, len(others)), per_band)]
    height, width = columns[first][0].shape[:2]
    font, captions = fit_lines(list(columns), width)
    captions = dict(zip(columns, captions, strict=True))
    line = sum(font.getmetrics()) + GAP
    band_height = line + len(columns[first]) * (height + GAP)

    sheet = Image.new("RGB", (len(bands[0]) * (width + GAP) + GAP, len(bands) * band_height + GAP), WHITE)
    pen = ImageDraw.Draw(sheet)
    for row, band in enumerate(bands):
        for place, name in enumerate(band):
            left, top = GAP + place * (width + GAP), GAP + row * band_height
            pen.text((left, top), captions[name], fill=INK, font=font)
            for number, picture in enumerate(columns[name]):
                sheet.paste(Image.fromarray(picture), (left, top + line + number * (height + GAP)))
    return np.asarray(sheet).copy()


def _veil(picture: np.ndarray, mask: np.ndarray) -> np.ndarray:
    if np.shape(mask) != picture.shape[:2]:
        raise ValueError(f"mask must have the size of the picture, {picture.shape[:2]}. Received: {np.shape(mask)}.")
    edge = np.zeros(mask.shape, bool)
    for axis in (0, 1):
        change = np.diff(mask, axis=axis) != 0
        edge |= np.insert(change, 0, False, axis) | np.insert(change, change.shape[axis], False, axis)
    veiled = picture.astype(np.float32)
    for value in np.unique(mask[mask != BACKGROUND]):
        here = mask == value
        color = GREY if value == IGNORED else class_color(int(value) - 1)
        share = np.where(edge & (value != IGNORED), CONTOUR, VEIL)[here, np.newaxis]
        veiled[here] = (1 - share) * veiled[here] + share * np.float32(color)
    return np.round(veiled).astype(np.uint8)


def _check_columns(columns: Mapping[str, Sequence[np.ndarray]], max_columns: int) -> None:
    if max_columns < 2:
        raise ValueError(f"max_columns must be at least 2. Received: max_columns={max_columns}.")
    if not columns or not all(columns.values()):
        raise ValueError("A contact sheet needs at least one column, and each column a picture.")
    for pictures in columns.values():
        for picture in pictures:
            check_picture(picture)
    layouts = {name: [picture.shape for picture in pictures] for name, pictures in columns.items()}
    shapes = {shape for each in layouts.values() for shape in each}
    if len({len(each) for each in layouts.values()}) > 1 or len(shapes) > 1:
        raise ValueError(f"The columns must have as many pictures each, all of one size. Received: {layouts}.")
