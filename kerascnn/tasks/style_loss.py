"""What a network that stylises is trained by: the costs of style transfer, of every picture that it makes."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops
from PIL import Image, ImageOps

from kerascnn.losses import content_cost, correlations, style_cost, total_variation
from kerascnn.tasks.style_costs import StyleRecipe
from kerascnn.tasks.style_pictures import resize, scaled

Tensor = keras.KerasTensor

RGB = 3


@keras.saving.register_keras_serializable("kerascnn")
class StyleTransferLoss(keras.losses.Loss):
    """Measure how far stylised pictures are from their photos' content and from a style.

    Args:
        styles: picture files.
        style_size: to which their longer side is brought, in pixels: less makes strokes finer.
        recipe: what counts how much; by default `StyleRecipe()`.
        **options: as every Keras loss takes them.

    Takes photos (B, H, W, 3), RGB in 0..255, and what was made of them, (B, H, W, 3), or with several styles
    (B, H, W, 3 + S): behind the colours of each pixel stands how much of each style was asked for.

    Raises:
        OSError: for a file that is no picture.

    Reference:
        Johnson et al. 2016, arXiv:1603.08155, section 3.2; a mixture of styles is asked for the mixture of their
        correlations.
    """

    def __init__(
        self,
        styles: Sequence[str | Path],
        style_size: int = 256,
        recipe: StyleRecipe | Mapping[str, Any] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.files, self.style_size = [str(style) for style in styles], style_size
        self.recipe = StyleRecipe(**recipe) if isinstance(recipe, Mapping) else recipe or StyleRecipe()
        pictures = [open_style(file, style_size) for file in self.files]  # before the network, which takes longer
        self.network = self.recipe.network()
        maps = [self.network(picture[np.newaxis]) for picture in pictures]
        self.styles = {
            name: ops.concatenate([correlations(each[name]) for each in maps]) for name in self.recipe.counted_style
        }

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Compute the total cost of each picture, (B,)."""
        return self.costs(y_true, y_pred)["total"]

    def costs(self, photos: Tensor, made: Tensor) -> dict[str, Tensor]:
        """Compute the `total` cost of each picture and its parts `content`, `style` and `variation`, (B,) each."""
        pictures, shares = made[..., :RGB], made[:, 0, 0, RGB:]
        wanted, found = self.network(ops.cast(photos, "float32")), self.network(pictures)
        content = {name: content_cost(wanted[name], found[name]) for name in self.recipe.counted_content}
        style = {
            name: style_cost(_mix(styles, shares), correlations(found[name])) for name, styles in self.styles.items()
        }
        return self.recipe.sum_up(content, style, total_variation(pictures))

    def get_config(self) -> dict[str, Any]:
        """Give the arguments that make the loss again, where the files still are."""
        own = {"styles": self.files, "style_size": self.style_size, "recipe": dataclasses.asdict(self.recipe)}
        return super().get_config() | own


def open_style(file: str | Path, size: int) -> np.ndarray:
    """Open a style picture and bring its longer side to a size: float32, (h, w, 3).

    Raises:
        OSError: for a file that is no picture.
        ValueError: for one of more pixels than Pillow takes.
    """
    try:
        picture = np.asarray(ImageOps.exif_transpose(Image.open(file)).convert("RGB"))
    except Image.DecompressionBombError as error:
        raise ValueError(f"{file} is too large for a painting: {error}") from error
    return resize(picture, scaled(picture.shape[:2], size / max(picture.shape[:2])))


def _mix(styles: Tensor, shares: Tensor) -> Tensor:
    """Give the correlations (B, C, C) that are wanted of each picture; without shares, (1, C, C) of the one style."""
    return styles if shares.shape[-1] == 0 else ops.tensordot(shares, styles, axes=1)
