"""Training in stages: what is frozen, for how long, at which rate."""

from kerascnn.training.fit import History, fit
from kerascnn.training.stages import Stage, freeze, from_scratch, transfer

__all__ = ["History", "Stage", "fit", "freeze", "from_scratch", "transfer"]
