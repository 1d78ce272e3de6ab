"""What the tests of several networks share: the comparison with the networks of keras.applications."""

import keras
import numpy as np
import pytest

FORMATS = ("x.h5", "x.weights.h5")  # the files of Keras 2, which keras.applications publishes, and of Keras 3


def random_weights(model, *, gain=2.0, deviation=1.0, seed=0):
    """Draw weights that keep the signal alive, and statistics that are not those of the start.

    Args:
        model: a network of keras.applications.
        gain: variance of a kernel times its fan-in: 2 before a ReLU (He et al. 2015), less where shortcuts add up.
        deviation: of the pixels that the first convolution sees: about 74 where they are not normalised to 1.
        seed: of the weights.
    """
    rng = np.random.default_rng(seed)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            channels = layer.gamma.shape
            gamma, variance = rng.uniform(0.5, 1.5, channels), rng.uniform(0.5, 1.5, channels)
            layer.set_weights([gamma, rng.normal(0, 0.5, channels), rng.normal(0, 0.5, channels), variance])
        elif layer.weights:
            kernel, *bias = (weight.shape for weight in layer.weights)
            fan_in = np.prod(kernel[:2] if isinstance(layer, keras.layers.DepthwiseConv2D) else kernel[:-1])
            scale = np.sqrt(gain / fan_in) / (deviation if kernel[-2] == 3 else 1)
            drawn = rng.standard_normal(kernel, dtype=np.float32) * np.float32(scale)
            layer.set_weights([drawn, *(rng.normal(0, 0.5, shape) for shape in bias)])


def assert_same_outputs(ours, theirs, preprocess):
    """Compare two networks on two pictures: ours takes RGB in 0..255, theirs what `preprocess` makes of it."""
    colours = np.array([[230, 120, 20], [40, 90, 200]])[:, np.newaxis, np.newaxis]
    noise = np.random.default_rng(1).uniform(-60, 60, (2, *ours.input_shape[1:]))
    images = np.clip(colours + noise, 0, 255).astype("float32")
    expected = keras.ops.convert_to_numpy(theirs(preprocess(images.copy())))
    largest = np.abs(expected).max()
    assert np.abs(expected[0] - expected[1]).max() > 0.05 * largest  # the pictures reach the outputs
    difference = keras.ops.convert_to_numpy(ours(images)) - expected
    assert np.abs(difference).max() < 1e-4 * largest


@pytest.fixture
def store(tmp_path):
    """A function of a model and a file name to the path of its weights, which are removed after the test."""

    def write(model, file):
        (model.save_weights if file.endswith(".weights.h5") else model.save)(tmp_path / file)
        return tmp_path / file

    yield write
    for path in tmp_path.iterdir():
        path.unlink()
