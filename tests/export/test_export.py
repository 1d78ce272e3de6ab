"""The folder that an export leaves: everything in it answers as the Keras model does, or is not there."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kerascnn.export import PRECISIONS, TFLiteModel, export
from kerascnn.export.parity import BUDGETS, Budget
from tests.export.conftest import CLASSES, make_pictures


@pytest.fixture(scope="module")
def exported(task, reference, tmp_path_factory):
    """A folder and the table of its export."""
    path = tmp_path_factory.mktemp("export") / "run"
    validation = [(reference.images, reference.targets)]
    table = export(task, path, calibration=[make_pictures(96)], validation=validation)
    return path, table


def test_the_folder_holds_what_its_readme_says(exported):
    path, _ = exported
    tflite = {f"model_{precision}.tflite" for precision in PRECISIONS}
    assert {each.name for each in path.iterdir()} == {"model.keras", "saved_model", "labels.txt", "golden"} | tflite
    assert [each.name for each in path.parent.iterdir()] == ["run"], "a temporary folder was left"


def test_the_table_has_a_row_for_each_file(exported):
    path, table = exported
    assert tuple(table) == PRECISIONS
    for row in table.values():
        assert row["bytes"] == (path / row["file"]).stat().st_size
        assert row["passed"] and row["reason"] is None


def test_the_keras_file_loads_and_answers(exported, task, reference):
    model = keras.saving.load_model(exported[0] / "model.keras")
    np.testing.assert_allclose(model(reference.images), task.model(reference.images), atol=1e-6)


@pytest.mark.parametrize(("signature", "dtype"), [("serving_default", tf.float32), ("uint8", tf.uint8)])
@pytest.mark.parametrize("count", [1, 5])
def test_the_saved_model_takes_floats_and_bytes_in_any_batch(exported, reference, signature, dtype, count):
    serve = tf.saved_model.load(str(exported[0] / "saved_model")).signatures[signature]
    found = serve(image=tf.constant(reference.images[:count], dtype))["probabilities"]
    np.testing.assert_allclose(found, reference.outputs["probabilities"][:count], atol=1e-5)


def test_golden_answers_are_those_of_the_files(exported):
    path, _ = exported
    golden = json.loads((path / "golden" / "expected.json").read_text())
    assert golden["classes"] == list(CLASSES)
    for precision in PRECISIONS:
        model = TFLiteModel((path / f"model_{precision}.tflite").read_bytes())
        for name, outputs in golden["expected"][precision]["outputs"].items():
            picture = np.asarray(Image.open(path / "golden" / name))
            found = model.predict(picture[np.newaxis])["probabilities"][0]
            np.testing.assert_allclose(found, outputs["probabilities"], atol=1e-6)


def test_golden_answers_say_how_to_read_the_bytes_of_the_int8_file(exported):
    golden = json.loads((exported[0] / "golden" / "expected.json").read_text())
    int8 = golden["expected"]["int8"]
    assert int8["input"] == {"type": "uint8", "shape": [1, 40, 48, 3], "scale": 1.0, "zero_point": 0}
    assert int8["output"]["probabilities"]["scale"] == 1 / 256
    assert golden["expected"]["float32"]["input"] == {"type": "float32", "shape": [1, 40, 48, 3]}


def test_the_keras_file_holds_no_state_of_an_optimiser(task, reference, tmp_path, exported):
    task.compile("adam")
    task.model.optimizer.build(task.model.trainable_variables)
    validation = [(reference.images[:8], reference.targets[:8])]
    export(task, tmp_path / "run", calibration=[make_pictures(8)], validation=validation, keep_over_budget=True)
    assert (tmp_path / "run" / "model.keras").stat().st_size < 1.1 * (exported[0] / "model.keras").stat().st_size


def test_an_existing_folder_is_not_overwritten(exported, task):
    with pytest.raises(FileExistsError, match="overwrite"):
        export(task, exported[0], calibration=[], validation=[])


@pytest.mark.parametrize("keep", [False, True])
def test_a_file_over_its_budget_is_written_only_when_asked_for(task, reference, tmp_path, monkeypatch, keep):
    impossible = Budget(agreement=0.97, score_loss=0.01, max_difference=0.0)
    monkeypatch.setitem(BUDGETS, "int8", impossible)
    table = export(
        task,
        tmp_path / "run",
        calibration=[make_pictures(8)],
        validation=[(reference.images[:8], reference.targets[:8])],
        keep_over_budget=keep,
    )
    assert not table["int8"]["passed"] and "difference" in table["int8"]["reason"]
    assert (tmp_path / "run" / "model_int8.tflite").exists() == keep
    assert (tmp_path / "run" / "model_float32.tflite").exists()
