"""Results in words and on pictures: an answer by itself, and one that is wrong beside what is true."""

from collections import Counter
from dataclasses import dataclass
from functools import singledispatch
from typing import Any

import numpy as np
from PIL import Image

from kerascnn.metrics.matching import MISSING, match_objects
from kerascnn.metrics.segmentation import mean_ious
from kerascnn.report import units
from kerascnn.report.draw import check_picture, draw_label
from kerascnn.report.draw_annotations import VISIBLE, draw_boxes, draw_lines, draw_points
from kerascnn.report.draw_mask import draw_legend, veil
from kerascnn.report.sheet import beside
from kerascnn.results import Classification, Detections, FaceMatch, Landmarks, Mask, Stylization

RIGHT, MISSED, WRONG = 2, 3, 4  # which colour of the palette a box has: green, vermilion or blue
MOST_NAMED = 3  # classes of a mask, in words
DRAWN_SIDE = 576  # px; boxes are drawn on a picture of about this side at least, where their labels hide little


@dataclass(frozen=True, eq=False)
class Mistake:
    """A picture beside what was said of it and what is true: answered wrongly, or, as masks are, more or less right.

    Attributes:
        picture: uint8, (H, W, 3), RGB.
        true: what is in it, in words.
        said: the answer, in words.
        note: what else is to be said of the answer, such as its probability.
        name: the picture's file name.
    """

    picture: np.ndarray
    true: str
    said: str
    note: str
    name: str

    def __post_init__(self) -> None:
        """Raise TypeError or ValueError for what is not a picture."""
        check_picture(self.picture)


@singledispatch
def describe_answer(answer: Any, most: int) -> list[str]:
    """Say a result in words.

    Args:
        answer: of `kerascnn.results`.
        most: so many parts of it: classes, boxes or landmarks, the surest first.

    Raises:
        TypeError: for what is no result.
    """
    raise _unknown(answer)


@singledispatch
def draw_answer(answer: Any, picture: np.ndarray) -> np.ndarray:
    """Draw a result on a picture, or write it below.

    Args:
        answer: of `kerascnn.results`.
        picture: uint8, (H, W, 3), RGB, of the size whose pixels the result is in.

    Returns:
        A new picture.

    Raises:
        TypeError: for what is no result.
    """
    raise _unknown(answer)


@singledispatch
def make_mistake(answer: Any, truth: Any, picture: np.ndarray, name: str) -> Mistake:
    """Show an answer beside what would have been right.

    Args:
        answer: of `kerascnn.results`.
        truth: another of its kind.
        picture: uint8, (H, W, 3), RGB, of the size whose pixels the results are in.
        name: the picture's file name.

    Raises:
        TypeError: for what is no result.
    """
    raise _unknown(answer)


@describe_answer.register
def _(answer: Classification, most: int) -> list[str]:
    return [f"{name} {probability:.1%}" for name, probability in answer.top(most)]


@draw_answer.register
def _(answer: Classification, picture: np.ndarray) -> np.ndarray:
    return draw_label(picture, f"{answer.class_name} {answer.confidence:.0%}")


@make_mistake.register
def _(answer: Classification, truth: Classification, picture: np.ndarray, name: str) -> Mistake:
    return Mistake(picture, truth.class_name, answer.class_name, units.percent(answer.confidence), name)


@describe_answer.register
def _(answer: Detections, most: int) -> list[str]:
    found = zip(answer.class_names, answer.scores, answer.boxes.round().astype(int), strict=True)
    return [f"{name} {score:.1%} at {x1}, {y1} to {x2}, {y2}" for name, score, (x1, y1, x2, y2) in found][:most]


@draw_answer.register
def _(answer: Detections, picture: np.ndarray) -> np.ndarray:
    labels = {"labels": answer.class_names, "scores": answer.scores, "class_ids": answer.class_ids}
    return draw_boxes(picture, answer.boxes, **labels)


@make_mistake.register
def _(answer: Detections, truth: Detections, picture: np.ndarray, name: str) -> Mistake:
    found = match_objects(answer.rows, truth.targets)
    right = found != MISSING
    missed = np.isin(np.arange(len(truth)), found, invert=True)
    if len(answer) <= 1 and len(truth) <= 1:
        note = ", ".join(units.percent(float(score)) for score in answer.scores)
    else:
        counts = {"missed": missed.sum(), "wrong": (~right).sum()}
        note = ", ".join(f"{count} {word}" for word, count in counts.items() if count)
    drawn = _draw_judged(picture, answer, right, truth, missed)
    return Mistake(drawn, _listed(truth), _listed(answer), note, name)


@describe_answer.register
def _(answer: Landmarks, most: int) -> list[str]:
    order = np.argsort(-answer.visibility, kind="stable")
    places = answer.points.round().astype(int)
    return ["{} at {}, {}".format(answer.names[k], *places[k]) for k in order if answer.visibility[k] >= VISIBLE][:most]


@draw_answer.register
def _(answer: Landmarks, picture: np.ndarray) -> np.ndarray:
    return draw_points(picture, answer.points, visibility=answer.visibility)


@make_mistake.register
def _(answer: Landmarks, truth: Landmarks, picture: np.ndarray, name: str) -> Mistake:
    errors = np.linalg.norm(answer.points - truth.points, axis=-1)
    seen = truth.visibility > 0
    worst = int(np.argmax(np.where(seen, errors, -1)))
    drawn = draw_lines(picture, truth.points[seen], answer.points[seen])
    drawn = draw_points(drawn, answer.points, visibility=truth.visibility)
    note = f"{errors[worst]:.0f} px off"
    return Mistake(drawn, f"{seen.sum()} landmarks", f"{answer.names[worst]} elsewhere", note, name)


@describe_answer.register
def _(answer: Mask, most: int) -> list[str]:
    areas = sorted(answer.areas.items(), key=lambda pair: -pair[1])
    return [f"{name} {share:.1%}" for name, share in areas if share][:most]


@draw_answer.register
def _(answer: Mask, picture: np.ndarray) -> np.ndarray:
    return draw_legend(veil(picture, answer.class_ids, answer.classes), answer.classes, _shown(answer))


@make_mistake.register
def _(answer: Mask, truth: Mask, picture: np.ndarray, name: str) -> Mistake:
    (iou,) = mean_ious([truth.class_ids], [answer.class_ids], len(answer.classes))
    pair = np.concatenate([veil(picture, each.class_ids, each.classes) for each in (truth, answer)], axis=1)
    drawn = draw_legend(pair, answer.classes, np.union1d(_shown(answer), _shown(truth)).tolist())
    said, true = (", ".join(describe_answer(each, MOST_NAMED)) for each in (answer, truth))
    return Mistake(drawn, true, said, f"mean IoU {units.percent(float(iou))}", name)


@describe_answer.register
def _(answer: FaceMatch, most: int) -> list[str]:
    return [_named(answer)]


@draw_answer.register
def _(answer: FaceMatch, picture: np.ndarray) -> np.ndarray:
    return draw_label(picture, _named(answer))


@make_mistake.register
def _(answer: FaceMatch, truth: bool, picture: np.ndarray, name: str) -> Mistake:
    said, true = ("the same person" if same else "different people" for same in (answer.same, truth))
    return Mistake(picture, true, said, f"similarity {answer.similarity:.2f}, threshold {answer.threshold:.2f}", name)


@describe_answer.register
def _(answer: Stylization, most: int) -> list[str]:
    return ["stylised"]


@draw_answer.register
def _(answer: Stylization, picture: np.ndarray) -> np.ndarray:
    return answer.picture


@make_mistake.register
def _(answer: Stylization, truth: Stylization, picture: np.ndarray, name: str) -> Mistake:
    return Mistake(beside(picture, answer.picture), "the photo", "stylised", "", name)


def _named(answer: FaceMatch) -> str:
    """Say who it is, or whether two are the same, and how alike they are."""
    said = answer.name or ("the same person" if answer.same else "different people")
    return f"{said} {answer.similarity:.2f}"


def _shown(answer: Mask) -> list[int]:
    """List the classes of a mask."""
    return [class_id for class_id in np.unique(answer.class_ids).tolist() if class_id < len(answer.classes)]


def _draw_judged(
    picture: np.ndarray, answer: Detections, right: np.ndarray, truth: Detections, missed: np.ndarray
) -> np.ndarray:
    """Draw the wrong boxes and the objects that were missed, with names, over the right boxes, without."""
    factor = max(1, DRAWN_SIDE // max(picture.shape[:2]))
    height, width = (factor * side for side in picture.shape[:2])
    enlarged = np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.BICUBIC))
    said = [f"{name} {score:.0%}" for name, score in zip(answer.class_names, answer.scores, strict=True)]
    names = [f"missed {name}" for name in truth.class_names]
    return draw_boxes(
        enlarged,
        factor * np.concatenate([answer.boxes[~right], truth.boxes[missed], answer.boxes[right]]),
        labels=[*np.array(said, object)[~right], *np.array(names, object)[missed], *[""] * right.sum()],
        class_ids=np.repeat([WRONG, MISSED, RIGHT], [(~right).sum(), missed.sum(), right.sum()]),
    )


def _listed(detections: Detections) -> str:
    """Name the classes, with their numbers where there is more than one of them."""
    counts = Counter(detections.class_names)
    return ", ".join(name if count == 1 else f"{count} {name}" for name, count in counts.most_common()) or "nothing"


def _unknown(answer: Any) -> TypeError:
    return TypeError(f"answer must be a result of kerascnn. Received: a {type(answer).__name__}.")
