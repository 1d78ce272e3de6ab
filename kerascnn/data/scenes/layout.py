"""Where the things of a picture of the data set `scenes` lie, what hides what, and the annotation that follows from it.

How a picture looks has no say in this: the boxes and the mask come from the outlines alone.
"""

from dataclasses import dataclass

import numpy as np

from kerascnn.data.scenes.shapes import (
    DISTRACTORS,
    SHAPES,
    Random,
    Shape,
    draw_shape,
    measure_area,
    rasterize_shape,
    transform_shape,
)

CLASSES = tuple(SHAPES)
IMAGE_SIZE = 160  # height and width in pixels
IGNORED = 255  # mask value of what belongs to no annotated thing, yet is not background either
NO_CLASS = -1  # a thing that is only in the way

MIN_VISIBLE_SHARE = 0.25  # a thing that shows less of itself is not annotated, but ignored
MIN_VISIBLE_PIXELS = 60
MAIN_VISIBLE_SHARE = 0.55  # the thing that gives the picture its label shows at least this much of itself
MAIN_DOMINANCE = 1.6  # and this many times the visible area of any other

MAIN_AREA = (2000, 5500)  # pixels, out of 25,600
ONE_AREA = (1200, 7000)  # the same where it is the only one of a class
ONE_CENTER = (0.25, 0.75)  # and where its middle may lie, as a share of the picture
OTHER_AREA = (0.12, 0.5)  # as a share of the main thing's area
LONGEST_SIDE = 0.85 * IMAGE_SIZE  # of a thing, in pixels; it limits the keys, which are thin and long
MAX_TURN = 40.0  # degrees to either side


@dataclass(frozen=True)
class Thing:
    """One thing on the table: its `area` in pixels if nothing hid it, and `coverage` and `grooves` (H, W) in 0..1."""

    class_id: int
    area: float
    coverage: np.ndarray
    grooves: np.ndarray


def arrange_things(rng: Random, label: int) -> tuple[list[Thing], np.ndarray]:
    """Lay things on the table, again and again until the main one shows well, which nearly always is the first time.

    Args:
        rng: which things, how large and where.
        label: class of the main thing.

    Returns:
        The things from bottom to top, and for each pixel the position of the thing that is seen there, -1 for the
        ground: (H, W) int.
    """
    while True:
        main_area = rng.uniform(*MAIN_AREA)
        main = _place(rng, CLASSES[label], main_area, center=rng.uniform(0.35, 0.65, size=2) * IMAGE_SIZE)
        things = [main]
        for _ in range(rng.choice(4, p=(0.25, 0.35, 0.3, 0.1))):
            name = rng.choice(CLASSES) if rng.uniform() < 0.6 else rng.choice(tuple(DISTRACTORS))
            other = _place(rng, name, rng.uniform(*OTHER_AREA) * main_area, rng.uniform(0, 1, size=2) * IMAGE_SIZE)
            things.insert(rng.integers(len(things) + 1), other)
        owners = _find_owners(things)
        if _shows_well(main, things, owners):
            return things, owners


def arrange_one(rng: Random, label: int) -> tuple[list[Thing], np.ndarray]:
    """Lay one thing of a class on the table, or none, among things of no class.

    Args:
        rng: as for `arrange_things`.
        label: class of the thing, or `NO_CLASS`.

    Returns:
        As `arrange_things` returns them.
    """
    while True:
        area = rng.uniform(*ONE_AREA)
        things = []
        if label != NO_CLASS:
            things.append(_place(rng, CLASSES[label], area, center=rng.uniform(*ONE_CENTER, size=2) * IMAGE_SIZE))
        for _ in range(rng.integers(1, 4)):
            name = rng.choice(tuple(DISTRACTORS))
            other = _place(rng, name, rng.uniform(*OTHER_AREA) * area, rng.uniform(0, 1, size=2) * IMAGE_SIZE)
            things.insert(rng.integers(len(things) + 1), other)
        owners = _find_owners(things)
        mains = [thing for thing in things if thing.class_id != NO_CLASS]
        if not mains or _shows_well(*mains, things, owners):
            return things, owners


def annotate_things(things: list[Thing], owners: np.ndarray) -> dict[str, np.ndarray]:
    """Box and paint what is visible of each thing of a class; the largest comes first.

    Args:
        things: from bottom to top.
        owners: as `arrange_things` returns them.

    Returns:
        `boxes`, `class_ids` and `mask` of the sample.
    """
    visible = _count_visible(things, owners)
    mask = np.zeros(owners.shape, np.int32)
    boxes, class_ids = [], []
    for position in np.argsort(-visible, kind="stable"):
        thing = things[position]
        if thing.class_id == NO_CLASS:
            continue
        if visible[position] < max(MIN_VISIBLE_SHARE * thing.area, MIN_VISIBLE_PIXELS):
            mask[owners == position] = IGNORED
            continue
        rows, columns = np.nonzero(owners == position)
        mask[rows, columns] = thing.class_id + 1
        boxes.append((columns.min(), rows.min(), columns.max() + 1, rows.max() + 1))
        class_ids.append(thing.class_id)
    return {
        "boxes": np.reshape(boxes, (-1, 4)).astype(np.float32),
        "class_ids": np.array(class_ids, np.int32),
        "mask": mask,
    }


def _place(rng: Random, name: str, area: float, center: np.ndarray) -> Thing:
    """Give a shape a size, a turn and a place. All classes share one range of areas, so it does not tell them apart."""
    is_class = name in SHAPES
    turn = np.radians(rng.uniform(-1, 1) * (MAX_TURN if is_class else 180))
    squeeze, mirror = rng.uniform(0.85, 1.15), rng.choice([-1, 1])
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    shape = transform_shape(draw_shape(name, rng), rotation @ np.diag([mirror * squeeze, 1 / squeeze]))
    unit_area = measure_area(shape)
    scale = np.sqrt(area / unit_area)
    if is_class:
        scale = min(scale, LONGEST_SIDE / _longest_side(shape))
    coverage, grooves = rasterize_shape(transform_shape(shape, np.eye(2) * scale, center), IMAGE_SIZE)
    return Thing(CLASSES.index(name) if is_class else NO_CLASS, unit_area * scale**2, coverage, grooves)


def _longest_side(shape: Shape) -> float:
    points = np.concatenate([stroke.points for stroke in shape])
    return float(np.ptp(points, axis=0).max())


def _find_owners(things: list[Thing]) -> np.ndarray:
    owners = np.full((IMAGE_SIZE, IMAGE_SIZE), -1)
    for position, thing in enumerate(things):
        owners[thing.coverage >= 0.5] = position
    return owners


def _count_visible(things: list[Thing], owners: np.ndarray) -> np.ndarray:
    return np.bincount(owners.ravel() + 1, minlength=len(things) + 1)[1:]


def _shows_well(main: Thing, things: list[Thing], owners: np.ndarray) -> bool:
    visible = _count_visible(things, owners)
    is_main = np.array([thing is main for thing in things])
    shown, largest_rival = visible[is_main].sum(), visible[~is_main].max(initial=0)
    return shown >= max(MAIN_VISIBLE_SHARE * main.area, MAIN_DOMINANCE * largest_rival)
