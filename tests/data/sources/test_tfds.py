"""TensorFlow Datasets: the embedded data set and toy builders, prepared in a temporary folder without a network."""

import io
import socket

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from PIL import Image, ImageOps

from kerascnn.data import describe_source, faces_source, open_source, scenes_source, tfds_source
from kerascnn.data.faces import LANDMARKS
from kerascnn.data.sample import check_sample
from kerascnn.data.scenes import CLASSES, render_scene


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("the network was touched"))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: pytest.fail("the network was touched"))


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    return str(tmp_path_factory.mktemp("tfds"))


@pytest.fixture(scope="module")
def tiny(data_dir):
    return scenes_source("tiny", data_dir=data_dir)


class Toy(tfds.core.GeneratorBasedBuilder):
    """Four-pixel pictures; each subclass says which splits there are, with which labels."""

    VERSION = tfds.core.Version("1.0.0")
    SKIP_REGISTERING = True
    LABEL = tfds.features.ClassLabel(names=["ants", "bees"])
    SPLITS = {}  # noqa: RUF012 - read only

    def _info(self):
        features = {"image": tfds.features.Image(shape=(None, None, 3)), "label": self.LABEL}
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))

    def _split_generators(self, dl_manager):
        return {name: self._generate_examples(labels) for name, labels in self.SPLITS.items()}

    def _generate_examples(self, labels):
        for number, label in enumerate(labels):
            yield number, {"image": np.full((2, 2, 3), number, np.uint8), "label": label}


class ToyObjects(Toy):
    """Boxes as tfds' data sets for detection have them: y1, x1, y2, x2, relative to a picture of 20 x 10 pixels."""

    SPLITS = {"train": [[], [(0.1, 0.5, 0.5, 1.0)], [(0.0, 0.0, 1.0, 1.0), (0.2, 0.25, 0.4, 0.75)]] * 4}  # noqa: RUF012

    def _info(self):
        one = {"bbox": tfds.features.BBoxFeature(), "label": self.LABEL}
        features = {"image": tfds.features.Image(shape=(None, None, 3)), "objects": tfds.features.Sequence(one)}
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))

    def _generate_examples(self, pictures):
        for number, boxes in enumerate(pictures):
            objects = [{"bbox": tfds.features.BBox(*box), "label": place % 2} for place, box in enumerate(boxes)]
            yield number, {"image": np.full((10, 20, 3), number, np.uint8), "objects": objects}


class ToyMasks(Toy):
    """Masks of 16 bits, whose values are given, of pictures of 4 x 6 pixels; the last one is too small."""

    SPLITS = {"train": [(0, 1), (2, 255), (1, 2), (0, 300), None]}  # noqa: RUF012

    def _info(self):
        features = {
            "image": tfds.features.Image(shape=(None, None, 3)),
            "segmentation_mask": tfds.features.Image(shape=(None, None, 1), dtype=np.uint16),
        }
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))

    def _generate_examples(self, masks):
        for number, values in enumerate(masks):
            mask = np.zeros((2, 2, 1), np.uint16) if values is None else np.tile(np.uint16(values), 12).reshape(4, 6, 1)
            yield number, {"image": np.full((4, 6, 3), number, np.uint8), "segmentation_mask": mask}


class ToyBinaryMasks(ToyMasks):
    SPLITS = {"train": [(0, 255)] * 3}  # noqa: RUF012


class ToyTrainOnly(Toy):
    SPLITS = {"train": [0, 1] * 10}  # noqa: RUF012


class ToyHiddenTest(Toy):
    SPLITS = {"train": [0, 1] * 10, "validation": [0, 1], "test": [-1, -1]}  # noqa: RUF012


class ToyWithoutTrain(Toy):
    SPLITS = {"test": [0, 1]}  # noqa: RUF012


class ToyWithoutLabel(Toy):
    LABEL = tfds.features.Scalar(np.int64)
    SPLITS = {"train": [0, 1]}  # noqa: RUF012


class ToyMissingClass(Toy):
    SPLITS = {"train": [0, 1] * 2, "validation": [0]}  # noqa: RUF012


class ToyFiles(Toy):
    """The files in `FILES`, as they are."""

    FILES = []  # noqa: RUF012
    SPLITS = {"train": [0, 1] * 4, "validation": [0, 1]}  # noqa: RUF012

    def _generate_examples(self, labels):
        for number, label in enumerate(labels):
            yield number, {"image": io.BytesIO(self.FILES[number % len(self.FILES)]), "label": label}


@pytest.fixture
def toy(data_dir, monkeypatch):
    """A function that opens a toy builder by name, as if it were one of TensorFlow Datasets' own."""

    def open_toy(builder, **options):
        monkeypatch.setattr(tfds, "builder", lambda _, data_dir: builder(data_dir=data_dir))
        return tfds_source("toy", data_dir=data_dir, **options)

    return open_toy


def test_tiny_scenes_have_their_splits_and_classes(tiny):
    assert tiny.name == "scenes/tiny"
    assert tiny.classes == tuple(CLASSES)
    assert {name: len(split) for name, split in tiny.splits.items()} == {"train": 80, "validation": 40, "test": 40}
    assert tiny.set_aside == () and tiny.duplicates_across_splits() == []


def test_tiny_scenes_are_the_rendered_ones(tiny):
    # tfds shuffles what it writes, so that a picture is looked for among all of its split. JPEG costs a little.
    rendered = np.stack([render_scene(0, index, "validation")["image"] for index in range(40)]).astype(int)
    found = []
    for index in range(3):
        sample = tiny.valid.read(tf.constant(index, tf.int64))
        distances = np.abs(rendered - sample["image"].numpy()).mean(axis=(1, 2, 3))
        assert distances.min() < 4
        assert sample["label"] == render_scene(0, int(distances.argmin()), "validation")["label"]
        found.append(int(distances.argmin()))
    assert len(set(found)) == 3


def test_opened_again_it_is_the_same(tiny, data_dir):
    assert scenes_source("tiny", data_dir=data_dir).fingerprint == tiny.fingerprint


def test_open_source_reads_where_tfds_keeps_its_data(tiny, data_dir, monkeypatch):
    # The variable TFDS_DATA_DIR is read into this constant when tfds is imported.
    monkeypatch.setattr(tfds.core.constants, "DATA_DIR", data_dir)
    monkeypatch.setattr(tfds.core.DatasetBuilder, "_download_and_prepare", lambda *_, **__: pytest.fail("made anew"))
    assert open_source("scenes/tiny").fingerprint == tiny.fingerprint


@pytest.mark.parametrize("spec", ["scenes/huge", "scenes/tiny/1"])
def test_an_unknown_config_answers_with_the_known_ones(spec):
    with pytest.raises(ValueError, match="full, tiny"):
        open_source(spec)


def test_an_unknown_name_is_refused():
    with pytest.raises(ValueError, match="no data set no_such_data_set"):
        open_source("tfds:no_such_data_set")


def test_without_a_validation_split_a_fifth_of_train_is_taken(toy):
    source = toy(ToyTrainOnly)
    assert source.classes == ("ants", "bees")
    assert source.train.count(2).tolist() == [8, 8] and source.valid.count(2).tolist() == [2, 2]
    assert source.test is None
    assert sorted([*source.train.names, *source.valid.names]) == sorted(f"train/{number}" for number in range(20))
    assert toy(ToyTrainOnly, seed=1).valid.names != source.valid.names


def test_a_test_split_without_labels_is_left_out(toy):
    source = toy(ToyHiddenTest)
    assert {name: len(split) for name, split in source.splits.items()} == {"train": 20, "validation": 2}


def test_a_data_set_without_class_labels_is_refused(toy):
    with pytest.raises(ValueError, match=r"must have a class label. It has image, label"):
        toy(ToyWithoutLabel)


def test_a_data_set_without_a_train_split_is_refused(toy):
    with pytest.raises(ValueError, match=r"must have a train split. It has test"):
        toy(ToyWithoutTrain)


def test_a_class_that_a_split_lacks_is_refused(toy):
    with pytest.raises(ValueError, match="bees in its validation split"):
        toy(ToyMissingClass)


@pytest.mark.parametrize("picture_format", ["JPEG", "PNG", "GIF", "BMP", "TIFF"])
def test_stored_pictures_are_read_as_pillow_reads_them(tmp_path, toy, encode, monkeypatch, picture_format):
    # Dark pictures, so that the uncompressed formats end in zeros, which must survive the way into the graph.
    black = io.BytesIO()
    Image.new("RGB", (5, 4)).save(black, picture_format)
    files = [encode(picture_format, size=(4, 5)), black.getvalue()]
    monkeypatch.setattr(ToyFiles, "FILES", files)
    monkeypatch.setattr(ToyFiles, "name", f"toy_{picture_format.lower()}")
    split = toy(ToyFiles).train
    expected = {
        np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")).tobytes() for data in files
    }
    assert {split.read(tf.constant(index, tf.int64))["image"].numpy().tobytes() for index in range(8)} == expected


def test_a_bad_picture_is_set_aside_with_its_place(toy, encode, monkeypatch):
    good = [encode(size=(4, 5), seed=seed) for seed in range(8)]
    monkeypatch.setattr(ToyFiles, "FILES", [*good[:5], good[5][:-30], *good[6:]])
    monkeypatch.setattr(ToyFiles, "name", "toy_damaged")
    source = toy(ToyFiles)
    assert len(source.train) == 7
    assert len(source.set_aside) == 1
    assert source.set_aside[0].path.startswith("train/") and source.set_aside[0].reason.startswith("damaged")


def test_boxes_of_a_data_set_for_detection_are_in_pixels(toy):
    source = toy(ToyObjects, annotation="boxes")
    by_number = {}
    for split in source.splits.values():
        for index in range(len(split)):
            sample = split.read(tf.constant(index, tf.int64))
            check_sample(sample)
            by_number[int(sample["image"][0, 0, 0])] = (
                sample["boxes"].numpy().tolist(),
                sample["class_ids"].numpy().tolist(),
            )
    assert len(by_number) == 12 and len(source.valid) == 2
    assert by_number[0] == by_number[3] == ([], [])
    assert by_number[1] == ([[10, 1, 20, 5]], [0])
    assert by_number[2] == ([[0, 0, 20, 10], [5, 2, 15, 4]], [0, 1])
    assert source.train.count(2).sum() + source.valid.count(2).sum() == 12


class ToyFaultyObjects(ToyObjects):
    """A box without area, and a crowd, beside one that can be used."""

    SPLITS = {"train": [[(0.1, 0.5, 0.1, 1.0), (0.1, 0.5, 0.5, 1.0), (0.0, 0.0, 1.0, 1.0)]] * 4}  # noqa: RUF012

    def _info(self):
        one = {"bbox": tfds.features.BBoxFeature(), "label": self.LABEL, "is_crowd": np.bool_}
        features = {"image": tfds.features.Image(shape=(None, None, 3)), "objects": tfds.features.Sequence(one)}
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))

    def _generate_examples(self, pictures):
        for number, example in super()._generate_examples(pictures):
            crowds = [{**each, "is_crowd": place == 2} for place, each in enumerate(example["objects"])]
            yield number, example | {"objects": crowds}


def test_boxes_that_cannot_be_used_are_set_aside_with_their_place(toy):
    source = toy(ToyFaultyObjects, annotation="boxes")
    for boxes in (*source.train.annotations["boxes"], *source.valid.annotations["boxes"]):
        np.testing.assert_array_equal(boxes, [[10, 1, 20, 5]])
    found = sorted((each.path, each.reason.partition(":")[0]) for each in source.set_aside)
    expected = [("box 1", "box without area"), ("box 3", "crowd")]
    assert found == [(f"train/{number}, {box}", reason) for number in range(4) for box, reason in expected]


class ToyPixels(Toy):
    """Boxes in pixels of a picture of 20 x 10: two that are the same once they are clipped, one a little too long."""

    SPLITS = {"train": [[(15, 2, 28, 8), (15, 2, 40, 8), (1, 1, 5, 10.5)]] * 4}  # noqa: RUF012

    def _info(self):
        features = {
            "image": tfds.features.Image(shape=(None, None, 3)),
            "boxes": tfds.features.Tensor(shape=(None, 4), dtype=np.float32),
            "class_ids": tfds.features.Tensor(shape=(None,), dtype=np.int32),
            "label": self.LABEL,
        }
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))

    def _generate_examples(self, pictures):
        for number, boxes in enumerate(pictures):
            boxed = {"boxes": np.float32(boxes), "class_ids": np.int32([1, 1, 0])}
            yield number, {"image": np.full((10, 20, 3), number, np.uint8), "label": 0} | boxed


def test_boxes_are_clipped_and_listed_with_their_place(toy):
    source = toy(ToyPixels, annotation="boxes")
    for split in source.splits.values():
        for boxes, class_ids in zip(split.annotations["boxes"], split.annotations["class_ids"], strict=True):
            np.testing.assert_array_equal(boxes, [[15, 2, 20, 8], [1, 1, 5, 10]])
            np.testing.assert_array_equal(class_ids, [1, 0])
    assert {each.path for each in source.clipped} == {f"train/{number}, box 1" for number in range(4)}
    assert {each.reason for each in source.clipped} == {"box cut at the border: 15, 2, 28, 8 in 20 x 10"}
    twice = {(f"train/{number}, box 2", f"box twice: the same as train/{number}, box 1") for number in range(4)}
    assert {(each.path, each.reason) for each in source.set_aside} == twice


def test_the_embedded_data_set_has_boxes_too(data_dir):
    source = scenes_source("one_tiny", annotation="boxes", data_dir=data_dir)
    assert source.classes == CLASSES
    counts = np.array([len(boxes) for boxes in source.train.annotations["boxes"]])
    assert set(counts) == {0, 1} and np.sum(counts == 0) == 84 / 6
    samples = [source.valid.read(tf.constant(index, tf.int64)) for index in range(36)]
    rendered = [render_scene(0, index, "validation", one=True) for index in range(36)]
    for sample in samples:
        check_sample(sample)
        assert sample.keys() == {"image", "boxes", "class_ids"}
    found, expected = (
        sorted((np.asarray(each["boxes"]).tolist(), np.asarray(each["class_ids"]).tolist()) for each in some)
        for some in (samples, rendered)  # tfds has an order of its own
    )
    assert found == expected


def test_boxes_of_a_data_set_without_are_refused(toy, tmp_path):
    with pytest.raises(ValueError, match=r"must have boxes\. It has image, label"):
        toy(ToyTrainOnly, annotation="boxes")
    with pytest.raises(ValueError, match=r" has labels; voc:FOLDER, .* have boxes\. Received: annotation='boxes'"):
        open_source(str(tmp_path), annotation="boxes")
    with pytest.raises(FileNotFoundError, match=r"no folder vocs:photos; voc:FOLDER, .* have boxes"):
        open_source("vocs:photos", annotation="boxes")
    with pytest.raises(ValueError, match=r"faces/tiny has landmarks; .* have labels\. Received: annotation='label'"):
        open_source("faces/tiny")
    with pytest.raises(
        ValueError, match=r"annotation must be boxes, mask, landmarks, identity, label or None\. Received"
    ):
        open_source("photos", annotation="box")


class ToyLandmarks(Toy):
    """Landmarks by name, as `celeb_a` has them."""

    SPLITS = {"train": list(range(10))}  # noqa: RUF012

    def _info(self):
        names = ("lefteye_x", "lefteye_y", "righteye_x", "righteye_y")
        features = {
            "image": tfds.features.Image(shape=(None, None, 3)),
            "landmarks": {name: np.int64 for name in names},
        }
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))

    def _generate_examples(self, numbers):
        for number in numbers:
            landmarks = {"lefteye_x": number, "lefteye_y": 1, "righteye_x": 2, "righteye_y": 3}
            yield number, {"image": np.full((20, 20, 3), number, np.uint8), "landmarks": landmarks}


def test_landmarks_by_name_become_rows(toy):
    source = toy(ToyLandmarks, annotation="landmarks")
    assert source.classes == ("left_eye", "right_eye")
    assert (len(source.train), len(source.valid)) == (8, 2)
    assert describe_source(source)["splits"]["train"]["per_class"] == {"left_eye": 8, "right_eye": 8}
    for index in range(8):
        sample = source.train.read(tf.constant(index, tf.int64))
        check_sample(sample)
        np.testing.assert_array_equal(sample["landmarks"], [[sample["image"][0, 0, 0].numpy(), 1], [2, 3]])


def test_portraits_have_identities(data_dir):
    source = faces_source("tiny", annotation="identity", data_dir=data_dir)
    assert source.classes == ("face",)
    assert [len(split) for split in source.splits.values()] == [60, 30, 30]
    assert np.unique(source.train.annotations["identity"]).tolist() == list(range(12))
    assert np.unique(source.test.annotations["identity"]).tolist() == list(range(18, 24))
    assert source.train.read(tf.constant(0, tf.int64)).keys() == {"image", "identity"}
    with pytest.raises(ValueError, match="landmarks and identities"):
        faces_source("tiny", annotation="boxes", data_dir=data_dir)


def test_embedded_faces_are_cut_out_and_their_landmarks_go_along(data_dir):
    source = faces_source("tiny", data_dir=data_dir)
    assert source.classes == LANDMARKS
    assert [len(split) for split in source.splits.values()] == [60, 30, 30]
    samples = [source.valid.read(tf.constant(index, tf.int64)) for index in range(30)]
    for sample in samples:
        check_sample(sample)
        height, width, _ = sample["image"].shape
        seen = sample["landmarks"].numpy()[sample["visibility"].numpy() > 0]
        assert (seen >= 0).all() and (seen <= (width, height)).all() and max(height, width) <= 112
    assert min(sample["image"].shape[0] for sample in samples) < 80
    with pytest.raises(ValueError, match="faces comes as"):
        faces_source("huge", data_dir=data_dir)


def test_masks_are_checked(toy):
    source = toy(ToyMasks, annotation="mask")
    assert source.classes == ("0", "1", "2")
    masks = [mask for split in (source.train, source.valid) for mask in split.annotations["mask"]]
    assert sorted(np.unique(mask).tolist() for mask in masks) == [[0, 1], [1, 2], [2, 255]]
    reasons = sorted(each.reason.partition(":")[0] for each in source.set_aside)
    assert reasons == ["mask has values over 255, such as 300", "mask of another size"]
    with pytest.raises(ValueError, match="hold 0 and 255 only"):
        toy(ToyBinaryMasks, annotation="mask")


def test_boxes_without_names_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"must have boxes\. It has .*boxes"):
        tfds_source("faces/tiny", annotation="boxes", data_dir=str(tmp_path))
