"""The losses of both stages against loops over the boxes that are drawn, on numbers by hand, and on right answers."""

import math

import keras
import numpy as np
import pytest

from kerascnn.losses import RegionClassLoss, RegionProposalLoss
from kerascnn.ops import encode_deltas
from tests.ops.test_matching import draw, match_naively

CLASSES = 3
ROWS, BOXES = draw(0)


def as_numpy(tensor):
    return keras.ops.convert_to_numpy(tensor)


def losses(loss, rows, outputs, **options):
    return as_numpy(loss(reduction=None, **options)(np.float32(rows), np.float32(outputs)))


def draw_regions(boxes=BOXES, seed=1):
    """Draw regions (B, N, 9) with these anchors."""
    numbers = np.random.default_rng(seed).normal(0, 1, (*boxes.shape[:2], 5))
    return np.concatenate([numbers, boxes], axis=-1).astype(np.float32)


def draw_classes(boxes=BOXES, seed=1):
    """Draw the classes of regions (B, R, 5 CLASSES + 5) with these proposals."""
    numbers = np.random.default_rng(seed).normal(0, 1, (*boxes.shape[:2], 5 * CLASSES + 1))
    return np.concatenate([numbers, boxes], axis=-1).astype(np.float32)


def smooth_l1(errors, beta):
    return sum(0.5 * e * e / beta if abs(e) < beta else abs(e) - 0.5 * beta for e in map(float, errors))


def region_error(match, row, output, beta):
    """Give the error of an anchor's objectness, and that of its box."""
    probability = 1 / (1 + math.exp(-float(output[0])))
    if match < 0:
        return -math.log(1 - probability), 0.0
    return -math.log(probability), smooth_l1(as_numpy(encode_deltas(row[:4], output[5:])) - output[1:5], beta)


def class_error(match, row, output, beta):
    """Give the error of a proposal's class, and that of its box."""
    label = int(row[4]) if match >= 0 else CLASSES
    logits = output[: CLASSES + 1].astype(float)
    error = math.log(sum(map(math.exp, logits))) - logits[label]
    if match < 0:
        return error, 0.0
    deltas = output[CLASSES + 1 + 4 * label :][:4]
    variances = (0.1, 0.1, 0.2, 0.2)
    return error, smooth_l1(as_numpy(encode_deltas(row[:4], output[-4:], variances=variances)) - deltas, beta)


def sum_naively(rows, outputs, matches, error, *, count, object_share, box_weight, beta, draws=400):
    """Draw samples of one picture's boxes as the papers do, and give the mean of their losses."""
    rng, terms = np.random.default_rng(0), {}
    for n, match in enumerate(matches):
        if match >= -1:
            errors = error(match, rows[match] if match >= 0 else None, outputs[n], beta)
            terms[n] = errors[0] + box_weight * errors[1]
    totals = []
    for _ in range(draws):
        order = [n for n in rng.permutation(len(matches)) if n in terms]
        objects = [n for n in order if matches[n] >= 0][: int(count * object_share)]
        drawn = objects + [n for n in order if matches[n] < 0][: count - len(objects)]
        totals.append(sum(terms[n] for n in drawn) / max(len(drawn), 1))
    return np.mean(totals), np.std(totals) / math.sqrt(draws)


@pytest.mark.parametrize(
    ("loss", "draw_outputs", "error", "matching"),
    [
        (
            RegionProposalLoss,
            draw_regions,
            region_error,
            {"object_iou": 0.7, "background_iou": (0, 0.3), "best_of_object": True},
        ),
        (RegionClassLoss, draw_classes, class_error, {"object_iou": 0.5, "background_iou": (0, 0.5)}),
    ],
)
@pytest.mark.parametrize("count", [256, 12])
def test_is_the_mean_over_samples_as_the_papers_draw_them(loss, draw_outputs, error, matching, count):
    outputs, options = draw_outputs(), {"count": count, "object_share": 0.25, "box_weight": 2.0, "beta": 0.5}
    found = losses(loss, ROWS, outputs, **options)
    for picture in range(len(ROWS)):
        matches = match_naively(ROWS[picture], BOXES[picture], **matching)
        mean, deviation = sum_naively(ROWS[picture], outputs[picture], matches, error, **options)
        # All boxes are drawn where there are fewer than the count, and the mean has no deviation.
        assert found[picture] == pytest.approx(mean, rel=1e-4, abs=5 * deviation)
    assert len(set(found.tolist())) == len(found)


def test_first_stage_by_hand():
    rows, anchors = [[(0, 0, 10, 10, 2)]], [[(0, 0, 10, 10), (20, 20, 30, 30), (0, 0, 10, 5)]]
    outputs = np.concatenate([[[[0, 0, 0, 0, 0.5], [math.log(3), 9, 9, 9, 9], [5, 9, 9, 9, 9]]], anchors], axis=-1)
    # The first is the object's, with a height that is wrong by 0.5; the second is background; the third does not count.
    expected = (math.log(2) + (0.5 - 0.5 / 9) + math.log(4)) / 2
    assert losses(RegionProposalLoss, rows, outputs) == pytest.approx([expected], rel=1e-5)


def test_anchors_that_leave_the_picture_count_only_if_wanted():
    outputs = draw_regions(np.float32([[(-1, 0, 9, 10), (20, 20, 30, 30), (20, 20, 31, 30)]]))
    nothing = np.zeros((1, 0, 5))
    errors = [math.log(1 + math.exp(each)) for each in outputs[0, :, 0]]
    assert losses(RegionProposalLoss, nothing, outputs) == pytest.approx([np.mean(errors)], rel=1e-5)
    inside = losses(RegionProposalLoss, nothing, outputs, image_size=(30, 30))
    assert inside == pytest.approx([errors[1]], rel=1e-5)


@pytest.mark.parametrize(("loss", "outputs"), [(RegionProposalLoss, draw_regions()), (RegionClassLoss, draw_classes())])
def test_rows_of_padding_and_none_are_the_same(loss, outputs):
    padded = np.full((3, 4, 5), -1)
    np.testing.assert_array_equal(losses(loss, padded, outputs), losses(loss, padded[:, :0], outputs))


def test_proposals_of_padding_do_not_count():
    outputs = draw_classes()
    padded = np.pad(outputs, ((0, 0), (0, 7), (0, 0)))
    np.testing.assert_allclose(losses(RegionClassLoss, ROWS, padded), losses(RegionClassLoss, ROWS, outputs), rtol=1e-5)


def test_pictures_without_a_proposal_cost_nothing():
    assert losses(RegionClassLoss, ROWS, np.zeros((3, 2, 20))).tolist() == [0, 0, 0]


@pytest.mark.parametrize(("loss", "share"), [(RegionProposalLoss, 0.5), (RegionClassLoss, 0.25)])
def test_a_loss_is_made_again_from_its_config(loss, share):
    config = loss(object_iou=0.6, beta=0.3).get_config()
    again = loss.from_config(config)
    assert again.get_config() == config
    assert (again.object_iou, again.beta, again.object_share) == (0.6, 0.3, share)


@pytest.mark.parametrize("loss", [RegionProposalLoss, RegionClassLoss])
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"object_iou": 0.2}, "must rise"),
        ({"count": 0}, "count must be at least 1"),
        ({"object_share": 2}, "object_share in 0..1"),
        ({"beta": 0}, "beta must be positive"),
        ({"box_weight": -1}, "box_weight must not be negative"),
    ],
)
def test_options_that_make_no_sense_are_refused(loss, options, message):
    with pytest.raises(ValueError, match=message):
        loss(**options)


@pytest.mark.parametrize("loss", [RegionProposalLoss, RegionClassLoss])
def test_other_shapes_are_refused(loss):
    with pytest.raises(ValueError, match=r"rows \(B, M, 5\)"):
        losses(loss, np.zeros((1, 4)), draw_regions()[:1])
    with pytest.raises(ValueError, match="must be"):
        losses(loss, ROWS, np.zeros((3, 4, 8)))
