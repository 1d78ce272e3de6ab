"""Read the tensors of a PyTorch checkpoint as numpy arrays, without PyTorch and without running what the file says.

Three formats are read: the zip archive that `torch.save` has written since PyTorch 1.6, the row of pickles that it
wrote before, and `.safetensors`. A pickle can name any function of Python and have it called; here it finds only the
few names that a state dict needs, and stand-ins for them. Kernels keep PyTorch's order of axes.
"""

import io
import math
import pickle
import pickletools
import re
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import ml_dtypes
import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file

DTYPES = {
    "DoubleStorage": np.dtype("<f8"),
    "FloatStorage": np.dtype("<f4"),
    "HalfStorage": np.dtype("<f2"),
    "BFloat16Storage": np.dtype(ml_dtypes.bfloat16),  # safetensors finds it by its name, once ml_dtypes is imported
    "LongStorage": np.dtype("<i8"),
    "IntStorage": np.dtype("<i4"),
    "ByteStorage": np.dtype("u1"),
    "BoolStorage": np.dtype("?"),
}
WRAPPERS = ("state_dict", "model")  # where training scripts keep the state dict, beside the epoch and the optimizer
ZIP_START, PICKLE_START = b"PK\x03\x04", b"\x80"
LEGACY_MAGIC, LEGACY_VERSION = 0x1950A86A20F9469CFC6C, 1001  # the first two pickles of a file from before PyTorch 1.6
DAMAGE = (  # what the readers of pickles, archives and arrays raise for a damaged file
    AttributeError, EOFError, IndexError, KeyError, OverflowError, RuntimeError, TypeError, ValueError,
    SafetensorError, pickle.UnpicklingError, zipfile.BadZipFile,
)  # fmt: skip


class _Storage(NamedTuple):
    """A flat array in the file, which several tensors may share."""

    dtype: np.dtype
    key: str
    length: int

    @property
    def size(self) -> int:
        return self.length * self.dtype.itemsize


class _Tensor(NamedTuple):
    """A view of a storage; its offset and strides count elements."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def read_torch_checkpoint(path: Path) -> dict[str, np.ndarray]:
    """Read the tensors of a PyTorch state dict by name.

    Args:
        path: a `.safetensors` file or, under any other name, what `torch.save` wrote: a dict of tensors, or a dict
            that has one under `state_dict` or `model` and whatever plain values beside it.

    Returns:
        `{name: array}`. Floating types of every width become float32; integers and booleans stay as they are.

    Raises:
        ValueError: for a file of another format, a damaged one, one without tensors or with other objects than
            tensors, and a tensor that reaches beyond its storage.
        FileNotFoundError: for a path where there is nothing.
    """
    try:
        arrays = load_file(path) if path.suffix == ".safetensors" else _read_pickled(path)
        if not arrays:
            raise ValueError("it holds no tensors")
        return {name: _convert(name, array) for name, array in arrays.items()}
    except DAMAGE as error:
        raise ValueError(f"{path} cannot be read as a state dict of PyTorch: {error}.") from error


def _convert(name: str, array: np.ndarray) -> np.ndarray:
    if array.dtype not in DTYPES.values():
        raise ValueError(f"{name} is of type {array.dtype}, which is none of {', '.join(map(str, DTYPES.values()))}")
    return array.astype(np.float32 if "float" in array.dtype.name else array.dtype, order="C")


def _read_pickled(path: Path) -> dict[str, np.ndarray]:
    checkpoint, storages = _read_parts(path.read_bytes())
    return {name: _view(name, tensor, storages) for name, tensor in _find_tensors(checkpoint).items()}


def _read_parts(data: bytes) -> tuple[Any, dict[str, np.ndarray]]:
    """Give the checkpoint with `_Tensor` in place of tensors, and the storages by key."""
    if data.startswith(ZIP_START):
        return _read_zip(io.BytesIO(data))
    if data.startswith(PICKLE_START):
        return _read_legacy(io.BytesIO(data))
    raise ValueError(f"it starts with {data[:8]!r}, which is neither a zip archive nor a pickle")


def _read_zip(file: BinaryIO) -> tuple[Any, dict[str, np.ndarray]]:
    """Read the checkpoint from the member `NAME/data.pkl`, and each storage from `NAME/data/KEY`."""
    with zipfile.ZipFile(file) as archive:
        pickles = [name for name in archive.namelist() if re.fullmatch(r"[^/]+/data\.pkl", name)]
        if len(pickles) != 1:
            raise ValueError("it is a zip archive, but not one of torch.save, which has one data.pkl")
        folder = pickles[0].removesuffix("data.pkl")
        if f"{folder}byteorder" in archive.namelist() and _read_member(archive, f"{folder}byteorder") != b"little":
            raise ValueError("its numbers are big-endian")
        checkpoint, storages = _unpickle(io.BytesIO(_read_member(archive, pickles[0])))
        members = {key: _read_member(archive, f"{folder}data/{key}", item.size) for key, item in storages.items()}
    return checkpoint, {key: np.frombuffer(member, storages[key].dtype) for key, member in members.items()}


def _read_member(archive: zipfile.ZipFile, name: str, size: int | None = None) -> bytes:
    member = archive.getinfo(name)
    if member.compress_type != zipfile.ZIP_STORED:  # torch.save never compresses, so nothing outgrows the file
        raise ValueError(f"its member {name} is compressed")
    if size is not None and member.file_size != size:
        raise ValueError(f"its member {name} has {member.file_size} bytes instead of {size}")
    return archive.read(member)


def _read_legacy(file: BinaryIO) -> tuple[Any, dict[str, np.ndarray]]:
    """Read five pickles (magic number, version, machine, checkpoint, keys), then a length and the elements per key."""
    if _unpickle(file)[0] != LEGACY_MAGIC or _unpickle(file)[0] != LEGACY_VERSION:
        raise ValueError("it is a pickle, but not one of torch.save")
    _unpickle(file)  # of the machine: storages are little-endian whatever it says
    checkpoint, storages = _unpickle(file)
    keys, _ = _unpickle(file)
    if set(keys) != set(storages):
        raise ValueError("the storages it lists are not those of its tensors")
    arrays = {}
    for key in keys:
        length, storage = int.from_bytes(file.read(8), "little", signed=True), storages[key]
        elements = file.read(storage.size)
        if length != storage.length or len(elements) != storage.size:
            raise ValueError(f"its storage {key} does not have the {storage.size} bytes that it should have")
        arrays[key] = np.frombuffer(elements, storage.dtype)
    return checkpoint, arrays


class _Unpickler(pickle.Unpickler):
    """An unpickler that knows the names of a state dict and no others, and notes the storages that occur."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file)
        self.storages: dict[str, _Storage] = {}

    def find_class(self, module: str, name: str) -> str | Callable:
        """Give the stand-in for a name: made anew, or one that a pickle cannot change for the files read after it."""
        match f"{module}.{name}":
            case "collections.OrderedDict":
                return OrderedDict
            case "torch._utils._rebuild_tensor" | "torch._utils._rebuild_tensor_v2":  # the first until PyTorch 0.4
                return lambda storage, offset, shape, strides, *_: _Tensor(storage, offset, shape, strides)
            case "torch._utils._rebuild_parameter":
                return lambda tensor, requires_grad, hooks: tensor
            case _ if module == "torch" and name in DTYPES:
                return name
        raise ValueError(
            f"it holds {module}.{name}, and a file with other objects than plain tensors is refused, because loading "
            "them could run code. Save model.state_dict() instead"
        )

    def persistent_load(self, pid: Any) -> _Storage:
        """Give the storage of an id: "storage", class, key, device, length and, in the legacy format, None."""
        match pid:
            case ("storage", str(kind), str(key), _, int(length), *view) if kind in DTYPES and not any(view):
                storage = _Storage(DTYPES[kind], key, length)
                if self.storages.setdefault(key, storage) == storage:
                    return storage
        raise ValueError("it refers to a storage in an unknown way")


def _unpickle(file: BinaryIO) -> tuple[Any, dict[str, _Storage]]:
    start = file.tell()
    for opcode, argument, position in pickletools.genops(file):  # reads the instructions without following them
        if "PUT" in opcode.name and argument > position:  # the unpickler would make room for as many objects
            raise ValueError("its pickle numbers more objects than it has")
    file.seek(start)
    unpickler = _Unpickler(file)
    return unpickler.load(), unpickler.storages


def _find_tensors(checkpoint: Any) -> Mapping[str, _Tensor]:
    if not isinstance(checkpoint, dict):
        raise ValueError(f"it holds a {type(checkpoint).__name__} instead of a dict of tensors")
    tensors = next((checkpoint[key] for key in WRAPPERS if isinstance(checkpoint.get(key), dict)), checkpoint)
    for name, tensor in tensors.items():
        if not isinstance(name, str):
            raise ValueError(f"the name of one of its entries is of type {type(name).__name__}")
        if not isinstance(tensor, _Tensor):
            raise ValueError(f"its entry {name} is not a tensor but of type {type(tensor).__name__}")
    return tensors


def _view(name: str, tensor: _Tensor, storages: Mapping[str, np.ndarray]) -> np.ndarray:
    """Give the view of the storage, after checking that it stays inside it and has no more elements than it."""
    flat = storages[tensor.storage.key]
    if not all(type(number) is int and number >= 0 for number in (tensor.offset, *tensor.shape, *tensor.strides)):
        raise ValueError(f"the shape, strides or offset of {name} are not numbers from 0 up")
    axes = list(zip(tensor.shape, tensor.strides, strict=True))
    count = math.prod(tensor.shape)
    last = tensor.offset + sum((length - 1) * stride for length, stride in axes)
    if count > flat.size or (count and last >= flat.size):
        raise ValueError(
            f"{name} (shape {tensor.shape}, strides {tensor.strides}, offset {tensor.offset}) reaches beyond the "
            f"{flat.size} elements of its storage"
        )
    if count == 0:
        return np.empty(tensor.shape, flat.dtype)
    steps = [stride * flat.itemsize if length > 1 else 0 for length, stride in axes]  # along an axis of 1 any will do
    return np.lib.stride_tricks.as_strided(flat[tensor.offset :], tensor.shape, steps, writeable=False)
