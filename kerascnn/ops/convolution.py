"""The arithmetic of convolutions: how large a map they give, and how much of the picture a unit of it sees.

Everything is about one side, height or width, in plain numbers; there are no tensors here. Pooling layers follow the
same rules: their kernel size is the `pool_size`.
"""

import numbers
from dataclasses import dataclass, replace


def output_size(
    size: int,
    kernel_size: int,
    *,
    strides: int = 1,
    padding: str | int | tuple[int, int] = "valid",
    dilation_rate: int = 1,
) -> int:
    """Compute one side of the map that a convolution or a pooling gives.

    It is floor((n + 2 p - f) / s) + 1 for an input of side n, p zeros on each side of it, the stride s, and a kernel
    that reaches over f = dilation_rate * (kernel_size - 1) + 1 pixels. `same` pads so much that it is ceil(n / s).

    Args:
        size: height or width of the input, in pixels.
        kernel_size: height or width of the kernel.
        strides: step from one output unit to the next, in input pixels.
        padding: `valid` is none, `same` is TensorFlow's; a number of zeros on each side, or (before, after).
        dilation_rate: distance between two taps of the kernel, in input pixels.

    Returns:
        The height or width of the output, at least 1.

    Raises:
        ValueError: for a number that is not positive, an unknown padding, or a kernel larger than the padded input.

    Example:
        >>> output_size(32, 5), output_size(224, 7, strides=2, padding=3)
        (28, 112)

    Reference:
        Dumoulin and Visin 2016, "A guide to convolution arithmetic for deep learning", arXiv:1603.07285,
        relationship 6, and section 5.1 for the dilation.
    """
    _check_positive(size=size, kernel_size=kernel_size, strides=strides, dilation_rate=dilation_rate)
    if padding == "same":
        return -(-size // strides)
    padded = size + sum(_explicit_padding(padding))
    extent = _dilate(kernel_size, dilation_rate)
    if extent > padded:
        raise ValueError(
            f"The kernel must not be larger than the padded input, {padded}. "
            f"Received: kernel_size={kernel_size}, dilation_rate={dilation_rate}, size={size}, padding={padding!r}."
        )
    return (padded - extent) // strides + 1


def same_padding(size: int, kernel_size: int, *, strides: int = 1, dilation_rate: int = 1) -> tuple[int, int]:
    """Compute how many zeros the padding `same` adds.

    Of an odd number the larger half goes to the end, as in TensorFlow. With a stride of 2, a layer therefore pads an
    even and an odd input differently.

    Args:
        size: height or width of the input.
        kernel_size: height or width of the kernel.
        strides: see `output_size`.
        dilation_rate: see `output_size`.

    Returns:
        (before, after).

    Raises:
        ValueError: for a number that is not positive.
    """
    last = (output_size(size, kernel_size, strides=strides, padding="same", dilation_rate=dilation_rate) - 1) * strides
    total = max(last + _dilate(kernel_size, dilation_rate) - size, 0)
    return total // 2, total - total // 2


def transpose_output_size(
    size: int,
    kernel_size: int,
    *,
    strides: int = 1,
    padding: str = "valid",
    output_padding: int | None = None,
    dilation_rate: int = 1,
) -> int:
    """Compute one side of the map that a transposed convolution gives, as Keras' `Conv2DTranspose` has it.

    With n the side of the input, s the stride and f the dilated kernel it is (n - 1) s + max(f, s) for `valid` and
    n s for `same`; an output padding o makes it (n - 1) s + f + o, and (n - 1) s + (f mod 2) + o.

    Args:
        size: height or width of the input.
        kernel_size: height or width of the kernel.
        strides: step between two input pixels, in output pixels.
        padding: `valid` or `same`.
        output_padding: additional rows or columns at the end, fewer than the stride; None lets Keras choose.
        dilation_rate: see `output_size`.

    Raises:
        ValueError: for a number that is not positive, an unknown padding, or an output padding out of range.

    Reference:
        Dumoulin and Visin 2016, arXiv:1603.07285, section 4; what None and `same` mean is Keras' own.
    """
    _check_positive(size=size, kernel_size=kernel_size, strides=strides, dilation_rate=dilation_rate)
    if padding not in ("valid", "same"):
        raise ValueError(f"padding must be 'valid' or 'same'. Received: padding={padding!r}.")
    if output_padding is not None and not 0 <= output_padding < strides:
        raise ValueError(
            "output_padding must not be negative and must be smaller than the stride, or be None. "
            f"Received: output_padding={output_padding}, strides={strides}."
        )
    extent = _dilate(kernel_size, dilation_rate)
    if output_padding is None:
        return size * strides if padding == "same" else (size - 1) * strides + max(extent, strides)
    return (size - 1) * strides + (extent if padding == "valid" else extent % 2) + output_padding


@dataclass(frozen=True)
class ReceptiveField:
    """What a unit of a map sees of the picture, along one side: unit u sees `size` pixels from start + u * stride on.

    A new one is that of the picture itself, and each layer extends it. Padded zeros count as seen, so a field may reach
    beyond the picture.

    Attributes:
        size: pixels that a unit sees. After a layer that enlarges its map, neighbouring units may see different numbers
            of pixels; then it is their mean, and may be a fraction.
        stride: pixels between the fields of two neighbouring units: a fraction where the map is larger than the
            picture, 0 where every unit sees the whole.
        start: first pixel that the first unit sees; minus it is what Araujo et al. call the effective padding.

    Example:
        >>> ReceptiveField().extend(3, padding=1).extend(2, strides=2)
        ReceptiveField(size=4, stride=2, start=-1)

    Reference:
        Araujo, Norris and Sim 2019, "Computing Receptive Fields of Convolutional Neural Networks", Distill,
        doi:10.23915/distill.00021; Dumoulin and Visin 2016, arXiv:1603.07285.
    """

    size: float = 1
    stride: float = 1
    start: float = 0

    def extend(
        self, kernel_size: int, *, strides: int = 1, dilation_rate: int = 1, padding: int = 0
    ) -> "ReceptiveField":
        """Compute the field after a convolution or a pooling: from size r and stride j to r + (f - 1) j and s j.

        Args:
            kernel_size: height or width of the kernel.
            strides: see `output_size`.
            dilation_rate: see `output_size`.
            padding: zeros before the first pixel; negative where pixels are cropped.

        Raises:
            ValueError: for a number that is not positive.
        """
        _check_positive(kernel_size=kernel_size, strides=strides, dilation_rate=dilation_rate)
        return ReceptiveField(
            self.size + (_dilate(kernel_size, dilation_rate) - 1) * self.stride,
            self.stride * strides,
            self.start - padding * self.stride,
        )

    def extend_transpose(
        self, kernel_size: int, *, strides: int = 1, dilation_rate: int = 1, padding: int = 0
    ) -> "ReceptiveField":
        """Compute the field after a transposed convolution, whose units see f / s input units each, on average.

        Args:
            kernel_size: height or width of the kernel.
            strides: see `transpose_output_size`.
            dilation_rate: see `output_size`.
            padding: output pixels that are cut off before the first one.

        Raises:
            ValueError: for a number that is not positive.
        """
        _check_positive(kernel_size=kernel_size, strides=strides, dilation_rate=dilation_rate)
        extent = _dilate(kernel_size, dilation_rate)
        # Unit u sees the input units from ceil((u + padding - f + 1) / s) to floor((u + padding) / s). Averaged over
        # all u, rounding up adds (s - 1) / (2 s).
        return ReceptiveField(
            self.size + (extent - strides) / strides * self.stride,
            self.stride / strides,
            self.start + (2 * (padding - extent) + strides + 1) / (2 * strides) * self.stride,
        )

    def cover(self, size: int) -> "ReceptiveField":
        """Compute the field of what sees a whole map of this side, such as a global pooling or a dense layer."""
        return replace(self.extend(size), stride=0)

    def merge(self, *others: "ReceptiveField") -> "ReceptiveField":
        """Compute the field of a sum or a concatenation of maps: the smallest one that holds those of all of them."""
        fields = (self, *others)
        start = min(field.start for field in fields)
        end = max(field.start + field.size for field in fields)
        strides = [field.stride for field in fields]
        # Where one branch sees the whole, as the gate of a squeeze-and-excitation does, every unit of the sum sees it.
        return ReceptiveField(end - start, max(strides) if all(strides) else 0, start)


def _dilate(kernel_size, dilation_rate):
    """Compute the pixels from the first tap of a kernel to its last."""
    return dilation_rate * (kernel_size - 1) + 1


def _explicit_padding(padding):
    """Give (before, after) of every padding but `same`."""
    if padding == "valid":
        return 0, 0
    pair = (padding, padding) if isinstance(padding, numbers.Integral) else padding
    if isinstance(pair, (tuple, list)) and len(pair) == 2 and all(isinstance(n, numbers.Integral) for n in pair):
        before, after = pair
        if before >= 0 and after >= 0:
            return before, after
    raise ValueError(
        "padding must be 'same', 'valid', a number of zeros or a pair (before, after), none of them negative. "
        f"Received: padding={padding!r}."
    )


def _check_positive(**values):
    """Refuse what is not a whole number of at least 1."""
    for name, value in values.items():
        if not (isinstance(value, numbers.Integral) and value >= 1):
            raise ValueError(f"{name} must be a whole number of at least 1. Received: {name}={value!r}.")
