"""What an augmentation is: a function of a sample and a seed, made of what it draws and what it does with it.

A geometric step turns the numbers that were drawn into a map of points, a colour step into an affine map of RGB, a
pixel step changes the pixels. Several in a row are done together, see `compose`: the maps are multiplied first, and the
picture is sampled once.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import tensorflow as tf

from kerascnn.data.augment.annotations import move_boxes, move_landmarks, move_proposals
from kerascnn.data.augment.sampling import (
    GREY,
    Fill,
    check_fill,
    recolor,
    sample_mask,
    sample_picture,
    sample_weights,
    size_of,
    static_size,
    stretch,
)
from kerascnn.data.augment.transform import Transform, merge, opaque
from kerascnn.data.augment.window import decode_seen
from kerascnn.data.decode import Encoded
from kerascnn.data.resize import resize_sample
from kerascnn.data.seeds import fold_seed

Sample = dict[str, tf.Tensor]
Augmentation = Callable[[Sample, tf.Tensor], Sample]

MIN_VISIBLE = 0.3  # share of a box that has to stay in the picture


@dataclass(frozen=True)
class Step:
    """An augmentation of this package, as the factories make it: `rotate(15)(sample, seed)`.

    Called with a sample, see `kerascnn.data.sample`, and a seed, (2,) int64, it gives a sample of the same size. Called
    with a batch, each array with one dimension more, it takes (B, 2) seeds.

    Attributes:
        numbers: how many numbers of 0..1 it draws.
    """

    numbers: int

    def __call__(self, sample: Sample, seed: tf.Tensor) -> Sample:
        """Augment a sample or a batch."""
        return compose(self)(sample, seed)


@dataclass(frozen=True)
class Geometric(Step):
    """Moves image, boxes, proposals, mask and landmarks.

    Attributes:
        make: from the numbers, (numbers,) float32, and the size before, (2,) float32, to the map.
        swap: (K,) which landmark takes the place of each in a mirrored picture: left eye and right eye.
    """

    make: Callable[[tf.Tensor, tf.Tensor], Transform]
    swap: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Color(Step):
    """Maps RGB.

    Attributes:
        make: from the numbers, (numbers,) float32, to a (4, 4) float32 matrix for (r, g, b, 1).
    """

    make: Callable[[tf.Tensor], tf.Tensor]


@dataclass(frozen=True)
class Pixels(Step):
    """Changes the pixels of the picture and nothing else.

    Attributes:
        change: from the image, (H, W, 3) of its own type, the numbers, and a seed, (2,) int64, to the image.
    """

    change: Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor]


def compose(
    *augmentations: Augmentation,
    size: Sequence[int | tf.Tensor] | None = None,
    fill: Fill | None = None,
    min_visible: float = MIN_VISIBLE,
) -> Augmentation:
    """Make one augmentation of several.

    Steps of this package that follow one another are done together: all maps of points become one, by which the picture
    is sampled once, then all maps of colours become one, then the pixel steps follow. A function of your own is called
    at its place.

    Args:
        *augmentations: in the order in which they are done.
        size: (height, width) to stretch the result to; by default it has the size of what was given. In a graph either
            may be a tensor, (), int32.
        fill: what lies outside the picture: `reflect`, `edge`, or a colour (r, g, b) of 0..255. By default a picture
            with a label alone is reflected, and one with boxes, a mask or landmarks gets grey, because reflected things
            would have no annotation.
        min_visible: share of 0..1 of a box's area that has to stay in the picture; of what keeps less, the box becomes
            padding, of class -1; of a proposal, zeros.

    Returns:
        The augmentation. Where landmarks are moved, the sample gets a `visibility`, 0 for those outside the picture.

    Raises:
        ValueError: for a size, a fill or a share out of range.
    """
    if size is not None and not (len(size) == 2 and all(isinstance(side, tf.Tensor) or side >= 1 for side in size)):
        raise ValueError(f"size must be (height, width), both at least 1. Received: size={size}.")
    check_fill(fill)
    if not 0 <= min_visible <= 1:
        raise ValueError(f"min_visible must lie in 0..1. Received: min_visible={min_visible}.")
    runs = [(built_in, list(run)) for built_in, run in itertools.groupby(augmentations, _is_step)]

    def augment_one(sample: Sample, seed: tf.Tensor) -> Sample:
        position = 0
        for number, (built_in, run) in enumerate(runs):
            if built_in:
                last = number == len(runs) - 1
                sample = _apply(sample, run, fold_seed(seed, position), size if last else None, fill, min_visible)
            else:
                sample = decoded(sample)
                for offset, each in enumerate(run):
                    sample = each(sample, fold_seed(seed, position + offset))
                # A function of OpenCV's, through tf.numpy_function, forgets the shape.
                sample |= {"image": tf.ensure_shape(sample["image"], (None, None, 3))}
            position += len(run)
        sample = decoded(sample)
        has_size = size is None or (runs and runs[-1][0])
        return sample if has_size else _stretch(sample, size)

    def augment(sample: Sample, seed: tf.Tensor) -> Sample:
        seed = tf.cast(seed, tf.int64)
        sample = {key: _as_tensor(value) for key, value in sample.items()}
        if not isinstance(sample["image"], Encoded) and sample["image"].shape.rank == 4:
            return _map(augment_one, sample, seed)
        return augment_one(sample, seed)

    return augment


def _as_tensor(value: tf.Tensor | Encoded) -> tf.Tensor | Encoded:
    return value if isinstance(value, Encoded) else tf.convert_to_tensor(value)


def decoded(sample: Sample) -> Sample:
    """Decode the picture of a sample, if it is still encoded."""
    return sample | {"image": sample["image"].whole()} if isinstance(sample["image"], Encoded) else sample


def _stretch(sample: Sample, size: Sequence[int | tf.Tensor]) -> Sample:
    """Stretch a sample that has another size; the picture keeps its type."""
    image, known = sample["image"], static_size(size)
    if None not in known and tuple(image.shape[:2]) == known:
        return sample
    resized = resize_sample(sample, size)
    return resized | {"image": tf.cast(resized["image"], image.dtype)}


def _is_step(augmentation: Augmentation) -> bool:
    return isinstance(augmentation, Step)


def _map(augment: Augmentation, samples: Sample, seeds: tf.Tensor) -> Sample:
    """Augment each sample of a batch with its own seed."""
    one = tf.nest.map_structure(lambda batch: tf.TensorSpec(batch.shape[1:], batch.dtype), samples)
    specs = tf.function(augment).get_concrete_function(one, tf.TensorSpec(2, seeds.dtype)).structured_outputs
    signature = tf.nest.map_structure(lambda spec: tf.TensorSpec(spec.shape, spec.dtype), specs)
    return tf.map_fn(lambda given: augment(*given), (samples, seeds), fn_output_signature=signature)


@tf.autograph.experimental.do_not_convert  # translating code that has no conditions on tensors would take seconds
def _apply(
    sample: Sample,
    steps: Sequence[Step],
    seed: tf.Tensor,
    size: Sequence[int | tf.Tensor] | None,
    fill: Fill | None,
    min_visible: float,
) -> Sample:
    """Draw what all steps need at once, then move, recolour, and change the pixels."""
    drawn = tf.random.stateless_uniform((sum(step.numbers for step in steps),), seed)
    numbers = tf.split(drawn, [step.numbers for step in steps])
    transforms, color, before = [], None, opaque(tf.cast(tf.stack(_size(sample["image"])), tf.float32))
    for step, own in zip(steps, numbers, strict=True):
        if isinstance(step, Geometric):
            transforms.append(step.make(own, before))
            before = transforms[-1].size
        elif isinstance(step, Color):
            color = step.make(own) if color is None else step.make(own) @ color

    if transforms:
        swap = next((step.swap for step in steps if isinstance(step, Geometric) and step.swap), None)
        sample = _move(sample, merge(transforms), color, size, fill, min_visible, swap)
    else:
        sample = decoded(sample)
        sample = _stretch(sample, size) if size else sample
        sample = sample if color is None else sample | {"image": recolor(sample["image"], color)}
    image = sample["image"]
    for position, (step, own) in enumerate(zip(steps, numbers, strict=True)):
        if isinstance(step, Pixels):
            image = step.change(image, own, fold_seed(seed, position))
    return sample | {"image": image}


def _move(
    sample: Sample,
    transforms: list[Transform],
    color: tf.Tensor | None,
    size: Sequence[int | tf.Tensor] | None,
    fill: Fill | None,
    min_visible: float,
    swap: tuple[int, ...] | None,
) -> Sample:
    """Sample image and mask, and move the annotations."""
    annotated = bool(sample.keys() & {"boxes", "proposals", "mask", "landmarks"})
    fill = fill or (GREY if annotated else "reflect")
    size = size or _size(sample["image"])
    image, seen = sample["image"], transforms
    if isinstance(image, Encoded):
        image, seen = decode_seen(image, transforms, size)
    moved = sample | {"image": sample_picture(image, seen, size, fill, color)}
    if "mask" in sample:
        moved["mask"] = sample_mask(sample["mask"], transforms, size)
    if "pixel_weights" in sample:
        moved["pixel_weights"] = sample_weights(sample["pixel_weights"], transforms, size)
    after = opaque(tf.cast(tf.stack(size), tf.float32))
    transforms = merge([*transforms, stretch(transforms[-1].size, after)])
    if "boxes" in sample:
        moved["boxes"], moved["class_ids"] = move_boxes(sample["boxes"], sample["class_ids"], transforms, min_visible)
    if "proposals" in sample:
        moved["proposals"] = move_proposals(sample["proposals"], transforms, min_visible)
    if "landmarks" in sample:
        moved["landmarks"], moved["visibility"] = move_landmarks(
            sample["landmarks"], sample.get("visibility"), transforms, swap
        )
    return moved


def _size(image: tf.Tensor | Encoded) -> list[int | tf.Tensor]:
    return tf.unstack(image.size) if isinstance(image, Encoded) else size_of(image)
