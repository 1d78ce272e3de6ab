"""The losses of embeddings, against naive loops over pairs and triplets and numbers by hand."""

import itertools

import keras
import numpy as np
import pytest
from keras import ops

from kerascnn.losses import ContrastiveLoss, SiameseLoss, TripletLoss
from kerascnn.ops.mining import random_negatives

IDENTITIES = np.array([4, 7, 4, 7, 4, 2, 9, 9])  # one of them is alone


def measure_squared(f, g):
    return np.sum((f - g) ** 2)


def measure_cosine(f, g):
    return 1 - np.dot(f, g) / np.linalg.norm(f) / np.linalg.norm(g)


MEASURES = {"squared": measure_squared, "cosine": measure_cosine}


def list_triplets(identities):
    for a, p, n in itertools.product(range(len(identities)), repeat=3):
        if a != p and identities[a] == identities[p] and identities[a] != identities[n]:
            yield a, p, n


def mine_by_loop(identities, vectors, *, margin, distance, mining):
    """Mean over the triplets that count, as the papers write them."""

    def d(i, j):
        return MEASURES[distance](vectors[i], vectors[j])

    triplets = list(list_triplets(identities))
    losses = []
    if mining == "all":
        losses = [d(a, p) - d(a, n) + margin for a, p, n in triplets]
        losses = [loss for loss in losses if loss > 0]
    elif mining == "hard":
        for anchor in sorted({a for a, _, _ in triplets}):
            positive = max(d(a, p) for a, p, _ in triplets if a == anchor)
            negative = min(d(a, n) for a, _, n in triplets if a == anchor)
            losses.append(max(positive - negative + margin, 0))
    else:
        for anchor, own in sorted({(a, p) for a, p, _ in triplets}):
            others = [d(a, n) for a, p, n in triplets if (a, p) == (anchor, own)]
            farther = [other for other in others if other > d(anchor, own)]
            negative = min(farther) if farther else max(others)
            losses.append(max(d(anchor, own) - negative + margin, 0))
    return np.mean(losses) if losses else 0.0


@pytest.fixture(scope="module")
def vectors():
    return np.random.default_rng(0).normal(size=(8, 5)).astype("float32")


@pytest.mark.parametrize("mining", ["all", "hard", "semihard"])
@pytest.mark.parametrize(("distance", "margin"), [("squared", 0.2), ("squared", 8.0), ("cosine", 0.4)])
def test_triplets_are_those_that_a_loop_finds(vectors, mining, distance, margin):
    options = {"margin": margin, "distance": distance, "mining": mining}
    found = TripletLoss(**options)(IDENTITIES, vectors)
    assert float(found) == pytest.approx(mine_by_loop(IDENTITIES, vectors, **options), rel=1e-4)


# What pytorch-metric-learning 2.9.0 gives for the same vectors: TripletMarginLoss, of all triplets with its
# AvgNonZeroReducer, of the hardest with its BatchHardMiner and MeanReducer; LpDistance(normalize_embeddings=False,
# power=2) and CosineSimilarity.
@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"margin": 0.2, "mining": "all"}, 4.325287818908691),
        ({"margin": 0.2, "mining": "hard"}, 6.477034568786621),
        ({"margin": 8.0, "mining": "all"}, 10.413371086120605),
        ({"margin": 8.0, "mining": "hard"}, 14.277033805847168),
        ({"margin": 0.4, "mining": "all", "distance": "cosine"}, 0.8183409571647644),
        ({"margin": 0.4, "mining": "hard", "distance": "cosine"}, 1.4345624446868896),
    ],
)
def test_another_library_gives_the_same(vectors, options, expected):
    assert float(TripletLoss(**options)(IDENTITIES, vectors)) == pytest.approx(expected, rel=1e-5)


def test_a_triplet_by_hand():
    vectors = np.array([[1, 0], [0.6, 0.8], [0, 1]], "float32")
    anchor_first = np.array([0, 0, 1])
    # Of the two anchors: 0.8 - 2 + 1.5 = 0.3, and 0.8 - 0.4 + 1.5 = 1.9.
    assert float(TripletLoss(1.5, mining="hard")(anchor_first, vectors)) == pytest.approx(1.1)
    # Cosines: 0.6 with the positive; 0 and 0.8 with the negative: 0.4 - 1 + 1 = 0.4, and 0.4 - 0.2 + 1 = 1.2.
    assert float(TripletLoss(1.0, "cosine", "hard")(anchor_first, vectors)) == pytest.approx(0.8)


def test_cosine_brings_the_same_person_together():
    near = np.array([[1, 0], [1, 0.01], [-1, 0]], "float32")
    loss = TripletLoss(0.2, "cosine", "all")
    assert float(loss(np.array([0, 0, 1]), near)) == 0
    assert float(loss(np.array([0, 1, 0]), near)) > 1


def test_random_triplets_are_of_other_people_and_of_all_of_them(vectors):
    distances = np.arange(64, dtype="float32").reshape(8, 8)  # says which place was taken
    different = IDENTITIES[:, None] != IDENTITIES[None]
    taken = ops.convert_to_numpy(random_negatives(distances, different)).astype(int) % 8
    assert all(IDENTITIES[taken[a, p]] != IDENTITIES[a] for a, p in np.ndindex(8, 8))
    assert set(taken.ravel()) == set(range(8))
    loss = float(TripletLoss(9.0, mining="random")(IDENTITIES, vectors))
    assert loss == pytest.approx(
        np.mean([
            max(measure_squared(vectors[a], vectors[p]) - measure_squared(vectors[a], vectors[taken[a, p]]) + 9, 0)
            for a, p in np.ndindex(8, 8) if a != p and IDENTITIES[a] == IDENTITIES[p]
        ]), rel=1e-4,
    )  # fmt: skip


@pytest.mark.parametrize("margin", [0.5, 3.0])
def test_pairs_are_those_that_a_loop_finds(vectors, margin):
    pairs = [(i, j) for i, j in np.ndindex(8, 8) if i != j]
    same = [measure_squared(vectors[i], vectors[j]) for i, j in pairs if IDENTITIES[i] == IDENTITIES[j]]
    roots = [np.sqrt(measure_squared(vectors[i], vectors[j])) for i, j in pairs if IDENTITIES[i] != IDENTITIES[j]]
    expected = np.mean(same) / 2 + np.mean([max(margin - root, 0) ** 2 for root in roots]) / 2
    assert float(ContrastiveLoss(margin)(IDENTITIES, vectors)) == pytest.approx(expected, rel=1e-4)


def test_logits_of_pairs_count_half_for_the_same_and_half_for_others():
    logits = np.random.default_rng(1).normal(size=(8, 8)).astype("float32")
    probability = 1 / (1 + np.exp(-logits))
    pairs = [(i, j) for i, j in np.ndindex(8, 8) if i != j]
    same = [-np.log(probability[i, j]) for i, j in pairs if IDENTITIES[i] == IDENTITIES[j]]
    others = [-np.log(1 - probability[i, j]) for i, j in pairs if IDENTITIES[i] != IDENTITIES[j]]
    expected = (np.mean(same) + np.mean(others)) / 2
    assert float(SiameseLoss()(IDENTITIES, logits)) == pytest.approx(expected, rel=1e-5)


LOSSES = [TripletLoss(mining=mining) for mining in ("all", "semihard", "hard", "random")]
LOSSES += [TripletLoss(distance="cosine", mining="all"), ContrastiveLoss()]


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: f"{loss.name}_{getattr(loss, 'mining', '')}")
def test_vectors_that_are_all_alike_have_a_finite_gradient(loss):
    vectors = keras.Variable(np.ones((6, 4), "float32") / 2)
    identities = np.array([0, 0, 1, 1, 2, 2])
    assert float(loss(identities, vectors)) >= 0.2  # the margin, or what it makes: nothing is apart yet
    assert np.all(np.isfinite(differentiate(loss, identities, vectors)))


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: f"{loss.name}_{getattr(loss, 'mining', '')}")
@pytest.mark.parametrize("identities", [[0], [0, 0, 0], [0, 1, 2]], ids=["one", "one person", "all different"])
def test_a_batch_without_triplets_or_pairs_is_a_number(loss, identities, vectors):
    found = float(loss(np.array(identities), vectors[: len(identities)]))
    assert np.isfinite(found)
    if isinstance(loss, TripletLoss):
        assert found == 0


def test_identities_may_be_a_column(vectors):
    loss = TripletLoss()
    assert float(loss(IDENTITIES[:, None], vectors)) == float(loss(IDENTITIES, vectors))


def test_what_makes_no_sense_is_refused(vectors):
    with pytest.raises(ValueError, match="margin must not be negative"):
        TripletLoss(-0.1)
    with pytest.raises(ValueError, match="margin must not be negative"):
        ContrastiveLoss(float("nan"))
    with pytest.raises(ValueError, match="mining one of all, semihard, hard, random"):
        TripletLoss(mining="easy")
    with pytest.raises(ValueError, match="distance must be squared or cosine"):
        TripletLoss(distance="euclidean")
    for loss in (TripletLoss(), ContrastiveLoss(), SiameseLoss()):
        with pytest.raises(ValueError, match=r"identities \(B,\) and outputs \(B, D\)"):
            loss(IDENTITIES[:3], vectors)


@pytest.mark.parametrize("loss", [TripletLoss(0.3, "cosine", "hard"), ContrastiveLoss(0.7), SiameseLoss()])
def test_a_loss_is_made_again_from_its_configuration(loss):
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    assert again.get_config() == loss.get_config()


def differentiate(loss, identities, vectors):
    import tensorflow as tf

    with tf.GradientTape() as tape:
        value = loss(identities, vectors.value)
    return tape.gradient(value, vectors.value).numpy()
