"""The four steps in which Faster R-CNN's paper trains it, after which both stages look at the same maps.

Ren et al. 2015, "Faster R-CNN", arXiv:1506.01497, section 3.2, (i): a region proposal network is trained from the
classifier's weights (1), and Fast R-CNN on what it proposes, from the classifier's weights too (2). Its maps are given
to the first stage, of which only the own layers are trained (3), and then those of the second, on the new proposals
(4).
"""

import logging
from collections.abc import Sequence
from dataclasses import replace

from training import Learn

from kerascnn.architectures import copy_weights
from kerascnn.data import Source, with_proposals
from kerascnn.tasks import FasterRCNNTask, FastRCNNTask, RegionProposalTask
from kerascnn.training import History, Stage, transfer

logger = logging.getLogger(__name__)

# What Faster R-CNN's history calls the metrics of each stage by itself.
METRICS = {"proposals_recall": "roi_recall", "recall": "roi_recall", "ap": "roi_ap"}


def train_alternately(
    task: FasterRCNNTask,
    first: RegionProposalTask,
    second: FastRCNNTask,
    source: Source,
    learn: Learn,
    stages: Sequence[Stage],
) -> History:
    """Train Faster R-CNN in four steps.

    Args:
        task: gets the weights of both stages in the end.
        first: its first stage alone, from the classifier's weights.
        second: its second stage alone, likewise.
        source: pictures with boxes.
        learn: see `training.train`.
        stages: of the first two steps. The others last as long as the last of these, at its rate.

    Returns:
        The history of all steps, in which metrics have the names that the whole network gives them.
    """
    last = stages[-1]
    histories = [learn(first, source, stages, "step1")]
    histories.append(learn(second, _propose(first, source), stages, "step2"))
    copy_weights(second.model, first.model)
    histories.append(learn(first, source, _own_layers("rpn_conv", last), "step3"))
    histories.append(learn(second, _propose(first, source), _own_layers("roi_fc1", last), "step4"))
    for part in (first, second):
        copy_weights(part.model, task.model)
    return join(histories)


def join(histories: Sequence[History]) -> History:
    """Make one history of those of several steps; the best epoch is that of the last one."""
    joined = History()
    for number, history in enumerate(histories, start=1):
        before = len(joined.rows)
        for row in history.rows:
            named = {_rename(key): value for key, value in row.items()}
            joined.rows.append(named | {"epoch": before + row["epoch"], "stage": f"{number}: {row['stage']}"})
        joined.stages += [stage | {"name": f"{number}: {stage['name']}"} for stage in history.stages]
        joined.best_epoch = before + history.best_epoch
    return joined


def _propose(first: RegionProposalTask, source: Source) -> Source:
    logger.info("Proposing regions of all pictures.")
    count = first.model.output["proposals"].shape[1]
    return with_proposals(source, first.proposer(), max_proposals=count)


def _own_layers(part: str, last: Stage) -> list[Stage]:
    """Train a part and what comes after it, for as long and as fast as a stage of the whole network."""
    (stage,) = transfer(0, last.epochs, fine_tune_from=part, fine_tune_learning_rate=last.learning_rate)
    return [replace(stage, patience=last.patience)]


def _rename(key: str) -> str:
    prefix = "val_" if key.startswith("val_") else ""
    name = key.removeprefix("val_")
    return prefix + METRICS.get(name, name)
