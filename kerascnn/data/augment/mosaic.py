"""Mosaics: four pictures put together around a point into one, with the boxes of all of them.

    train = pipeline(data.train, task, augment=[*preset("detection"), mosaic()], seed=0)

MixUp and CutMix mix the pictures of a batch, see `kerascnn.data.augment.mixing`. A mosaic takes pictures of the whole
split, which `pipeline` reads for it.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import tensorflow as tf

from kerascnn.data.augment.checks import check_range, check_share
from kerascnn.data.augment.sampling import Fill, static_size
from kerascnn.data.augment.steps import Augmentation, Geometric, Sample, compose
from kerascnn.data.augment.transform import Affine, opaque
from kerascnn.data.sample import PADDING
from kerascnn.data.seeds import fold_seed

TILES = 4
CARRIED = ("image", "boxes", "class_ids", "proposals", "mask")


@dataclass(frozen=True)
class Mosaic:
    """Puts four samples together; `mosaic` makes it, and says what the attributes are."""

    probability: float
    factor: tuple[float, float]
    center: tuple[float, float]
    epochs: int | None

    def __call__(
        self,
        samples: Sequence[Sample],
        seed: tf.Tensor,
        *,
        size: Sequence[int | tf.Tensor],
        augment: Sequence[Augmentation] = (),
        fill: Fill | None = None,
    ) -> Sample:
        """Put four samples together, whatever the probability.

        Args:
            samples: upper left, upper right, lower left, lower right, see `kerascnn.data.sample`.
            seed: (2,) int64.
            size: height and width of the result, at least 2 each, see `compose`.
            augment: what is done to each of the four before, with a seed of its own. The maps of points become one with
                the map to its place, so that each picture is sampled once, and only where it will be seen.
            fill: see `compose`.

        Returns:
            The image, the mask, if there is one, the boxes of what is seen of the four, without padding, and as many
            proposals as one of the four has, with padding: the first ones of each.

        Raises:
            ValueError: for another number of samples, ones that hold what a mosaic cannot have, or a size below 2.
        """
        if len(samples) != TILES:
            raise ValueError(f"A mosaic is made of {TILES} samples. Received: {len(samples)}.")
        for sample in samples:
            check_carried(sample)
        if any(side is not None and side < 2 for side in static_size(size)):
            raise ValueError(f"size must be (height, width), both at least 2. Received: size={size}.")
        whole = opaque(tf.cast(tf.stack(size), tf.float32))
        shares = tf.random.stateless_uniform((2,), fold_seed(seed, TILES), *self.center)
        first = tf.cast(tf.clip_by_value(tf.round(whole * shares), 1, whole - 1), tf.int32)
        (top, left), (bottom, right) = tf.unstack(first), tf.unstack(tf.stack(size) - first)
        tiles = []
        for number, (sample, tile) in enumerate(
            zip(samples, ((top, left), (top, right), (bottom, left), (bottom, right)), strict=True)
        ):
            put = compose(*augment, self._place(whole, tile), size=tile, fill=fill)
            tiles.append(put(sample, fold_seed(seed, number)))
        return _put_together(tiles, (top, left), size)

    def happens(self, epoch: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Decide whether a picture becomes a mosaic: (), bool."""
        drawn = tf.random.stateless_uniform((), fold_seed(seed, TILES + 1)) < self.probability
        return drawn if self.epochs is None else drawn & (epoch < self.epochs)

    def draw_others(self, count: int, seed: tf.Tensor) -> list[tf.Tensor]:
        """Draw the indices of the other three of a split of `count` samples, (), int64 each; one may come again."""
        shape = (TILES - 1,)
        return tf.unstack(tf.random.stateless_uniform(shape, fold_seed(seed, TILES + 2), 0, count, tf.int64))

    def _place(self, whole: tf.Tensor, tile: tuple[tf.Tensor, tf.Tensor]) -> Geometric:
        """Make the step that scales a picture, and shows a window of it, drawn at random, in its part of the mosaic."""

        def make(numbers: tf.Tensor, before: tf.Tensor) -> Affine:
            smallest, largest = self.factor
            part = tf.cast(tf.stack(tile), tf.float32)
            factor = tf.maximum(smallest * (largest / smallest) ** numbers[0], tf.reduce_max(part / whole))
            extent = whole * factor
            step_y, step_x = tf.unstack(before / extent)
            start_y, start_x = tf.unstack((part - extent) * numbers[1:])
            elements = [step_x, 0.0, -start_x * step_x, 0.0, step_y, -start_y * step_y, 0.0, 0.0, 1.0]
            return Affine(tf.reshape(tf.stack(elements), (3, 3)), part)

        return Geometric(3, make)


def mosaic(
    probability: float = 0.5,
    factor: tuple[float, float] = (0.5, 1.0),
    center: tuple[float, float] = (0.25, 0.75),
    *,
    epochs: int | None = None,
) -> Mosaic:
    """Put four pictures together around a point (Bochkovskiy et al. 2020, section 3.3 and figure 3).

    Things are seen in other surroundings and smaller, and a batch shows four times as many. The other three are drawn
    from the whole split. Each picture is scaled, and its part of the mosaic shows a window of it, drawn at random.
    Boxes are cut as it is, and left out where less than `kerascnn.data.augment.steps.MIN_VISIBLE` of them is seen.

    In the list of `pipeline`, what stands before is done to each of the four by itself, and costs no second sampling;
    what stands after is done to the mosaic.

    Args:
        probability: of a picture that becomes the first of a mosaic, in 0..1.
        factor: the smallest and largest by which each picture is scaled, relative to one that stands alone; it is never
            smaller than its part of the mosaic.
        center: where the four meet, the smallest and largest share of the height and of the width, in 0..1.
        epochs: how many of the first ones have mosaics, counted over all stages of a training; None is all. Ge et al.
            2021, section 2.1, leave the last 15 of 300 without, so that a training ends with pictures as they are.

    Raises:
        ValueError: for a number out of range, or a range that is empty.
    """
    check_share("probability", probability)
    check_range("factor", factor)
    check_range("center", center, 1)
    if epochs is not None and epochs < 0:
        raise ValueError(f"epochs must not be negative. Received: epochs={epochs}.")
    return Mosaic(probability, factor, center, epochs)


def augmented(
    read: Callable[[tf.Tensor], Sample], count: int, augment: Sequence[Augmentation | Mosaic], fill: Fill | None
) -> Callable[..., Sample]:
    """Make the function that reads a sample of a split and augments it, with mosaics if one is among the steps.

    Args:
        read: from an index, (), int64, to a sample.
        count: of the samples.
        augment: steps, done one after another.
        fill: see `compose`.

    Returns:
        A function of an epoch and an index, (), int64 each, a seed, an integer, and a size, to the sample.

    Raises:
        ValueError: for more than one mosaic.
    """
    mosaics = [position for position, step in enumerate(augment) if isinstance(step, Mosaic)]
    if len(mosaics) > 1:
        raise ValueError(f"There can be one mosaic among the augmentations. Received: {len(mosaics)}.")
    position = mosaics[0] if mosaics else len(augment)
    before, after = augment[:position], augment[position + 1 :]

    def augment_one(epoch: tf.Tensor, index: tf.Tensor, seed: int, size: Sequence[int | tf.Tensor]) -> Sample:
        def alone() -> Sample:
            return compose(*before, *after, size=size, fill=fill)(read(index), fold_seed((seed, 0), epoch, index))

        if not mosaics:
            return alone()
        mosaic_seed = fold_seed((seed, 1), epoch, index)

        def together() -> Sample:
            others = augment[position].draw_others(count, mosaic_seed)
            samples = [read(each) for each in (index, *others)]
            whole = augment[position](samples, mosaic_seed, size=size, augment=before, fill=fill)
            return compose(*after, size=size, fill=fill)(whole, fold_seed((seed, 0), epoch, index)) if after else whole

        return tf.cond(augment[position].happens(epoch, mosaic_seed), together, alone)

    return augment_one


def check_carried(keys: Iterable[str]) -> None:
    """Refuse samples that hold what only one picture can have.

    Raises:
        ValueError: for a label, an identity or landmarks.
    """
    if refused := sorted(set(keys) - set(CARRIED)):
        raise ValueError(
            f"A mosaic shows four pictures: it has boxes and a mask, and no {' or '.join(refused)}. Leave mosaic() out."
        )


def _put_together(
    tiles: Sequence[Sample], first: tuple[tf.Tensor, tf.Tensor], size: Sequence[int | tf.Tensor]
) -> Sample:
    """Join four samples: the pixels are laid side by side, and the boxes moved to where their pixels are.

    Args:
        tiles: upper left, upper right, lower left, lower right.
        first: height and width of the first.
        size: of all together.
    """
    joined = {}
    for key in tiles[0].keys() & {"image", "mask"}:
        upper, lower = (tf.concat([tile[key] for tile in row], axis=1) for row in (tiles[:2], tiles[2:]))
        pixels = tf.concat([upper, lower], axis=0)
        joined[key] = tf.ensure_shape(pixels, (*static_size(size), *pixels.shape[2:]))
    top, left = tf.unstack(tf.cast(tf.stack(first), tf.float32))
    starts = [(0.0, 0.0), (left, 0.0), (0.0, top), (left, top)]  # x, y
    if "boxes" in tiles[0]:
        boxes = [tile["boxes"] + tf.tile(tf.stack(start), [2]) for tile, start in zip(tiles, starts, strict=True)]
        class_ids = tf.concat([tile["class_ids"] for tile in tiles], axis=0)
        seen = class_ids != PADDING
        joined["boxes"] = tf.boolean_mask(tf.concat(boxes, axis=0), seen)
        joined["class_ids"] = tf.boolean_mask(class_ids, seen)
    if "proposals" in tiles[0]:
        joined["proposals"] = _join_proposals([tile["proposals"] for tile in tiles], starts)
    return joined


def _join_proposals(proposals: Sequence[tf.Tensor], starts: Sequence[tuple[tf.Tensor, tf.Tensor]]) -> tf.Tensor:
    """Take proposals of four pictures in turn, since the first of each are the best, and only as many as of one.

    Args:
        proposals: of each (P, 4), padding is zeros; P may differ.
        starts: x and y of each picture.

    Returns:
        (P, 4) float32, of the largest P.
    """
    count = tf.reduce_max(tf.stack([tf.shape(each)[0] for each in proposals]))
    moved = []
    for each, start in zip(proposals, starts, strict=True):
        given = tf.reduce_any(each != 0, axis=-1, keepdims=True)
        shifted = tf.where(given, each + tf.tile(tf.stack(start), [2]), 0.0)
        moved.append(tf.pad(shifted, [[0, count - tf.shape(each)[0]], [0, 0]]))
    in_turn = tf.reshape(tf.stack(moved, axis=1), (-1, 4))
    seen = tf.boolean_mask(in_turn, tf.reduce_any(in_turn != 0, axis=-1))[:count]
    joined = tf.pad(seen, [[0, count - tf.shape(seen)[0]], [0, 0]])
    lengths = {each.shape[0] for each in proposals}
    return tf.ensure_shape(joined, (lengths.pop() if len(lengths) == 1 else None, 4))
