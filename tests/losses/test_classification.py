"""The loss with auxiliary classifiers, by hand and against a naive loop."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from kerascnn.losses import AuxiliaryCrossEntropy

E = np.e
LOGITS = np.array([[[2, 0, 0], [0, 0, 0], [0, 1, 0]], [[0, 0, 0], [0, 0, 3], [1, 1, 0]]], "float32")
LABELS = np.array([0, 2])
# The cross-entropies of the classifier and of the two auxiliary ones, a row for each picture.
LOSSES = np.array(
    [
        [np.log((E**2 + 2) / E**2), np.log(3), np.log(2 + E)],
        [np.log(3), np.log((2 + E**3) / E**3), np.log(1 + 2 * E)],
    ]
)
BY_HAND = LOSSES @ [1, 0.3, 0.3]


def compute_naively(labels, logits, weight):
    losses = []
    for label, rows in zip(labels, logits.astype("float64"), strict=True):
        own, *auxiliary = (np.log(np.exp(row).sum()) - row[label] for row in rows)
        losses.append(own + weight * sum(auxiliary))
    return np.array(losses)


def test_loss_by_hand():
    assert float(AuxiliaryCrossEntropy()(LABELS, LOGITS)) == pytest.approx(BY_HAND.mean(), rel=1e-6)


@pytest.mark.parametrize("shape", [(2,), (2, 1)])
@pytest.mark.parametrize("dtype", ["int32", "int64", "uint8", "float32"])
def test_labels_may_be_a_column(shape, dtype):
    losses = AuxiliaryCrossEntropy(reduction="none")(LABELS.reshape(shape).astype(dtype), LOGITS)
    np.testing.assert_allclose(losses, BY_HAND, rtol=1e-6)


@pytest.mark.parametrize("weight", [0.0, 0.3, 1.7])
@pytest.mark.parametrize(("pictures", "auxiliary", "classes"), [(1, 2, 2), (5, 2, 7), (3, 1, 4), (2, 0, 3)])
def test_loss_is_that_of_a_naive_loop(pictures, auxiliary, classes, weight):
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 3, (pictures, 1 + auxiliary, classes)).astype("float32")
    labels = rng.integers(0, classes, pictures)
    found = AuxiliaryCrossEntropy(weight, reduction="none")(labels, logits)
    np.testing.assert_allclose(found, compute_naively(labels, logits, weight), rtol=1e-5)


def test_certain_and_right_answers_cost_nothing():
    logits = np.full((2, 3, 4), -100.0, "float32")
    logits[0, :, 1] = logits[1, :, 3] = 100
    assert float(AuxiliaryCrossEntropy()(np.array([1, 3]), logits)) == 0


def test_gradient_reaches_every_classifier_by_its_weight():
    logits = tf.Variable(LOGITS)
    with tf.GradientTape() as tape:
        loss = AuxiliaryCrossEntropy(0.25)(LABELS, logits)
    exponentials = np.exp(LOGITS.astype("float64"))
    slopes = exponentials / exponentials.sum(-1, keepdims=True) - np.eye(3)[LABELS][:, None]  # softmax - one-hot
    np.testing.assert_allclose(tape.gradient(loss, logits), slopes * [[1], [0.25], [0.25]] / 2, atol=1e-6)


@pytest.fixture
def model():
    """Make a model whose outputs are its inputs, so that its loss is known, and stay so."""
    inputs = layers.Input((3, 3))
    model = keras.Model(inputs, layers.Dense(3, use_bias=False, kernel_initializer="identity")(inputs))
    model.compile(keras.optimizers.SGD(1e-12), AuxiliaryCrossEntropy())
    return model


@pytest.mark.parametrize(
    "weighting", [{"class_weight": {0: 3.0, 1: 9.0, 2: 0.5}}, {"sample_weight": np.array([3.0, 0.5])}]
)
@pytest.mark.parametrize("batch_size", [1, 2])
def test_pictures_are_weighed_through_keras(model, weighting, batch_size):
    # Of batches of one, Keras logs the mean; it is the mean over the pictures as well.
    history = model.fit(LOGITS, LABELS, batch_size=batch_size, verbose=0, **weighting)
    assert history.history["loss"] == pytest.approx([np.mean(BY_HAND * [3.0, 0.5])], rel=1e-6)


def test_configuration_makes_it_again():
    loss = AuxiliaryCrossEntropy(0.7, reduction="sum", name="both")
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    assert type(again) is AuxiliaryCrossEntropy
    assert again.get_config() == loss.get_config()
    assert (again.weight, again.reduction, again.name) == (0.7, "sum", "both")
    assert float(again(LABELS, LOGITS)) == pytest.approx((LOSSES @ [1, 0.7, 0.7]).sum(), rel=1e-6)


def test_compiled_model_keeps_it(model, tmp_path):
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    assert again.evaluate(LOGITS, LABELS, verbose=0) == pytest.approx(BY_HAND.mean(), rel=1e-6)


def test_outputs_without_auxiliary_classifiers_are_refused():
    with pytest.raises(ValueError, match=r"must be \(B, 1 \+ auxiliary, classes\).*\(2, 3\)"):
        AuxiliaryCrossEntropy()(np.array([0, 1]), np.zeros((2, 3), "float32"))
