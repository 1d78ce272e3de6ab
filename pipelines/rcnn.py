"""The original R-CNN: a classifier of proposed regions, then SVMs and corrections of boxes, and the detector of all.

Selective search proposes regions, which needs `pip install "kerascnn[proposals]"`. The classifier is fine-tuned on
regions of objects and of the background, then linear functions of its features are fitted: an SVM for each class, and
the way from a proposal to its object. From which score on a detection counts is chosen on the validation pictures.
The run folder holds the classifier, as every run does, and the linear functions in heads.npz.
"""

import dataclasses
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np
from console import print_exports, run_command
from fine_tuning import TransferConfig
from keras.utils import set_random_seed
from search import Search
from training import checkpoint_folder, run_name
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
from kerascnn.tasks.region_heads import HEADS_FILE
from kerascnn.tasks.region_network import region_network
from kerascnn.training import Checkpoint, History, fit

logger = logging.getLogger(__name__)

KIND = "rcnn"  # what cards call this detector


@dataclass(frozen=True)
class Regions:
    """What R-CNN makes of regions, which go through a classifier one by one."""

    context: int = 8
    """Pixels of the classifier's input around the region, as many in proportion as the paper's 16 of 227."""
    positives: int = 16
    """Regions of objects of a picture that the classifier learns from, and three times as many of the background."""
    fitted_proposals: int = 500
    """Of a picture, for SVMs and corrections: their features lie in memory, 5 kB each."""
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


@dataclass(frozen=True)
class RegionConfig(TransferConfig):
    """The settings of every detector that is told where to look."""

    search: Search = field(default_factory=Search)
    """How regions are searched for."""
    regions: Regions = field(default_factory=Regions)
    """What R-CNN makes of them."""


def train_rcnn_detector(config: RegionConfig) -> int:
    """Train an R-CNN, export its classifier, report. Returns the exit status: 1 if an exported file missed its budget.

    Args:
        config: the settings.
    """
    started, settings = time.monotonic(), config.regions
    output = config.output or Path("saved_models") / f"{run_name(config.data)}_rcnn"
    _check(config, output)
    source = open_source(config.data, seed=config.seed, annotation="boxes")
    proposed = config.search.add_to(source)
    regions = region_source(
        proposed, window=config.image_size, context=settings.context, positives=settings.positives, seed=config.seed
    )
    checkpoint = config.checkpoint(
        checkpoint_folder(output), finish=config.finish, data=regions.fingerprint, weights=config.start
    )
    task, history = _train(config, regions, checkpoint)
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
    checkpoint.remove()
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


def _train(config: RegionConfig, regions: Source, checkpoint: Checkpoint) -> tuple[ClassificationTask, History]:
    """Fine-tune a classifier of regions."""
    set_random_seed(config.seed)
    options = _network_options(config)
    task = classification(
        config.architecture, regions.classes, image_size=config.image_size, weights=config.start, **options
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
        list(map(config.with_settings, config.stages())),
        checkpoint=checkpoint,
    )
    return task, history


def _network_options(config: RegionConfig) -> dict[str, Any]:
    return ({} if config.dropout is None else {"dropout": config.dropout}) | config.options


def _fit_heads(config: RegionConfig, task: ClassificationTask, source: Source) -> RegionHeads:
    """Fit the linear functions to the features of the training pictures."""
    settings = config.regions
    if settings.scores == "softmax" and not settings.correct_boxes:
        return RegionHeads()
    logger.info("Computing the features of objects and proposals of %d pictures.", len(source.train))
    pictures = (
        (image, boxes, class_ids, proposals[: settings.fitted_proposals])
        for image, boxes, class_ids, proposals in region_pictures(source.train)
    )
    regions = collect_regions(region_network(task), pictures, source.classes, context=settings.context)
    logger.info("Fitting SVMs and corrections to %d regions.", len(regions.features))
    return RegionHeads(
        svms=fit_svms(regions, penalty=settings.penalty, seed=config.seed) if settings.scores == "svm" else None,
        regressors=fit_regressors(regions, ridge=settings.ridge) if settings.correct_boxes else None,
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
        "proposals": config.search.settings,
        "context": config.regions.context,
        "iou_threshold": config.regions.iou_threshold,
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
    check_options(config.architecture, _network_options(config))
    preset(config.augment)
    config.stages()
    config.search.check()
    if keras.backend.backend() != "tensorflow":
        raise ValueError(
            "This script exports when it has trained, which TensorFlow does: set KERAS_BACKEND=tensorflow."
        )
