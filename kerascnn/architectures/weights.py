"""Where weights come from: named releases and files, loaded layer by layer with a report of what went where.

Two kinds of HDF5 files are read, by the same walk: those of `keras.applications` and `model.save("x.h5")` (a group a
layer, named arrays) and those of Keras 3 (`.weights.h5` and the archive `.keras`: numbered arrays, the layer's name as
an attribute). Checkpoints of PyTorch are read without PyTorch. No object but arrays is unpickled, and no model
configuration is run.
"""

import io
import logging
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import h5py
import keras
import numpy as np

from kerascnn.architectures.releases import RELEASES, find_release
from kerascnn.architectures.strides import head_layers
from kerascnn.architectures.torch_checkpoint import read_torch_checkpoint
from kerascnn.architectures.translation import translate_keras, translate_torch

logger = logging.getLogger(__name__)

HEADLESS_FILE = "headless.weights.h5"  # of a run folder, if it was made to start others from
TORCH_ENDINGS = (".pth", ".pt", ".safetensors")
OLD_NAMES = {"kernel": "depthwise_kernel"}  # of a depthwise convolution's, in the files of Keras 2


@dataclass(frozen=True)
class WeightsReport:
    """What became of every layer when weights were loaded.

    Attributes:
        source: the name or path that was asked for.
        loaded: layers of the model that got their weights.
        mismatched: layers whose shapes differ from the file's; they keep their initialisation.
        missing: layers of the model that the file has nothing for, or of a head that was not asked for; they keep their
            initialisation.
        skipped: layers of the file that the model does not have.
    """

    source: str
    loaded: tuple[str, ...]
    mismatched: tuple[str, ...]
    missing: tuple[str, ...]
    skipped: tuple[str, ...]


def load_weights(model: keras.Model, weights: str | Path, *, head: bool = True) -> WeightsReport:
    """Load named or stored weights into a model, layer by layer.

    The head, which is all after the last stage, may keep its initialisation where it does not fit: its shape follows
    from the user's classes and picture size. Everything before it must be in the file.

    Args:
        model: a network of `kerascnn.architectures`, or any model whose layer names agree with the file's.
        weights: a name of `RELEASES`, or a path to `.weights.h5`, `.h5`, `.keras`, a PyTorch checkpoint (`.pth`,
            `.safetensors`) of torchvision's AlexNet or GoogLeNet, or a run folder.
        head: whether the head's weights are wanted too, where they fit.

    Returns:
        The report. All layers but those of the head are in `loaded`.

    Raises:
        ValueError: for an unknown name, a file of another format, or one that does not fit the model: a layer before
            the head would have kept its random initialisation.
        FileNotFoundError: for a path where there is nothing.
        OSError: for a release that cannot be downloaded.
    """
    own_head = head_layers(model)
    stored = translate_keras(read_layers(_resolve(model, weights, head)), [layer.name for layer in model.layers])
    wanted = stored if head else {name: arrays for name, arrays in stored.items() if name not in own_head}
    report, arrays = _match(model, wanted, source=str(weights))
    unset = [name for name in (*report.mismatched, *report.missing) if name not in own_head]
    if unset:
        raise ValueError(
            f"weights {weights} do not fit {model.name}: {len(unset)} of its layers would stay random, "
            f"the first of them {', '.join(unset[:3])}. Build the network with the width and depth of these weights, "
            "or choose others."
        )
    for layer in report.loaded:  # only now: a file that does not fit leaves the model as it was
        model.get_layer(layer).set_weights(arrays[layer])
    anew = [*report.mismatched, *report.missing]
    if anew:
        why = "is for other classes or another picture size" if report.mismatched else "is not there, or not wanted"
        logger.info("The head of %s %s: its base is loaded, %s starts anew.", weights, why, ", ".join(anew))
    return report


def copy_weights(source: keras.Model, target: keras.Model) -> None:
    """Give a model the weights of the layers of another one that have the same names.

    Args:
        source: whose weights are copied.
        target: gets them.

    Raises:
        ValueError: if no layer with weights has the same name, or one has other shapes; nothing is copied then.
    """
    own = {layer.name: layer for layer in source.layers if layer.weights}
    pairs = [(own[layer.name], layer) for layer in target.layers if layer.weights and layer.name in own]
    if not pairs:
        raise ValueError(f"{source.name} and {target.name} have no layers of the same name.")
    for given, taken in pairs:
        shapes = [[tuple(weight.shape) for weight in layer.weights] for layer in (given, taken)]
        if shapes[0] != shapes[1]:
            raise ValueError(f"{taken.name} of {target.name} has weights of {shapes[1]}. Received: {shapes[0]}.")
    for given, taken in pairs:
        taken.set_weights(given.get_weights())


def read_layers(path: Path) -> dict[str, dict[str, np.ndarray]]:
    """Read the arrays of a weight file by layer.

    Args:
        path: an HDF5 file of Keras 2 or 3, a `.keras` archive, or a PyTorch checkpoint.

    Returns:
        `{layer: {variable: array}}`; a variable is its name (`kernel`) or, in Keras 3's files, its number (`0`). The
        layers of a PyTorch checkpoint have the names that ours have.

    Raises:
        ValueError: for a file of another format, or one whose arrays lie in other files.
    """
    if path.suffix in TORCH_ENDINGS:
        return translate_torch(read_torch_checkpoint(path))
    try:
        with _open_hdf5(path) as file:
            return _collect(file)
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path} is not a weight file of Keras (.h5, .weights.h5, .keras): {error}.") from error


def _resolve(model: keras.Model, weights: str | Path, head: bool) -> Path:
    if str(weights) in RELEASES:
        return find_release(str(weights), model)
    path = Path(weights)
    if path.is_dir():
        path = path / ("model.keras" if head or not (path / HEADLESS_FILE).exists() else HEADLESS_FILE)
    if not path.exists():
        raise FileNotFoundError(
            f"There are no weights at {path}. Give the path of a .h5, .weights.h5, .keras, .pth or .safetensors file, "
            f"of a run folder, or one of the names {', '.join(RELEASES)}."
        )
    return path


def _open_hdf5(path: Path) -> h5py.File:
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            return h5py.File(io.BytesIO(archive.read("model.weights.h5")), "r")
    return h5py.File(path, "r")


def _collect(file: h5py.File) -> dict[str, dict[str, np.ndarray]]:
    collected: dict[str, dict[str, np.ndarray]] = {}

    def visit(path: str, item: h5py.Dataset | h5py.Group) -> None:
        if not isinstance(item, h5py.Dataset) or path.startswith(("optimizer", "_optimizer")):
            return
        if item.external or item.is_virtual:
            raise ValueError(f"{file.filename} keeps its array {path} in another file, which is refused.")
        group, _, variable = path.rpartition("/")
        layer = item.parent.attrs.get("name", group.rpartition("/")[2])
        # The oldest files (VGG-16's block1_conv1_W_1:0) have names of their own, and the order in an attribute.
        order = [_decode(name) for name in item.parent.attrs.get("weight_names", ())]
        variable = str(order.index(variable)) if variable in order else variable.partition(":")[0]
        collected.setdefault(str(layer), {})[variable] = item[()]

    file.visititems(visit)
    return collected


def _decode(name: str | bytes) -> str:
    return name.decode() if isinstance(name, bytes) else name


def _match(
    model: keras.Model, stored: Mapping[str, Mapping[str, np.ndarray]], source: str
) -> tuple[WeightsReport, dict[str, list[np.ndarray]]]:
    """Find the stored arrays of every layer, in the order of its weights, and report what fits."""
    matched: dict[str, list[np.ndarray]] = {}
    outcome: dict[str, list[str]] = {"loaded": [], "mismatched": [], "missing": []}
    layers = [layer for layer in model.layers if layer.weights]
    for layer in layers:
        found = stored.get(layer.name, {})
        names = [(weight.name, str(index), OLD_NAMES.get(weight.name)) for index, weight in enumerate(layer.weights)]
        arrays = [next((found[name] for name in known if name in found), None) for known in names]
        if any(array is None for array in arrays):
            outcome["missing"].append(layer.name)
        elif any(array.shape != tuple(weight.shape) for array, weight in zip(arrays, layer.weights, strict=True)):
            outcome["mismatched"].append(layer.name)
        else:
            matched[layer.name] = arrays
            outcome["loaded"].append(layer.name)
    own = {layer.name for layer in layers}
    report = WeightsReport(
        source=source,
        skipped=tuple(name for name in stored if name not in own),
        **{kind: tuple(names) for kind, names in outcome.items()},
    )
    return report, matched
