"""Packing a model again changes its bytes, and nothing that it computes."""

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from kerascnn.export.flatbuffer import ALIGNMENT, add_signature, custom_operators, operator_counts, pack, unpack
from kerascnn.export.interpreter import TFLiteModel
from kerascnn.export.tflite import PRECISIONS
from tests.export.conftest import make_pictures


@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_packed_model_answers_as_before(files, precision):
    pictures, _ = make_pictures(3)
    again = pack(unpack(files[precision]))
    before, after = (TFLiteModel(content).predict(pictures)["probabilities"] for content in (files[precision], again))
    np.testing.assert_array_equal(before, after)


def test_weights_stay_aligned(files):
    model = schema.Model.GetRootAs(files["float32"], 0)
    starts = []
    for number in range(model.BuffersLength()):
        table = model.Buffers(number)._tab
        if field := table.Offset(4):  # the first field of a Buffer is its data
            starts.append(table.Vector(field))
    assert len(starts) > 5
    assert all(start % ALIGNMENT == 0 for start in starts)


def test_equal_vectors_are_stored_once():
    model = schema.ModelT()
    model.version = 3
    model.buffers = [schema.BufferT() for _ in range(10)]
    for buffer in model.buffers:
        buffer.data = np.zeros(1000, np.uint8)
    assert 1000 < len(pack(model)) < 2000
    assert all(buffer.data.tolist() == [0] * 1000 for buffer in unpack(pack(model)).buffers)


def test_weights_after_the_flatbuffer_are_brought_into_it():
    model = schema.ModelT()
    model.version = 3
    model.buffers = [schema.BufferT()]
    model.buffers[0].offset, model.buffers[0].size = 4096, 3
    content = pack(model)
    content += bytes(4096 - len(content)) + bytes([7, 8, 9])
    assert unpack(pack(unpack(content))).buffers[0].data.tolist() == [7, 8, 9]


def test_a_signature_replaces_the_one_before(files):
    pictures, _ = make_pictures(3)
    again = add_signature(files["float32"], ["image"], ["renamed"])
    before, after = (TFLiteModel(content).predict(pictures) for content in (files["float32"], again))
    np.testing.assert_array_equal(after["renamed"], before["probabilities"])
    with pytest.raises(ValueError):
        add_signature(files["float32"], ["image"], ["one", "more"])


def test_operators_are_counted_by_name_and_nothing_is_left_of_normalisation_and_activation(files):
    counts = operator_counts(files["float32"])
    kinds = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "SOFTMAX", "PAD", "RELU6")
    assert [counts.get(kind, 0) for kind in kinds] == [3, 1, 1, 1, 0, 0]
    assert "MUL" not in counts  # the scale of the input is in the first kernel
    assert counts["ADD"] == 1 + 1  # the offset of the input, and the layer Add


def test_our_files_have_no_custom_operator(files):
    assert all(custom_operators(content) == [] for content in files.values())
