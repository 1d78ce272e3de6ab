"""Stages: which layers are frozen, exactly, and what a way of training consists of."""

import json
from dataclasses import asdict, replace

import keras
import pytest
from keras import layers

from kerascnn.training import Stage, freeze, from_scratch, transfer


@pytest.fixture(scope="module")
def model():
    """Three stages, the second of them with a shortcut, and a head."""
    inputs = layers.Input((64, 64, 3))
    x = layers.Conv2D(4, 3, strides=8, name="conv8")(inputs)
    x = shortcut = layers.Identity(name="stride8")(layers.BatchNormalization(name="norm8")(x))
    x = layers.Conv2D(4, 3, strides=2, padding="same", name="conv16")(x)
    x = layers.BatchNormalization(name="norm16")(x)
    x = layers.Add()([x, layers.Conv2D(4, 1, strides=2, name="shortcut16")(shortcut)])
    x = layers.Identity(name="stride16")(x)
    x = layers.Conv2D(4, 3, strides=2, padding="same", name="conv32")(x)
    x = layers.Identity(name="stride32")(layers.BatchNormalization(name="norm32")(x))
    x = layers.Dense(2, name="predictions")(layers.GlobalAveragePooling2D(name="pool")(x))
    return keras.Model(inputs, x, name="tiny")


NORMS = {"norm8", "norm16", "norm32"}
STEM = {"conv8", "norm8"}
MIDDLE = {"conv16", "norm16", "shortcut16"}
END = {"conv32", "norm32"}


@pytest.mark.parametrize(
    ("trainable", "batch_norm", "expected"),
    [
        ("head", "frozen", STEM | MIDDLE | END),
        ("head", "trained", STEM | MIDDLE | END),
        ("stride32", "frozen", STEM | MIDDLE | {"norm32"}),
        ("stride32", "trained", STEM | MIDDLE),
        ("stride16", "frozen", STEM | NORMS),
        ("stride16", "trained", STEM),
        ("stride8", "frozen", NORMS),
        ("all", "frozen", NORMS),
        ("all", "trained", set()),
        ("norm16", "trained", STEM | {"conv16"}),  # the shortcut is beside it
        ("predictions", "trained", STEM | MIDDLE | END),
    ],
)
def test_exactly_what_lies_before_the_trained_part_is_frozen(model, trainable, batch_norm, expected):
    frozen = freeze(model, Stage(trainable, 1, 1e-3, batch_norm=batch_norm))
    assert {layer.name for layer in frozen} == expected
    trained = {weight.path.partition("/")[0] for weight in model.trainable_weights}
    assert trained == (STEM | MIDDLE | END | {"predictions"}) - expected


def test_a_later_stage_thaws_what_an_earlier_one_froze(model):
    freeze(model, Stage("head", 1, 1e-3))
    assert freeze(model, Stage("all", 1, 1e-3, batch_norm="trained")) == []
    assert all(layer.trainable for layer in model.layers)


def test_a_model_that_is_frozen_as_such_is_thawed(model):
    model.trainable = False
    assert freeze(model, Stage("all", 1, 1e-3, batch_norm="trained")) == []
    assert len(model.trainable_weights) == len({id(w) for layer in model.layers for w in layer.trainable_weights}) > 0


def test_layers_of_a_model_in_the_model_are_frozen_too():
    inner = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(2, 3), keras.layers.BatchNormalization()])
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.Identity(name="stride1")(inner(inputs))
    model = keras.Model(inputs, keras.layers.Dense(2, name="predictions")(keras.layers.Flatten()(x)))
    assert freeze(model, Stage("all", 1, 1e-3)) == [inner.layers[1]]
    assert {each.path for each in model.trainable_weights} == {
        each.path for layer in (inner.layers[0], model.get_layer("predictions")) for each in layer.weights
    }
    assert set(freeze(model, Stage("head", 1, 1e-3))) == {inner, *inner.layers}


def test_unknown_stride_lists_the_known_ones(model):
    with pytest.raises(ValueError, match=r"stride8, stride16, stride32.*'stride4'"):
        freeze(model, Stage("stride4", 1, 1e-3))


@pytest.mark.parametrize("trainable", ["head", "stride8"])
def test_network_without_stages_has_no_head_to_train_alone(trainable):
    inputs = layers.Input((8,))
    model = keras.Model(inputs, layers.Dense(2)(inputs), name="flat")
    with pytest.raises(ValueError, match="flat has the stages none"):
        freeze(model, Stage(trainable, 1, 1e-3))
    assert freeze(model, Stage("all", 1, 1e-3)) == []


def test_transfer_trains_the_head_and_then_everything():
    head, fine_tune = transfer(10, 5, patience=3)
    assert head == Stage("head", 10, 1e-3, patience=3, name="head")
    assert fine_tune == Stage("all", 5, 1e-4, schedule="cosine", warmup_epochs=1.0, patience=3, name="fine-tune")
    assert head.batch_norm == fine_tune.batch_norm == "frozen"


def test_a_stage_cannot_change_and_is_equal_to_one_that_says_the_same():
    factors = {"stride8": 0.1, "stride16": 0.3}
    stage = Stage("all", 1, 1e-3, rate_factors=factors)
    factors["stride8"] = 1.0
    assert {stage, Stage("all", 1, 1e-3, rate_factors={"stride16": 0.3, "stride8": 0.1})} == {stage}
    assert stage != Stage("all", 1, 1e-3, rate_factors=factors)
    with pytest.raises(TypeError):
        stage.rate_factors["stride8"] = 1.0


def test_the_settings_of_a_stage_are_what_json_gives_again_and_make_it_again():
    stage = Stage("all", 1, 1e-3, rate_factors={"stride8": 0.1}, patience=2)
    settings = stage.settings()
    assert settings["rate_factors"] == {"stride8": 0.1}
    assert json.loads(json.dumps(settings)) == settings
    assert Stage(**settings) == stage == replace(stage) == Stage(**asdict(stage))


def test_transfer_leaves_out_a_part_without_epochs():
    assert [stage.name for stage in transfer(3, 0)] == ["head"]
    assert [(stage.name, stage.trainable) for stage in transfer(0, 3, fine_tune_from="all")] == [("fine-tune", "all")]
    with pytest.raises(ValueError, match="head_epochs, or fine_tune_epochs"):
        transfer(0, 0)


def test_transfer_unfreezes_gradually_where_several_parts_are_named():
    stages = transfer(3, 2, fine_tune_from=("stride32", "all"), rate_factors={"stride16": 0.5})
    assert [(stage.name, stage.trainable, stage.epochs) for stage in stages] == [
        ("head", "head", 3), ("fine-tune stride32", "stride32", 2), ("fine-tune all", "all", 2),
    ]  # fmt: skip
    assert [dict(stage.rate_factors) for stage in stages] == [{}, {"stride16": 0.5}, {"stride16": 0.5}]
    with pytest.raises(ValueError, match="of a part"):
        transfer(0, 2, fine_tune_from=())


def test_from_scratch_trains_everything_at_once():
    (stage,) = from_scratch(20, learning_rate=0.01, warmup_epochs=2)
    assert (stage.trainable, stage.batch_norm, stage.schedule) == ("all", "trained", "cosine")
    assert (stage.epochs, stage.learning_rate, stage.warmup_epochs) == (20, 0.01, 2)
    assert stage.weight_decay > 0


@pytest.mark.parametrize("epochs", [1, 2, 3])
def test_warm_up_is_shorter_than_the_shortest_run(epochs):
    for stage in (*from_scratch(epochs), *transfer(0, epochs)):
        assert 0 < stage.warmup_epochs < epochs


def test_stage_is_named_by_what_it_trains():
    assert Stage("stride16", 1, 1e-3).name == "stride16"
    assert Stage("stride16", 1, 1e-3, name="neck").name == "neck"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"epochs": 0}, "at least one epoch"),
        ({"learning_rate": 0.0}, "positive learning rate"),
        ({"learning_rate": float("nan")}, "positive learning rate"),
        ({"warmup_epochs": 5}, "warmup_epochs must be shorter"),
        ({"warmup_epochs": -1}, "warmup_epochs must be shorter"),
        ({"schedule": "cosin"}, "schedule must be constant or cosine"),
        ({"batch_norm": "freeze"}, "batch_norm must be frozen or trained"),
        ({"patience": 0}, "patience must be at least 1"),
        ({"weight_decay": -1e-4}, "weight_decay must not be negative"),
        ({"precision": "float16"}, "precision must be float32 or mixed_bfloat16"),
        ({"rate_factors": {"stride16": 0.1, "stride8": 0.0}}, "rate_factors must be positive.*stride8"),
        ({"ema_momentum": 1.0}, "ema_momentum must lie between 0 and 1"),
        ({"ema_momentum": float("nan")}, "ema_momentum must lie between 0 and 1"),
        ({"global_clipnorm": 0.0}, "global_clipnorm must be positive"),
        ({"global_clipnorm": 1.0, "rate_factors": {"head": 2.0}}, "global_clipnorm cannot go with rate_factors"),
    ],
)
def test_values_that_make_no_sense_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Stage(**{"trainable": "head", "epochs": 5, "learning_rate": 1e-3} | arguments)
