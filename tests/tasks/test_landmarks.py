"""The task of finding landmarks: results, scores and the serving model, on numbers by hand and by round trips."""

import keras
import numpy as np
import pytest

from kerascnn.tasks import landmarks, load_task

NAMES = ("left_eye_outer", "right_eye_outer", "nose_tip")
SIZE = (40, 60)  # height, width
# Eyes 20 px apart; of the second picture the nose is hidden, of the third an eye.
TARGETS = np.float32(
    [
        [[40, 10, 1], [20, 10, 1], [30, 20, 1]],
        [[40, 10, 1], [20, 10, 1], [0, 0, 0]],
        [[0, 0, 0], [20, 10, 1], [30, 20, 1]],
    ]
)
RIGHT = {
    "points": np.float32([[[40 / 60, 0.25], [20 / 60, 0.25], [0.5, 0.5]]] * 3),
    "visibility": np.float32([[0.9, 0.9, 0.9], [0.9, 0.9, 0.2], [0.1, 0.9, 0.9]]),
}


@pytest.fixture(scope="module")
def task():
    keras.utils.set_random_seed(0)
    return landmarks("mobilenet_v2", NAMES, image_size=SIZE, alpha=0.35)


def moved(picture, landmark, dx, dy):
    """The right points but for one, which is some pixels off."""
    points = RIGHT["points"].copy()
    points[picture, landmark] += dx / SIZE[1], dy / SIZE[0]
    return RIGHT | {"points": points}


def test_errors_are_shares_of_the_distance_between_the_outer_corners_of_the_eyes(task):
    assert task.normalization == (0, 1)
    assert task.score(RIGHT, TARGETS) == pytest.approx(1)
    summary = task.evaluate(moved(0, 2, 3, 4), TARGETS)  # 5 px of 20, one of 3 landmarks, one of 2 pictures
    assert (summary["examples"], summary["measured"]) == (3, 2)
    assert summary["nme"] == pytest.approx(5 / 20 / 3 / 2, rel=1e-5)
    assert summary["visibility_accuracy"] == 1
    assert task.score(moved(0, 2, 3, 4), TARGETS) == pytest.approx(1 - 5 / 20 / 3 / 2, rel=1e-5)


@pytest.mark.parametrize(
    ("names", "normalization"),
    [(("nose", "right_eye", "left_eye"), (2, 1)), (("tip", "tail"), "diagonal"), (("left_eye", "nose"), "diagonal")],
)
def test_what_errors_are_divided_by_follows_from_the_names(names, normalization):
    assert landmarks("lenet5", names, image_size=(32, 32)).normalization == normalization


def test_results_are_in_pixels_of_each_picture(task):
    first, second, _ = task.decode(RIGHT, [(80, 120), (40, 60), (1, 1)])
    assert first["left_eye_outer"] == pytest.approx((80, 20), rel=1e-6)
    assert second["nose_tip"] == pytest.approx((30, 20), rel=1e-6)
    np.testing.assert_array_equal(second.visibility, RIGHT["visibility"][1])
    assert task.decode({name: values[:0] for name, values in RIGHT.items()}) == []


def test_truths_are_the_targets(task):
    truths = task.truths(TARGETS, [(80, 120), SIZE, SIZE])
    assert truths[0]["nose_tip"] == pytest.approx((60, 40))
    assert truths[1].visibility.tolist() == [1, 1, 0]


def test_mistakes_have_an_error_over_a_tenth_the_largest_first(task):
    points = moved(0, 2, 9, 0)["points"]
    points[1] = moved(1, 0, 0, 8)["points"][1]  # 9 of 20 px over 3 landmarks, and 8 over 2
    assert task.mistakes(RIGHT | {"points": points}, TARGETS).tolist() == [1, 0]
    assert task.mistakes(RIGHT, TARGETS).tolist() == []


def test_agreement_counts_pictures_with_nearly_the_same_points(task):
    assert task.agreement(RIGHT, RIGHT) == 1
    assert task.agreement(RIGHT, moved(1, 2, 0, 1)) == 1  # 1 px of 20 over 3 landmarks: 1.7 %
    assert task.agreement(RIGHT, moved(1, 2, 0, 2)) == pytest.approx(2 / 3)
    assert task.agreement(RIGHT, RIGHT | {"visibility": 1 - RIGHT["visibility"]}) == 0


def test_serving_model_answers_with_shares_and_probabilities(task):
    images = np.random.default_rng(0).integers(0, 256, (2, *SIZE, 3)).astype("float32")
    outputs = {name: keras.ops.convert_to_numpy(each) for name, each in task.serving_model()(images).items()}
    raw = keras.ops.convert_to_numpy(task.model(images)).astype("float64")
    assert raw.shape == (2, 3, 3)
    np.testing.assert_allclose(outputs["points"], raw[..., :2], atol=1e-6)
    np.testing.assert_allclose(outputs["visibility"], 1 / (1 + np.exp(-raw[..., 2])), atol=1e-6)


def test_untrained_points_lie_around_the_middle(task):
    points = task.serving_model()(np.zeros((1, *SIZE, 3), "float32"))["points"]
    np.testing.assert_allclose(points, 0.5, atol=0.3)


def test_a_stored_network_is_the_task_again(task, tmp_path):
    task.model.save(tmp_path / "model.keras")
    again = load_task(tmp_path / "model.keras", "landmarks", NAMES)
    images = np.zeros((1, *SIZE, 3), "float32")
    for name, values in task.serving_model()(images).items():
        np.testing.assert_array_equal(again.serving_model()(images)[name], values)
    with pytest.raises(ValueError, match="visibility of 2 landmarks"):
        load_task(tmp_path / "model.keras", "landmarks", NAMES[:2])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"names": ()}, "names must be"),
        ({"loss_options": {"form": "l3"}}, "l3"),
        ({"names": "nose"}, "names must be"),
        ({"names": ("nose",)}, "at least 2"),
    ],
)
def test_what_does_not_fit_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        landmarks(**{"architecture": "lenet5", "names": NAMES, "image_size": (32, 32)} | arguments)
