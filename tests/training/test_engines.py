"""Which engine runs the trunk, and that it is only another one that computes the same."""

import keras
import numpy as np
import pytest
from keras import layers

from kerascnn.training import engines
from kerascnn.training.engines import LiteRTTrunk, Trunk, choose_engine

MANY = 10_000


@pytest.fixture
def trunk():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 3))
    return Trunk(keras.Model(inputs, [layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3)(inputs))], name="trunk"))


@pytest.mark.parametrize(("gain", "engine"), [(1.1, "keras"), (1.3, "litert")])
def test_the_faster_engine_is_taken(trunk, monkeypatch, gain, engine):
    monkeypatch.setattr(engines, "_seconds", lambda run, images: gain if run is trunk else 1.0)
    assert choose_engine(trunk, MANY, 4).engine == engine


@pytest.mark.parametrize("kind", ["Conv2D", "DepthwiseConv2D"])
@pytest.mark.parametrize("runs", [199, 200, 1999, 2000])
def test_a_few_pictures_are_not_worth_a_conversion_nor_some_more_a_timing(monkeypatch, kind, runs):
    inputs = keras.Input((8, 8, 3))
    layer = layers.Conv2D(4, 3) if kind == "Conv2D" else layers.DepthwiseConv2D(3)
    trunk = Trunk(keras.Model(inputs, [layer(inputs)], name="trunk"))
    timed = []
    monkeypatch.setattr(engines, "_seconds", lambda run, images: timed.append(run) or 1.0)
    monkeypatch.setattr(engines, "LEAST_GAIN", 0)
    expected = runs >= 2000 or (runs >= 200 and kind == "DepthwiseConv2D")
    assert choose_engine(trunk, runs, 4).engine == ("litert" if expected else "keras")
    assert bool(timed) == (runs >= 2000)


def test_a_large_network_takes_more_pictures_to_be_worth_a_conversion(monkeypatch):
    monkeypatch.setattr(engines, "PARAMETERS_A_PICTURE", 1)
    inputs = keras.Input((8, 8, 3))
    trunk = Trunk(keras.Model(inputs, [layers.DepthwiseConv2D(10)(layers.ZeroPadding2D(5)(inputs))], name="trunk"))
    assert trunk.model.count_params() == 303
    assert [choose_engine(trunk, runs, 4).engine for runs in (302, 303)] == ["keras", "litert"]


@pytest.mark.parametrize("engine", ["keras", "litert"])
def test_what_was_chosen_before_is_not_timed(trunk, monkeypatch, engine):
    monkeypatch.setattr(engines, "_seconds", None)
    assert choose_engine(trunk, 1, 4, engine).engine == engine


def test_a_gpu_runs_keras(trunk, monkeypatch):
    monkeypatch.setattr(engines, "has_accelerator", lambda: True)
    assert choose_engine(trunk, MANY, 4, "litert") is trunk


def test_a_run_that_began_with_litert_and_goes_on_with_a_gpu_is_told(trunk, monkeypatch, caplog):
    choose_engine(trunk, 1, 4, "litert")
    assert not caplog.records
    monkeypatch.setattr(engines, "has_accelerator", lambda: True)
    choose_engine(trunk, 1, 4, "litert")
    assert "Keras goes on: rounding differs" in caplog.text


def test_other_features_are_refused(trunk, monkeypatch, caplog):
    monkeypatch.setattr(engines, "LEAST_GAIN", 0)
    monkeypatch.setattr(LiteRTTrunk, "__call__", lambda self, images: tuple(each * 1.001 for each in trunk(images)))
    assert choose_engine(trunk, MANY, 4) is trunk
    assert "other features" in caplog.text


def test_what_litert_cannot_run_is_left_to_keras(monkeypatch):
    inputs = keras.Input((8, 8, 3))
    trunk = Trunk(keras.Model(inputs, [keras.ops.erfinv(keras.ops.tanh(layers.Conv2D(4, 3)(inputs)))], name="odd"))
    assert choose_engine(trunk, MANY, 4) is trunk


def subtracted(order, nested):
    """Make a network with two branches, which are subtracted in one order or the other."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 3))
    first = layers.Conv2D(3, 1)(inputs)
    branches = [first, layers.Conv2D(3, 1)(first)]
    x = layers.Subtract()(branches[::order])
    outer = keras.Input((8, 8, 3))
    return keras.Model(outer, [keras.Model(inputs, x)(outer)]) if nested else keras.Model(inputs, [x])


def multiplied(factor, nested):
    """Make a network with a constant."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(3, 1)(inputs * factor)
    outer = keras.Input((8, 8, 3))
    return keras.Model(outer, [keras.Model(inputs, x)(outer)]) if nested else keras.Model(inputs, [x])


def typed(dtype, nested):
    """Make a network that computes in a type."""
    keras.utils.set_random_seed(0)
    inner = keras.Sequential([keras.Input((8, 8, 3)), layers.Conv2D(3, 1, dtype=dtype)])
    outer = keras.Input((8, 8, 3))
    return keras.Model(outer, [inner(outer)]) if nested else keras.Model(inner.inputs, inner.outputs)


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize(
    ("make", "options"), [(subtracted, (1, -1)), (multiplied, (1.0, 2.0)), (typed, ("float32", "mixed_bfloat16"))]
)
def test_networks_that_compute_something_else_have_other_keys(make, options, nested):
    first, again, other = (Trunk(make(option, nested)) for option in (options[0], *options))
    assert first.key == again.key != other.key
    images = np.random.default_rng(0).integers(0, 256, (1, 8, 8, 3), dtype=np.uint8)
    np.testing.assert_array_equal(first(images)[0], again(images)[0])
    assert not np.array_equal(first(images)[0], other(images)[0])


def test_features_of_the_engines_are_kept_apart(trunk):
    other = LiteRTTrunk(trunk)
    assert other.key != trunk.key and LiteRTTrunk(trunk).key == other.key
    images = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), dtype=np.uint8)
    np.testing.assert_allclose(other(images)[0], trunk(images)[0], rtol=1e-5, atol=1e-4)
