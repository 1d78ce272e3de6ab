"""The peers of `fashion_mnist.py`: LeNet-5 and ResNet-20 in PyTorch, with the parameters that kerascnn's have."""

from collections.abc import Callable

from torch import Tensor, nn


def lenet5(num_classes: int) -> nn.Module:
    """Build the modern LeNet-5 for pictures of 3 x 32 x 32."""
    return nn.Sequential(
        nn.Conv2d(3, 6, 5), nn.ReLU(), nn.AvgPool2d(2),
        nn.Conv2d(6, 16, 5), nn.ReLU(), nn.AvgPool2d(2),
        nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, num_classes),
    )  # fmt: skip


def resnet20(num_classes: int) -> nn.Module:
    """Build ResNet-20 with projection shortcuts."""
    blocks = [nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU()]
    channels = 16
    for filters in (16, 32, 64):
        for _ in range(3):
            blocks.append(BasicBlock(channels, filters))
            channels = filters
    return nn.Sequential(*blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, num_classes))


class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions and a shortcut; where the channels change, the stride is 2."""

    def __init__(self, channels: int, filters: int) -> None:
        super().__init__()
        stride = 1 if channels == filters else 2
        self.body = nn.Sequential(
            nn.Conv2d(channels, filters, 3, stride, padding=1, bias=False), nn.BatchNorm2d(filters), nn.ReLU(),
            nn.Conv2d(filters, filters, 3, padding=1, bias=False), nn.BatchNorm2d(filters),
        )  # fmt: skip
        projection = nn.Sequential(nn.Conv2d(channels, filters, 1, stride, bias=False), nn.BatchNorm2d(filters))
        self.shortcut = nn.Identity() if channels == filters else projection

    def forward(self, x: Tensor) -> Tensor:
        """Convolve (B, channels, H, W)."""
        return (self.body(x) + self.shortcut(x)).relu()


TORCH_NETWORKS: dict[str, Callable[[int], nn.Module]] = {"lenet5": lenet5, "resnet20": resnet20}
