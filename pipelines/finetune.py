"""Fine-tune a pre-trained classifier on a folder of photos and export it for phones.

    python pipelines/finetune.py --data photos --weights imagenet --output saved_models/photos

`photos` holds one sub-folder of pictures for each class, or `train/` and `val/` folders that do. The run folder gets
the model, a SavedModel, four TFLite files, and report.html. 240 photos take about three minutes on two CPU cores; ants
against bees (the `hymenoptera` set, --weights stanford_dogs) comes to 0.941 of the validation photos.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

from classifiers import ClassifierConfig, train_classifier
from console import run_script
from fine_tuning import TransferConfig
from training import make_small

SMOKE_RUN = Path("saved_models/smoke")


@dataclass(frozen=True)
class Config(TransferConfig, ClassifierConfig):
    """Fine-tune a pre-trained classifier on your pictures and export it for phones."""


def main(config: Config) -> int:
    """Fine-tune. Returns the exit status: 1 if an exported file missed its budget."""
    config = _smoke(config) if config.smoke else config
    return train_classifier(config, config.stages(), *config.network((160, 160)), weights=config.start)


def _smoke(config: Config) -> Config:
    small = {"weights": "none", "image_size": (64, 64), "head_epochs": 1, "fine_tune_epochs": 1}
    return make_small(config, SMOKE_RUN.name, **small)


if __name__ == "__main__":
    sys.exit(run_script(main, Config, __doc__))
