"""Where weights come from: named releases and files, loaded layer by layer with a report of what went where.

Two kinds of HDF5 files are read, by the same walk: those of `keras.applications` and `model.save("x.h5")` (a group a
layer, named arrays) and those of Keras 3 (`.weights.h5` and the archive `.keras`: numbered arrays, the layer's name as
an attribute). Nothing is unpickled and no model configuration is run.
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

logger = logging.getLogger(__name__)

HEAD = "predictions"  # the one layer that may stay at its initialisation: its shape follows from the user's classes
OLD_NAMES = {"kernel": "depthwise_kernel"}  # of a depthwise convolution's, in the files of Keras 2


@dataclass(frozen=True)
class WeightsReport:
    """What became of every layer when weights were loaded.

    Attributes:
        source: the name or path that was asked for.
        loaded: layers of the model that got their weights.
        mismatched: layers whose shapes differ from the file's; they keep their initialisation.
        missing: layers of the model that the file has nothing for; they keep their initialisation.
        skipped: layers of the file that the model does not have.
    """

    source: str
    loaded: tuple[str, ...]
    mismatched: tuple[str, ...]
    missing: tuple[str, ...]
    skipped: tuple[str, ...]


def load_weights(model: keras.Model, weights: str | Path, *, alpha: float = 1.0) -> WeightsReport:
    """Load named or stored weights into a model, layer by layer.

    Args:
        model: a network of `kerascnn.architectures`, or any model whose layer names agree with the file's.
        weights: a name of `RELEASES`, or a path to `.weights.h5`, `.h5`, `.keras` or a run folder that holds
            `model.keras`.
        alpha: width multiplier of the model, which decides which official file fits.

    Returns:
        The report. All layers but the head are in `loaded`.

    Raises:
        ValueError: for an unknown name, a file that is not HDF5 or Keras, or one that does not fit the model: a layer
            other than the head would have kept its random initialisation.
        FileNotFoundError: for a path where there is nothing.
        OSError: for a release that cannot be downloaded.
    """
    path = _resolve(model, weights, alpha)
    report, arrays = _match(model, read_layers(path), source=str(weights))
    unset = [name for name in (*report.mismatched, *report.missing) if name != HEAD]
    if unset:
        raise ValueError(
            f"weights {weights} do not fit {model.name}: {len(unset)} of its layers would stay random, "
            f"the first of them {', '.join(unset[:3])}. Build the network with the width and depth of these weights, "
            "or choose others."
        )
    for layer in report.loaded:  # only now: a file that does not fit leaves the model as it was
        model.get_layer(layer).set_weights(arrays[layer])
    if HEAD in report.mismatched:
        logger.info("The head of %s has another number of classes: its base is loaded, its head starts anew.", weights)
    return report


def read_layers(path: Path) -> dict[str, dict[str, np.ndarray]]:
    """Read the arrays of a weight file by layer.

    Args:
        path: an HDF5 file of Keras 2 or 3, or a `.keras` archive.

    Returns:
        `{layer: {variable: array}}`; a variable is its name (`kernel`) or, in Keras 3's files, its number (`0`).

    Raises:
        ValueError: for a file of another format, or one whose arrays lie in other files.
    """
    try:
        with _open_hdf5(path) as file:
            return _collect(file)
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path} is not a weight file of Keras (.h5, .weights.h5, .keras): {error}.") from error


def _resolve(model: keras.Model, weights: str | Path, alpha: float) -> Path:
    if str(weights) in RELEASES:
        return find_release(str(weights), model, alpha)
    path = Path(weights)
    if path.is_dir():
        path = path / "model.keras"
    if not path.exists():
        raise FileNotFoundError(
            f"There are no weights at {path}. Give the path of a .h5, .weights.h5 or .keras file, of a run folder, "
            f"or one of the names {', '.join(RELEASES)}."
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
        variable = variable.partition(":")[0]
        collected.setdefault(str(layer), {})[variable] = item[()]

    file.visititems(visit)
    return collected


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
