"""The losses of classifiers, by hand, against a naive loop and against Keras' own."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from kerascnn.losses import AuxiliaryCrossEntropy, SmoothedCrossEntropy

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


def compute_naively(labels, logits, weight, smoothing):
    losses = []
    for label, rows in zip(labels, logits.astype("float64"), strict=True):
        surprises = [np.log(np.exp(row).sum()) - row for row in rows]
        own, *auxiliary = ((1 - smoothing) * each[label] + smoothing * each.mean() for each in surprises)
        losses.append(own + weight * sum(auxiliary))
    return np.array(losses)


def test_smoothed_loss_by_hand():
    logits, labels = LOGITS[:, 0], LABELS
    # Of the first picture: 0.8 of class 0, 0.1 of the others; logits 2, 0, 0. The second one is the same for all.
    expected = [np.log(E**2 + 2) - 0.8 * 2, np.log(3)]
    found = SmoothedCrossEntropy(0.3, reduction="none")(labels, logits)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.9])
@pytest.mark.parametrize(("pictures", "classes"), [(1, 2), (5, 7)])
def test_smoothed_loss_is_that_of_keras_for_distributions(smoothing, pictures, classes):
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 3, (pictures, classes)).astype("float32")
    labels = rng.integers(0, classes, pictures)
    theirs = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=smoothing)
    found = float(SmoothedCrossEntropy(smoothing)(labels, logits))
    assert found == pytest.approx(float(theirs(np.eye(classes)[labels], logits)), rel=1e-6)


@pytest.mark.parametrize("shape", [(2,), (2, 1)])
@pytest.mark.parametrize("dtype", ["int32", "uint8", "float32"])
def test_smoothed_labels_may_be_a_column(shape, dtype):
    losses = SmoothedCrossEntropy(0.3, reduction="none")(LABELS.reshape(shape).astype(dtype), LOGITS[:, 0])
    np.testing.assert_allclose(losses, [np.log(E**2 + 2) - 1.6, np.log(3)], rtol=1e-6)


@pytest.mark.parametrize("loss", [SmoothedCrossEntropy, AuxiliaryCrossEntropy])
@pytest.mark.parametrize("smoothing", [-0.1, 1.0, float("nan")])
def test_a_share_out_of_range_is_refused(loss, smoothing):
    with pytest.raises(ValueError, match="label_smoothing must lie from 0 to below 1"):
        loss(label_smoothing=smoothing)


@pytest.mark.parametrize("loss", [SmoothedCrossEntropy(0.2), AuxiliaryCrossEntropy(0.5, 0.2)])
def test_losses_are_made_again_from_their_config(loss):
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    logits = LOGITS if isinstance(loss, AuxiliaryCrossEntropy) else LOGITS[:, 0]
    assert float(again(LABELS, logits)) == float(loss(LABELS, logits))


def test_loss_by_hand():
    assert float(AuxiliaryCrossEntropy()(LABELS, LOGITS)) == pytest.approx(BY_HAND.mean(), rel=1e-6)


@pytest.mark.parametrize("shape", [(2,), (2, 1)])
@pytest.mark.parametrize("dtype", ["int32", "int64", "uint8", "float32"])
def test_labels_may_be_a_column(shape, dtype):
    losses = AuxiliaryCrossEntropy(reduction="none")(LABELS.reshape(shape).astype(dtype), LOGITS)
    np.testing.assert_allclose(losses, BY_HAND, rtol=1e-6)


@pytest.mark.parametrize(("weight", "smoothing"), [(0.0, 0.0), (0.3, 0.0), (0.3, 0.1), (1.7, 0.5)])
@pytest.mark.parametrize(("pictures", "auxiliary", "classes"), [(1, 2, 2), (5, 2, 7), (3, 1, 4), (2, 0, 3)])
def test_loss_is_that_of_a_naive_loop(pictures, auxiliary, classes, weight, smoothing):
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 3, (pictures, 1 + auxiliary, classes)).astype("float32")
    labels = rng.integers(0, classes, pictures)
    found = AuxiliaryCrossEntropy(weight, smoothing, reduction="none")(labels, logits)
    np.testing.assert_allclose(found, compute_naively(labels, logits, weight, smoothing), rtol=1e-5)


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
