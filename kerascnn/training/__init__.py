"""Training in stages: what is frozen, for how long, at which rate; on which devices; and how a killed run goes on."""

from kerascnn.training.checkpoint import Checkpoint
from kerascnn.training.distribution import Distribution, distribute
from kerascnn.training.fit import fit
from kerascnn.training.interruption import RunInterrupted
from kerascnn.training.learning_rate_finder import LearningRateSearch, find_learning_rate
from kerascnn.training.normalization import fused_batch_norm
from kerascnn.training.progress import History
from kerascnn.training.stages import Stage, freeze, from_scratch, transfer

__all__ = [
    "Checkpoint",
    "Distribution",
    "History",
    "LearningRateSearch",
    "RunInterrupted",
    "Stage",
    "distribute",
    "find_learning_rate",
    "fit",
    "freeze",
    "from_scratch",
    "fused_batch_norm",
    "transfer",
]
