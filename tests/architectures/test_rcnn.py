"""Detectors of two stages: shapes, parameters by hand, what they share, and four pictures learnt by heart."""

import keras
import numpy as np
import pytest

from kerascnn.architectures import build, fast_rcnn, faster_rcnn, region_proposal_network
from kerascnn.losses import RegionClassLoss, RegionProposalLoss
from kerascnn.ops import anchor_boxes, decode_region_classes, split_region_classes, split_regions

SHAPE = (64, 96, 3)
BODY = {"alpha": 0.35}
ONE = {"strides": (16,), "scales": ((16, 32, 48),), "filters": 8} | BODY
PYRAMID = {"strides": (8, 16, 32), "scales": ((8,), (16,), (32,)), "filters": 8} | BODY
HEAD = {"hidden_units": 12, "pool_size": 3}
PROPOSALS = {"num_proposals": 5, "max_candidates": 40, "least_side": 4.0}


def as_numpy(tensor):
    return keras.ops.convert_to_numpy(tensor)


def make_pictures(count, shape=SHAPE):
    return np.random.default_rng(0).uniform(0, 255, (count, *shape)).astype(np.float32)


@pytest.mark.parametrize(("options", "anchors"), [(ONE, 4 * 6 * 9), (PYRAMID, (8 * 12 + 4 * 6 + 2 * 3) * 3)])
def test_regions_are_those_of_all_anchors(options, anchors):
    model = region_proposal_network("mobilenet_v2", SHAPE, **options)
    outputs = model(make_pictures(2))
    assert outputs["rpn"].shape == (2, anchors, 9)
    found = split_regions(as_numpy(outputs["rpn"]))
    expected = [
        anchor_boxes((SHAPE[0] // stride, SHAPE[1] // stride), stride, scales, (0.5, 1, 2))
        for stride, scales in zip(options["strides"], options["scales"], strict=True)
    ]
    np.testing.assert_array_equal(found.anchors[1], np.concatenate(expected))
    assert np.ptp(found.logits, axis=0).max() > 0  # the pictures reach the answers


def test_parameters_of_the_heads_by_hand():
    model = faster_rcnn("mobilenet_v2", SHAPE, 2, **ONE, **HEAD, **PROPOSALS)
    channels = model.get_layer("stride16").output.shape[-1]
    first = (9 * channels + 1) * 8 + 9 * (9 + 4 * 9)
    second = (9 * channels + 1) * 12 + 13 * 12 + 13 * 3 + 13 * 8
    names = ("rpn_conv", "rpn_logits", "rpn_deltas", "roi_fc1", "roi_fc2", "roi_logits", "roi_deltas")
    assert sum(model.get_layer(name).count_params() for name in names) == first + second


@pytest.mark.parametrize("pooling", ["align", "max"])
@pytest.mark.parametrize("options", [ONE, PYRAMID])
def test_the_three_answer_alike_with_the_same_weights(options, pooling, tmp_path):
    both = faster_rcnn("mobilenet_v2", SHAPE, 2, pooling=pooling, **options, **HEAD, **PROPOSALS)
    first = region_proposal_network("mobilenet_v2", SHAPE, **options, **PROPOSALS)
    own = {name: value for name, value in options.items() if name != "scales"}
    second = fast_rcnn("mobilenet_v2", SHAPE, 2, pooling=pooling, **own, **HEAD)
    for part in (first, second):
        for layer in part.layers:
            layer.set_weights(both.get_layer(layer.name).get_weights() if layer.weights else [])
    pictures = make_pictures(2)
    found = {name: as_numpy(values) for name, values in both(pictures).items()}
    assert found["roi"].shape == (2, 5, 15)
    proposals = split_region_classes(found["roi"]).proposals
    alone = first(pictures)
    np.testing.assert_allclose(as_numpy(alone["rpn"]), found["rpn"], rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose(as_numpy(alone["proposals"]), proposals, atol=1e-3)
    again = as_numpy(second({"image": pictures, "proposals": proposals}))
    np.testing.assert_allclose(again, found["roi"], rtol=1e-4, atol=1e-4)
    both.save(tmp_path / "model.keras")
    stored = keras.saving.load_model(tmp_path / "model.keras", compile=False, safe_mode=True)
    np.testing.assert_allclose(as_numpy(stored(pictures)["roi"]), found["roi"], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("body", "channels"), [("vgg16", 512), ("resnet50", 1024)])
def test_the_bodies_of_the_papers_take_their_weights_and_answer(body, channels, tmp_path):
    donor = build(body, (64, 64, 3), 2, **({"hidden_units": 0} if body == "vgg16" else {}))
    donor.save_weights(tmp_path / "body.weights.h5")
    options = {"strides": (16,), "scales": ((16, 32, 48),), "filters": 8, "weights": tmp_path / "body.weights.h5"}
    model = faster_rcnn(body, SHAPE, 2, **options, **HEAD, **PROPOSALS)
    assert model.get_layer("rpn_conv").kernel.shape == (3, 3, channels, 8)
    taken = [layer.name for layer in model.layers if layer.weights and not layer.name.startswith(("rpn_", "roi_"))]
    for name in taken:
        for array, expected in zip(model.get_layer(name).weights, donor.get_layer(name).weights, strict=True):
            np.testing.assert_array_equal(as_numpy(array), as_numpy(expected))
    outputs = model(make_pictures(2))
    assert (outputs["rpn"].shape, outputs["roi"].shape) == ((2, 4 * 6 * 9, 9), (2, 5, 15))
    assert np.isfinite(as_numpy(outputs["roi"])).all()


def test_vgg16_ends_at_its_last_convolution():
    model = region_proposal_network("vgg16", (32, 64, 3), scales=((16,),), filters=4)
    assert model.output["rpn"].shape == (None, 2 * 4 * 3, 9)
    assert "block5_pool" not in {layer.name for layer in model.layers}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_classes": 0}, "num_classes must be at least 1"),
        ({"pooling": "mean"}, "pooling must be align or max"),
        ({"strides": (5,)}, "strides must be rising"),
        ({"strides": (16, 8), "scales": ((8,), (16,))}, "strides must be rising"),
        ({"strides": (8, 16)}, "one list for each of the strides"),
        ({"strides": (8, 16), "scales": ((8,), (16, 32))}, "as many for each"),
        ({"strides": (8, 32), "scales": ((8,), (16,))}, "twice the one before"),
        ({"input_shape": (60, 96, 3)}, "multiples of 32"),
        ({"architecture": "lenet6"}, "lenet6"),
        ({"num_proposals": 0}, "max_detections must be a whole number"),
    ],
)
def test_what_makes_no_network_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        faster_rcnn(**{"architecture": "mobilenet_v2", "input_shape": SHAPE, "num_classes": 2} | ONE | HEAD | arguments)


def test_first_weights_of_the_heads_follow_the_seed_and_no_two_layers_share_theirs():
    heads = ("rpn_conv", "rpn_logits", "rpn_deltas", "roi_logits", "roi_deltas")

    def draw(seed):
        keras.utils.set_random_seed(seed)
        model = faster_rcnn("mobilenet_v2", SHAPE, 2, **ONE, **HEAD)
        return [model.get_layer(name).get_weights()[0].ravel() for name in heads]

    first, again, other = draw(0), draw(0), draw(1)
    for number, weights in enumerate(first):
        np.testing.assert_array_equal(weights, again[number])
        assert not np.array_equal(weights, other[number])
    beginnings = [tuple(np.round(weights[:4] / weights.std(), 3)) for weights in first]
    assert len(set(beginnings)) == len(heads)


def test_plain_keras_trains_both_stages_together():
    keras.utils.set_random_seed(0)
    images, rows = np.full((4, 64, 64, 3), 110, np.float32), np.full((4, 1, 5), -1, np.float32)
    for number, (image, (row,)) in enumerate(zip(images, rows, strict=True)):
        x, y, class_id = 8 + 10 * number, 30 - 8 * number, number % 2
        image[y : y + 20, x : x + 18, 2 * class_id] = 230
        row[:] = x, y, x + 18, y + 20, class_id
    options = {"strides": (4,), "scales": ((20,),), "filters": 32, "hidden_units": 64, "pool_size": 5}
    model = faster_rcnn("resnet20", (64, 64, 3), 2, **options, num_proposals=20, max_candidates=100)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.9  # its statistics would be the first pictures' after so few steps
    losses = {"rpn": RegionProposalLoss(), "roi": RegionClassLoss()}
    model.compile(keras.optimizers.Adam(2e-3), losses, jit_compile=False)
    history = model.fit(images, {"rpn": rows, "roi": rows}, epochs=120, batch_size=4, verbose=0).history
    assert history["loss"][-1] < 0.15 * history["loss"][0]
    answers = model(images, training=False)["roi"]
    boxes, scores, class_ids = map(as_numpy, decode_region_classes(answers))
    proposals = as_numpy(split_region_classes(answers)[2])
    for number, (row,) in enumerate(rows):
        assert np.abs(proposals[number] - row[:4]).max(axis=-1).min() < 6  # one of them lies on the object
        surest = scores[number].argmax()
        assert class_ids[number, surest] == row[4]
        np.testing.assert_allclose(boxes[number, surest], row[:4], atol=4)
