"""Pure functions: the arithmetic of convolutions and the table of a model that follows from it, boxes, batches.

Nothing here holds weights or state, and nothing imports another part of kerascnn.
"""

from kerascnn.ops.convolution import ReceptiveField, output_size, same_padding, transpose_output_size
from kerascnn.ops.describe import Description, Row, describe
from kerascnn.ops.padding import concatenate_padded
from kerascnn.ops.targets import corners_from_shares, first_object, shares_from_corners

__all__ = [
    "Description",
    "ReceptiveField",
    "Row",
    "concatenate_padded",
    "corners_from_shares",
    "describe",
    "first_object",
    "output_size",
    "same_padding",
    "shares_from_corners",
    "transpose_output_size",
]
