"""Pictures a second of the notes' seven augmentations, beside Albumentations, torchvision, Keras and keras-cv.

    python benchmarks/augmentation.py

Mirror, random crop, rotation, shear, local warping, colour shift and PCA colour, from 256 x 256 to 224 x 224 uint8, on
two cores. The contenders run in turns, each in its own process, see augmenters.py; what is not installed is left out
(`pip install -e '.[benchmarks]'` has all of them). A ratio above 1 is in kerascnn's favour. Five minutes; --quick takes
one round.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro
from augmenters import CONTENDERS
from reporting import check_writable, report, run_contender, take_turns

SECONDS = 6.0


@dataclass(frozen=True)
class Config:
    """Compare the speed of augmentation."""

    rounds: int = 3
    """Turns; the median of each contender counts."""
    json: Path | None = None
    """Where to write the rows."""
    quick: bool = False
    """One round."""


def main(config: Config) -> None:
    """Measure and print."""
    check_writable(config.json)
    speeds = take_turns(CONTENDERS, lambda name, _: measure(name), 1 if config.quick else config.rounds)
    own = float(np.median(speeds["kerascnn"]))
    rows = [
        {
            "contender": name,
            "pictures_a_second": float(np.median(found)),
            "slowest": min(found),
            "fastest": max(found),
            "ratio": own / float(np.median(found)),
        }
        for name, found in speeds.items()
    ]
    report("seven augmentations, 256 to 224 pixels, two cores", rows, config.json)


def measure(name: str) -> float | None:
    """Run one contender in a process of its own; None where it is not installed."""
    said = run_contender(name, "augmenters.py", (name, SECONDS), optional=name != "kerascnn")
    return None if said is None else float(said)


if __name__ == "__main__":
    main(tyro.cli(Config, description=__doc__))
