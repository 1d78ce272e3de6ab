"""RandAugment and GridMask of keras-cv: a function of picture and seed alone, and nothing but the picture changes."""

import sys

import numpy as np
import pytest
import tensorflow as tf

from kerascnn.data import compose, grid_mask, mirror, rand_augment
from kerascnn.data.augment.sampling import GREY
from kerascnn.data.scenes import render_scene

SIZE = (40, 56)


@pytest.fixture(scope="module", params=["all", "pixels only", "grid"])
def augment(request):
    """Tracing takes seconds: each is made once."""
    if request.param == "grid":
        return grid_mask(probability=1.0)
    return rand_augment(3, rate=1.0, geometric=request.param == "all")


@pytest.fixture(scope="module")
def sample():
    scene = render_scene(0, 0)
    return {"image": tf.constant(scene["image"][: SIZE[0], : SIZE[1]]), "label": tf.constant(scene["label"])}


def seed(number):
    return tf.stack([tf.cast(number, tf.int64), tf.constant(1, tf.int64)])


def test_the_same_seed_gives_the_same_picture_and_another_another(augment, sample):
    first, again = ([augment(sample, seed(number))["image"].numpy() for number in range(8)] for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert len({image.tobytes() for image in first}) >= 6
    assert first[0].dtype == np.uint8 and first[0].shape == (*SIZE, 3)


def test_eager_equals_mapped_and_batched(augment, sample):
    eager = [augment(sample, seed(number))["image"].numpy() for number in range(6)]
    mapped = tf.data.Dataset.range(6).map(lambda number: augment(sample, seed(number))["image"], tf.data.AUTOTUNE)
    np.testing.assert_array_equal(list(mapped.as_numpy_iterator()), eager)
    batch = {key: tf.stack([value] * 6) for key, value in sample.items()}
    np.testing.assert_array_equal(augment(batch, tf.stack([seed(number) for number in range(6)]))["image"], eager)


def test_nothing_is_drawn_from_a_state(augment):
    graph = tf.function(lambda image, seed: augment({"image": image}, seed)["image"]).get_concrete_function(
        tf.TensorSpec((None, None, 3), tf.uint8), tf.TensorSpec(2, tf.int64)
    )
    definition = graph.graph.as_graph_def()
    nodes = [*definition.node, *(node for function in definition.library.function for node in function.node_def)]
    drawing = {node.op for node in nodes if "random" in node.op.lower() or "rng" in node.op.lower()}
    assert drawing and all(name.startswith("StatelessRandom") for name in drawing)
    assert not any("variable" in node.op.lower() for node in nodes)


def test_float_pictures_stay_float_and_in_range(augment, sample):
    image = augment({"image": tf.cast(sample["image"], tf.float32)}, seed(0))["image"]
    assert image.dtype == tf.float32
    assert 0 <= np.min(image) <= np.max(image) <= 255


def test_boxes_and_mask_stay_where_the_pixels_stay():
    scene = {key: tf.constant(value) for key, value in render_scene(0, 0).items()}
    for augment in (grid_mask(probability=1.0), rand_augment(1, geometric=False)):
        augmented = augment(scene, seed(1))
        for key in scene.keys() - {"image"}:
            assert augmented[key] is scene[key]


def test_shears_and_shifts_of_annotated_samples_are_refused():
    scene = {key: tf.constant(value) for key, value in render_scene(0, 0).items()}
    with pytest.raises(ValueError, match=r"boxes and mask.*geometric=False"):
        rand_augment()(scene, seed(1))


def test_rand_augment_stands_in_a_list(sample):
    augment = compose(mirror(1.0), rand_augment(rate=0.0), size=(20, 28))
    expected = compose(mirror(1.0), size=(20, 28))
    image, plain = (one({"image": sample["image"]}, seed(2))["image"] for one in (augment, expected))
    assert np.mean(np.abs(image.numpy().astype(int) - plain.numpy())) < 2  # sampled twice, not once


def test_magnitude_0_hardly_changes_a_picture_where_1_does(sample):
    changes = []
    for magnitude in (0.0, 1.0):
        augment = rand_augment(1, magnitude, deviation=0.0, rate=1.0, geometric=False)
        images = np.array([augment(sample, seed(number))["image"] for number in range(30)], int)
        changes.append(np.median(np.abs(images - sample["image"].numpy()).mean(axis=(1, 2, 3))))
    assert changes[0] < changes[1]


def test_the_grid_is_grey_and_the_rest_is_untouched(sample):
    augment = grid_mask((0.5, 0.5), probability=1.0)
    shares = []
    for number in range(20):
        image = augment(sample, seed(number))["image"].numpy()
        grey = (image == GREY).all(-1)
        np.testing.assert_array_equal(image[~grey], sample["image"].numpy()[~grey])
        shares.append(grey.mean())
    assert 0.15 < np.mean(shares) < 0.45  # a quarter, and the edges that the turn smears


def test_half_of_the_pictures_get_a_grid(sample):
    augment = grid_mask((0.5, 0.5))
    changed = [not np.array_equal(augment(sample, seed(n))["image"], sample["image"]) for n in range(60)]
    assert 14 <= sum(changed) <= 46  # four standard deviations


@pytest.mark.parametrize("make", [rand_augment, grid_mask])
def test_without_keras_cv_the_error_says_what_to_do(make, monkeypatch):
    monkeypatch.setitem(sys.modules, "keras_cv", None)
    with pytest.raises(ImportError, match=r"keras-cv 0\.9.*pip install keras-cv"):
        make()


@pytest.mark.parametrize(
    ("make", "settings", "message"),
    [
        (rand_augment, {"layers": 0}, "layers"),
        (rand_augment, {"magnitude": 1.1}, "magnitude"),
        (rand_augment, {"deviation": -0.1}, "deviation"),
        (rand_augment, {"rate": 2}, "rate"),
        (grid_mask, {"ratio": (0.5, 0.4)}, "ratio"),
        (grid_mask, {"ratio": (0.5, 1.4)}, "ratio"),
        (grid_mask, {"turn": -1}, "turn"),
        (grid_mask, {"probability": 1.1}, "probability"),
    ],
)
def test_settings_out_of_range_are_refused(make, settings, message):
    with pytest.raises(ValueError, match=message):
        make(**settings)
