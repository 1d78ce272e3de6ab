"""How far vectors are from each other: each of some from each of others, as a matrix."""

import keras
from keras import ops

Tensor = keras.KerasTensor

DISTANCES = ("squared", "cosine")


def squared_distances(first: Tensor, second: Tensor) -> Tensor:
    """Compute ||f - g||^2 of each f of (N, D) and each g of (M, D): (N, M), at least 0.

    It has a gradient everywhere. By one matrix product, so that vectors that are nearly equal have an error of some
    1e-7 of their squared lengths.
    """
    lengths = ops.sum(ops.square(first), axis=1)[:, None] + ops.sum(ops.square(second), axis=1)[None, :]
    return ops.maximum(lengths - 2 * ops.matmul(first, ops.transpose(second)), 0)


def cosine_similarities(first: Tensor, second: Tensor) -> Tensor:
    """Compute <f, g> / (||f|| ||g||) of each f of (N, D) and each g of (M, D): (N, M), in -1..1; 0 for zeros."""
    return ops.matmul(ops.normalize(first, axis=1), ops.transpose(ops.normalize(second, axis=1)))


def pairwise_distances(vectors: Tensor, distance: str) -> Tensor:
    """Compute how far each of (B, D) vectors is from each: (B, B).

    Args:
        vectors: of any length.
        distance: `squared` is ||f - g||^2, `cosine` is 1 less the cosine similarity.

    Raises:
        ValueError: for an unknown distance.
    """
    if distance not in DISTANCES:
        raise ValueError(f"distance must be {' or '.join(DISTANCES)}. Received: distance={distance!r}.")
    if distance == "cosine":
        return 1 - cosine_similarities(vectors, vectors)
    return squared_distances(vectors, vectors)


def safe_root(squares: Tensor) -> Tensor:
    """Compute the square root; its gradient at 0, which is infinite, is taken as 0."""
    positive = squares > 0
    return ops.where(positive, ops.sqrt(ops.where(positive, squares, 1)), 0)
