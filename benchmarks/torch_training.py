"""The peer of `fashion_mnist.py` and `training_step.py`, in a process of its own: with TensorFlow in one it may crash.

    python benchmarks/torch_training.py --network resnet20 --side 28 --pictures 768 --batch-size 128 --channels-last

Trains for some epochs on random pictures in memory, in PyTorch's usual loop, and prints the images a second.
"""

import time
from dataclasses import dataclass

import numpy as np
import torch
import tyro
from timed_training import TimedTraining
from torch_networks import TORCH_NETWORKS


@dataclass(frozen=True)
class Config(TimedTraining):
    """Time training in PyTorch: a name of `TORCH_NETWORKS`, or of a function of `torchvision.models`."""

    channels_last: bool = False
    """Keep channels last in memory, as TensorFlow does."""
    bfloat16: bool = False
    """Compute in bfloat16 where PyTorch's autocast does."""


def main(config: Config) -> None:
    """Train, and print the median images a second."""
    layout = torch.channels_last if config.channels_last else torch.contiguous_format
    model = build(config.network, config.num_classes).to(memory_format=layout)
    optimizer = torch.optim.SGD(model.parameters(), 0.01, momentum=0.9, nesterov=True)
    pictures = torch.randint(0, 256, (config.pictures, 3, config.side, config.side), dtype=torch.uint8)
    labels = torch.randint(0, config.num_classes, (config.pictures,))
    seconds = []
    for _ in range(1 + config.epochs):
        start = time.perf_counter()
        for batch in torch.randperm(config.pictures).split(config.batch_size):
            optimizer.zero_grad()
            inputs = pictures[batch].float().div(127.5).sub(1).contiguous(memory_format=layout)
            with torch.autocast("cpu", torch.bfloat16, enabled=config.bfloat16):
                loss = torch.nn.functional.cross_entropy(model(inputs), labels[batch])
            loss.backward()
            optimizer.step()
        seconds.append(time.perf_counter() - start)
    print(config.pictures / float(np.median(seconds[1:])))


def build(name: str, num_classes: int) -> torch.nn.Module:
    """Build a network with random weights."""
    if name in TORCH_NETWORKS:
        return TORCH_NETWORKS[name](num_classes)
    from torchvision import models  # which the small networks do not need

    return getattr(models, name)(num_classes=num_classes)


if __name__ == "__main__":
    main(tyro.cli(Config, description=__doc__))
