"""What a prediction returns: small frozen values, in plain Python and NumPy, with names in them."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)  # arrays do not compare to one truth value
class Classification:
    """The answer to "what is in this picture?".

    Attributes:
        classes: name of each class.
        probabilities: (classes,) float32, summing to 1.
    """

    classes: tuple[str, ...]
    probabilities: np.ndarray

    @property
    def class_id(self) -> int:
        """Index of the most probable class."""
        return int(np.argmax(self.probabilities))

    @property
    def class_name(self) -> str:
        """Name of the most probable class."""
        return self.classes[self.class_id]

    @property
    def confidence(self) -> float:
        """Probability of the most probable class, in 0..1."""
        return float(self.probabilities[self.class_id])

    def top(self, k: int) -> list[tuple[str, float]]:
        """Give the k most probable classes with their probabilities, the most probable first; all, if k is more."""
        if k < 1:
            raise ValueError(f"k must be at least 1. Received: k={k}.")
        order = np.argsort(-self.probabilities, kind="stable")[:k]
        return [(self.classes[class_id], float(self.probabilities[class_id])) for class_id in order]
