"""What the scripts that train classifiers share: their settings beyond those of all that train, and the task."""

from dataclasses import dataclass
from typing import Any

from training import TrainingConfig, train

from kerascnn.architectures import check_options
from kerascnn.data import Source
from kerascnn.tasks import ClassificationTask, classification
from kerascnn.training import Stage


@dataclass(frozen=True)
class ClassifierConfig(TrainingConfig):
    """The settings of every script that trains a classifier."""

    dropout: float | None = None
    """Share of the features that is dropped in training. By default what the network's paper drops."""
    label_smoothing: float = 0.0
    """Share of each label that the loss spreads over all classes; 0.1 is usual."""
    balance_classes: bool = True
    """Weigh rare classes in the loss so that they count as much as common ones; the flag turns it off."""


def train_classifier(
    config: ClassifierConfig,
    stages: list[Stage],
    architecture: str,
    image_size: tuple[int, int],
    options: dict[str, Any],
    *,
    weights: str | None = None,
    headless_weights: bool = False,
) -> int:
    """Train a classifier, export, report. Returns the exit status: 1 if an exported file missed its budget.

    Args:
        config: the script's settings.
        stages: what trains, one after another.
        architecture: name of the network.
        image_size: (height, width) of its input.
        options: what its builder takes.
        weights: what to start from; None is a random initialisation.
        headless_weights: see `kerascnn.runs.write_run`.
    """
    options = options if config.dropout is None else {"dropout": config.dropout} | options
    check_options(architecture, options)

    def make_task(source: Source) -> ClassificationTask:
        return classification(
            architecture,
            source.classes,
            image_size=image_size,
            weights=weights,
            label_smoothing=config.label_smoothing,
            **options,
        )

    return train(
        config,
        make_task,
        stages,
        weights=weights,
        balance_classes=config.balance_classes,
        headless_weights=headless_weights,
    )
