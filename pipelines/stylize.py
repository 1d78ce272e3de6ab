"""Make a picture with the content of one picture and the style of another.

    python pipelines/stylize.py --content photo.jpg --style painting.jpg --output stylized
    python pipelines/stylize.py --content photo.jpg --run saved_models/painter              # in one pass

The folder then holds picture.png; growth.png, how it came to be; costs.svg and history.csv, the costs of each step;
and, with --betas, betas.png, what other weights of the style give. Ctrl-C ends with the picture as it is, from which
`--start stylized/picture.png` goes on.
"""

import dataclasses
import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from console import run_script
from files import check_folder, open_pictures
from PIL import Image
from smoke import smoke_pictures

from kerascnn import stylize
from kerascnn.files import write_file
from kerascnn.report import HISTORY_NAME, contact_sheet, plot_costs, thumbnail, write_history, write_picture
from kerascnn.results import Stylization
from kerascnn.runs import open_run
from kerascnn.tasks import FastStyleTask, StyleRecipe
from kerascnn.tasks.style import STEPS

logger = logging.getLogger("__main__")

SMOKE_FOLDER = Path("saved_models/smoke_stylized")
THUMBNAIL, PER_ROW = 240, 5  # px of the pictures of a sheet, and how many stand side by side
LATER = 1.7  # a picture of the growth is after so many times the steps of the one before, and after one more at least


@dataclass(frozen=True)
class Config:
    """Make a picture with the content of one picture and the style of another."""

    content: Path | None = None
    """The picture whose content is wanted."""
    style: tuple[Path, ...] = ()
    """The picture, or the pictures, whose style is wanted."""
    run: Path | None = None
    """A run folder of train_fast_style.py, whose network makes the picture in one pass, in the place of a style."""
    output: Path = Path("stylized")
    """The folder for what is made."""
    image_size: int | None = 512
    """The longer side of the result in pixels; None is that of the content."""
    content_weight: float = StyleRecipe.content_weight
    """Alpha: how much the content counts."""
    style_weight: float = StyleRecipe.style_weight
    """Beta: how much the style counts. Less shows more of the photo; --betas lays some side by side."""
    variation_weight: float = StyleRecipe.variation_weight
    """How much noise counts: more is smoother."""
    steps: tuple[int, ...] = STEPS
    """Steps at each size, the smallest first, which is half the next."""
    optimizer: Literal["lbfgs", "adam"] = "lbfgs"
    """How the picture goes down the costs. L-BFGS takes far fewer steps."""
    start: str = "content"
    """content, noise, or a picture file to go on from."""
    colors: Literal["style", "match", "luminance"] = "style"
    """Whose colours: the style's; the content's, by their mean and covariance; the content's, of each pixel."""
    style_scale: float = 1.0
    """How large the style picture is against the result: less makes strokes finer."""
    style_weights: tuple[float, ...] | None = None
    """How much each of several styles counts; all alike by default."""
    masks: tuple[Path, ...] | None = None
    """For each style a picture of the content's size, white where it goes."""
    architecture: str = "vgg16"
    """Whose layers say what content and style are."""
    weights: str | None = "imagenet"
    """Its weights: imagenet, bsds500, or a file."""
    pooling: Literal["max", "average"] = StyleRecipe.pooling
    """Of that network."""
    content_layers: dict[str, float] | None = None
    """Names of layers that say what content is, each with its weight. By default those of the paper, in VGG-16."""
    style_layers: dict[str, float] | None = None
    """The same, of the style."""
    betas: tuple[float, ...] = ()
    """Other weights of the style, to be laid side by side."""
    preview_every: int = 20
    """Steps between two pictures preview.png."""
    seed: int = 0
    """Of the noise."""
    smoke: bool = False
    """A few steps on embedded pictures, by a network without weights."""


def main(config: Config) -> int:
    """Stylise and write. Returns the exit status: 130 if Ctrl-C ended it early."""
    config = _smoke(config) if config.smoke else config
    if config.content is None or bool(config.style) == (config.run is not None):
        raise ValueError("Say what to make a picture of: --content PHOTO --style PAINTING..., or --run in its place.")
    check_folder(config.output)
    if config.run is not None:
        return _paint(config)
    if config.preview_every < 1:
        raise ValueError(f"preview_every must be at least 1. Received: {config.preview_every}.")
    recipe = _recipe(config)
    recipes = {beta: dataclasses.replace(recipe, style_weight=beta) for beta in config.betas}
    content, *styles = _open(config.content, *config.style)
    options = _options(config)
    growth = Growth(config.output / "preview.png", config.preview_every)
    made = stylize(content, styles, recipe=recipe, on_step=growth.keep, **options)
    _write(config.output, made, growth, recipe)
    logger.info("Wrote %s.", config.output / "picture.png")
    if made.stopped:
        return 130
    betas = {recipe.style_weight: made.picture}
    for beta, other in recipes.items():
        made = stylize(content, styles, recipe=other, **options)
        if made.stopped:
            return 130
        betas[beta] = made.picture
    if len(betas) > 1:
        write_picture(config.output / "betas.png", _sheet({f"beta {beta:g}": betas[beta] for beta in sorted(betas)}))
    return 0


class Growth:
    """Pictures of how a picture came to be: one after each of ever more steps, and the latest as a file."""

    def __init__(self, preview: Path, every: int) -> None:
        self.preview, self.every = preview, every
        self.pictures: dict[str, np.ndarray] = {}
        self.next = 1

    def keep(self, row: dict[str, Any], render: Callable[[], np.ndarray]) -> None:
        """Look at the picture after a step; see `stylize`."""
        if row["step"] % self.every == 0:
            try:
                write_picture(self.preview, render())
            except OSError as error:  # such as a full disk: the picture itself may yet be written
                logger.warning("The preview could not be written: %s", error)
        if row["step"] == self.next:
            self.pictures[f"step {self.next}"] = render()
            self.next = max(self.next + 1, round(LATER * self.next))


def _paint(config: Config) -> int:
    """Make the picture in one pass, by the network of a run."""
    task, _, _ = open_run(config.run)
    if not isinstance(task, FastStyleTask):
        raise ValueError(f"{config.run} is no run of train_fast_style.py: its task is {task.name}.")
    (content,) = _open(config.content)
    if config.image_size is not None:
        longer = config.image_size / max(content.shape[:2])
        size = tuple(max(1, round(side * longer)) for side in content.shape[:2])
        content = np.asarray(Image.fromarray(content).resize(size[::-1], Image.Resampling.BICUBIC))
    write_picture(config.output / "picture.png", task.stylize(content).picture)
    logger.info("Wrote %s.", config.output / "picture.png")
    return 0


def _recipe(config: Config) -> StyleRecipe:
    """Take what counts how much from the settings."""
    names = [field.name for field in dataclasses.fields(StyleRecipe)]
    chosen = {name: getattr(config, name) for name in names}
    return StyleRecipe(**{name: value for name, value in chosen.items() if value is not None or name == "weights"})


def _options(config: Config) -> dict[str, Any]:
    """Take what else `stylize` is told from the settings, and open the pictures among it."""
    names = ("image_size", "style_scale", "style_weights", "colors", "optimizer", "steps", "seed")
    start = config.start if config.start in ("content", "noise") else _open(Path(config.start))[0]
    masks = None if config.masks is None else [each.mean(axis=-1) / 255 for each in _open(*config.masks)]
    return {"start": start, "masks": masks} | {name: getattr(config, name) for name in names}


def _open(*files: Path) -> list[np.ndarray]:
    """Open pictures, all of which are needed."""
    split, left_out = open_pictures(files)
    if left_out:
        raise ValueError("All pictures are needed.")
    return [split.picture(index) for index in range(len(split))]


def _write(output: Path, made: Stylization, growth: Growth, recipe: StyleRecipe) -> None:
    """Write a picture, and how it came to be, in the place of what another run wrote."""
    write_picture(output / "picture.png", made.picture)
    for name in (growth.preview.name, "betas.png", "growth.png", "costs.svg", HISTORY_NAME):
        (output / name).unlink(missing_ok=True)
    if made.history:
        write_history(output, made.history)
        write_file(output / "costs.svg", plot_costs(made.history, recipe.content_weight, recipe.style_weight))
        write_picture(output / "growth.png", _sheet(growth.pictures | {"result": made.picture}))


def _sheet(pictures: dict[str, np.ndarray]) -> np.ndarray:
    """Lay pictures of one ratio side by side."""
    last = thumbnail(list(pictures.values())[-1], THUMBNAIL)
    size = last.shape[1::-1]
    columns = {name: [np.asarray(Image.fromarray(each).resize(size))] for name, each in pictures.items()}
    return contact_sheet(columns, max_columns=PER_ROW)


def _smoke(config: Config) -> Config:
    content, style, _ = smoke_pictures()
    small = {"content": content, "style": (style,), "output": SMOKE_FOLDER, "weights": None}
    return dataclasses.replace(config, **small, image_size=64, steps=(3, 2), betas=(0.1,), preview_every=2)


if __name__ == "__main__":
    sys.exit(run_script(main, Config, __doc__))
