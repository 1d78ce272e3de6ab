"""The original R-CNN: a classifier of proposed regions, then SVMs and corrections of boxes, and the detector of all.

    python pipelines/rcnn.py --data voc:bccd --output saved_models/bccd_rcnn

Selective search proposes regions, which needs `pip install "kerascnn[proposals]"`. The classifier is fine-tuned on
regions of objects and of the background, then linear functions of its features are fitted: an SVM for each class, and
the way from a proposal to its object. From which score on a detection counts is chosen on the validation pictures.
The run folder holds the classifier, as every run does, and the linear functions in heads.npz.
"""

import dataclasses
import logging
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np
from console import print_exports, run_command, run_script
from keras.utils import set_random_seed
from training import RunConfig, checkpoint_folder, make_small, run_name
from windows import LOWEST_SCORE, print_detection

from kerascnn.architectures import check_options
from kerascnn.data import (
    Source,
    Split,
    describe_source,
    open_source,
    pipeline,
    preset,
    region_pictures,
    region_source,
    selective_search,
    with_proposals,
)
from kerascnn.export import check_output
from kerascnn.metrics.detection import summarise_detections
from kerascnn.metrics.proposals import proposal_recall
from kerascnn.runs import RunFacts, write_run
from kerascnn.tasks import (
    RCNN,
    ClassificationTask,
    RegionHeads,
    classification,
    collect_regions,
    fit_regressors,
    fit_svms,
    rcnn,
)
from kerascnn.tasks.region_network import region_network
from kerascnn.training import History, Stage, fit, transfer

logger = logging.getLogger(__name__)

KIND = "rcnn"  # what cards call this detector
HEADS_FILE = "heads.npz"
SMOKE_RUN = Path("saved_models/smoke_rcnn")


@dataclass(frozen=True)
class RegionConfig(RunConfig):
    """Train the original R-CNN: proposals, a classifier, SVMs, and corrections of boxes."""

    data: str = "scenes"
    """What to train on, with boxes: voc:FOLDER, coco:FOLDER, yolo:FOLDER, csv:FILE, tfds:NAME, or scenes (embedded)."""
    output: Path | None = None
    """The run folder to write. By default saved_models/ and the name of the data, with _rcnn."""
    architecture: str = "mobilenet_v2"
    """Which network. Every region goes through it by itself."""
    weights: str = "stanford_dogs"
    """What it starts from: imagenet, stanford_dogs, a weight file, a run folder, or none. Few pictures need some."""
    image_size: tuple[int, int] = (96, 96)
    """Height and width that a region is warped to: larger sees more detail and costs its square."""
    context: int = 8
    """Pixels of these around the region, as many in proportion as the paper's 16 of 227."""
    proposal_side: int = 320
    """Pictures are shrunk to so many pixels for the search, whose time grows as the square."""
    proposal_scale: int = 50
    """How large the first segments of the search are: smaller ones give more proposals, and small objects."""
    max_proposals: int = 1000
    """At most so many of a picture. What is not proposed is not found, and each costs a run of the network."""
    proposals_cache: str | None = None
    """A folder in which proposals are kept for other runs."""
    positives: int = 16
    """Regions of objects of a picture that the classifier learns from, and three times as many of the background."""
    fitted_proposals: int = 500
    """Of a picture, for SVMs and corrections: their features lie in memory, 5 kB each."""
    augment: str = "mirror"
    """How regions change at random in training: a preset, see preview.py. Strong ones move what the box must fit."""
    dropout: float = 0.2
    """Share of the features that is dropped in training."""
    head_epochs: int = 1
    """Epochs in which only the new head trains, so that its first errors do not bend the network."""
    fine_tune_epochs: int = 3
    """Epochs in which all of the network trains."""
    learning_rate: float = 3e-4
    """Of Adam while all of the network trains, at its highest."""
    scores: Literal["svm", "softmax"] = "svm"
    """What scores a region: an SVM for each class, as in the paper, or the classifier's own probabilities."""
    correct_boxes: bool = True
    """Move each box by what was learned of the way to the object."""
    penalty: float = 1e-3
    """C of the SVMs, the paper's."""
    ridge: float = 1000.0
    """Lambda of the corrections, the paper's."""
    iou_threshold: float = 0.3
    """Of two boxes of a class that overlap by more, the surer one is kept."""

    @property
    def propose_settings(self) -> dict[str, Any]:
        """What `selective_search` is given."""
        return {"side": self.proposal_side, "scale": self.proposal_scale, "max_proposals": self.max_proposals}


def main(config: RegionConfig) -> int:
    """Train. Returns the exit status: 1 if an exported file missed its budget."""
    config = small(config) if config.smoke else config
    output = config.output or Path("saved_models") / f"{run_name(config.data)}_rcnn"
    return train_rcnn_detector(config, open_source(config.data, seed=config.seed, annotation="boxes"), output)


def train_rcnn_detector(config: RegionConfig, source: Source, output: Path) -> int:
    """Train an R-CNN, export its classifier, report. Returns the exit status: 1 if an exported file missed its budget.

    Args:
        config: the settings.
        source: pictures with boxes.
        output: the run folder to write.
    """
    started = time.monotonic()
    _check(config, output)
    settings = config.propose_settings
    proposed = with_proposals(
        source,
        partial(selective_search, **settings),
        max_proposals=config.max_proposals,
        cache=config.proposals_cache,
        key=f"selective search {settings}",
    )
    regions = region_source(
        proposed, window=config.image_size, context=config.context, positives=config.positives, seed=config.seed
    )
    task, history = _train(config, regions, checkpoint_folder(output))
    heads = _fit_heads(config, task, proposed)
    detection = _measure(config, task, heads, proposed) | {"data": describe_source(source)}
    facts = RunFacts(run_command(), dataclasses.asdict(config) | {"output": str(output)}, config.seed, started)
    card = write_run(
        output,
        task,
        regions,
        history,
        facts,
        detection=detection,
        files={HEADS_FILE: heads.to_bytes()},
        overwrite=config.overwrite,
        keep_over_budget=config.keep_over_budget,
    )
    status = print_exports(output, card, config.keep_over_budget)
    print_detection(detection["metrics"])
    config.checkpoint(checkpoint_folder(output)).remove()
    return status


def make_detector(run: str | Path, task: ClassificationTask, detection: Mapping[str, Any]) -> RCNN:
    """Make the detector of a run, down to low scores.

    Args:
        run: the run folder.
        task: its classifier, as `open_run` gives it.
        detection: of its card.
    """
    return _make_detector(task, RegionHeads.load(Path(run) / HEADS_FILE), detection)


def measure_detector(detector: RCNN, split: Split, *, score_threshold: float | None = None) -> dict[str, Any]:
    """Measure a detector on a split with boxes and proposals.

    Returns:
        See `summarise_detections`; and `proposal_recall`, the share of objects that were proposed, by how many of the
        proposals are looked at.
    """
    targets, detections, proposed = [], [], []
    for image, boxes, class_ids, proposals in region_pictures(split):
        targets.append(np.column_stack([boxes, class_ids]))
        detections.append(detector.detect(image, proposals).rows)
        proposed.append(proposals)
    summary = summarise_detections(targets, detections, detector.classes, score_threshold=score_threshold)
    recall = proposal_recall([rows[:, :4] for rows in targets], proposed)
    return summary | {"proposal_recall": {str(count): share for count, share in recall.items()}}


def small(config: RegionConfig) -> RegionConfig:
    """Give the settings of a smoke run."""
    settings = {
        "image_size": (48, 48),
        "context": 4,
        "weights": "none",
        "options": config.options or {"alpha": 0.35},
        "max_proposals": 40,
        "proposal_side": 160,
        "positives": 2,
        "fitted_proposals": 20,
        "head_epochs": 0,
        "fine_tune_epochs": 1,
    }
    return make_small(config, SMOKE_RUN.name, **settings)


def _train(config: RegionConfig, regions: Source, checkpoints: Path) -> tuple[ClassificationTask, History]:
    """Fine-tune a classifier of regions."""
    set_random_seed(config.seed)
    weights = None if config.weights == "none" else config.weights
    options = {"dropout": config.dropout} | config.options
    task = classification(
        config.architecture, regions.classes, image_size=config.image_size, weights=weights, **options
    )
    history = fit(
        task,
        pipeline(
            regions.train,
            task,
            augment=preset(config.augment, config.mirror),
            batch_size=config.batch_size,
            seed=config.seed,
        ),
        pipeline(regions.valid, task, batch_size=config.batch_size),
        _stages(config),
        checkpoint=config.checkpoint(
            checkpoints, finish=config.finish, data=regions.fingerprint, weights=config.weights
        ),
    )
    return task, history


def _stages(config: RegionConfig) -> list[Stage]:
    stages = transfer(
        config.head_epochs,
        config.fine_tune_epochs,
        fine_tune_learning_rate=config.learning_rate,
        patience=config.patience,
    )
    return list(map(config.with_settings, stages))


def _fit_heads(config: RegionConfig, task: ClassificationTask, source: Source) -> RegionHeads:
    """Fit the linear functions to the features of the training pictures."""
    if config.scores == "softmax" and not config.correct_boxes:
        return RegionHeads()
    logger.info("Computing the features of objects and proposals of %d pictures.", len(source.train))
    pictures = (
        (image, boxes, class_ids, proposals[: config.fitted_proposals])
        for image, boxes, class_ids, proposals in region_pictures(source.train)
    )
    regions = collect_regions(region_network(task), pictures, source.classes, context=config.context)
    logger.info("Fitting SVMs and corrections to %d regions.", len(regions.features))
    return RegionHeads(
        svms=fit_svms(regions, penalty=config.penalty, seed=config.seed) if config.scores == "svm" else None,
        regressors=fit_regressors(regions, ridge=config.ridge) if config.correct_boxes else None,
    )


def _make_detector(task: ClassificationTask, heads: RegionHeads, detection: Mapping[str, Any]) -> RCNN:
    return rcnn(
        task,
        heads=heads,
        propose=partial(selective_search, **detection["proposals"]),
        context=detection["context"],
        iou_threshold=detection["iou_threshold"],
        score_threshold=min(LOWEST_SCORE, detection.get("score_threshold", LOWEST_SCORE)),
    )


def _measure(config: RegionConfig, task: ClassificationTask, heads: RegionHeads, source: Source) -> dict[str, Any]:
    """Choose from which score a detection counts, on the validation pictures, and measure on the test pictures too."""
    logger.info("Measuring the detector on pictures.")
    detection = {
        "kind": KIND,
        "proposals": config.propose_settings,
        "context": config.context,
        "iou_threshold": config.iou_threshold,
        "classes": source.classes,
    }
    detector = _make_detector(task, heads, detection)
    metrics = {"validation": measure_detector(detector, source.valid)}
    threshold = metrics["validation"]["score_threshold"]
    if source.test is not None:
        metrics["test"] = measure_detector(detector, source.test, score_threshold=threshold)
    return detection | {"score_threshold": threshold, "metrics": metrics}


def _check(config: RegionConfig, output: Path) -> None:
    """Refuse now what would be refused after the search or the training."""
    check_output(output, overwrite=config.overwrite)
    config.checkpoint(checkpoint_folder(output), finish=config.finish)
    check_options(config.architecture, {"dropout": config.dropout} | config.options)
    preset(config.augment)
    _stages(config)
    selective_search(np.zeros((1, 1, 3), np.uint8), **config.propose_settings)  # it may not be installed
    if keras.backend.backend() != "tensorflow":
        raise ValueError(
            "This script exports when it has trained, which TensorFlow does: set KERAS_BACKEND=tensorflow."
        )


if __name__ == "__main__":
    sys.exit(run_script(main, RegionConfig, __doc__))
