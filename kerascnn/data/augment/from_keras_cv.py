"""Augmentations of keras-cv, which is loaded when one of them is made: RandAugment and GridMask.

Their layers draw from generators with a state. Here they draw from the seed of the picture: keras-cv's last release is
frozen, so that its layers keep the two places where random numbers come in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING, Any

import tensorflow as tf

from kerascnn.data.augment.checks import check_share
from kerascnn.data.augment.sampling import GREY, to_pixels
from kerascnn.data.augment.steps import Augmentation, Pixels, Sample, compose

if TYPE_CHECKING:
    import keras


def rand_augment(
    layers: int = 2, magnitude: float = 0.5, *, deviation: float = 0.15, rate: float = 10 / 11, geometric: bool = True
) -> Augmentation:
    """Do some of ten changes, drawn for each picture (Cubuk et al. 2020), with keras-cv's `RandAugment`.

    They are contrast by stretching and by equalising the histogram, solarising, and changes of colour, contrast and
    brightness; and, if geometric, shears and shifts along x and along y. It takes some milliseconds a picture of
    160 x 160.

    Args:
        layers: how many are done, one after another, at least 1; one may be drawn again.
        magnitude: how strong they are, in 0..1.
        deviation: of the magnitude, in 0..1, where keras-cv draws it.
        rate: probability of each of them, in 0..1; otherwise nothing is done in its place. The paper has eleven
            changes of equal probability, and one of them is none.
        geometric: with shears and shifts, which move nothing but the picture, so that a sample with boxes, a mask or
            landmarks is refused. Without them it belongs to the steps that change pixels, and is done last.

    Returns:
        The augmentation; the same seed gives the same answer.

    Raises:
        ImportError: if keras-cv is not installed.
        ValueError: for fewer than one layer, or a number out of 0..1.
    """
    if layers < 1:
        raise ValueError(f"layers must be at least 1. Received: layers={layers}.")
    for name, share in (("magnitude", magnitude), ("deviation", deviation), ("rate", rate)):
        check_share(name, share)
    run = _seeded(
        _keras_cv().layers.RandAugment(
            value_range=(0, 255),
            augmentations_per_image=layers,
            magnitude=magnitude,
            magnitude_stddev=deviation,
            rate=rate,
            geometric=geometric,
        )
    )

    def change(image: tf.Tensor, numbers: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        del numbers
        return to_pixels(run(tf.cast(image, tf.float32), seed), image.dtype)

    def move(sample: Sample, seed: tf.Tensor) -> Sample:
        if annotation := sample.keys() & {"boxes", "proposals", "mask", "landmarks"}:
            raise ValueError(
                f"rand_augment() moves the picture, and not its {' and '.join(sorted(annotation))}. Use "
                "rand_augment(geometric=False), and rotate, shear and translate of this package."
            )
        return pixels(sample, seed)

    pixels = Pixels(0, change)
    return compose(move) if geometric else pixels


def grid_mask(ratio: tuple[float, float] = (0.0, 0.5), turn: float = 0.15, probability: float = 0.5) -> Pixels:
    """Paint a turned grid of squares grey (Chen et al. 2020), with keras-cv's `GridMask`.

    Args:
        ratio: the smallest and largest side of a square, as a share of 0..1 of the grid's step.
        turn: the largest turn of the grid, either way, as a share of 0..1 of a full one.
        probability: of a picture that gets one, in 0..1.

    Returns:
        The augmentation; the same seed gives the same answer.

    Raises:
        ImportError: if keras-cv is not installed.
        ValueError: for a range that is empty or out of bounds, or a number out of 0..1.
    """
    if not 0 <= ratio[0] <= ratio[1] <= 1:
        raise ValueError(f"ratio must be the smallest and the largest, in 0..1. Received: ratio={ratio}.")
    check_share("turn", turn)
    check_share("probability", probability)
    run = _seeded(_keras_cv().layers.GridMask(ratio_factor=ratio, rotation_factor=turn, fill_value=0))

    def change(image: tf.Tensor, numbers: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        def masked() -> tf.Tensor:
            seen = run(tf.ones_like(image[..., :1], tf.float32), seed)  # the layer's own fill is one number, not RGB
            return tf.where(seen > 0, image, tf.constant(GREY, image.dtype))

        return tf.cond(numbers[0] < probability, masked, lambda: image)

    return Pixels(1, change)


class _Draws:
    """Random numbers for a layer, as `tf.random.Generator` gives them, but of a seed and of how many came before."""

    def start(self, seed: tf.Tensor) -> None:
        """Begin again, with a (2,) seed."""
        self._seed, self._count = seed, 0

    def uniform(
        self, shape: Sequence[int], minval: float = 0.0, maxval: float = 1.0, dtype: tf.DType = tf.float32
    ) -> tf.Tensor:
        """Draw between two numbers."""
        return tf.random.stateless_uniform(shape, self._next(), minval, maxval, dtype)

    def between(self, sampler: Any, shape: Sequence[int] = (), dtype: tf.DType = tf.float32) -> tf.Tensor:
        """Draw what a `UniformFactorSampler` is for."""
        return self.uniform(shape, sampler.lower, sampler.upper, dtype)

    def around(self, sampler: Any, shape: Sequence[int] = (), dtype: tf.DType = tf.float32) -> tf.Tensor:
        """Draw what a `NormalFactorSampler` is for."""
        drawn = tf.random.stateless_normal(shape, self._next(), sampler.mean, sampler.stddev, dtype)
        return tf.clip_by_value(drawn, sampler.min_value, sampler.max_value)

    def _next(self) -> tf.Tensor:
        self._count += 1
        return tf.random.experimental.stateless_fold_in(self._seed, tf.constant(self._count, tf.int64))


def _seeded(layer: keras.Layer) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    """Make a function of a picture, (H, W, C) float32, and a seed, (2,) int64, of a layer of keras-cv."""
    core, draws = _keras_cv().core, _Draws()
    for each in _with_sublayers(layer):
        each.dtype_policy = "float32"  # half precision, if the network trains in it, is not for the pixels
        each._random_generator = draws
        for name, value in list(vars(each).items()):
            if isinstance(value, core.UniformFactorSampler):
                setattr(each, name, partial(draws.between, value))
            elif isinstance(value, core.NormalFactorSampler):
                setattr(each, name, partial(draws.around, value))

    @tf.function(reduce_retracing=True)  # eagerly too, so that the layers draw in the order in which they are traced
    def run(image: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        draws.start(seed)
        return tf.ensure_shape(layer(image), image.shape)

    return run


def _with_sublayers(layer: keras.Layer) -> Iterator[keras.Layer]:
    yield layer
    for value in list(vars(layer).values()):
        for each in value if isinstance(value, list | tuple) else (value,):
            if hasattr(each, "_random_generator"):
                yield from _with_sublayers(each)


def _keras_cv() -> ModuleType:
    try:
        import keras_cv
    except (ImportError, AttributeError) as error:  # the latter where a newer Keras lacks what keras-cv looks for
        raise ImportError(
            "rand_augment and grid_mask are made with keras-cv 0.9, which cannot be imported "
            f"({type(error).__name__}: {error}). Install it: pip install keras-cv==0.9.0; or leave them out."
        ) from error
    return keras_cv
