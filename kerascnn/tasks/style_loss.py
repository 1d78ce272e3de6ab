"""What a network that stylises is trained by: the costs of style transfer, of every picture that it makes."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from kerascnn.losses import content_cost, correlations, style_cost, total_variation
from kerascnn.tasks.style_costs import StyleRecipe

Tensor = keras.KerasTensor

RGB = 3


class StyleTransferLoss(keras.losses.Loss):
    """Measure how far stylised pictures are from their photos' content and from a style.

    Args:
        recipe: what counts how much.
        styles: float or uint8, (h, w, 3) each, as large as their strokes are to be.
        **options: as every Keras loss takes them.

    Takes photos (B, H, W, 3), RGB in 0..255, and what was made of them, (B, H, W, 3), or with several styles
    (B, H, W, 3 + S): behind the colours of each pixel stands how much of each style was asked for.

    Reference:
        Johnson et al. 2016, arXiv:1603.08155, section 3.2; a mixture of styles is asked for the mixture of their
        correlations.
    """

    def __init__(self, recipe: StyleRecipe, styles: Sequence[np.ndarray], **options: Any) -> None:
        super().__init__(**options)
        self.recipe, self.network = recipe, recipe.network()
        maps = [self.network(np.asarray(style, np.float32)[np.newaxis]) for style in styles]
        self.styles = {
            name: ops.concatenate([correlations(each[name]) for each in maps]) for name in recipe.style_layers
        }

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Compute the total cost of each picture, (B,)."""
        return self.costs(y_true, y_pred)["total"]

    def costs(self, photos: Tensor, made: Tensor) -> dict[str, Tensor]:
        """Compute the `total` cost of each picture and its parts `content`, `style` and `variation`, (B,) each."""
        recipe, pictures, shares = self.recipe, made[..., :RGB], made[:, 0, 0, RGB:]
        wanted, found = self.network(ops.cast(photos, "float32")), self.network(pictures)
        content = sum(
            weight * content_cost(wanted[name], found[name]) for name, weight in recipe.content_layers.items()
        )
        style = sum(
            weight * style_cost(_mix(self.styles[name], shares), correlations(found[name]))
            for name, weight in recipe.style_layers.items()
        )
        variation = total_variation(pictures)
        total = recipe.content_weight * content + recipe.style_weight * style + recipe.variation_weight * variation
        return {"total": total, "content": content, "style": style, "variation": variation}


def _mix(styles: Tensor, shares: Tensor) -> Tensor:
    """Give the correlations (B, C, C) that are wanted of each picture; without shares, (1, C, C) of the one style."""
    return styles if shares.shape[-1] == 0 else ops.tensordot(shares, styles, axes=1)
