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
from kerascnn.tasks import StyleCosts, StyleRecipe
from kerascnn.tasks.style_pictures import prepare_pictures

CONTENT, STYLE = "tubingen.jpg", "starry_night.jpg"
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
    check_writable(config.json)
    content, style = (np.asarray(Image.open(Path(root) / "style" / name).convert("RGB")) for name in (CONTENT, STYLE))
    size, plain_steps = (64, 3) if config.quick else (config.image_size, config.plain_steps)
    recipe = StyleRecipe(weights=config.weights)
    network = recipe.network()
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
