"""YOLO's first version: fully connected layers that look at the whole picture say what is in each cell of a grid.

Redmon et al. 2016, "You Only Look Once: Unified, Real-Time Object Detection", arXiv:1506.02640, sections 2.1 and 2.2.
Its body is `extraction`; what its outputs mean stands in `kerascnn.ops.decode_yolo_v1`.
"""

from typing import Any

import keras
from keras import layers
from keras.initializers import RandomNormal

from kerascnn.architectures.catalogue import build
from kerascnn.architectures.darknet import INITIALIZER, NEGATIVE_SLOPE, convolve
from kerascnn.architectures.heads import SMALL

STRIDES = (1, 2, 1, 1)  # figure 3: of the four convolutions that are added to the pretrained ones


def yolo_v1(
    architecture: str,
    input_shape: tuple[int, int, int],
    num_classes: int,
    *,
    grid: int = 7,
    boxes: int = 2,
    filters: int = 1024,
    hidden_units: int = 4096,
    dropout: float = 0.5,
    **options: Any,
) -> keras.Model:
    """Build YOLO's first version: a classifier's body, four convolutions of 3x3, and two fully connected layers.

    Args:
        architecture: the body, a name of `CLASSIFIERS`; `extraction` with `batch_norm=False` makes the paper's network.
        input_shape: (height, width, 3); the paper's is (448, 448, 3).
        num_classes: C, number of classes, at least 1; the paper's 20.
        grid: S, rows and columns of cells that the picture is divided into.
        boxes: B, the boxes that each cell predicts.
        filters: of the four convolutions.
        hidden_units: of the first fully connected layer. It has the most of all weights, 206 of the 272 million of the
            paper's network: small data and phones need fewer.
        dropout: share of its outputs that is dropped in training, in [0, 1).
        **options: what the body's builder takes, such as `weights` or `alpha`.

    Returns:
        A model of pictures (B, height, width, 3), RGB in 0..255, to (B, S, S, 5 boxes + C), linear: of each cell x, y,
        sqrt(w), sqrt(h) and confidence for each box, then the probabilities of the classes. The paper's network has
        271,703,550 parameters.

    Raises:
        ValueError: for a number that is not positive, a dropout out of range, or what the body's builder refuses.

    Reference:
        Redmon et al. 2016, arXiv:1506.02640, section 2.2 and figure 3.
    """
    numbers = {"num_classes": num_classes, "grid": grid, "boxes": boxes}
    numbers |= {"filters": filters, "hidden_units": hidden_units}
    if min(numbers.values()) < 1:
        received = ", ".join(f"{name}={number}" for name, number in numbers.items())
        raise ValueError(f"{', '.join(numbers)} must be at least 1. Received: {received}.")
    if not 0 <= dropout < 1:
        raise ValueError(f"dropout must lie in [0, 1). Received: dropout={dropout}.")
    body = build(architecture, input_shape, None, **options)
    x = body.output
    for number, strides in enumerate(STRIDES, start=1):
        x = convolve(x, filters, 3, f"head_conv{number}", strides=strides, batch_norm=False)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(hidden_units, kernel_initializer=INITIALIZER, name="hidden")(x)
    x = layers.LeakyReLU(NEGATIVE_SLOPE, name="hidden_leaky")(x)
    if dropout:
        x = layers.Dropout(dropout, name="hidden_dropout")(x)
    depth = 5 * boxes + num_classes
    x = layers.Dense(grid * grid * depth, kernel_initializer=RandomNormal(stddev=SMALL), name="cells")(x)
    # In half precision, the area of a box in pixels would be infinite.
    answer = layers.Reshape((grid, grid, depth), dtype="float32", name="answer")(x)
    return keras.Model(body.input, answer, name=architecture)
