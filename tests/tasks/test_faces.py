"""The task of faces: what each loss trains, what is chosen and measured, and the way to a file and back."""

import keras
import numpy as np
import pytest

from kerascnn.results import FaceMatch
from kerascnn.tasks import FaceTask, faces, load_task
from kerascnn.tasks.faces import LOSSES

SMALL = {"image_size": (32, 32), "num_identities": 3, "embedding_size": 8}


def make(loss, **options):
    keras.utils.set_random_seed(0)
    return faces("resnet20", loss=loss, **SMALL | options)


@pytest.fixture(scope="module")
def batch():
    """Three people, each of a colour, with four pictures."""
    rng = np.random.default_rng(0)
    colors = np.array([[200, 40, 40], [40, 200, 40], [40, 40, 200]])
    people = np.repeat(np.arange(3), 4)
    noise = rng.integers(0, 40, (12, 32, 32, 3))
    return (colors[people][:, None, None] + noise).astype("float32"), people


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_learns_by_plain_fit(loss, batch):
    task = make(loss)
    task.compile(keras.optimizers.Adam(3e-3))
    images, people = batch
    targets = task.targets({"image": images, "identity": people})
    history = task.model.fit(images, targets, batch_size=12, epochs=8, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]
    assert task.monitor in history
    assert np.isfinite(history["loss"]).all()


@pytest.mark.parametrize("loss", LOSSES)
def test_vectors_have_the_length_1_and_the_file_answers_the_same(loss, batch, tmp_path):
    task = make(loss)
    vectors = task.serving_model().predict_on_batch(batch[0])["embedding"]
    assert vectors.shape == (12, 8)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    task.model.save(tmp_path / "model.keras")
    again = load_task(tmp_path / "model.keras", "faces", ["face"], loss_options=task.loss_options)
    assert isinstance(again, FaceTask) and again.kind == loss
    np.testing.assert_allclose(again.serving_model().predict_on_batch(batch[0])["embedding"], vectors, atol=1e-6)


@pytest.mark.parametrize("difference", ["absolute", "chi_square"])
def test_a_siamese_network_compares_as_its_own_layer_does(difference, batch):
    task = make("siamese", difference=difference)
    rng = np.random.default_rng(1)
    unit = task.model.get_layer("similarity")
    unit.set_weights([rng.normal(size=weight.shape) for weight in unit.get_weights()])
    outputs = task.model.predict_on_batch(batch[0])
    found = task.comparison(outputs["embedding"], outputs["embedding"])
    np.testing.assert_allclose(found, 1 / (1 + np.exp(-outputs["same"])), rtol=1e-3, atol=1e-6)


@pytest.fixture(scope="module")
def answers():
    """Vectors of five people, four each, of whom one pair looks alike."""
    rng = np.random.default_rng(2)
    people = np.repeat(np.arange(5), 4)
    vectors = np.eye(8)[people] + 0.15 * rng.normal(size=(20, 8))
    vectors[4] = vectors[0] + 0.05  # somebody else's
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return {"embedding": vectors.astype("float32")}, people


def test_the_threshold_keeps_to_the_wanted_rate(answers):
    task = make("triplet", wanted_far=0.02).tuned(*answers)
    summary = task.evaluate(*answers)
    assert summary["at_threshold"]["far"] <= 0.02 < summary["at_threshold"]["tar"]
    assert task.chosen == {"threshold": task.threshold, "wanted_far": 0.02}
    assert summary["threshold"] == task.threshold
    strict = make("triplet", wanted_far=0.0).tuned(*answers)
    assert strict.threshold > task.threshold


def test_the_summary_is_of_all_pairs(answers):
    summary = make("triplet").evaluate(*answers)
    assert summary["pairs"] == {"same": 5 * 6, "different": 190 - 30}
    assert (summary["examples"], summary["identities"]) == (20, 5)
    assert 0.9 < summary["auc"] < 1
    assert summary["rank_5"] == 1
    assert make("triplet").score_of(summary) == 1 - summary["eer"]
    assert sum(summary["histograms"]["same"]) == pytest.approx(1)


def test_one_picture_or_one_person_is_no_error(answers):
    outputs, people = answers
    task = make("triplet")
    for count in (1, 4):  # all of one person
        summary = task.evaluate({"embedding": outputs["embedding"][:count]}, people[:count])
        assert summary["eer"] is None
        assert task.score_of(summary) == 0
    with pytest.raises(ValueError, match="no picture"):
        task.evaluate({"embedding": outputs["embedding"][:0]}, people[:0])


def test_the_worst_pair_is_the_one_that_looks_alike(answers):
    task = make("triplet").tuned(*answers)
    wrong = task.mistakes(*answers)
    assert wrong.shape[1] == 2
    assert {0, 4} in [set(pair.tolist()) for pair in wrong]
    match, same = task.match(*answers, np.array([0, 4]))
    assert isinstance(match, FaceMatch)
    assert (match.same, same) == (True, False)
    similarities = [abs(task.match(*answers, pair)[0].similarity - task.threshold) for pair in wrong]
    assert similarities == sorted(similarities, reverse=True)


def test_models_agree_where_their_vectors_do(answers):
    outputs, _ = answers
    turned = {"embedding": np.roll(outputs["embedding"], 1, axis=1)}
    assert make("triplet").agreement(outputs, outputs) == 1
    assert make("triplet").agreement(turned, outputs) < 0.2


def test_what_makes_no_sense_is_refused(answers):
    with pytest.raises(ValueError, match="loss must be one of triplet, contrastive, siamese, softmax, arcface"):
        faces("mobilenet_v1", loss="quadruplet")
    with pytest.raises(ValueError, match="num_identities must be at least 2"):
        make("softmax", num_identities=None)
    with pytest.raises(ValueError, match="mining one of"):
        make("triplet", loss_options={"mining": "easy"})
    with pytest.raises(ValueError, match="difference must be absolute or chi_square"):
        make("siamese", difference="relative")
    with pytest.raises(ValueError, match="must give logits for this loss"):
        FaceTask(make("triplet").model, ("face",), loss_options={"loss": "softmax"})
    with pytest.raises(ValueError, match="says nothing by itself"):
        make("triplet").decode(answers[0])
