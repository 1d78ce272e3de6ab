"""Train a network on one data set, for fine-tuning on others.

    python pipelines/pretrain.py --data tfds:cifar10 --architecture resnet20 --output saved_models/cifar10_base
    python pipelines/finetune.py --data photos --weights saved_models/cifar10_base

The run folder is that of train_from_scratch.py, and holds the weights without the head, `headless.weights.h5`, too:
finetune.py starts from them, with the network and the picture size of the card. `benchmarks/pretraining.py` measures
what it is worth.
"""

import sys
from dataclasses import dataclass

import train_from_scratch
from console import run_script


@dataclass(frozen=True)
class Config(train_from_scratch.Config):
    """Train a network on one data set, for fine-tuning on others."""


def main(config: Config) -> int:
    """Train. Returns the exit status: 1 if an exported file missed its budget."""
    return train_from_scratch.main(config, headless_weights=True)


if __name__ == "__main__":
    sys.exit(run_script(main, Config, __doc__))
