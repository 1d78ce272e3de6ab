"""Gradients by an array: against finite differences and by hand."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from kerascnn.gradients import compile_gradient


def test_values_and_gradient_by_hand():
    def function(x):
        return {"total": ops.sum(x**3), "sum": ops.sum(x)}

    values, gradient = compile_gradient(function, of="total")(np.array([[1, -2]], "float32"))
    assert values == {"total": -7.0, "sum": -1.0}
    np.testing.assert_allclose(gradient, [[3, 12]])
    _, gradient = compile_gradient(function, of="sum")(np.array([[1, -2]], "float32"))
    np.testing.assert_allclose(gradient, [[1, 1]])


def test_the_gradient_through_a_network_is_that_of_finite_differences():
    keras.utils.set_random_seed(0)
    network = keras.Sequential([layers.Input((6, 5, 3)), layers.Conv2D(4, 3, activation="tanh"), layers.Flatten()])
    network.trainable = False
    compute = compile_gradient(lambda x: {"total": ops.sum(ops.square(network(x)))}, of="total")
    x = np.random.default_rng(0).normal(size=(1, 6, 5, 3)).astype("float32")
    _, gradient = compute(x)
    for place in [(0, 0, 0, 0), (0, 3, 2, 1), (0, 5, 4, 2)]:
        step = np.zeros_like(x)
        step[place] = 1e-2
        difference = (compute(x + step)[0]["total"] - compute(x - step)[0]["total"]) / 2e-2
        assert gradient[place] == pytest.approx(difference, rel=1e-2, abs=1e-3)


def test_another_backend_is_refused(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "torch")
    with pytest.raises(ValueError, match=r"tensorflow or jax backend\. Received: torch"):
        compile_gradient(lambda x: {"total": x}, of="total")
