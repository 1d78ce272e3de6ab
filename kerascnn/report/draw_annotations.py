"""Boxes and landmarks on a picture, with their names on it, legible on a stamp as on a poster.

Pictures are uint8 arrays (H, W, 3), RGB. Every function returns a new one and leaves its input as it was. For sheets
of many small pictures there is `kerascnn.report.draw_annotation`, which draws masks too, and writes no names.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from kerascnn.report.draw import Color, check_picture, cut_line, load_font
from kerascnn.report.palette import WHITE, class_color, ink_on

PADDING = -1  # class of a box that is not drawn
SIDE_PER_LINE = 240  # a line is as wide as this part of the picture's side; the side is that of a square of its area
SIDE_PER_LETTER = 34  # likewise the height of the font
FONT_SIZES = (8, 96)  # px; below, letters run together
MOST_HIDDEN = 0.1  # share of a label's area that may lie on others, or else it is left out
POINT_LINES = 2  # radius of a point, in widths of a line
VISIBLE = 0.5  # probability from which on a landmark is drawn

Rectangle = tuple[int, int, int, int]  # left, top, right, bottom; the last two are outside


@dataclass(frozen=True)
class _Label:
    """A text and its band, which has not been drawn yet."""

    text: str
    place: Rectangle
    color: Color


def draw_boxes(
    picture: np.ndarray,
    boxes: np.ndarray,
    *,
    labels: Sequence[str] | None = None,
    scores: np.ndarray | None = None,
    class_ids: np.ndarray | None = None,
) -> np.ndarray:
    """Draw boxes on a picture, each with a label on a band of its colour.

    Lines and letters grow with the picture. A label stands inside the picture, above its box if it can, or else where
    it hides least of the labels of boxes before; one that has no room is left out, and one that is too long ends in an
    ellipsis. Where boxes overlap, the first lies on top.

    Args:
        picture: uint8, (H, W, 3), RGB.
        boxes: (N, 4), x1, y1, x2, y2 in pixels, the surest first; what is outside of the picture is cut off.
        labels: (N,) strings of one line, such as `Detections.class_names`.
        scores: (N,), in 0..1, written as a percentage after the label.
        class_ids: (N,) integers, 0 or more, which choose the colours; boxes of class -1 are padding and not drawn. By
            default each box has a colour of its own.

    Returns:
        uint8, (H, W, 3).

    Raises:
        TypeError: the picture is not a uint8 array.
        ValueError: the picture is not (H, W, 3), the boxes are not (N, 4) finite numbers, or there are not as many of
            the others.
    """
    check_picture(picture)
    boxes = _checked("boxes", boxes, 4, labels=labels, scores=scores, class_ids=class_ids)
    height, width = picture.shape[:2]
    drawn = Image.fromarray(picture)
    pen, font, line = ImageDraw.Draw(drawn), _font(picture), _line_width(picture)
    numbers = np.arange(len(boxes)) if class_ids is None else np.asarray(class_ids)
    corners = np.round(boxes.clip(0, [width, height, width, height])).astype(int)
    shown = [
        index for index, (x1, y1, x2, y2) in enumerate(corners) if numbers[index] != PADDING and x1 < x2 and y1 < y2
    ]
    every_label = [""] * len(boxes) if labels is None else labels
    every_score = [None] * len(boxes) if scores is None else scores
    texts = [_text(every_label[index], every_score[index]) for index in shown]
    colors = [class_color(int(numbers[index])) for index in shown]
    bands = _place_labels(texts, corners[shown].tolist(), colors, font, (width, height))
    for (x1, y1, x2, y2), color in reversed(list(zip(corners[shown].tolist(), colors, strict=True))):
        # A box ends where its last pixel does, and the pen counts that pixel in.
        pen.rectangle((x1, y1, x2 - 1, y2 - 1), outline=color, width=line)
    _draw_labels(pen, bands, font)
    return np.asarray(drawn).copy()


def draw_points(
    picture: np.ndarray,
    points: np.ndarray,
    *,
    visibility: np.ndarray | None = None,
    names: Sequence[str] | None = None,
) -> np.ndarray:
    """Draw points on a picture, each in a colour of its own with a white rim, and its name beside it if there is room.

    Args:
        picture: uint8, (H, W, 3), RGB.
        points: (K, 2), x, y in pixels; those outside of the picture are not drawn.
        visibility: (K,), the probability that each is to be seen; those below 0.5 are not drawn.
        names: (K,) strings of one line.

    Returns:
        uint8, (H, W, 3).

    Raises:
        TypeError: the picture is not a uint8 array.
        ValueError: the picture is not (H, W, 3), the points are not (K, 2) finite numbers, or there are not as many of
            the others.
    """
    check_picture(picture)
    points = _checked("points", points, 2, visibility=visibility, names=names)
    height, width = picture.shape[:2]
    drawn = Image.fromarray(picture)
    pen, font, radius = ImageDraw.Draw(drawn), _font(picture), POINT_LINES * _line_width(picture)
    inside = ((points >= 0) & (points <= [width, height])).all(axis=1)
    shown = np.flatnonzero(inside if visibility is None else inside & (np.asarray(visibility) >= VISIBLE)).tolist()
    reach = 1.5 * radius  # the labels keep clear of the points
    around = np.round(np.concatenate([points - reach, points + reach], axis=1)).astype(int)[shown].tolist()
    texts = ["" if names is None else _text(names[index]) for index in shown]
    colors = [class_color(index) for index in shown]
    bands = _place_labels(texts, around, colors, font, (width, height), keep_clear=around)
    _draw_labels(pen, bands, font)
    for (x, y), color in reversed(list(zip((points[shown] - 0.5).tolist(), colors, strict=True))):
        # The pen's coordinates are those of pixels' middles.
        pen.circle((x, y), radius, fill=color, outline=WHITE, width=max(1, radius // 3))
    return np.asarray(drawn).copy()


def draw_lines(picture: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Draw a line from each point to another, such as from where a landmark is to where it was said to be.

    Args:
        picture: uint8, (H, W, 3), RGB.
        starts: (N, 2), x, y in pixels.
        ends: (N, 2).

    Returns:
        uint8, (H, W, 3).

    Raises:
        TypeError: the picture is not a uint8 array.
        ValueError: the picture is not (H, W, 3), or the points are not (N, 2).
    """
    check_picture(picture)
    starts, ends = _checked("starts", starts, 2), _checked("ends", ends, 2, starts=starts)
    canvas = Image.fromarray(picture)
    pen = ImageDraw.Draw(canvas)
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        pen.line([*start, *end], fill=WHITE, width=_line_width(picture))
    return np.asarray(canvas).copy()


def _checked(name: str, rows: np.ndarray, width: int, **others: Sequence | None) -> np.ndarray:
    """Give the rows in float64; refuse other shapes, and what does not come once a row."""
    rows = np.asarray(rows, np.float64)
    if rows.ndim != 2 or rows.shape[1] != width or not np.isfinite(rows).all():
        raise ValueError(f"{name} must be finite numbers of the shape (N, {width}). Received: shape={rows.shape}.")
    for other, values in others.items():
        if values is not None and len(values) != len(rows):
            raise ValueError(
                f"{other} must hold one value for each of the {len(rows)} {name}. Received: {len(values)}."
            )
    return rows


def _side(picture: np.ndarray) -> float:
    return math.sqrt(picture.shape[0] * picture.shape[1])


def _line_width(picture: np.ndarray) -> int:
    return max(1, round(_side(picture) / SIDE_PER_LINE))


def _font(picture: np.ndarray) -> ImageFont.FreeTypeFont:
    return load_font(int(np.clip(round(_side(picture) / SIDE_PER_LETTER), *FONT_SIZES)))


def _text(label: str, score: float | None = None) -> str:
    """Write a label and a score in one line."""
    return " ".join(label.split() if score is None else [*label.split(), f"{100 * score:.0f}%"])


def _place_labels(
    texts: Sequence[str],
    boxes: Sequence[Rectangle],
    colors: Sequence[Color],
    font: ImageFont.FreeTypeFont,
    size: tuple[int, int],
    keep_clear: Sequence[Rectangle] = (),
) -> list[_Label]:
    """Find a place for each label at its box, inside the picture; one without a text or a place is left out."""
    labels: list[_Label] = []
    for text, box, color in zip(texts, boxes, colors, strict=True):
        text = cut_line(text, font, size[0] - 2 * _margin(font))
        places = _places(math.ceil(font.getlength(text)) + 2 * _margin(font), sum(font.getmetrics()), box, size)
        clear = [place for place in places if not any(_overlap(place, each) for each in keep_clear)]
        if not text or not clear:
            continue
        hidden = [sum(_overlap(place, label.place) for label in labels) for place in clear]
        least = int(np.argmin(hidden))  # the first of equals
        if hidden[least] <= MOST_HIDDEN * _overlap(clear[least], clear[least]):
            labels.append(_Label(text, clear[least], color))
    return labels


def _places(width: int, height: int, box: Rectangle, size: tuple[int, int]) -> list[Rectangle]:
    """List where a label may stand at a box, moved into the picture (width, height), the best place first."""
    x1, y1, x2, y2 = box
    above, below, beside = y1 - height, y2, (y1 + y2 - height) // 2
    corners = [
        (x1, above),
        (x1, below),
        (x2 - width, above),
        (x2 - width, below),
        (x1, y1),
        (x2, beside),
        (x1 - width, beside),
        (x1, y2 - height),
    ]
    places = []
    for left, top in corners:
        left, top = max(0, min(left, size[0] - width)), max(0, min(top, size[1] - height))
        places.append((left, top, min(left + width, size[0]), min(top + height, size[1])))
    return places


def _overlap(one: Rectangle, other: Rectangle) -> int:
    """Count the pixels that two rectangles share."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    return max(width, 0) * max(height, 0)


def _margin(font: ImageFont.FreeTypeFont) -> int:
    return max(1, round(font.size / 4))


def _draw_labels(pen: ImageDraw.ImageDraw, labels: Sequence[_Label], font: ImageFont.FreeTypeFont) -> None:
    """Draw labels, the first on top."""
    for label in reversed(labels):
        left, top, right, bottom = label.place
        pen.rectangle((left, top, right - 1, bottom - 1), fill=label.color)
        pen.text((left + _margin(font), top), label.text, fill=ink_on(label.color), font=font)
