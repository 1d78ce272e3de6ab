"""LiteRT on this host answers as Keras does."""

import os
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pytest

from kerascnn import litert
from kerascnn.architectures import build
from kerascnn.litert import LiteRTModel


@pytest.mark.parametrize("threads", [1, 3])
def test_features_are_those_of_keras(threads):
    keras.utils.set_random_seed(0)
    network = build("mobilenet_v2", (33, 35, 3), None, alpha=0.35)
    images = np.random.default_rng(0).integers(0, 256, (5, 33, 35, 3), dtype=np.uint8)
    expected = network.predict_on_batch(images)
    run = LiteRTModel(network, threads)
    for count in (0, 1, 2, 5):
        (found,) = run(images[:count])
        assert found.shape == (count, *network.output_shape[1:]) and found.dtype == np.float32
        np.testing.assert_allclose(found, expected[:count], rtol=0, atol=1e-5 * np.abs(expected).max())


def test_threads_that_call_at_once_get_what_they_asked_for():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((32, 32, 3))
    model = keras.Model(inputs, keras.layers.GlobalMaxPooling2D()(keras.layers.Conv2D(16, 5)(inputs)))
    run = LiteRTModel(model, 2)
    batches = [np.full((8, 32, 32, 3), value, np.uint8) for value in range(4)] * 10
    expected = [run(batch)[0] for batch in batches[:4]] * 10
    with ThreadPoolExecutor(4) as pool:
        for (found,), other in zip(pool.map(run, batches), expected, strict=True):
            np.testing.assert_array_equal(found, other)


def test_there_is_an_interpreter_for_each_core_that_may_be_used(monkeypatch):
    inputs = keras.Input((4, 4, 3))
    model = keras.Model(inputs, keras.layers.Flatten()(inputs))
    for cores, expected in ((3, 3), (100, litert.MOST_THREADS)):
        monkeypatch.setattr(os, "sched_getaffinity", lambda process, cores=cores: set(range(cores)), raising=False)
        assert len(LiteRTModel(model)._interpreters) == expected


def test_outputs_come_in_the_order_of_the_model():
    inputs = keras.Input((4, 4, 3))
    # More than ten, whose names are not in the order of the alphabet.
    outputs = [keras.layers.Rescaling(1.0, offset=float(number))(inputs) for number in range(12)]
    found = LiteRTModel(keras.Model(inputs, outputs))(np.zeros((2, 4, 4, 3), np.uint8))
    assert [each[0, 0, 0, 0] for each in found] == list(range(12))


def test_what_has_no_builtin_operator_is_refused():
    inputs = keras.Input((4, 4, 3))
    model = keras.Model(inputs, keras.ops.erfinv(keras.ops.tanh(inputs)), name="odd")
    with pytest.raises(ValueError, match="odd cannot be converted for LiteRT"):
        LiteRTModel(model)
