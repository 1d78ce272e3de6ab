"""Training in stages: the best weights are kept, what is frozen does not move, and what goes wrong is said."""

from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from kerascnn.export import save_keras
from kerascnn.tasks import ClassificationTask
from kerascnn.training import Stage, fit

CLASSES = ("red", "green", "blue")
STILL = 1e-12  # a learning rate at which float32 weights do not change


@pytest.fixture
def task():
    """Make a classifier of 56 + 8 + 76 + 8 + 15 weights and 8 + 8 statistics."""
    keras.utils.set_random_seed(0)
    inputs = layers.Input((16, 16, 3), name="image")
    x = inputs
    for stride in (2, 4):
        x = layers.Conv2D(4, 3 if stride == 4 else 2, strides=2, padding="same", name=f"conv{stride}")(x)
        x = layers.BatchNormalization(name=f"norm{stride}", momentum=0.9)(x)
        x = layers.ReLU(name=f"stride{stride}")(x)
    x = layers.Dense(3, name="predictions")(layers.GlobalAveragePooling2D(name="pool")(x))
    return ClassificationTask(keras.Model(inputs, x, name="tiny"), CLASSES)


def make_data(seed, batches):
    """Make noise in which the channel of the class is a little brighter."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, batches * 8)
    images = rng.normal(0, 1, (len(labels), 16, 16, 3)) + np.eye(3)[labels][:, None, None] * 0.5
    return tf.data.Dataset.from_tensor_slices((images.astype("float32"), labels)).batch(8)


TRAIN, VALID = make_data(0, batches=4), make_data(1, batches=3)


class At(keras.callbacks.Callback):
    """Calls a function with the model at the end, or the beginning, of an epoch, counted from 1 over all stages."""

    def __init__(self, epoch, act, *, when="end"):
        super().__init__()
        self.epoch, self.act, self.when, self.seen = epoch, act, when, 0

    def on_epoch_begin(self, epoch, logs=None):
        self.seen += 1
        if self.when == "begin" and self.seen == self.epoch:
            self.act(self.model)

    def on_epoch_end(self, epoch, logs=None):
        if self.when == "end" and self.seen == self.epoch:
            self.act(self.model)


def interrupt(_):
    raise KeyboardInterrupt


def run(task, *stages, train=TRAIN, valid=VALID, **options):
    return fit(task, train, valid, stages, verbose=0, **options)


def assert_is_best(task, history):
    """The model scores what the best row says, measured again, and no row is better."""
    row = history.rows[history.best_epoch - 1]
    assert (row["val_accuracy"], -row["val_loss"]) == max((r["val_accuracy"], -r["val_loss"]) for r in history.rows)
    measured = task.model.evaluate(VALID, return_dict=True, verbose=0)
    assert measured == pytest.approx({"accuracy": row["val_accuracy"], "loss": row["val_loss"]}, rel=1e-6)


def assert_same(weights, expected):
    for array, other in zip(weights, expected, strict=True):
        np.testing.assert_array_equal(array, other)


def weights_of(model):
    return {layer.name: layer.get_weights() for layer in model.layers}


def moved(model, before):
    """Name the layers with a weight that differs from `before`, which `weights_of` gave."""
    return {
        name
        for name, weights in weights_of(model).items()
        if any((now != then).any() for now, then in zip(weights, before[name], strict=True))
    }


def test_history_has_a_row_an_epoch_and_an_entry_a_stage(task):
    head = Stage("head", 2, 0.01)
    end = Stage("stride4", 3, 0.02, schedule="cosine", batch_norm="trained", name="end")
    history = run(task, head, end)
    assert [(row["stage"], row["epoch"]) for row in history.rows] == [
        *(("head", 1), ("head", 2)),
        *(("end", 3), ("end", 4), ("end", 5)),
    ]
    # At the end of an epoch: a third, two thirds and all of the cosine, (1 + cos(60, 120, 180 degrees)) / 2.
    rates = [row["learning_rate"] for row in history.rows]
    assert rates == pytest.approx([0.01, 0.01, 0.02 * 0.75, 0.02 * 0.25, 0.0], abs=1e-8)
    for row in history.rows:
        assert set(row) == {"stage", "epoch", "learning_rate", "loss", "accuracy", "val_loss", "val_accuracy"}
    assert [stage["epochs_run"] for stage in history.stages] == [2, 3]
    # conv2 has 2*2*3*4+4 = 52, conv4 3*3*4*4+4 = 148, each norm 8 and 8 statistics, the head 4*3+3 = 15.
    counts = [(stage["trained_parameters"], stage["frozen_parameters"]) for stage in history.stages]
    assert counts == [(15, 52 + 16 + 148 + 16), (15 + 148 + 8, 8 + 52 + 16)]
    assert history.stages[1]["batch_norm"] == "trained"
    assert not history.interrupted
    assert_is_best(task, history)


def test_best_weights_survive_a_later_stage_that_spoils_them(task):
    history = run(task, Stage("all", 3, 0.01, batch_norm="trained"), Stage("all", 2, 1.0, batch_norm="trained"))
    assert history.best_epoch <= 3
    assert history.rows[-1]["val_loss"] > history.rows[history.best_epoch - 1]["val_loss"]
    assert_is_best(task, history)


def test_a_stage_goes_on_from_the_best_weights_before_it(task):
    ended, begun = [], []

    def spoil(model):
        ended.append(model.get_weights())
        model.get_layer("predictions").kernel.assign(np.full((4, 3), 9.0))

    history = run(
        task,
        Stage("head", 1, 0.01),
        Stage("head", 1, 0.01),
        callbacks=[At(1, spoil), At(2, lambda model: begun.append(model.get_weights()), when="begin")],
    )
    assert_same(begun[0], ended[0])
    assert_is_best(task, history)


def test_lower_loss_decides_between_equal_accuracies(task):
    # The accuracy of one picture is 0 or 1, and the loss goes on falling.
    single = tf.data.Dataset.from_tensors((np.ones((1, 16, 16, 3), "float32"), np.array([2])))
    history = run(task, Stage("head", 6, 0.05), train=single, valid=single)
    assert history.rows[-1]["val_accuracy"] == history.rows[-2]["val_accuracy"] == 1
    assert history.best_epoch == 6


@pytest.mark.parametrize("batch_norm", ["frozen", "trained"])
def test_statistics_move_only_where_a_stage_trains_them(task, batch_norm):
    before = task.model.get_layer("norm4").get_weights()
    run(task, Stage("all", 1, 0.01, batch_norm=batch_norm))
    unchanged = [
        (now == then).all() for now, then in zip(task.model.get_layer("norm4").get_weights(), before, strict=True)
    ]
    assert unchanged == [batch_norm == "frozen"] * 4


def test_only_the_trained_part_moves(task):
    before = weights_of(task.model)
    run(task, Stage("stride4", 1, 0.01, batch_norm="trained"))
    assert moved(task.model, before) == {"conv4", "norm4", "predictions"}


@pytest.mark.parametrize(
    ("trainable", "layer", "variable", "epoch"),
    [("head", "conv2", "kernel", 2), ("head", "norm4", "moving_variance", 1), ("all", "norm2", "moving_mean", 2)],
)
def test_guard_finds_what_moved_although_it_was_frozen(task, trainable, layer, variable, epoch):
    def move(model):
        weight = getattr(model.get_layer(layer), variable)
        weight.assign(weight + 1e-3)

    with pytest.raises(RuntimeError, match=f"stage {trainable} had frozen has moved"):
        run(task, Stage(trainable, 2, STILL), callbacks=[At(epoch, move)])


def test_patience_ends_a_stage_and_not_the_run(task):
    history = run(task, Stage("head", 9, STILL, patience=2), Stage("all", 9, STILL, patience=3))
    # The very first epoch is the best; the second stage never has a new best one.
    assert [stage["epochs_run"] for stage in history.stages] == [3, 3]
    assert history.best_epoch == 1


def test_class_weight_weighs_the_loss_of_each_class(task):
    images, labels = (np.concatenate(arrays) for arrays in zip(*TRAIN.as_numpy_iterator(), strict=True))
    logits = task.model.predict(images, verbose=0).astype("float64")
    losses = np.log(np.exp(logits).sum(-1)) - logits[np.arange(len(labels)), labels]
    weights = {0: 3.0, 1: 0.5, 2: 0.0}
    history = run(task, Stage("head", 1, STILL), class_weight=weights)
    expected = np.mean(losses * np.vectorize(weights.get)(labels))
    assert history.rows[0]["loss"] == pytest.approx(expected, rel=1e-5)
    assert history.rows[0]["loss"] != pytest.approx(losses.mean(), rel=1e-2)


def test_interruption_keeps_the_best_weights_and_ends_the_run(task):
    history = run(task, Stage("all", 5, 0.01), Stage("all", 5, 0.01), callbacks=[At(3, interrupt, when="begin")])
    assert history.interrupted
    assert len(history.rows) == 2
    assert [stage["epochs_run"] for stage in history.stages] == [2]
    assert_is_best(task, history)


def test_interruption_in_the_first_epoch_leaves_the_weights_of_the_start(task):
    before = task.model.get_weights()
    callback = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: interrupt(batch))
    history = run(task, Stage("all", 5, 0.01), callbacks=[callback])
    assert (history.interrupted, history.rows, history.best_epoch) == (True, [], 0)
    assert_same(task.model.get_weights(), before)


def test_same_seed_gives_the_same_history(task):
    start = task.model.get_weights()
    histories = []
    for _ in range(2):
        task.model.set_weights(start)
        keras.utils.set_random_seed(3)
        shuffled = TRAIN.unbatch().shuffle(32, seed=3).batch(8).apply(tf.data.experimental.assert_cardinality(4))
        histories.append(run(task, Stage("all", 2, 0.01, batch_norm="trained"), train=shuffled))
    assert histories[0] == histories[1]


def test_loss_that_is_not_finite_is_an_error_that_leaves_the_best_weights(task):
    best = []
    with pytest.raises(RuntimeError, match=r"not finite in epoch 2, step 2, of the stage all.*weights of epoch 1"):
        run(
            task,
            Stage("head", 1, 0.01),
            Stage("all", 5, 1e38),
            callbacks=[At(1, lambda model: best.append(model.get_weights()))],
        )
    assert_same(task.model.get_weights(), best[0])


def test_numbers_that_are_not_finite_in_the_data_are_an_error(task):
    before = task.model.get_weights()
    broken = TRAIN.map(lambda images, labels: (images + float("nan"), labels))
    with pytest.raises(RuntimeError, match="look for values in the data"):
        run(task, Stage("all", 5, 0.01), train=broken)
    with pytest.raises(RuntimeError, match="look for values in the data"):
        run(task, Stage("all", 5, STILL), valid=broken)
    assert_same(task.model.get_weights(), before)


@pytest.mark.parametrize("name", ["train", "valid"])
@pytest.mark.parametrize(
    ("batches", "message"),
    [
        (None, "know their number"),
        (iter([]), "know their number"),
        (TRAIN.repeat(), "know their number"),
        (TRAIN.filter(lambda images, labels: True), "know their number"),
        (TRAIN.take(0), "has no batch"),
        ((np.zeros((8, 16, 16, 3)), np.zeros(8)), "Received: a tuple"),
        ([(np.zeros((8, 16, 16, 3)), np.zeros(8))], "Received: a list"),
        (np.zeros((8, 16, 16, 3)), "Received: a ndarray"),
    ],
)
def test_data_without_batches_or_a_number_of_them_are_refused_before_the_work(task, name, batches, message):
    with pytest.raises(ValueError, match=f"{name}.*{message}|{name} {message}"):
        run(task, Stage("head", 1, 0.01), **{name: batches})
    assert not task.model.compiled


def test_a_stage_that_trained_the_whole_leaves_its_optimiser_to_go_on_with(task):
    fit(task, make_data(0, 3), make_data(1, 1), [Stage("all", 2, 0.01)], verbose=0)
    assert int(task.model.optimizer.iterations) == 6
    task.model.fit(make_data(0, 3), shuffle=False, verbose=0)
    assert int(task.model.optimizer.iterations) == 9


def test_stages_are_checked_before_the_work(task):
    with pytest.raises(ValueError, match="at least one stage"):
        run(task)
    with pytest.raises(ValueError, match="stage"):
        run(task, Stage("head", 1, 0.01), Stage("stride32", 1, 0.01))
    assert not task.model.compiled


def test_a_stage_in_which_nothing_trains_is_refused():
    inputs = layers.Input((16, 16, 3))
    x = layers.Identity(name="stride1")(layers.Conv2D(3, 3, name="conv1")(inputs))
    task = ClassificationTask(keras.Model(inputs, layers.GlobalAveragePooling2D()(x), name="headless"), CLASSES)
    with pytest.raises(ValueError, match="Nothing of headless trains in the stage head"):
        run(task, Stage("head", 1, 0.01))


def test_batches_of_keras_serve_as_well(task):
    class Batches(keras.utils.PyDataset):
        def __len__(self):
            return 2

        def __getitem__(self, index):
            return np.full((3, 16, 16, 3), float(index)), np.arange(3)

    history = run(task, Stage("head", 1, 0.01), train=Batches(), valid=Batches())
    assert len(history.rows) == 1


def fail(_):
    raise OSError("no space")


def flags(model):
    return {layer.name: layer.trainable for layer in model.layers}


@pytest.mark.parametrize(
    ("callbacks", "error"),
    [([], None), ([At(1, interrupt)], None), ([At(1, fail)], OSError), ([At(2, fail, when="begin")], OSError)],
    ids=["end", "Ctrl-C", "error in the first stage", "error in the second"],
)
def test_every_layer_is_as_trainable_afterwards_as_it_was_before(task, callbacks, error):
    task.model.get_layer("conv2").trainable = task.model.get_layer("norm4").trainable = False
    before = flags(task.model)
    stages = Stage("head", 1, 0.01), Stage("all", 1, 0.01, batch_norm="trained")
    if error is None:
        run(task, *stages, callbacks=callbacks)
    else:
        with pytest.raises(error):
            run(task, *stages, callbacks=callbacks)
    assert flags(task.model) == before
    assert not any(weight.trainable for weight in task.model.get_layer("conv2").weights)


def test_layers_of_a_model_in_the_model_are_as_trainable_as_before():
    inner = keras.Sequential([layers.Input((16, 16, 3)), layers.Conv2D(4, 3), layers.ReLU(), layers.Dense(4)])
    inner.layers[0].trainable = False
    inputs = layers.Input((16, 16, 3))
    x = layers.Identity(name="stride1")(inner(inputs))
    x = layers.Dense(3)(layers.GlobalAveragePooling2D()(x))
    task = ClassificationTask(keras.Model(inputs, x, name="nested"), CLASSES)
    before = flags(task.model), flags(inner)
    run(task, Stage("head", 1, 0.01))
    assert (flags(task.model), flags(inner)) == before


@pytest.mark.parametrize("stored", [False, True])
def test_plain_keras_trains_every_layer_afterwards(task, tmp_path, stored):
    run(task, Stage("head", 1, 0.01))
    if stored:
        save_keras(task, tmp_path / "model.keras")
        task = ClassificationTask(keras.saving.load_model(tmp_path / "model.keras", compile=False), CLASSES)
    before = weights_of(task.model)
    task.compile()
    task.model.fit(TRAIN, shuffle=False, verbose=0)
    assert moved(task.model, before) == {"conv2", "norm2", "conv4", "norm4", "predictions"}


@pytest.fixture
def auxiliary_task(task):
    """Make the same classifier with an auxiliary one of 15 weights after its first stage."""
    x = layers.GlobalAveragePooling2D(name="auxiliary_pool")(task.model.get_layer("stride2").output)
    outputs = keras.ops.stack([task.model.output, layers.Dense(3, name="auxiliary")(x)], axis=1)
    return replace(task, auxiliary=keras.Model(task.model.input, outputs, name="tiny"))


def read(batches):
    """Give all the pictures and all the labels of a data set."""
    return (np.concatenate(arrays) for arrays in zip(*batches.as_numpy_iterator(), strict=True))


def cross_entropy(logits, labels):
    logits = logits.astype("float64")
    return np.log(np.exp(logits).sum(-1)) - logits[np.arange(len(labels)), labels]


def test_network_trains_with_its_auxiliary_classifiers_and_answers_without(auxiliary_task):
    before = weights_of(auxiliary_task.training_model)
    end = Stage("stride4", 2, 0.01, batch_norm="trained")
    history = run(auxiliary_task, Stage("head", 1, 0.01), end, class_weight={0: 2.0, 1: 1.0, 2: 0.5})
    for row in history.rows:
        assert set(row) == {"stage", "epoch", "learning_rate", "loss", "accuracy", "val_loss", "val_accuracy"}
    assert moved(auxiliary_task.training_model, before) == {"conv4", "norm4", "predictions", "auxiliary"}
    # The head is now 15 and 15, which train in every stage; compare the numbers of the network without the second.
    counts = [(stage["trained_parameters"], stage["frozen_parameters"]) for stage in history.stages]
    assert counts == [(15 + 15, 52 + 16 + 148 + 16), (15 + 15 + 148 + 8, 8 + 52 + 16)]

    # The best row is what the network answers now: of the auxiliary classifier there is only a share in the loss.
    images, labels = read(VALID)
    logits = auxiliary_task.model.predict(images, verbose=0)
    assert logits.shape == (len(labels), 3)
    row = history.rows[history.best_epoch - 1]
    assert row["val_accuracy"] == pytest.approx(np.mean(logits.argmax(-1) == labels))
    auxiliary = auxiliary_task.training_model.predict(images, verbose=0)[:, 1]
    losses = cross_entropy(logits, labels) + 0.3 * cross_entropy(auxiliary, labels)
    assert row["val_loss"] == pytest.approx(losses.mean(), rel=1e-5)


def test_class_weight_weighs_the_auxiliary_loss_too(auxiliary_task):
    images, labels = read(TRAIN)
    own, auxiliary = np.moveaxis(auxiliary_task.training_model.predict(images, verbose=0), 1, 0)
    weights = {0: 3.0, 1: 0.5, 2: 0.0}
    history = run(auxiliary_task, Stage("head", 1, STILL), class_weight=weights)
    losses = cross_entropy(own, labels) + 0.3 * cross_entropy(auxiliary, labels)
    assert history.rows[0]["loss"] == pytest.approx(np.mean(losses * np.vectorize(weights.get)(labels)), rel=1e-5)


def test_best_weights_of_auxiliary_classifiers_are_kept_as_well(auxiliary_task):
    best = []

    def spoil(model):
        for name in ("predictions", "auxiliary"):
            model.get_layer(name).bias.assign([9.0, -9.0, 0.0])

    history = run(
        auxiliary_task,
        Stage("head", 2, STILL),
        callbacks=[
            At(1, lambda model: best.append(model.get_weights())),
            At(2, spoil, when="begin"),
        ],
    )
    assert history.best_epoch == 1
    assert_same(auxiliary_task.training_model.get_weights(), best[0])
