"""What the scripts that start from trained weights share: their settings, and the stages that follow from them."""

from dataclasses import dataclass, field, replace
from typing import Literal

from training import TrainingConfig

from kerascnn.training import Stage, transfer


@dataclass(frozen=True)
class TransferConfig(TrainingConfig):
    """The settings of every script that starts from trained weights."""

    weights: str = "imagenet"
    """What to start from: imagenet, stanford_dogs or bsds500 (from the package index), a weight file, a run folder, or
    none."""
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
