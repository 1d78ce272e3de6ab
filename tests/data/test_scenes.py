"""The data set `scenes`: reproducible, annotated as the sample convention says, and not solved by colour or place."""

import numpy as np
import pytest
import tensorflow_datasets as tfds
from sklearn.linear_model import RidgeClassifier

from kerascnn.data.sample import check_sample
from kerascnn.data.scenes import CLASSES, SPLITS, Scenes, render_scene
from kerascnn.data.scenes.shapes import Stroke, draw_shape, measure_area

SEED = 0
IMAGE_SIZE = 160
IGNORED = 255


@pytest.fixture(scope="module")
def samples():
    return [render_scene(SEED, index) for index in range(120)]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    data_dir, file_format = tmp_path_factory.mktemp("tfds"), tfds.core.FileFormat.ARRAY_RECORD
    builder = Scenes(config="tiny", data_dir=data_dir, file_format=file_format)
    builder.download_and_prepare()
    return builder


def count_pixels(sample, class_id):
    return np.count_nonzero(sample["mask"] == class_id + 1)


def classes_shown_once(sample):
    """Classes of which the mask shows a single thing, so that the thing can be measured in it."""
    class_ids, counts = np.unique(sample["class_ids"], return_counts=True)
    return class_ids[counts == 1]


def shrink_images(samples):
    """Average 5 x 5 pixels into one: (B, 32 * 32 * 3)."""
    images = np.stack([sample["image"] for sample in samples])
    return images.reshape(-1, 32, 5, 32, 5, 3).mean(axis=(2, 4)).reshape(len(images), -1)


def test_same_index_gives_same_bytes(samples):
    again = render_scene(SEED, 7)
    assert again.keys() == samples[7].keys()
    for key, value in again.items():
        assert np.asarray(value).tobytes() == np.asarray(samples[7][key]).tobytes(), key


def test_pictures_of_other_indices_seeds_and_splits_differ(samples):
    images = [sample["image"] for sample in samples]
    images += [render_scene(SEED + 1, 0)["image"], render_scene(SEED, 0, "test")["image"]]
    assert len({image.tobytes() for image in images}) == len(images)


def test_shapes_and_types_follow_the_sample_convention(samples):
    for sample in samples:
        num_things = len(sample["class_ids"])
        assert num_things >= 1
        assert (sample["image"].shape, sample["image"].dtype) == ((IMAGE_SIZE, IMAGE_SIZE, 3), np.uint8)
        assert (sample["boxes"].shape, sample["boxes"].dtype) == ((num_things, 4), np.float32)
        assert (sample["mask"].shape, sample["mask"].dtype) == ((IMAGE_SIZE, IMAGE_SIZE), np.int32)
        assert sample["class_ids"].dtype == sample["label"].dtype == np.int32


def test_boxes_lie_inside_and_are_not_empty(samples):
    boxes = np.concatenate([sample["boxes"] for sample in samples])
    assert boxes.min() >= 0
    assert boxes.max() <= IMAGE_SIZE
    assert np.all(boxes[:, 2:] > boxes[:, :2])


def test_boxes_are_tight_around_the_mask(samples):
    for sample in samples:
        for class_id in classes_shown_once(sample):
            inside = sample["mask"] == class_id + 1
            x1, y1, x2, y2 = sample["boxes"][sample["class_ids"] == class_id][0].astype(int)
            columns, rows = inside.any(axis=0), inside.any(axis=1)
            assert columns[x1] and columns[x2 - 1] and rows[y1] and rows[y2 - 1]
            assert not (columns[:x1].any() or columns[x2:].any() or rows[:y1].any() or rows[y2:].any())


def test_mask_shows_the_annotated_classes_and_nothing_else(samples):
    for sample in samples:
        values = set(np.unique(sample["mask"])) - {0, IGNORED}
        assert values == {class_id + 1 for class_id in sample["class_ids"]}


def test_some_things_are_hidden_too_much_and_ignored(samples):
    shares = [np.mean(sample["mask"] == IGNORED) for sample in samples]
    assert 0 < np.mean(shares) < 0.01


def test_label_is_the_class_of_the_first_and_largest_thing(samples):
    for sample in samples:
        label = sample["label"]
        assert sample["class_ids"][0] == label
        for class_id in set(classes_shown_once(sample)) - {label}:
            assert count_pixels(sample, label) >= 1.6 * count_pixels(sample, class_id)


def test_several_things_and_all_classes_occur(samples):
    class_ids = np.concatenate([sample["class_ids"] for sample in samples])
    assert set(class_ids) == set(range(len(CLASSES)))
    assert {1, 2, 3} <= {len(sample["class_ids"]) for sample in samples}


def test_a_linear_model_on_pixels_fails(samples, tiny):
    unseen = [*tiny.as_data_source("validation"), *tiny.as_data_source("test")]
    model = RidgeClassifier(alpha=1e6).fit(shrink_images(samples), [sample["label"] for sample in samples])
    accuracy = model.score(shrink_images(unseen), [example["label"] for example in unseen])
    assert accuracy < 0.3  # chance is 0.1


@pytest.mark.parametrize(("split", "count"), [("train", 80), ("validation", 40), ("test", 40)])
def test_splits_are_balanced(tiny, split, count):
    labels = [example["label"] for example in tiny.as_data_source(split)]
    assert np.bincount(labels, minlength=len(CLASSES)).tolist() == [count // 10] * 10


def test_builder_knows_the_full_set():
    full = Scenes.builder_configs["full"]
    assert (full.num_train, full.num_validation, full.num_test) == (1000, 400, 400)
    assert Scenes.BUILDER_CONFIGS[0] is full  # the default


def test_builder_returns_what_was_rendered(tiny):
    assert tiny.info.features["label"].names == list(CLASSES)
    stored = {example["mask"].tobytes(): example for example in tiny.as_data_source("test")}
    for index in range(5):
        sample = render_scene(SEED, index, "test")
        example = stored[sample["mask"].astype(np.uint8).tobytes()]
        assert example["label"] == sample["label"]
        np.testing.assert_array_equal(example["boxes"], sample["boxes"])
        np.testing.assert_array_equal(example["class_ids"], sample["class_ids"])
        difference = example["image"].astype(float) - sample["image"]
        assert np.abs(difference).mean() < 4  # JPEG


@pytest.mark.parametrize("arguments", [(0, 0, "valid"), (0, -1, "train"), (-1, 0, "train")])
def test_wrong_arguments_are_named(arguments):
    with pytest.raises(ValueError, match="Received"):
        render_scene(*arguments)


def test_unknown_shape_lists_the_known_ones():
    with pytest.raises(ValueError, match="umbrella"):
        draw_shape("parasol", np.random.default_rng(0))


def test_area_of_a_frame_is_that_of_the_square_less_its_hole():
    square = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)], float)
    frame = [Stroke("fill", square), Stroke("cut", square / 2)]
    assert measure_area(frame) == pytest.approx(4 - 1, abs=0.1)


def test_splits_have_the_names_tfds_uses():
    assert SPLITS == (tfds.Split.TRAIN, tfds.Split.VALIDATION, tfds.Split.TEST)


def test_one_thing_or_none_lies_among_things_of_no_class():
    samples = [render_scene(0, index, "test", one=True) for index in range(12)]
    assert [int(sample["label"]) for sample in samples] == [*range(10), -1, -1]
    for sample in samples:
        check_sample(sample)
        label = int(sample["label"])
        assert sample["class_ids"].tolist() == ([] if label < 0 else [label])
        assert set(np.unique(sample["mask"])) <= {0, label + 1}
    assert not np.array_equal(samples[0]["image"], render_scene(0, 0, "test")["image"])
