"""The pictures of a report that were answered wrongly: what is in them and what was said, in words and drawn."""

from dataclasses import dataclass
from functools import singledispatch

import numpy as np

from kerascnn.report import units
from kerascnn.report.draw import check_picture
from kerascnn.report.draw_annotations import draw_boxes, draw_points
from kerascnn.results import Classification, Detections, Landmarks

TRUE, SAID = 0, 1  # which colour of the palette a box has


@dataclass(frozen=True, eq=False)
class Mistake:
    """A picture that was answered wrongly.

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
def make_mistake(answer: Classification, truth: Classification, picture: np.ndarray, name: str) -> Mistake:
    """Show an answer beside what would have been right.

    Args:
        answer: a result, see `kerascnn.results`.
        truth: another of its kind.
        picture: uint8, (H, W, 3), RGB, of the size whose pixels the results are in.
        name: the picture's file name.

    Raises:
        TypeError: for results that are not known here.
    """
    raise TypeError(f"answer must be a result of kerascnn. Received: a {type(answer).__name__}.")


@make_mistake.register
def _(answer: Classification, truth: Classification, picture: np.ndarray, name: str) -> Mistake:
    return Mistake(picture, truth.class_name, answer.class_name, units.percent(answer.confidence), name)


@make_mistake.register
def _(answer: Detections, truth: Detections, picture: np.ndarray, name: str) -> Mistake:
    drawn = draw_boxes(
        picture,
        np.concatenate([truth.boxes, answer.boxes]),
        labels=["true"] * len(truth) + ["said"] * len(answer),
        class_ids=np.repeat([TRUE, SAID], [len(truth), len(answer)]),
    )
    note = ", ".join(units.percent(float(score)) for score in answer.scores)
    return Mistake(drawn, _listed(truth), _listed(answer), note, name)


@make_mistake.register
def _(answer: Landmarks, truth: Landmarks, picture: np.ndarray, name: str) -> Mistake:
    errors = np.linalg.norm(answer.points - truth.points, axis=-1)
    seen = truth.visibility > 0
    worst = int(np.argmax(np.where(seen, errors, -1)))
    drawn = draw_points(picture, answer.points, visibility=truth.visibility)
    note = f"{errors[worst]:.0f} px off"
    return Mistake(drawn, f"{seen.sum()} landmarks", f"{answer.names[worst]} elsewhere", note, name)


def _listed(detections: Detections) -> str:
    return ", ".join(detections.class_names) or "nothing"
