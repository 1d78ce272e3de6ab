"""Two files in one answer as the one after the other."""

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from keras import layers

from kerascnn.export.flatbuffer import pack, unpack
from kerascnn.export.joining import join
from kerascnn.export.tflite import _convert, _keep_float32


def convert(model, names):
    return _convert(model, _keep_float32, names)


@pytest.fixture(scope="module")
def network():
    """A network with two outputs, `wide` and `narrow`."""
    keras.utils.set_random_seed(0)
    inputs = layers.Input((6, 5, 3))
    x = layers.Conv2D(4, 3, activation="relu")(inputs)
    return keras.Model(inputs, {"wide": layers.Conv2D(7, 1)(x), "narrow": layers.Conv2D(2, 1)(x)})


@pytest.fixture(scope="module")
def rest():
    """What takes them in the other order, and has weights and constants of its own."""
    keras.utils.set_random_seed(1)
    narrow, wide = layers.Input((4, 3, 2)), layers.Input((4, 3, 7))
    joined = layers.Concatenate()([narrow, keras.ops.exp(wide)])
    outputs = {"b": layers.Dense(3)(layers.Flatten()(joined)), "a": keras.ops.sigmoid(narrow) + 1}
    return keras.Model([narrow, wide], outputs)


@pytest.fixture(scope="module")
def parts(network, rest):
    return convert(network, ["image"]), convert(rest, ["narrow", "wide"])


def test_the_joined_file_answers_as_both(parts, network, rest):
    content = join(*parts)
    runner = Interpreter(model_content=content).get_signature_runner()
    images = np.random.default_rng(0).normal(size=(3, 6, 5, 3)).astype("float32")
    between = network.predict_on_batch(images)
    expected = rest.predict_on_batch([between["narrow"], between["wide"]])
    for number in range(3):
        found = runner(image=images[number : number + 1])
        assert found.keys() == {"a", "b"}
        for name, values in found.items():
            np.testing.assert_allclose(values, expected[name][number : number + 1], rtol=1e-4, atol=1e-5)


def test_the_joined_file_has_one_graph_with_the_outer_ends(parts):
    (graph,) = unpack(join(*parts)).subgraphs
    first, second = (unpack(part).subgraphs[0] for part in parts)
    assert (len(graph.inputs), len(graph.outputs)) == (1, 2)
    assert len(graph.operators) == len(first.operators) + len(second.operators)


def test_the_newer_of_both_runtimes_is_asked_for(parts):
    first, second = parts
    for versions in ((b"1.5.0", b"2.10.0"), (b"2.10.0", b"2.9.0")):
        changed = []
        for part, version in zip((first, second), versions, strict=True):
            model = unpack(part)
            _entry(model).data = np.frombuffer(version.ljust(16, b"\0"), np.uint8)
            changed.append(pack(model))
        assert bytes(_entry(unpack(join(*changed))).data).rstrip(b"\0") == b"2.10.0"


def _entry(model):
    (number,) = [each.buffer for each in model.metadata if each.name == b"min_runtime_version"]
    return model.buffers[number]


def test_an_input_that_the_first_file_does_not_give_is_refused(parts):
    with pytest.raises(ValueError, match=r"outputs of the first, narrow, wide\. Received: inputs image\."):
        join(parts[0], parts[0])


def test_a_file_with_a_loop_is_refused(parts):
    model = unpack(parts[1])
    model.subgraphs *= 2
    with pytest.raises(ValueError, match="Received: files of 1 and 2 graphs"):
        join(parts[0], pack(model))
