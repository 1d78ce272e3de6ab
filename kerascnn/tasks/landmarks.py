"""Landmarks: where are the corners of the eyes, the tip of the nose, and which of them are to be seen?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import keras
import numpy as np
from keras import layers

from kerascnn.architectures import landmarker, load_weights
from kerascnn.losses import LandmarkLoss
from kerascnn.metrics.landmarks import (
    FAILURE_THRESHOLD,
    VISIBILITY_THRESHOLD,
    NormalizedMeanError,
    normalized_mean_errors,
    summarise_landmarks,
)
from kerascnn.results import Landmarks
from kerascnn.tasks.task import Task, check_names, is_of_other_classes

SAME_SEEN = 0.9  # the share of landmarks of which two models must say the same, seen or not
SAME_PLACES = 0.02  # the normalised mean error up to which two models give the same landmarks


@dataclass(frozen=True)
class LandmarksTask(Task):
    """A network that finds landmarks; `landmarks` makes one. Its `classes` are their names."""

    name: ClassVar[str] = "landmarks"
    annotation: ClassVar[str] = "landmarks"
    score_name: ClassVar[str] = "1 - NME"
    monitor: ClassVar[str] = "nme"
    monitor_mode: ClassVar[Literal["max", "min"]] = "min"

    def __post_init__(self) -> None:
        """Refuse names that do not fit the network."""
        super().__post_init__()
        check_names("classes", self.classes, at_least=2)
        _ = self.loss  # it refuses options that it does not have, now and not when training begins
        if self.model.output_shape != (None, len(self.classes), 3):
            raise ValueError(
                f"The network must give x, y and visibility of {len(self.classes)} landmarks, "
                f"(B, {len(self.classes)}, 3). Received: an output of the shape {self.model.output_shape}."
            )

    @property
    def normalization(self) -> str | tuple[int, int]:
        """What errors are divided by: the distance between the outer corners of the eyes, else the box's diagonal.

        These are the landmarks `left_eye_outer` and `right_eye_outer`, or `left_eye` and `right_eye`.
        """
        for end in ("_outer", ""):
            names = (f"left_eye{end}", f"right_eye{end}")
            if set(names) <= set(self.classes):
                return tuple(self.classes.index(name) for name in names)
        return "diagonal"

    @property
    def loss(self) -> keras.losses.Loss:
        """See `LandmarkLoss`."""
        return LandmarkLoss(self.image_size, **self.loss_options)

    @property
    def output_labels(self) -> Mapping[str, str]:
        """The names stand along the last axis of the visibility."""
        return {"visibility": "axis"}

    def metrics(self) -> list[keras.metrics.Metric]:
        """Make the normalised mean error."""
        return [NormalizedMeanError(self.image_size, self.normalization)]

    def targets(self, sample: Mapping[str, Any]) -> Any:
        """Take the rows of all landmarks."""
        return sample["points"]

    def decode(
        self, outputs: Mapping[str, np.ndarray], sizes: Sequence[tuple[int, int]] | None = None
    ) -> list[Landmarks]:
        """Turn points (N, K, 2) and visibility (N, K) into one `Landmarks` a picture."""
        return self._results(outputs["points"], outputs["visibility"], sizes)

    def truths(self, targets: np.ndarray, sizes: Sequence[tuple[int, int]] | None = None) -> list[Landmarks]:
        """Turn rows (N, K, 3) into results that are sure of them."""
        return self._results(targets[..., :2] / _extent(self.image_size), targets[..., 2], sizes)

    def _results(
        self, points: np.ndarray, visibility: np.ndarray, sizes: Sequence[tuple[int, int]] | None
    ) -> list[Landmarks]:
        """Make results of points (N, K, 2), in shares of the picture."""
        every_size = self.sizes_of(len(points), sizes)
        return [
            Landmarks(self.classes, (places * _extent(size)).astype(np.float32), seen.astype(np.float32))
            for places, seen, size in zip(points, visibility, every_size, strict=True)
        ]

    def evaluate(self, outputs: Mapping[str, np.ndarray], targets: np.ndarray) -> dict[str, Any]:
        """Summarise the outputs against rows (N, K, 3); see `summarise_landmarks`."""
        return summarise_landmarks(
            outputs["points"] * _extent(self.image_size),
            targets,
            self.classes,
            visibility=outputs["visibility"],
            normalization=self.normalization,
        )

    def score_of(self, summary: Mapping[str, Any]) -> float:
        """Give 1 less the normalised mean error, at least 0; 0 where nothing was measured."""
        return 0.0 if summary["nme"] is None else max(0.0, 1 - summary["nme"])

    def mistakes(self, outputs: Mapping[str, np.ndarray], targets: np.ndarray) -> np.ndarray:
        """Find the pictures that have failed, with a normalised mean error over a tenth, the largest first."""
        points = outputs["points"] * _extent(self.image_size)
        errors = normalized_mean_errors(points, targets, self.normalization)
        wrong = np.flatnonzero(errors > FAILURE_THRESHOLD)
        return wrong[np.argsort(-errors[wrong], kind="stable")]

    def agreement(self, outputs: Mapping[str, np.ndarray], others: Mapping[str, np.ndarray]) -> float:
        """Give the share of pictures with the same landmarks seen, in the same places.

        Those are the same that are within 2 % of the normalising length, in the mean of the picture.
        """
        points, rows = (each["points"] * _extent(self.image_size) for each in (outputs, others))
        everything = np.concatenate([rows, np.ones_like(rows[..., :1])], axis=-1)
        near = normalized_mean_errors(points, everything, self.normalization) <= SAME_PLACES
        seen, also_seen = (each["visibility"] >= VISIBILITY_THRESHOLD for each in (outputs, others))
        return float(np.mean(near & (np.mean(seen == also_seen, axis=-1) >= SAME_SEEN)))

    def serving_model(self) -> keras.Model:
        """Give the model that answers with probabilities.

        Returns:
            A model of pictures to `points` (B, K, 2), x and y as shares of the picture, which may leave it; and
            `visibility` (B, K), the probability that each landmark is to be seen.
        """
        points, visibility = (self.model.get_layer(name).output for name in ("points", "visibility"))
        outputs = {
            "points": layers.Reshape((len(self.classes), 2), name="places_of_points")(points),
            "visibility": layers.Activation("sigmoid", name="visibility_probability")(visibility),
        }
        return keras.Model(self.model.input, outputs, name=self.model.name)


def landmarks(
    architecture: str,
    names: Sequence[str],
    *,
    image_size: tuple[int, int] = (112, 112),
    weights: str | Path | None = None,
    loss_options: Mapping[str, Any] | None = None,
    **options: Any,
) -> LandmarksTask:
    """Make a network that finds landmarks.

    Args:
        architecture: its body, a name of `kerascnn.architectures.CLASSIFIERS`, such as `mobilenet_v2`.
        names: of the landmarks, at least two, in their order; `left_eye...` and `right_eye...` say what errors are
            divided by.
        image_size: (height, width) of the network's input in pixels.
        weights: of the body, or of a run folder of this task, see `kerascnn.architectures.load_weights`; None starts
            from a random initialisation.
        loss_options: what `kerascnn.losses.LandmarkLoss` takes, such as `form`.
        **options: what `kerascnn.architectures.landmarker` takes, such as `dropout` or `alpha`.

    Raises:
        ValueError: for names that are too few, not different, empty or of several lines, or what the builder refuses.

    Example:
        >>> task = landmarks("mobilenet_v2", ["left_eye", "right_eye", "nose"])
        >>> task.compile()
        >>> task.model.fit(images, rows)  # rows (N, 3, 3): x, y in pixels, visibility
    """
    check_names("names", names, at_least=2)
    model = landmarker(architecture, (*image_size, 3), len(names), **options)
    own_head = weights is not None and not is_of_other_classes(weights, tuple(names))
    report = None if weights is None else load_weights(model, weights, head=own_head)
    return LandmarksTask(model, tuple(names), report, architecture, options, loss_options or {})


def _extent(size: tuple[int, int]) -> np.ndarray:
    """Give what turns shares x, y of a picture of (height, width) into pixels."""
    return np.array(size[::-1], np.float32)
