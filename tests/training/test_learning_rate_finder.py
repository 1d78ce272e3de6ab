"""The learning-rate finder: losses and divergence that are known by hand, and a search that leaves no trace."""

import math
import random

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from kerascnn.data import mirror, pipeline
from kerascnn.tasks import ClassificationTask
from kerascnn.training import Stage, find_learning_rate
from kerascnn.training.learning_rate_finder import smooth, suggest
from tests.training.small_run import STEPS, AtStep, make_split, make_task, run

STILL = {"lowest": 1e-13, "highest": 1e-12}  # rates at which float32 weights do not change
ALL = Stage("all", 2, 0.02, batch_norm="trained")


class Line:
    """All that the finder needs of a task: y = kernel x with squared errors."""

    def __init__(self, kernel=1.0):
        inputs = layers.Input((1,))
        dense = layers.Dense(1, use_bias=False, kernel_initializer=keras.initializers.Constant(kernel))
        self.training_model = keras.Model(inputs, dense(inputs), name="line")

    def compile(self, optimizer, *, model):
        model.compile(optimizer, "mse")


def points(*values):
    """Give a batch of one point (x, 0) each."""
    xs = np.array(values, "float32")[:, None]
    return tf.data.Dataset.from_tensor_slices((xs, np.zeros_like(xs))).batch(1)


class Keep(keras.callbacks.Callback):
    """Keeps what a function gives of model and logs after each step."""

    def __init__(self, what):
        super().__init__()
        self.what, self.kept = what, []

    def on_train_batch_end(self, batch, logs=None):
        self.kept.append(self.what(self.model, logs))


def loss_of(model, logs):
    return logs["loss"]


def search(task, train, stage=ALL, **options):
    return find_learning_rate(task, train, stage, **options)


def small_batches(task, seed=7):
    return pipeline(make_split(0, 8 * STEPS - 3), task, augment=[mirror()], batch_size=8, seed=seed)


def noisy(function, noise):
    """Give rates of eight decades, and the losses that a function of their logarithms gives, with noise."""
    rates = np.geomspace(1e-6, 1e2, 100)
    return rates, np.vectorize(function)(np.log10(rates)) + noise * np.random.default_rng(0).normal(size=100)


# The loss x^2 kernel^2 with x = 1 is a parabola of curvature L = 2. A step of SGD with Nesterov's momentum b multiplies
# (kernel, velocity) with a matrix of the determinant b (1 - L rate) and the trace (1 + b) (1 - L rate), so that it
# shrinks up to a rate of (2 + 2 b) / (1 + 2 b) / L; with b = 0 that is the well known 2 / L.
MOMENTUM, CURVATURE = 0.9, 2.0
LARGEST_STABLE = (2 + 2 * MOMENTUM) / (1 + 2 * MOMENTUM) / CURVATURE


def test_losses_on_a_parabola_are_those_of_a_loop_by_hand_and_diverge_above_the_largest_stable_rate():
    found = search(Line(), points(1.0), Stage("all", 1, 1.0, optimizer="sgd"), lowest=1e-4, highest=100, steps=150)
    kernel, velocity, losses = 1.0, 0.0, []
    for rate in np.geomspace(1e-4, 100, 150):
        losses.append(kernel**2)
        velocity = MOMENTUM * velocity - rate * CURVATURE * kernel
        kernel += MOMENTUM * velocity - rate * CURVATURE * kernel
    assert found.diverged_at == len(found.losses) - 1 < 149
    np.testing.assert_allclose(found.losses, losses[: len(found.losses)], rtol=1e-3, atol=1e-12)
    np.testing.assert_allclose(found.rates, np.geomspace(1e-4, 100, 150)[: len(found.rates)])
    # Below the largest stable rate nothing rises for long; above, it takes some steps to come back to where it began.
    assert found.suggestion < LARGEST_STABLE < found.rates[-1] < 10 * LARGEST_STABLE
    assert max(loss for rate, loss in zip(found.rates, found.losses, strict=True) if rate < LARGEST_STABLE) <= 1.0


def test_the_optimiser_takes_its_steps_at_the_rates_of_the_search():
    keep = Keep(lambda model, logs: float(model.optimizer.learning_rate))
    found = search(Line(), points(1.0), highest=0.1, steps=40, callbacks=[keep])
    # After a step, the optimiser shows the rate of the next one.
    np.testing.assert_allclose(keep.kept[:-1], found.rates[1:], rtol=1e-4)


def test_parts_have_their_factors_of_the_rates():
    keep = Keep(lambda model, logs: sorted(float(each.learning_rate) for each in model.optimizer.optimizers))
    task = make_task()
    stage = Stage("all", 1, 0.1, rate_factors={"head": 10.0})
    found = search(task, small_batches(task), stage, highest=0.1, callbacks=[keep])
    rates = np.array(found.rates[1:])
    np.testing.assert_allclose(keep.kept[: len(rates)], np.stack([rates, 10 * rates], axis=1), rtol=1e-4)


@pytest.mark.parametrize("steps", [20, 23])
def test_losses_are_those_of_single_batches_which_are_repeated(steps):
    keep = Keep(loss_of)
    with pytest.raises(RuntimeError, match="never fell"):
        search(Line(2.0), points(1.0, 2.0, 3.0), steps=steps, callbacks=[keep], **STILL)
    assert keep.kept == pytest.approx([[4.0, 16.0, 36.0][step % 3] for step in range(steps)])


def test_of_data_with_more_batches_than_steps_only_those_are_trained_on():
    keep = Keep(loss_of)
    with pytest.raises(RuntimeError, match="never fell"):
        search(Line(), points(*np.linspace(1, 2, 100)), steps=20, callbacks=[keep], **STILL)
    assert keep.kept == pytest.approx(np.linspace(1, 2, 100)[:20] ** 2)


def test_epochs_of_the_pipeline_are_new_ones_and_left_for_the_training():
    task, keep = make_task(), Keep(loss_of)
    batches = small_batches(task)
    before = [labels.numpy().tolist() for _, labels in batches.starting_at(0)]
    with pytest.raises(RuntimeError, match="never fell"):
        search(task, batches, Stage("all", 1, 0.1), steps=4 * STEPS, callbacks=[keep], **STILL)
    epochs = np.reshape(keep.kept, (4, STEPS))
    assert len(np.unique(epochs)) == 4 * STEPS
    assert [labels.numpy().tolist() for _, labels in batches] == before


def test_losses_are_smoothed_as_a_loop_does_it():
    found = search(Line(), points(1.0, 1.1), steps=30)
    expected = []
    for rate in found.rates:
        weights = [math.exp(-(((math.log10(rate) - math.log10(other)) / 0.25) ** 2) / 2) for other in found.rates]
        pairs = zip(weights, found.losses, strict=True)
        expected.append(sum(weight * loss for weight, loss in pairs) / sum(weights))
    assert found.smoothed_losses == pytest.approx(expected)


@pytest.mark.parametrize("noise", [0.0, 0.05, 0.2])
def test_suggestion_is_where_two_thirds_of_the_fall_are_over(noise):
    # From 1e-4 on the loss falls by a third a decade, stays at its lowest from 1e-1 to 1e1, and explodes.
    rates, losses = noisy(lambda x: 10 if x > 1 else 1 - np.clip((x + 4) / 3, 0, 1), noise=noise)
    found = suggest(rates, losses, smooth(rates, losses), 10)
    assert math.log10(found) == pytest.approx(-2, abs=0.1 + noise)


@pytest.mark.parametrize(
    "function", [lambda x: 1.0, lambda x: 1 + max(0, x + 3), lambda x: 1 + (x + 6)], ids=["flat", "rises late", "rises"]
)
@pytest.mark.parametrize("noise", [0.01, 1.0])
def test_a_loss_that_never_falls_suggests_nothing(function, noise):
    rates, losses = noisy(function, noise=noise)
    with pytest.raises(RuntimeError, match=r"never fell: it began at .* Search over more steps"):
        suggest(rates, losses, smooth(rates, losses), 10)


def test_data_that_are_not_finite_are_said():
    with pytest.raises(RuntimeError, match=r"first step was not finite.*in the data"):
        search(Line(), points(float("nan")))


def test_rates_that_ruin_everything_at_once_are_said():
    stage = Stage("all", 1, 1.0, optimizer="sgd")
    with pytest.raises(RuntimeError, match=r"not finite any more after \d steps, at a learning rate of .*lower one"):
        search(Line(), points(1.0), stage, lowest=1e10, highest=1e20)


def test_a_search_that_something_else_ended_says_so():
    def stop(model, logs):
        model.stop_training = True

    with pytest.raises(RuntimeError, match=r"ended after 1 of 100 steps.* a callback stopped it"):
        search(Line(), points(1.0), callbacks=[Keep(stop)])


def test_a_loss_that_is_not_finite_ends_the_search_and_is_left_out():
    ruin = Keep(lambda model, logs: model.trainable_weights[0].assign([[float("nan")]]) if logs["loss"] < 0.1 else None)
    found = search(Line(), points(1.0), callbacks=[ruin])
    assert found.diverged_at == len(found.losses) == len(found.rates) < 100
    assert np.isfinite(found.losses).all() and found.losses[-1] < 0.1


def test_class_weight_weighs_the_losses():
    task = make_task()
    images, labels = next(iter(small_batches(task)))
    logits = keras.ops.convert_to_numpy(task.model(images, training=False)).astype("float64")
    losses = np.log(np.exp(logits).sum(-1)) - logits[np.arange(8), labels]
    weights, keep = {0: 3.0, 1: 0.5, 2: 0.0}, Keep(loss_of)
    task.model.get_layer("dropout").rate = 0.0
    with pytest.raises(RuntimeError, match="never fell"):
        search(task, small_batches(task), Stage("all", 1, 1.0), class_weight=weights, callbacks=[keep], **STILL)
    assert keep.kept[0] == pytest.approx(np.mean(losses * np.vectorize(weights.get)(labels)), rel=1e-5)


def state_of(model):
    """Give all that a search must leave: variables, what trains, the optimiser, and the global random states."""
    variables = {variable.path: keras.ops.convert_to_numpy(variable) for variable in model.variables}
    trainable = {layer.name: layer.trainable for layer in (model, *model.layers)}
    return variables, (trainable, model.optimizer, random.getstate(), repr(np.random.get_state()))


class Drawing(keras.utils.PyDataset):
    """Batches that draw from the random states of Python and NumPy."""

    def __len__(self):
        return 4

    def __getitem__(self, index):
        labels = np.random.randint(0, 3, 8)
        return np.eye(3)[labels][:, None, None] * 100 + np.zeros((8, 12, 12, 3)) + random.random(), labels


def fail():
    raise OSError("no space")


def interrupt():
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("act", "error"), [(None, None), (fail, OSError), (interrupt, KeyboardInterrupt)], ids=["end", "error", "Ctrl-C"]
)
def test_a_search_leaves_everything_as_it_was(act, error):
    task = make_task()
    task.model.get_layer("conv2").trainable = False
    task.compile()
    variables, rest = state_of(task.model)
    during = Keep(lambda model, logs: {each.path: keras.ops.convert_to_numpy(each) for each in model.variables})
    callbacks = [during] if act is None else [during, AtStep(15, act)]
    if error is None:
        search(task, Drawing(), callbacks=callbacks)
    else:
        with pytest.raises(error):
            search(task, Drawing(), callbacks=callbacks)
    after, rest_after = state_of(task.model)
    moved = {path for path, value in variables.items() if (during.kept[-1][path] != value).any()}
    assert moved == set(variables)  # statistics and the state of the dropout too
    for path, value in variables.items():
        np.testing.assert_array_equal(after[path], value, err_msg=path)
    assert rest_after == rest


def test_training_after_a_search_is_bit_by_bit_the_training_without():
    history, weights = run(stages=[ALL])
    task = make_task()
    search(task, small_batches(task))
    again, same = run(stages=[ALL], task=task)
    assert again == history
    for array, other in zip(same, weights, strict=True):
        np.testing.assert_array_equal(array, other)


def test_what_the_stage_freezes_does_not_move():
    task = make_task()
    before = {layer.name: layer.get_weights() for layer in task.model.layers}
    moved = Keep(
        lambda model, logs: {
            layer.name
            for layer in model.layers
            if any((now != then).any() for now, then in zip(layer.get_weights(), before[layer.name], strict=True))
        }
    )
    search(task, small_batches(task), Stage("head", 1, 0.1), callbacks=[moved])
    assert moved.kept[-1] == {"predictions"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lowest": 0.0}, "lowest=0.0"),
        ({"lowest": -1e-3}, "lowest=-0.001"),
        ({"lowest": 0.1, "highest": 0.1}, "lowest=0.1, highest=0.1"),
        ({"highest": 1e-7}, "highest=1e-07"),
        ({"highest": math.inf}, "highest=inf"),
        ({"highest": math.nan}, "highest=nan"),
        ({"steps": 19}, "at least 20.*steps=19"),
    ],
)
def test_ranges_and_steps_that_make_no_sense_are_refused(options, message):
    with pytest.raises(ValueError, match=f"lowest must be positive.*Received: .*{message}|steps {message}"):
        search(Line(), points(1.0), **options)


def test_data_and_stages_are_checked_before_the_work():
    task = make_task()
    with pytest.raises(ValueError, match=r"train must be batches .* that know their number"):
        search(task, small_batches(task).repeat())
    with pytest.raises(ValueError, match="tiny has the stages stride2"):
        search(task, small_batches(task), Stage("stride32", 1, 0.1))
    headless = layers.Identity(name="stride1")(layers.Conv2D(3, 3)(task.model.input))
    model = keras.Model(task.model.input, layers.GlobalAveragePooling2D()(headless), name="headless")
    with pytest.raises(ValueError, match="Nothing of headless trains in the stage head"):
        search(ClassificationTask(model, task.classes), small_batches(task), Stage("head", 1, 0.1))
    assert not task.model.compiled and task.model.get_layer("conv2").trainable
