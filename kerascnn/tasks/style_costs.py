"""What a stylised picture costs: how far its content is from one picture's, and its style from others'."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np
from keras import ops

from kerascnn.architectures import feature_maps
from kerascnn.losses import content_cost, correlations, style_cost, total_variation

Tensor = keras.KerasTensor

# Gatys et al. 2016, section 2: content from conv4_2, style from the first convolution of each block, alike.
CONTENT_LAYERS = {"block4_conv2": 1.0}
STYLE_LAYERS = {
    "block1_conv1_rgb": 0.2,
    "block2_conv1": 0.2,
    "block3_conv1": 0.2,
    "block4_conv1": 0.2,
    "block5_conv1": 0.2,
}


@dataclass(frozen=True)
class StyleRecipe:
    """What counts, and how much.

    Attributes:
        content_weight: alpha of the notes, of the content cost; not negative.
        style_weight: beta, of the style cost; not negative.
        variation_weight: of the total variation, which smooths; not negative.
        content_layers: names of layers, and the weight of each.
        style_layers: the same, of the style cost.
        architecture: whose layers these are, a name of `kerascnn.architectures.CLASSIFIERS`.
        weights: its weights, see `kerascnn.architectures.load_weights`.
        pooling: "max", or "average" in its place, see `kerascnn.architectures.feature_maps`.

    Raises:
        ValueError: for a weight that is negative or no number, or where nothing counts.
    """

    content_weight: float = 1.0
    style_weight: float = 0.03
    variation_weight: float = 0.0
    content_layers: Mapping[str, float] = field(default_factory=lambda: dict(CONTENT_LAYERS))
    style_layers: Mapping[str, float] = field(default_factory=lambda: dict(STYLE_LAYERS))
    architecture: str = "vgg16"
    weights: str | Path | None = "imagenet"
    pooling: Literal["max", "average"] = "max"

    def __post_init__(self) -> None:
        """Refuse weights with which nothing can be minimised."""
        every = (self.content_weight, self.style_weight, self.variation_weight)
        every = (*every, *self.content_layers.values(), *self.style_layers.values())
        if not all(0 <= weight < np.inf for weight in every) or not (
            self.counted_content or self.counted_style or self.variation_weight
        ):
            raise ValueError(
                f"Weights must not be negative, and those of one cost and one of its layers positive. Received: {self}."
            )
        object.__setattr__(self, "weights", None if self.weights is None else str(self.weights))  # for cards

    @property
    def counted_content(self) -> dict[str, float]:
        """The layers of the content cost that count, with their weights: none, where alpha is 0."""
        return {name: weight for name, weight in self.content_layers.items() if weight * self.content_weight}

    @property
    def counted_style(self) -> dict[str, float]:
        """The layers of the style cost that count, with their weights: none, where beta is 0."""
        return {name: weight for name, weight in self.style_layers.items() if weight * self.style_weight}

    def network(self) -> keras.Model:
        """Build the network whose maps are compared, up to the last layer that counts; see `feature_maps`."""
        names = list(self.counted_content | self.counted_style) or list(self.style_layers)[:1]
        return feature_maps(self.architecture, names, pooling=self.pooling, weights=self.weights)

    def sum_up(
        self, content: Mapping[str, Tensor], style: Mapping[str, Tensor], variation: Tensor
    ) -> dict[str, Tensor]:
        """Sum the costs up.

        Args:
            content: of each layer of `counted_content`, (B,).
            style: of each layer of `counted_style`, (B,).
            variation: (B,).

        Returns:
            `total`, `content`, `style` and `variation`, (B,) each; what does not count is 0.
        """
        nothing = ops.zeros_like(variation)
        contents = sum((weight * content[name] for name, weight in self.counted_content.items()), start=nothing)
        styles = sum((weight * style[name] for name, weight in self.counted_style.items()), start=nothing)
        total = self.content_weight * contents + self.style_weight * styles + self.variation_weight * variation
        return {"total": total, "content": contents, "style": styles, "variation": variation}


class StyleCosts:
    """The costs of a picture, of the size of the one whose content is wanted.

    Args:
        network: `StyleRecipe.network`.
        recipe: what counts how much.
        content: (H, W, 3), RGB in 0..255.
        styles: one or several, (h, w, 3) each, of any size.
        style_weights: how much each of these counts; all alike by default.
        masks: (H, W) in 0..1 for each style, where it goes; None is everywhere.
    """

    def __init__(
        self,
        network: keras.Model,
        recipe: StyleRecipe,
        content: np.ndarray,
        styles: Sequence[np.ndarray],
        style_weights: Sequence[float] | None = None,
        masks: Sequence[np.ndarray] | None = None,
    ) -> None:
        self.network, self.recipe = network, recipe
        self._style_weights = _normalise([1.0] * len(styles) if style_weights is None else style_weights)
        maps = network(_to_batch(content))
        self._content = {name: maps[name] for name in recipe.counted_content}
        found = [network(_to_batch(style)) for style in styles]
        self._styles = {
            name: ops.concatenate([correlations(each[name]) for each in found]) for name in recipe.counted_style
        }
        self._masks = {
            name: None if masks is None else _shrink(masks, maps[name].shape[1:3]) for name in recipe.counted_style
        }

    def __call__(self, picture: Tensor) -> dict[str, Any]:
        """Compute the `total` cost of a picture (1, H, W, 3), and its parts `content`, `style` and `variation`."""
        maps = self.network(picture)
        content = {name: content_cost(wanted, maps[name]) for name, wanted in self._content.items()}
        style = {name: self._measure_style(name, maps[name]) for name in self._styles}
        costs = self.recipe.sum_up(content, style, total_variation(picture))
        return {name: cost[0] for name, cost in costs.items()}

    def _measure_style(self, name: str, features: Tensor) -> Tensor:
        """Compute the cost of all styles in one layer, (1,)."""
        costs = style_cost(self._styles[name], correlations(features, self._masks[name]))
        return ops.sum(costs * ops.convert_to_tensor(self._style_weights), keepdims=True)


def _to_batch(picture: np.ndarray) -> Tensor:
    return ops.convert_to_tensor(np.asarray(picture, np.float32)[np.newaxis])


def _normalise(weights: Sequence[float]) -> np.ndarray:
    """Divide weights by their sum."""
    values = np.asarray(weights, np.float32)
    return values / values.sum()


def _shrink(masks: Sequence[np.ndarray], size: tuple[int, int]) -> Tensor:
    """Shrink masks to the size of a map: (S, h, w), the share of each place that a mask covers."""
    stacked = ops.convert_to_tensor(np.stack(masks).astype(np.float32)[..., np.newaxis])
    return ops.image.resize(stacked, size, antialias=True)[..., 0]
