"""A network that learns to stylise: its costs against those of a picture, and that training lowers them."""

import dataclasses

import keras
import numpy as np
import pytest
from PIL import Image

from kerascnn.architectures import build
from kerascnn.gradients import compile_gradient
from kerascnn.layers import StyleByPlace
from kerascnn.tasks import StyleCosts, StyleRecipe, fast_style, load_task


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    """Costs by a network that is the same whenever it is built: its weights lie in a file."""
    keras.utils.set_random_seed(0)
    file = tmp_path_factory.mktemp("weights") / "resnet20.weights.h5"
    build("resnet20", (64, 64, 3), None).save_weights(file)
    layers = {"content_layers": {"stride1": 1.0}, "style_layers": {"stride1": 1.0, "stride2": 0.5}}
    return StyleRecipe(0.1, 5.0, 1e-6, **layers, architecture="resnet20", weights=str(file))


@pytest.fixture(scope="module")
def make(recipe):
    """Make a small task of some paintings."""

    def make(*paintings):
        keras.utils.set_random_seed(0)
        options = {"image_size": (32, 40), "style_size": 48, "width": 4, "residual_blocks": 1}
        return fast_style(paintings, recipe=recipe, **options)

    return make


@pytest.fixture(scope="module")
def paintings(tmp_path_factory):
    """Two files: stripes and blots."""
    folder, rng = tmp_path_factory.mktemp("paintings"), np.random.default_rng(0)
    stripes = np.zeros((60, 48, 3), np.uint8)
    stripes[::4] = (255, 40, 0)
    blots = rng.integers(0, 256, (8, 8, 3), np.uint8).repeat(8, axis=0).repeat(8, axis=1)
    for name, picture in {"stripes": stripes, "blots": blots}.items():
        Image.fromarray(picture).save(folder / f"{name}.png")
    return [folder / "stripes.png", folder / "blots.png"]


@pytest.fixture(scope="module")
def photos():
    return np.random.default_rng(1).integers(0, 256, (6, 32, 40, 3), np.uint8)


@pytest.fixture(scope="module")
def task(make, paintings):
    return make(*paintings)


def test_the_loss_of_a_picture_is_its_cost_in_style_transfer(make, recipe, paintings, photos):
    task = make(paintings[1])
    made = photos[::-1].astype("float32")
    found = task.loss.costs(photos, made)
    style = np.asarray(Image.open(paintings[1]).resize((48, 48), Image.Resampling.BICUBIC))
    costs = StyleCosts(task.loss.network, recipe, photos[2], [style])
    wanted, _ = compile_gradient(costs, of="total")(made[2:3])
    for name, value in wanted.items():
        assert float(found[name][2]) == pytest.approx(value, rel=0.02)  # Pillow and Keras shrink a little differently


def test_styles_are_asked_for_in_turn_and_said_to_the_loss(task, photos):
    out = keras.ops.convert_to_numpy(task.training_model(photos))
    assert out.shape == (6, 32, 40, 5)
    np.testing.assert_array_equal(out[:, 3, 4, 3:], np.eye(2)[[0, 1, 0, 1, 0, 1]])
    for number, name in enumerate(task.classes):
        single = task.of_style(name)
        made = single.serving_model()(photos)["picture"]
        np.testing.assert_allclose(out[number::2, ..., :3], made[number::2], atol=0.05)
        costs = single.loss.costs(photos, made)["total"]
        np.testing.assert_allclose(task.loss(photos[number::2], out[number::2]), np.mean(costs[number::2]), rtol=1e-3)


def measure(task, photos):
    return task.evaluate(task.serving_model().predict(photos, verbose=0), photos)


def test_training_lowers_the_cost_of_every_style(make, paintings, photos):
    task = make(*paintings)
    before = {name: measure(own, photos)["total"] for name, own in task.exported.items()}
    model = task.training_model
    task.compile(keras.optimizers.Adam(3e-2), model=model)
    model.fit(photos, photos, epochs=60, batch_size=6, verbose=0)
    for name, own in task.exported.items():
        after = measure(own, photos)
        assert after["total"] < 0.5 * before[name]
        assert after["examples"] == after["measured"] == 6


def test_the_score_is_the_share_of_the_photos_cost_that_is_gone(make, paintings, photos):
    task = make(paintings[0])
    assert task.score_of(task.evaluate({"picture": photos.astype("float32")}, photos)) == 0
    assert task.score_of({"total": 1.0, "untouched": 4.0}) == 0.75
    assert task.score_of({"total": 5.0, "untouched": 4.0}) == 0


def test_answers_are_pictures_of_the_size_that_is_wanted(make, paintings, photos):
    task = make(paintings[0])
    outputs = {"picture": photos[:2] + np.float32(0.4)}
    (one, other) = task.decode(outputs)
    assert one.picture.dtype == np.uint8 and one.history == ()
    np.testing.assert_array_equal(other.picture, photos[1])
    assert task.decode(outputs, [(50, 60), (7, 9)])[1].picture.shape == (7, 9, 3)
    assert task.agreement(outputs, outputs) == 1
    assert task.agreement(outputs, {"picture": outputs["picture"] + 9}) == 0
    order = task.mistakes(outputs, photos[::-1][:2])
    assert sorted(order) == [0, 1]
    np.testing.assert_array_equal(task.best(outputs, photos[::-1][:2]), order[::-1])


def test_pictures_of_any_size_are_stylised_at_it(make, paintings, photos):
    task = make(paintings[0])
    np.testing.assert_allclose(
        task.stylize(photos[0]).picture, task.serving_model()(photos[:1])["picture"][0], atol=0.51
    )
    picture = np.random.default_rng(2).integers(0, 256, (37, 50, 3), np.uint8)
    assert task.stylize(picture).picture.shape == (37, 50, 3)
    for wrong in (picture[:15], picture[..., 0]):
        with pytest.raises(ValueError, match="at least 16 x 16"):
            task.stylize(wrong)


def test_a_stored_network_is_the_same_task(recipe, task, photos, tmp_path):
    single = task.of_style("blots")
    single.model.save(tmp_path / "model.keras")
    again = load_task(tmp_path / "model.keras", "fast_style", ("blots",), loss_options=single.loss_options)
    np.testing.assert_allclose(again.model(photos), single.model(photos), atol=1e-3)
    assert again.image_size == (32, 40)
    assert again.loss.recipe == recipe


def test_what_cannot_be_used_is_refused(make, task, paintings, tmp_path):
    for ask in (task.serving_model, lambda: task.stylize(np.zeros((32, 40, 3), np.uint8))):
        with pytest.raises(ValueError, match="Choose one of the styles stripes, blots"):
            ask()
    with pytest.raises(ValueError, match=r"The styles are stripes, blots\. Received: 'dots'"):
        task.of_style("dots")
    with pytest.raises(ValueError, match="styles must be at least 1 different names"):
        make(paintings[0], paintings[0])
    with pytest.raises(FileNotFoundError):
        make(tmp_path / "none.jpg")
    (tmp_path / "text.jpg").write_text("no picture")
    with pytest.raises(OSError, match="cannot identify"):
        make(tmp_path / "text.jpg")


def test_settings_of_the_loss_can_be_written_down(recipe, task):
    assert task.loss_options["recipe"] == dataclasses.asdict(recipe)
    assert [style.rpartition("/")[2] for style in task.loss_options["styles"]] == ["stripes.png", "blots.png"]


def test_a_batch_smaller_than_the_styles_gets_the_first():
    np.testing.assert_array_equal(StyleByPlace(3)(np.zeros((2, 4, 4, 3))), np.eye(3)[:2])
    assert StyleByPlace.from_config(StyleByPlace(3).get_config()).count == 3
