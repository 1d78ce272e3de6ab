"""The loss of segmentation, against naive loops over pixels and numbers by hand."""

import keras
import numpy as np
import pytest

from kerascnn.losses import SegmentationLoss


def measure_by_loop(
    masks, logits, *, crossentropy=0.0, focal=0.0, dice=0.0, gamma=2.0, class_weights=None, weights=None
):
    """Sum over the pixels of each picture, as the papers write it."""
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    number = logits.shape[-1]
    losses = []
    for b, mask in enumerate(masks):
        total, counted = 0.0, 0
        both, true, said = np.zeros((3, number))
        for y, x in np.ndindex(mask.shape):
            c = mask[y, x]
            if c == 255:
                continue
            p = probabilities[b, y, x]
            own = -(crossentropy + focal * (1 - p[c]) ** gamma) * np.log(p[c])
            own *= 1 if class_weights is None else class_weights[c]
            own *= 1 if weights is None else weights[b, y, x]
            total, counted = total + own, counted + 1
            both[c] += p[c]
            true[c] += 1
            said += p
        present = true > 0
        coefficient = np.mean(2 * both[present] / (true + said)[present]) if present.any() else 1
        losses.append(total / max(counted, 1) + dice * (1 - coefficient))
    return np.array(losses)


@pytest.fixture(scope="module")
def batch():
    rng = np.random.default_rng(0)
    masks = rng.integers(0, 4, (3, 5, 7))
    masks[0, :2] = 255
    masks[1] = 255  # nothing is known of this picture
    masks[2][masks[2] == 1] = 0
    return masks, rng.normal(size=(3, 5, 7, 4)).astype("float32")


@pytest.mark.parametrize(
    "options",
    [
        {"crossentropy": 1.0},
        {"crossentropy": 0.0, "focal": 1.0, "gamma": 1.5},
        {"crossentropy": 0.0, "dice": 1.0},
        {"crossentropy": 0.7, "focal": 0.3, "dice": 0.5, "class_weights": (0.1, 2.0, 3.0, 0.5)},
    ],
)
def test_is_what_a_loop_gives(batch, options):
    found = SegmentationLoss(**options, reduction="none")(*batch)
    np.testing.assert_allclose(found, measure_by_loop(*batch, **options), rtol=1e-5)


def test_weights_of_pixels_multiply_their_cross_entropy(batch):
    masks, logits = batch
    weights = np.random.default_rng(1).uniform(0, 10, masks.shape).astype("float32")
    found = SegmentationLoss(reduction="none")(np.stack([masks, weights], axis=-1), logits)
    np.testing.assert_allclose(found, measure_by_loop(masks, logits, crossentropy=1.0, weights=weights), rtol=1e-5)


def test_a_network_that_is_sure_and_right_has_no_loss():
    masks = np.random.default_rng(0).integers(0, 3, (2, 4, 4))
    logits = 100 * np.eye(3, dtype="float32")[masks]
    assert float(SegmentationLoss(1.0, 1.0, 1.0)(masks, logits)) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_gradients_are_finite_where_a_pixel_is_ignored_or_sure(gamma):
    tf = pytest.importorskip("tensorflow")
    logits = tf.Variable([[[[200.0, 0.0], [0.0, 0.0], [0.0, 200.0]]]])
    with tf.GradientTape() as tape:
        loss = SegmentationLoss(1.0, 1.0, 1.0, gamma=gamma)(np.array([[[0, 255, 0]]]), logits)
    gradient = tape.gradient(loss, logits).numpy()
    assert np.isfinite(gradient).all()
    assert (gradient[0, 0, 1] == 0).all() and gradient[0, 0, 2, 0] < 0 < gradient[0, 0, 2, 1]


def test_options_survive_storage():
    loss = SegmentationLoss(0.5, 0.1, 0.4, gamma=1.5, class_weights=[1, 2])
    again = SegmentationLoss.from_config(loss.get_config())
    assert again.get_config() == loss.get_config() and again.class_weights == (1.0, 2.0)
    assert isinstance(
        keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss)), SegmentationLoss
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"crossentropy": -1.0}, "must not be negative"),
        ({"crossentropy": 0.0}, "one of the losses count"),
        ({"gamma": -1.0}, "must not be negative"),
        ({"class_weights": (1.0, -1.0)}, "must not be negative"),
    ],
)
def test_options_out_of_range_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        SegmentationLoss(**arguments)


@pytest.mark.parametrize("shapes", [((2, 4, 4), (2, 4, 5, 3)), ((2, 4, 4, 3), (2, 4, 4, 3)), ((2, 4), (2, 4, 3))])
def test_shapes_that_do_not_belong_together_are_refused(shapes):
    targets, outputs = (np.zeros(shape, "float32") for shape in shapes)
    with pytest.raises(ValueError, match="of the same height and width"):
        SegmentationLoss().call(targets, outputs)


def test_weights_of_other_classes_are_refused():
    with pytest.raises(ValueError, match="class_weights must be 3 numbers"):
        SegmentationLoss(class_weights=(1.0, 2.0))(np.zeros((1, 2, 2), int), np.zeros((1, 2, 2, 3), "float32"))
