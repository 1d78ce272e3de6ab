"""The linear functions of R-CNN: what they are fitted to, that they find what was planted, and how they are kept."""

import dataclasses

import numpy as np
import pytest

from kerascnn.ops import decode_deltas, exact_pairwise_iou
from kerascnn.tasks import RegionHeads, collect_regions, fit_regressors, fit_svms, rcnn
from kerascnn.tasks.region_heads import PROPOSAL, CollectedRegions, Linear
from kerascnn.tasks.region_network import region_network, run_regions
from tests.tasks.test_sliding_window import color_task, plant

RED, GREEN = 0, 1
CLASSES = ("red", "green")
OBJECTS, CLASS_IDS = np.float32([(8, 8, 24, 24), (40, 4, 60, 24)]), np.int32([0, 1])
# On the red one (0.64), less on it (0.39), on the green one exactly, and on nothing.
PROPOSALS = np.float32([(9.6, 8, 27.5, 24), (15, 8, 31, 24), (40, 4, 60, 24), (2, 30, 12, 44)])


@pytest.fixture(scope="module")
def network():
    return region_network(color_task(12))


@pytest.fixture(scope="module")
def image():
    return plant((48, 64), (RED, 8, 8, 24, 24), (GREEN, 40, 4, 60, 24))


def test_regions_are_what_the_network_says_of_objects_and_proposals(network, image):
    nothing = (image, np.zeros((0, 4), np.float32), np.zeros(0, np.int32), PROPOSALS[:1])
    no_proposals = (image, OBJECTS[:1], CLASS_IDS[:1], np.zeros((0, 4), np.float32))
    pictures = [(image, OBJECTS, CLASS_IDS, PROPOSALS), nothing, no_proposals]
    regions = collect_regions(network, pictures, CLASSES, context=2)
    assert regions.class_ids.tolist() == [0, 1, *[PROPOSAL] * 4, PROPOSAL, 0]
    boxes = np.concatenate([OBJECTS, PROPOSALS, PROPOSALS[:1], OBJECTS[:1]])
    expected = run_regions(network, image, boxes, context=2)
    np.testing.assert_allclose(regions.features, expected["features"], atol=1e-5)
    overlaps = exact_pairwise_iou(boxes[:6], OBJECTS)
    np.testing.assert_allclose(regions.overlaps, [*overlaps, [0, 0], [1, 0]], atol=1e-6)
    # The first and the third proposal overlap an object by 0.6.
    assert overlaps[2:].max(axis=1).round(2).tolist() == [0.74, 0.39, 1, 0]
    assert regions.map_class_ids.tolist() == [0, 1]
    np.testing.assert_allclose(regions.maps, expected["map"][[2, 4]], atol=1e-5)
    np.testing.assert_allclose(decode_deltas(regions.deltas, PROPOSALS[[0, 2]]), OBJECTS, atol=1e-4)


def test_what_cannot_be_collected_is_refused(network):
    with pytest.raises(ValueError, match="no picture"):
        collect_regions(network, [], CLASSES, context=2)
    with pytest.raises(ValueError, match="Received: regression_iou=0"):
        collect_regions(network, [], CLASSES, regression_iou=0)


def planted(seed=0, count=40, proposals=400):
    """Features whose first number tells one class, and the second the other; and maps that tell the deltas."""
    rng = np.random.default_rng(seed)
    class_ids = np.concatenate([np.repeat([0, 1], count), np.full(proposals, PROPOSAL)]).astype(np.int32)
    features = rng.normal(0, 0.3, (len(class_ids), 6)).astype(np.float32)
    overlaps = np.zeros((len(class_ids), 2), np.float32)
    for class_id in (0, 1):
        features[class_ids == class_id, class_id] += 4
        overlaps[class_ids == class_id, class_id] = 1
    # Proposals between: as far as the objects, but with too much overlap to be a negative.
    between = np.flatnonzero(class_ids == PROPOSAL)[: proposals // 4]
    features[between, 0] += 4
    overlaps[between, 0] = 0.5
    maps = rng.normal(0, 1, (90, 5)).astype(np.float32)
    map_class_ids = np.repeat([0, 1], [60, 30]).astype(np.int32)
    ways = rng.normal(0, 0.1, (2, 5, 4)).astype(np.float32)
    deltas = np.einsum("sm,smd->sd", maps, ways[map_class_ids]) + map_class_ids[:, np.newaxis]
    return CollectedRegions(
        CLASSES, features, class_ids, overlaps, maps, map_class_ids, deltas.astype(np.float32)
    ), ways


def test_svms_tell_objects_from_negatives_and_ignore_what_lies_between():
    regions, _ = planted()
    margins = fit_svms(regions)(regions.features)
    for class_id in (0, 1):
        own = regions.class_ids == class_id
        negative = (regions.overlaps[:, class_id] < 0.3) & ~own
        assert margins[own, class_id].min() > 0 > margins[negative, class_id].max()
    between = regions.overlaps[:, 0] == 0.5
    assert (margins[between, 0] > 0).mean() > 0.95


def test_a_class_without_an_object_is_never_found_and_the_others_are():
    regions, _ = planted()
    alone = dataclasses.replace(regions, class_ids=np.where(regions.class_ids == 1, PROPOSAL, regions.class_ids))
    margins, both = fit_svms(alone)(regions.features), fit_svms(regions)(regions.features)
    assert margins[:, 1].max() < -50
    np.testing.assert_allclose(margins[:, 0], both[:, 0], rtol=1e-4)


def test_hard_negatives_are_added():
    """Of many negatives those that look like an object are rare: a first fit of a few does not know them."""
    regions, _ = planted(proposals=3000)
    features = regions.features.copy()
    hard = np.flatnonzero(regions.class_ids == PROPOSAL)[-6:]
    features[hard, :3] += (3, 0, 3)  # what tells them from the objects is the third number
    regions = dataclasses.replace(regions, features=features)
    margins = fit_svms(regions, penalty=1.0, first_negatives=20)(features)
    assert margins[hard, 0].max() < 0 < margins[regions.class_ids == 0, 0].min()


def test_the_same_seed_fits_the_same():
    regions, _ = planted()
    first, again, other = (fit_svms(regions, first_negatives=30, seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.kernel, again.kernel)
    assert not np.array_equal(first.kernel, other.kernel)


def test_the_scale_of_features_does_not_matter():
    regions, _ = planted()
    larger = dataclasses.replace(regions, features=100 * regions.features, maps=100 * regions.maps)
    for fit in (fit_svms, fit_regressors):
        one, other = fit(regions), fit(larger)
        np.testing.assert_allclose(one.kernel, 100 * other.kernel, rtol=1e-2, atol=1e-4)
        np.testing.assert_allclose(one.bias, other.bias, rtol=1e-2, atol=1e-3)


def test_regressors_find_the_way_of_each_class():
    regions, ways = planted()
    fitted = fit_regressors(regions, ridge=1e-3)
    np.testing.assert_allclose(fitted.kernel.reshape(5, 2, 4), np.moveaxis(ways, 0, 1), atol=1e-3)
    np.testing.assert_allclose(fitted.bias.reshape(2, 4), [[0] * 4, [1] * 4], atol=1e-3)
    strong = fit_regressors(regions, ridge=1e9)
    np.testing.assert_allclose(strong.kernel, 0, atol=1e-3)
    mean = [regions.deltas[regions.map_class_ids == class_id].mean(axis=0) for class_id in (0, 1)]
    np.testing.assert_allclose(strong.bias.reshape(2, 4), mean, atol=1e-3)


def test_ridge_regression_is_its_normal_equations():
    regions, _ = planted()
    own = regions.map_class_ids == 0
    maps, deltas = regions.maps[own].astype(float), regions.deltas[own].astype(float)
    scale = 20 / np.linalg.norm(regions.maps.astype(float), axis=1).mean()
    scaled = (maps - maps.mean(axis=0)) * scale
    kernel = np.linalg.solve(scaled.T @ scaled + 1000 * np.eye(5), scaled.T @ (deltas - deltas.mean(axis=0)))
    found = fit_regressors(regions).kernel.reshape(5, 2, 4)[:, 0]
    np.testing.assert_allclose(found, kernel * scale, rtol=1e-3, atol=1e-6)


def test_a_class_without_a_sample_stays_where_it_is():
    regions, _ = planted()
    own = regions.map_class_ids == 0
    for kept in (own, np.zeros_like(own)):
        some = dataclasses.replace(
            regions, maps=regions.maps[kept], map_class_ids=regions.map_class_ids[kept], deltas=regions.deltas[kept]
        )
        fitted = fit_regressors(some)
        assert not fitted.kernel.reshape(5, 2, 4)[:, 1].any() and not fitted.bias.reshape(2, 4)[1].any()


def test_what_cannot_be_fitted_is_refused():
    regions, _ = planted()
    for options in ({"penalty": 0}, {"negative_iou": 0}, {"negative_iou": 1.1}, {"first_negatives": 0}):
        with pytest.raises(ValueError, match=f"{next(iter(options))}={next(iter(options.values()))}"):
            fit_svms(regions, **options)
    with pytest.raises(ValueError, match="Received: ridge=0"):
        fit_regressors(regions, ridge=0)
    everywhere = dataclasses.replace(regions, overlaps=np.ones_like(regions.overlaps))
    with pytest.raises(ValueError, match="An SVM needs negatives"):
        fit_svms(everywhere)


@pytest.mark.parametrize("names", [(), ("svms",), ("regressors",), ("svms", "regressors")])
def test_heads_are_read_as_they_were_written(tmp_path, names):
    rng = np.random.default_rng(0)
    linear = {name: Linear(*(rng.normal(size=size).astype(np.float32) for size in ((6, 2), 2))) for name in names}
    heads = RegionHeads(**linear)
    again = RegionHeads.load(heads.save(tmp_path / "heads.npz"))
    for name in ("svms", "regressors"):
        before, after = getattr(heads, name), getattr(again, name)
        assert (before is None) == (after is None)
        if before is not None:
            np.testing.assert_array_equal(before.kernel, after.kernel)
            np.testing.assert_array_equal(before.bias, after.bias)
    assert [path.name for path in tmp_path.iterdir()] == ["heads.npz"]


def test_a_file_that_ends_too_early_is_refused(tmp_path):
    path = RegionHeads(svms=Linear(np.ones((30, 3), np.float32), np.ones(3, np.float32))).save(tmp_path / "heads.npz")
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match="holds no heads of R-CNN"):
        RegionHeads.load(path)


@pytest.mark.parametrize("content", [b"", b"garbage", None])
def test_another_file_is_refused(tmp_path, content):
    path = tmp_path / "heads.npz"
    if content is None:
        np.savez(path, weights=np.zeros(3))
    else:
        path.write_bytes(content)
    with pytest.raises(ValueError, match="holds no heads of R-CNN"):
        RegionHeads.load(path)
    with pytest.raises(FileNotFoundError):
        RegionHeads.load(tmp_path / "nothing.npz")


def test_fitted_heads_detect(image):
    """The whole way: heads that were fitted to one picture find its objects where the proposals lie badly."""
    task = color_task(12)
    rng = np.random.default_rng(0)
    around = np.concatenate([box + rng.uniform(-4, 4, (60, 4)) for box in OBJECTS])
    beside = rng.uniform(0, 30, (100, 2))
    proposals = np.float32(np.concatenate([around, np.concatenate([beside, beside + 12], axis=1)]))
    regions = collect_regions(region_network(task), [(image, OBJECTS, CLASS_IDS, proposals)], CLASSES, context=0)
    heads = RegionHeads(fit_svms(regions, penalty=1.0), fit_regressors(regions, ridge=1.0))
    detector = rcnn(task, heads=heads, context=0, score_threshold=0.5)
    found = detector.detect(image, np.concatenate([PROPOSALS[3:], OBJECTS]))
    assert sorted(found.class_names) == ["green", "red"]
    boxes, _ = detector.score_regions(image, PROPOSALS[:1])
    corrected, proposed = (exact_pairwise_iou(each, OBJECTS[:1])[0, 0] for each in (boxes[0, :1], PROPOSALS[:1]))
    assert corrected > proposed + 0.05
