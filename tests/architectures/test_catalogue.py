"""Networks by their names; what each of them promises stands in `tests/contracts/test_architectures.py`."""

import inspect

import pytest

from kerascnn import architectures
from kerascnn.architectures import CLASSIFIERS, backbone, build, check_options, scratch_options, yolo

SHAPE = (32, 32, 3)


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_a_name_is_that_of_its_public_builder(name):
    builder = CLASSIFIERS[name]
    assert builder is getattr(architectures, name)
    assert name in architectures.__all__
    parameters = inspect.signature(builder).parameters
    assert list(parameters)[:3] == ["input_shape", "num_classes", "weights"]
    assert all(option.kind is option.KEYWORD_ONLY for option in list(parameters.values())[2:])
    assert len(parameters) <= 6
    assert set(scratch_options(name)) <= set(parameters)


def test_options_reach_the_builder():
    assert build("mobilenet_v2", SHAPE, None, alpha=0.35).name == "mobilenet_v2_0.35"
    with pytest.raises(ValueError, match=r"has the options weights, alpha, dropout\. Received: alfa"):
        build("mobilenet_v2", SHAPE, None, alfa=0.35)


def test_a_head_has_options_beside_those_of_its_body():
    check_options("darknet19", ["passthrough", "dropout"], yolo)
    for name, options, head in (("darknet19", ["passthrough"], None), ("darknet19", ["alpha"], yolo)):
        with pytest.raises(ValueError, match=rf"darknet19 has the options weights, dropout.*Received: {options[0]}"):
            check_options(name, options, head)


@pytest.mark.parametrize("function", [build, backbone])
def test_unknown_names_list_the_known_ones(function):
    arguments = (SHAPE, 2) if function is build else (SHAPE,)
    with pytest.raises(ValueError, match=r"one of lenet5, .*darknet19\. Received: architecture='resnet51'"):
        function("resnet51", *arguments)


def test_backbone_gives_the_maps_that_are_asked_for():
    model = backbone("mobilenet_v2", (64, 32, 3), strides=(16, 8), alpha=0.35)
    assert model.name == "mobilenet_v2_backbone"
    assert set(model.output) == {"stride8", "stride16"}
    assert model.output["stride8"].shape[1:3] == (8, 4)
    assert model.output["stride16"].shape[1:3] == (4, 2)


def test_backbone_has_no_layers_after_its_last_map():
    names = {layer.name for layer in backbone("resnet20", SHAPE, strides=(2,)).layers}
    assert "conv3_block3_out" in names
    assert not any(name.startswith("conv4") for name in names)


@pytest.mark.parametrize("strides", [(3,), (2, 64), ()])
def test_backbone_lists_the_strides_that_it_has(strides):
    with pytest.raises(ValueError, match=r"some of stride1, stride2, stride4 of resnet20\. Received: strides=\("):
        backbone("resnet20", SHAPE, strides=strides)


def test_only_inception_has_options_for_training_from_scratch():
    assert {name: scratch_options(name) for name in CLASSIFIERS if scratch_options(name)} == {
        "inception_v1": {"auxiliary": True}
    }
    scratch_options("inception_v1")["auxiliary"] = False  # the caller's own dict
    assert scratch_options("inception_v1") == {"auxiliary": True}
