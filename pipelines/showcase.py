"""What preview.py shows: augmented samples, every augmentation of the package, and how fast they are."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from kerascnn.data import (
    blur,
    color_jitter,
    color_shift,
    compose,
    cut_mix,
    erase,
    grid_mask,
    mirror,
    mix_up,
    mosaic,
    noise,
    pca_color,
    rand_augment,
    random_crop,
    rotate,
    scale,
    shear,
    translate,
    warp,
    zoom_out,
)
from kerascnn.data.augment import Augmentation, Mixing, Mosaic, Sample
from kerascnn.data.augment.mosaic import CARRIED, TILES
from kerascnn.data.augment.steps import Pixels, Step
from kerascnn.data.resize import resize_sample
from kerascnn.data.seeds import fold_seed

BATCH = 32  # pictures
WARM_UP = 4  # batches


@dataclass(frozen=True)
class OfSample:
    """An augmentation of a sample.

    Attributes:
        augment: what it does.
        size: (height, width) to which the result is stretched.
    """

    augment: Augmentation
    size: tuple[int, int]

    def apply(self, samples: Sequence[Sample], seed: Sequence[int]) -> list[Sample]:
        """Augment samples, each with a seed of its own that follows from two numbers."""
        augment = compose(self.augment, size=self.size)
        return [augment(sample, fold_seed(seed, number)) for number, sample in enumerate(samples)]

    def rate(self, sample: Sample, seconds: float) -> float:
        """Measure how many pictures a second are augmented, on all cores as in `pipeline`, for so many seconds."""
        augment = compose(self.augment, size=self.size)
        pictures = _numbers().map(lambda number: augment(sample, fold_seed((0, 0), number))["image"], tf.data.AUTOTUNE)
        return _rate(pictures.batch(BATCH).prefetch(2), seconds)


@dataclass(frozen=True)
class OfBatch:
    """An augmentation that mixes the pictures of a batch. Other annotation is left out, since nothing mixes it.

    Attributes:
        mixing: what it does.
        size: (height, width) to which the pictures are stretched before.
    """

    mixing: Mixing
    size: tuple[int, int]

    def apply(self, samples: Sequence[Sample], seed: Sequence[int]) -> list[Sample]:
        """Mix samples with one another; the seed is two numbers."""
        images = tf.stack([resize_sample(sample, self.size)["image"] for sample in samples])
        return [
            {"image": image} for image in self.mixing(images, np.zeros(len(samples), np.int32), fold_seed(seed, 0))[0]
        ]

    def rate(self, sample: Sample, seconds: float) -> float:
        """Measure how many pictures a second are mixed, batch by batch as in `mix`, for so many seconds."""
        images = tf.stack([resize_sample(sample, self.size)["image"]] * BATCH)
        labels = np.zeros(BATCH, np.int32)
        return _rate(_numbers().map(lambda number: self.mixing(images, labels, fold_seed((0, 0), number))[0]), seconds)


@dataclass(frozen=True)
class OfFour:
    """A mosaic of a sample and the three after it. What no mosaic can have is left out.

    Attributes:
        mosaic: what it does.
        size: (height, width) of the result.
    """

    mosaic: Mosaic
    size: tuple[int, int]

    def apply(self, samples: Sequence[Sample], seed: Sequence[int]) -> list[Sample]:
        """Put samples together; the seed is two numbers. After the last one comes the first."""
        samples = [{key: value for key, value in sample.items() if key in CARRIED} for sample in samples]
        return [
            self.mosaic(
                [samples[(number + after) % len(samples)] for after in range(TILES)],
                fold_seed(seed, number),
                size=self.size,
            )
            for number in range(len(samples))
        ]

    def rate(self, sample: Sample, seconds: float) -> float:
        """Measure how many mosaics a second are made, on all cores as in `pipeline`, for so many seconds."""
        pictures = _numbers().map(lambda number: self.apply([sample], (0, number))[0]["image"], tf.data.AUTOTUNE)
        return _rate(pictures.batch(BATCH).prefetch(2), seconds)


def every_augmentation(
    size: tuple[int, int], annotated: bool, swap: Sequence[int] | None = None
) -> dict[str, OfSample | OfBatch | OfFour]:
    """Give every augmentation of the package by its name, set so strong that it can be seen.

    Args:
        size: (height, width) of the results.
        annotated: whether the samples have boxes, masks or landmarks, which not all of keras-cv's changes move.
        swap: which landmark takes the place of each in a mirrored picture, see `mirror`.
    """
    of_samples = {
        "mirror": mirror(1.0, swap=swap),
        "random_crop": random_crop((0.3, 0.6)),
        "rotate": rotate(30),
        "shear": shear(25),
        "scale": scale((0.6, 1.8)),
        "translate": translate(0.3),
        "zoom_out": zoom_out(2.5, 1.0),
        "warp": warp(0.15, cells=3),
        "color_jitter": color_jitter(0.4, 0.4, 0.8, hue=60),
        "color_shift": color_shift(60),
        "pca_color": pca_color(2.0),
        "blur": blur((1.5, 3.0), 1.0),
        "noise": noise(50, 1.0),
        "erase": erase((0.1, 0.3), probability=1.0),
        "grid_mask": grid_mask((0.3, 0.5), probability=1.0),
        "rand_augment": rand_augment(2, rate=1.0, geometric=not annotated),
    }
    of_batches = {"cut_mix": cut_mix(2), "mix_up": mix_up(2, alpha=1.0)}
    return (
        {name: OfSample(augment, size) for name, augment in of_samples.items()}
        | {name: OfBatch(mixing, size) for name, mixing in of_batches.items()}
        | {"mosaic": OfFour(mosaic(1.0), size)}
    )


def name_step(step: Step) -> str:
    """Tell which factory made a step: what it does is a function that was defined there."""
    made = step.change if isinstance(step, Pixels) else step.make
    return made.__qualname__.partition(".")[0]


def _numbers() -> tf.data.Dataset:
    return tf.data.Dataset.range(np.iinfo(np.int64).max)


def _rate(batches: tf.data.Dataset, seconds: float) -> float:
    started, measured = 0.0, 0
    for number, _ in enumerate(batches):
        if number == WARM_UP:
            started = time.perf_counter()
        elif number > WARM_UP:
            measured += BATCH
            if time.perf_counter() - started >= seconds:
                break
    return measured / (time.perf_counter() - started)
