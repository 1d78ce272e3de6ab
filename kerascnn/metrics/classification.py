"""What a classifier got right, class by class."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

EPSILON = 1e-7  # keeps the logarithm finite; Keras clips at the same


def summarise_classification(labels: np.ndarray, probabilities: np.ndarray, classes: Sequence[str]) -> dict[str, Any]:
    """Summarise the answers of a classifier.

    Args:
        labels: (N,) integers.
        probabilities: (N, classes), in 0..1.
        classes: name of each class.

    Returns:
        `examples`; `accuracy` in 0..1; `loss`, the mean cross-entropy; `per_class`, with class, precision, recall, f1
        (0 where it is not defined) and support; `confusion`, (classes, classes) counts, a row for each true class.

    Raises:
        ValueError: for no example, or arrays that do not belong together.
    """
    if len(labels) == 0 or probabilities.shape != (len(labels), len(classes)):
        raise ValueError(
            f"labels (N,) and probabilities (N, {len(classes)}) must belong together and not be empty. "
            f"Received: {labels.shape} and {probabilities.shape}."
        )
    predicted = probabilities.argmax(axis=-1)
    every_class = np.arange(len(classes))
    scores = precision_recall_fscore_support(labels, predicted, labels=every_class, zero_division=0)
    right = probabilities[np.arange(len(labels)), labels]
    return {
        "examples": len(labels),
        "accuracy": float(np.mean(predicted == labels)),
        "loss": float(-np.log(np.clip(right, EPSILON, 1)).mean()),
        "per_class": [
            {"class": name, "precision": float(p), "recall": float(r), "f1": float(f1), "support": int(support)}
            for name, p, r, f1, support in zip(classes, *scores, strict=True)
        ],
        "confusion": confusion_matrix(labels, predicted, labels=every_class).tolist(),
    }


@keras.saving.register_keras_serializable("kerascnn")
class MainAccuracy(keras.metrics.SparseCategoricalAccuracy):
    """Measure the accuracy of a classifier with auxiliary ones: labels (B,), logits (B, 1 + auxiliary, classes)."""

    def update_state(
        self, y_true: keras.KerasTensor, y_pred: keras.KerasTensor, sample_weight: keras.KerasTensor | None = None
    ) -> None:
        """Count the right answers of the first classifier, which is the network's own."""
        super().update_state(y_true, y_pred[:, 0], sample_weight)
