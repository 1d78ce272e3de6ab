"""See what the augmentations do to your pictures, and how fast they are.

    python pipelines/preview.py --data photos --augment standard --output sheet.png

Writes a contact sheet: some pictures of the training split as they are, and augmented with several seeds. Prints how
many pictures a second each step augments by itself, and all of them together. --augment all shows every augmentation of
the package instead, set so strong that it can be seen.

Boxes, masks and landmarks are drawn where the data have them, and grey is what lies outside of such a picture. The
scenes have all that a classifier is trained without: with --annotation label the picture is reflected there. What a
data set of TensorFlow Datasets shall be shown with is to be said.
"""

import dataclasses
import logging
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import tensorflow as tf
from console import print_rates, run_script
from showcase import OfSample, every_augmentation, name_step

from kerascnn.data import compose, open_source, preset, swap_sides
from kerascnn.data.augment import Sample
from kerascnn.data.scenes import CLASSES as SCENES_CLASSES
from kerascnn.data.scenes import Scenes, render_scene
from kerascnn.data.scenes.builder import SEED as SCENES_SEED
from kerascnn.report import contact_sheet, draw_annotation, write_picture

logger = logging.getLogger(__name__)

ANNOTATION = ("boxes", "class_ids", "mask", "landmarks", "visibility")


@dataclass(frozen=True)
class Config:
    """See what the augmentations do to your pictures, and how fast they are."""

    data: str = "scenes"
    """Whose training pictures to show: a folder of class folders, tfds:NAME, scenes, faces or fashion_mnist:FOLDER;
    with boxes, voc:FOLDER, coco:FOLDER, yolo:FOLDER or csv:FILE too."""
    augment: str = "standard"
    """A preset: none, light, small, standard, strong, detection, segmentation or faces; or all."""
    mirror: bool = True
    """Let the preset mirror pictures; the flag turns it off, for digits and other signs."""
    output: Path = Path("preview.png")
    """The picture file to write, a PNG; one that exists is replaced."""
    image_size: tuple[int, int] = (160, 160)
    """Height and width to which pictures are stretched: the network's input."""
    rows: int = 4
    """How many pictures to show."""
    pictures: tuple[int, ...] = ()
    """Numbers of the pictures to show, from 0; by default they are drawn."""
    columns: int = 6
    """How often to augment each one with a preset."""
    annotation: Literal["label", "boxes", "landmarks"] | None = None
    """What the pictures are to have: one class each, which is not shown, boxes, or landmarks. By default what the words
    of --data say; of the scenes, boxes and masks."""
    seed: int = 0
    """Decides which pictures are shown, and what is done to them."""
    seconds: float = 1.0
    """How long to measure each step."""
    colors: int | None = None
    """Reduce the file to a palette of so many colours, up to 256, which makes it about a third as large."""
    smoke: bool = False
    """Show the small embedded data set, and measure hardly at all."""


def main(config: Config) -> int:
    """Write the sheet and print the rates."""
    config = dataclasses.replace(config, data="scenes/tiny", rows=2, seconds=0.05) if config.smoke else config
    if min(config.rows, config.columns) < 1 or config.seconds <= 0:
        raise ValueError("rows and columns must be at least 1, and seconds above 0.")
    samples, classes = read_samples(config)
    unchanged = OfSample(compose(), config.image_size)
    swap = swap_sides(classes) if "landmarks" in samples[0] and config.mirror else None
    if config.augment == "all":
        shown = every_augmentation(config.image_size, annotated=bool(samples[0].keys() & set(ANNOTATION)), swap=swap)
        measured = shown
    else:
        steps = preset(config.augment, config.mirror, swap)
        together = OfSample(compose(*steps), config.image_size)
        shown = {f"{config.augment} {number}": together for number in range(1, config.columns + 1)}
        measured = {name_step(step): OfSample(step, config.image_size) for step in steps} | {"all together": together}
    columns = {"original": unchanged.apply(samples, (0, 0))}
    for number, (name, change) in enumerate(shown.items()):
        columns[name] = change.apply(samples, (config.seed, number))
    sheet = contact_sheet({name: [draw(sample) for sample in column] for name, column in columns.items()})
    write_picture(config.output, sheet, colors=config.colors)
    measured = {"stretched only": unchanged, **measured}
    print_rates(
        f"Pictures of {' x '.join(map(str, samples[0]['image'].shape[:2]))}, stretched to "
        f"{' x '.join(map(str, config.image_size))}",
        {name: change.rate(samples[0], config.seconds) for name, change in measured.items()},
    )
    logger.info("Wrote %s.", config.output)
    return 0


def read_samples(config: Config) -> tuple[list[Sample], tuple[str, ...]]:
    """Read the samples to show, and the names of the classes or landmarks.

    Scenes are rendered, unless an annotation is asked for: that is where their masks are.
    """
    kind, _, variant = config.data.partition("/")
    if kind == "scenes" and config.annotation is None:
        if (variant or "full") not in Scenes.builder_configs:
            raise ValueError(f"scenes comes as {', '.join(Scenes.builder_configs)}. Received: {variant!r}.")
        builder_config = Scenes.builder_configs[variant or "full"]
        numbers = _choose(config, builder_config.num_train)
        scenes = [render_scene(SCENES_SEED, number, one=builder_config.one) for number in numbers]
        return [{key: tf.constant(value) for key, value in scene.items()} for scene in scenes], SCENES_CLASSES
    source = open_source(config.data, seed=config.seed, annotation=config.annotation)
    numbers = _choose(config, len(source.train))
    return [source.train.read(tf.constant(number, tf.int64)) for number in numbers], source.classes


def draw(sample: Sample) -> np.ndarray:
    """Draw a sample with its annotation: (H, W, 3) uint8."""
    return draw_annotation(sample["image"].numpy(), **{key: sample[key].numpy() for key in ANNOTATION if key in sample})


def _choose(config: Config, size: int) -> list[int]:
    """Choose the numbers of the pictures to show, out of so many."""
    if config.pictures:
        if not all(0 <= number < size for number in config.pictures):
            raise ValueError(f"The training pictures have the numbers 0..{size - 1}. Received: {config.pictures}.")
        return list(config.pictures)
    return sorted(np.random.default_rng(config.seed).choice(size, min(config.rows, size), replace=False).tolist())


if __name__ == "__main__":
    sys.exit(run_script(main, Config, __doc__))
