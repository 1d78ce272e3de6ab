"""The table of a model against published ones, against gradients, and against sums of ones."""

import dataclasses
import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

from kerascnn.ops import describe


def rows_of(model):
    return {row.name: row for row in describe(model).rows}


@pytest.fixture(scope="module")
def lenet():
    """The network of the notes, "similar to LeNet-5"."""
    return keras.Sequential(
        [
            layers.Input((32, 32, 3), name="input"),
            layers.Conv2D(6, 5, activation="relu", name="conv1"),
            layers.MaxPooling2D(name="pool1"),
            layers.Conv2D(16, 5, activation="relu", name="conv2"),
            layers.MaxPooling2D(name="pool2"),
            layers.Flatten(name="flatten"),
            layers.Dense(120, activation="relu", name="fc3"),
            layers.Dense(84, activation="relu", name="fc4"),
            layers.Dense(10, activation="softmax", name="softmax"),
        ],
        name="lenet",
    )


def test_table_of_the_notes(lenet):
    description = describe(lenet)
    table = [(row.name, row.output_shape, row.activation_size, row.parameters) for row in description.rows]
    assert table == [
        ("input", (32, 32, 3), 3072, 0),
        ("conv1", (28, 28, 6), 4704, 456),
        ("pool1", (14, 14, 6), 1176, 0),
        ("conv2", (10, 10, 16), 1600, 2416),
        ("pool2", (5, 5, 16), 400, 0),
        ("flatten", (400,), 400, 0),
        ("fc3", (120,), 120, 48120),
        ("fc4", (84,), 84, 10164),
        ("softmax", (10,), 10, 850),
    ]
    assert description.parameters == 456 + 2416 + 48120 + 10164 + 850
    assert description.activation_size == 3072 + 4704 + 1176 + 1600 + 400 + 400 + 120 + 84 + 10
    assert description.multiply_adds == (
        28 * 28 * 6 * 5 * 5 * 3 + 10 * 10 * 16 * 5 * 5 * 6 + 400 * 120 + 120 * 84 + 84 * 10
    )
    sizes = [row.receptive_field[0] for row in description.rows]
    assert sizes == [1, 5, 6, 14, 16, 32, 32, 32, 32]  # the 5x5 map of 16 with stride 4 covers all 32 pixels
    assert [row.stride and row.stride[0] for row in description.rows] == [1, 1, 2, 2, 4, None, None, None, None]


def test_text_is_a_table_and_rows_are_plain_data(lenet, capsys):
    description = describe(lenet)
    assert capsys.readouterr().out == ""
    lines = str(description).splitlines()
    assert lines[0] == "lenet"
    conv1 = next(line for line in lines if "conv1" in line)
    cells = [cell.strip() for cell in conv1.strip("|").split("|")]
    assert cells == ["conv1", "Conv2D", "(28, 28, 6)", "4,704", "456", "352,800", "5", "1"]
    total = next(line for line in lines if "Total" in line)
    assert [cell for cell in total.replace("|", " ").split()] == ["Total", "11,566", "62,006", "651,720"]
    assert repr(description) == str(description)
    assert json.loads(json.dumps(dataclasses.asdict(description)))["rows"][1]["receptive_field"] == [5, 5]


def test_name_with_brackets_is_no_markup():
    model = keras.Sequential([keras.Input((4, 6, 1)), layers.MaxPooling2D((1, 3), name="[bold]pool")])
    text = str(describe(model))
    assert "[bold]pool" in text
    assert "1x3" in text  # the receptive field, height before width


@pytest.mark.parametrize(
    ("network", "options", "multiply_adds", "last_map", "field", "stride", "start"),
    [
        # Howard et al. 2017, table 4: 569 million.
        ("MobileNet", {}, 568_740_352, "conv_pw_13_relu", 315, 32, -126),
        # Sandler et al. 2018, table 4: 300 million. The field by hand: 3 + 4 + (4 + 8) + (8 + 32) + (16 + 96) + ...
        ("MobileNetV2", {}, 300_774_272, "out_relu", 491, 32, -214),
        # Simonyan and Zisserman 2015: 15.5 billion with the dense layers, which are heavy to build.
        ("VGG16", {"include_top": False}, 15_470_264_320 - 123_633_664, "block5_pool", 212, 32, -90),
    ],
)
def test_published_networks(network, options, multiply_adds, last_map, field, stride, start):
    model = getattr(keras.applications, network)(weights=None, input_shape=(224, 224, 3), **options)
    description = describe(model)
    row = {row.name: row for row in description.rows}[last_map]
    assert (row.receptive_field, row.stride) == ((field, field), (stride, stride))
    assert description.parameters == model.count_params()
    assert description.multiply_adds == multiply_adds
    assert row.start == (start, start)  # minus what Araujo et al. 2019 list as effective padding


def test_resnet_50():
    model = keras.applications.ResNet50(weights=None)
    # He et al. 2016, table 1: 3.8 billion. The stride is in the first 1x1 convolution of a stage, as in the paper.
    expected, channels = 112**2 * 7 * 7 * 3 * 64 + 2048 * 1000, 64
    for blocks, filters, side in ((3, 64, 56), (4, 128, 28), (6, 256, 14), (3, 512, 7)):
        expected += side**2 * channels * 4 * filters  # the projection
        for _ in range(blocks):
            expected += side**2 * (channels * filters + 9 * filters**2 + filters * 4 * filters)
            channels = 4 * filters
    description = describe(model)
    assert description.multiply_adds == expected
    ends = {row.name: row.receptive_field[0] for row in description.rows if row.name.endswith("_out")}
    stages = ("conv2_block3_out", "conv3_block4_out", "conv4_block6_out", "conv5_block3_out")
    assert [ends[name] for name in stages] == [35, 99, 291, 483]  # Araujo et al. 2019


def inception(x):
    """Make a module of GoogLeNet with one filter in each branch."""
    convolutions = [layers.Conv2D(1, kernel_size, padding="same") for kernel_size in (1, 3, 5, 1)]
    pooled = layers.MaxPooling2D(3, strides=1, padding="same")(x)
    sources = (x, layers.Conv2D(1, 1)(x), layers.Conv2D(1, 1)(x), pooled)
    return layers.Concatenate()([conv(source) for conv, source in zip(convolutions, sources, strict=True)])


def test_googlenet_sees_what_its_largest_branches_do():
    inputs = keras.Input((224, 224, 3))
    x = layers.MaxPooling2D(3, 2, padding="same")(layers.Conv2D(1, 7, 2, padding="same")(inputs))
    x = layers.MaxPooling2D(3, 2, padding="same")(layers.Conv2D(1, 3, padding="same")(x))
    x = layers.MaxPooling2D(3, 2, padding="same")(inception(inception(x)))
    for _ in range(5):
        x = inception(x)
    x = inception(inception(layers.MaxPooling2D(3, 2, padding="same")(x)))
    rows = describe(keras.Model(inputs, x)).rows
    # 7, 11, 19 and 27 in the stem; a 5x5 kernel adds four strides, a pooling two.
    assert [row.receptive_field[0] for row in rows if row.kind == "Concatenate"] == [
        *(27 + 4 * 8, 27 + 8 * 8),
        *(91 + 2 * 8 + 4 * 16 * module for module in (1, 2, 3, 4, 5)),
        *(427 + 2 * 16 + 4 * 32, 427 + 2 * 16 + 8 * 32),
    ]
    assert (rows[-1].receptive_field, rows[-1].stride) == ((715, 715), (32, 32))


def input_extent(model, unit, axis):
    """Find (first, number) of the input pixels along an axis that a unit of the output depends on, by its gradient."""

    @tf.function  # eagerly, oneDNN corrupts the heap in the gradient of a 1x1 kernel with strides (TensorFlow 2.21)
    def gradient(picture):
        with tf.GradientTape() as tape:
            tape.watch(picture)
            output = ops.sum(model(picture), axis=-1)[(0, *unit)]
        return tape.gradient(output, picture)[0]

    seen = np.flatnonzero(np.abs(gradient(tf.ones((1, *model.input_shape[1:])))).sum(axis=(1 - axis, 2)))
    return seen[0], seen[-1] - seen[0] + 1


def conv(kernel_size, **options):
    """Make a linear convolution without zeros among its weights."""
    return layers.Conv2D(2, kernel_size, kernel_initializer="ones", **options)


def depthwise(kernel_size, **options):
    return layers.DepthwiseConv2D(kernel_size, depthwise_initializer="ones", **options)


def transpose(kernel_size, **options):
    return layers.Conv2DTranspose(2, kernel_size, kernel_initializer="ones", **options)


def residual(x):
    """Add what a 3x3 kernel with stride 2 gives to what a 1x1 kernel does: on an even input, off the centre."""
    x = layers.Add()([conv(3, strides=2, padding="same")(x), conv(1, strides=2)(x)])
    return layers.ReLU()(layers.BatchNormalization()(x))


def crooked(x):
    """Concatenate branches of which none holds the other."""
    left = conv(3)(layers.ZeroPadding2D(((2, 0), (0, 2)))(x))
    right = conv(3)(layers.ZeroPadding2D(((0, 2), (2, 0)))(x))
    return layers.Concatenate()([left, right])


NETWORKS = {
    "one convolution": [conv((3, 5))],
    "same, even kernel": [conv(4, padding="same"), conv(2, padding="same")],
    "strides": [conv((7, 5), strides=(2, 3), padding="same"), conv(3, strides=2, padding="same")],
    "dilated": [conv(3, dilation_rate=2), conv(3, dilation_rate=(3, 1), padding="same")],
    "pooled": [conv(3), layers.AveragePooling2D(3, strides=2), conv(3), layers.AveragePooling2D(2, padding="same")],
    "separable": [
        depthwise(3, strides=2, padding="same"),
        layers.SeparableConv2D(2, 3, depthwise_initializer="ones", pointwise_initializer="ones"),
    ],
    "padded and cropped": [layers.ZeroPadding2D(((3, 0), (1, 2))), conv(3), layers.Cropping2D(((2, 1), (0, 3)))],
    "grouped": [conv(3), conv(5, groups=2), layers.Dropout(0.5), layers.Identity(), layers.Rescaling(2.0)],
    "residual": [residual, residual],
    "crooked": [conv(3, strides=2), crooked],
    "transposed": [transpose((3, 5), padding="same"), conv(3)],
}
ENLARGING = {
    "nearest": [layers.UpSampling2D((2, 3))],
    "bilinear": [layers.UpSampling2D((2, 4), interpolation="bilinear")],
    "nearest, then smoothed": [layers.UpSampling2D((2, 3)), conv(3), conv(2)],
    "transposed": [transpose(4, strides=(2, 4), padding="same")],
    "transposed, overlapping unevenly": [transpose((3, 7), strides=(2, 3))],
    "transposed with output padding": [
        transpose(3, strides=2, padding="same", output_padding=0),
        conv(3, padding="same"),
    ],
}


def build(network, size):
    """Chain layers, each with weights of its own however often the network is built."""
    inputs = x = keras.Input((*size, 3))
    for layer in network:
        x = type(layer).from_config(layer.get_config())(x) if isinstance(layer, layers.Layer) else layer(x)
    return keras.Model(inputs, x)


@pytest.mark.parametrize("size", [(48, 48), (47, 53)], ids=["even", "odd"])
@pytest.mark.parametrize("name", NETWORKS)
def test_receptive_field_is_where_the_gradient_is(name, size):
    model = build(NETWORKS[name], size)
    row = describe(model).rows[-1]
    unit = [side // 2 for side in row.output_shape[:2]]
    for axis in (0, 1):
        expected = (row.start[axis] + unit[axis] * row.stride[axis], row.receptive_field[axis])
        assert input_extent(model, unit, axis) == expected


@pytest.mark.parametrize("name", ENLARGING)
def test_receptive_field_in_an_enlarged_map_is_the_mean(name):
    model = build([conv(4, strides=2), *ENLARGING[name]], (40, 40))
    row = describe(model).rows[-1]
    for axis in (0, 1):
        factor = round(2 / row.stride[axis])
        units = [side // 2 for side in row.output_shape[:2]]
        extents = []
        for shift in range(factor):  # the units differ in their place between two units of the coarser map
            first, number = input_extent(model, [units[0] + shift, units[1] + shift], axis)
            extents.append((first - (units[axis] + shift) * row.stride[axis], number))
        assert np.mean(extents, axis=0) == pytest.approx((row.start[axis], row.receptive_field[axis]))


def ones(layer, shape):
    """Build a layer whose weights are all 1, and put it into a model."""
    model = keras.Sequential([keras.Input(shape), layer])
    layer.set_weights([np.ones_like(weight) for weight in layer.get_weights()])
    return model


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (layers.Conv2D(5, 3, use_bias=False), (8, 9, 4)),
        (layers.Conv2D(4, (3, 2), strides=2, use_bias=False), (9, 8, 3)),
        (layers.Conv2D(6, 3, groups=3, use_bias=False), (7, 7, 9)),
        (layers.Conv2D(2, 3, dilation_rate=2, use_bias=False), (7, 8, 2)),
        (layers.DepthwiseConv2D(3, depth_multiplier=2, use_bias=False), (6, 7, 5)),
        (layers.Conv2DTranspose(3, 3, strides=2, use_bias=False), (4, 5, 2)),
        (layers.Conv1D(4, 3, use_bias=False), (9, 2)),
        (layers.Dense(7, use_bias=False), (11,)),
        (layers.Dense(7, use_bias=False), (4, 5, 3)),
    ],
)
def test_multiply_adds_are_the_ones_that_are_summed(layer, shape):
    # With ones for weights and pixels, and no padding, each product adds 1 to the sum of the outputs.
    model = ones(layer, shape)
    assert describe(model).multiply_adds == ops.sum(model(np.ones((1, *shape), "float32")))


def test_multiply_adds_of_a_picture_of_zeros_around_and_of_a_separable_convolution():
    model = keras.Sequential([keras.Input((8, 8, 4)), layers.SeparableConv2D(6, 3, depth_multiplier=2, padding="same")])
    assert describe(model).multiply_adds == 8 * 8 * (3 * 3 * 4 * 2 + 4 * 2 * 6)
    # The saving of Howard et al. 2017, section 3.1: 1 / N + 1 / f^2 of a plain convolution.
    separable = keras.Sequential([keras.Input((8, 8, 4)), layers.SeparableConv2D(16, 3, padding="same")])
    plain = keras.Sequential([keras.Input((8, 8, 4)), layers.Conv2D(16, 3, padding="same")])
    share = describe(separable).multiply_adds / describe(plain).multiply_adds
    assert share == pytest.approx(1 / 16 + 1 / 3**2)


def test_shared_layer_works_twice_and_weighs_once():
    inputs = [keras.Input((8, 8, 3)), keras.Input((8, 8, 3))]
    shared = layers.Conv2D(2, 3, name="shared")
    model = keras.Model(inputs, layers.Subtract()([shared(image) for image in inputs]))
    description = describe(model)
    calls = [row for row in description.rows if row.name == "shared"]
    assert [row.parameters for row in calls] == [56, 0]
    assert [row.multiply_adds for row in calls] == [6 * 6 * 27 * 2] * 2
    assert description.parameters == model.count_params()


def test_nested_model_is_listed_layer_by_layer():
    image = keras.Input((32, 32, 3))
    fine = layers.Conv2D(4, 3, strides=2, name="conv2")(image)
    coarse = layers.Conv2D(8, 3, strides=2, name="conv4")(fine)
    backbone = keras.Model(image, {"stride4": coarse, "stride2": fine}, name="backbone")
    preprocess = keras.Sequential([keras.Input((32, 32, 3)), layers.Rescaling(2.0, name="scale")], name="preprocess")

    inputs = keras.Input((32, 32, 3), name="image")
    maps = backbone(preprocess(inputs))
    outputs = [layers.Conv2D(1, 3, name=f"head_{name}")(x) for name, x in maps.items()]
    description = describe(keras.Model(inputs, outputs))
    rows = {row.name: row for row in description.rows}
    names = ("image", "preprocess/scale", "backbone/conv2", "backbone/conv4", "head_stride2", "head_stride4")
    assert set(rows) == set(names)
    assert rows["head_stride2"].receptive_field == (7, 7)
    assert rows["head_stride4"].receptive_field == (15, 15)
    assert description.parameters == backbone.count_params() + 37 + 73


def test_part_of_a_larger_graph_is_described_alone():
    image = keras.Input((32, 32, 3))
    first = layers.Conv2D(4, 3, name="first")
    layers.Conv2D(1, 3)(first(keras.Input((16, 16, 3))))  # the layer's first call is in another graph
    x = first(image)
    layers.Conv2D(4, 7, name="beside")(x)
    model = keras.Model(image, layers.ReLU(name="last")(x))
    calls = len(first._inbound_nodes)
    rows = rows_of(model)
    assert list(rows)[1:] == ["first", "last"]
    assert rows["first"].output_shape == (30, 30, 4)
    assert len(first._inbound_nodes) == calls  # describing adds nothing to the graph


def test_every_unit_sees_the_whole_after_squeeze_and_excitation():
    inputs = keras.Input((32, 32, 3))
    x = layers.Conv2D(4, 3, strides=2, padding="same")(inputs)
    gate = layers.Dense(4, activation="sigmoid")(layers.GlobalAveragePooling2D(keepdims=True)(x))
    x = layers.Conv2D(4, 3, padding="same")(layers.Multiply(name="gated")([x, gate]))
    rows = describe(keras.Model(inputs, x)).rows
    assert [row.receptive_field[0] for row in rows] == [1, 3, 33, 33, 33, 33]  # one pixel of padding
    assert rows[-1].stride is None


@pytest.mark.parametrize(
    ("layer", "field"),
    [
        (layers.Reshape((6, 6, 2, 1)), (3, 3)),  # the map remains
        (layers.Reshape((36, 2)), None),  # anchors in a row: which unit is where is not known
        (layers.Reshape((72,)), (8, 8)),
        (layers.Resizing(3, 3), None),
        (layers.GlobalMaxPooling2D(), (8, 8)),
        (layers.Softmax(), (3, 3)),
        (layers.LayerNormalization(), (3, 3)),
    ],
)
def test_layers_that_only_rearrange_or_work_on_each_unit(layer, field):
    model = keras.Sequential([keras.Input((8, 8, 1)), layers.Conv2D(2, 3), layer])
    assert describe(model).rows[-1].receptive_field == field


def test_decoder_of_a_vector_sees_the_whole_picture():
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Flatten(),
            layers.Dense(16),
            layers.Reshape((4, 4, 1)),
            layers.Conv2DTranspose(1, 3, strides=2, padding="same"),
        ]
    )
    row = describe(model).rows[-1]
    assert (row.output_shape, row.receptive_field, row.stride) == ((8, 8, 1), (8, 8), None)


def test_operations_are_rows_too():
    inputs = keras.Input((8, 8, 1))
    x = layers.Conv2D(1, 3, padding="same")(inputs)
    rows = describe(keras.Model(inputs, ops.concatenate([x + inputs, inputs]))).rows
    assert [row.kind for row in rows] == ["InputLayer", "Conv2D", "Add", "Concatenate"]
    assert [row.receptive_field[0] for row in rows] == [1, 3, 3, 3]
    assert rows[-1].parameters == rows[-1].multiply_adds == 0


def test_model_without_a_picture_has_no_receptive_field():
    description = describe(keras.Sequential([keras.Input((5,)), layers.Dense(2, name="only")]))
    assert [(row.receptive_field, row.stride, row.start) for row in description.rows] == [(None, None, None)] * 2
    assert (description.parameters, description.multiply_adds, description.activation_size) == (12, 10, 7)


def test_model_of_one_layer():
    model = keras.Sequential([keras.Input((7, 5, 1), batch_size=2), layers.Conv2D(1, (3, 2), name="only")])
    row = describe(model).rows[-1]
    assert (row.output_shape, row.activation_size) == ((5, 4, 1), 20)  # of one picture, whatever the batch
    assert (row.receptive_field, row.stride, row.start) == ((3, 2), (1, 1), (0, 0))
    assert row.multiply_adds == 5 * 4 * 6


class Subclassed(keras.Model):
    def call(self, inputs):
        return inputs


@pytest.mark.parametrize("model", [Subclassed(), keras.Sequential([layers.Dense(1)]), layers.Dense(1)])
def test_model_without_a_graph_is_refused(model):
    with pytest.raises(ValueError, match="model must be a functional or Sequential model that is built"):
        describe(model)


def test_size_that_is_not_fixed_is_refused():
    backbone = keras.Sequential([keras.Input((None, None, 3)), layers.Conv2D(2, 3, name="conv")], name="backbone")
    with pytest.raises(ValueError, match=r"fixed input size.*Received: layer input_layer\S* with the output shape"):
        describe(backbone)
    inputs = keras.Input((8, 8, 3))
    with pytest.raises(ValueError, match=r"fixed input size.*Received: layer backbone/"):
        describe(keras.Model(inputs, backbone(inputs)))


def test_channels_first_are_refused():
    pooling = layers.MaxPooling2D(data_format="channels_first", name="pool")
    with pytest.raises(ValueError, match=r"channels last\. Received: pool with channels_first\."):
        describe(keras.Sequential([keras.Input((3, 8, 8)), pooling]))
