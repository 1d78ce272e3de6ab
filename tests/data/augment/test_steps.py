"""Several augmentations as one: order, seeds, sizes, batches, and the same answer wherever they run."""

import hashlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import binary_erosion

from kerascnn.data.augment import (
    blur,
    color_jitter,
    color_shift,
    compose,
    erase,
    mirror,
    noise,
    random_crop,
    rotate,
    scale,
    shear,
    translate,
    warp,
    zoom_out,
)
from kerascnn.data.augment.sampling import GREY
from kerascnn.data.resize import resize_sample
from kerascnn.data.sample import IGNORED, check_sample
from tests.data.augment.conftest import SEED, assert_same, coarse, fixed, smooth, tensors, with_things

# Every kind of step, a sampling before and after a function, and one of each pixel step, all of which always happen.
EVERYTHING = [
    mirror(),
    rotate(20),
    random_crop(),
    color_jitter(hue=20),
    lambda sample, seed: sample | {"image": tf.reverse(sample["image"], [0])},
    zoom_out(2.0),
    warp(),
    color_shift(),
    blur(probability=1),
    noise(probability=1),
    erase(probability=1),
]
SIZES = [(37, 53), (70, 90)]  # sampled in the graph, and by OpenCV


def numbered(size, count=3):
    """Several samples as one batch, a seed for each, and each alone."""
    samples = [with_things(coarse(*size, number)) for number in range(count)]
    seeds = tf.constant([[3, 4], [3, 5], [2**40, -7]], tf.int64)
    return samples, {key: tf.stack([sample[key] for sample in samples]) for key in samples[0]}, seeds


@pytest.mark.parametrize("size", SIZES)
def test_eager_again_and_mapped_are_the_same_bytes(size):
    samples, together, seeds = numbered(size)
    augment = compose(*EVERYTHING)
    alone = [augment(sample, seed) for sample, seed in zip(samples, seeds, strict=True)]
    assert len({each["image"].numpy().tobytes() for each in alone}) == 3
    quick = tf.autograph.experimental.do_not_convert(augment)  # to trace
    mapped = tf.data.Dataset.from_tensor_slices((together, seeds)).map(quick, tf.data.AUTOTUNE)
    for first, second in zip(mapped, alone, strict=True):
        check_sample(first)
        assert_same(first, second)
    assert_same(augment(samples[0], seeds[0]), alone[0])


def test_a_batch_is_the_same_bytes_as_its_pictures_alone():
    samples, together, seeds = numbered((37, 53))
    augment = compose(mirror(), rotate(20), random_crop(), color_shift(), noise(probability=1))
    alone = [augment(sample, seed) for sample, seed in zip(samples, seeds, strict=True)]
    (mapped,) = tf.data.Dataset.from_tensors((together, seeds)).map(augment)
    for batch in (augment(together, seeds), mapped):
        for number, each in enumerate(alone):
            assert_same({key: value[number] for key, value in batch.items()}, each)


@pytest.mark.parametrize("steps", [[zoom_out(2.0, 1.0), random_crop()], [rotate(30), warp(), random_crop()]])
def test_an_optimised_graph_rounds_as_eager_mode_does(steps):
    # Where the graph knows sizes, TensorFlow would reorder the computation; see `opaque`.
    sample, augment = with_things(coarse(70, 90)), compose(*steps, size=(75, 66))
    graph = tf.function(augment, autograph=False)
    for number in range(4):
        seed = tf.constant([number, 0], tf.int64)
        assert_same(graph(sample, seed), augment(sample, seed))


def digest():
    hasher = hashlib.sha256()
    for size in SIZES:
        augmented = compose(*EVERYTHING)(with_things(smooth(*size)), SEED)
        for key in sorted(augmented):
            hasher.update(key.encode() + augmented[key].numpy().tobytes())
    return hasher.hexdigest()


def test_a_restarted_process_gives_the_same_bytes():
    code = f"from {__name__} import digest; print(digest())"
    outcome = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert outcome.stdout.split()[-1:] == [digest()], outcome.stderr


def test_another_seed_gives_another_answer_and_both_numbers_count():
    sample, augment = {"image": tf.constant(smooth(16, 16))}, rotate(90)
    pictures = [augment(sample, tf.constant(seed, tf.int64))["image"] for seed in ([0, 0], [0, 1], [1, 0])]
    assert len({picture.numpy().tobytes() for picture in pictures}) == 3


@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_a_chain_equals_its_steps_one_after_another(data):
    # A chain samples once what its steps sample several times: each time a smooth picture loses a little. What a step
    # alone pushed out of the picture is gone, while the chain may fetch it back: only the rest is compared.
    kinds = [(mirror, (0.5,)), (rotate, (30,)), (shear, (10,)), (scale, ((0.8, 1.25),)), (translate, (0.1,))]
    kinds += [(random_crop, ((0.5, 1.0), (1.0, 1.0))), (warp, (0.1, 2)), (zoom_out, (1.5,))]
    chosen = data.draw(st.lists(st.sampled_from(kinds), min_size=2, max_size=4))
    draw = np.random.default_rng(data.draw(st.integers(0, 1000))).random
    # The crop keeps the picture's shape: a chain turns what was cut out before it is stretched, steps alone after.
    made = [make(*arguments) for make, arguments in chosen]
    steps = [fixed(each, *draw(each.numbers)) for each in made]
    height, width = data.draw(st.sampled_from([(48, 56), (72, 80)]))
    image = smooth(height, width)
    sample = tensors({"image": image, "mask": np.zeros((height, width), np.int32)})

    done = sample
    for step in steps:
        done = step(done, SEED)
    at_once = compose(*steps)(sample, SEED)
    # Nor is what lies beside the unknown: a step alone mixes it with grey.
    known = binary_erosion(done["mask"].numpy() != IGNORED, iterations=4)
    assert not (known & (at_once["mask"].numpy() == IGNORED)).any()
    difference = np.abs(done["image"].numpy().astype(int) - at_once["image"].numpy())[known]
    # A step alone stretches a picture of another size back, and holds the first pixel: half a pixel aside at most.
    limit = 12 if {random_crop, zoom_out} & {each for each, _ in chosen} else 4
    assert known.sum() < 50 or (difference.mean() < limit / 3 and np.quantile(difference, 0.99) <= limit)


def test_colors_are_multiplied_before_they_are_rounded():
    image = tf.constant([[[0, 100, 255]]], tf.uint8)
    up, down = fixed(color_shift(200), 1, 1, 1), fixed(color_shift(200), 0, 0, 0)
    np.testing.assert_array_equal(up({"image": image}, SEED)["image"], [[[200, 255, 255]]])
    np.testing.assert_array_equal(compose(up, down)({"image": image}, SEED)["image"], image)


def test_pixels_are_changed_last():
    sample = {"image": tf.constant(smooth(12, 12))}
    erased = compose(erase((1, 1), (1, 1), 1.0), mirror(1.0), fixed(color_shift(50), 1, 1, 1))(sample, SEED)["image"]
    np.testing.assert_array_equal(erased, np.full((12, 12, 3), GREY))


def test_own_functions_are_called_at_their_place_each_with_its_own_seed():
    seen = []

    def note(sample, seed):
        seen.append((sample["image"].numpy(), tuple(seed.numpy())))
        return sample | {"image": sample["image"] + 1}

    image = tf.constant(coarse(4, 6)) // 2
    result = compose(note, note, mirror(1.0), note, mirror(1.0))({"image": image}, SEED)["image"]
    expected = [image, image + 1, image[:, ::-1] + 2]
    for (picture, _), other in zip(seen, expected, strict=True):
        np.testing.assert_array_equal(picture, other)
    np.testing.assert_array_equal(result, image + 3)
    assert len({seed for _, seed in seen}) == 3 and tuple(SEED.numpy()) not in {seed for _, seed in seen}


def test_a_composition_can_be_part_of_another():
    sample = {"image": tf.constant(smooth(20, 30))}
    whole = compose(compose(fixed(translate(0.5), 0.5, 0.6)), mirror(1.0))(sample, SEED)
    assert_same(whole, compose(fixed(translate(0.5), 0.5, 0.6), mirror(1.0))(sample, SEED))


def test_nothing_to_do_changes_nothing(scene):
    assert_same(compose()(scene, SEED), scene)


def test_the_sample_that_was_given_is_not_changed(scene):
    before = dict(scene)
    compose(*EVERYTHING)(scene, SEED)
    assert before.keys() == scene.keys() and all(scene[key] is before[key] for key in before)


@pytest.mark.parametrize("size", [(24, 20), (90, 71)])
@pytest.mark.parametrize(
    "augmentations",
    [[], [mirror(0)], [color_jitter(0, 0, 0)], [lambda sample, seed: sample], [mirror(0), lambda sample, seed: sample]],
    ids=["nothing", "geometric", "color", "own", "own last"],
)
def test_a_size_stretches_everything_as_without_augmentation(size, augmentations):
    sample = with_things(smooth(37, 53))
    stretched, expected = compose(*augmentations, size=size, fill="edge")(sample, SEED), resize_sample(sample, size)
    assert stretched["image"].shape == (*size, 3) and stretched["mask"].shape == size
    difference = stretched["image"].numpy().astype(int) - expected["image"].numpy()
    assert abs(difference).max() <= 1
    np.testing.assert_allclose(stretched["boxes"], expected["boxes"], atol=1e-3)
    np.testing.assert_allclose(stretched["landmarks"], expected["landmarks"], atol=1e-3)


@pytest.mark.parametrize("size", [None, (20, 30)])
def test_a_function_of_numpy_may_stand_alone_in_a_graph(size):
    def darken(sample, seed):
        return sample | {"image": tf.numpy_function(lambda image: image // 2, [sample["image"]], tf.uint8)}

    pictures = tf.data.Dataset.from_tensors({"image": tf.constant(smooth(20, 30))})
    (augmented,) = pictures.map(lambda sample: compose(darken, size=size)(sample, SEED))
    np.testing.assert_array_equal(augmented["image"], smooth(20, 30) // 2)


def test_a_size_is_known_to_the_graph_whatever_the_picture():
    signature = {"image": tf.TensorSpec((None, None, 3), tf.uint8), "boxes": tf.TensorSpec((None, 4))}
    signature |= {"class_ids": tf.TensorSpec([None], tf.int32), "mask": tf.TensorSpec((None, None), tf.int32)}
    graph = tf.function(compose(rotate(), warp(), blur(), size=(20, 30)), autograph=False).get_concrete_function(
        signature, SEED
    )
    shapes = {key: value.shape.as_list() for key, value in graph.structured_outputs.items()}
    assert shapes["image"] == [20, 30, 3] and shapes["mask"] == [20, 30]


@pytest.mark.parametrize(
    ("fill", "annotated", "expected"),
    [
        (None, False, [3, 2, 1, 0, 0, 1, 2, 3]),
        (None, True, [*[GREY[0]] * 4, 0, 1, 2, 3]),
        ("reflect", True, [3, 2, 1, 0, 0, 1, 2, 3]),
        ("edge", False, [0, 0, 0, 0, 0, 1, 2, 3]),
        ((9, 8, 7), False, [9, 9, 9, 9, 0, 1, 2, 3]),
        ((0, 0, 0), True, [0, 0, 0, 0, 0, 1, 2, 3]),
    ],
)
def test_what_lies_outside(path, fill, annotated, expected):
    image = np.broadcast_to(np.arange(8, dtype=np.uint8)[np.newaxis, :, np.newaxis], (3, 8, 3))
    sample = {"image": tf.constant(image)} | ({"landmarks": tf.zeros((1, 2))} if annotated else {})
    moved = compose(fixed(translate(0.5), 0.5, 1.0), fill=fill)(sample, SEED)["image"]
    np.testing.assert_array_equal(moved[1, :, 0], expected)


@pytest.mark.parametrize("image", [coarse(1, 1), coarse(1, 9), smooth(9, 1).astype(np.float32)])
def test_pictures_of_one_pixel_a_side(path, image):
    augmented = compose(*EVERYTHING)({"image": tf.constant(image)}, SEED)["image"]
    assert augmented.shape == image.shape and augmented.dtype == image.dtype


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("size", (0, 5)), ("size", (5,)), ("min_visible", -0.1), ("min_visible", 1.1), ("min_visible", float("nan"))],
        *[("fill", "constant"), ("fill", "red"), ("fill", (1, 2)), ("fill", (0, 0, 256)), ("fill", (0, -1, 0))],
    ],
)
def test_what_is_out_of_range_is_refused(name, value):
    with pytest.raises(ValueError, match=f"{name}="):
        compose(mirror(), **{name: value})


def test_an_empty_batch_stays_empty():
    batch = {"image": tf.zeros((0, 5, 7, 3), tf.uint8), "label": tf.zeros(0, tf.int32)}
    augmented = compose(mirror(), size=(4, 6))(batch, tf.zeros((0, 2), tf.int64))
    assert augmented["image"].shape == (0, 4, 6, 3) and augmented["label"].shape == 0


@pytest.mark.parametrize("steps", [[], [color_shift()], [mirror()]])
def test_a_float_picture_stays_one_when_it_is_stretched(steps):
    picture = {"image": tf.fill((5, 7, 3), 100.5)}
    assert compose(*steps, size=(4, 6))(picture, tf.constant([0, 0], tf.int64))["image"].dtype == tf.float32
