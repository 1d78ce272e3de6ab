"""Train a network that stylises photos in one pass, and export it for phones.

    python pipelines/train_fast_style.py --data photos:FOLDER --styles painting.jpg --output saved_models/painter

Any photos will do; a few thousand are better than a few hundred. With several paintings, one network learns all of them
(Dumoulin et al. 2017), and each gets a run folder of its own, with files for phones: saved_models/painter_NAME.
"""

import dataclasses
import sys
from dataclasses import dataclass
from pathlib import Path

from console import run_script
from smoke import smoke_pictures
from training import TrainingConfig, make_small, run_name, train

from kerascnn.architectures import check_options_of, style_network
from kerascnn.data import Source
from kerascnn.export import check_output
from kerascnn.tasks import FastStyleTask, StyleRecipe, fast_style
from kerascnn.tasks.style_loss import open_style
from kerascnn.tasks.task import check_names
from kerascnn.training import from_scratch

SMOKE_RUN = "smoke_fast_style"


@dataclass(frozen=True)
class Config(TrainingConfig):
    """Train a network that stylises photos in one pass, and export it for phones."""

    data: str = "scenes"
    """Which photos: photos:FOLDER, of any kind, or any data that the other scripts take."""
    styles: tuple[str, ...] = ()
    """The paintings, by whose names the styles are called."""
    width: int = 16
    """Filters of the first convolution. The paper has 32, with about four times the multiply-adds."""
    image_size: tuple[int, int] = (256, 256)
    """Height and width of the photos in pixels, multiples of 4."""
    style_size: int = 256
    """To which the longer side of the paintings is brought, in pixels: less makes strokes finer."""
    content_weight: float = StyleRecipe.content_weight
    """How much the content of the photo counts."""
    style_weight: float = StyleRecipe.style_weight
    """How much the style counts."""
    variation_weight: float = StyleRecipe.variation_weight
    """How much noise counts: more is smoother."""
    weights: str = "imagenet"
    """Of VGG-16, whose layers say what content and style are: imagenet, bsds500, a file, or none."""
    augment: str = "mirror"
    """How photos change at random in training: see preview.py."""
    epochs: int = 20
    """Epochs."""
    learning_rate: float = 1e-3
    """Adam's, as in both papers."""
    batch_size: int = 4
    """Photos in a step, as in Johnson et al."""


def main(config: Config) -> int:
    """Train. Returns the exit status: 1 if an exported file missed its budget."""
    config = _smoke(config) if config.smoke else config
    if not config.styles:
        raise ValueError("Say whose style is to be learnt: --styles PAINTING...")
    _check(config)
    recipe = StyleRecipe(
        content_weight=config.content_weight,
        style_weight=config.style_weight,
        variation_weight=config.variation_weight,
        weights=None if config.weights == "none" else config.weights,
    )

    def make_task(source: Source) -> FastStyleTask:
        sizes = {"image_size": config.image_size, "style_size": config.style_size}
        return fast_style(config.styles, recipe=recipe, **sizes, **{"width": config.width} | config.options)

    stages = from_scratch(config.epochs, learning_rate=config.learning_rate, weight_decay=0.0, patience=config.patience)
    return train(config, make_task, stages, annotation=FastStyleTask.annotation, weights=config.weights)


def _check(config: Config) -> None:
    """Refuse what cannot be trained before the photos are read."""
    check_options_of("style_network", config.options, style_network)
    names = [Path(style).stem for style in config.styles]
    check_names("styles", names, at_least=1)
    for style in config.styles:
        open_style(style, config.style_size)
    style_network((*config.image_size, 3), len(names), **{"width": config.width} | config.options)
    if config.batch_size % len(names):
        raise ValueError(
            f"batch_size must be a multiple of the {len(names)} styles, which take turns in a batch. "
            f"Received: {config.batch_size}."
        )
    output = config.output or Path("saved_models") / run_name(config.data)
    for name in names if len(names) > 1 else ():
        check_output(output.with_name(f"{output.name}_{name}"), overwrite=config.overwrite)


def _smoke(config: Config) -> Config:
    small = {
        "styles": tuple(map(str, smoke_pictures()[:1])),
        "weights": "none",
        "image_size": (32, 32),
        "style_size": 64,
    }
    config = make_small(config, SMOKE_RUN, **small, epochs=1)
    return dataclasses.replace(config, width=8, options={"residual_blocks": 1}, batch_size=16)


if __name__ == "__main__":
    sys.exit(run_script(main, Config, __doc__))
