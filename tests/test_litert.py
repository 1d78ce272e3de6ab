"""LiteRT on this host answers as Keras does."""

import keras
import numpy as np
import pytest

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
