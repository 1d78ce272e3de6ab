"""Augmentations: seeded functions over a sample, stateless, the same in eager mode and in `Dataset.map`.

An augmentation is made by a small factory and called with a sample and a seed: `mirror()(sample, seed)`. Geometric
ones move image, boxes, mask and landmarks together. The same seed gives the same answer.
"""

from kerascnn.data.augment.annotations import swap_sides
from kerascnn.data.augment.color import (
    IMAGENET,
    ColorStatistics,
    color_jitter,
    color_shift,
    measure_colors,
    pca_color,
)
from kerascnn.data.augment.from_keras_cv import grid_mask, rand_augment
from kerascnn.data.augment.geometric import mirror, random_crop, rotate, scale, shear, translate, warp, zoom_out
from kerascnn.data.augment.mixing import Mixing, cut_mix, mix, mix_up
from kerascnn.data.augment.mosaic import Mosaic, mosaic
from kerascnn.data.augment.pixels import blur, erase, noise
from kerascnn.data.augment.presets import PRESETS, preset
from kerascnn.data.augment.sampling import Fill
from kerascnn.data.augment.steps import Augmentation, Sample, compose

__all__ = [
    "IMAGENET",
    "PRESETS",
    "Augmentation",
    "ColorStatistics",
    "Fill",
    "Mixing",
    "Mosaic",
    "Sample",
    "blur",
    "color_jitter",
    "color_shift",
    "compose",
    "cut_mix",
    "erase",
    "grid_mask",
    "measure_colors",
    "mirror",
    "mix",
    "mix_up",
    "mosaic",
    "noise",
    "pca_color",
    "preset",
    "rand_augment",
    "random_crop",
    "rotate",
    "scale",
    "shear",
    "swap_sides",
    "translate",
    "warp",
    "zoom_out",
]
