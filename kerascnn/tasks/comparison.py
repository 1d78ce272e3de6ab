"""How alike two vectors are: by the angle between them, or as a Siamese network has learnt it."""

from dataclasses import dataclass

import keras
import numpy as np

from kerascnn.architectures.embedding import TINY

AT_ONCE = 2**25  # numbers in memory


@dataclass(frozen=True, eq=False)
class Comparison:
    """Compares vectors of length 1.

    Attributes:
        weights: (D,) float32, of the difference in each number, for a Siamese network; None compares by the cosine.
        bias: of the logistic unit that weighs them.
        difference: `absolute` or `chi_square`, see `kerascnn.architectures.embedder`.
    """

    weights: np.ndarray | None = None
    bias: float = 0.0
    difference: str = "absolute"

    @classmethod
    def of(cls, model: keras.Model, difference: str = "absolute") -> "Comparison":
        """Take how a model of `kerascnn.architectures.embedder` compares."""
        if "similarity" not in {layer.name for layer in model.layers}:
            return cls()
        kernel, bias = model.get_layer("similarity").get_weights()
        return cls(kernel[:, 0], float(bias[0]), difference)

    def __call__(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Compare each of (N, D) vectors with each of (M, D).

        Returns:
            (N, M) float32: cosines in -1..1, or probabilities of being the same person in 0..1; high means same.
        """
        if self.weights is None:
            return np.clip(first @ second.T, -1, 1)
        rows = max(1, AT_ONCE // max(second.size, 1))
        parts = [self._weigh(first[start : start + rows], second) for start in range(0, len(first), rows)]
        return np.concatenate([np.zeros((0, len(second)), np.float32), *parts])

    def _weigh(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        apart = np.abs(first[:, np.newaxis] - second[np.newaxis])
        if self.difference == "chi_square":
            apart = apart**2 / (np.abs(first)[:, np.newaxis] + np.abs(second)[np.newaxis] + TINY)
        logits = (apart @ self.weights + self.bias).astype(np.float64)
        return (1 / (1 + np.exp(-logits))).astype(np.float32)
