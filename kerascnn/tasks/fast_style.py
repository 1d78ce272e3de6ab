"""Style transfer in one pass: a network that has learnt a style, or a few.

Johnson et al. 2016, arXiv:1603.08155; several styles by Dumoulin et al. 2017, arXiv:1610.07629.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import keras
import numpy as np
from keras import layers, ops

from kerascnn.architectures import load_weights, select_style, style_network
from kerascnn.architectures.style_network import STRIDE
from kerascnn.layers import StyleByPlace
from kerascnn.results import Stylization
from kerascnn.tasks.style_costs import StyleRecipe
from kerascnn.tasks.style_loss import RGB, StyleTransferLoss
from kerascnn.tasks.style_pictures import BRIGHTEST, resize
from kerascnn.tasks.task import Task, check_names

MEASURED = 32  # pictures whose costs are computed: each takes two passes through VGG-16
CLOSE = 8.0  # grey levels by which two models' colours of a pixel may differ and be called alike


@dataclass(frozen=True)
class FastStyleTask(Task):
    """A network that stylises; `fast_style` makes one. Its classes are the styles.

    The score is the share of a photo's own cost that is gone: 0 for a photo as it was.
    """

    name: ClassVar[str] = "fast_style"
    annotation: ClassVar[str | None] = None  # it learns from the photos themselves
    score_name: ClassVar[str] = "cost removed"
    monitor: ClassVar[str] = "loss"
    monitor_mode: ClassVar[str] = "min"
    precisions: ClassVar[tuple[str, ...]] = ("float32", "float16", "dynamic")  # 8 bits are too few for the statistics
    predicted_at_once: ClassVar[int] = 4

    @cached_property
    def training_model(self) -> keras.Model:
        """The network; with several styles, one that asks for them in turn, and says which it asked for."""
        if len(self.classes) == 1:
            return self.model
        photos = layers.Input(self.model.inputs[0].shape[1:], name="photo")
        shares = StyleByPlace(len(self.classes), name="style_by_place")(photos)
        made = self.model({"image": photos, "style": shares})
        said = ops.ones_like(made[..., :1]) * shares[:, None, None]
        return keras.Model(photos, ops.concatenate([made, said], axis=-1), name="style_network_in_training")

    @cached_property
    def loss(self) -> keras.losses.Loss:
        """See `StyleTransferLoss`."""
        return StyleTransferLoss(**self.loss_options)

    @property
    def image_size(self) -> tuple[int, int]:
        """(height, width) of the photos in pixels."""
        return self.model.inputs[0].shape[1:3]

    @property
    def exported(self) -> Mapping[str, Task]:
        """A network for each style: phones take one of a single style."""
        return {"": self} if len(self.classes) == 1 else {f"_{name}": self.of_style(name) for name in self.classes}

    def metrics(self) -> list[keras.metrics.Metric]:
        """Make none: the loss says it all."""
        return []

    @property
    def output_labels(self) -> Mapping[str, str]:
        """No output is of classes."""
        return {}

    def targets(self, sample: Mapping[str, Any]) -> Any:
        """Take the photo: its content is wanted."""
        return sample["image"]

    def evaluate(self, outputs: Mapping[str, np.ndarray], targets: np.ndarray) -> dict[str, Any]:
        """Compute mean costs of the first pictures, and those that the photos have as they are."""
        found, before = (self._measure(targets, made) for made in (outputs["picture"], targets))
        means = {name: float(costs.mean()) for name, costs in found.items()}
        return {
            "examples": len(targets),
            "measured": len(found["total"]),
            **means,
            "untouched": float(before["total"].mean()),
        }

    def _measure(self, photos: np.ndarray, made: np.ndarray) -> dict[str, np.ndarray]:
        """Give the costs of the first pictures, (n,) each."""
        photos, made = (np.asarray(each[:MEASURED], np.float32) for each in (photos, made))
        starts, at_once = range(0, len(photos), self.predicted_at_once), self.predicted_at_once
        costs = [self.loss.costs(photos[start : start + at_once], made[start : start + at_once]) for start in starts]
        return {name: np.concatenate([ops.convert_to_numpy(each[name]) for each in costs]) for name in costs[0]}

    def score_of(self, summary: Mapping[str, Any]) -> float:
        """Give the share of the photos' cost that is gone; 0 where it has grown."""
        return max(0.0, 1 - summary["total"] / max(summary["untouched"], keras.config.epsilon()))

    def agreement(self, outputs: Mapping[str, np.ndarray], others: Mapping[str, np.ndarray]) -> float:
        """Give the share of pixels whose colours differ by at most 8 grey levels."""
        differences = np.abs(outputs["picture"] - others["picture"]).max(axis=-1)
        return float(np.mean(differences <= CLOSE))

    def differences(self, outputs: Mapping[str, np.ndarray], others: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Compare the colours, in shares of the range."""
        return {"picture": np.abs(outputs["picture"] - others["picture"]) / BRIGHTEST}

    def decode(
        self, outputs: Mapping[str, np.ndarray], sizes: Sequence[tuple[int, int]] | None = None
    ) -> list[Stylization]:
        """Turn pictures (N, H, W, 3) into uint8, stretched to the sizes that are wanted."""
        every_size = self.sizes_of(len(outputs["picture"]), sizes)
        stretched = [resize(picture, size) for picture, size in zip(outputs["picture"], every_size, strict=True)]
        return [Stylization(np.rint(picture).astype(np.uint8), (), stopped=False) for picture in stretched]

    def truths(self, targets: np.ndarray, sizes: Sequence[tuple[int, int]] | None = None) -> list[Stylization]:
        """Give the photos: no other picture would be right."""
        return self.decode({"picture": targets}, sizes)

    def mistakes(self, outputs: Mapping[str, np.ndarray], targets: np.ndarray) -> np.ndarray:
        """Sort the pictures that are measured, the most costly first: none is right or wrong."""
        return np.argsort(-self._measure(targets, outputs["picture"])["total"], kind="stable")

    def best(self, outputs: Mapping[str, np.ndarray], targets: np.ndarray) -> np.ndarray:
        """Sort the pictures that are measured, the least costly first."""
        return self.mistakes(outputs, targets)[::-1]

    def serving_model(self) -> keras.Model:
        """Give the model of photos to `picture` (B, H, W, 3), float32 in 0..255.

        Raises:
            ValueError: for several styles: phones take a network of one, see `of_style`.
        """
        if len(self.classes) > 1:
            raise ValueError(f"Choose one of the styles {', '.join(self.classes)}: task.of_style(name).")
        return keras.Model(self.model.input, {"picture": self.model.output}, name=self.model.name)

    @cached_property
    def _any_size(self) -> keras.Model:
        """The network with its weights, for pictures of any size that is a multiple of its stride."""
        network = style_network((None, None, RGB), len(self.classes), **self.options)
        network.set_weights(self.model.get_weights())
        return network

    def stylize(self, picture: np.ndarray) -> Stylization:
        """Stylise a picture at its own size, where files for phones have one size.

        Args:
            picture: uint8, (H, W, 3), RGB, each side at least 16.

        Raises:
            ValueError: for another shape, or several styles: see `of_style`.
        """
        if len(self.classes) > 1:
            raise ValueError(f"Choose one of the styles {', '.join(self.classes)}: task.of_style(name).")
        if picture.ndim != 3 or picture.shape[2] != RGB or min(picture.shape[:2]) < 4 * STRIDE:
            raise ValueError(f"picture must be (height, width, 3), at least 16 x 16. Received: {picture.shape}.")
        height, width = picture.shape[:2]
        padded = np.pad(picture, [(0, -height % STRIDE), (0, -width % STRIDE), (0, 0)], mode="reflect")
        made = self._any_size.predict_on_batch(padded[np.newaxis].astype(np.float32))[0, :height, :width]
        return Stylization(np.rint(made).astype(np.uint8), (), stopped=False)

    def of_style(self, name: str) -> "FastStyleTask":
        """Give the task of one of several styles, with the weights as they are now.

        Raises:
            ValueError: for a style that it does not have.
        """
        if name not in self.classes:
            raise ValueError(f"The styles are {', '.join(self.classes)}. Received: {name!r}.")
        if len(self.classes) == 1:
            return self
        number = self.classes.index(name)
        options = dict(self.loss_options) | {"styles": [self.loss_options["styles"][number]]}
        return dataclasses.replace(self, model=select_style(self.model, number), classes=(name,), loss_options=options)


def fast_style(
    styles: Sequence[str | Path],
    *,
    image_size: tuple[int, int] = (256, 256),
    style_size: int = 256,
    recipe: StyleRecipe | None = None,
    weights: str | Path | None = None,
    **options: Any,
) -> FastStyleTask:
    """Make a network that stylises photos in one pass.

    Args:
        styles: picture files, of different names, by which the styles are called.
        image_size: (height, width) of the photos in pixels, multiples of 4.
        style_size: to which the longer side of the style pictures is brought, in pixels: less makes strokes finer.
        recipe: what counts how much; by default `StyleRecipe()`.
        weights: of a run folder of this task, or None to start from a random initialisation.
        **options: what `kerascnn.architectures.style_network` takes, such as `width`.

    Raises:
        OSError: for a file that is no picture.
        ValueError: for styles of one name, or what the builder refuses.

    Example:
        >>> task = fast_style(["starry_night.jpg"], width=16)
        >>> task.compile()
        >>> task.model.fit(photos, photos)  # (N, 256, 256, 3)
    """
    names = tuple(Path(style).stem for style in styles)
    check_names("styles", names, at_least=1)
    loss_options = {
        "styles": [str(Path(style).resolve()) for style in styles],
        "style_size": style_size,
        "recipe": dataclasses.asdict(recipe or StyleRecipe()),
    }
    model = style_network((*image_size, RGB), len(names), **options)
    report = None if weights is None else load_weights(model, weights)
    task = FastStyleTask(model, names, report, "style_network", options, loss_options)
    _ = task.loss  # opens the files, now and not when training begins
    return task
