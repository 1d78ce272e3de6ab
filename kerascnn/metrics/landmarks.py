"""How far landmarks are from where they should be, as a share of how large the face or the object is.

The targets are rows x, y, visibility in absolute pixels; landmarks of visibility 0 are not measured.
"""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

# A name of `SIZES`, or two groups of landmarks such as the corners of the eyes.
Normalization = str | Sequence[int | Sequence[int]]

SIZES = ("box", "diagonal")
FAILURE_THRESHOLD = 0.1  # of the normalised mean error; above it a picture counts as failed, as usual since 300-W
CURVE_POINTS = 101
VISIBILITY_THRESHOLD = 0.5  # the probability from which on a landmark is seen


def summarise_landmarks(
    points: np.ndarray,
    targets: np.ndarray,
    names: Sequence[str],
    *,
    visibility: np.ndarray | None = None,
    normalization: Normalization = "diagonal",
    failure_threshold: float = FAILURE_THRESHOLD,
) -> dict[str, Any]:
    """Summarise the answers of a network that finds landmarks.

    Args:
        points: (N, K, 2), x, y in pixels.
        targets: (N, K, 3), x, y in pixels, and visibility, above 0 where a landmark is to be seen.
        names: of the K landmarks.
        visibility: (N, K), the probability that each is to be seen; None where that was not asked.
        normalization: see `normalized_mean_errors`.
        failure_threshold: the normalised mean error above which a picture has failed.

    Returns:
        `examples`; `measured`, the pictures with a normalised mean error; of these `nme`, its mean; `failure_rate`, the
        share of failed pictures; `auc`, the area below the cumulative error curve up to the threshold, as a share of
        the whole, in 0..1; `curve`, with 101 errors and the share of pictures up to each; `per_landmark`, with
        landmark, error (the mean distance, normalised) and support; `visibility_accuracy`, of all landmarks.
        What is not defined is None.

    Raises:
        ValueError: for no example, arrays that do not belong together, a threshold that is not positive, an unknown
            normalisation, or one that these landmarks are too few for.
    """
    _check_arrays(points, targets, names, visibility)
    if not failure_threshold > 0:
        raise ValueError(f"failure_threshold must be positive. Received: failure_threshold={failure_threshold}.")
    distances, measured = _measure(points, targets, normalization)
    every_error = _means(distances, measured)
    errors = every_error[~np.isnan(every_error)]
    thresholds = np.linspace(0, failure_threshold, CURVE_POINTS)
    seen = targets[..., 2] > 0
    return {
        "examples": len(targets),
        "measured": len(errors),
        "nme": _mean(errors),
        "failure_rate": _mean(errors > failure_threshold),
        # Below a staircase: each picture's step is as wide as its error leaves of the threshold.
        "auc": _mean(np.maximum(1 - errors / failure_threshold, 0)),
        "curve": {"error": thresholds.tolist(), "share": cumulative_error_curve(errors, thresholds).tolist()},
        "per_landmark": [
            {"landmark": name, "error": _mean(column[chosen]), "support": int(chosen.sum())}
            for name, column, chosen in zip(names, distances.T, measured.T, strict=True)
        ],
        "visibility_accuracy": (
            None if visibility is None else float(np.mean((visibility >= VISIBILITY_THRESHOLD) == seen))
        ),
    }


def normalized_mean_errors(
    points: np.ndarray, targets: np.ndarray, normalization: Normalization = "diagonal"
) -> np.ndarray:
    """Compute the normalised mean error of each picture.

    It is the mean distance over the visible landmarks, divided by a length that says how large the object is.

    Args:
        points: (N, K, 2), x, y in pixels.
        targets: (N, K, 3), x, y in pixels, and visibility, above 0 where a landmark is to be seen.
        normalization: that length. `diagonal` of the box around the visible landmarks, or `box`, the square root of
            its area, which is small where they are nearly in line. For faces, two landmarks, or two groups of them
            whose middles count: their distance. `(0, 1)` where these are the eyes, or `((36, 39), (42, 45))`, the
            corners of both eyes in the 68 landmarks of 300-W.

    Returns:
        (N,) float32, NaN where it is not defined: no landmark is visible, or the length is 0 or not known because a
        landmark of a group is not visible.

    Raises:
        ValueError: for arrays that do not belong together, an unknown normalisation, or one that these landmarks are
            too few for.

    Reference:
        Sagonas et al. 2016, "300 Faces In-The-Wild Challenge: database and results", for the corners of the eyes.
    """
    return _means(*_measure(points, targets, normalization))


def cumulative_error_curve(errors: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """Compute which share of pictures has an error up to each threshold.

    Args:
        errors: (N,), without NaN.
        thresholds: (T,).

    Returns:
        (T,), in 0..1; 0 for no picture.
    """
    return np.searchsorted(np.sort(errors), thresholds, side="right") / max(len(errors), 1)


@keras.saving.register_keras_serializable("kerascnn")
class NormalizedMeanError(keras.metrics.Mean):
    """Measure the mean of the normalised mean errors of all pictures where it is defined.

    Args:
        image_size: (height, width) of the pictures, in pixels.
        normalization: see `normalized_mean_errors`.
        name: of the metric.
        **options: as every Keras metric takes them.

    Takes rows (B, K, 3), x, y in pixels and visibility; and outputs (B, K, 2) or (B, K, 3): x and y as shares of the
    picture's width and height, in 0..1, and perhaps the logit of the visibility, which plays no part here.

    Raises:
        ValueError: for an unknown normalisation.
    """

    def __init__(
        self,
        image_size: tuple[int, int],
        normalization: Normalization = "diagonal",
        name: str = "nme",
        **options: Any,
    ) -> None:
        super().__init__(name=name, **options)
        self.image_size = tuple(image_size)
        self.normalization = _check_normalization(normalization)

    def update_state(
        self, y_true: keras.KerasTensor, y_pred: keras.KerasTensor, sample_weight: keras.KerasTensor | None = None
    ) -> None:
        """Add the normalised mean error of each picture where it is defined."""
        rows_fit = len(y_true.shape) == 3 and y_true.shape[-1] == 3
        if not rows_fit or len(y_pred.shape) != 3 or y_pred.shape[-1] not in (2, 3):
            raise ValueError(
                "The targets must be (B, K, 3), the outputs (B, K, 2) or (B, K, 3). "
                f"Received: the shapes {tuple(y_true.shape)} and {tuple(y_pred.shape)}."
            )
        height, width = self.image_size
        points = ops.cast(y_pred[..., :2], self.dtype) * ops.convert_to_tensor([width, height], self.dtype)
        distances, measured = _normalized_distances(points, ops.cast(y_true, self.dtype), self.normalization)
        weight = ops.cast(ops.any(measured, axis=-1), self.dtype)
        if sample_weight is not None:
            weight = weight * ops.reshape(ops.cast(sample_weight, self.dtype), (-1,))
        number = ops.maximum(ops.sum(ops.cast(measured, self.dtype), axis=-1), 1)
        super().update_state(ops.sum(distances, axis=-1) / number, weight)

    def get_config(self) -> dict[str, Any]:
        """Give the arguments that make the metric again."""
        return super().get_config() | {"image_size": self.image_size, "normalization": self.normalization}


def _normalized_distances(
    points: keras.KerasTensor, targets: keras.KerasTensor, normalization: Normalization
) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """Give normalised distances (N, K), 0 where they are not defined, and where they are, (N, K)."""
    _check_number(targets.shape[1], normalization)
    truth, seen = targets[..., :2], targets[..., 2] > 0
    size = _sizes(truth, seen, normalization)[:, None]
    measured = ops.logical_and(seen, size > 0)
    distances = ops.sqrt(ops.sum(ops.square(points - truth), axis=-1))
    return ops.where(measured, distances / ops.where(size > 0, size, 1), 0), measured


def _sizes(truth: keras.KerasTensor, seen: keras.KerasTensor, normalization: Normalization) -> keras.KerasTensor:
    """Give the length (N,) that errors are divided by, 0 where it is not known."""
    if normalization in SIZES:
        # With an initial value Keras takes batches without a picture too.
        here, inf = seen[..., None], np.inf
        high = ops.max(ops.where(here, truth, -inf), axis=1, initial=-inf)
        sides = high - ops.min(ops.where(here, truth, inf), axis=1, initial=inf)
        sides = ops.maximum(sides, 0)  # (N, 2); without a visible landmark it is minus infinity
        square = ops.prod(sides, axis=-1) if normalization == "box" else ops.sum(ops.square(sides), axis=-1)
        return ops.sqrt(square)
    first, second = normalization
    known = ops.all(ops.take(seen, [*first, *second], axis=1), axis=1)
    between = ops.mean(ops.take(truth, first, axis=1), axis=1) - ops.mean(ops.take(truth, second, axis=1), axis=1)
    return ops.where(known, ops.sqrt(ops.sum(ops.square(between), axis=-1)), 0)


def _measure(points: np.ndarray, targets: np.ndarray, normalization: Normalization) -> tuple[np.ndarray, np.ndarray]:
    _check_pairs(points, targets)
    points, targets = ops.cast(points, "float32"), ops.cast(targets, "float32")
    distances, measured = _normalized_distances(points, targets, _check_normalization(normalization))
    return ops.convert_to_numpy(distances), ops.convert_to_numpy(measured)


def _means(distances: np.ndarray, measured: np.ndarray) -> np.ndarray:
    number = measured.sum(axis=-1)
    return np.where(number > 0, distances.sum(axis=-1) / np.maximum(number, 1), np.nan).astype(np.float32)


def _mean(values: np.ndarray) -> float | None:
    return float(values.mean()) if len(values) else None


def _check_normalization(normalization: Normalization) -> Normalization:
    """Give the name, or the two groups as lists; refuse what is neither."""
    if normalization in SIZES:
        return normalization
    groups = [] if isinstance(normalization, str) else [np.atleast_1d(group).tolist() for group in normalization]
    if len(groups) != 2 or not all(groups) or not all(isinstance(index, int) for group in groups for index in group):
        raise ValueError(
            f"normalization must be one of {', '.join(SIZES)}, or two groups of landmarks such as (0, 1). "
            f"Received: normalization={normalization!r}."
        )
    return groups


def _check_number(num_landmarks: int, normalization: Normalization) -> None:
    indices = (0, 1) if normalization in SIZES else [index for group in normalization for index in group]
    if not all(0 <= index < num_landmarks for index in indices):
        raise ValueError(
            f"With {num_landmarks} landmarks, groups must hold indices from 0 to {num_landmarks - 1}, and a box has no "
            f"size around fewer than two. Received: normalization={normalization!r}."
        )


def _check_pairs(points: np.ndarray, targets: np.ndarray) -> None:
    shapes = np.shape(points), np.shape(targets)
    if len(shapes[0]) != 3 or len(shapes[1]) != 3 or shapes[0] != (*shapes[1][:2], 2) or shapes[1][2] != 3:
        raise ValueError(
            f"points (N, K, 2) and targets (N, K, 3) must belong together. Received: {shapes[0]} and {shapes[1]}."
        )


def _check_arrays(points: np.ndarray, targets: np.ndarray, names: Sequence[str], visibility: np.ndarray | None) -> None:
    _check_pairs(points, targets)
    shape = np.shape(targets)[:2]
    if shape[0] == 0 or shape[1] != len(names) or (visibility is not None and np.shape(visibility) != shape):
        received = f"{np.shape(points)}, {len(names)} names"
        received += "" if visibility is None else f" and visibility {np.shape(visibility)}"
        raise ValueError(
            "points (N, K, 2), targets (N, K, 3), K names and visibility (N, K) must belong together and not be empty. "
            f"Received: {received}."
        )
