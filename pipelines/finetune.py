"""Fine-tune a pre-trained classifier on a folder of photos and export it for phones.

    python pipelines/finetune.py --data photos --weights imagenet --output saved_models/photos

`photos` holds one sub-folder of pictures for each class, or `train/` and `val/` folders that do. The run folder gets
the model, a SavedModel, four TFLite files, and report.html. 240 photos take about three minutes on two CPU cores; ants
against bees (the `hymenoptera` set, --weights stanford_dogs) comes to 0.941 of the validation photos.
"""

import sys
from dataclasses import dataclass, field
from pathlib import Path

from console import run_script
from training import TrainingConfig, make_small, train

from kerascnn.runs import read_network
from kerascnn.training import transfer

SMOKE_RUN = Path("saved_models/smoke")


@dataclass(frozen=True)
class Config(TrainingConfig):
    """Fine-tune a pre-trained classifier on your pictures and export it for phones."""

    architecture: str | None = None
    """Which network. By default that of the run folder in --weights, else mobilenet_v2."""
    weights: str = "imagenet"
    """What to start from: imagenet, stanford_dogs or bsds500 (from the package index), a weight file, a run folder, or
    none."""
    dropout: float | None = 0.2
    """Share of the features that is dropped in training: small data need it."""
    image_size: tuple[int, int] | None = None
    """Height and width of the network's input in pixels: larger sees more detail and costs its square. By default that
    of the run folder in --weights, else 160 160."""
    head_epochs: int = 10
    """Epochs in which only the new head trains."""
    fine_tune_epochs: int = 5
    """Epochs in which more of the network trains."""
    fine_tune_from: tuple[str, ...] = ("all",)
    """What trains then: all, or a stage or layer and what comes after it. Several, such as stride32 stride16, unfreeze
    the network gradually, each for so many epochs."""
    rate_factors: dict[str, float] = field(default_factory=dict)
    """What the fine-tuning rate of a part is multiplied with, in pairs: stride8 0.1 stride16 0.3. Others have 1."""
    head_learning_rate: float = 1e-3
    """Adam's usual rate."""
    fine_tune_learning_rate: float = 1e-4
    """A tenth of it, so that the pre-trained weights are bent and not broken."""


def main(config: Config) -> int:
    """Fine-tune. Returns the exit status: 1 if an exported file missed its budget."""
    config = _smoke(config) if config.smoke else config
    weights = None if config.weights == "none" else config.weights
    network = {"architecture": "mobilenet_v2", "image_size": (160, 160), "options": {}} | read_network(weights)
    architecture = config.architecture or network["architecture"]
    options = network["options"] if architecture == network["architecture"] else {}
    stages = transfer(
        config.head_epochs,
        config.fine_tune_epochs,
        fine_tune_from=config.fine_tune_from,
        head_learning_rate=config.head_learning_rate,
        fine_tune_learning_rate=config.fine_tune_learning_rate,
        rate_factors=config.rate_factors,
        patience=config.patience,
    )
    return train(
        config,
        stages,
        architecture,
        config.image_size or tuple(network["image_size"]),
        options | config.options,
        weights=weights,
    )


def _smoke(config: Config) -> Config:
    small = {"weights": "none", "image_size": (64, 64), "head_epochs": 1, "fine_tune_epochs": 1}
    return make_small(config, SMOKE_RUN.name, **small)


if __name__ == "__main__":
    sys.exit(run_script(main, Config, __doc__))
