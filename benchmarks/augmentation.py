"""Pictures a second of the notes' seven augmentations and of mosaics, beside Albumentations, torchvision and others.

    python benchmarks/augmentation.py

Mirror, random crop, rotation, shear, local warping, colour shift and PCA colour, from 256 x 256 to 224 x 224 uint8, on
two cores, beside Albumentations, torchvision, Keras and keras-cv; and four photos with 20 boxes each in one mosaic of
320 x 320, beside Albumentations and keras-cv. The contenders run in turns, each in its own process, see augmenters.py;
what is not installed is left out (`pip install -e '.[benchmarks]'` has all of them). A ratio above 1 is in kerascnn's
favour. Seven minutes; --quick takes one round.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro
from augmenters import CONTENDERS, MOSAICS
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
    rounds = 1 if config.quick else config.rounds
    jobs = {"seven augmentations, 256 to 224": CONTENDERS, "mosaic of four 480 x 640, 320": MOSAICS}
    rows = [row for job, contenders in jobs.items() for row in compare(job, list(contenders), rounds)]
    report("pictures a second, two cores", rows, config.json)


def compare(job: str, contenders: list[str], rounds: int) -> list[dict[str, str | float]]:
    """Measure contenders in turns; the first is kerascnn."""
    speeds = take_turns(contenders, lambda name, _: measure(name), rounds)
    own = float(np.median(speeds[contenders[0]]))
    return [
        {
            "job": job,
            "contender": name,
            "pictures_a_second": float(np.median(found)),
            "slowest": min(found),
            "fastest": max(found),
            "ratio": own / float(np.median(found)),
        }
        for name, found in speeds.items()
    ]


def measure(name: str) -> float | None:
    """Run one contender in a process of its own; None where it is not installed."""
    said = run_contender(name, "augmenters.py", (name, SECONDS), optional=not name.startswith("kerascnn"))
    return None if said is None else float(said)


if __name__ == "__main__":
    main(tyro.cli(Config, description=__doc__))
