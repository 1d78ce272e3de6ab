"""Style transfer: what it must reach, from pictures so small that a step takes milliseconds."""

import keras
import numpy as np
import pytest

from kerascnn.gradients import compile_gradient
from kerascnn.ops.colors import to_grey
from kerascnn.tasks import style as module
from kerascnn.tasks.descent import descend_adam, descend_lbfgs
from kerascnn.tasks.style import stylize
from kerascnn.tasks.style_costs import StyleCosts, StyleRecipe

SHALLOW = {
    "content_layers": {"block1_conv1_rgb": 1.0},
    "style_layers": {"block1_conv1_rgb": 1.0, "block2_conv1": 0.5},
    "weights": None,
}
RECIPE = StyleRecipe(1.0, 1.0, **SHALLOW)
QUIET = {"recipe": RECIPE, "verbose": 0}


def draw(height, width, seed):
    """Blots of colours: something with edges."""
    small = np.random.default_rng(seed).integers(0, 256, (height // 8 + 1, width // 8 + 1, 3), np.uint8)
    return small.repeat(8, axis=0).repeat(8, axis=1)[:height, :width]


@pytest.fixture(scope="module")
def network():
    keras.utils.set_random_seed(0)
    return RECIPE.network()


@pytest.fixture(scope="module")
def pictures():
    """A content of odd sides, and a style of another ratio."""
    return draw(41, 57, 0), draw(64, 40, 1)


def costs_of(picture, network, content, styles, recipe=RECIPE, **options):
    costs = StyleCosts(network, recipe, content, styles, **options)
    values, _ = compile_gradient(costs, of="total")(picture[np.newaxis].astype("float32"))
    return values


def test_a_picture_has_its_own_content_and_its_own_style(network, pictures):
    costs = costs_of(pictures[0], network, pictures[0], [pictures[0]])
    assert costs["content"] == 0
    assert costs["style"] == pytest.approx(0, abs=1e-9)
    assert costs["variation"] > 0


def test_the_total_is_the_weighted_sum(network, pictures):
    content, style = pictures
    generated = draw(41, 57, 2)
    parts = costs_of(generated, network, content, [style])
    recipe = StyleRecipe(2.0, 3.0, 0.5, **SHALLOW)
    costs = costs_of(generated, network, content, [style], recipe)
    assert costs["total"] == pytest.approx(2 * parts["content"] + 3 * parts["style"] + parts["variation"] / 2, rel=1e-5)


def test_several_styles_count_by_their_weights(network, pictures):
    content, style = pictures
    other, generated = draw(50, 50, 3), draw(41, 57, 2)
    apart = [costs_of(generated, network, content, [each])["style"] for each in (style, other)]
    together = costs_of(generated, network, content, [style, other], style_weights=[3, 1])["style"]
    assert together == pytest.approx((3 * apart[0] + apart[1]) / 4, rel=1e-4)


def test_the_gradient_is_that_of_finite_differences(network, pictures):
    compute = compile_gradient(StyleCosts(network, RECIPE, pictures[0], [pictures[1]]), of="total")
    x = draw(41, 57, 2)[np.newaxis].astype("float32")
    direction = np.random.default_rng(0).normal(size=x.shape).astype("float32")
    _, gradient = compute(x)
    difference = compute(x + 0.05 * direction)[0]["total"] - compute(x - 0.05 * direction)[0]["total"]
    assert np.sum(gradient * direction) == pytest.approx(difference / 0.1, rel=0.02)


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_the_content_is_recovered_from_noise_when_beta_is_0(network, pictures, optimizer):
    recipe = StyleRecipe(style_weight=0, **SHALLOW)
    options = {"recipe": recipe, "network": network, "start": "noise", "verbose": 0, "optimizer": optimizer}
    first = stylize(*pictures, **options, steps=[1]).history[0]["content"]
    found = stylize(*pictures, **options, steps=[150])
    assert found.history[-1]["content"] < 0.01 * first


def test_the_style_is_reached_when_alpha_is_0(network, pictures):
    recipe = StyleRecipe(0.0, 1.0, **SHALLOW)
    found = stylize(*pictures, recipe=recipe, network=network, steps=[100], verbose=0)
    before = costs_of(pictures[0], network, pictures[0], [pictures[1]])["style"]
    assert found.history[-1]["style"] < 0.001 * before
    assert costs_of(found.picture, network, pictures[0], [pictures[1]])["style"] < 0.02 * before  # of whole grey levels


def test_costs_fall_from_level_to_level_and_pixels_stay_in_range(network, pictures):
    found = stylize(np.tile(pictures[0], (2, 2, 1)), pictures[1], network=network, steps=[6, 5, 4], **QUIET)
    assert found.picture.shape == (82, 114, 3)
    assert found.picture.dtype == np.uint8
    assert not found.stopped
    # A quarter would have sides under 32 pixels, and is left out.
    sizes = [(row["height"], row["width"]) for row in found.history]
    assert sizes == [(41, 57)] * 5 + [(82, 114)] * 4
    totals = [row["total"] for row in found.history]
    assert totals[4] < totals[0]
    assert totals[8] < totals[5]


@pytest.mark.parametrize(("size", "wanted"), [(40, (32, 40)), (80, (64, 80))])
def test_the_ratio_is_kept(network, size, wanted):
    found = stylize(draw(48, 60, 0), draw(90, 33, 1), image_size=size, network=network, steps=[1], **QUIET)
    assert found.picture.shape[:2] == wanted


def test_a_seed_gives_the_same_picture(network, pictures):
    options = {"network": network, "start": "noise", "steps": [3], **QUIET}
    first, again, other = (stylize(*pictures, seed=seed, **options).picture for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.any(first != other)


def test_the_style_goes_where_its_mask_is(network, pictures):
    content = np.full((48, 64, 3), 128, np.uint8)
    left = np.zeros((48, 64), bool)
    left[:, :32] = True
    recipe = StyleRecipe(0.01, 1.0, **SHALLOW)
    options = {"network": network, "recipe": recipe, "steps": [30], "verbose": 0}
    change = np.abs(stylize(content, pictures[1], masks=[left], **options).picture - 128.0).mean(axis=(0, 2))
    assert change[:26].mean() > 5 * change[38:].mean()  # what a filter sees reaches over the border
    dark, bright = np.zeros((40, 40, 3), np.uint8), np.full((40, 40, 3), 255, np.uint8)
    found = stylize(content, [dark, bright], masks=[left, ~left], **options).picture
    assert found[:, :26].mean() + 40 < found[:, 38:].mean()


def test_luminance_keeps_the_colours_and_match_their_mean(network, pictures):
    content, style = draw(41, 57, 0) // 4 + 96, pictures[1]
    found = stylize(content, style, colors="luminance", network=network, steps=[5], **QUIET).picture
    colors = [each.astype(float) - to_grey(each) for each in (found, content)]
    inside = (found.min(axis=-1) > 0) & (found.max(axis=-1) < 255)
    np.testing.assert_allclose(colors[0][inside], colors[1][inside], atol=1.5)
    matched, plain = (
        stylize(content, style, colors=colors, network=network, steps=[20], **QUIET).picture
        for colors in ("match", "style")
    )
    wanted = content.mean(axis=(0, 1))
    assert np.abs(matched.mean(axis=(0, 1)) - wanted).sum() < np.abs(plain.mean(axis=(0, 1)) - wanted).sum()


def test_ctrl_c_keeps_the_last_picture(network, pictures):
    seen = []

    def stop(row, render):
        seen.append(render())
        if row["step"] == 3:
            raise KeyboardInterrupt

    found = stylize(*pictures, network=network, steps=[2, 4], image_size=114, on_step=stop, **QUIET)
    assert found.stopped
    assert len(found.history) == 3
    assert found.picture.shape == (82, 114, 3)
    np.testing.assert_array_equal(found.picture, seen[-1])
    assert [each.shape[:2] for each in seen] == [(41, 57), (41, 57), (82, 114)]


def test_a_picture_can_be_gone_on_from_at_its_size(network, pictures):
    options = {"network": network, "optimizer": "adam", "steps": [3, 4], "image_size": 114, **QUIET}
    first = stylize(*pictures, **options)
    after = stylize(*pictures, start=first.picture, **options)
    assert [row["width"] for row in after.history] == [114] * 4
    assert after.history[-1]["total"] < first.history[-1]["total"]


@pytest.mark.parametrize("descend", [descend_lbfgs, descend_adam])
def test_the_costs_of_a_step_are_those_of_its_picture(network, pictures, descend):
    compute, seen = compile_gradient(StyleCosts(network, RECIPE, pictures[0], [pictures[1]]), of="total"), []
    descend(compute, pictures[0][np.newaxis].astype("float32"), 4, lambda *step: seen.append(step))
    assert len(seen) == 4
    for picture, costs in seen:
        assert costs["total"] == pytest.approx(compute(picture)[0]["total"], rel=1e-4)
        assert picture.min() >= 0 and picture.max() <= 255
    totals = [costs["total"] for _, costs in seen]
    assert totals == sorted(totals, reverse=True)


def test_one_mask_needs_no_list(network, pictures):
    mask = np.arange(57)[np.newaxis] < np.full((41, 1), 20)
    options = {"network": network, "steps": [2], **QUIET}
    alone, listed = (stylize(*pictures, masks=masks, **options).picture for masks in (mask, [mask]))
    np.testing.assert_array_equal(alone, listed)


def test_fewer_steps_are_taken_where_nothing_is_to_be_gained(network, pictures):
    found = stylize(pictures[0], pictures[0], network=network, steps=[5], **QUIET)
    np.testing.assert_array_equal(found.picture, pictures[0])
    assert not found.stopped


def test_every_optimizer_is_called_by_its_name(pictures):
    with pytest.raises(ValueError, match=f"{', '.join(module.OPTIMIZERS)}.*'sgd'"):
        stylize(*pictures, optimizer="sgd", **QUIET)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"content": np.zeros((40, 40, 3))}, TypeError, "content must be uint8.*float64"),
        ({"content": "photo.jpg"}, TypeError, "content must be uint8.*str"),
        ({"content": np.zeros((40, 40), np.uint8)}, ValueError, r"content must be \(height, width, 3\).*\(40, 40\)"),
        ({"content": np.zeros((40, 0, 3), np.uint8)}, ValueError, r"content must be \(height, width, 3\)"),
        ({"content": np.zeros((31, 90, 3), np.uint8)}, ValueError, "shorter side must have 32.*31 x 90"),
        ({"style": []}, ValueError, "At least one style"),
        ({"style": [np.zeros((9, 9, 4), np.uint8)]}, ValueError, "style must be"),
        ({"start": "white"}, ValueError, "start must be.*'white'"),
        ({"start": np.zeros((9, 9, 3))}, TypeError, "start must be uint8"),
        ({"start": np.zeros((57, 41, 3), np.uint8)}, ValueError, "ratio of the content, 41 x 57"),
        ({"image_size": (64, 64)}, TypeError, "image_size must be the longer side"),
        ({"style_scale": float("nan")}, ValueError, "style_scale must be positive"),
        ({"steps": 3}, ValueError, "steps must be"),
        ({"style_weights": [float("nan")]}, ValueError, "style_weights must be 1 numbers"),
        ({"masks": [np.full((41, 57), np.nan)]}, ValueError, "in 0..1"),
        ({"colors": "grey"}, ValueError, "style, match, luminance.*'grey'"),
        ({"image_size": 20}, ValueError, "Give a larger image_size"),
        ({"style_scale": 0}, ValueError, "style_scale must be positive"),
        ({"steps": []}, ValueError, "steps must be"),
        ({"steps": [3, 0]}, ValueError, "steps must be"),
        ({"style_weights": [1, 2]}, ValueError, "style_weights must be 1 numbers"),
        ({"style_weights": [0]}, ValueError, "style_weights must be 1 numbers"),
        ({"masks": []}, ValueError, "masks must be one for each of 1 styles"),
        ({"masks": [np.ones((9, 9))]}, ValueError, r"41 x 57 pixels.*\(9, 9\)"),
        ({"masks": [np.zeros((41, 57))]}, ValueError, "cover something"),
        ({"masks": [np.full((41, 57), 255)]}, ValueError, "in 0..1.*255"),
    ],
)
def test_what_cannot_be_used_is_refused_before_work_starts(pictures, options, error, message):
    arguments = {"content": pictures[0], "style": pictures[1]} | options
    with pytest.raises(error, match=message):
        stylize(**arguments, **QUIET)


@pytest.mark.parametrize(
    "weights",
    [
        {"content_weight": -1},
        {"content_weight": 0, "style_weight": 0},
        {"style_weight": float("nan")},
        {"style_weight": 0, "content_layers": {}},
        {"content_weight": 0, "style_layers": {"block1_conv1_rgb": 0.0}},
    ],
)
def test_recipes_of_nothing_are_refused(weights):
    with pytest.raises(ValueError, match="must not be negative, and those of one cost and one of its layers positive"):
        StyleRecipe(**weights)


def test_the_network_ends_with_the_last_layer_that_counts():
    recipe = StyleRecipe(style_weight=0, **SHALLOW)
    assert list(recipe.network().output) == ["block1_conv1_rgb"]
    assert StyleRecipe(0, 0, 1, **SHALLOW).network().layers  # total variation alone


def test_pictures_given_are_not_changed(network, pictures):
    before = [each.copy() for each in pictures]
    stylize(*pictures, start=pictures[0], network=network, steps=[2], **QUIET)
    for one, other in zip(before, pictures, strict=True):
        np.testing.assert_array_equal(one, other)
