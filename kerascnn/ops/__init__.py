"""Pure functions: the arithmetic of convolutions, the table of a model that follows from it, and sliding windows.

Nothing here holds weights or state, and nothing imports another part of kerascnn.
"""

from kerascnn.ops.convolution import ReceptiveField, output_size, same_padding, transpose_output_size
from kerascnn.ops.describe import Description, Row, describe
from kerascnn.ops.windows import WindowGeometry, count_windows, pyramid_sizes, resize, window_boxes, window_geometry

__all__ = [
    "Description",
    "ReceptiveField",
    "Row",
    "WindowGeometry",
    "count_windows",
    "describe",
    "output_size",
    "pyramid_sizes",
    "resize",
    "same_padding",
    "transpose_output_size",
    "window_boxes",
    "window_geometry",
]
