"""Drawing masks: a veil of the classes' colours over a picture, with a legend below."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from kerascnn.report.draw import INK, WHITE, check_picture, load_font
from kerascnn.report.palette import class_color
from kerascnn.results import IGNORED

VEIL = 0.55  # share of the class' colour over a pixel
GREY = (128, 128, 128)  # of what is ignored
BACKGROUND = "background"  # a class of this name stays as it is
FONT_SIZE, SWATCH, GAP = 13, 12, 6  # px, of the legend
LEAST_WIDTH = 160  # px of a picture with a legend


def veil(picture: np.ndarray, class_ids: np.ndarray, classes: Sequence[str], strength: float = VEIL) -> np.ndarray:
    """Lay the colours of classes over a picture.

    Args:
        picture: uint8, (H, W, 3), RGB.
        class_ids: (H, W) integers; 255 is ignored, and becomes grey.
        classes: name of each class; a first one called background stays as it is.
        strength: share of the colours, in 0..1.

    Returns:
        uint8, (H, W, 3).

    Raises:
        TypeError: the picture is not a uint8 array.
        ValueError: the picture is not (H, W, 3), or the mask has another size.
    """
    check_picture(picture)
    if np.shape(class_ids) != picture.shape[:2]:
        shapes = picture.shape[:2], np.shape(class_ids)
        raise ValueError(f"class_ids must have the size of the picture, {shapes[0]}. Received: {shapes[1]}.")
    colors = np.full((IGNORED + 1, 3), GREY, np.float32)
    shares = np.full((IGNORED + 1, 1), strength, np.float32)
    colors[: len(classes)] = [mask_color(classes, class_id) for class_id in range(len(classes))]
    if classes[0] == BACKGROUND:
        shares[0] = 0
    share = shares[class_ids]
    return np.round((1 - share) * picture + share * colors[class_ids]).astype(np.uint8)


def mask_color(classes: Sequence[str], class_id: int) -> tuple[int, int, int]:
    """Give the colour of a class; that after a background has the first one, as boxes of the same things have."""
    return class_color(class_id - (classes[0] == BACKGROUND))


def draw_legend(picture: np.ndarray, classes: Sequence[str], shown: Sequence[int]) -> np.ndarray:
    """Write names of classes beside their colours on a band under a picture, in as many lines as it takes.

    Args:
        picture: uint8, (H, W, 3), RGB.
        classes: name of each class.
        shown: which of them.

    Returns:
        uint8, (H + band, max(W, 160), 3); the picture itself where none is shown.
    """
    check_picture(picture)
    height, width = picture.shape[:2]
    width = max(width, LEAST_WIDTH)
    font, line = load_font(FONT_SIZE), FONT_SIZE + GAP
    places, x, y = [], GAP, GAP
    for class_id in shown:
        needed = SWATCH + GAP + round(font.getlength(classes[class_id])) + 2 * GAP
        if x > GAP and x + needed > width:
            x, y = GAP, y + line
        places.append((class_id, x, y))
        x += needed
    if not places:
        return picture.copy()
    canvas = Image.new("RGB", (width, height + y + line), WHITE)
    canvas.paste(Image.fromarray(picture), ((width - picture.shape[1]) // 2, 0))
    pen = ImageDraw.Draw(canvas)
    for class_id, x, y in places:
        corner = (x, height + y)
        end = (x + SWATCH, height + y + SWATCH)
        pen.rectangle((*corner, *end), fill=mask_color(classes, class_id), outline=INK)
        pen.text((end[0] + GAP, corner[1] - 2), classes[class_id], fill=INK, font=font)
    return np.asarray(canvas).copy()
