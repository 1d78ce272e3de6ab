"""The data doctor: look at a data set before it is trained on.

    python pipelines/check_data.py --data voc:bccd --annotation boxes

Decodes every picture once and checks every annotation. Prints how many of each class are in each split, what cannot be
used and why, which boxes were clipped to their pictures, and which pictures for training are measured on too. Nothing
is changed on the disk. The exit status is 1 if something is set aside or measured on too; clipped boxes are used.
"""

import dataclasses
import sys
from dataclasses import dataclass
from typing import Literal

from console import print_data, run_script

from kerascnn.data import describe_source, open_source


@dataclass(frozen=True)
class Config:
    """Look at a data set before it is trained on."""

    data: str = "scenes"
    """A folder of class folders, tfds:NAME, scenes, faces or fashion_mnist:FOLDER; with boxes, voc:FOLDER, coco:FOLDER,
    yolo:FOLDER or csv:FILE too."""
    annotation: Literal["label", "boxes", "landmarks"] = "label"
    """What the pictures are to have: one class each, boxes, or landmarks."""
    seed: int = 0
    """Decides which training pictures become the validation split of a data set that has none."""
    smoke: bool = False
    """Look at the small embedded data set."""


def main(config: Config) -> int:
    """Check and print. Returns the exit status."""
    config = dataclasses.replace(config, data="scenes/tiny", annotation="boxes") if config.smoke else config
    data = describe_source(open_source(config.data, seed=config.seed, annotation=config.annotation))
    print_data(data, unit="boxes" if config.annotation == "boxes" else "pictures")
    return 1 if data["set_aside"] or data["duplicates_across_splits"] else 0


if __name__ == "__main__":
    sys.exit(run_script(main, Config, __doc__))
