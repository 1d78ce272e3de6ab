"""Joining batches whose pictures hold different numbers of things."""

from collections.abc import Sequence

import numpy as np


def concatenate_padded(batches: Sequence[np.ndarray]) -> np.ndarray:
    """Join batches of annotations along their first axis.

    Args:
        batches: (B, ...) each; those of more than one axis may differ in the second, the number of things.

    Returns:
        (sum of B, ...): where there are fewer things than elsewhere, -1 stands, which is padding.
    """
    if batches[0].ndim > 1:
        longest = max(each.shape[1] for each in batches)
        rest = [(0, 0)] * (batches[0].ndim - 2)
        batches = [np.pad(each, [(0, 0), (0, longest - each.shape[1]), *rest], constant_values=-1) for each in batches]
    return np.concatenate(batches)
