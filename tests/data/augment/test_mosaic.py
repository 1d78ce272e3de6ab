"""Mosaics: four pictures in one, each in its part, with the boxes that are still seen; and the pipeline of them."""

from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from kerascnn.data import Split, color_shift, mirror, mosaic, pipeline, random_crop, rotate
from kerascnn.data.augment.steps import MIN_VISIBLE
from kerascnn.data.sample import check_sample
from kerascnn.data.sources.annotations import make_lookup
from tests.data.augment.conftest import SEED, assert_same, fixed, smooth, tensors

BEFORE = (100, 120)
SIZES = pytest.mark.parametrize("size", [(2, 2), (21, 33), (90, 71)])
TASK = SimpleNamespace(image_size=(20, 30), targets=lambda sample: sample["objects"])


def seeds(count):
    return [tf.constant([number, 7], tf.int64) for number in range(count)]


def plain(number, *boxes):
    """A picture of one colour, that of its number, with boxes, which are also in the mask: 2 * number, and 1 more."""
    mask = np.full(BEFORE, 2 * number, np.int32)
    for x1, y1, x2, y2 in boxes:
        mask[y1:y2, x1:x2] += 1
    image = np.full((*BEFORE, 3), 20 * number + 5, np.uint8)
    class_ids = np.full(len(boxes), number, np.int32)
    return tensors({"image": image, "mask": mask, "boxes": np.float32(boxes).reshape(-1, 4), "class_ids": class_ids})


def four():
    """Two boxes, one, none, and one that fills its picture."""
    boxes = ([(10, 20, 50, 60), (70, 10, 110, 90)], [(10, 10, 40, 40)], [], [(0, 0, 120, 100)])
    return [plain(number, *own) for number, own in enumerate(boxes)]


def split_of(samples):
    images = tf.stack([sample["image"] for sample in samples])
    annotations = {key: [sample[key].numpy() for sample in samples] for key in ("boxes", "class_ids")}
    look_up = make_lookup(annotations)
    return Split(
        [""] * len(samples), annotations, [""] * len(samples), lambda index: {"image": images[index]} | look_up(index)
    )


def numbered(size=10):
    return split_of([plain(number, (20, 20, 100, 80)) for number in range(size)])


def epochs_of(augment, count, **options):
    """The batches of some epochs, as arrays."""
    batches = pipeline(numbered(), TASK, augment=augment, **{"seed": 3, "batch_size": 4} | options)
    return [[(images.numpy(), rows.numpy()) for images, rows in batches] for _ in range(count)]


def as_bytes(epoch):
    return [(images.tobytes(), rows.tobytes()) for images, rows in epoch]


@pytest.fixture(scope="module")
def always():
    """Three epochs, all of mosaics."""
    return epochs_of([mosaic(1.0)], 3)


@pytest.fixture(scope="module")
def without():
    """The same three epochs without one."""
    return epochs_of((), 3)


def mosaics(count, samples, *, size, **options):
    """Mosaics of some seeds."""
    put = tf.autograph.experimental.do_not_convert(lambda seed: mosaic(**options)(samples, seed, size=size))
    return tf.data.Dataset.from_tensor_slices(tf.stack(seeds(count))).map(put)


def numbers_in(image):
    return {int(value - 5) // 20 for value in np.unique(image)}


@SIZES
def test_each_corner_shows_its_own_picture_and_the_four_meet_in_a_point(size):
    for result in mosaics(10, four(), size=size):
        numbers = result["mask"].numpy() // 2
        assert result["image"].shape == (*size, 3) and numbers.shape == size
        np.testing.assert_array_equal(result["image"], np.repeat(20 * numbers[..., np.newaxis] + 5, 3, axis=-1))
        top, left = np.count_nonzero(numbers[:, 0] == 0), np.count_nonzero(numbers[0] == 0)
        assert 0 < top < size[0] and 0 < left < size[1]
        expected = np.zeros(size, np.int32)
        expected[:top, left:], expected[top:, :left], expected[top:, left:] = 1, 2, 3
        np.testing.assert_array_equal(numbers, expected)


@pytest.mark.parametrize("center", [(0.25, 0.75), (0.5, 0.5)])
def test_the_point_lies_where_it_may(center):
    samples = [{"image": each["image"], "mask": each["mask"]} for each in four()]
    masks = [result["mask"].numpy() // 2 for result in mosaics(40, samples, size=(90, 71), center=center)]
    points = np.array([(np.count_nonzero(mask[:, 0] == 0), np.count_nonzero(mask[0] == 0)) for mask in masks])
    low, high = (np.round(each * np.array([90.0, 71.0])) for each in center)
    assert (points >= low).all() and (points <= high).all()
    assert (np.ptp(points, axis=0) >= 0.7 * (high - low)).all()


@SIZES
def test_boxes_are_where_their_pixels_are(size):
    count = 0
    for result in mosaics(20, four(), size=size):
        check_sample(result)
        mask = result["mask"].numpy()
        for box, class_id in zip(result["boxes"].numpy(), result["class_ids"].numpy(), strict=True):
            x1, y1, x2, y2 = np.round(box).astype(int)
            assert (mask[y1 + 1 : y2 - 1, x1 + 1 : x2 - 1] == 2 * class_id + 1).all()
            outside = np.ones(size, bool)
            outside[max(y1 - 1, 0) : y2 + 1, max(x1 - 1, 0) : x2 + 1] = False
            if class_id:  # the first has two boxes
                assert not (outside & (mask == 2 * class_id + 1)).any()
            count += 1
    assert count >= 20


def test_boxes_of_which_too_little_is_seen_are_left_out():
    # At its own size, and around the middle, a part shows half the width and half the height of its picture.
    counted = {True: 0, False: 0}
    for result in mosaics(40, four(), size=BEFORE, factor=(1.0, 1.0), center=(0.5, 0.5)):
        seen = np.count_nonzero(result["mask"] == 3) / (30 * 30)
        if abs(seen - MIN_VISIBLE) > 0.1:  # the share is found by 64 points
            assert (1 in result["class_ids"]) == (seen > MIN_VISIBLE)
            counted[seen > MIN_VISIBLE] += 1
        assert 3 not in result["class_ids"]  # a quarter of what fills a picture
    assert min(counted.values()) >= 3


def test_pictures_are_scaled_by_a_factor_of_the_range_but_fill_their_part():
    samples, sides = [plain(number, (50, 40, 70, 60)) for number in range(4)], []
    for result in mosaics(30, samples, size=(200, 240), factor=(0.4, 0.6), center=(0.5, 0.5)):
        x1, y1, x2, y2 = np.transpose(result["boxes"].numpy() % [120, 100, 120, 100])  # of its part
        whole = (x1 > 0) & (y1 > 0) & (x2 > x1) & (y2 > y1)
        sides += [*((x2 - x1) / 40)[whole], *((y2 - y1) / 40)[whole]]
    assert 0.5 - 1e-3 <= min(sides) < 0.51 and 0.59 < max(sides) <= 0.6 + 1e-3


def test_steps_before_are_done_to_each_picture_by_itself():
    shifted = mosaic()(four(), SEED, size=(90, 71), augment=[color_shift(100)])
    numbers = shifted["mask"].numpy() // 2
    changes = [shifted["image"].numpy()[numbers == number] - (20.0 * number + 5) for number in range(4)]
    assert all((change == change[0]).all() for change in changes)
    assert len({tuple(change[0]) for change in changes}) == 4

    samples, turned = [sample | {"image": tf.constant(smooth(*BEFORE))} for sample in four()], fixed(mirror(1.0), 0)
    inside = mosaic()(samples, SEED, size=(90, 71), augment=[turned])
    outside = mosaic()([turned(sample, SEED) for sample in samples], SEED, size=(90, 71))
    assert np.abs(inside["image"].numpy().astype(int) - outside["image"].numpy()).max() <= 2
    np.testing.assert_allclose(inside["boxes"], outside["boxes"], atol=1e-3)


@SIZES
def test_a_graph_gives_the_same_bytes_whether_it_knows_the_size_or_not(size):
    samples = [sample | {"image": tf.constant(smooth(*BEFORE))} for sample in four()]

    @tf.autograph.experimental.do_not_convert
    def put(seed, *sides):
        return mosaic()(samples, seed, size=sides or size, augment=[mirror(), rotate(20), random_crop(), color_shift()])

    by_size = tf.data.Dataset.from_tensor_slices(tf.stack(seeds(3))).map(put)
    by_tensor = tf.data.Dataset.from_tensor_slices(tf.stack(seeds(3))).map(lambda seed: put(seed, *tf.unstack(size)))
    for seed, first, second in zip(seeds(3), by_size, by_tensor, strict=True):
        assert_same(first, put(seed))
        assert_same(second, first)


def test_without_boxes_and_masks_there_is_the_picture_alone():
    result = mosaic()([{"image": sample["image"]} for sample in four()], SEED, size=(21, 33))
    assert result.keys() == {"image"} and numbers_in(result["image"]) == {0, 1, 2, 3}


def test_of_a_pipeline_the_first_is_the_picture_and_the_others_are_of_the_whole_split(always, without):
    found = [[numbers_in(image) for images, _ in epoch for image in images] for epoch in always]
    turns = [[numbers_in(image) for images, _ in epoch for image in images] for epoch in without]
    for epoch, turn in zip(found, turns, strict=True):
        assert all(own <= seen for own, seen in zip(turn, epoch, strict=True))
    together = np.array([[number in seen for number in range(10)] for seen in found[0]]).sum(axis=0)
    assert together.min() >= 1 and together.max() > 1 and max(map(len, found[0])) == 4
    for images, rows in (batch for epoch in always for batch in epoch):
        assert images.shape[1:] == (20, 30, 3)
        for image, row in zip(images, rows, strict=True):
            assert {int(each) for each in row[:, 4]} - {-1} <= numbers_in(image)


def test_a_split_of_one_picture_is_its_own_neighbour():
    ((images, rows),) = pipeline(numbered(1), TASK, augment=[mosaic(1.0)], seed=3)
    assert numbers_in(images) == {0} and set(rows[0, :, 4].numpy()) <= {0}


def test_what_does_not_become_a_mosaic_is_augmented_as_without():
    steps = [mirror(), rotate(20), color_shift()]
    (expected,) = epochs_of(steps, 1)
    (found,) = epochs_of([*steps[:2], mosaic(0.3), steps[2]], 1, seed=3)
    same = [
        (image == other).all()
        for (images, _), (others, _) in zip(found, expected, strict=True)
        for image, other in zip(images, others, strict=True)
    ]
    assert 0 < sum(same) < len(same)


def test_the_last_epochs_may_be_without(always, without):
    found = epochs_of([mosaic(1.0, epochs=2)], 3)
    assert [*map(as_bytes, found)] == [*map(as_bytes, [always[0], always[1], without[2]])]
    assert as_bytes(always[2]) != as_bytes(without[2])


def test_the_same_seed_gives_the_same_bytes_from_any_step_on(always):
    first, second = map(as_bytes, always[:2])
    assert first != second
    assert as_bytes(epochs_of([mosaic(1.0)], 1, first_step=2)[0]) == [first[2], *second[:2]]
    assert as_bytes(epochs_of([mosaic(1.0)], 1, seed=4)[0]) != first


def test_steps_after_are_done_to_the_mosaic(always):
    steps = [lambda sample, seed: sample | {"image": sample["image"][::-1]}, color_shift(5)]
    (epoch,) = epochs_of([mosaic(1.0), *steps], 1)
    for (images, _), (others, _) in zip(epoch, always[0], strict=True):
        change = images.astype(int) - others[:, ::-1]
        np.testing.assert_array_equal(change, np.broadcast_to(change[:, :1, :1], change.shape))
        assert change.any()


@pytest.mark.parametrize("key", ["label", "landmarks", "visibility", "identity"])
def test_what_only_one_picture_has_is_refused(key):
    extra = np.zeros((4, 1, 2) if key == "landmarks" else (4,))
    samples = [sample | {key: tf.constant(each)} for sample, each in zip(four(), extra, strict=True)]
    with pytest.raises(ValueError, match=f"no {key}"):
        mosaic()(samples, SEED, size=(20, 30))
    split = numbered(4)
    split.annotations[key] = extra
    with pytest.raises(ValueError, match=f"no {key}"):
        pipeline(split, TASK, augment=[mosaic()], seed=3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"probability": 1.1}, "probability=1.1"),
        ({"factor": (0, 1)}, "factor="),
        ({"factor": (1.0, 0.5)}, "factor="),
        ({"center": (0.5, 1.1)}, "center="),
        ({"epochs": -1}, "epochs=-1"),
    ],
)
def test_what_is_out_of_range_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        mosaic(**options)


def test_what_cannot_be_put_together_is_refused():
    with pytest.raises(ValueError, match="Received: 3"):
        mosaic()(four()[:3], SEED, size=(20, 30))
    with pytest.raises(ValueError, match=r"size=\(1, 30\)"):
        mosaic()(four(), SEED, size=(1, 30))
    with pytest.raises(ValueError, match="one mosaic among the augmentations"):
        pipeline(numbered(), TASK, augment=[mosaic(), mosaic()], seed=3)
    with pytest.raises(ValueError, match="seed=None"):
        pipeline(numbered(), TASK, augment=[mosaic()])


def proposing(number, count, padding):
    """A picture whose boxes are its proposals, which stand after rows of padding; the class tells rank and number."""
    corners = np.random.default_rng(number).integers(0, 70, (count, 2))
    boxes = np.float32(np.concatenate([corners, corners + 30], axis=1))
    class_ids = tf.range(padding, padding + count) * 4 + number
    proposals = np.concatenate([np.zeros((padding, 4), np.float32), boxes])
    sample = plain(number, *boxes.astype(int))
    return sample | {"class_ids": class_ids, "proposals": tf.constant(proposals)}


@pytest.mark.parametrize("numbers", [((3, 0), (2, 1), (0, 3), (1, 2)), ((5, 0), (0, 0), (2, 2), (1, 0))])
def test_proposals_of_the_four_are_taken_in_turn_as_many_as_of_one(numbers):
    samples = [proposing(number, *own) for number, own in enumerate(numbers)]
    count = max(len(sample["proposals"]) for sample in samples)
    for made in mosaics(10, samples, size=(60, 80)):
        check_sample(made)
        boxes = made["boxes"].numpy()[np.argsort(made["class_ids"])][:count]
        np.testing.assert_array_equal(made["proposals"], np.pad(boxes, [(0, count - len(boxes)), (0, 0)]))


def test_no_proposals_stay_no_proposals():
    for made in mosaics(2, [proposing(number, 0, 0) for number in range(4)], size=(60, 80)):
        assert made["proposals"].shape == (0, 4)


def test_batches_of_mosaics_have_as_many_proposals_as_the_others():
    samples = [proposing(number, 2, 1) for number in range(4)]
    split, proposals = split_of(samples), tf.stack([sample["proposals"] for sample in samples])
    read = split.read
    split = Split(split.names, split.annotations, split.digests, lambda i: read(i) | {"proposals": proposals[i]})
    task = SimpleNamespace(image_size=(20, 30), inputs=lambda sample: sample["proposals"], targets=TASK.targets)
    batches = pipeline(split, task, augment=[mosaic(0.5)], batch_size=4, seed=0)
    assert batches.element_spec[0].shape == (None, 3, 4)
    assert {inputs.shape for _ in range(3) for inputs, _ in batches} == {(4, 3, 4)}
