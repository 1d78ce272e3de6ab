"""The README's picture of sliding windows: what a classifier says at levels of a pyramid, and the boxes that remain."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from kerascnn.ops import count_windows, pyramid_sizes, resize
from kerascnn.report import draw_boxes
from kerascnn.report.palette import class_color
from kerascnn.runs import open_pictures, open_run
from kerascnn.tasks import SlidingWindow, sliding_window

ENLARGED = 2  # a level, so that its windows are seen
MARGIN = 8  # pixels
PALE = 0.6  # of the way to white: the picture under a map
FRAME = 3  # pixels


def draw_pyramids(run: Path, numbers: Sequence[int]) -> Image.Image:
    """Draw some test pictures with the boxes that remain, a row for each, and levels of their pyramids beside them.

    Args:
        run: the run folder, of train_windows.py.
        numbers: of the pictures.
    """
    task, card, _ = open_run(run)
    settings = {key: card["detection"][key] for key in ("scales", "iou_threshold", "score_threshold")}
    detector, split = sliding_window(task, **settings), open_pictures(card).test
    return _stack([_draw_row(detector, split.picture(number)) for number in numbers])


def _draw_row(detector: SlidingWindow, image: np.ndarray) -> Image.Image:
    """Draw the boxes, and of the levels the largest, the smallest, and those at which something was found."""
    sizes = pyramid_sizes(image.shape[:2], detector.geometry.size, detector.stride, detector.scales)
    counts = [count_windows(size, detector.geometry.size, detector.stride) for size in sizes]
    ends = np.cumsum([rows * columns for rows, columns in counts])
    boxes, probabilities = detector.score_windows(image)
    found = detector.detect(image)
    # What remains is the box of a window, bit by bit.
    windows = [int((boxes == box).all(axis=1).argmax()) for box in found.boxes]
    levels = np.searchsorted(ends, windows, side="right")
    panels = []
    for level in sorted({0, *levels.tolist(), len(sizes) - 1}):
        size, inside = sizes[level], levels == level
        scores = np.delete(np.split(probabilities, ends[:-1])[level], detector.background, axis=-1)
        panel = _draw_map(detector, resize(image, size), scores.reshape(*counts[level], -1))
        scale = np.tile([size[1] / image.shape[1], size[0] / image.shape[0]], 2)
        for box, class_id in zip(found.boxes[inside] * scale, found.class_ids[inside], strict=True):
            corners = (box * ENLARGED).round() - [0, 0, 1, 1]
            ImageDraw.Draw(panel).rectangle(corners.tolist(), outline=class_color(class_id), width=FRAME)
        panels.append(panel)
    large = Image.fromarray(image).resize(panels[0].size, Image.Resampling.LANCZOS)
    drawn = draw_boxes(
        np.asarray(large),
        found.boxes * (large.width / image.shape[1]),
        labels=found.class_names,
        class_ids=found.class_ids,
    )
    return _line_up([Image.fromarray(drawn), *panels])


def _draw_map(detector: SlidingWindow, level: np.ndarray, scores: np.ndarray) -> Image.Image:
    """Colour the middle of each window as the class that it is taken for, the stronger the surer.

    Args:
        detector: that looked at the level.
        level: (H, W, 3).
        scores: (rows, columns, classes), of its windows.
    """
    (height, width), (step_y, step_x) = detector.geometry.size, detector.stride
    colors = np.array([class_color(class_id) for class_id in range(scores.shape[-1])])[scores.argmax(axis=-1)]
    share = scores.max(axis=-1, keepdims=True) ** 2  # what is not sure would hide the rest
    colors, share = (np.repeat(np.repeat(each, step_y, axis=0), step_x, axis=1) for each in (colors, share))
    drawn = np.repeat(level.mean(axis=-1, keepdims=True) * (1 - PALE) + 255 * PALE, 3, axis=-1)
    top, left = (height - step_y) // 2, (width - step_x) // 2
    middle = drawn[top : top + share.shape[0], left : left + share.shape[1]]
    middle += (colors - middle) * share
    panel = Image.fromarray(drawn.round().astype(np.uint8))
    return panel.resize((panel.width * ENLARGED, panel.height * ENLARGED), Image.Resampling.NEAREST)


def _line_up(panels: Sequence[Image.Image]) -> Image.Image:
    """Put pictures side by side, standing on one line."""
    height = max(panel.height for panel in panels)
    row = Image.new("RGB", (sum(panel.width + MARGIN for panel in panels) - MARGIN, height), "white")
    left = 0
    for panel in panels:
        row.paste(panel, (left, height - panel.height))
        left += panel.width + MARGIN
    return row


def _stack(rows: Sequence[Image.Image]) -> Image.Image:
    """Put rows one below the other."""
    height = sum(row.height + MARGIN for row in rows) - MARGIN
    sheet = Image.new("RGB", (max(row.width for row in rows), height), "white")
    top = 0
    for row in rows:
        sheet.paste(row, (0, top))
        top += row.height + MARGIN
    return sheet
