"""The terms that the loss of a detector is the sum of, so that each can be shown by itself while it trains."""

from typing import NamedTuple

import keras


class DetectorTerms(NamedTuple):
    """The terms of the loss of each picture, (B,) each, with their weights.

    Attributes:
        box: of the boxes that answer for an object.
        objectness: of the objectness, or confidence, of predictions that answer for an object.
        no_object: of that of predictions that do not.
        classes: of the classes.
    """

    box: keras.KerasTensor
    objectness: keras.KerasTensor
    no_object: keras.KerasTensor
    classes: keras.KerasTensor
