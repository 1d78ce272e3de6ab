"""TFLite files as objects: unpack, look at the operators, pack again, smaller than the converter does."""

from collections.abc import Sequence

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

FILE_IDENTIFIER = b"TFL3"
SIGNATURE = b"serving_default"
ALIGNMENT = 16  # bytes; the converter's own, so that kernels may read weights in place


def unpack(content: bytes) -> schema.ModelT:
    """Read the bytes of a .tflite file into the schema's object form."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))
    for buffer in model.buffers:
        if buffer.offset > 1:  # some tools store weights after the flatbuffer; bring them back into it
            buffer.data = np.frombuffer(content, np.uint8, buffer.size, buffer.offset)
            buffer.offset = buffer.size = 0
    return model


def pack(model: schema.ModelT) -> bytes:
    """Write a model in object form as the bytes of a .tflite file, equal vectors stored once."""
    builder = _SharingBuilder()
    builder.Finish(model.Pack(builder), FILE_IDENTIFIER)
    return bytes(builder.Output())


class _SharingBuilder(flatbuffers.Builder):
    """A builder that stores equal vectors once.

    A quantised network has a scale and a zero point for every channel, and again for every bias: the zero points, eight
    bytes each and all zero, are a tenth of an int8 MobileNetV2.
    """

    def __init__(self) -> None:
        super().__init__(1024)
        self._stored: dict[tuple[str, int, bytes], int] = {}

    def CreateNumpyVector(self, x: np.ndarray) -> int:  # noqa: N802, the name is flatbuffers'
        """Give the offset of a vector, which is written only if no equal one was."""
        key = (x.dtype.str, x.size, x.tobytes())
        if key not in self._stored:
            # A vector is its length, 4 bytes, and then the elements, and it is the elements that have to be aligned.
            self.Prep(ALIGNMENT, x.nbytes)
            self._stored[key] = super().CreateNumpyVector(x)
        return self._stored[key]


def add_signature(content: bytes, inputs: Sequence[str], outputs: Sequence[str]) -> bytes:
    """Name the inputs and outputs of a .tflite file, which clients ask for by these names.

    Args:
        content: a file of one graph.
        inputs: the names in the order of the graph.
        outputs: the same. A signature that is there already is replaced.
    """
    model = unpack(content)
    signature, graph = schema.SignatureDefT(), model.subgraphs[0]
    signature.signatureKey = SIGNATURE
    signature.inputs, signature.outputs = _name_tensors(inputs, graph.inputs), _name_tensors(outputs, graph.outputs)
    model.signatureDefs = [signature]
    return pack(model)


def _name_tensors(names: Sequence[str], tensors: Sequence[int]) -> list[schema.TensorMapT]:
    maps = []
    for name, tensor in zip(names, tensors, strict=True):
        maps.append(schema.TensorMapT())
        maps[-1].name, maps[-1].tensorIndex = name.encode(), int(tensor)
    return maps


def custom_operators(content: bytes) -> list[str]:
    """List the operators of a .tflite file that are not builtin, such as `FlexErfinv`."""
    codes = unpack(content).operatorCodes
    return sorted({code.customCode.decode() for code in codes if code.customCode})


def operator_counts(content: bytes) -> dict[str, int]:
    """Count the builtin operators of a .tflite file by name, such as `{"CONV_2D": 35}`."""
    names = {value: name for name, value in vars(schema.BuiltinOperator).items() if isinstance(value, int)}
    model = unpack(content)
    counts: dict[str, int] = {}
    for graph in model.subgraphs:
        for operator in graph.operators:
            name = names[model.operatorCodes[operator.opcodeIndex].builtinCode]
            counts[name] = counts.get(name, 0) + 1
    return counts
