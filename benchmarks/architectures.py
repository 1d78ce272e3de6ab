"""What each architecture costs: parameters, multiply-adds, activation memory, and its .tflite files on this host.

    python benchmarks/architectures.py

Where keras.applications has the network, it is converted the plain way, without the normalisation that kerascnn's files
hold, and run in turns with kerascnn's, one thread: ratios below 1 are in kerascnn's favour. Weights are random; neither
size nor time depends on them. Half an hour on two cores, most of it for VGG-16 and ResNet-152; --quick takes the
MobileNets.
"""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
import tyro
from reporting import report, time_in_turns

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
OTHERS = {"lenet5": 32, "alexnet": 224, "resnet20": 32, "resnet110": 32, "inception_v1": 224}
SIDE = 224
CLASSES = 1000
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
    quick = ("mobilenet_v1", "mobilenet_v2") if config.quick else (*OTHERS, *PEERS)
    rows = [measure(name) for name in config.only or quick]
    report("architectures, with 1,000 classes; small ones with 10", rows, config.json)


def measure(name: str) -> dict[str, Any]:
    """Convert one architecture, and its peer if there is one, and time both."""
    keras.backend.clear_session()
    side = OTHERS.get(name, SIDE)
    images = np.random.default_rng(0).integers(0, 256, (CALIBRATION, side, side, 3), dtype=np.uint8)
    classes = [str(number) for number in range(10 if side < 100 else CLASSES)]
    task = classification(name, classes, image_size=(side, side))
    description = describe(task.model)
    row: dict[str, Any] = {
        "architecture": name,
        "side": side,
        "parameters": description.parameters,
        "multiply_adds": description.multiply_adds,
        "activation_MB": 4 * description.activation_size / 1e6,
    }
    files = convert(task, [(images, np.zeros(len(images)))], PRECISIONS)
    del task
    theirs = {precision: convert_peer(name, images, precision) for precision in PRECISIONS if name in PEERS}
    for precision in PRECISIONS:
        models = {"ours": TFLiteModel(files[precision])}
        if name in PEERS:
            models["theirs"] = TFLiteModel(theirs[precision])
        times = time_in_turns(models, images[0])
        row |= {
            f"{precision}_MB": len(files[precision]) / 1e6,
            f"{precision}_ms": times["ours"],
            f"{precision}_size_ratio": len(files[precision]) / len(theirs[precision]) if theirs else None,
            f"{precision}_time_ratio": times["ours"] / times["theirs"] if theirs else None,
        }
    return row


def convert_peer(name: str, images: np.ndarray, precision: str) -> bytes:
    """Convert the network of keras.applications as TensorFlow's guide does it, with uint8 in and out for int8."""
    model = PEERS[name](weights=None)
    with tempfile.TemporaryDirectory() as folder:
        archive = keras.export.ExportArchive()
        archive.track(model)
        signature = [tf.TensorSpec((1, *model.input_shape[1:]), name="image")]
        archive.add_endpoint("serve", lambda image: {"probabilities": model(image)}, input_signature=signature)
        archive.write_out(folder, verbose=False)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        if precision == "int8":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.representative_dataset = lambda: ([np.float32(image)[np.newaxis]] for image in images)
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
            converter.inference_input_type = converter.inference_output_type = tf.uint8
        return converter.convert()


if __name__ == "__main__":
    main(tyro.cli(Config, description=__doc__))
