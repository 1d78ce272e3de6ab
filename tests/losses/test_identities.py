"""The losses of classifiers of identities, against naive loops."""

import keras
import numpy as np
import pytest

from kerascnn.losses import ArcFaceLoss, IdentityCrossEntropy

IDENTITIES = np.array([2, 0, 1, 2])


@pytest.fixture(scope="module")
def cosines():
    return np.random.default_rng(0).uniform(-1, 1, (4, 3)).astype("float32")


def cross_entropy(logits, target):
    probabilities = np.exp(logits) / np.exp(logits).sum()
    return -np.sum(target * np.log(probabilities))


def test_cross_entropy_is_that_of_a_loop(cosines):
    found = IdentityCrossEntropy(0.3, reduction="none")(IDENTITIES, cosines)
    expected = [
        cross_entropy(row, 0.7 * np.eye(3)[identity] + 0.1) for row, identity in zip(cosines, IDENTITIES, strict=True)
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize("margin", [0.0, 0.3, 0.5])
def test_the_margin_is_added_to_the_own_angle(cosines, margin):
    found = ArcFaceLoss(margin, scale=8.0, reduction="none")(IDENTITIES, cosines)
    expected = []
    for row, identity in zip(cosines, IDENTITIES, strict=True):
        angle = np.arccos(row[identity])
        own = np.cos(angle + margin) if angle + margin < np.pi else row[identity] - margin * np.sin(margin)
        expected.append(cross_entropy(8 * np.where(np.eye(3)[identity], own, row), np.eye(3)[identity]))
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_another_library_gives_the_same():
    """pytorch-metric-learning 2.9.0: ArcFaceLoss(3, 5, margin=degrees(0.5), scale=64)."""
    vectors = np.random.default_rng(0).normal(size=(8, 5)).astype("float32")[:4]
    centres = np.random.default_rng(1).normal(size=(5, 3)).astype("float32")
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines = vectors @ (centres / np.linalg.norm(centres, axis=0))
    assert float(ArcFaceLoss()(IDENTITIES, cosines)) == pytest.approx(61.47686004638672, rel=1e-5)


def test_beyond_half_a_turn_a_larger_angle_is_still_worse():
    loss = ArcFaceLoss(0.5, scale=4.0, reduction="none")
    cosines = np.array([[c, 0.0] for c in np.linspace(-1, 1, 50)], "float32")
    assert np.all(np.diff(loss(np.zeros(50, int), cosines)) < 0)


def test_a_vector_on_its_centre_has_a_finite_gradient():
    import tensorflow as tf

    cosines = tf.constant([[1.0, -1.0], [-1.0, 1.0]])
    with tf.GradientTape() as tape:
        tape.watch(cosines)
        value = ArcFaceLoss()(np.zeros(2), cosines)
    assert np.all(np.isfinite(tape.gradient(value, cosines)))


@pytest.mark.parametrize("loss", [ArcFaceLoss(reduction="none"), IdentityCrossEntropy(0.1, reduction="none")])
def test_people_who_are_not_known_do_not_count(loss, cosines):
    found = np.array(loss(np.array([[2], [3], [-1], [999]]), cosines))
    assert found[0] > 0
    assert found[1:].tolist() == [0, 0, 0]


def test_what_makes_no_sense_is_refused(cosines):
    for options in ({"margin": -0.1}, {"margin": 1.6}, {"scale": 0.0}, {"margin": float("nan")}):
        with pytest.raises(ValueError, match="margin must"):
            ArcFaceLoss(**options)
    with pytest.raises(ValueError, match=r"label_smoothing must lie in \[0, 1\)"):
        IdentityCrossEntropy(1.0)
    with pytest.raises(ValueError, match=r"identities \(B,\) and outputs"):
        ArcFaceLoss()(np.zeros(1), cosines)


@pytest.mark.parametrize("loss", [ArcFaceLoss(0.3, 30.0), IdentityCrossEntropy(0.2)])
def test_a_loss_is_made_again_from_its_configuration(loss):
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    assert again.get_config() == loss.get_config()
