"""The data set `faces`: reproducible, annotated where it is drawn, and pixels alone do not tell who is who."""

import dataclasses

import cv2
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from kerascnn.data.augment import compose, mirror
from kerascnn.data.faces import CLASSES, FIRST_IDENTITY, LANDMARKS, SWAP, Faces, render_face
from kerascnn.data.faces.anatomy import Anatomy
from kerascnn.data.faces.bust import Bust
from kerascnn.data.faces.circumstances import Pose, draw_circumstances
from kerascnn.data.faces.plane import DENSITY, EXTENT, read_at
from kerascnn.data.faces.population import draw_identity
from kerascnn.data.faces.projection import OVERSAMPLING, look_at, project
from kerascnn.data.faces.relief import shape_head
from kerascnn.data.faces.renderer import render_portrait
from kerascnn.data.sample import check_sample

SEED = 0
IMAGE_SIZE = 112
NUM_IDENTITIES = 50
GREEN = np.array([0.01, 0.5, 0.01], np.float32)
EYES = ("left_eye_outer", "left_eye_inner", "right_eye_inner", "right_eye_outer")
MOUTH = ("left_mouth_corner", "right_mouth_corner", "upper_lip", "lower_lip")
FRONTAL = Pose((0.0, 0.0, 0.0), 40.0, (56.0, 54.0))


@pytest.fixture(scope="module")
def pairs():
    """Two pictures of each identity, as the data set holds them: two lists."""
    return [[render_face(SEED, identity, number) for identity in range(NUM_IDENTITIES)] for number in (0, 1)]


@pytest.fixture(scope="module")
def samples(pairs):
    return pairs[0] + pairs[1]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    data_dir, file_format = tmp_path_factory.mktemp("tfds"), tfds.core.FileFormat.ARRAY_RECORD
    builder = Faces(config="tiny", data_dir=data_dir, file_format=file_format)
    builder.download_and_prepare()
    return builder


@pytest.fixture(scope="module")
def person():
    """Somebody with a bare face: no hair, no beard."""
    drawn = draw_identity(np.random.default_rng(0))
    shaved = dataclasses.replace(drawn.beard, jaw=0, chin=0, moustache=0)
    return dataclasses.replace(drawn, hair=dataclasses.replace(drawn.hair, style=None), beard=shaved)


def take_passport_picture(person, **changes):
    """Render a person at rest, from the front unless `changes` of the circumstances say otherwise."""
    circumstances = dataclasses.replace(draw_circumstances(np.random.default_rng(1), 0.0), pose=FRONTAL)
    return render_portrait(np.random.default_rng(2), person, dataclasses.replace(circumstances, **changes))


def paint_green(person, feature):
    return dataclasses.replace(person, **{feature: dataclasses.replace(getattr(person, feature), color=GREEN)})


def find_green(sample, columns=slice(None)):
    """Give the edges x1, y1, x2, y2 of what is green in some columns of the picture."""
    red, green, blue = np.moveaxis(sample["image"].astype(int), -1, 0)
    is_green = np.zeros(red.shape, bool)
    is_green[:, columns] = (green > 1.4 * np.maximum(red, blue))[:, columns]
    rows, columns = np.nonzero(is_green)
    return np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])


def place(sample, name):
    return sample["landmarks"][LANDMARKS.index(name)]


def is_visible(sample, name):
    return sample["visibility"][LANDMARKS.index(name)] == 1


def recognize(first, second, crop):
    """Share of the first pictures whose nearest among the second, by 32 x 32 greys, shows the same identity."""

    def describe(samples):
        greys = [cv2.cvtColor(sample["image"], cv2.COLOR_RGB2GRAY)[crop(sample)] for sample in samples]
        small = np.stack([cv2.resize(grey, (32, 32), interpolation=cv2.INTER_AREA).ravel() for grey in greys]).astype(
            float
        )
        return (small - small.mean(axis=1, keepdims=True)) / small.std(axis=1, keepdims=True)

    first, second = describe(first), describe(second)
    distances = np.square(first[:, None] - second).sum(axis=-1)
    return np.mean(distances.argmin(axis=1) == np.arange(len(first)))


def crop_box(sample):
    x1, y1, x2, y2 = sample["boxes"][0].round().astype(int)
    return slice(y1, y2), slice(x1, x2)


def test_same_picture_gives_same_bytes_whatever_was_rendered_before(samples):
    again = render_face(SEED, 7, 0)
    assert again.keys() == samples[7].keys()
    for key, value in again.items():
        assert np.asarray(value).tobytes() == np.asarray(samples[7][key]).tobytes(), key


def test_pictures_of_other_numbers_identities_and_seeds_differ(samples):
    images = [sample["image"] for sample in samples] + [render_face(SEED + 1, 0, 0)["image"]]
    assert len({image.tobytes() for image in images}) == len(images)


def test_shapes_and_types_follow_the_sample_convention(samples):
    for sample in samples:
        check_sample(sample)
        assert (sample["image"].shape, sample["image"].dtype) == ((IMAGE_SIZE, IMAGE_SIZE, 3), np.uint8)
        assert (sample["landmarks"].shape, sample["landmarks"].dtype) == ((len(LANDMARKS), 2), np.float32)
        assert (sample["boxes"].shape, sample["boxes"].dtype) == ((1, 4), np.float32)
        assert set(sample["visibility"]) <= {0, 1}
        assert sample["visibility"].dtype == sample["class_ids"].dtype == sample["identity"].dtype == np.int32
        assert [CLASSES[class_id] for class_id in sample["class_ids"]] == ["face"]


def test_green_lips_end_at_their_landmarks(person):
    sample = take_passport_picture(paint_green(person, "mouth"))
    expected = [place(sample, name)[axis] for name, axis in
                (("right_mouth_corner", 0), ("upper_lip", 1), ("left_mouth_corner", 0), ("lower_lip", 1))]  # fmt: skip
    np.testing.assert_allclose(find_green(sample), expected, atol=1.6)


@pytest.mark.parametrize(("side", "half"), [("left", slice(56, None)), ("right", slice(56))])
def test_green_brows_end_at_their_landmarks(person, side, half):
    sample = take_passport_picture(paint_green(person, "brows"))
    expected = sorted(place(sample, f"{side}_brow_{end}")[0] for end in ("inner", "outer"))
    np.testing.assert_allclose(find_green(sample, half)[[0, 2]], expected, atol=1.6)


@pytest.mark.parametrize(("side", "half"), [("left", slice(56, None)), ("right", slice(56))])
def test_green_irises_lie_between_the_corners_of_the_eyes(person, side, half):
    sample = take_passport_picture(paint_green(person, "eyes"))
    x1, y1, x2, y2 = find_green(sample, half)
    inner, outer = (place(sample, f"{side}_eye_{end}") for end in ("inner", "outer"))
    np.testing.assert_allclose([(x1 + x2) / 2, (y1 + y2) / 2], (inner + outer) / 2, atol=1.6)
    assert x2 - x1 < abs(outer[0] - inner[0])


@pytest.mark.parametrize("angles", [(0, 0, 0), (30, 0, 0), (-30, 12, 0), (15, -15, 18)])
def test_the_ray_through_a_landmark_meets_the_head_there(person, angles):
    anatomy, bust, pose = (
        Anatomy(person, draw_circumstances(np.random.default_rng(3)).expression),
        Bust(),
        Pose(angles, 40, (56, 56)),
    )
    shape_head(bust, anatomy)
    landmarks = anatomy.landmarks()
    view, seen = look_at(bust, pose), project(np.column_stack([landmarks, read_at(bust.front, landmarks)]), pose)
    columns, rows = (seen[:, :2] * OVERSAMPLING).astype(int).T
    on_surface = view.depth[rows, columns] < seen[:, 2] + 0.035
    met = np.stack([view.x, view.y], axis=-1)[rows, columns] / DENSITY - EXTENT
    assert on_surface.sum() >= 11
    error = np.linalg.norm(met - landmarks, axis=1)[on_surface] * pose.scale
    assert np.median(error) < 0.75  # in pixels; a ray stands for half of one
    assert error.max() < 2.5  # of a brow's end, where the head turns away


def test_a_head_that_looks_right_and_down_moves_its_nose_so(person):
    still = place(take_passport_picture(person), "nose_tip")
    right = place(take_passport_picture(person, pose=dataclasses.replace(FRONTAL, angles=(20, 0, 0))), "nose_tip")
    down = place(take_passport_picture(person, pose=dataclasses.replace(FRONTAL, angles=(0, 15, 0))), "nose_tip")
    assert right[0] > still[0] + 5
    assert right[1] == pytest.approx(still[1])
    assert down[1] > still[1] + 5
    assert down[0] == pytest.approx(still[0])


def test_left_is_the_persons_own(person):
    sample = take_passport_picture(person)
    for name in LANDMARKS:
        if name.startswith("left"):
            assert place(sample, name)[0] > IMAGE_SIZE / 2
            assert place(sample, name.replace("left", "right"))[0] < IMAGE_SIZE / 2


def test_mirrored_picture_has_the_landmarks_of_the_mirrored_pose(person):
    pose = Pose((25.0, 8.0, 10.0), 36.0, (50.0, 52.0))
    opposite = Pose((-25.0, 8.0, -10.0), 36.0, (IMAGE_SIZE - 50.0, 52.0))
    sample, expected = (take_passport_picture(person, pose=each) for each in (pose, opposite))
    mirrored = compose(mirror(1.0, swap=SWAP))(sample, tf.constant([0, 0], tf.int64))
    np.testing.assert_allclose(mirrored["landmarks"], expected["landmarks"], atol=1e-2)
    np.testing.assert_array_equal(mirrored["visibility"], expected["visibility"])


def test_everything_is_seen_of_a_bare_face_from_the_front(person):
    assert take_passport_picture(person)["visibility"].all()


def test_sunglasses_hide_the_eyes_and_clear_ones_do_not(person):
    dark, clear = (take_passport_picture(person, worn=frozenset({name})) for name in ("sunglasses", "glasses"))
    assert not any(is_visible(dark, name) for name in EYES)
    assert all(is_visible(dark, name) for name in ("nose_tip", "chin", *MOUTH))
    assert clear["visibility"].all()


def test_a_mask_hides_nose_and_mouth(person):
    sample = take_passport_picture(person, worn=frozenset({"mask"}))
    assert not any(is_visible(sample, name) for name in ("nose_tip", *MOUTH))
    assert all(is_visible(sample, name) for name in EYES)


def test_landmarks_outside_the_picture_are_not_seen(person):
    sample = take_passport_picture(person, pose=dataclasses.replace(FRONTAL, center=(4.0, 54.0)))
    outside = sample["landmarks"][:, 0] < 0
    assert 4 <= outside.sum() <= 8
    np.testing.assert_array_equal(sample["visibility"], ~outside)
    check_sample(sample)  # whose box is cut at the edge


def test_most_landmarks_are_seen_and_each_is_hidden_at_times(samples):
    shares = np.mean([sample["visibility"] for sample in samples], axis=0)
    assert shares.min() > 0.4
    assert shares.mean() > 0.75
    assert shares.max() < 1


def test_boxes_hold_the_face_from_above_the_brows_to_the_chin(person):
    for scale in (28.0, 40.0):
        sample = take_passport_picture(person, pose=dataclasses.replace(FRONTAL, scale=scale))
        x1, y1, x2, y2 = sample["boxes"][0]
        points = sample["landmarks"]
        assert np.all((points > (x1, y1)) & (points < (x2, y2)))
        assert y2 - y1 == pytest.approx(scale * (1 + person.skull.length), abs=1.5)
        assert x2 - x1 == pytest.approx(scale * 2 * person.skull.width, abs=1.5)


def test_nearest_picture_by_pixels_rarely_shows_the_same_person(pairs):
    assert recognize(*pairs, lambda sample: np.s_[:, :]) < 0.15  # chance is 0.02
    assert recognize(*pairs, crop_box) < 0.3


def test_passport_pictures_are_told_apart_by_pixels():
    first, second = ([render_face(SEED, identity, number, nuisance=0.0) for identity in range(25)] for number in (0, 1))
    assert recognize(first, second, crop_box) > 0.9


def test_nobody_is_in_two_splits(tiny):
    identities = {
        split: {int(example["identity"]) for example in tiny.as_data_source(split)} for split in FIRST_IDENTITY
    }
    assert [len(identities[split]) for split in FIRST_IDENTITY] == [12, 6, 6]
    assert len(set.union(*identities.values())) == 24
    assert identities["train"] == set(range(12))


def test_every_person_has_as_many_pictures(tiny):
    identities = [example["identity"] for example in tiny.as_data_source("train")]
    assert np.bincount(identities).tolist() == [5] * 12


def test_builder_knows_the_full_set():
    full = Faces.builder_configs["full"]
    assert (full.num_train, full.num_validation, full.num_test, full.num_pictures) == (150, 30, 30, 12)
    assert Faces.BUILDER_CONFIGS[0] is full  # the default


def test_builder_returns_what_was_rendered(tiny):
    stored = {example["image"].tobytes(): example for example in tiny.as_data_source("test")}
    for number in range(3):
        sample = render_face(SEED, FIRST_IDENTITY["test"], number)
        example = stored[sample["image"].tobytes()]
        assert example.keys() == sample.keys()
        for key, value in sample.items():
            np.testing.assert_array_equal(example[key], value, err_msg=key)


@pytest.mark.parametrize(
    ("arguments", "name"), [((-1, 0, 0), "seed"), ((0, -1, 0), "identity"), ((0, 0, -1), "number")]
)
def test_wrong_arguments_are_named(arguments, name):
    with pytest.raises(ValueError, match=f"{name}.*Received.*{name}=-1"):
        render_face(*arguments)


@pytest.mark.parametrize("nuisance", [-0.1, 1.1, float("nan")])
def test_nuisance_out_of_range_is_refused(nuisance):
    with pytest.raises(ValueError, match=r"nuisance.*0\.\.1.*Received"):
        render_face(SEED, 0, 0, nuisance=nuisance)


def test_splits_have_the_names_tfds_uses():
    assert tuple(FIRST_IDENTITY) == (tfds.Split.TRAIN, tfds.Split.VALIDATION, tfds.Split.TEST)
