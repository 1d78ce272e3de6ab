"""Checks of what augmentations are given."""

import math


def check_share(name: str, value: float) -> None:
    """Refuse a number outside of 0..1.

    Raises:
        ValueError: if it is.
    """
    if not 0 <= value <= 1:
        raise ValueError(f"{name} must lie in 0..1. Received: {name}={value}.")


def check_between(name: str, value: float, low: float, high: float = math.inf) -> None:
    """Refuse a number outside of its bounds; no bound stands for any finite number.

    Raises:
        ValueError: if it is.
    """
    if not (low <= value <= high and math.isfinite(value)):
        raise ValueError(f"{name} must lie in {low}..{high}. Received: {name}={value}.")


def check_range(name: str, values: tuple[float, float], high: float = math.inf) -> None:
    """Refuse a range that is not in order, or not above 0 and up to its bound; none stands for any finite number.

    Raises:
        ValueError: if it is not.
    """
    smallest, largest = values
    if not (0 < smallest <= largest <= high and math.isfinite(largest)):
        raise ValueError(
            f"{name} must be the smallest and the largest, above 0 and up to {high}. Received: {name}={values}."
        )
