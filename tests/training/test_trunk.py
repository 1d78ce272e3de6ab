"""The frozen part runs once: where a model is divided, and that training its tail is training the whole."""

import gc
import threading
from dataclasses import replace

import keras
import numpy as np
import pytest
from keras import layers

from kerascnn.architectures import build
from kerascnn.data import mirror, pipeline
from kerascnn.tasks import ClassificationTask
from kerascnn.training import Checkpoint, Stage, engines, fit, freeze
from kerascnn.training.trunk import divide
from tests.training.small_run import AtStep, Killed, kill, make_split, make_task

PICTURES = make_split(0, 37)


def make_network(name, trainable, batch_norm="frozen", **options):
    keras.utils.set_random_seed(0)
    model = build(name, (65, 67, 3), 3, **options)
    freeze(model, Stage(trainable, 1, 1e-3, batch_norm=batch_norm))
    return model


@pytest.mark.parametrize(
    ("name", "options", "trainable", "shapes"),
    [
        ("mobilenet_v2", {"alpha": 0.35}, "head", [(1280,)]),  # after the pooling
        ("mobilenet_v2", {"alpha": 0.35, "dropout": 0.2}, "head", [(1280,)]),
        ("mobilenet_v2", {"alpha": 0.35}, "stride32", [(5, 5, 32)]),
        ("resnet20", {}, "head", [(64,)]),
        ("alexnet", {"hidden_units": 8}, "head", None),
        # The auxiliary classifiers train too, and branch off what is frozen.
        ("inception_v1", {"auxiliary": True}, "head", [(1024,), (1, 1, 512), (1, 1, 528)]),
    ],
)
def test_trunk_and_tail_are_the_network(name, options, trainable, shapes):
    model = make_network(name, trainable, **options)
    trunk, tail = divide(model)
    images = np.random.default_rng(0).integers(0, 256, (2, 65, 67, 3), dtype=np.uint8)
    features = trunk(images)
    if shapes is not None:
        assert sorted(each.shape[1:] for each in features) == sorted(shapes)
    expected = keras.ops.convert_to_numpy(model(images, training=False))
    found = keras.ops.convert_to_numpy(tail([*features], training=False))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * np.abs(expected).max())
    assert {each.path for each in tail.trainable_weights} == {each.path for each in model.trainable_weights}
    assert not trunk.model.trainable_weights


@pytest.mark.parametrize(("trainable", "batch_norm"), [("all", "frozen"), ("all", "trained"), ("stride2", "trained")])
def test_nothing_frozen_before_the_training_is_nothing_to_run_once(trainable, batch_norm):
    assert divide(make_network("resnet20", "all", batch_norm)) is None


def test_what_draws_or_collects_is_left_to_the_tail():
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(2, 3, name="frozen")(inputs)
    x = layers.BatchNormalization(center=False, scale=False, name="collects")(x)
    x = layers.Conv2D(2, 3, name="behind")(x)
    model = keras.Model(inputs, layers.Dense(2, name="head")(layers.Flatten()(x)))
    model.get_layer("frozen").trainable = model.get_layer("behind").trainable = False
    trunk, _ = divide(model)
    assert [layer.name for layer in trunk.model.layers][-1] == "frozen"
    model.get_layer("collects").trainable = False
    assert isinstance(divide(model)[0].model.layers[-1], layers.Flatten)

    x = layers.Conv2D(2, 3, name="first")(inputs)
    x = layers.Conv2D(2, 3, name="second")(layers.Dropout(0.5)(x))
    model = keras.Model(inputs, layers.Dense(2)(layers.Flatten()(x)))
    model.get_layer("first").trainable = model.get_layer("second").trainable = False
    assert [layer.name for layer in divide(model)[0].model.layers][-1] == "first"


def test_two_inputs_are_not_divided():
    first, second = keras.Input((4,)), keras.Input((4,))
    frozen = layers.Dense(2)
    model = keras.Model([first, second], layers.Dense(2)(layers.Concatenate()([frozen(first), second])))
    frozen.trainable = False
    assert divide(model) is None


def test_the_key_changes_with_the_weights_and_not_with_the_run():
    keys = [divide(make_network("resnet20", "head"))[0].key for _ in range(2)]
    assert keys[0] == keys[1]
    model = make_network("resnet20", "head")
    model.get_layer("conv1_conv").kernel.assign_add(np.full((3, 3, 3, 16), 1e-3))
    assert divide(model)[0].key != keys[0]


def train(*, augment=(), divided=True, task=None, stages=None, cache=None, split=PICTURES, **options):
    """Train a small classifier; gives the history, the weights, and the models that `fit` was called of."""
    task = make_task() if task is None else task
    seen = []
    watch = keras.callbacks.LambdaCallback()
    watch.on_train_begin = lambda logs=None: seen.append(watch.model)
    data = [
        pipeline(split, task, augment=augment, batch_size=8, seed=7, cache=cache),
        pipeline(make_split(1, 20), task, batch_size=8, cache=cache),
    ]
    if not divided:
        data = [each.map(lambda images, labels: (images, labels)) for each in data]
    stages = [Stage("head", 4, 0.05, patience=3)] if stages is None else stages
    options = {"callbacks": [watch, *options.pop("callbacks", ())]} | options
    history = fit(task, *data, stages, class_weight={0: 1.0, 1: 2.0, 2: 0.5}, verbose=0, **options)
    return history, task.training_model.get_weights(), seen


def assert_near(outcome, expected):
    for row, other in zip(outcome[0].rows, expected[0].rows, strict=True):
        numbers, others = ({key: value for key, value in each.items() if key != "stage"} for each in (row, other))
        assert row["stage"] == other["stage"] and numbers == pytest.approx(others, rel=1e-4)
    assert [stage | {"engine": None} for stage in outcome[0].stages] == [
        stage | {"engine": None} for stage in expected[0].stages
    ]
    assert outcome[0].best_epoch == expected[0].best_epoch
    for array, other in zip(outcome[1], expected[1], strict=True):
        np.testing.assert_allclose(array, other, rtol=0, atol=1e-5)


def test_training_the_tail_is_training_the_whole():
    whole, part = train(divided=False), train()
    assert_near(part, whole)
    assert [outcome[0].stages[0]["engine"] for outcome in (whole, part)] == ["none", "keras"]
    assert whole[2][0].input_shape == (None, 12, 12, 3)
    assert part[2][0].input_shape == (None, 4) and part[2][0].name == "tail"


def test_stages_that_divide_elsewhere_or_not_at_all_follow_one_another():
    stages = [Stage("head", 2, 0.05), Stage("all", 2, 0.01, batch_norm="trained"), Stage("head", 1, 0.05)]
    whole, part = (train(divided=each, stages=stages) for each in (False, True))
    assert_near(part, whole)
    assert [model.name for model in part[2]] == ["tail", "tiny", "tail"]


def test_auxiliary_classifiers_are_trained_on_their_own_features():
    def make():
        task = make_task()
        x = layers.GlobalAveragePooling2D(name="auxiliary_pool")(task.model.get_layer("norm2").output)
        outputs = keras.ops.stack([task.model.output, layers.Dense(3, name="auxiliary")(x)], axis=1)
        return replace(task, auxiliary=keras.Model(task.model.input, outputs, name="tiny"))

    whole, part = (train(divided=each, task=make()) for each in (False, True))
    assert_near(part, whole)
    assert len(part[2][0].inputs) == 2


def test_augmented_pictures_run_through_the_whole_network_where_keras_is_the_faster_engine():
    assert train(augment=[mirror()])[2][0].input_shape == (None, 12, 12, 3)


@pytest.fixture
def litert(monkeypatch):
    """Let LiteRT win every timing."""
    monkeypatch.setattr(engines, "LEAST_PICTURES", 0)
    monkeypatch.setattr(engines, "TIMED_FROM", 0)
    monkeypatch.setattr(engines, "LEAST_GAIN", 0)


@pytest.mark.parametrize("augment", [[], [mirror()]])
def test_training_behind_another_engine_is_training_the_whole(litert, augment):
    whole, part = train(divided=False, augment=augment), train(augment=augment)
    assert_near(part, whole)
    assert part[0].stages[0]["engine"] == "litert" and part[2][0].name == "tail"


def test_features_that_do_not_fit_come_from_the_faster_engine_in_every_epoch(litert, monkeypatch):
    monkeypatch.setattr("kerascnn.data.features.MEMORY", 100)
    part = train()
    assert_near(part, train(divided=False))
    assert part[2][0].name == "tail"


def test_engines_end_with_the_stage_that_they_ran_for(litert):
    before = threading.active_count()
    for _ in range(2):
        train(augment=[mirror()], stages=[Stage("head", 1, 0.05)])
    gc.collect()
    assert threading.active_count() <= before


def test_a_run_goes_on_with_the_engine_that_it_began_with(litert, tmp_path, monkeypatch):
    undisturbed = train(augment=[mirror()])
    with pytest.raises(Killed):
        train(augment=[mirror()], checkpoint=Checkpoint(tmp_path, every_steps=1), callbacks=[AtStep(8, kill)])
    monkeypatch.setattr(engines, "LEAST_GAIN", 1e9)
    resumed = train(augment=[mirror()], checkpoint=Checkpoint(tmp_path, every_steps=1, resume=True))
    assert resumed[0] == undisturbed[0]
    for array, other in zip(resumed[1], undisturbed[1], strict=True):
        np.testing.assert_array_equal(array, other)


def test_every_picture_runs_through_the_trunk_once(monkeypatch):
    counted = []
    call = engines.Trunk.__call__
    monkeypatch.setattr(
        engines.Trunk, "__call__", lambda self, images: counted.append(len(images)) or call(self, images)
    )
    train()
    assert counted == [8] * 5 + [8] * 3  # 37 and 20 pictures, the last batches padded


def test_features_that_do_not_fit_are_computed_in_every_epoch(monkeypatch, caplog):
    monkeypatch.setattr("kerascnn.data.features.MEMORY", 100)
    caplog.set_level("INFO")
    assert_near(train(), train(divided=False))
    assert "a cache folder can hold them. The frozen part of the network runs in every epoch" in caplog.text


def test_a_folder_keeps_features_for_the_next_run(tmp_path, monkeypatch):
    monkeypatch.setattr("kerascnn.data.features.MEMORY", 100)
    first = train(cache=tmp_path)
    assert first[2][0].name == "tail"
    assert not list(tmp_path.rglob("*.tmp")) and len(list(tmp_path.rglob("features-*"))) == 2
    monkeypatch.setattr(engines.Trunk, "__call__", lambda self, images: kill())
    again = train(cache=tmp_path)
    assert again[0] == first[0]
    with pytest.raises(Killed):  # other labels make another key
        train(cache=tmp_path, split=replace(PICTURES, annotations={"label": PICTURES.labels[::-1]}))
    other = make_task()
    other.model.get_layer("conv2").kernel.assign_add(np.full((3, 3, 3, 4), 1e-2))
    with pytest.raises(Killed):  # other weights have features of their own
        train(cache=tmp_path, task=other)


def test_a_run_that_is_killed_goes_on_with_its_tail(tmp_path):
    undisturbed = train()
    with pytest.raises(Killed):
        train(checkpoint=Checkpoint(tmp_path, every_steps=1), callbacks=[AtStep(8, kill)])
    resumed = train(checkpoint=Checkpoint(tmp_path, every_steps=1, resume=True))
    assert resumed[0] == undisturbed[0]
    for array, other in zip(resumed[1], undisturbed[1], strict=True):
        np.testing.assert_array_equal(array, other)


def test_a_disk_that_is_full_lets_the_whole_network_run(tmp_path, monkeypatch, caplog):
    def fail(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.posix_fallocate", fail)
    assert train(cache=tmp_path)[2][0].name == "tiny"
    assert "No space left" in caplog.text and not list(tmp_path.rglob("features-*"))


def mean(images):
    """Give a feature that is easy to know."""
    return (np.asarray(images).reshape(len(images), -1).mean(axis=1, keepdims=True, dtype="float32"),)


def test_features_come_in_the_order_of_the_pictures():
    batches = pipeline(PICTURES, make_task(), batch_size=8, seed=7)
    features = batches.through(mean)
    for (images, labels), ((found,), same) in zip(batches.repeat(2), features.repeat(2), strict=True):
        np.testing.assert_allclose(found, mean(images)[0], rtol=1e-6)
        np.testing.assert_array_equal(same, labels)


@pytest.mark.parametrize("step", [0, 3])
def test_features_of_augmented_pictures_are_those_of_each_epoch(step):
    batches = pipeline(PICTURES, make_task(), augment=[mirror()], batch_size=8, seed=7)
    features = batches.streaming(mean).starting_at(step)
    assert [spec.shape for spec in features.element_spec[0]] == [(None, 1)] and len(features) == len(batches) == 5
    pictures = batches.starting_at(step)
    for (images, labels), ((found,), same) in zip(pictures.repeat(2), features.repeat(2), strict=True):
        np.testing.assert_array_equal(found, mean(images)[0])
        np.testing.assert_array_equal(same, labels)


def test_features_of_augmented_pictures_and_of_features_are_refused():
    with pytest.raises(ValueError, match="different in every epoch"):
        pipeline(PICTURES, make_task(), augment=[mirror()], seed=7).through(mean)
    with pytest.raises(ValueError, match="features already"):
        pipeline(PICTURES, make_task()).through(mean).through(mean)
    with pytest.raises(ValueError, match="features already"):
        pipeline(PICTURES, make_task()).streaming(mean).streaming(mean)


def test_plain_fit_serves_afterwards():
    task = make_task()
    train(task=task)
    assert np.isfinite(task.model.evaluate(pipeline(PICTURES, task), verbose=0)).all()
    task.compile()
    logs = task.model.fit(pipeline(PICTURES, task, batch_size=8, seed=7), verbose=0).history
    assert np.isfinite(logs["loss"]).all()


def test_a_task_without_names_of_strides_trains_whole():
    inputs = layers.Input((12, 12, 3))
    model = keras.Model(inputs, layers.Dense(3, name="predictions")(layers.Flatten()(inputs)), name="plain")
    task = ClassificationTask(model, ("red", "green", "blue"))
    assert train(task=task, stages=[Stage("all", 1, 0.01)])[2][0].name == "plain"
