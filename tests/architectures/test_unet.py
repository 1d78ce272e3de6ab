"""U-Nets: the paper's sizes and parameters, pictures of any size, bodies with their weights."""

import itertools

import keras
import numpy as np
import pytest

from kerascnn.architectures import backbone, backbone_unet, load_weights, unet


@pytest.fixture(scope="module")
def paper():
    """The network of figure 1, for the 388 x 388 pixels that come out of it."""
    return unet((388, 388, 3), 2, padding="valid")


def test_maps_have_the_sizes_of_figure_1(paper):
    sizes = {layer.name: layer.output.shape[1:] for layer in paper.layers}
    down = [(568, 64), (280, 128), (136, 256), (64, 512), (28, 1024)]
    up = [(52, 512), (100, 256), (196, 128), (388, 64)]
    assert [sizes[f"down{level}_relu2"] for level in range(1, 6)] == [(side, side, width) for side, width in down]
    assert [sizes[f"up{level}_relu2"] for level in range(4, 0, -1)] == [(side, side, width) for side, width in up]
    assert paper.output_shape == (None, 388, 388, 2)


def test_has_the_parameters_of_its_convolutions(paper):
    def convolution(size, before, after):
        return size * size * before * after + after

    widths = [3, 64, 128, 256, 512, 1024]
    down = sum(convolution(3, a, b) + convolution(3, b, b) for a, b in itertools.pairwise(widths))
    up = sum(
        convolution(2, 2 * width, width) + convolution(3, 2 * width, width) + convolution(3, width, width)
        for width in widths[1:5]
    )
    assert paper.count_params() == down + up + convolution(1, 64, 2) == 31_031_810


@pytest.mark.parametrize("side", [388, 100, 115, 120])
def test_pictures_are_mirrored_to_what_gives_them_back(side):
    model = unet((side, side, 3), 2, padding="valid", filters=2)
    assert model.output_shape == (None, side, side, 2)
    picture = np.random.default_rng(0).uniform(0, 255, (1, side, side, 3)).astype("float32")
    padded = keras.Model(model.input, model.get_layer("down1_conv1").input).predict_on_batch(picture)
    normal, place = picture / 127.5 - 1, 92  # (572 - 388) / 2, as in the paper
    np.testing.assert_allclose(padded[:, place : place + side, place : place + side], normal, atol=1e-6)
    np.testing.assert_allclose(padded[:, :place, place : place + side], normal[:, place:0:-1], atol=1e-6)


def test_a_shift_by_the_last_stride_shifts_what_a_padded_network_says():
    """Far from the borders, which the receptive field of so small a network does not reach."""
    keras.utils.set_random_seed(0)
    model = unet((None, None, 3), 3, filters=4, depth=2)
    picture = np.random.default_rng(0).uniform(0, 255, (1, 96, 96, 3)).astype("float32")
    whole = model.predict_on_batch(picture)
    part = model.predict_on_batch(picture[:, 4:, 8:])
    np.testing.assert_allclose(part[:, 28:60, 28:60], whole[:, 32:64, 36:68], atol=1e-4)


@pytest.mark.parametrize("size", [(32, 48), (33, 50), (7, 5)])
@pytest.mark.parametrize("up", ["resize", "transpose"])
def test_any_size_comes_back(size, up):
    model = backbone_unet("mobilenet_v2", (None, None, 3), 4, alpha=0.35, filters=32, up=up)
    pictures = np.random.default_rng(0).uniform(0, 255, (2, *size, 3)).astype("float32")
    found = model.predict_on_batch(pictures)
    assert found.shape == (2, *size, 4)
    assert not np.allclose(found[0], found[1])
    # Padding is only there to fit: with it done by hand, the same comes out.
    by_hand = np.pad(pictures, [(0, 0), (0, -size[0] % 32), (0, -size[1] % 32), (0, 0)], constant_values=127.0)
    np.testing.assert_allclose(model.predict_on_batch(by_hand)[:, : size[0], : size[1]], found, atol=1e-4)


def test_a_network_of_a_known_size_is_that_of_any():
    keras.utils.set_random_seed(0)
    options = {"alpha": 0.35, "filters": 32}
    model = backbone_unet("mobilenet_v2", (45, 60, 3), 4, **options)
    free = backbone_unet("mobilenet_v2", (None, None, 3), 4, **options)
    free.set_weights(model.get_weights())
    picture = np.random.default_rng(0).uniform(0, 255, (1, 45, 60, 3)).astype("float32")
    assert model.output_shape == (None, 45, 60, 4)
    np.testing.assert_allclose(free.predict_on_batch(picture), model.predict_on_batch(picture), atol=1e-4)


@pytest.mark.parametrize("architecture", ["vgg16", "resnet50", "resnet20", "darknet19"])
def test_bodies_of_other_strides_serve_too(architecture):
    model = backbone_unet(architecture, (40, 24, 3), 3, filters=16, separable=False)
    assert model.output_shape == (None, 40, 24, 3)
    assert len([layer for layer in model.layers if layer.name.startswith("joined_")]) >= 2


def test_every_option_of_the_builders_gives_finite_logits_of_its_own():
    pictures = np.random.default_rng(0).uniform(0, 255, (2, 32, 48, 3)).astype("float32")
    body = {"alpha": 0.35, "filters": 16}
    plain, separable = (backbone_unet("mobilenet_v2", (32, 48, 3), 3, separable=each, **body) for each in (False, True))
    assert separable.count_params() < plain.count_params()
    dropping = backbone_unet("mobilenet_v2", (32, 48, 3), 3, dropout=0.5, **body)
    own = unet((32, 48, 3), 3, filters=4, depth=2, batch_norm=True)
    assert sum(isinstance(layer, keras.layers.BatchNormalization) for layer in own.layers) == 2 * 5
    for model in (separable, dropping, own):
        assert np.isfinite(model.predict_on_batch(pictures)).all()
    dropped = [np.asarray(dropping(pictures, training=True)) for _ in range(2)]
    assert not np.allclose(*dropped)


def test_the_picture_itself_joins_the_last_step_up_where_the_body_has_no_map_of_its_size():
    options = {"alpha": 0.35, "filters": 16}
    model = backbone_unet("mobilenet_v2", (40, 24, 3), 3, details=4, **options)
    assert model.get_layer("details").kernel.shape == (3, 3, 3, 4)
    assert model.get_layer("joined_stride1").output.shape == (None, 64, 32, 16 + 4)
    for without in (
        backbone_unet("mobilenet_v2", (40, 24, 3), 3, details=0, **options),
        backbone_unet("vgg16", (40, 24, 3), 3, filters=16),
    ):
        assert "details" not in {layer.name for layer in without.layers}


def test_the_body_s_weights_load_and_the_path_up_is_the_head(tmp_path):
    body = backbone("mobilenet_v2", (64, 64, 3), strides=(32,), alpha=0.35)
    body.save_weights(tmp_path / "body.weights.h5")
    model = backbone_unet("mobilenet_v2", (40, 40, 3), 3, alpha=0.35)
    report = load_weights(model, tmp_path / "body.weights.h5", head=False)
    own = {layer.name for layer in body.layers if layer.weights}
    assert set(report.loaded) == own and report.mismatched == ()
    for name in own:
        for ours, theirs in zip(model.get_layer(name).get_weights(), body.get_layer(name).get_weights(), strict=True):
            np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: unet((64, 64, 3), 1), "num_classes must be at least 2"),
        (lambda: unet((64, 64, 3), 2, padding="mirror"), "padding must be same or valid"),
        (lambda: unet((64, 64, 3), 2, depth=0), "depth=0"),
        (lambda: unet((64, 64, 3), 2, dropout=1.0), "dropout must lie"),
        (lambda: unet((64, 64, 3), 2, padding="valid"), "sides of at least"),
        (lambda: unet((None, None, 3), 2, padding="valid"), "needs the size"),
        (lambda: backbone_unet("mobilenet_v2", (64, 64, 3), 2, up="bilinear"), "up must be transpose or resize"),
        (lambda: backbone_unet("mobilenet_v2", (64, 64, 3), 2, filters=0), "filters must be at least 1"),
        (lambda: backbone_unet("mobilenet_v2", (64, 64, 3), 2, details=-1), "details must not be negative"),
        (lambda: backbone_unet("lenet5", (64, 64, 3), 2), "layers without padding"),
        (lambda: backbone_unet("unet", (64, 64, 3), 2), "architecture must be one of"),
    ],
)
def test_what_makes_no_network_is_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()
