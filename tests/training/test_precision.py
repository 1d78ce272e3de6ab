"""Mixed precision: which layers compute in it, on which machines, and that choosing it leaves no trace."""

import keras
import numpy as np
import pytest

from kerascnn.architectures import build
from kerascnn.training import Checkpoint, Stage, precision
from kerascnn.training.precision import check_precision, choose_precision, computing_in
from tests.training.small_run import AtStep, Killed, kill, make_task, run

PRECISIONS = ("float32", "mixed_bfloat16")
FLAGS = {"none": "flags : sse avx2 avx512f", "avx512": "flags : avx512f avx512_bf16", "amx": "flags : amx_bf16"}


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """Make this machine have a processor with some flags, and perhaps a GPU."""

    def change(flags, gpu=False):
        (tmp_path / "cpuinfo").write_text(FLAGS[flags])
        monkeypatch.setattr(precision, "CPUINFO", tmp_path / "cpuinfo")
        monkeypatch.setattr(precision, "has_accelerator", lambda: gpu)

    return change


@pytest.mark.parametrize(
    ("flags", "gpu", "name", "refused"),
    [
        ("none", False, "float32", None),
        ("none", False, "auto", None),
        ("none", False, "mixed_bfloat16", "not known to have"),
        ("avx512", False, "mixed_bfloat16", None),
        ("amx", False, "mixed_bfloat16", None),
        ("none", True, "mixed_bfloat16", None),
        ("avx512", False, "mixed_float16", "needs a GPU"),
        ("none", True, "mixed_float16", None),
    ],
)
def test_what_would_only_be_emulated_is_refused(machine, flags, gpu, name, refused):
    machine(flags, gpu)
    if refused is None:
        check_precision(name)
    else:
        with pytest.raises(ValueError, match=refused):
            check_precision(name)


def test_a_system_that_does_not_tell_has_none(monkeypatch, tmp_path):
    monkeypatch.setattr(precision, "CPUINFO", tmp_path / "missing")
    assert not precision.has_bfloat16()


def test_fit_refuses_it_before_the_work(machine):
    machine("none")
    with pytest.raises(ValueError, match="mixed_bfloat16 needs"):
        run(
            stages=[Stage("head", 1, 0.05), Stage("head", 1, 0.05, precision="mixed_bfloat16")],
            callbacks=[AtStep(1, kill)],
        )


def test_layers_between_normalisation_and_logits_compute_in_it(machine):
    machine("avx512", gpu=True)
    model = build("mobilenet_v2", (32, 32, 3), 3, alpha=0.35)
    images = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3))
    expected = keras.ops.convert_to_numpy(model(images))
    with computing_in(model, "mixed_bfloat16"):
        kinds = {layer.name: layer.compute_dtype for layer in model.layers}
        logits = model(images)
        assert {variable.dtype for variable in model.variables if "seed" not in variable.path} == {"float32"}
    first = next(index for index, layer in enumerate(model.layers) if layer.weights)
    before = {kinds[layer.name] for layer in model.layers[:first]}
    between = {kinds[layer.name] for layer in model.layers[first:-1]}
    assert (before, between, kinds["predictions"]) == ({"float32"}, {"bfloat16"}, "float32")
    assert keras.backend.standardize_dtype(logits.dtype) == "float32"
    assert not np.array_equal(logits, expected)
    np.testing.assert_allclose(logits, expected, atol=0.05 * np.abs(expected).max())
    np.testing.assert_array_equal(model(images), expected)  # and none afterwards


def test_a_processor_computes_depthwise_convolutions_with_strides_in_float32(machine):
    machine("avx512")
    model = build("mobilenet_v1", (32, 32, 3), 3, alpha=0.25)
    with computing_in(model, "mixed_bfloat16"):
        kinds = {layer.name: layer.compute_dtype for layer in model.layers if layer.name.startswith("conv_dw")}
    exact = {f"conv_dw_{number}" for number in (2, 4, 6, 12)}  # those of stride 2 in table 1 of the paper
    assert {name for name, kind in kinds.items() if kind == "float32"} == exact
    assert kinds["conv_dw_1"] == "bfloat16"


def test_layers_of_a_model_in_the_model_compute_in_it_too():
    inner = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(2, 3)])
    inputs = keras.Input((8, 8, 3))
    model = keras.Model(inputs, keras.layers.Dense(2)(keras.layers.Flatten()(inner(inputs))))
    with computing_in(model, "mixed_bfloat16"):
        assert inner.layers[0].compute_dtype == "bfloat16"
    assert inner.layers[0].compute_dtype == "float32"


def test_an_error_leaves_float32(machine):
    machine("avx512")
    task = make_task()
    with pytest.raises(Killed):
        run(stages=[Stage("all", 1, 0.05, precision="mixed_bfloat16")], task=task, callbacks=[AtStep(2, kill)])
    assert {layer.compute_dtype for layer in task.model.layers} == {"float32"}


def test_training_in_it_is_near_training_without(machine):
    machine("avx512")
    stage = {"trainable": "all", "epochs": 2, "learning_rate": 0.01, "batch_norm": "trained"}
    (exact, _), (mixed, weights) = (run(stages=[Stage(**stage, precision=name)]) for name in PRECISIONS)
    losses = [[row["loss"] for row in history.rows] for history in (exact, mixed)]
    assert losses[0] != losses[1]
    np.testing.assert_allclose(*losses, rtol=0.05)
    assert {array.dtype for array in weights} == {np.dtype("float32")}


@pytest.mark.parametrize("options", [{}, {"rate_factors": {"stride2": 0.5}, "ema_momentum": 0.8}])
def test_half_precision_scales_the_loss(machine, options):
    machine("none", gpu=True)  # the processor computes in it, if slowly
    task = make_task()
    stage = Stage("all", 2, 0.01, batch_norm="trained", precision="mixed_float16", **options)
    seen = []
    watch = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(task.model.optimizer))
    mixed, _ = run(stages=[stage], task=task, callbacks=[watch])
    exact, _ = run(stages=[Stage("all", 2, 0.01, batch_norm="trained", **options)])
    assert all(isinstance(each, keras.optimizers.LossScaleOptimizer) for each in seen) and len(seen) == 2
    first, second = (row["loss"] for row in mixed.rows)  # no nearer to float32's: dropout draws other units in float16
    assert second < first
    assert [row["learning_rate"] for row in mixed.rows] == [row["learning_rate"] for row in exact.rows]


@pytest.mark.parametrize("fastest", PRECISIONS)
def test_the_faster_one_is_chosen_and_timing_leaves_no_trace(machine, monkeypatch, fastest):
    machine("avx512")
    task = make_task()
    before = [keras.ops.convert_to_numpy(variable) for variable in task.model.variables]
    timed = precision._time_steps

    def time_steps(model, batch):
        timed(model, batch)
        kind = "mixed_bfloat16" if model.get_layer("conv2").compute_dtype == "bfloat16" else "float32"
        return 1.0 if kind == fastest else 2.0

    monkeypatch.setattr(precision, "_time_steps", time_steps)
    batch = (np.zeros((2, 12, 12, 3), np.uint8), np.array([0, 2]))
    assert choose_precision(task.model, task.compile, batch) == fastest
    for variable, value in zip(task.model.variables, before, strict=True):
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(variable), value)


def test_a_machine_without_it_is_not_timed(machine, monkeypatch):
    machine("none")
    monkeypatch.setattr(precision, "_time_steps", None)
    assert choose_precision(make_task().model, None, None) == "float32"


def test_a_model_that_would_compute_the_same_is_not_timed(machine, monkeypatch):
    machine("avx512")
    monkeypatch.setattr(precision, "_time_steps", None)
    features = keras.Input((4,))
    tail = keras.Model(features, keras.layers.Dense(3)(keras.layers.Dropout(0.5)(features)))
    assert choose_precision(tail, None, None) == "float32"


@pytest.mark.parametrize("trainable", [True, False])
def test_a_layer_that_normalises_pictures_with_moments_of_its_own_keeps_float32(trainable):
    inputs = keras.Input((8, 8, 3))
    normalization = keras.layers.Normalization(mean=[120.0, 115.0, 100.0], variance=[3600.0, 3500.0, 3600.0])
    moments = keras.layers.Normalization()
    convolution = keras.layers.Conv2D(2, 3)
    x = keras.layers.Flatten()(convolution(moments(normalization(inputs))))
    model = keras.Model(inputs, keras.layers.Dense(2)(x))
    convolution.trainable = trainable
    with computing_in(model, "mixed_bfloat16"):
        kinds = [layer.compute_dtype for layer in (normalization, moments, convolution)]
    assert kinds == ["float32", "float32", "bfloat16"]


def test_a_run_goes_on_in_the_precision_that_it_began_with(machine, monkeypatch, tmp_path):
    machine("avx512")
    monkeypatch.setattr(precision, "_time_steps", lambda model, batch: -len(model.get_layer("conv2").compute_dtype))
    stages = [Stage("all", 2, 0.05, precision="auto")]
    undisturbed = run(stages=stages)
    assert undisturbed[0].stages[0]["precision"] == "mixed_bfloat16"  # the longer name
    with pytest.raises(Killed):
        run(tmp_path, stages=stages, callbacks=[AtStep(3, kill)])
    monkeypatch.setattr(precision, "_time_steps", lambda model, batch: len(model.get_layer("conv2").compute_dtype))
    history, weights = run(tmp_path, stages=stages, resume=True)
    assert history == undisturbed[0]
    for array, other in zip(weights, undisturbed[1], strict=True):
        np.testing.assert_array_equal(array, other)


def test_checkpoints_of_a_run_in_another_precision_are_refused(machine, tmp_path):
    machine("avx512")
    with pytest.raises(Killed):
        run(tmp_path, stages=[Stage("all", 2, 0.05)], callbacks=[AtStep(3, kill)])
    with pytest.raises(ValueError, match="started with stages"):
        run(stages=[Stage("all", 2, 0.05, precision="mixed_bfloat16")], checkpoint=Checkpoint(tmp_path, resume=True))
