"""The peer of `fashion_mnist.py`, in a process of its own: TensorFlow and PyTorch in one process may crash.

    python benchmarks/torch_training.py --network resnet20 --side 28 --pictures 768 --batch-size 128 --channels-last

Trains for some epochs on random pictures in memory, in PyTorch's usual loop, and prints the images a second.
"""

import time
from dataclasses import dataclass

import numpy as np
import torch
import tyro
from torch_networks import TORCH_NETWORKS

EPOCHS = 5  # timed, after one that is not


@dataclass(frozen=True)
class Config:
    """Time training in PyTorch."""

    network: str
    """A name of `TORCH_NETWORKS`."""
    side: int
    """Height and width of the pictures."""
    pictures: int
    """Pictures in an epoch."""
    batch_size: int
    """Pictures in a step."""
    channels_last: bool = False
    """Keep channels last in memory, as TensorFlow does."""


def main(config: Config) -> None:
    """Train, and print the median images a second."""
    layout = torch.channels_last if config.channels_last else torch.contiguous_format
    model = TORCH_NETWORKS[config.network](10).to(memory_format=layout)
    optimizer = torch.optim.SGD(model.parameters(), 0.01, momentum=0.9, nesterov=True)
    pictures = torch.randint(0, 256, (config.pictures, 3, config.side, config.side), dtype=torch.uint8)
    labels = torch.randint(0, 10, (config.pictures,))
    seconds = []
    for _ in range(1 + EPOCHS):
        start = time.perf_counter()
        for batch in torch.randperm(config.pictures).split(config.batch_size):
            optimizer.zero_grad()
            inputs = pictures[batch].float().div(127.5).sub(1).contiguous(memory_format=layout)
            torch.nn.functional.cross_entropy(model(inputs), labels[batch]).backward()
            optimizer.step()
        seconds.append(time.perf_counter() - start)
    print(config.pictures / float(np.median(seconds[1:])))


if __name__ == "__main__":
    main(tyro.cli(Config, description=__doc__))
