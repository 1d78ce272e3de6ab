"""Pure functions: the arithmetic of convolutions and the table of a model that follows from it, boxes, batches.

Nothing here holds weights or state, and nothing imports another part of kerascnn.
"""

from kerascnn.ops.convolution import ReceptiveField, output_size, same_padding, transpose_output_size
from kerascnn.ops.describe import Description, Row, describe
from kerascnn.ops.padding import concatenate_padded

__all__ = [
    "Description",
    "ReceptiveField",
    "Row",
    "concatenate_padded",
    "describe",
    "output_size",
    "same_padding",
    "transpose_output_size",
]
