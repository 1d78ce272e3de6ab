"""Where predictions stand, listed one by one, and random objects among them."""

import numpy as np

from kerascnn.ops.grids import Places

# Stride, rows, columns and anchors of each grid of a picture of 96 x 64 pixels.
GRIDS = (
    (16, 6, 4, ((10.0, 14.0), (24.0, 12.0))),
    (32, 3, 2, ((30.0, 40.0), (60.0, 50.0), (20.0, 70.0))),
)
SIZE = (96, 64)  # height, width


def list_places(grids=GRIDS):
    """List the places of all anchors of all cells."""
    places = [
        (column, row, stride, *anchor)
        for stride, rows, columns, anchors in grids
        for row in range(rows)
        for column in range(columns)
        for anchor in anchors
    ]
    places = np.float32(places).reshape(-1, 5)
    return Places(places[:, :2], places[:, 2:3], places[:, 3:])


def draw_rows(seed, count, *, size=SIZE, classes=3, crowded=False):
    """Draw rows (count, 5) of objects inside the picture, a third of them padding; in a crowd, centres are near."""
    rng = np.random.default_rng(seed)
    height, width = size
    centers = rng.uniform(0.4, 0.55, (count, 2)) if crowded else rng.uniform(0.02, 0.98, (count, 2))
    centers = centers * [width, height]
    sides = np.exp(rng.uniform(np.log(4), np.log(70), (count, 2)))
    low, high = np.maximum(centers - sides / 2, 0), np.minimum(centers + sides / 2, [width, height])
    rows = np.hstack([low, high, rng.integers(0, classes, (count, 1))]).astype("float32")
    rows[rng.random(count) < 1 / 3] = -1
    return rows


def draw_predictions(seed, places, batch_size=2, classes=3):
    """Draw predictions (B, N, 5 + classes + 5) whose boxes are near their anchors."""
    rng = np.random.default_rng(seed)
    number = len(places.cells)
    centers = (places.cells + 0.5 + rng.normal(0, 0.5, (batch_size, number, 2))) * places.strides
    sides = places.anchors * np.exp(rng.normal(0, 0.5, (batch_size, number, 2)))
    boxes = np.concatenate([centers - sides / 2, centers + sides / 2], axis=-1)
    logits = rng.normal(0, 2, (batch_size, number, 1 + classes))
    place = np.broadcast_to(np.concatenate(places, axis=-1), (batch_size, number, 5))
    return np.concatenate([boxes, logits, place], axis=-1).astype("float32")
