"""A stored model comes back as the task that it was."""

import keras
import numpy as np
import pytest
from keras import layers

from kerascnn.tasks import TASKS, ClassificationTask, load_task

CLASSES = ("ants", "bees", "cats")


@pytest.fixture
def task():
    keras.utils.set_random_seed(0)
    inputs = layers.Input((8, 6, 3), name="image")
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3, name="stride1")(inputs))
    return ClassificationTask(keras.Model(inputs, layers.Dense(3)(x), name="tiny"), CLASSES)


def test_round_trip_answers_the_same(task, tmp_path):
    task.model.save(tmp_path / "model.keras")
    loaded = load_task(tmp_path / "model.keras", task.name, list(CLASSES))
    images = np.random.default_rng(0).uniform(0, 255, (2, 8, 6, 3)).astype("float32")
    outputs = [keras.ops.convert_to_numpy(which.serving_model()(images)["probabilities"]) for which in (task, loaded)]
    np.testing.assert_array_equal(outputs[0], outputs[1])
    assert type(loaded) is type(task)
    assert (loaded.classes, loaded.image_size) == (CLASSES, (8, 6))


@pytest.mark.parametrize("before", [0, 8])
def test_a_model_of_another_process_can_be_built_upon(tmp_path, before):
    keras.backend.clear_session()  # names start again, as in a new process
    inputs = layers.Input((8, 6, 3), name="image")
    x = layers.GlobalAveragePooling2D()(inputs)
    for _ in range(before):
        x[:, :1]  # named too
    logits = layers.Concatenate(name="predictions")([x[:, :2], x[:, 1:]])
    keras.Model(inputs, logits, name="tiny").save(tmp_path / "model.keras")
    keras.backend.clear_session()
    model = load_task(tmp_path / "model.keras", "classification", ["a", "b", "c", "d"]).model
    extended = keras.Model(model.input, [model.output[:, number : number + 1] for number in range(before + 3)])
    assert len({operation.name for operation in extended.operations}) == len(extended.operations)


def test_two_calls_and_plain_keras_trains(task):
    images, before = np.random.default_rng(0).uniform(0, 255, (3, 8, 6, 3)), task.model.get_weights()
    task.compile()
    history = task.model.fit(images, np.array([0, 1, 2]), validation_data=(images, np.array([0, 1, 2])), verbose=0)
    assert set(history.history) == {"loss", "accuracy", "val_loss", "val_accuracy"}
    assert any((now != then).any() for now, then in zip(task.model.get_weights(), before, strict=True))


def test_loaded_task_trains_on(task, tmp_path):
    task.compile()
    task.model.save(tmp_path / "model.keras")
    loaded = load_task(tmp_path / "model.keras", "classification", CLASSES)
    loaded.compile()
    loaded.model.fit(np.zeros((2, 8, 6, 3)), np.array([0, 1]), verbose=0)


def test_every_task_is_found_by_its_own_name(task):
    assert TASKS[task.name] is type(task)


def test_unknown_task_lists_the_known_ones(task, tmp_path):
    task.model.save(tmp_path / "model.keras")
    with pytest.raises(ValueError, match=r"one of classification.*'detection'"):
        load_task(tmp_path / "model.keras", "detection", CLASSES)


@pytest.mark.parametrize("classes", [CLASSES[:1], CLASSES[:2], ("ants", "ants", "bees"), (*CLASSES, "dogs")])
def test_classes_that_do_not_fit_the_model_are_refused(task, tmp_path, classes):
    task.model.save(tmp_path / "model.keras")
    with pytest.raises(ValueError, match="classes"):
        load_task(tmp_path / "model.keras", "classification", classes)


def test_missing_and_broken_files_are_refused(tmp_path):
    (tmp_path / "broken.keras").write_text("not a model")
    for name in ("broken.keras", "missing.keras"):
        with pytest.raises(ValueError, match=r"\.keras"):
            load_task(tmp_path / name, "classification", CLASSES)


def test_file_that_brings_code_is_refused(tmp_path):
    inputs = layers.Input((8, 6, 3))
    x = layers.Dense(3)(layers.GlobalAveragePooling2D()(layers.Lambda(lambda x: x + 1)(inputs)))
    keras.Model(inputs, x).save(tmp_path / "model.keras")
    with pytest.raises(ValueError, match="Lambda"):
        load_task(tmp_path / "model.keras", "classification", CLASSES)
