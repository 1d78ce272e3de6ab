"""Sizes as Keras' own layers give them, and receptive fields as they were published."""

import itertools

import pytest
from keras import layers

from kerascnn.ops import ReceptiveField, output_size, same_padding, transpose_output_size

SIZES = (1, 2, 3, 5, 8, 13, 32, 33, 224)
KERNEL_SIZES = (1, 2, 3, 4, 7, 11)
# Keras allows a stride or a dilation, and not both.
STEPS = [(1, 1), (2, 1), (3, 1), (4, 1), (5, 1), (1, 2), (1, 3)]


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(("strides", "dilation_rate"), STEPS)
def test_output_size_is_that_of_a_keras_convolution(strides, dilation_rate, padding):
    steps = {"strides": strides, "padding": padding, "dilation_rate": dilation_rate}
    for kernel_size in KERNEL_SIZES:
        convolution = layers.Conv2D(1, kernel_size, **steps)
        for size in SIZES:
            if padding == "same" or dilation_rate * (kernel_size - 1) < size:
                expected = convolution.compute_output_shape((None, size, 40, 1))[1]
                assert output_size(size, kernel_size, **steps) == expected
            else:
                with pytest.raises(ValueError, match="zero or negative"):
                    convolution.compute_output_shape((None, size, 40, 1))
                with pytest.raises(ValueError, match="larger than the padded input"):
                    output_size(size, kernel_size, **steps)


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("strides", [1, 2, 3, 4])
def test_output_size_is_that_of_a_keras_pooling(strides, padding):
    for size, pool_size in itertools.product(SIZES, KERNEL_SIZES):
        if padding == "same" or pool_size <= size:
            pooling = layers.MaxPooling2D(pool_size, strides=strides, padding=padding)
            expected = pooling.compute_output_shape((None, size, 40, 1))[1]
            assert output_size(size, pool_size, strides=strides, padding=padding) == expected


@pytest.mark.parametrize(("strides", "dilation_rate"), STEPS)
def test_explicit_padding_is_a_valid_convolution_of_the_padded_input(strides, dilation_rate):
    steps = {"strides": strides, "dilation_rate": dilation_rate}
    for kernel_size, before, after in itertools.product(KERNEL_SIZES, (0, 1, 4), (0, 3)):
        shape = layers.ZeroPadding2D(((before, after), (0, 0))).compute_output_shape((None, 33, 33, 1))
        expected = layers.Conv2D(1, (kernel_size, 1), **steps).compute_output_shape(shape)[1]
        assert output_size(33, kernel_size, padding=(before, after), **steps) == expected
    assert output_size(33, 5, padding=2, **steps) == output_size(33, 5, padding=(2, 2), **steps)


@pytest.mark.parametrize(
    ("size", "kernel_size", "strides", "padding", "expected"),
    [
        (39, 3, 1, 0, 37),
        (37, 5, 2, 0, 17),
        (17, 5, 2, 0, 7),
        (7, 3, 2, 0, 3),  # (7 - 3) / 2 + 1, no remainder
        (8, 3, 2, 0, 3),  # floor(2.5) + 1: the last column is left out
        (227, 11, 4, 0, 55),
        (224, 11, 4, 2, 55),
        (224, 7, 2, 3, 112),
        (6, 3, 1, 1, 6),
        (3, 3, 1, 0, 1),
        (1, 3, 2, 1, 1),
    ],
)
def test_output_sizes_by_hand(size, kernel_size, strides, padding, expected):
    assert output_size(size, kernel_size, strides=strides, padding=padding) == expected


@pytest.mark.parametrize(
    ("size", "kernel_size", "strides", "dilation_rate", "expected"),
    [
        (224, 7, 2, 1, (2, 3)),
        (224, 3, 2, 1, (0, 1)),
        (225, 3, 2, 1, (1, 1)),
        (32, 5, 1, 1, (2, 2)),
        (32, 2, 1, 1, (0, 1)),
        (32, 3, 1, 4, (4, 4)),
        (32, 1, 2, 1, (0, 0)),  # a kernel smaller than the stride needs none
        (1, 7, 1, 1, (3, 3)),
    ],
)
def test_same_padding_by_hand(size, kernel_size, strides, dilation_rate, expected):
    assert same_padding(size, kernel_size, strides=strides, dilation_rate=dilation_rate) == expected


@pytest.mark.parametrize(("strides", "dilation_rate"), [*STEPS, (2, 2), (3, 2)])
def test_same_is_valid_after_its_padding(strides, dilation_rate):
    steps = {"strides": strides, "dilation_rate": dilation_rate}
    for size, kernel_size in itertools.product(SIZES, KERNEL_SIZES):
        padding = same_padding(size, kernel_size, **steps)
        assert output_size(size, kernel_size, padding=padding, **steps) == -(-size // strides)


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(("strides", "dilation_rate"), STEPS)
def test_transpose_output_size_is_that_of_keras(strides, dilation_rate, padding):
    steps = {"strides": strides, "padding": padding, "dilation_rate": dilation_rate}
    for kernel_size, output_padding in itertools.product(KERNEL_SIZES, (None, *range(strides))):
        transpose = layers.Conv2DTranspose(1, kernel_size, output_padding=output_padding, **steps)
        for size in SIZES:
            expected = transpose.compute_output_shape((None, size, 40, 1))[1]
            assert transpose_output_size(size, kernel_size, output_padding=output_padding, **steps) == expected


def test_transpose_undoes_a_same_convolution_of_an_even_input():
    for kernel_size, strides in itertools.product(KERNEL_SIZES, (1, 2, 4)):
        small = output_size(32, kernel_size, strides=strides, padding="same")
        assert transpose_output_size(small, kernel_size, strides=strides, padding="same") == 32


# (kernel_size, strides, padding) of the networks of the receptive field library, which Araujo et al. 2019 measured.
ALEXNET_V2 = [(11, 4, "valid"), (3, 2, "valid"), (5, 1, "same"), (3, 2, "valid")]
ALEXNET_V2 += [(3, 1, "same")] * 3 + [(3, 2, "valid")]
VGG_16 = [layer for convolutions in (2, 2, 3, 3, 3) for layer in [(3, 1, "same")] * convolutions + [(2, 2, "valid")]]
MOBILENET_V1 = [(3, strides, "same") for strides in (2, 1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1)]


@pytest.mark.parametrize(
    ("network", "size", "field", "stride", "padding"),
    [
        (ALEXNET_V2[:1], 224, 11, 4, 0),
        (ALEXNET_V2, 224, 195, 32, 64),
        (ALEXNET_V2, 321, 195, 32, 64),
        (VGG_16[:3], 224, 6, 2, 2),
        (VGG_16, 224, 212, 32, 90),
        (MOBILENET_V1, 224, 315, 32, 126),
        (MOBILENET_V1, 321, 315, 32, 157),
    ],
)
def test_receptive_field_is_the_published_one(network, size, field, stride, padding):
    seen = ReceptiveField()
    for kernel_size, strides, mode in network:
        before = same_padding(size, kernel_size, strides=strides)[0] if mode == "same" else 0
        seen = seen.extend(kernel_size, strides=strides, padding=before)
        size = output_size(size, kernel_size, strides=strides, padding=mode)
    assert seen == ReceptiveField(field, stride, -padding)


def test_new_receptive_field_is_one_pixel():
    assert ReceptiveField() == ReceptiveField(size=1, stride=1, start=0)
    assert ReceptiveField().extend(1) == ReceptiveField().merge() == ReceptiveField()


def test_dilated_kernel_sees_as_far_as_a_large_one():
    # Yu and Koltun 2016, table 1: the context module of 3x3 kernels with these dilations.
    fields = [ReceptiveField()]
    for dilation_rate in (1, 1, 2, 4, 8, 16, 1):
        fields.append(fields[-1].extend(3, dilation_rate=dilation_rate))
    assert [field.size for field in fields] == [1, 3, 5, 9, 17, 33, 65, 67]
    assert ReceptiveField(7, 2, -3).extend(3, dilation_rate=3, padding=3) == ReceptiveField(7, 2, -3).extend(
        7, padding=3
    )


def test_transpose_divides_the_stride():
    coarse = ReceptiveField(10, 8, -1)
    assert coarse.extend_transpose(4, strides=4).stride == 2
    assert coarse.extend_transpose(4, strides=4).size == 10  # each unit comes from one
    assert coarse.extend_transpose(8, strides=4).size == 18  # and here from two
    assert coarse.extend_transpose(3, strides=2).size == 14  # from one and from two in turn
    assert ReceptiveField().extend_transpose(2, strides=2).stride == 0.5
    assert coarse.extend_transpose(3, padding=1) == coarse.extend(3, padding=1)  # without a stride it is a convolution


def test_covering_a_map_sees_all_of_it_and_nothing_after_sees_more():
    field = ReceptiveField(212, 32, -90).cover(7)
    assert field == ReceptiveField(404, 0, -90)
    assert field.extend(3, strides=2, padding=1) == field
    assert field.merge(ReceptiveField(212, 32, -90)) == field


def test_merged_field_holds_both_even_where_their_centres_differ():
    assert ReceptiveField(3, 2, -1).merge(ReceptiveField(1, 2, 0)) == ReceptiveField(3, 2, -1)
    assert ReceptiveField(3, 2, -2).merge(ReceptiveField(3, 2, 0), ReceptiveField(1, 2, 1)) == ReceptiveField(5, 2, -2)


@pytest.mark.parametrize("name", ["size", "kernel_size", "strides", "dilation_rate"])
@pytest.mark.parametrize("value", [0, -1, 2.5, "3", None])
@pytest.mark.parametrize("function", [output_size, same_padding, transpose_output_size])
def test_sides_and_steps_are_whole_and_positive(function, name, value):
    options = {"size": 8, "kernel_size": 3, "strides": 1, "dilation_rate": 1} | {name: value}
    with pytest.raises(
        ValueError, match=rf"^{name} must be a whole number of at least 1\. Received: {name}={value!r}\.$"
    ):
        function(options.pop("size"), options.pop("kernel_size"), **options)


@pytest.mark.parametrize("padding", ["full", "SAME", None, -1, (1,), (1, 2, 3), (0, -1), 1.5, ("a", "b")])
def test_unknown_padding_is_refused(padding):
    with pytest.raises(ValueError, match=r"padding must be 'same', 'valid', a number of zeros or a pair"):
        output_size(8, 3, padding=padding)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"padding": 1}, r"padding must be 'valid' or 'same'\. Received: padding=1\."),
        ({"strides": 2, "output_padding": 2}, r"output_padding must .* Received: output_padding=2, strides=2\."),
        ({"output_padding": -1}, "output_padding must not be negative"),
    ],
)
def test_transpose_refuses_what_keras_does(options, message):
    with pytest.raises(ValueError, match=message):
        transpose_output_size(8, 3, **options)


def test_kernel_larger_than_the_padded_input_is_refused():
    message = r"padded input, 5\. Received: kernel_size=3, dilation_rate=3, size=4, padding=\(1, 0\)\."
    with pytest.raises(ValueError, match=message):
        output_size(4, 3, padding=(1, 0), dilation_rate=3)
    assert output_size(4, 3, padding="same", dilation_rate=3) == 4
    with pytest.raises(ValueError, match="kernel_size must be a whole number"):
        ReceptiveField().extend(0)
