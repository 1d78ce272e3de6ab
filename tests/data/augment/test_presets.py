"""The presets: each keeps the convention of samples, whatever the picture."""

import numpy as np
import pytest
import tensorflow as tf

from kerascnn.data.augment import PRESETS, compose, preset
from kerascnn.data.augment.presets import faces
from kerascnn.data.augment.steps import Geometric
from kerascnn.data.augment.transform import Warp
from kerascnn.data.sample import IGNORED, check_sample
from tests.data.augment.conftest import SEED, assert_same, smooth, with_things


@pytest.mark.parametrize("name", PRESETS)
def test_samples_keep_the_convention(name, scene):
    augment = compose(*preset(name))
    for sample in (scene, with_things(smooth(37, 53)), with_things(smooth(37, 53).astype(np.float32))):
        result = augment(sample, SEED)
        check_sample(result)
        assert {key: (value.shape, value.dtype) for key, value in result.items()} == {
            key: (value.shape, value.dtype) for key, value in sample.items()
        }
        assert set(np.unique(result["mask"])) <= {*np.unique(sample["mask"]), IGNORED}
        assert result["label"] == sample["label"]


@pytest.mark.parametrize("name", PRESETS)
def test_pictures_of_one_pixel(name):
    augmented = compose(*preset(name))({"image": tf.constant([[[9, 99, 199]]], tf.uint8)}, SEED)["image"]
    assert augmented.shape == (1, 1, 3) and augmented.dtype == tf.uint8


def test_none_changes_nothing(scene):
    assert_same(compose(*preset("none"))(scene, SEED), scene)


@pytest.mark.parametrize("name", sorted(set(PRESETS) - {"none"}))
def test_every_other_changes_the_picture_and_mirrors_unless_told_not_to(name):
    image = tf.constant(smooth(20, 30))
    results = [compose(*preset(name))({"image": image}, tf.constant([number, 0], tf.int64)) for number in range(5)]
    assert any(not np.array_equal(result["image"], image) for result in results)
    # A left eye does not become a right one unless faces() is told which is which.
    assert len(preset(name)) == len(preset(name, mirrored=False)) + (name != "faces")


def test_faces_are_mirrored_when_their_landmarks_can_be_exchanged():
    assert len(faces(swap=(1, 0))) == len(faces()) + 1 == len(faces(mirrored=False, swap=(1, 0))) + 1


@pytest.mark.parametrize("name", sorted(set(PRESETS) - {"none"}))
def test_what_is_not_to_be_mirrored_never_is(name):
    # A map that turns left into right has a negative determinant.
    draw, size = np.random.default_rng(0).random, tf.constant([40.0, 60.0])
    for step in preset(name, mirrored=False):
        for _ in range(8 if isinstance(step, Geometric) else 0):
            map_of_points = step.make(tf.constant(draw(step.numbers), tf.float32), size)
            assert isinstance(map_of_points, Warp) or tf.linalg.det(map_of_points.matrix) > 0


def test_the_swap_of_faces_is_that_of_the_mirror():
    assert faces(swap=(1, 0))[0].swap == (1, 0)
    assert all(step.numbers > 0 for step in faces())


def test_detection_makes_things_larger_and_smaller():
    sample = {"image": tf.zeros((40, 60, 3), tf.uint8), "class_ids": tf.zeros(1, tf.int32)}
    sample["boxes"] = tf.constant([[29.9, 19.9, 30.1, 20.1]])  # so small that the border hardly ever cuts it
    augment = tf.autograph.experimental.do_not_convert(compose(*preset("detection")))
    seeds = tf.data.Dataset.range(400).map(lambda number: tf.stack([number, 7]))
    results = list(seeds.map(lambda seed: augment(sample, seed)))
    boxes = np.array([result["boxes"][0] for result in results if result["class_ids"][0] == 0])
    factors = np.sqrt(np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)) / 0.2
    assert factors.min() >= 1 / 1.5 - 1e-3 and factors.max() <= 0.45**-0.5 + 1e-3
    assert 0.2 <= np.mean(factors < 1) <= 0.5 and len(boxes) >= 0.9 * len(results)


def test_an_unknown_name_is_refused_with_those_there_are():
    with pytest.raises(ValueError, match=r"none, mirror, light, small, standard, .*faces.*'heavy'"):
        preset("heavy")
