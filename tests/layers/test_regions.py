"""The layers between the two stages of a detector, by hand and against the functions that they call."""

import keras
import numpy as np
import pytest

from kerascnn.layers import ProposalCandidates, PyramidLevel, RegionGrid
from kerascnn.ops import anchor_boxes, proposal_candidates, pyramid_level


def as_numpy(tensor):
    return keras.ops.convert_to_numpy(tensor)


def test_each_anchor_has_its_own_logit_and_deltas(tmp_path):
    logits, deltas = np.arange(2 * 3 * 2 * 4.0).reshape(2, 3, 2, 4), np.random.default_rng(0).normal(size=(2, 3, 2, 16))
    inputs = keras.Input((3, 2, 4)), keras.Input((3, 2, 16))
    model = keras.Model(inputs, RegionGrid(8, (10, 20), (0.5, 2))(inputs))
    assert model.output_shape == (None, 24, 9)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    found = again.predict_on_batch([logits, deltas])
    np.testing.assert_allclose(found, model.predict_on_batch([logits, deltas]))
    anchors = anchor_boxes((3, 2), 8, (10, 20), (0.5, 2))
    for picture, row, column, anchor in np.ndindex(2, 3, 2, 4):
        place = (row * 2 + column) * 4 + anchor
        expected = [logits[picture, row, column, anchor], *deltas[picture, row, column, 4 * anchor : 4 * anchor + 4]]
        np.testing.assert_allclose(found[picture, place], [*expected, *anchors[place]], rtol=1e-6)


def test_candidates_are_those_of_the_function_and_send_no_gradient_back():
    regions = np.random.default_rng(0).normal(0, 1, (2, 5, 9)).astype(np.float32)
    regions[..., 5:] = [10, 10, 40, 30]
    found, expected = ProposalCandidates((50, 60), 8)(regions), proposal_candidates(regions, (50, 60), least_side=8)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(as_numpy(ours), as_numpy(theirs))
    with pytest.raises(ValueError, match="least_side=-1"):
        ProposalCandidates((50, 60), -1)


def test_levels_of_regions_by_hand():
    # A side of 224 is of stride 16, one of 448 of stride 32; nothing is finer or coarser than the pyramid.
    sides = np.float32([1, 0, 223, 224, 447.9, 448, 5000])
    boxes = np.stack([0 * sides, 0 * sides, sides, sides], axis=-1)
    assert as_numpy(pyramid_level(boxes, (8, 16, 32))).tolist() == [0, 0, 0, 1, 1, 2, 2]
    assert as_numpy(pyramid_level(boxes, (16,))).tolist() == [0] * 7
    assert as_numpy(pyramid_level(boxes[:0], (8, 16))).shape == (0,)


def test_a_region_has_what_its_level_pooled():
    boxes = np.float32([[(0, 0, 10, 10), (0, 0, 300, 300)], [(0, 0, 500, 500), (0, 0, 0, 0)]])
    pooled = [np.full((2, 2, 3, 3, 4), number, np.float32) for number in range(3)]
    found = as_numpy(PyramidLevel((8, 16, 32))([boxes, *pooled]))
    assert found.shape == (2, 2, 3, 3, 4)
    assert found[..., 0, 0, 0].tolist() == [[0, 1], [2, 0]]


@pytest.mark.parametrize("strides", [(), (8, 32), (16, 8)])
def test_strides_that_make_no_pyramid_are_refused(strides):
    with pytest.raises(ValueError, match="twice the one before"):
        PyramidLevel(strides)
