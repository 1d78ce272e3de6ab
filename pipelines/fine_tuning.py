"""What the scripts that start from trained weights share: their settings, and the stages that follow from them."""

from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

from training import Option, TrainingConfig

from kerascnn.runs import read_network
from kerascnn.training import Stage, transfer


class Network(NamedTuple):
    """Which network is trained: its architecture, (height, width) of its input in pixels, and its options."""

    architecture: str
    image_size: tuple[int, int]
    options: dict[str, Option]


@dataclass(frozen=True)
class TransferConfig(TrainingConfig):
    """The settings of every script that starts from trained weights."""

    weights: str = "imagenet"
    """What to start from: imagenet, stanford_dogs or bsds500 (from the package index), a weight file, a run folder, or
    none."""
    architecture: str | None = None
    """Which network, or body of one. By default that of the run folder in --weights, else mobilenet_v2."""
    image_size: tuple[int, int] | None = None
    """Height and width of the network's input in pixels: larger sees more detail and costs its square. By default that
    of the run folder in --weights, else 160 160."""
    dropout: float | None = 0.2
    """Share of the features that is dropped in training: small data need it."""
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

    batch_norm: Literal["frozen", "trained"] = "frozen"
    """Whether batch normalisations keep the statistics of the pre-training, as small data need it, or learn new ones
    while more of the network trains."""

    @property
    def start(self) -> str | None:
        """The weights as `kerascnn.architectures.load_weights` takes them."""
        return None if self.weights == "none" else self.weights

    def network(self, image_size: tuple[int, int]) -> Network:
        """Choose the network: what is not given is that of the run folder in `weights`.

        Args:
            image_size: (height, width) where neither is said.
        """
        found = {"architecture": "mobilenet_v2", "image_size": image_size, "options": {}} | read_network(self.start)
        architecture = self.architecture or found["architecture"]
        options = found["options"] if architecture == found["architecture"] else {}
        dropout = {} if self.dropout is None else {"dropout": self.dropout}
        return Network(architecture, self.image_size or tuple(found["image_size"]), options | dropout | self.options)

    def stages(self) -> list[Stage]:
        """Give the stages: the head, then more of the network."""
        stages = transfer(
            self.head_epochs,
            self.fine_tune_epochs,
            fine_tune_from=self.fine_tune_from,
            head_learning_rate=self.head_learning_rate,
            fine_tune_learning_rate=self.fine_tune_learning_rate,
            rate_factors=self.rate_factors,
            patience=self.patience,
        )
        return [stage if stage.trainable == "head" else replace(stage, batch_norm=self.batch_norm) for stage in stages]
