"""Which pictures of a batch go together: pairs of the same and of different people, and triplets that are hard.

Distances are a matrix (B, B), small where two pictures are of the same person; identities are (B,) integers.

Schroff et al. 2015, "FaceNet: A Unified Embedding for Face Recognition and Clustering", arXiv:1503.03832, section 3.2;
Hermans et al. 2017, "In Defense of the Triplet Loss for Person Re-Identification", arXiv:1703.07737, section 2.
"""

import keras
from keras import ops

Tensor = keras.KerasTensor

FAR = 1e9  # farther than any two vectors of a network


def find_pairs(identities: Tensor) -> tuple[Tensor, Tensor]:
    """Find the pairs of pictures (B, B) of the same person, none with itself, and those of different people."""
    identities = ops.reshape(identities, (-1,))
    alike = ops.equal(identities[:, None], identities[None, :])
    places = ops.arange(ops.shape(identities)[0])
    return ops.logical_and(alike, places[:, None] != places[None, :]), ops.logical_not(alike)


def hardest_positives(distances: Tensor, same: Tensor) -> Tensor:
    """Give the distance of each picture to the farthest of the same person: (B,); below 0 where there is none."""
    return ops.max(ops.where(same, distances, -FAR), axis=1)


def hardest_negatives(distances: Tensor, different: Tensor) -> Tensor:
    """Give the distance of each picture to the nearest of somebody else: (B,); `FAR` where there is none."""
    return ops.min(ops.where(different, distances, FAR), axis=1)


def semihard_negatives(distances: Tensor, different: Tensor) -> Tensor:
    """Give the distance to the nearest negative that is farther than the positive, for each pair: (B, B).

    Where none is farther, it is the farthest negative, as TensorFlow's implementation has it.
    """
    farther = distances[:, None, :] > distances[:, :, None]
    candidates = ops.logical_and(different[:, None, :], farther)
    nearest = ops.min(ops.where(candidates, distances[:, None, :], FAR), axis=2)
    farthest = ops.max(ops.where(different, distances, -FAR), axis=1)
    return ops.where(ops.any(candidates, axis=2), nearest, farthest[:, None])


def random_negatives(distances: Tensor, different: Tensor) -> Tensor:
    """Give the distance to any negative for each pair: (B, B).

    The place of the negative in the batch is a fixed function of that of the pair: since batches are in random order,
    so is the picture that is there.
    """
    places = ops.cast(ops.arange(ops.shape(distances)[0]), "float32")
    anchors, positives, negatives = places[:, None, None], places[None, :, None], places[None, None, :]
    noise = ops.sin(12.9898 * anchors + 78.233 * positives + 37.719 * negatives) * 43758.5453
    draws = ops.where(different[:, None, :], noise - ops.floor(noise), -1.0)
    return ops.take_along_axis(distances, ops.argmax(draws, axis=2), axis=1)
