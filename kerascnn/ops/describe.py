"""The table of a model: the shape, parameters, multiply-adds and receptive field of each layer, without running it.

The arithmetic is in `kerascnn.ops.convolution`; what each kind of Keras layer means for it is here.
"""

import io
import math
from dataclasses import dataclass

import keras
from keras import layers
from rich import box
from rich.console import Console
from rich.table import Table

from kerascnn.ops.convolution import ReceptiveField, same_padding
from kerascnn.ops.graph import calls_of

CONVOLUTIONS = (layers.Conv2D, layers.DepthwiseConv2D, layers.SeparableConv2D)
POOLINGS = (layers.MaxPooling2D, layers.AveragePooling2D)
GLOBAL_POOLINGS = (layers.GlobalMaxPooling2D, layers.GlobalAveragePooling2D)
ONE_KERNEL = (layers.Dense, layers.Conv1D, layers.Conv2D, layers.Conv3D, layers.DepthwiseConv1D, layers.DepthwiseConv2D)
TWO_KERNELS = (layers.SeparableConv1D, layers.SeparableConv2D)
TRANSPOSES = (layers.Conv1DTranspose, layers.Conv2DTranspose, layers.Conv3DTranspose)
# How many input pixels are mixed into an upsampled one, along one side.
INTERPOLATION_TAPS = {"nearest": 1, "bilinear": 2, "bicubic": 4, "lanczos3": 6, "lanczos5": 10}

MISSING = "\N{EN DASH}"


@dataclass(frozen=True)
class Row:
    """One layer of a model, for one picture. Pairs are (height, width).

    Attributes:
        name: of the layer; in a nested model, after that model's name and a slash.
        kind: class of the layer.
        output_shape: shape of the activation without the batch; of the first, if the layer gives several.
        activation_size: numbers in the activation.
        parameters: weights, trainable or not. A layer that is called twice has two rows, and its weights count in the
            first.
        multiply_adds: products that are summed in convolutions and dense layers, padding included. Biases,
            normalisations, activations and poolings do not count, as in the tables of the MobileNet papers.
        receptive_field: input pixels that a unit sees; see `ReceptiveField`. None for what does not come from a
            picture, and after a layer that changes the height and width in a way that is not known here.
        stride: input pixels between two neighbouring units; also None where every unit sees the whole map.
        start: first input pixel that the first unit sees, negative where there is padding; None where the stride is.
    """

    name: str
    kind: str
    output_shape: tuple[int, ...]
    activation_size: int
    parameters: int
    multiply_adds: int
    receptive_field: tuple[float, float] | None
    stride: tuple[float, float] | None
    start: tuple[float, float] | None


@dataclass(frozen=True, repr=False)
class Description:
    """The rows of a model, in an order in which its layers can be computed. As text it is a table.

    Attributes:
        name: of the model.
        rows: one for each call of a layer.
    """

    name: str
    rows: tuple[Row, ...]

    @property
    def activation_size(self) -> int:
        """Numbers in all activations together, the input's included."""
        return sum(row.activation_size for row in self.rows)

    @property
    def parameters(self) -> int:
        """Weights of the model, trainable or not."""
        return sum(row.parameters for row in self.rows)

    @property
    def multiply_adds(self) -> int:
        """Multiply-adds of one picture; see `Row`."""
        return sum(row.multiply_adds for row in self.rows)

    def __str__(self) -> str:
        table = Table(box=box.ASCII2, show_footer=True)
        totals = (self.activation_size, self.parameters, self.multiply_adds)
        table.add_column("Layer", "Total")
        table.add_column("Kind")
        table.add_column("Activation shape")
        for header, total in zip(("Activation size", "Parameters", "Multiply-adds"), totals, strict=True):
            table.add_column(header, f"{total:,}", justify="right")
        table.add_column("Receptive field", justify="right")
        table.add_column("Stride", justify="right")
        for row in self.rows:
            counts = (f"{count:,}" for count in (row.activation_size, row.parameters, row.multiply_adds))
            sides = (_format_sides(pair) for pair in (row.receptive_field, row.stride))
            table.add_row(row.name, row.kind, str(row.output_shape), *counts, *sides)
        text = io.StringIO()
        # Plain text of the table's own width, whatever the terminal; a layer's name is no markup.
        console = Console(file=text, width=1000, color_system=None, force_jupyter=False, markup=False, emoji=False)
        console.print(table)
        return f"{self.name}\n{text.getvalue().rstrip()}"

    __repr__ = __str__


def describe(model: keras.Model) -> Description:
    """List the shape, parameters, multiply-adds and receptive field of each layer of a model.

    A nested model is listed layer by layer. The receptive field of a layer with several inputs holds those of all of
    them; what follows a global pooling or a `Flatten` sees the whole map. A layer that is not known here, and keeps the
    height and width of its input, is taken to work on each unit alone, and to multiply nothing.

    Args:
        model: functional or Sequential, built, with a fixed input size, channels last.

    Returns:
        The table: `print(describe(model))`, or `describe(model).rows`.

    Raises:
        ValueError: for a model without a graph, a size that is not fixed, or channels first.

    Example:
        >>> model = keras.Sequential([keras.Input((32, 32, 3)), keras.layers.Conv2D(6, 5)])
        >>> describe(model).multiply_adds
        352800

    Reference:
        Howard et al. 2017, arXiv:1704.04861, for the multiply-adds; Araujo et al. 2019, doi:10.23915/distill.00021, for
        the receptive fields of graphs.
    """
    if not _has_graph(model):
        raise ValueError(
            "model must be a functional or Sequential model that is built; give a Sequential one an Input. "
            f"Received: model={model!r}."
        )
    pictures = [(ReceptiveField(), ReceptiveField()) if len(image.shape) == 4 else None for image in model.inputs]
    rows, _ = _describe_graph(model, pictures, prefix="", counted=set())
    return Description(model.name, tuple(rows))


def _format_sides(pair):
    """Write (height, width) as 28 if they are equal, as 28x14 if not."""
    if pair is None:
        return MISSING
    height, width = (f"{side:.6g}" for side in pair)
    return height if height == width else f"{height}x{width}"


def _has_graph(model):
    """Tell a functional or built Sequential model from every other layer."""
    return isinstance(model, keras.Model) and bool(getattr(model, "inputs", None))


def _describe_graph(model, input_fields, prefix, counted):
    """List the rows of a model and the fields of its outputs; `counted` remembers layers whose weights are counted."""
    fields = {id(tensor): field for tensor, field in zip(model.inputs, input_fields, strict=True)}
    rows = []
    for node in calls_of(model):
        layer, inputs, outputs = node.operation, node.input_tensors, node.outputs
        _check_layout(layer, prefix, outputs)
        seen = [fields[id(tensor)] for tensor in inputs]
        if _has_graph(layer):
            inner, output_fields = _describe_graph(layer, seen, f"{prefix}{layer.name}/", counted)
            rows += inner
        elif node.is_input:
            output_fields = [fields[id(output)] for output in outputs]
            if not prefix:  # what enters a nested model has a row already
                rows.append(_describe_call(layer, prefix, inputs, outputs, output_fields[0], counted))
        else:
            output_fields = [_see(layer, inputs, output, seen) for output in outputs]
            rows.append(_describe_call(layer, prefix, inputs, outputs, output_fields[0], counted))
        fields.update(zip(map(id, outputs), output_fields, strict=True))
    return rows, [fields[id(output)] for output in model.outputs]


def _check_layout(layer, prefix, outputs):
    """Refuse what the arithmetic is not made for."""
    if any(side is None for output in outputs for side in output.shape[1:]):
        raise ValueError(
            "model must have a fixed input size, as keras.Input((224, 224, 3)) has. "
            f"Received: layer {prefix}{layer.name} with the output shape {outputs[0].shape}."
        )
    if getattr(layer, "data_format", None) == "channels_first":
        raise ValueError(f"model must have its channels last. Received: {prefix}{layer.name} with channels_first.")


def _describe_call(layer, prefix, inputs, outputs, field, counted):
    """Make the row of one call of a layer, or of an operation such as `x + y`."""
    is_new = id(layer) not in counted
    counted.add(id(layer))
    on_map = field is not None and all(axis.stride for axis in field)
    return Row(
        name=f"{prefix}{layer.name}",
        kind=type(layer).__name__,
        output_shape=tuple(outputs[0].shape[1:]),
        activation_size=sum(math.prod(output.shape[1:]) for output in outputs),
        parameters=layer.count_params() if is_new and isinstance(layer, layers.Layer) else 0,
        multiply_adds=_count_multiply_adds(layer, inputs, outputs),
        receptive_field=None if field is None else tuple(axis.size for axis in field),
        stride=tuple(axis.stride for axis in field) if on_map else None,
        start=tuple(axis.start for axis in field) if on_map else None,
    )


def _count_multiply_adds(layer, inputs, outputs):
    """Count the weights of the kernels, once for each position at which they are laid on the map."""
    if isinstance(layer, TRANSPOSES):  # their kernel is laid on the output, once for each input pixel
        return math.prod(inputs[0].shape[1:-1]) * math.prod(layer.kernel.shape)
    if isinstance(layer, TWO_KERNELS):
        weights = math.prod(layer.depthwise_kernel.shape) + math.prod(layer.pointwise_kernel.shape)
    else:
        weights = math.prod(layer.kernel.shape) if isinstance(layer, ONE_KERNEL) else 0
    return math.prod(outputs[0].shape[1:-1]) * weights


def _see(layer, inputs, output, input_fields):
    """Compute the (height, width) receptive fields of an output, or None if they are not known."""
    if not input_fields or None in input_fields:
        return None
    height, width = (first.merge(*others) for first, *others in zip(*input_fields, strict=True))
    if height.stride == width.stride == 0:  # once everything is seen, no layer can see more
        return height, width
    before, after = inputs[0].shape[1:3], output.shape[1:3]
    if isinstance(layer, GLOBAL_POOLINGS) or len(output.shape) <= 2:
        return height.cover(before[0]), width.cover(before[1])
    if isinstance(layer, (*CONVOLUTIONS, *POOLINGS, layers.Conv2DTranspose)):
        return _slide(layer, 0, height, before[0], after[0]), _slide(layer, 1, width, before[1], after[1])
    if isinstance(layer, layers.UpSampling2D):
        return _interpolate(layer, 0, height), _interpolate(layer, 1, width)
    if isinstance(layer, layers.ZeroPadding2D):
        (top, _), (left, _) = layer.padding
        return height.extend(1, padding=top), width.extend(1, padding=left)
    if isinstance(layer, layers.Cropping2D):
        (top, _), (left, _) = layer.cropping
        return height.extend(1, padding=-top), width.extend(1, padding=-left)
    return (height, width) if after in [tensor.shape[1:3] for tensor in inputs] else None


def _slide(layer, axis, field, size, output_size):
    """Extend a field by the kernel of a convolution, a pooling or a transposed convolution."""
    kernel_size = (layer.pool_size if isinstance(layer, POOLINGS) else layer.kernel_size)[axis]
    steps = {"strides": layer.strides[axis], "dilation_rate": getattr(layer, "dilation_rate", (1, 1))[axis]}
    is_transpose = isinstance(layer, layers.Conv2DTranspose)
    # A transposed convolution cuts off what the convolution from its output to its input would pad.
    padded = output_size if is_transpose else size
    padding = same_padding(padded, kernel_size, **steps)[0] if layer.padding == "same" else 0
    return (field.extend_transpose if is_transpose else field.extend)(kernel_size, padding=padding, **steps)


def _interpolate(layer, axis, field):
    """Extend a field by an upsampling, which is a transposed convolution with a fixed kernel."""
    factor, taps = layer.size[axis], INTERPOLATION_TAPS[layer.interpolation]
    return field.extend_transpose(taps * factor, strides=factor, padding=(taps - 1) * factor // 2)
