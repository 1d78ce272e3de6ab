"""Losses of networks that give each picture a vector: the same person's are to be near, other people's far.

Each takes the identities of a batch and all of its vectors, and finds in them the pairs and triplets that count: a
batch needs several pictures of several people, see `kerascnn.data.pipeline`.
"""

from typing import Any

import keras
from keras import ops

from kerascnn.ops.distances import DISTANCES, pairwise_distances, safe_root, squared_distances
from kerascnn.ops.mining import (
    find_pairs,
    hardest_negatives,
    hardest_positives,
    random_negatives,
    semihard_negatives,
)

Tensor = keras.KerasTensor

MININGS = ("all", "semihard", "hard", "random")


@keras.saving.register_keras_serializable("kerascnn")
class TripletLoss(keras.losses.Loss):
    """Let the positive be nearer to the anchor than the negative, by a margin: max(d(A, P) - d(A, N) + margin, 0).

    Args:
        margin: at least 0; the squared distance of unit vectors is at most 4, one less the cosine half of it.
        distance: `squared` is ||f(A) - f(P)||^2, as FaceNet has it; `cosine` is 1 less the cosine similarity. The
            course's notes put the similarity itself in the place of the distance, which would bring different people
            together: the sign is the other way around.
        mining: which triplets count. `all`: each of the batch, of whose losses the mean is taken over those that are
            not 0. `semihard`: of each pair of a person, the nearest negative that is farther than the positive.
            `hard`: of each anchor, the farthest positive and the nearest negative. `random`: of each pair, any
            negative.
        **options: as every Keras loss takes them.

    Takes identities (B,) or (B, 1) and vectors (B, D). Gives one number, the mean over the triplets, where the notes
    sum; 0 where the batch has none.

    Raises:
        ValueError: for a negative margin, an unknown distance or mining, or arrays of other shapes.

    Reference:
        Schroff et al. 2015, arXiv:1503.03832, section 3; Hermans et al. 2017, arXiv:1703.07737, section 2.
    """

    def __init__(
        self, margin: float = 0.2, distance: str = "squared", mining: str = "semihard", **options: Any
    ) -> None:
        super().__init__(**options)
        if distance not in DISTANCES or mining not in MININGS:
            raise ValueError(
                f"distance must be {' or '.join(DISTANCES)}, mining one of {', '.join(MININGS)}. "
                f"Received: distance={distance!r}, mining={mining!r}."
            )
        check_margin(margin)
        self.margin, self.distance, self.mining = margin, distance, mining

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Compute the mean over the triplets, ()."""
        check_vectors(y_true, y_pred)
        distances = pairwise_distances(y_pred, self.distance)
        same, different = find_pairs(y_true)
        if self.mining == "hard":
            positives, negatives = hardest_positives(distances, same), hardest_negatives(distances, different)
            counted = ops.logical_and(ops.any(same, axis=1), ops.any(different, axis=1))
            return mean_of(ops.relu(positives - negatives + self.margin), counted)
        if self.mining == "all":
            losses = ops.relu(distances[:, :, None] - distances[:, None, :] + self.margin)
            triplets = ops.logical_and(same[:, :, None], different[:, None, :])
            return mean_of(losses, ops.logical_and(triplets, losses > 0))
        choose = semihard_negatives if self.mining == "semihard" else random_negatives
        losses = ops.relu(distances - choose(distances, different) + self.margin)
        return mean_of(losses, ops.logical_and(same, ops.any(different, axis=1)[:, None]))

    def get_config(self) -> dict[str, Any]:
        """Give the arguments that make the loss again."""
        return super().get_config() | {"margin": self.margin, "distance": self.distance, "mining": self.mining}


@keras.saving.register_keras_serializable("kerascnn")
class ContrastiveLoss(keras.losses.Loss):
    """Bring pairs of a person together, and push those of different people a margin apart.

    Args:
        margin: distance from which on different people do not count; that of unit vectors is at most 2.
        **options: as every Keras loss takes them.

    Takes identities (B,) or (B, 1) and vectors (B, D). With D the Euclidean distance of a pair, gives the mean of
    D^2 / 2 over the pairs of a person and that of max(margin - D, 0)^2 / 2 over the others, added: a batch has many
    more of these, and a mean over all would be theirs.

    Raises:
        ValueError: for a negative margin, or arrays of other shapes.

    Reference:
        Hadsell et al. 2006, "Dimensionality Reduction by Learning an Invariant Mapping", section 2.1, equation 4.
    """

    def __init__(self, margin: float = 1.0, **options: Any) -> None:
        super().__init__(**options)
        check_margin(margin)
        self.margin = margin

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Compute the sum of the two means, ()."""
        check_vectors(y_true, y_pred)
        squares = squared_distances(y_pred, y_pred)
        same, different = find_pairs(y_true)
        apart = ops.square(ops.relu(self.margin - safe_root(squares)))
        return (mean_of(squares, same) + mean_of(apart, different)) / 2

    def get_config(self) -> dict[str, Any]:
        """Give the arguments that make the loss again."""
        return super().get_config() | {"margin": self.margin}


@keras.saving.register_keras_serializable("kerascnn")
class SiameseLoss(keras.losses.Loss):
    """Measure whether a network knows of each pair of pictures that they are of the same person, or not.

    Args:
        **options: as every Keras loss takes them.

    Takes identities (B,) or (B, 1) and, for each pair, the logit of its being the same person (B, B). Gives the mean
    of the cross-entropy over the pairs of a person and that over the others, half of each; no picture is a pair with
    itself.

    Raises:
        ValueError: for arrays of other shapes.

    Reference:
        Koch et al. 2015, "Siamese Neural Networks for One-shot Image Recognition", section 3.2; Taigman et al. 2014,
        "DeepFace", section 4.2.
    """

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Compute the mean of the two means, ()."""
        check_vectors(y_true, y_pred)
        same, different = find_pairs(y_true)
        return (mean_of(ops.softplus(-y_pred), same) + mean_of(ops.softplus(y_pred), different)) / 2


def mean_of(values: Tensor, counted: Tensor) -> Tensor:
    """Give the mean, (), of the values that are counted; 0 where none is."""
    weights = ops.cast(counted, values.dtype)
    return ops.sum(values * weights) / ops.maximum(ops.sum(weights), 1)


def check_margin(margin: float) -> None:
    """Refuse a negative margin."""
    if not margin >= 0:
        raise ValueError(f"margin must not be negative. Received: margin={margin}.")


def check_vectors(y_true: Tensor, y_pred: Tensor) -> None:
    """Refuse what is no identity, (B,) or (B, 1), for each row of (B, D)."""
    shape, own = tuple(y_true.shape), tuple(y_pred.shape)
    if len(own) != 2 or len(shape) not in (1, 2) or (len(shape) == 2 and shape[1] != 1) or not _fit(shape[0], own[0]):
        raise ValueError(f"A batch needs identities (B,) and outputs (B, D). Received: the shapes {shape} and {own}.")


def _fit(first: int | None, second: int | None) -> bool:
    return None in (first, second) or first == second
