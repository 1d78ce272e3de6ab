"""LeNet-5 has the parameters that its paper counts layer by layer, its table of connections, and its sub-sampling."""

import keras
import numpy as np
import pytest

from kerascnn.architectures import lenet5, load_weights
from kerascnn.architectures.lenet import CONNECTIONS
from kerascnn.layers import scaled_tanh

# The paper's table I, a row for each map of S2: the maps of C3 that take it.
TABLE = (
    (0, 4, 5, 6, 9, 10, 11, 12, 14, 15),
    (0, 1, 5, 6, 7, 10, 11, 12, 13, 15),
    (0, 1, 2, 6, 7, 8, 11, 13, 14, 15),
    (1, 2, 3, 6, 7, 8, 9, 12, 14, 15),
    (2, 3, 4, 7, 8, 9, 10, 12, 13, 15),
    (3, 4, 5, 8, 9, 10, 11, 13, 14, 15),
)


@pytest.fixture(scope="module")
def paper():
    keras.utils.set_random_seed(0)
    return lenet5((32, 32, 1), 10, variant="paper")


def between(model, first, last):
    """Give the network from the output of one layer to that of another, as a function of arrays."""
    part = keras.Model(model.get_layer(first).output, model.get_layer(last).output)
    return lambda array: keras.ops.convert_to_numpy(part(array))


def count_by_layer(model):
    """Count the parameters of each layer of the paper; the maps of C3 are layers of ours."""
    counts = {}
    for layer in model.layers:
        if layer.weights:
            name = layer.name.partition("_")[0]
            counts[name] = counts.get(name, 0) + layer.count_params()
    return counts


def test_modern_variant_has_the_parameters_of_full_connections():
    counts = count_by_layer(lenet5((32, 32, 1), 10))
    assert counts == {"C1": 156, "C3": 2_416, "C5": 48_120, "F6": 10_164, "predictions": 850}
    assert sum(counts.values()) == 61_706


def test_paper_s_variant_has_the_parameters_that_the_paper_counts(paper):
    counts = count_by_layer(paper)
    assert counts.pop("predictions") == 850  # in place of fixed codes
    assert counts == {"C1": 156, "S2": 12, "C3": 1_516, "S4": 32, "C5": 48_120, "F6": 10_164}
    assert sum(counts.values()) == 60_000


@pytest.mark.parametrize(("variant", "parameters"), [("modern", 61_706), ("paper", 60_850)])
def test_colours_cost_two_more_kernels_for_each_of_the_first_maps(variant, parameters):
    assert lenet5((32, 32, 3), 10, variant=variant).count_params() == parameters + 2 * 25 * 6


def test_connections_are_those_of_the_paper_s_table():
    assert tuple(tuple(k for k, maps in enumerate(CONNECTIONS) if s in maps) for s in range(6)) == TABLE
    assert {len(takers) for takers in TABLE} == {10}
    assert [len(maps) for maps in CONNECTIONS] == [3] * 6 + [4] * 9 + [6]
    assert len(set(CONNECTIONS)) == 16  # no two maps see the same: it "forces a break of symmetry"


def test_a_map_of_s2_changes_only_the_maps_that_the_table_connects(paper):
    convolve = between(paper, "S2", "C3")
    maps = np.random.default_rng(0).normal(size=(1, 14, 14, 6)).astype("float32")
    before = convolve(maps)
    for number, takers in enumerate(TABLE):
        other = maps.copy()
        other[..., number] += 1
        changed = np.abs(convolve(other) - before).max(axis=(0, 1, 2)) > 1e-6
        assert tuple(np.flatnonzero(changed)) == takers, number


def test_subsampling_is_an_average_with_a_coefficient_and_a_bias_for_each_map(paper):
    rng = np.random.default_rng(0)
    coefficients, biases = rng.normal(size=6), rng.normal(size=6)
    before = paper.get_layer("S2").get_weights()
    paper.get_layer("S2").set_weights([coefficients.reshape(1, 1, 6, 1), biases])
    maps = rng.normal(size=(2, 28, 28, 6)).astype("float32")
    found = between(paper, "stride1", "S2")(maps)
    paper.get_layer("S2").set_weights(before)
    averages = maps.reshape(2, 14, 2, 14, 2, 6).mean(axis=(2, 4))
    np.testing.assert_allclose(found, 1.7159 * np.tanh(2 / 3 * (coefficients * averages + biases)), atol=1e-5)


def test_subsampling_is_trained():
    keras.utils.set_random_seed(0)
    model = lenet5((32, 32, 1), 3, variant="paper")
    before = {name: model.get_layer(name).get_weights() for name in ("S2", "S4")}
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.1), loss, run_eagerly=True)
    model.train_on_batch(np.random.default_rng(0).uniform(0, 255, (3, 32, 32, 1)), np.arange(3))
    for name, arrays in before.items():
        for array, trained in zip(arrays, model.get_layer(name).get_weights(), strict=True):
            assert (array != trained).all(), name


def test_scaled_tanh_maps_one_to_one_and_flattens_there(paper):
    values = np.array([-10.0, -1.0, 0.0, 1.0, 10.0], "float32")
    expected = [-1.7159, -1.0, 0.0, 1.0, 1.7159]
    np.testing.assert_allclose(keras.ops.convert_to_numpy(scaled_tanh(values)), expected, atol=1e-4)
    activations = {layer.name: layer.activation for layer in paper.layers if layer.weights}
    assert activations.pop("predictions") is keras.activations.linear
    assert set(activations.values()) == {scaled_tanh}


@pytest.mark.parametrize("variant", ["modern", "paper"])
def test_stages_have_the_sizes_of_figure_2(variant):
    model = lenet5((32, 32, 1), None, variant=variant)
    shapes = {layer.name: layer.output.shape[1:] for layer in model.layers if layer.name.startswith("stride")}
    assert shapes == {"stride1": (28, 28, 6), "stride2": (10, 10, 16), "stride4": (5, 5, 16)}
    assert model.output_shape == (None, 5, 5, 16)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("variant", ["modern", "paper"])
def test_saved_and_loaded_it_answers_the_same(variant, channels, tmp_path):
    model = lenet5((17, 16, channels), 2, variant=variant, dropout=0.1)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras", compile=False)
    images = np.random.default_rng(0).uniform(0, 255, (2, 17, 16, channels))
    expected = keras.ops.convert_to_numpy(model(images))
    assert np.ptp(expected, axis=0).max() > 1e-3  # the pictures reach the logits
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(again(images)), expected)


def test_other_classes_and_another_size_start_their_layers_anew(paper, store):
    model = lenet5((28, 28, 1), 5, variant="paper")
    report = load_weights(model, store(paper, "x.weights.h5"))
    assert (report.mismatched, report.missing, report.skipped) == (("C5", "predictions"), (), ())


def test_the_two_variants_do_not_take_each_other_s_weights(paper, store):
    with pytest.raises(ValueError, match=r"do not fit lenet5: 1 of its layers would stay random.* C3\."):
        load_weights(lenet5((32, 32, 1), 10), store(paper, "x.weights.h5"))


@pytest.mark.parametrize(
    ("input_shape", "options", "message"),
    [
        ((15, 16, 1), {}, r"\(height, width, 1 or 3\) with sides of at least 16 pixels"),
        ((16, 15, 3), {"variant": "paper"}, "at least 16 pixels"),
        ((16, 16, 2), {}, "height, width, 1 or 3"),
        ((16, 16), {}, r"three integers \(height, width, 1 or 3\)"),
        ((16, 16, 1), {"variant": "classic"}, "variant must be modern or paper.*'classic'"),
        ((16, 16, 1), {"dropout": 1.0}, "dropout must lie in"),
    ],
)
def test_arguments_out_of_range_are_refused(input_shape, options, message):
    with pytest.raises(ValueError, match=message):
        lenet5(input_shape, 2, **options)


@pytest.mark.parametrize("variant", ["modern", "paper"])
def test_the_least_size_leaves_one_place(variant):
    assert lenet5((16, 16, 1), None, variant=variant).output_shape == (None, 1, 1, 16)
