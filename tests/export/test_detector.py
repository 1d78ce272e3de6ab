"""A detector's four files: suppression inside, the network of the int8 file in integers, its boxes in float."""

import json

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from kerascnn.export import TFLiteModel, export
from kerascnn.export.flatbuffer import unpack
from kerascnn.export.parity import compare
from kerascnn.export.tflite import PRECISIONS
from tests.export.detector import OPTIONS, SIZE, draw_scenes

DETECTIONS = OPTIONS["max_detections"]
OPERATORS = {number: name for name, number in vars(schema.BuiltinOperator).items() if not name.startswith("_")}


def test_the_detector_that_is_compared_finds_the_objects(detector, detector_reference):
    assert detector.score(detector_reference.outputs, detector_reference.targets) > 0.9
    assert len(np.unique(detector_reference.outputs["number"])) > 1


def test_inputs_and_outputs_have_the_types_that_clients_take(detector_files):
    for precision, content in detector_files.items():
        model = TFLiteModel(content)
        assert model.input_details["dtype"] == (np.uint8 if precision == "int8" else np.float32)
        assert model.input_details["shape"].tolist() == [1, *SIZE, 3]
        assert all(each["dtype"] == np.float32 for each in model.output_details.values())
        assert {name: each["shape"].tolist() for name, each in model.output_details.items()} == {
            "location": [1, DETECTIONS, 4],
            "category": [1, DETECTIONS],
            "score": [1, DETECTIONS],
            "number": [1],
        }


@pytest.mark.parametrize(
    ("precision", "tolerance"), [("float32", 1e-5), ("float16", 0.01), ("dynamic", 0.1), ("int8", 0.1)]
)
def test_files_agree_with_keras(detector, detector_files, detector_reference, precision, tolerance):
    found = compare(detector, detector_files[precision], detector_reference)
    assert found["max_difference"] < tolerance
    assert found["agreement"] > (0.99 if tolerance < 0.1 else 0.85)
    assert found["score"] == pytest.approx(
        detector.score(detector_reference.outputs, detector_reference.targets), abs=0.05
    )


def test_all_outputs_of_the_float32_file_are_those_of_keras(detector_files, detector_reference):
    found = TFLiteModel(detector_files["float32"]).predict(detector_reference.images)
    for name, expected in detector_reference.outputs.items():
        np.testing.assert_allclose(found[name], expected, atol=1e-5)


def test_the_8_bit_files_are_small(detector_files):
    size = len(detector_files["float32"])
    assert len(detector_files["int8"]) < 0.3 * size and len(detector_files["dynamic"]) < 0.3 * size


def test_the_int8_file_computes_its_network_in_integers_and_the_rest_in_float(detector_files):
    model = unpack(detector_files["int8"])
    (graph,) = model.subgraphs
    kinds = [OPERATORS[model.operatorCodes[operator.opcodeIndex].builtinCode] for operator in graph.operators]
    results = [graph.tensors[operator.outputs[0]] for operator in graph.operators]
    given = [graph.tensors[operator.inputs[0]].type for operator in graph.operators]
    ends = [i for i, kind in enumerate(kinds) if kind == "DEQUANTIZE" and given[i] == schema.TensorType.INT8]
    assert all(result.type == schema.TensorType.INT8 for result in results[: ends[0]])
    assert {"CONV_2D", "DEPTHWISE_CONV_2D"} <= set(kinds[: ends[0]])
    assert not {"CONV_2D", "QUANTIZE"} & set(kinds[ends[-1] :])
    # The offsets, the objectness and the classes have a scale each.
    scales = {float(graph.tensors[graph.operators[index].inputs[0]].quantization.scale[0]) for index in ends}
    assert len(ends) == len(scales) == 3


def test_the_folder_of_a_detector_is_whole(detector, detector_reference, tmp_path):
    validation = [(detector_reference.images[:8], detector_reference.targets[:8])]
    table = export(
        detector, tmp_path / "run", calibration=[draw_scenes(8)], validation=validation, keep_over_budget=True
    )
    assert table["float32"]["passed"] and table["float16"]["passed"]
    golden = json.loads((tmp_path / "run" / "golden" / "expected.json").read_text())
    for precision in PRECISIONS:
        assert (tmp_path / "run" / f"model_{precision}.tflite").is_file()
        for outputs in golden["expected"][precision]["outputs"].values():
            assert np.shape(outputs["location"]) == (DETECTIONS, 4) and isinstance(outputs["number"], float)
