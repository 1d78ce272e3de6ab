"""Pictures a second from JPEG files to augmented batches, beside torchvision and Keras, and how it grows.

    python benchmarks/input_pipeline.py --data FOLDER

FOLDER holds train/ with class folders of JPEG files. Random crop, mirror and colour jitter, batches of 32 at 160 and at
224 pixels, two cores, the contenders in turns, each in its own process, see loaders.py. Then folders of 1,000 to
100,000 small files: seconds to the first batch, pictures a second, memory. A quarter of an hour, most of it for the
largest folder; --quick takes one round, and 1,000 files.
"""

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tyro
from loaders import CONTENDERS
from PIL import Image
from reporting import check_writable, report, run_contender, take_turns

SIDES = (160, 224)
SECONDS = 5.0
SMALL_SIDE, CLASSES = 64, 10
PEERS = ("torchvision", "keras")


@dataclass(frozen=True)
class Config:
    """Compare input pipelines."""

    data: Path
    """A folder with train/, which holds class folders of JPEG files."""
    rounds: int = 3
    """Turns; the median of each contender counts."""
    sizes: tuple[int, ...] = (1_000, 10_000, 100_000)
    """How many small files to try."""
    json: Path | None = None
    """Where to write the rows of the speeds; those of the sizes go to a file of that name with -sizes."""
    quick: bool = False
    """One round, and 1,000 files."""


def main(config: Config) -> None:
    """Measure and print."""
    check_writable(config.json)
    rows = [compare(config.data, side, 1 if config.quick else config.rounds) for side in SIDES]
    report("from JPEG files to augmented batches, pictures a second", rows, config.json)
    grown = [grow(size) for size in ((1_000,) if config.quick else config.sizes)]
    report(
        f"folders of {SMALL_SIDE} x {SMALL_SIDE} JPEG files, light augmentation",
        grown,
        config.json and config.json.with_stem(f"{config.json.stem}-sizes"),
    )


def compare(data: Path, side: int, rounds: int) -> dict[str, Any]:
    """Measure all contenders in turns."""

    def measure(name: str, _: int) -> float | None:
        said = run_contender(name, "loaders.py", (name, data, side, SECONDS), optional=name in PEERS)
        return None if said is None else float(said)

    found = {name: float(np.median(each)) for name, each in take_turns(CONTENDERS, measure, rounds).items()}
    best = max((found[peer] for peer in PEERS if peer in found), default=None)
    return {
        "side": side,
        **found,
        "ratio_to_best_peer": best and found["kerascnn"] / best,
        "ratio_with_all_seven": best and found["kerascnn, all seven"] / best,
        "ratio_to_training": found["kerascnn, all seven"] / found["training step of MobileNetV2"],
    }


def grow(size: int) -> dict[str, Any]:
    """Write a folder of small files and read it in a process of its own."""
    with tempfile.TemporaryDirectory() as root:
        write_files(Path(root), size)
        return {"files": size} | json.loads(run_contender("kerascnn", "growth.py", (root,)))


def write_files(root: Path, size: int) -> None:
    """Write small JPEG files, all different, in class folders."""
    rng = np.random.default_rng(0)
    for number in range(size):
        folder = root / "train" / str(number % CLASSES)
        folder.mkdir(parents=True, exist_ok=True)
        coarse = Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8))
        coarse.resize((SMALL_SIDE, SMALL_SIDE)).save(folder / f"{number}.jpg")


if __name__ == "__main__":
    main(tyro.cli(Config, description=__doc__))
