"""The contenders of `training_step.py` in Keras, each in a process of its own.

    python benchmarks/keras_training.py --network mobilenet_v2 --side 160 --pictures 128 --batch-size 32 --fused

Trains for some epochs on random pictures in memory with `model.fit`, and prints the images a second. The network is
kerascnn's, float32 and plain Keras unless an option says otherwise.
"""

import os
import time
from contextlib import nullcontext
from dataclasses import dataclass

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

import keras
import numpy as np
import tensorflow as tf
import tyro
from timed_training import TimedTraining

from kerascnn.architectures import build
from kerascnn.training import fused_batch_norm
from kerascnn.training.precision import computing_in


@dataclass(frozen=True)
class Config(TimedTraining):
    """Time training in Keras: a name of `kerascnn.architectures`."""

    fused: bool = False
    """Normalise batches in one operation, which kerascnn's `fit` lets every stage do."""
    precision: str = "float32"
    """What the layers compute in, as kerascnn's `Stage` takes it."""
    plain_policy: str = "float32"
    """What Keras builds the network in."""


def main(config: Config) -> None:
    """Train, and print the median images a second."""
    keras.utils.set_random_seed(0)
    keras.config.set_dtype_policy(config.plain_policy)
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (config.pictures, config.side, config.side, 3), dtype=np.uint8)
    labels = rng.integers(0, config.num_classes, config.pictures)
    # An epoch of a data set that tf.data tunes ends by waiting for the thread that does, which is no part of a step.
    options = tf.data.Options()
    options.autotune.enabled = False
    batches = tf.data.Dataset.from_tensor_slices((images, labels)).shuffle(config.pictures).batch(config.batch_size)
    batches = batches.prefetch(2).with_options(options)
    model = build(config.network, (config.side, config.side, 3), config.num_classes)
    seconds = []
    with computing_in(model, config.precision), fused_batch_norm(model) if config.fused else nullcontext():
        optimizer = keras.optimizers.SGD(0.01, momentum=0.9, nesterov=True)
        model.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        for _ in range(1 + config.epochs):
            start = time.perf_counter()
            model.fit(batches, shuffle=False, verbose=0)
            seconds.append(time.perf_counter() - start)
    print(config.pictures / float(np.median(seconds[1:])))


if __name__ == "__main__":
    main(tyro.cli(Config, description=__doc__))
