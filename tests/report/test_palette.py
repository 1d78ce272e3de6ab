"""Colours of classes, by the formulas of contrast and by a simulation of colour blindness."""

import numpy as np
import pytest

from kerascnn.report.palette import COLORS, class_color, hexadecimal, ink_on

# Viénot, Brettel and Mollon 1999: linear RGB as people without long-wave or middle-wave cones see it.
PROTANOPIA = np.array([[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]])
DEUTERANOPIA = np.array([[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]])


def linear(color):
    shares = np.array(color) / 255
    return np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4)


def luminance(color):
    return linear(color) @ [0.2126, 0.7152, 0.0722]


def contrast(one, other):
    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("number", range(21))
def test_ink_is_the_more_legible_one_and_legible(number):
    color = class_color(number)
    contrasts = {ink: contrast(color, ink) for ink in [(0, 0, 0), (255, 255, 255)]}
    assert contrasts[ink_on(color)] == max(contrasts.values()) > 4.5  # WCAG's level AA


def test_twenty_one_classes_have_colours_of_their_own_and_more_begin_again():
    assert len({class_color(number) for number in range(21)}) == 21
    assert class_color(21) == class_color(0) == COLORS[0]
    assert all(0 <= part <= 255 for number in range(21) for part in class_color(number))


@pytest.mark.parametrize("vision", [np.eye(3), PROTANOPIA, DEUTERANOPIA], ids=["full", "protanopia", "deuteranopia"])
def test_the_first_colours_stay_apart_without_some_cones(vision):
    seen = np.array([vision @ linear(color) for color in COLORS]).clip(0, 1) ** (1 / 2.2)
    distances = np.linalg.norm(seen[:, None] - seen[None], axis=-1)
    assert distances[~np.eye(len(COLORS), dtype=bool)].min() > 0.1


def test_a_colour_in_hexadecimal():
    assert hexadecimal((0, 158, 255)) == "#009eff"
