"""What each architecture costs: parameters, multiply-adds, activations, and its .tflite files on this host.

    python benchmarks/architectures.py

Where keras.applications has the network, it is converted the plain way, without the normalisation that kerascnn's files
hold, and run in turns with kerascnn's, one thread: ratios below 1 are in kerascnn's favour. Weights are random; neither
size nor time depends on them. Activations are all maps of a picture in float32, which training keeps. Half an hour on
two cores, most of it for VGG-16 and ResNet-152; --quick takes the MobileNets.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tyro
from reporting import check_writable, convert_plainly, report, time_in_turns

from kerascnn.architectures import CLASSIFIERS
from kerascnn.export import TFLiteModel
from kerascnn.export.tflite import convert
from kerascnn.ops import describe
from kerascnn.tasks import classification

PEERS: dict[str, Callable[..., keras.Model]] = {
    "vgg16": keras.applications.VGG16,
    "resnet50": keras.applications.ResNet50,
    "resnet101": keras.applications.ResNet101,
    "resnet152": keras.applications.ResNet152,
    "mobilenet_v1": keras.applications.MobileNet,
    "mobilenet_v2": keras.applications.MobileNetV2,
}
SMALL = {"lenet5", "resnet20", "resnet32", "resnet44", "resnet56", "resnet110"}  # for 32 pixels, here with 10 classes
# What follows on a convolution within its kernel, or only renames or rearranges, takes no memory of its own.
FUSED = {"InputLayer", "BatchNormalization", "ReLU", "Identity", "Rescaling", "Dropout", "Flatten", "ZeroPadding2D"}
CALIBRATION = 4  # pictures: ranges do not matter to size and time
PRECISIONS = ("float32", "int8")


@dataclass(frozen=True)
class Config:
    """Measure every architecture, side by side with keras.applications."""

    only: tuple[str, ...] = ()
    """Names of architectures; by default all."""
    json: Path | None = None
    """Where to write the rows."""
    quick: bool = False
    """The MobileNets only."""


def main(config: Config) -> None:
    """Measure and print."""
    check_writable(config.json)
    names = config.only or (("mobilenet_v1", "mobilenet_v2") if config.quick else tuple(CLASSIFIERS))
    rows = [measure(name) for name in names]
    report("architectures, at 224 pixels with 1,000 classes; small ones at 32 with 10", rows, config.json)


def measure(name: str) -> dict[str, Any]:
    """Convert one architecture, and its peer if there is one, and time both."""
    keras.backend.clear_session()
    side, num_classes = (32, 10) if name in SMALL else (224, 1000)
    images = np.random.default_rng(0).integers(0, 256, (CALIBRATION, side, side, 3), dtype=np.uint8)
    classes = [str(number) for number in range(num_classes)]
    task = classification(name, classes, image_size=(side, side))
    description = describe(task.model)
    row: dict[str, Any] = {
        "architecture": name,
        "side": side,
        "parameters": description.parameters,
        "multiply_adds": description.multiply_adds,
        "activation_MB": 4 * sum(row.activation_size for row in description.rows if row.kind not in FUSED) / 1e6,
    }
    files = convert(task, [(images, np.zeros(len(images)))], PRECISIONS)
    del task
    theirs = {}
    if name in PEERS:
        peer = PEERS[name](weights=None)
        theirs = {each: convert_plainly(peer, each, images.astype("float32"), np.uint8) for each in PRECISIONS}
    for precision in PRECISIONS:
        models = {"ours": TFLiteModel(files[precision])}
        if theirs:
            models["theirs"] = TFLiteModel(theirs[precision])
        times = time_in_turns(models, images[0])
        row |= {
            f"{precision}_MB": len(files[precision]) / 1e6,
            f"{precision}_ms": times["ours"],
            f"{precision}_size_ratio": len(files[precision]) / len(theirs[precision]) if theirs else None,
            f"{precision}_time_ratio": times["ours"] / times["theirs"] if theirs else None,
        }
    return row


if __name__ == "__main__":
    main(tyro.cli(Config, description=__doc__))
