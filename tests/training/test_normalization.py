"""Batch normalisation in one operation: which layers it stands in for, and that nothing else changes."""

from contextlib import nullcontext

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from kerascnn.training import Stage, fused_batch_norm
from tests.training.small_run import AtStep, make_task, run

IMAGES = np.random.default_rng(0).normal(1, 2, (8, 12, 12, 3)).astype("float32")


def make_model(**options):
    """Make a convolution with a normalisation of maps, and a normalisation of vectors."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((12, 12, 3))
    x = layers.BatchNormalization(name="norm", **options)(layers.Conv2D(4, 3, use_bias=False)(inputs))
    x = layers.BatchNormalization(name="vectors")(layers.Flatten()(layers.Activation("tanh")(x)))
    return keras.Model(inputs, layers.Dense(3)(x))


def count_fused(model, training=True):
    """Count the operations in the graph of a model that normalise a batch."""
    graph = tf.function(lambda x: model(x, training=training)).get_concrete_function(tf.TensorSpec((8, 12, 12, 3)))
    return sum(operation.type == "FusedBatchNormV3" for operation in graph.graph.get_operations())


@pytest.mark.parametrize(
    ("options", "dtype", "count"),
    [
        ({}, "float32", 1),
        ({"center": False, "scale": False}, "float32", 1),
        ({"axis": 3}, "float32", 1),
        ({"dtype": "mixed_bfloat16"}, "float32", 1),
        ({"dtype": "float64"}, "float32", 0),
        ({"axis": 1}, "float32", 0),
        ({"renorm": True}, "float32", 0),
        ({"synchronized": True}, "float32", 0),
    ],
)
def test_maps_are_normalised_in_one_operation_where_it_computes_the_same(options, dtype, count):
    model = make_model(**options)
    with fused_batch_norm(model):
        assert count_fused(model) == count
        assert count_fused(model, training=False) == 0
        model.get_layer("norm").trainable = False
        assert count_fused(model) == 0
        model.get_layer("norm").trainable = True
    assert count_fused(model) == 0


def test_a_block_in_a_block_ends_nothing():
    model = make_model()
    with fused_batch_norm(model):
        with fused_batch_norm(model):
            assert count_fused(model) == 1
        assert count_fused(model) == 1
    assert count_fused(model) == 0


def test_a_layer_that_computes_something_else_is_left_alone():
    class Halved(layers.BatchNormalization):
        def call(self, inputs, training=None, mask=None):
            return super().call(inputs, training=training, mask=mask) / 2

    inputs = keras.Input((12, 12, 3))
    model = keras.Model(inputs, Halved()(inputs))
    expected = np.asarray(model(IMAGES, training=True))
    with fused_batch_norm(model):
        np.testing.assert_array_equal(model(IMAGES, training=True), expected)


def test_layers_of_a_model_in_the_model_too():
    inner, inputs = make_model(), keras.Input((12, 12, 3))
    model = keras.Model(inputs, inner(inputs))
    with fused_batch_norm(model):
        assert count_fused(model) == 1


def test_other_backends_keep_their_own(monkeypatch):
    model = make_model()
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with fused_batch_norm(model):
        assert count_fused(model) == 0


def test_a_mask_is_heeded():
    layer = layers.BatchNormalization(momentum=0.0)
    inputs = keras.Input((12, 12, 3))
    model, mask = keras.Model(inputs, layer(inputs)), np.zeros((8, 12, 12), bool)
    mask[:4] = True
    with fused_batch_norm(model):
        layer(IMAGES, training=True, mask=mask)
    np.testing.assert_allclose(layer.moving_mean, IMAGES[:4].mean((0, 1, 2)), rtol=1e-5)


def test_training_is_that_of_keras_within_rounding():
    # Without a ReLU, whose slope jumps where rounding decides: in a deep network, that grows from step to step.
    labels, weights = np.arange(8) % 3, []
    for block in (nullcontext, fused_batch_norm):
        model = make_model()
        model.compile(keras.optimizers.SGD(0.05), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        with block(model):
            model.fit(IMAGES, labels, batch_size=4, epochs=2, verbose=0)
        weights.append(model.get_weights())
    for first, expected, found in zip(make_model().get_weights(), *weights, strict=True):
        moved = np.abs(expected - first).max()
        assert moved > 0
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4 * moved + 1e-6 * np.abs(expected).max())


def test_the_same_seed_gives_the_same_run():
    stages = [Stage("all", 2, 0.05, batch_norm="trained")]
    (first, weights), (second, others) = (run(stages=stages) for _ in range(2))
    assert first.rows == second.rows
    for one, other in zip(weights, others, strict=True):
        np.testing.assert_array_equal(one, other)


def test_what_is_saved_in_a_block_is_plain_keras(tmp_path):
    model = make_model()
    with fused_batch_norm(model):
        model(IMAGES, training=True)
        model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert type(loaded.get_layer("norm")) is layers.BatchNormalization
    np.testing.assert_array_equal(loaded(IMAGES), model(IMAGES))


def test_fit_trains_with_it_and_leaves_nothing_behind():
    task, seen = make_task(), []
    norm = task.model.get_layer("norm2")
    run(task=task, stages=[Stage("all", 1, 0.05)], callbacks=[AtStep(1, lambda: seen.append(count_calls(norm)))])
    assert (seen, count_calls(norm)) == ([1], 0)


def test_fit_leaves_nothing_behind_after_an_error():
    task = make_task()

    def fail():
        raise RuntimeError("disk full")

    with pytest.raises(RuntimeError, match="disk full"):
        run(task=task, stages=[Stage("all", 1, 0.05)], callbacks=[AtStep(1, fail)])
    assert count_calls(task.model.get_layer("norm2")) == 0


def count_calls(layer):
    """Count what hides the layer's method `call`."""
    return sum(name == "call" for name in vars(layer))
