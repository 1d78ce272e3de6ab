"""TFLite metadata: what a phone's client has to know of a file, written into the file.

MediaPipe's own writers cannot be imported where its package is current, so the few tables that are needed are built
here with `flatbuffers`, after metadata_schema.fbs (file identifier M001). The label file is appended to the model as a
zip archive with one stored entry, which is where the clients look for it.
"""

import io
import zipfile
from collections.abc import Mapping, Sequence

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from kerascnn.export.flatbuffer import pack, unpack

FILE_IDENTIFIER = b"M001"
BUFFER_NAME = b"TFLITE_METADATA"
LABELS_FILE = "labels.txt"

# Values of the schema's enums and unions.
COLOR_SPACE_RGB = 1
CONTENT_FEATURE, CONTENT_IMAGE, CONTENT_BOXES = 1, 2, 3
BOUNDARIES = 1  # type of boxes that are given by their sides; in shares of the picture, which is the default
OPTIONS_NORMALIZATION = 1
LABELS = {"axis": 2, "value": 3}  # TENSOR_AXIS_LABELS, TENSOR_VALUE_LABELS

# MediaPipe finds the four outputs of a detector by their names.
BOXES = "location"
CLIENT_NAMES = {"number": "number of detections"}
BOX_ORDER = (1, 0, 3, 2)  # where x1, y1, x2 and y2 stand in y1, x1, y2, x2


def add_metadata(
    content: bytes, *, name: str, description: str, classes: Sequence[str], labels: Mapping[str, str]
) -> bytes:
    """Write metadata and labels into a .tflite file.

    A file with the outputs `location`, `category`, `score` and `number`, see `kerascnn.tasks.detector_outputs`, is a
    detector for MediaPipe.

    Args:
        content: the file, with one signature and one image input.
        name: what the model is called.
        description: what it does, in a sentence.
        classes: name of each class, without line breaks.
        labels: the outputs of the signature that the class names belong to: `axis`, when they name the positions along
            the last axis, or `value`, when they name the numbers in the tensor.

    Returns:
        The new file. Metadata that were there already are replaced.

    Raises:
        ValueError: for a class name with a line break in it, which the label file could not hold.
    """
    if any("\n" in each or "\r" in each for each in classes):
        raise ValueError("A class name must not contain a line break: labels.txt holds one name a line.")
    model = unpack(content)
    metadata = np.frombuffer(_model_metadata(model, name, description, labels), np.uint8)
    model.buffers[_find_buffer(model)].data = metadata

    file = io.BytesIO(pack(model))
    with zipfile.ZipFile(file, "a", zipfile.ZIP_STORED) as archive:
        # A fixed date, so that the same model gives the same bytes.
        archive.writestr(zipfile.ZipInfo(LABELS_FILE), "\n".join(classes) + "\n")
    return file.getvalue()


def _find_buffer(model: schema.ModelT) -> int:
    """Find the buffer of the metadata; one is added if there is none."""
    model.metadata = model.metadata or []
    for entry in model.metadata:
        if entry.name == BUFFER_NAME:
            return entry.buffer
    entry = schema.MetadataT()
    entry.name, entry.buffer = BUFFER_NAME, len(model.buffers)
    model.metadata.append(entry)
    model.buffers.append(schema.BufferT())
    return entry.buffer


def _model_metadata(model: schema.ModelT, name: str, description: str, labels: Mapping[str, str]) -> bytes:
    graph, signature = model.subgraphs[0], model.signatureDefs[0]
    names = {each.tensorIndex: each.name.decode() for each in (*signature.inputs, *signature.outputs)}
    builder = flatbuffers.Builder(1024)
    inputs = [_image_metadata(builder, names[index], graph.tensors[index].type) for index in graph.inputs]
    outputs = [_output_metadata(builder, names[index], labels.get(names[index])) for index in graph.outputs]
    subgraph = _table(builder, {2: _offsets(builder, inputs), 3: _offsets(builder, outputs)})
    root = _table(
        builder,
        {
            0: builder.CreateString(name),
            1: builder.CreateString(description),
            3: _offsets(builder, [subgraph]),
        },
    )
    builder.Finish(root, FILE_IDENTIFIER)
    return bytes(builder.Output())


def _image_metadata(builder: flatbuffers.Builder, name: str, tensor_type: int) -> int:
    """Describe the input: an RGB picture; a float input is declared to take 0..255 as it is."""
    fields = {
        0: builder.CreateString(name),
        1: builder.CreateString("RGB picture, 0..255, stretched to the input's size"),
        3: _content(builder, CONTENT_IMAGE, _table(builder, {}, {0: COLOR_SPACE_RGB})),
    }
    if tensor_type == schema.TensorType.FLOAT32:
        options = _table(builder, {0: _floats(builder, 0.0), 1: _floats(builder, 1.0)})  # mean 0, deviation 1
        fields[4] = _offsets(builder, [_table(builder, {1: options}, {0: OPTIONS_NORMALIZATION})])
    return _table(builder, fields)


def _output_metadata(builder: flatbuffers.Builder, name: str, labels: str | None) -> int:
    fields = {
        0: builder.CreateString(CLIENT_NAMES.get(name, name)),  # clients read the name unchecked
        3: _boxes_content(builder) if name == BOXES else _content(builder, CONTENT_FEATURE, _table(builder, {})),
    }
    if labels is not None:
        file = _table(builder, {0: builder.CreateString(LABELS_FILE)}, {2: LABELS[labels]})
        fields[6] = _offsets(builder, [file])
    return _table(builder, fields)


def _boxes_content(builder: flatbuffers.Builder) -> int:
    order = builder.CreateNumpyVector(np.array(BOX_ORDER, np.uint32))
    return _content(builder, CONTENT_BOXES, _table(builder, {0: order}, {1: BOUNDARIES}))


def _content(builder: flatbuffers.Builder, kind: int, properties: int) -> int:
    return _table(builder, {1: properties}, {0: kind})


def _table(builder: flatbuffers.Builder, offsets: Mapping[int, int], enums: Mapping[int, int] | None = None) -> int:
    """Write a table whose fields, by their number in the schema, are offsets or one-byte enums."""
    enums = enums or {}
    builder.StartObject(1 + max((*offsets, *enums), default=-1))
    for slot, offset in offsets.items():
        builder.PrependUOffsetTRelativeSlot(slot, offset, 0)
    for slot, value in enums.items():
        builder.PrependUint8Slot(slot, value, 0)
    return builder.EndObject()


def _offsets(builder: flatbuffers.Builder, offsets: Sequence[int]) -> int:
    builder.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        builder.PrependUOffsetTRelative(offset)
    return builder.EndVector()


def _floats(builder: flatbuffers.Builder, *values: float) -> int:
    return builder.CreateNumpyVector(np.array(values, np.float32))
