"""A classification task: what it computes of probabilities, what it exports, and that plain Keras trains it."""

import keras
import numpy as np
import pytest

from kerascnn.tasks import ClassificationTask, classification

CLASSES = ("ants", "bees", "cats")
PROBABILITIES = np.array([[0.1, 0.7, 0.2], [0.5, 0.2, 0.3], [0.2, 0.3, 0.5], [0.3, 0.4, 0.3]], dtype="float32")


@pytest.fixture(scope="module")
def task():
    keras.utils.set_random_seed(0)
    return classification("mobilenet_v2", list(CLASSES), image_size=(40, 33), alpha=0.35)


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).uniform(0, 255, (3, 40, 33, 3)).astype("float32")


def test_model_has_the_size_and_the_classes_that_were_asked_for(task):
    assert task.model.input_shape == (None, 40, 33, 3)
    assert task.model.output_shape == (None, 3)
    assert task.image_size == (40, 33)
    assert task.classes == CLASSES
    assert task.weights_report is None


def test_decode_gives_one_result_a_picture(task):
    results = task.decode({"probabilities": PROBABILITIES})
    assert [result.class_name for result in results] == ["bees", "ants", "cats", "bees"]
    assert [result.confidence for result in results] == pytest.approx([0.7, 0.5, 0.5, 0.4])
    assert task.decode({"probabilities": PROBABILITIES[:0]}) == []


def test_score_is_the_accuracy(task):
    assert task.score({"probabilities": PROBABILITIES}, np.array([1, 0, 0, 2])) == 0.5
    assert task.score({"probabilities": PROBABILITIES}, np.array([1, 0, 2, 1])) == 1.0


def test_agreement_is_the_share_of_pictures_with_the_same_answer(task):
    others = PROBABILITIES[[0, 1, 0, 1]]  # answers 1, 0, 1, 0 against 1, 0, 2, 1
    assert task.agreement({"probabilities": PROBABILITIES}, {"probabilities": others}) == 0.5
    assert task.agreement({"probabilities": PROBABILITIES}, {"probabilities": PROBABILITIES}) == 1.0


def test_evaluate_agrees_with_score(task):
    labels = np.array([1, 0, 0, 2])
    summary = task.evaluate({"probabilities": PROBABILITIES}, labels)
    assert summary["examples"] == 4
    assert summary["accuracy"] == 0.5
    assert summary["loss"] == pytest.approx(-np.mean(np.log([0.7, 0.5, 0.2, 0.3])))


def test_loss_is_the_cross_entropy_of_logits(task):
    logits = np.array([[2.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    by_hand = -np.mean([np.log(np.e**2 / (np.e**2 + 2)), np.log(1 / (2 + np.e))])
    assert float(task.loss(np.array([0, 1]), logits)) == pytest.approx(by_hand, rel=1e-6)


def test_targets_are_the_labels(task):
    assert task.targets({"image": None, "label": 2}) == 2


def test_metrics_are_made_anew_and_bear_the_name_of_the_monitor(task):
    first, second = task.metrics(), task.metrics()
    assert [metric.name for metric in first] == [task.monitor]
    assert first[0] is not second[0]


def test_serving_model_gives_the_probabilities_of_the_logits(task, images):
    outputs = task.serving_model()(images)
    probabilities = keras.ops.convert_to_numpy(outputs["probabilities"])
    logits = keras.ops.convert_to_numpy(task.model(images)).astype("float64")
    expected = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    assert list(outputs) == ["probabilities"]
    np.testing.assert_allclose(probabilities, expected, atol=1e-6)
    np.testing.assert_allclose(probabilities.sum(-1), 1, atol=1e-6)


def test_serving_model_shares_its_weights(task):
    serving = task.serving_model()
    assert {id(weight) for weight in serving.weights} == {id(weight) for weight in task.model.weights}


def test_compile_takes_what_keras_takes(task):
    task.compile(keras.optimizers.SGD(0.5), run_eagerly=True)
    assert isinstance(task.model.optimizer, keras.optimizers.SGD)
    assert task.model.run_eagerly


def test_report_of_loaded_weights_is_kept(task, tmp_path):
    task.model.save(tmp_path / "model.keras")
    again = classification("mobilenet_v2", ["d", "e"], image_size=(40, 33), weights=tmp_path, alpha=0.35)
    assert again.weights_report.mismatched == ("predictions",)
    np.testing.assert_array_equal(again.model.get_weights()[0], task.model.get_weights()[0])


@pytest.mark.parametrize(
    "classes",
    [(), ("ants",), ("ants", "bees", "ants"), ("ants", ""), ("ants", "be\nes"), ("ants", "bees\r"), (1, 2), "ants"],
)
def test_classes_must_be_different_names_of_one_line(classes):
    with pytest.raises(ValueError, match="at least two different names of one line"):
        classification("mobilenet_v2", classes, image_size=(32, 32), alpha=0.35)


def test_unknown_architecture_lists_the_known_ones():
    with pytest.raises(ValueError, match=r"one of mobilenet_v2.*'mobilnet'"):
        classification("mobilnet", CLASSES)


def test_network_must_have_an_output_for_each_class(task):
    with pytest.raises(ValueError, match="one logit for each of the 2 classes"):
        ClassificationTask(task.model, CLASSES[:2])
