"""Style transfer: how soon a picture is as good as the plain recipe makes it, and where the time goes.

    KERASCNN_DATA=data python benchmarks/style.py

`$KERASCNN_DATA/style` holds the photo tubingen.jpg and the painting starry_night.jpg. The plain recipe is what
tutorials have: Adam on the pixels at one size, from the photo, each step one `tf.function`. Both minimise the same
cost, which is measured of the picture at full size. --quick takes hardly a step.
"""

import os
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # as the scripts do

import keras
import numpy as np
import tensorflow as tf
import tyro
from PIL import Image
from reporting import check_writable, report

from kerascnn import stylize
from kerascnn.gradients import compile_gradient
from kerascnn.report import contact_sheet, thumbnail
from kerascnn.tasks import StyleCosts, StyleRecipe
from kerascnn.tasks.style_pictures import prepare_pictures

CONTENT, STYLE = "tubingen.jpg", "starry_night.jpg"
PHOTOS = (CONTENT, "golden_gate.jpg", "hoovertowernight.jpg")
PAINTINGS = (STYLE, "the_scream.jpg", "shipwreck.jpg")
CELL, JPEG_QUALITY = (240, 180), 88  # px of a picture in the gallery, width and height
RATES = (2.0, 5.0, 10.0)  # of the plain recipe, in grey levels; the best one is what is compared with
SPLIT_AT = ("block1_conv1_rgb", "block2_conv1", "block3_conv1", "block4_conv1", "block5_conv1")
REPEATS = 7


@dataclass(frozen=True)
class Config:
    """Measure style transfer against the plain recipe."""

    image_size: int = 384
    """The longer side in pixels."""
    plain_steps: int = 200
    """Of the plain recipe, whose last cost is to be reached."""
    weights: str = "bsds500"
    """Of VGG-16."""
    json: Path | None = None
    """Where to write the rows."""
    gallery: Path | None = None
    """Where to write all three photos in the style of all three paintings, as JPEG; nothing else is done then."""
    quick: bool = False
    """Take hardly a step, of small pictures."""


@dataclass(frozen=True)
class Descent:
    """What a way of stylising did: seconds since its begin and total cost of each step at full size."""

    seconds: list[float]
    totals: list[float]
    full_steps: list[float]

    def reached(self, total: float) -> float | None:
        """Give the seconds after which the cost is not above a wanted one."""
        return next((at for at, found in zip(self.seconds, self.totals, strict=True) if found <= total), None)


def main(config: Config) -> None:
    """Measure and print."""
    root = os.environ.get("KERASCNN_DATA")
    if root is None:
        sys.exit("Set KERASCNN_DATA to a folder that holds style.")
    check_writable(config.json, config.gallery)
    folder = Path(root) / "style"
    size, plain_steps = (64, 3) if config.quick else (config.image_size, config.plain_steps)
    recipe = StyleRecipe(weights=config.weights)
    network = recipe.network()
    if config.gallery is not None:
        sheet = draw_gallery(folder, recipe, network, size, {"steps": (1, 1)} if config.quick else {})
        Image.fromarray(sheet).save(config.gallery, quality=JPEG_QUALITY)
        return
    content, style = (_open(folder / name) for name in (CONTENT, STYLE))
    pictures = prepare_pictures(content, [style], image_size=size)
    costs = StyleCosts(network, recipe, pictures.content, pictures.styles)
    plain = {rate: descend_plainly(costs, pictures.content, rate, plain_steps) for rate in RATES}
    best = min(plain, key=lambda rate: plain[rate].totals[-1])
    own = descend(content, style, recipe, network, size, (1, 1) if config.quick else None)
    wanted = plain[best].totals[-1]
    rows = [_row(f"plain, rate {rate:g}", each, wanted, plain[best]) for rate, each in plain.items()]
    rows.append(_row("kerascnn", own, wanted, plain[best]))
    title = f"total cost of {CONTENT} in the style of {STYLE}, {size} px; to be reached: {wanted:.4g}"
    report(title, rows, config.json)
    report("where a step's time goes", split_time(recipe, pictures.content), None)


def draw_gallery(
    folder: Path, recipe: StyleRecipe, network: keras.Model, size: int, options: dict[str, Any]
) -> np.ndarray:
    """Stylise every photo by every painting, and lay them out: a row for each photo, a column for each painting."""
    photos = [_open(folder / name) for name in PHOTOS]
    columns = {"photo": [np.full((*CELL[::-1], 3), 255, np.uint8), *map(_fit, photos)]}
    for name in PAINTINGS:
        painting = _open(folder / name)
        made = [
            stylize(photo, painting, recipe=recipe, network=network, image_size=size, **options).picture
            for photo in photos
        ]
        columns[Path(name).stem.replace("_", " ")] = [_fit(painting), *map(_fit, made)]
    return contact_sheet(columns)


def _fit(picture: np.ndarray) -> np.ndarray:
    """Shrink a picture into a cell, on white."""
    small = Image.fromarray(thumbnail(picture, CELL[0]))
    small.thumbnail(CELL)
    cell = Image.new("RGB", CELL, "white")
    cell.paste(small, ((CELL[0] - small.width) // 2, (CELL[1] - small.height) // 2))
    return np.asarray(cell)


def _open(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB"))


def descend_plainly(costs: StyleCosts, content: np.ndarray, rate: float, steps: int) -> Descent:
    """Take the steps of the plain recipe."""
    picture, optimizer = keras.Variable(content[np.newaxis]), keras.optimizers.Adam(rate)
    optimizer.build([picture])

    @tf.function
    def step() -> tf.Tensor:
        with tf.GradientTape() as tape:
            total = costs(picture.value)["total"]
        optimizer.apply([tape.gradient(total, picture.value)], [picture])
        picture.assign(tf.clip_by_value(picture.value, 0.0, 255.0))
        return total

    begin, seconds, totals = time.perf_counter(), [], []
    for _ in range(steps):
        total = float(step())
        seconds.append(time.perf_counter() - begin)
        totals.append(total)
    totals = [*totals[1:], float(costs(picture.value)["total"])]  # of the picture after each step
    return Descent(seconds, totals, list(np.diff(seconds)))


def descend(
    content: np.ndarray,
    style: np.ndarray,
    recipe: StyleRecipe,
    network: keras.Model,
    size: int,
    steps: tuple[int, ...] | None,
) -> Descent:
    """Take the steps of `stylize`, as it is by default."""
    seconds, totals = [], []

    def keep(row: dict[str, Any], render: Callable[[], np.ndarray]) -> None:
        if max(row["height"], row["width"]) == size:
            seconds.append(time.perf_counter() - begin)
            totals.append(row["total"])

    options = {} if steps is None else {"steps": steps}
    begin = time.perf_counter()
    stylize(content, style, recipe=recipe, network=network, image_size=size, verbose=0, on_step=keep, **options)
    return Descent(seconds, totals, list(np.diff(seconds)))


def _row(name: str, found: Descent, wanted: float, plain: Descent) -> dict[str, Any]:
    reached, slowest = found.reached(wanted), plain.seconds[-1]
    return {
        "way": name,
        "seconds": found.seconds[-1],
        "total_at_the_end": found.totals[-1],
        "seconds_to_reach": reached,
        "times_faster": None if reached is None else slowest / reached,
        "seconds_a_step": statistics.median(found.full_steps) if found.full_steps else None,
    }


def split_time(recipe: StyleRecipe, content: np.ndarray) -> list[dict[str, Any]]:
    """Time a step of networks that end at each of the style's layers: the differences are what is between them."""
    rows, before = [], 0.0
    for count, name in enumerate(SPLIT_AT, start=1):
        layers = dict.fromkeys(SPLIT_AT[:count], 1.0)
        part = StyleRecipe(0.0, 1.0, content_layers={}, style_layers=layers, weights=recipe.weights)
        compute = compile_gradient(StyleCosts(part.network(), part, content, [content]), of="total")
        compute(content[np.newaxis])
        seconds = min(_time(compute, content[np.newaxis]) for _ in range(REPEATS))
        rows.append({"up_to": name, "ms": 1000 * seconds, "ms_more": 1000 * (seconds - before)})
        before = seconds
    return [row | {"share": row["ms_more"] / rows[-1]["ms"]} for row in rows]


def _time(compute: Callable[[np.ndarray], Any], picture: np.ndarray) -> float:
    begin = time.perf_counter()
    compute(picture)
    return time.perf_counter() - begin


if __name__ == "__main__":
    main(tyro.cli(Config, description=__doc__))
