"""Checkpoints of PyTorch, written by PyTorch and by hand, are read without it; whatever else they hold is not run.

The files of `fixtures/` were made once, by PyTorch 2.14.1 and safetensors 0.8.0:

    flat = torch.arange(12.0)
    state = torch.nn.BatchNorm2d(2).state_dict(prefix="norm.")
    state["kernel"] = torch.arange(36.0).reshape(2, 2, 3, 3) / 8
    state["transposed"] = torch.arange(6.0).reshape(2, 3).T
    state["head"], state["tail"] = flat[:4], flat[4:].reshape(2, 4)
    state["scalar"] = torch.tensor(2.5)
    state["half"] = torch.arange(5).half() / 4
    state["brain"] = torch.arange(5).bfloat16() / 4
    state["parameter"] = torch.nn.Parameter(-torch.arange(3.0))
    torch.save(state, "state_dict_zip.pth")
    torch.save(state, "state_dict_legacy.pth", _use_new_zipfile_serialization=False)
    apart = {name: t.detach().clone(memory_format=torch.contiguous_format) for name, t in state.items()}
    safetensors.torch.save_file(apart, "state_dict.safetensors")
"""

import os
import pickle
import random
import struct
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import NamedTuple

import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import save_file

from kerascnn.architectures.torch_checkpoint import read_torch_checkpoint

FIXTURES = sorted((Path(__file__).parent / "fixtures").glob("state_dict*"))
EXPECTED = {
    "norm.weight": np.ones(2, np.float32),
    "norm.bias": np.zeros(2, np.float32),
    "norm.running_mean": np.zeros(2, np.float32),
    "norm.running_var": np.ones(2, np.float32),
    "norm.num_batches_tracked": np.array(0, np.int64),
    "kernel": np.arange(36, dtype=np.float32).reshape(2, 2, 3, 3) / 8,
    "transposed": np.array([[0, 3], [1, 4], [2, 5]], np.float32),
    "head": np.arange(4, dtype=np.float32),
    "tail": np.arange(4, 12, dtype=np.float32).reshape(2, 4),
    "scalar": np.array(2.5, np.float32),
    "half": np.arange(5, dtype=np.float32) / 4,
    "brain": np.arange(5, dtype=np.float32) / 4,
    "parameter": -np.arange(3, dtype=np.float32),
}
FLOATS = np.arange(12, dtype=np.float32)


class Name(NamedTuple):
    """A global of a pickle: the module and the name in it."""

    module: str
    name: str


class Call(NamedTuple):
    """A function that a pickle calls: what is found under a name, and the arguments."""

    function: Name
    arguments: tuple


class Change(NamedTuple):
    """An object whose attributes a pickle sets."""

    target: object
    attributes: dict


class Stored(NamedTuple):
    """An id for what lies outside the pickle, as `torch.save` gives to storages."""

    id: object


VIEW = b"<view>"  # at the end of a storage's id: None in the legacy format, and not there in the zip archive
ORDERED_DICT = Name("collections", "OrderedDict")
REBUILD = Name("torch._utils", "_rebuild_tensor_v2")


def storage(key="0", kind="FloatStorage", length=12, view=VIEW):
    return Stored(("storage", Name("torch", kind), key, "cpu", length, view))


def tensor(shape=(3,), strides=(1,), offset=0, source=None):
    return Call(REBUILD, (source or storage(), offset, shape, strides, False, Call(ORDERED_DICT, ())))


def encode(value):
    """Give the instructions of a pickle that make a value, as protocol 2 has them."""
    match value:
        case Name(module, name):
            return f"c{module}\n{name}\n".encode()
        case Call(function, arguments):
            return encode(function) + encode(arguments) + b"R"
        case Change(target, attributes):
            return encode(target) + encode((None, attributes)) + b"b"
        case Stored(identity):
            return encode(identity) + b"Q"
        case dict():
            return b"}(" + b"".join(encode(part) for pair in value.items() for part in pair) + b"u"
        case tuple():
            return b"(" + b"".join(encode(part) for part in value) + b"t"
        case bytes():  # instructions as they are
            return value
    return pickle.dumps(value, 2)[2:-1]  # without the protocol before it and the stop after it


def dump(value, view=b""):
    return b"\x80\x02" + encode(value).replace(VIEW, view) + b"."


def write_zip(path, checkpoint, storages, *, compression=zipfile.ZIP_STORED, byteorder=b"little"):
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("archive/data.pkl", dump(checkpoint))
        archive.writestr("archive/byteorder", byteorder)
        for key, array in storages.items():
            archive.writestr(f"archive/data/{key}", array.tobytes())
        archive.writestr("archive/version", b"3\n")


def legacy_bytes(checkpoint, storages, *, magic=0x1950A86A20F9469CFC6C, version=1001, machine=(), keys=None):
    machine = machine or {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4}}
    pickles = (magic, version, machine, checkpoint, sorted(storages) if keys is None else keys)
    blocks = [struct.pack("<q", array.size) + array.tobytes() for _, array in sorted(storages.items())]
    return b"".join(dump(value, pickle.NONE) for value in pickles) + b"".join(blocks)


def write_legacy(path, checkpoint, storages):
    path.write_bytes(legacy_bytes(checkpoint, storages))


@pytest.fixture(params=[write_zip, write_legacy], ids=["zip", "legacy"])
def read(request, tmp_path):
    """Write a checkpoint by hand in one of the formats with pickles, and read it."""

    def write_and_read(checkpoint, storages=None):
        request.param(tmp_path / "x.pth", checkpoint, {"0": FLOATS} if storages is None else storages)
        return read_torch_checkpoint(tmp_path / "x.pth")

    return write_and_read


def assert_equal(arrays, expected):
    assert set(arrays) == set(expected)
    for name, array in arrays.items():
        assert array.dtype == expected[name].dtype, name
        np.testing.assert_array_equal(array, expected[name], err_msg=name)


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.name)
def test_what_torch_and_safetensors_wrote_is_read(path):
    arrays = read_torch_checkpoint(path)
    assert_equal(arrays, EXPECTED)
    if path.suffix == ".pth":
        assert list(arrays) == list(EXPECTED)
    for array in arrays.values():
        assert array.flags.owndata and array.flags.writeable and array.flags.c_contiguous


def test_there_is_a_fixture_of_every_format():
    starts = {path.name: path.read_bytes()[:4] for path in FIXTURES}
    assert set(starts) == {"state_dict.safetensors", "state_dict_legacy.pth", "state_dict_zip.pth"}
    assert starts["state_dict_zip.pth"] == b"PK\x03\x04"
    assert starts["state_dict_legacy.pth"] == b"\x80\x02\x8a\x0a"


@pytest.mark.parametrize(
    ("kind", "dtype", "result"),
    [
        ("DoubleStorage", "<f8", np.float32),
        ("FloatStorage", "<f4", np.float32),
        ("HalfStorage", "<f2", np.float32),
        ("BFloat16Storage", ml_dtypes.bfloat16, np.float32),
        ("LongStorage", "<i8", np.int64),
        ("IntStorage", "<i4", np.int32),
        ("ByteStorage", "u1", np.uint8),
        ("BoolStorage", "?", np.bool_),
    ],
)
def test_floating_types_become_float32_and_others_stay(read, kind, dtype, result):
    stored = np.array([1, 0, 3, 2, 0]).astype(dtype)
    arrays = read({"x": tensor((5,), source=storage("0", kind, 5))}, {"0": stored})
    assert_equal(arrays, {"x": stored.astype(result)})


@pytest.mark.parametrize(
    ("shape", "strides", "offset"),
    [
        ((), (), 0),
        ((), (), 11),
        ((12,), (1,), 0),
        ((3, 4), (4, 1), 0),
        ((4, 3), (1, 4), 0),
        ((2, 3), (6, 2), 1),
        ((2, 2, 3), (1, 6, 2), 0),
        ((3, 3), (1, 2), 5),  # elements that occur twice
        ((2, 3), (0, 1), 9),  # rows that are the same
        ((1, 2, 1), (2**80, 5, 7), 6),  # along an axis of one element the stride says nothing
        ((0,), (1,), 12),
        ((2, 0, 3), (2**80, 3, 1), 99),
    ],
)
def test_strides_and_offsets_choose_the_elements(read, shape, strides, offset):
    expected = np.empty(shape, np.float32)
    for index in np.ndindex(shape):
        expected[index] = FLOATS[offset + sum(place * stride for place, stride in zip(index, strides, strict=True))]
    assert_equal(read({"x": tensor(shape, strides, offset)}), {"x": expected})


@pytest.mark.parametrize(
    ("shape", "strides", "offset", "message"),
    [
        ((13,), (1,), 0, "reaches beyond the 12 elements"),
        ((3,), (1,), 10, "reaches beyond"),
        ((), (), 12, "reaches beyond"),
        ((3, 4), (5, 1), 0, "reaches beyond"),
        ((2, 2), (2**80, 1), 0, "reaches beyond"),
        ((2,), (2**62,), 0, "reaches beyond"),  # 2^64 bytes wrap to 0
        ((2**31, 2**31, 4), (0, 0, 0), 0, "reaches beyond"),  # one element repeated until the memory is full
        ((13,), (0,), 0, "reaches beyond"),
        ((3,), (-1,), 5, "not numbers from 0 up"),
        ((3,), (1,), -1, "not numbers from 0 up"),
        ((-3,), (1,), 0, "not numbers from 0 up"),
        ((-1, -1), (1, 1), 0, "not numbers from 0 up"),
        ((3.0,), (1,), 0, "not numbers from 0 up"),
        ((3,), (True,), 0, "not numbers from 0 up"),
        (("3",), (1,), 0, "not numbers from 0 up"),
        ((3, 3), (1,), 0, "shorter"),
        (3, 1, 0, "must be an iterable"),
        ((0, 2**70), (1, 1), 0, ""),
        ((1,) * 99, (1,) * 99, 0, ""),
    ],
)
def test_a_tensor_that_is_not_inside_its_storage_is_refused(read, shape, strides, offset, message):
    with pytest.raises(ValueError, match=rf"x\.pth cannot be read.*{message}"):
        read({"x": tensor(shape, strides, offset)})


def test_tensors_share_a_storage_and_none_shares_its_memory(read):
    arrays = read({"a": tensor(offset=2), "b": tensor(offset=2), "c": tensor(source=storage("7", "LongStorage", 3))},
                  {"0": FLOATS, "7": np.arange(3)})  # fmt: skip
    arrays["a"][:] = -1
    assert_equal({name: arrays[name] for name in "bc"}, {"b": FLOATS[2:5], "c": np.arange(3)})


def test_tensors_of_pytorch_before_0_4_are_read(read):
    old = Call(Name("torch._utils", "_rebuild_tensor"), (storage(), 3, (2, 2), (2, 1)))
    assert_equal(read({"x": old}), {"x": FLOATS[3:7].reshape(2, 2)})


def test_strings_of_python_2_are_read(read):
    def old(text):
        return b"U" + bytes([len(text)]) + text.encode()

    source = Stored((old("storage"), Name("torch", "FloatStorage"), old("0"), old("cpu"), 12, VIEW))
    assert_equal(read({old("x"): tensor(source=source)}), {"x": FLOATS[:3]})


def test_parameters_and_ordered_dicts_with_metadata_are_read(read):
    parameter = Call(Name("torch._utils", "_rebuild_parameter"), (tensor(), True, Call(ORDERED_DICT, ())))
    entries = b"(" + encode("x") + encode(parameter) + b"u"
    state = encode(Call(ORDERED_DICT, ())) + entries + encode({"_metadata": {"": {"version": 1}}}) + b"b"
    assert_equal(read(state), {"x": FLOATS[:3]})


@pytest.mark.parametrize("key", ["state_dict", "model"])
def test_a_state_dict_is_found_beside_plain_values(read, key):
    checkpoint = {"epoch": 90, "arch": "resnet50", "best": 0.76, key: {"x": tensor()}, "optimizer": {"lr": 0.1}}
    assert_equal(read(checkpoint), {"x": FLOATS[:3]})


def test_a_tensor_named_model_is_a_tensor(read):
    assert_equal(read({"model": tensor()}), {"model": FLOATS[:3]})


@pytest.mark.parametrize(
    ("checkpoint", "message"),
    [
        ({}, "it holds no tensors"),
        ({"state_dict": {}}, "it holds no tensors"),
        (Call(ORDERED_DICT, ()), "it holds no tensors"),
        ((), "it holds a tuple instead of a dict"),
        (7, "it holds a int instead of a dict"),
        ({"x": 3}, "its entry x is not a tensor but of type int"),
        ({"x": {"y": 3}}, "its entry x is not a tensor but of type dict"),
        ({"model": {"x": 3}}, "its entry x is not a tensor but of type int"),
        ({"model": {"state_dict": {}}}, "its entry state_dict is not a tensor but of type dict"),
        ({7: 3}, "the name of one of its entries is of type int"),
    ],
)
def test_what_is_not_a_dict_of_tensors_is_refused(read, checkpoint, message):
    with pytest.raises(ValueError, match=message):
        read(checkpoint, {})


def test_a_value_among_the_tensors_is_refused(read):
    with pytest.raises(ValueError, match="its entry epoch is not a tensor but of type int"):
        read({"x": tensor(), "epoch": 3})


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (None, "no attribute 'key'|not those of its tensors"),
        (("0", "FloatStorage", 12), "no attribute 'key'|not those of its tensors"),
        (Stored("0"), "in an unknown way"),
        (Stored(("module", ORDERED_DICT, "x.py", "print()")), "in an unknown way"),
        (storage("0", "FloatStorage", 12, ("1", 3, 4)), "in an unknown way"),  # a view, before PyTorch 0.4
        (storage("0", "FloatStorage", "12"), "in an unknown way"),
        (storage(0), "in an unknown way"),
        (Stored(("storage", "Float", "0", "cpu", 12, VIEW)), "in an unknown way"),
        (storage("0", "CharStorage"), r"it holds torch\.CharStorage"),
        (storage("0", "FloatStorage", 13), "52"),
        (storage("0", "FloatStorage", 11), "44"),
        (storage("0", "FloatStorage", -12), "-48"),
        (storage("0", "FloatStorage", 2**62), f"{2**64}|cannot fit"),
        (storage("0", "DoubleStorage"), "96"),
        (storage("1"), "no item named|not those of its tensors"),
        (storage("../version"), "no item named|not those of its tensors"),
    ],
)
def test_a_storage_that_is_not_as_declared_is_refused(read, source, message):
    call = Call(REBUILD, (source, 0, (3,), (1,), False, None))
    with pytest.raises(ValueError, match=rf"cannot be read.*({message})"):
        read({"x": call})


def test_two_declarations_of_a_storage_must_agree(read):
    with pytest.raises(ValueError, match="in an unknown way"):
        read({"x": tensor(), "y": tensor(source=storage("0", "LongStorage", 6))})


class Evil:
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def hostile(marker):
    """Give pickles by the name that they should be refused for; the first three would make the file `marker`."""
    code = f"open({str(marker)!r}, 'w').close()"
    of_python = {
        r"(posix|nt)\.system": Evil(os.system, f"touch {marker}"),
        r"builtins\.eval": Evil(eval, code),
        r"builtins\.exec": Evil(exec, code),
    }
    values = {
        name: pickle.dumps(evil, 2)[2:-1].replace(b"__builtin__", b"builtins") for name, evil in of_python.items()
    }
    chain = Call(Name("builtins", "getattr"), (Name("os", "path"), "os"))
    return values | {
        r"builtins\.getattr": Call(Name("builtins", "getattr"), (chain, "system")),
        r"operator\.attrgetter": Call(Name("operator", "attrgetter"), ("__globals__",)),
        r"torch\._utils\._rebuild_tensor_v2\.__globals__": Name("torch._utils", "_rebuild_tensor_v2.__globals__"),
        r"collections\.OrderedDict\.__init__": Name("collections", "OrderedDict.__init__"),
        r"collections\.\.OrderedDict": Name("collections.", "OrderedDict"),
        r"torch\.load": Call(Name("torch", "load"), ("other.pth",)),
        r"torch\._utils\.FloatStorage": Name("torch._utils", "FloatStorage"),
        r"kerascnn\.architectures\.torch_checkpoint\.pickle": Name("kerascnn.architectures.torch_checkpoint", "pickle"),
        r"numpy\.core\.multiarray\.scalar": Name("numpy.core.multiarray", "scalar"),
        r"argparse\.Namespace": Call(Name("argparse", "Namespace"), ()),
    }


@pytest.mark.parametrize("name", hostile("x"))
def test_names_that_no_state_dict_needs_are_refused_and_nothing_runs(read, tmp_path, name):
    value = hostile(tmp_path / "marker")[name]
    places = {
        "instead of the dict": value,
        "an entry": {"x": tensor(), "y": value},
        "beside the state dict": {"state_dict": {"x": tensor()}, "args": value},
        "a storage": {"x": tensor(source=value)},
        "a shape": {"x": tensor(shape=value)},
        "an id": {"x": tensor(source=Stored(value))},
    }
    for place, checkpoint in places.items():
        with pytest.raises(ValueError, match=rf"it holds {name}, .*could run code\. Save model\.state_dict\(\)"):
            read(checkpoint)
        assert not (tmp_path / "marker").exists(), place


@pytest.mark.parametrize("name", [r"(posix|nt)\.system", r"builtins\.eval"])
@pytest.mark.parametrize("place", ["magic", "version", "machine", "keys"])
def test_every_pickle_of_the_legacy_format_is_as_strict(tmp_path, name, place):
    path = tmp_path / "x.pth"
    value = hostile(tmp_path / "marker")[name]
    path.write_bytes(legacy_bytes({"x": tensor()}, {"0": FLOATS}, **{place: value}))
    with pytest.raises(ValueError, match=f"it holds {name}"):
        read_torch_checkpoint(path)
    assert not (tmp_path / "marker").exists()


def test_the_hostile_pickles_would_run_if_one_fell_for_them(tmp_path):
    for name in (r"(posix|nt)\.system", r"builtins\.eval", r"builtins\.exec"):
        value = hostile(tmp_path / "marker")[name]
        pickle.loads(dump(value))
        (tmp_path / "marker").unlink()


@pytest.mark.parametrize("target", [ORDERED_DICT, REBUILD, Name("torch", "FloatStorage"), storage(), tensor()])
@pytest.mark.parametrize("attribute", ["__defaults__", "__call__", "__new__", "items", "get", "key", "dtype"])
def test_a_pickle_cannot_change_what_the_next_file_is_read_with(read, target, attribute):
    try:
        read({"x": Change(target, {attribute: ()}), "y": tensor()})
    except ValueError as error:
        assert "cannot be read" in str(error)
    assert_equal(read({"x": tensor()}), {"x": FLOATS[:3]})


def test_a_dict_with_changed_methods_is_refused_or_read(read):
    spoilt = encode(Call(ORDERED_DICT, ())) + encode({"items": 3, "get": 3}) + b"b"
    with pytest.raises(ValueError, match="cannot be read"):
        read(spoilt, {})


def test_a_pickle_that_asks_for_room_for_billions_of_objects_is_refused(read):
    with pytest.raises(ValueError, match="numbers more objects than it has"):
        read(encode({}) + b"r" + struct.pack("<I", 2**32 - 1), {})


def test_compressed_members_are_refused(tmp_path):
    write_zip(tmp_path / "x.pth", {"x": tensor()}, {"0": FLOATS}, compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(ValueError, match="is compressed"):
        read_torch_checkpoint(tmp_path / "x.pth")


def test_big_endian_numbers_are_refused(tmp_path):
    write_zip(tmp_path / "x.pth", {"x": tensor()}, {"0": FLOATS}, byteorder=b"big")
    with pytest.raises(ValueError, match="big-endian"):
        read_torch_checkpoint(tmp_path / "x.pth")


@pytest.mark.parametrize("members", [[], ["data.pkl"], ["a/b/data.pkl"], ["a/data.pkl", "b/data.pkl"]])
def test_other_zip_archives_are_refused(tmp_path, members):
    with zipfile.ZipFile(tmp_path / "x.pth", "w") as archive:
        archive.writestr("readme.txt", "no weights")
        for member in members:
            archive.writestr(member, dump({"x": 3}))
    with pytest.raises(ValueError, match=r"but not one of torch\.save"):
        read_torch_checkpoint(tmp_path / "x.pth")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "it starts with b''"),
        (b"weights of a network\n", "it starts with b'weights '"),
        (b"<html>not found</html>", "it starts with b'<html>no'"),
        (b"\x89HDF\r\n\x1a\n", "neither a zip archive nor a pickle"),
        (b"PK\x03\x04", "not a zip file"),
        (b"\x80", "not enough data"),
        (pickle.dumps({"x": 3}), r"but not one of torch\.save"),
        (pickle.dumps(OrderedDict(x=np.zeros(3))), r"it holds numpy.*could run code"),
        (legacy_bytes({"x": tensor()}, {"0": FLOATS}, magic=0x1950A86A20F9469CFC6D), r"but not one of torch\.save"),
        (legacy_bytes({"x": tensor()}, {"0": FLOATS}, version=1000), r"but not one of torch\.save"),
        (legacy_bytes({"x": tensor()}, {"0": FLOATS}, keys=[]), "not those of its tensors"),
        (legacy_bytes({"x": tensor()}, {"0": FLOATS}, keys=["0", "1"]), "not those of its tensors"),
        (legacy_bytes({"x": tensor()}, {"0": FLOATS}, keys=["0", "0"]), "its storage 0 does not have the 48 bytes"),
        (legacy_bytes({"x": tensor()}, {"0": FLOATS}, keys=7), "not iterable"),
        (legacy_bytes({"x": tensor()}, {"0": FLOATS})[:-1], "its storage 0 does not have the 48 bytes"),
    ],
)
def test_files_of_other_formats_are_refused(tmp_path, data, message):
    (tmp_path / "x.pth").write_bytes(data)
    with pytest.raises(ValueError, match=rf"x\.pth cannot be read as a state dict of PyTorch: .*{message}"):
        read_torch_checkpoint(tmp_path / "x.pth")


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.name)
def test_truncated_files_are_refused(path, tmp_path):
    data, copy = path.read_bytes(), tmp_path / path.name
    for length in {*range(0, len(data), 37), len(data) - 1}:
        copy.write_bytes(data[:length])
        with pytest.raises(ValueError, match="cannot be read"):
            read_torch_checkpoint(copy)


@pytest.mark.filterwarnings("ignore:invalid escape sequence")  # of pickletools, in a string that is noise
@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.name)
def test_damaged_files_are_read_or_refused_and_nothing_else(path, tmp_path):
    rng, copy, refused = random.Random(1), tmp_path / path.name, 0
    for _ in range(300):
        data = bytearray(path.read_bytes())
        for _ in range(rng.choice((1, 2, 8))):
            place = rng.randrange(len(data))
            data[place : place + rng.choice((0, 1, 1, 4))] = rng.randbytes(rng.choice((0, 1, 1, 4)))
        copy.write_bytes(data)
        try:
            read_torch_checkpoint(copy)
        except ValueError:
            refused += 1
    assert refused > 150


@pytest.mark.parametrize("dtype", ["int8", "uint16"])
def test_other_types_in_safetensors_are_refused(tmp_path, dtype):
    path = tmp_path / "x.safetensors"
    save_file({"x": np.zeros(3, dtype)}, path)
    with pytest.raises(ValueError, match=rf"x is of type {dtype}, which is none of float64, float32"):
        read_torch_checkpoint(path)


FLOAT8 = b'{"x":{"dtype":"F8_E4M3","shape":[2],"data_offsets":[0,2]}}'


@pytest.mark.parametrize(
    "data",
    [b"", b"not safetensors", b"PK\x03\x04" + bytes(60), struct.pack("<Q", len(FLOAT8)) + FLOAT8 + bytes(2)],
    ids=["empty", "text", "zip", "float8"],
)
def test_safetensors_that_cannot_be_read_are_refused(tmp_path, data):
    (tmp_path / "x.safetensors").write_bytes(data)
    with pytest.raises(ValueError, match=r"x\.safetensors cannot be read"):
        read_torch_checkpoint(tmp_path / "x.safetensors")


def test_safetensors_without_tensors_are_refused(tmp_path):
    save_file({}, tmp_path / "x.safetensors")
    with pytest.raises(ValueError, match="it holds no tensors"):
        read_torch_checkpoint(tmp_path / "x.safetensors")


@pytest.mark.parametrize("name", ["x.pth", "x.safetensors"])
def test_a_missing_file_is_not_found(tmp_path, name):
    with pytest.raises(FileNotFoundError):
        read_torch_checkpoint(tmp_path / name)
