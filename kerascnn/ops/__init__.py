"""Pure functions: the arithmetic of convolutions, and the table of a model that follows from it.

Nothing here holds weights or state, and nothing imports another part of kerascnn.
"""

from kerascnn.ops.convolution import ReceptiveField, output_size, same_padding, transpose_output_size
from kerascnn.ops.describe import Description, Row, describe

__all__ = [
    "Description",
    "ReceptiveField",
    "Row",
    "describe",
    "output_size",
    "same_padding",
    "transpose_output_size",
]
