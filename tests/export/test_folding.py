"""The folded model answers the same, with one operation less."""

import keras
import numpy as np
import pytest
from keras import layers

from kerascnn.export.folding import fold_scale

SIZE = (9, 7)


def build(scale, offset, *, padded=False, shared=False, strides=1):
    inputs = layers.Input((*SIZE, 3), name="image")
    x = normalised = layers.Rescaling(scale, offset, name="normalise")(inputs)
    x = layers.ZeroPadding2D(2)(x) if padded else x
    x = layers.Conv2D(4, 3, padding="same", strides=strides, name="conv")(x)
    x = layers.Concatenate()([x, normalised]) if shared else x
    return keras.Model(inputs, layers.GlobalAveragePooling2D()(x))


def answers(model):
    images = np.random.default_rng(0).uniform(0, 255, (2, *SIZE, 3)).astype("float32")
    return keras.ops.convert_to_numpy(model(images))


@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize(
    ("scale", "offset"),
    [(1 / 127.5, -1.0), ([0.01, 0.02, 0.03], [-2.0, -1.0, -0.5]), (2.0, 0.0), (1.0, [-1.0, -2.0, 3.0])],
)
def test_the_scale_moves_into_the_kernel(scale, offset, padded):
    model = build(scale, offset, padded=padded)
    folded = fold_scale(model)
    assert folded.get_layer("normalise").scale == 1.0
    np.testing.assert_allclose(answers(folded), answers(model), rtol=1e-4, atol=1e-4)


def test_the_model_itself_stays_as_it_is():
    model = build(1 / 127.5, -1.0)
    before = model.get_layer("conv").get_weights()
    fold_scale(model)
    assert model.get_layer("normalise").scale == 1 / 127.5
    np.testing.assert_array_equal(model.get_layer("conv").get_weights()[0], before[0])


def test_a_normalised_picture_that_something_else_sees_keeps_its_scale():
    model = build(1 / 127.5, -1.0, shared=True)
    folded = fold_scale(model)
    assert folded.get_layer("normalise").scale == 1 / 127.5
    np.testing.assert_allclose(answers(folded), answers(model), atol=1e-6)


def test_a_model_without_a_normalisation_is_given_back():
    inputs = layers.Input((*SIZE, 3))
    model = keras.Model(inputs, layers.Conv2D(2, 3)(inputs))
    assert fold_scale(model) is model
