"""The metadata, read back with the schema that MediaPipe's own reader was generated from."""

import io
import zipfile

import pytest
from mediapipe.tasks.metadata import metadata_schema_py_generated as metadata_schema

from kerascnn.export.flatbuffer import unpack
from kerascnn.export.metadata import add_metadata
from kerascnn.export.tflite import PRECISIONS
from tests.export.conftest import CLASSES


def read_metadata(content: bytes) -> metadata_schema.ModelMetadataT:
    """Read the metadata of a file with MediaPipe's generated classes."""
    model = unpack(content)
    (entry,) = [each for each in model.metadata if each.name == b"TFLITE_METADATA"]
    data = bytes(model.buffers[entry.buffer].data)
    assert data[4:8] == b"M001"
    return metadata_schema.ModelMetadataT.InitFromObj(metadata_schema.ModelMetadata.GetRootAs(data, 0))


@pytest.mark.parametrize("precision", PRECISIONS)
def test_the_schema_reads_what_was_written(files, precision):
    metadata = read_metadata(files[precision])
    assert metadata.name == b"small"
    (graph,) = metadata.subgraphMetadata
    (image,), (probabilities,) = graph.inputTensorMetadata, graph.outputTensorMetadata
    assert image.name == b"image"
    assert image.content.contentPropertiesType == metadata_schema.ContentProperties.ImageProperties
    assert image.content.contentProperties.colorSpace == metadata_schema.ColorSpaceType.RGB
    assert probabilities.name == b"probabilities"
    assert probabilities.content.contentPropertiesType == metadata_schema.ContentProperties.FeatureProperties
    (labels,) = probabilities.associatedFiles
    assert labels.name == b"labels.txt"
    assert labels.type == metadata_schema.AssociatedFileType.TENSOR_AXIS_LABELS


def test_a_float_input_takes_pixels_as_they_are(files):
    (image,) = read_metadata(files["float32"]).subgraphMetadata[0].inputTensorMetadata
    (unit,) = image.processUnits
    assert unit.optionsType == metadata_schema.ProcessUnitOptions.NormalizationOptions
    assert (unit.options.mean.tolist(), unit.options.std.tolist()) == ([0.0], [1.0])


def test_an_integer_input_declares_no_normalisation(files):
    (image,) = read_metadata(files["int8"]).subgraphMetadata[0].inputTensorMetadata
    assert not image.processUnits


@pytest.mark.parametrize("precision", PRECISIONS)
def test_the_outputs_of_a_detector_are_what_the_schema_calls_so(detector_files, precision):
    model = unpack(detector_files[precision])
    (graph,) = read_metadata(detector_files[precision]).subgraphMetadata
    given = {output.name.decode(): output for output in graph.outputTensorMetadata}
    shapes = {
        name: model.subgraphs[0].tensors[index].shape.tolist()
        for name, index in zip(given, model.subgraphs[0].outputs, strict=True)
    }
    assert shapes == {"location": [1, 20, 4], "category": [1, 20], "score": [1, 20], "number of detections": [1]}
    content = given["location"].content
    assert content.contentPropertiesType == metadata_schema.ContentProperties.BoundingBoxProperties
    boxes = content.contentProperties
    assert boxes.type == metadata_schema.BoundingBoxType.BOUNDARIES
    assert boxes.coordinateType == metadata_schema.CoordinateType.RATIO
    assert boxes.index.tolist() == [1, 0, 3, 2]
    (labels,) = given["category"].associatedFiles
    assert labels.type == metadata_schema.AssociatedFileType.TENSOR_VALUE_LABELS
    assert not any(output.associatedFiles for name, output in given.items() if name != "category")


def test_labels_are_a_stored_file_after_the_model(files):
    with zipfile.ZipFile(io.BytesIO(files["int8"])) as archive:
        (entry,) = archive.infolist()
        assert entry.filename == "labels.txt"
        assert entry.compress_type == zipfile.ZIP_STORED
        assert archive.read(entry).decode().splitlines() == list(CLASSES)


def test_writing_metadata_again_replaces_them(files):
    again = add_metadata(files["int8"], name="b", description="", classes=["x", "y", "z"], labels={})
    assert read_metadata(again).name == b"b"
    with zipfile.ZipFile(io.BytesIO(again)) as archive:
        assert archive.read("labels.txt") == b"x\ny\nz\n"
    once = add_metadata(again, name="b", description="", classes=["x", "y", "z"], labels={})
    assert len(unpack(once).buffers) == len(unpack(again).buffers)
    assert len(unpack(once).metadata) == len(unpack(again).metadata)


def test_a_class_name_of_two_lines_is_refused(files):
    with pytest.raises(ValueError, match="line break"):
        add_metadata(files["int8"], name="a", description="", classes=["one\ntwo"], labels={})
