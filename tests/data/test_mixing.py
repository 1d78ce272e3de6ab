"""MixUp and CutMix: the papers' formulas, odd batches and batches of one, and the same answer for the same seed."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerascnn.data import Split, cut_mix, mix, mix_up, pipeline

CLASSES = 4
SEED = tf.constant([3, 4], tf.int64)
MIXINGS = pytest.mark.parametrize("make", [mix_up, cut_mix])


def seeds(count):
    return [tf.constant([number, 7], tf.int64) for number in range(count)]


def plain_batch(count, size=(24, 40), dtype=np.uint8):
    """Pictures of one colour each, so that a mixed pixel tells its share; the class is the picture's number."""
    values = np.linspace(10, 250, count).astype(dtype)
    return np.broadcast_to(values[:, None, None, None], (count, *size, 3)).copy(), np.arange(count, dtype=np.int32)


@MIXINGS
@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_shapes_types_and_sums(make, count):
    images, labels = plain_batch(count)
    for dtype in (np.uint8, np.float32):
        mixed, distributions = make(8)(images.astype(dtype), labels, SEED)
        assert mixed.dtype == dtype and mixed.shape == images.shape
        assert distributions.dtype == tf.float32 and distributions.shape == (count, 8)
        np.testing.assert_allclose(np.sum(distributions, axis=1), 1, atol=1e-6)
        assert np.min(distributions) >= 0


@MIXINGS
def test_a_batch_of_one_stays_as_it_is(make):
    image = np.random.default_rng(0).integers(0, 256, (1, 9, 7, 3), np.uint8)
    for seed in seeds(20):
        mixed, distributions = make(CLASSES)(image, np.array([2]), seed)
        np.testing.assert_array_equal(mixed, image)
        np.testing.assert_array_equal(distributions, [[0, 0, 1, 0]])


@MIXINGS
def test_pictures_of_one_class_keep_exactly_their_label(make):
    images, _ = plain_batch(6)
    for seed in seeds(20):
        _, distributions = make(CLASSES, 1.0)(images, np.full(6, 3), seed)
        np.testing.assert_array_equal(distributions, np.tile([0, 0, 0, 1], (6, 1)))


def test_mix_up_weighs_pixels_and_labels_alike():
    images, labels = plain_batch(7, dtype=np.float32)
    for seed in seeds(20):
        mixed, distributions = mix_up(7, alpha=1.0)(images, labels, seed)
        expected = np.einsum("bc,chwd->bhwd", distributions, images)  # class and number of the picture are the same
        np.testing.assert_allclose(mixed, expected, atol=1e-3)
        assert (np.count_nonzero(distributions, axis=1) <= 2).all()


def test_cut_mix_weighs_labels_by_the_pixels_exactly():
    images, labels = plain_batch(7)
    for seed in seeds(50):
        mixed, distributions = cut_mix(7)(images, labels, seed)
        shares = np.mean(mixed.numpy()[..., :1] == images[:, 0, 0, 0], axis=(1, 2))  # (picture, source)
        np.testing.assert_allclose(distributions, shares, atol=1e-6)


def test_cut_mix_pastes_one_rectangle_at_its_own_place():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (5, 20, 30, 3), np.uint8)
    for seed in seeds(20):
        mixed, distributions = cut_mix(5)(images, np.arange(5), seed)
        for number in range(5):
            changed = (mixed[number].numpy() != images[number]).any(-1)
            if not changed.any():
                continue
            rows, columns = np.flatnonzero(changed.any(1)), np.flatnonzero(changed.any(0))
            part = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
            (partner,) = set(np.flatnonzero(distributions[number])) - {number}
            np.testing.assert_array_equal(mixed[number].numpy()[part], images[partner][part])


def test_rectangles_have_the_shape_of_the_picture_and_centres_everywhere():
    images, labels = np.zeros((2, 100, 200, 3), np.uint8), np.arange(2)
    images[1] = 1
    sides, touched = [], np.zeros((100, 200))
    for seed in seeds(400):
        mixed, _ = cut_mix(2)(images, labels, seed)
        changed = mixed.numpy()[0, ..., 0] == 1
        touched += changed
        height, width = changed.any(1).sum(), changed.any(0).sum()
        whole = changed.any() and not (changed[[0, -1]].any() or changed[:, [0, -1]].any())
        sides += [(height, width)] if whole else []
    assert len(sides) > 20
    for height, width in sides:
        assert abs(width - 2 * height) <= 3  # rounded to pixels
    assert (touched > 0).all()


@pytest.mark.parametrize("alpha", [0.2, 1.0, 4.0])
def test_the_share_is_drawn_from_beta(alpha):
    images, labels = np.zeros((2000, 1, 1, 3), np.uint8), np.zeros(2000, np.int32)
    labels[1::2] = 1
    _, distributions = mix_up(2, alpha)(images, labels, SEED)
    share = distributions.numpy()[np.arange(2000), labels]
    share = share[share < 1]  # where the partner is of the other class
    assert len(share) > 900
    assert share.mean() == pytest.approx(0.5, abs=0.06)
    assert share.var() == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.15)


def test_a_tiny_alpha_gives_no_nan():
    images, labels = plain_batch(7)
    for make in (mix_up, cut_mix):
        _, distributions = make(7, 1e-4)(images, labels, SEED)
        assert np.isfinite(distributions).all()


@MIXINGS
def test_the_seed_decides(make):
    images, labels = plain_batch(7)
    first, again, other = (make(7, 1.0)(images, labels, seed) for seed in (SEED, SEED, SEED + 1))
    for one, same in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, same)
    assert not np.array_equal(first[1], other[1])


@MIXINGS
@pytest.mark.parametrize("kind", [np.uint8, np.int32, np.int64])
def test_labels_of_numpy_are_taken(make, kind):
    images, labels = plain_batch(3)
    expected = make(3)(images, tf.constant(labels), SEED)
    for found, one in zip(make(3)(images, labels.astype(kind), SEED), expected, strict=True):
        np.testing.assert_array_equal(found, one)


def batches(count=10, augmented_like=0):
    """Batches of 4, the last of 2; another `augmented_like` has other pixels, as another epoch has."""
    images, labels = plain_batch(count)
    return tf.data.Dataset.from_tensor_slices((images + np.uint8(augmented_like), labels)).batch(4)


@MIXINGS
def test_mix_is_repeatable_and_mixes_other_pixels_anew(make):
    def distributions(dataset, seed):
        return np.concatenate([labels for _, labels in mix(dataset, make(10, 1.0), seed)])

    first = distributions(batches(), 0)
    assert first.shape == (10, 10)
    np.testing.assert_array_equal(distributions(batches(), 0), first)
    assert not np.array_equal(distributions(batches(), 1), first)
    assert not np.array_equal(distributions(batches(augmented_like=1), 0), first)
    assert mix(batches(), make(10), 0).cardinality() == 3


def test_mix_equals_the_function_in_eager_mode():
    seen = {}

    def spy(images, labels, seed):
        return images, tf.cast(seed, tf.float64)

    for (images, seed), (_, labels), (mixed, distributions) in zip(
        mix(batches(), spy, 5), batches(), mix(batches(), cut_mix(10), 5), strict=True
    ):
        assert seed[0] == 5
        seen[float(seed[1])] = True
        hashed = tf.strings.to_hash_bucket_fast(tf.io.serialize_tensor(images), tf.int64.max)
        eager = cut_mix(10)(images, labels, tf.stack([tf.constant(5, tf.int64), hashed]))
        np.testing.assert_array_equal(mixed, eager[0])
        np.testing.assert_array_equal(distributions, eager[1])
    assert len(seen) == 3


class ForTask:
    image_size = (24, 40)

    def targets(self, sample):
        return sample["label"]


@pytest.fixture(scope="module")
def split():
    images, labels = plain_batch(10)
    table, label_table = tf.constant(images), tf.constant(labels)
    names = [str(number) for number in range(10)]
    return Split(names, {"label": labels}, names, lambda index: {"image": table[index], "label": label_table[index]})


def test_looking_at_the_first_batches_does_not_use_up_an_epoch(split):
    train = mix(pipeline(split, ForTask(), batch_size=4, seed=0), cut_mix(10), 0)
    looks = [[labels.numpy() for _, labels in train.take(2)] for _ in range(2)]
    np.testing.assert_array_equal(looks[0], looks[1])
    epochs = [np.concatenate([labels for _, labels in train]) for _ in range(2)]
    np.testing.assert_array_equal(epochs[0][:8], np.concatenate(looks[0]))
    assert not np.array_equal(epochs[0], epochs[1])


def test_plain_fit_learns_from_distributions(split):
    train = mix(pipeline(split, ForTask(), batch_size=4, seed=0), mix_up(10), 0)
    valid = pipeline(split, ForTask(), batch_size=4).map(lambda images, labels: (images, tf.one_hot(labels, 10)))
    model = keras.Sequential([keras.layers.Rescaling(1 / 255), keras.layers.Flatten(), keras.layers.Dense(10)])
    model.compile("adam", keras.losses.CategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    history = model.fit(train, validation_data=valid, epochs=2, verbose=0).history
    assert np.isfinite(history["val_loss"]).all()


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        (np.zeros((4, 8, 8, 3), np.uint8), np.zeros((4, 2), np.float32)),
        (np.zeros((4, 8, 8, 3), np.uint8), np.zeros(4, np.float32)),
        (np.zeros((8, 8, 3), np.uint8), np.zeros(4, np.int32)),
    ],
)
def test_what_is_no_batch_is_refused(images, labels):
    with pytest.raises(ValueError, match="A batch to mix"):
        mix_up(CLASSES)(images, labels, SEED)


@pytest.mark.parametrize("label", [-1, CLASSES])
def test_a_label_out_of_range_is_refused(label):
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"0\.\.3"):
        cut_mix(CLASSES)(np.zeros((2, 8, 8, 3), np.uint8), np.array([0, label]), SEED)


@MIXINGS
def test_settings_out_of_range_are_refused(make):
    with pytest.raises(ValueError, match="num_classes"):
        make(1)
    for alpha in (0, -1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="alpha"):
            make(CLASSES, alpha)
