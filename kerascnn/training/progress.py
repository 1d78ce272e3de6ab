"""How far a run is: what happened so far, its best weights, and the step that comes next."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from kerascnn.training.stages import Stage


@dataclass
class History:
    """What happened in a run.

    Attributes:
        rows: one dict an epoch: stage, epoch (from 1 over the whole run), learning_rate at its end, and every metric
            that Keras logs, those of the validation data with `val_` before them.
        stages: one dict a stage: its settings, the epochs that ran, the numbers of trained and frozen parameters, and
            which `engine` ran what was frozen.
        best_epoch: the epoch whose weights the model has now; 0 is what it started from.
        interrupted: whether the run was ended before all its stages were.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    stages: list[dict[str, Any]] = field(default_factory=list)
    best_epoch: int = 0
    interrupted: bool = False


@dataclass
class Best:
    """The weights of the best epoch so far, or those of the start.

    Attributes:
        weights: as `keras.Model.get_weights` gives them.
        score: validation score of that epoch.
        loss: its validation loss; the lower one decides between equal scores.
        epoch: its number, from 1; 0 is the start.
    """

    weights: list[np.ndarray]
    score: float = -math.inf
    loss: float = math.inf
    epoch: int = 0

    def improves(self, score: float, loss: float) -> bool:
        """Whether an epoch is better than the best so far."""
        return (score, -loss) > (self.score, -self.loss)


@dataclass
class Progress:
    """The place of a run between two steps; with the variables of model and optimiser, all that is needed to go on.

    Attributes:
        best: see `Best`.
        history: see `History`.
        stage: number of the stage in progress, from 0; that of the stages when all have run.
        epochs_run: whole epochs of that stage so far.
        waited: those of them since the last new best one.
        step: batches of the epoch in progress so far.
        chosen: what a timing decided for the stage in progress, so that what goes on does so in the same way.
    """

    best: Best
    history: History = field(default_factory=History)
    stage: int = 0
    epochs_run: int = 0
    waited: int = 0
    step: int = 0
    chosen: dict[str, str] = field(default_factory=dict)

    def ends(self, stage: Stage) -> bool:
        """Whether a stage has run its epochs, or out of patience."""
        return self.epochs_run >= stage.epochs or (stage.patience is not None and self.waited >= stage.patience)

    def end_epoch(
        self, row: dict[str, Any], score: float, loss: float, get_weights: Callable[[], list[np.ndarray]]
    ) -> None:
        """Count an epoch, and keep its weights if it is the best so far.

        Args:
            row: for the history; the number of the epoch is added.
            score: of the validation data.
            loss: of the validation data.
            get_weights: gives the weights at its end.
        """
        epoch = len(self.history.rows) + 1
        self.history.rows.append({"stage": row["stage"], "epoch": epoch} | row)
        improved = self.best.improves(score, loss)
        if improved:
            self.best = Best(get_weights(), score, loss, epoch)
        self.step, self.epochs_run, self.waited = 0, self.epochs_run + 1, 0 if improved else self.waited + 1

    def next_stage(self) -> None:
        """Move on to the first epoch of the next stage."""
        self.stage, self.epochs_run, self.waited, self.step, self.chosen = self.stage + 1, 0, 0, 0, {}
