"""Proposals as an annotation: who has which, how they are padded and kept, and how they come into batches."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerascnn.data import Source, Split, mirror, mix, mix_up, pipeline, with_proposals
from kerascnn.data.proposals import clean_proposals, draw_proposals
from kerascnn.data.sample import check_sample
from kerascnn.tasks import classification

SIZE = (6, 8)
TASK = SimpleNamespace(
    image_size=(12, 8),
    inputs=lambda sample: {"image": sample["image"], "proposals": sample["proposals"]},
    targets=lambda sample: sample["objects"],
)


def make_split(name, *levels):
    """Pictures of one grey level each, with as many boxes as the level."""
    images = tf.constant(np.stack([np.full((*SIZE, 3), level, np.uint8) for level in levels]))
    boxes = [np.tile(np.float32([[1, 1, 3, 3]]), (level, 1)) for level in levels]
    rows = tf.RaggedTensor.from_row_lengths(np.concatenate([np.zeros((0, 4), np.float32), *boxes]), levels)
    class_ids = tf.RaggedTensor.from_row_lengths(np.zeros(sum(levels), np.int32), levels)
    return Split(
        names=[f"{name}{level}" for level in levels],
        annotations={"boxes": boxes, "class_ids": [np.zeros(level, np.int32) for level in levels]},
        digests=[str(level) for level in levels],
        read=lambda index: {"image": images[index], "boxes": rows[index], "class_ids": class_ids[index]},
    )


@pytest.fixture
def source():
    return Source("toys", ("thing",), make_split("train", 0, 1, 3), make_split("valid", 2), make_split("test", 1))


class Proposer:
    """Proposes as many boxes as the grey level, each one pixel wider, and counts how often it was asked."""

    def __init__(self):
        self.calls = 0

    def __call__(self, image):
        self.calls += 1
        assert image.shape == (*SIZE, 3) and image.dtype == np.uint8
        return [(1, 2, 2 + number, 5) for number in range(1, 1 + image[0, 0, 0])] or np.zeros((0, 4))


def test_every_picture_has_its_proposals_padded_or_cut(source):
    proposed = with_proposals(source, Proposer(), max_proposals=2)
    assert list(proposed.splits) == ["train", "validation", "test"]
    first, second, nothing = [1, 2, 3, 5], [1, 2, 4, 5], [0, 0, 0, 0]
    expected = {
        "train": [[nothing, nothing], [first, nothing], [first, second]],
        "validation": [[first, second]],
        "test": [[first, nothing]],
    }
    for name, split in proposed.splits.items():
        assert split.annotations["proposals"].tolist() == expected[name]
        for index, proposals in enumerate(expected[name]):
            sample = split.read(tf.constant(index, tf.int64))
            assert sample["proposals"].numpy().tolist() == proposals
            assert len(sample["boxes"]) == len(source.splits[name].annotations["boxes"][index])
            check_sample(sample)
    assert "proposals" not in source.train.annotations
    assert proposed.train.select(np.array([2])).annotations["proposals"].tolist() == [[first, second]]
    assert proposed.fingerprint == source.fingerprint  # they are no other data


def test_a_source_without_a_test_split(source):
    proposed = with_proposals(Source("toys", ("thing",), source.train, source.valid), Proposer(), max_proposals=1)
    assert proposed.test is None


def test_encoded_pictures_have_proposals_too(tmp_path, encode):
    from kerascnn.data import folder

    for number in range(4):
        (tmp_path / "ab"[number % 2]).mkdir(exist_ok=True)
        (tmp_path / "ab"[number % 2] / f"{number}.png").write_bytes(encode("PNG", size=SIZE, seed=number))
    proposed = with_proposals(folder(tmp_path), lambda image: [(0, 0, 4, 3)], max_proposals=2)
    task = SimpleNamespace(image_size=(12, 8), inputs=TASK.inputs, targets=lambda sample: sample["label"])
    for options in ({}, {"augment": [mirror(1.0)], "seed": 0}, {"cache": "memory"}, {"cache": tmp_path / "kept"}):
        ((inputs, _),) = pipeline(proposed.train, task, **options)
        left = 4 if "augment" in options else 0
        np.testing.assert_allclose(inputs["proposals"], [[[left, 0, left + 4, 6], [0] * 4]] * 2, atol=1e-5)


def test_a_second_run_computes_nothing(source, tmp_path):
    propose, again, other = Proposer(), Proposer(), Proposer()
    options = {"cache": tmp_path / "kept", "key": "wide"}
    first = with_proposals(source, propose, max_proposals=2, **options)
    assert propose.calls == 4  # of five pictures two are the same
    second = with_proposals(source, again, max_proposals=3, **options)
    assert again.calls == 0
    np.testing.assert_array_equal(first.train.annotations["proposals"], second.train.annotations["proposals"][:, :2])
    assert second.train.annotations["proposals"][2].any(axis=1).sum() == 3
    with_proposals(source, other, cache=tmp_path / "kept", key="narrow")
    assert other.calls == 4


@pytest.mark.parametrize("damage", [b"", b"garbage"])
def test_a_damaged_file_is_made_anew_and_what_breaks_off_leaves_nothing(source, tmp_path, damage):
    options = {"cache": tmp_path, "key": "wide", "max_proposals": 3}
    first = with_proposals(source, Proposer(), **options)
    for path in tmp_path.rglob("*.npy"):
        path.write_bytes(damage)
    again = with_proposals(source, Proposer(), **options)
    np.testing.assert_array_equal(first.train.annotations["proposals"], again.train.annotations["proposals"])

    def fail(image):
        raise RuntimeError

    with pytest.raises(RuntimeError):
        with_proposals(source, fail, cache=tmp_path, key="broken")
    assert len(list(tmp_path.rglob("*.*"))) == 4


def test_proposals_are_cut_at_the_borders_and_those_without_area_left_out():
    boxes = [(-2, -1, 3, 4), (5, 5, 99, 99), (3, 3, 3, 5), (8, 0, 12, 4), (0, 0, 0, 0), (4, 2, 3, 5)]
    found = clean_proposals(boxes, SIZE)
    assert found.dtype == np.float32
    assert found.tolist() == [[0, 0, 3, 4], [5, 5, 8, 6]]
    assert clean_proposals(np.zeros((0, 4)), SIZE).shape == (0, 4)


@pytest.mark.parametrize("bad", [np.zeros((2, 5)), np.zeros(4), [(0, 0, np.nan, 1)], [(0, 0, np.inf, 1)]])
def test_what_are_no_boxes_is_refused(source, bad):
    with pytest.raises(ValueError, match=r"shape \(n, 4\)"):
        with_proposals(source, lambda image: bad)


def test_what_cannot_work_is_refused(source, tmp_path):
    with pytest.raises(ValueError, match=r"max_proposals must be at least 1\. Received: max_proposals=0\."):
        with_proposals(source, Proposer(), max_proposals=0)
    with pytest.raises(ValueError, match="needs a key"):
        with_proposals(source, Proposer(), cache=tmp_path)
    (tmp_path / "file").write_text("mine")
    with pytest.raises(NotADirectoryError, match="must be a folder"):
        with_proposals(source, Proposer(), cache=tmp_path / "file", key="wide")


def test_batches_hold_what_the_task_takes(source):
    proposed = with_proposals(source, Proposer(), max_proposals=2)
    batches = pipeline(proposed.train, TASK, batch_size=2)
    assert batches.element_spec[0]["proposals"].shape == (None, 2, 4)
    (first, targets), (last, _) = batches
    assert first["image"].shape == (2, 12, 8, 3) and last["image"].shape == (1, 12, 8, 3)
    # Twice as high, so that y doubles.
    np.testing.assert_array_equal(first["proposals"], [[[0] * 4] * 2, [[1, 4, 3, 10], [0] * 4]])
    np.testing.assert_array_equal(last["proposals"], [[[1, 4, 3, 10], [1, 4, 4, 10]]])
    np.testing.assert_array_equal(targets, [[[-1] * 5], [[1, 2, 3, 6, 0]]])


def test_augmented_batches_hold_moved_proposals(source):
    proposed = with_proposals(source, Proposer(), max_proposals=2)
    ((inputs, _),) = pipeline(proposed.valid, TASK, augment=[mirror(1.0)], seed=0)
    np.testing.assert_allclose(inputs["proposals"], [[[5, 4, 7, 10], [4, 4, 7, 10]]], atol=1e-5)


def test_proposals_that_differ_in_number_are_padded_with_zeros(source):
    split = source.train
    counts = tf.constant([0, 1, 3])
    read = lambda index: split.read(index) | {"proposals": tf.ones((counts[index], 4))}  # noqa: E731
    ((inputs, targets),) = pipeline(Split(split.names, split.annotations, split.digests, read), TASK)
    np.testing.assert_array_equal(inputs["proposals"].numpy().any(axis=-1).sum(axis=-1), [0, 1, 3])
    np.testing.assert_array_equal((targets.numpy()[..., 4] == -1).sum(axis=-1), [3, 2, 0])


def test_a_task_without_inputs_of_its_own_gets_pictures(source):
    split = with_proposals(source, Proposer(), max_proposals=2).train
    own = classification("lenet5", ["a", "b"], image_size=(32, 32)).inputs
    for inputs in ({}, {"inputs": own}):
        ((images, _),) = pipeline(split, SimpleNamespace(image_size=SIZE, targets=TASK.targets, **inputs))
        np.testing.assert_array_equal(images[:, 0, 0, 0], [0, 1, 3])


def test_pictures_with_proposals_alone_have_no_targets(source):
    proposed = with_proposals(source, Proposer(), max_proposals=2).train
    look_up = tf.constant(proposed.annotations["proposals"])
    read = lambda index: {"image": proposed.read(index)["image"], "proposals": look_up[index]}  # noqa: E731
    split = Split(proposed.names, {"proposals": proposed.annotations["proposals"]}, proposed.digests, read)
    ((_, targets),) = pipeline(split, TASK)
    assert targets.numpy().tolist() == [-1, -1, -1]


def test_keras_fits_a_model_of_two_inputs(source):
    image, proposals = keras.Input((12, 8, 3), name="image"), keras.Input((2, 4), name="proposals")
    pooled = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 255)(image))
    outputs = keras.layers.Dense(1)(keras.layers.Concatenate()([pooled, keras.layers.Flatten()(proposals)]))
    model = keras.Model({"image": image, "proposals": proposals}, outputs)
    model.compile("sgd", "mse")
    task = SimpleNamespace(image_size=(12, 8), inputs=TASK.inputs, targets=lambda sample: tf.zeros(1))
    batches = pipeline(with_proposals(source, Proposer(), max_proposals=2).train, task, batch_size=2)
    assert np.isfinite(model.fit(batches, epochs=2, verbose=0).history["loss"]).all()


def test_features_and_mixtures_are_of_pictures_alone(source):
    batches = pipeline(with_proposals(source, Proposer(), max_proposals=2).train, TASK)
    for way in (batches.through, batches.streaming):
        with pytest.raises(ValueError, match=r"pictures alone\. These batches hold image, proposals\."):
            way(None)
    with pytest.raises(ValueError, match="batches of image, proposals"):
        mix(batches, mix_up(2), seed=0)


def test_proposals_are_drawn_anew_for_each_seed_and_padding_comes_last():
    proposals = np.float32([[x, 0, x + 1, 1] for x in range(6)] + [[0, 0, 0, 0]] * 3)
    sample, draw = {"image": np.zeros((8, 8, 3), np.uint8), "proposals": proposals}, draw_proposals(4)
    drawn = [draw(sample, [7, seed])["proposals"].numpy()[:, 0] for seed in range(200)]
    assert all(len(set(each)) == 4 for each in drawn)
    counts = np.bincount(np.concatenate(drawn).astype(int))
    assert (np.abs(counts - 200 * 4 / 6) < 40).all()  # 6 standard deviations
    np.testing.assert_array_equal(draw(sample, [7, 3])["proposals"].numpy()[:, 0], drawn[3])
    whole = draw_proposals(20)(sample, [0, 0])["proposals"].numpy()
    assert sorted(whole[:6, 0]) == list(range(6)) and not whole[6:].any() and len(whole) == 9
    assert draw(sample | {"proposals": proposals[:0]}, [0, 0])["proposals"].shape == (0, 4)
    with pytest.raises(ValueError, match="no proposals to draw from"):
        draw({"image": sample["image"]}, [0, 0])
    with pytest.raises(ValueError, match="count must be at least 1"):
        draw_proposals(0)
