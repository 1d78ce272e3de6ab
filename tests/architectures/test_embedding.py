"""Embedders: what comes out for each head, and that the heads compute what their losses take."""

import keras
import numpy as np
import pytest

from kerascnn.architectures import CLASSIFIERS, embedder
from kerascnn.architectures.strides import layers_below


def build(head=None, **options):
    keras.utils.set_random_seed(0)
    return embedder("resnet20", (32, 32, 3), head=head, embedding_size=6, **options)


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3)).astype("float32")


def test_vectors_are_the_features_brought_to_length_1(images):
    model = build()
    features = keras.Model(model.input, model.get_layer("features").output).predict_on_batch(images)
    found = model.predict_on_batch(images)
    assert list(found) == ["embedding"]
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    np.testing.assert_allclose(found["embedding"], features / lengths, rtol=1e-4)


def test_a_classifier_stands_on_the_features(images):
    model = build("softmax", num_identities=4)
    features = keras.Model(model.input, model.get_layer("features").output).predict_on_batch(images)
    kernel, bias = model.get_layer("identities").get_weights()
    np.testing.assert_allclose(model.predict_on_batch(images)["logits"], features @ kernel + bias, rtol=1e-4, atol=1e-5)


def test_cosines_stay_between_the_vector_and_centres_of_length_1(images):
    model = build("cosine", num_identities=4)
    model.compile("adam", loss={"cosines": "mse"})
    model.fit(images, {"cosines": np.ones((5, 4))}, verbose=0)  # centres are brought to length 1 after every step
    (kernel,) = model.get_layer("identities").get_weights()
    np.testing.assert_allclose(np.linalg.norm(kernel, axis=0), 1, rtol=1e-5)
    found = model.predict_on_batch(images)
    np.testing.assert_allclose(found["cosines"], found["embedding"] @ kernel, rtol=1e-4, atol=1e-5)
    assert np.abs(found["cosines"]).max() <= 1 + 1e-6


def test_pairs_are_the_more_alike_the_nearer_they_are(images):
    model = build("siamese")
    for count in (5, 1, 3):  # any batch
        found = model.predict_on_batch(images[:count])
        assert found["same"].shape == (count, count)
        apart = np.abs(found["embedding"][:, None] - found["embedding"][None]).sum(axis=-1)
        np.testing.assert_allclose(found["same"], 1 - apart, rtol=1e-4, atol=1e-5)


def test_the_head_is_what_comes_after_the_last_stage():
    model = build("softmax", num_identities=4)
    above = {layer.name for layer in model.layers} - layers_below(model, "head")
    assert {"features", "identities", "pool"} <= above
    assert not any(layer.startswith("stride") for layer in above)


@pytest.mark.parametrize("name", [name for name in CLASSIFIERS if name in ("inception_v1", "mobilenet_v2", "resnet50")])
def test_the_bodies_of_facenet_and_of_phones_serve(name):
    model = embedder(name, (64, 48, 3))
    assert model.output["embedding"].shape == (None, 128)


def test_what_makes_no_sense_is_refused():
    for options, message in (
        ({"head": "logistic"}, "head must be one of softmax, cosine, siamese"),
        ({"head": "softmax"}, "num_identities must be at least 2"),
        ({"head": "cosine", "num_identities": 1}, "num_identities must be at least 2"),
        ({"head": "siamese", "difference": "cosine"}, "difference must be absolute or chi_square"),
        ({"embedding_size": 1}, "embedding_size must be at least 2"),
        ({"dropout": 1.0}, r"dropout lie in \[0, 1\)"),
    ):
        with pytest.raises(ValueError, match=message):
            embedder("resnet20", (32, 32, 3), **options)
