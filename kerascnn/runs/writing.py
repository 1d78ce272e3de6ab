"""Writing a run folder, whole or not at all: measure, export, report."""

import platform
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from importlib.metadata import version
from os import cpu_count
from pathlib import Path
from typing import Any

import keras
import numpy as np

from kerascnn.architectures import HEADLESS_FILE, headless
from kerascnn.data import Source, Split, describe_source, pipeline
from kerascnn.export import (
    MODEL_FILE,
    Reference,
    incomplete_name,
    new_run_folder,
    save_keras,
    write_exports,
)
from kerascnn.files import write_file
from kerascnn.report import (
    MAX_BEST,
    MAX_MISTAKES,
    Mistake,
    beside,
    leading_split,
    make_mistake,
    name_processor,
    write_card,
    write_history,
    write_html,
)
from kerascnn.runs.opening import open_run
from kerascnn.tasks import Task
from kerascnn.training import History

CARD_VERSION = 2  # rises when a key changes its meaning
PACKAGES = ("keras", "tensorflow", "ai-edge-litert", "litert-quantizer", "numpy", "pillow")


@dataclass(frozen=True)
class RunFacts:
    """What the card says of a run beyond its results.

    Attributes:
        command: the command that makes the run again.
        config: every setting of the script, with defaults.
        seed: of the weights, the order and the augmentations.
        started: `time.monotonic()` when the run started.
    """

    command: str
    config: Mapping[str, Any]
    seed: int
    started: float


def write_run(
    path: str | Path,
    task: Task,
    source: Source,
    history: History,
    facts: RunFacts,
    *,
    headless_weights: bool = False,
    detection: Mapping[str, Any] | None = None,
    proposals: Mapping[str, Any] | None = None,
    files: Mapping[str, bytes] | None = None,
    overwrite: bool = False,
    keep_over_budget: bool = False,
) -> dict[str, Any]:
    """Measure a trained task on the splits it was not trained on, export it, and write its run folder.

    Args:
        path: the folder; it must not exist, unless `overwrite` is given and it is a run folder.
        task: the trained task.
        source: the data it was trained on.
        history: of its training.
        facts: what else the card says.
        headless_weights: writes the weights without the head too, for other networks to start from.
        detection: of a detector that the model serves, for card and report: how it detects, its `classes`, the `data`
            that it was made from, of `describe_source`, and `metrics` by split, each of
            `kerascnn.metrics.detection.summarise_detections`.
        proposals: of a network that is told where to look: what `kerascnn.data.selective_search` is given.
        files: by name, what else the run folder is to hold, such as what a detector has beside its model.
        overwrite: replaces a run folder that is there, at the end.
        keep_over_budget: see `kerascnn.export.write_exports`.

    Returns:
        The card, as it was written.

    Raises:
        FileExistsError: if there is something at the path.
        ValueError, RuntimeError: see `kerascnn.export.write_exports`. What was trained is kept as PATH.incomplete, or
            as the first of PATH.incomplete2 and so on that is free.
    """
    card = _describe(task, source, history, facts, proposals) | ({} if detection is None else {"detection": detection})
    with new_run_folder(path, overwrite=overwrite, keep_incomplete=True) as folder:
        _write_trained(folder, task, history, card, headless_weights)
        for name, content in (files or {}).items():
            write_file(folder / name, content)
        task, answers = _ask(task, source)
        card |= _export(folder, task, source, answers, facts.seed, keep_over_budget)
        card |= {"seconds": round(time.monotonic() - facts.started, 1)}
        _write_report(folder, task, source, history, card, answers)
    return card


def write_trained_run(
    path: str | Path,
    task: Task,
    source: Source,
    history: History,
    facts: RunFacts,
    *,
    headless_weights: bool = False,
    proposals: Mapping[str, Any] | None = None,
) -> Path:
    """Write a run folder that holds what was trained, and no more, for `export_run` to go on from.

    That is for networks that were trained on JAX, since exports are made by TensorFlow, in a process of its own.

    Args:
        path: where the complete run folder will be.
        task, source, history, facts, headless_weights, proposals: see `write_run`.

    Returns:
        The folder: PATH.incomplete, or the first of PATH.incomplete2 and so on that is free.
    """
    card = _describe(task, source, history, facts, proposals) | {"seconds": round(time.monotonic() - facts.started, 1)}
    trained = incomplete_name(path)
    with new_run_folder(trained) as folder:
        _write_trained(folder, task, history, card, headless_weights)
    return trained


def export_run(
    path: str | Path,
    run: str | Path,
    source: Source,
    command: str,
    *,
    overwrite: bool = False,
    keep_over_budget: bool = False,
) -> dict[str, Any]:
    """Measure and export a stored run again.

    Args:
        path: the run folder to write; it may be `run` itself, with `overwrite`.
        run: the run folder to read.
        source: the data to calibrate and measure on.
        command: the command that does this again.
        overwrite: replaces a run folder that is there, at the end.
        keep_over_budget: see `kerascnn.export.write_exports`.

    Returns:
        The card: that of the run, with new `chosen`, `metrics`, `export` and `versions`, and in `exported` the
        command, the time and the data of the export.

    Raises:
        As `write_run` and `open_run`.
    """
    task, card, history = open_run(run)
    started = time.monotonic()
    with new_run_folder(path, overwrite=overwrite) as folder:
        task, answers = _ask(task, source)
        card |= _export(folder, task, source, answers, card["seed"], keep_over_budget)
        card |= {
            "card_version": CARD_VERSION,
            "exported": {"command": command, "created": _now(), "data": describe_source(source)},
            "seconds": card.get("seconds", round(time.monotonic() - started, 1)),
        }
        write_history(folder, history.rows)
        if (Path(run) / HEADLESS_FILE).exists():
            headless(task.model).save_weights(folder / HEADLESS_FILE)
        _write_report(folder, task, source, history, card, answers)
    return card


def _describe(
    task: Task, source: Source, history: History, facts: RunFacts, proposals: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Give the part of the card that is known when the training ends."""
    return {
        "kerascnn": version("kerascnn"),
        "card_version": CARD_VERSION,
        "task": task.name,
        "score_name": task.score_name,
        "monitor": task.monitor,
        "architecture": task.architecture,
        "options": task.options,
        "loss_options": task.loss_options,
        "weights": None if task.weights_report is None else task.weights_report.source,
        "classes": task.classes,
        "image_size": task.image_size,
        "parameters": task.model.count_params(),
        "proposals": proposals,
        "command": facts.command,
        "config": facts.config,
        "created": _now(),
        "seed": facts.seed,
        "interrupted": history.interrupted,
        "best_epoch": history.best_epoch,
        "backend": keras.backend.backend(),
        "machine": {"processor": name_processor(), "cores": cpu_count()},
        "data": describe_source(source),
        "weights_report": None if task.weights_report is None else asdict(task.weights_report),
        "stages": history.stages,
    }


def _write_trained(folder: Path, task: Task, history: History, card: Mapping[str, Any], headless_weights: bool) -> None:
    """Write what was trained, before anything that may fail: it is enough for `export_run` to go on from."""
    save_keras(task, folder / MODEL_FILE)
    write_history(folder, history.rows)
    write_card(folder, card)
    if headless_weights:
        headless(task.model).save_weights(folder / HEADLESS_FILE)


def _ask(task: Task, source: Source) -> tuple[Task, dict[str, Reference]]:
    """Give the answers to every split but training, and the task with what it chooses by those to validation."""
    answers = {
        name: Reference.of(task, pipeline(split, task)) for name, split in source.splits.items() if name != "train"
    }
    return task.tuned(answers["validation"].outputs, answers["validation"].targets), answers


def _export(
    folder: Path,
    task: Task,
    source: Source,
    answers: Mapping[str, Reference],
    seed: int,
    keep_over_budget: bool,
) -> dict[str, Any]:
    """Measure and export: the part of the card that follows from it."""
    metrics = {}
    for name, answer in answers.items():
        summary = task.evaluate(answer.outputs, answer.targets)
        metrics[name] = {"score": task.score_of(summary)} | summary
        if task.parts:
            metrics[name]["parts"] = {part: _measure(own, source.splits[name]) for part, own in task.parts.items()}
    table = write_exports(
        task,
        folder,
        answers["validation"],
        metrics["validation"]["score"],
        # Shuffled, or the first few hundred pictures would be of the first few classes.
        calibration=pipeline(source.train, task, seed=seed),
        keep_over_budget=keep_over_budget,
    )
    versions = {"python": platform.python_version()} | {name: version(name) for name in PACKAGES}
    return {"versions": versions, "chosen": task.chosen, "metrics": metrics, "export": table}


def _measure(task: Task, split: Split) -> dict[str, Any]:
    answer = Reference.of(task, pipeline(split, task))
    summary = task.evaluate(answer.outputs, answer.targets)
    return {"score_name": task.score_name, "score": task.score_of(summary)} | summary


def _write_report(
    folder: Path,
    task: Task,
    source: Source,
    history: History,
    card: Mapping[str, Any],
    answers: Mapping[str, Reference],
) -> None:
    write_card(folder, card)
    leading = leading_split(answers)
    split, answer = source.splits[leading], answers[leading]
    wrong = task.mistakes(answer.outputs, answer.targets)
    mistakes = [_show(task, split, answer, index) for index in wrong[:MAX_MISTAKES]]
    best = [_show(task, split, answer, index) for index in task.best(answer.outputs, answer.targets)[:MAX_BEST]]
    write_html(folder, card, history.rows, mistakes, num_mistakes=len(wrong), best=best)


def _show(task: Task, split: Split, answer: Reference, index: int | np.ndarray) -> Mistake:
    """Show an answer on the picture as it is stored, or on both pictures of a pair."""
    if np.ndim(index):
        said, truth = task.match(answer.outputs, answer.targets, index)
        pair = [split.picture(each) for each in index]
        return make_mistake(said, truth, beside(*pair), " and ".join(split.names[each] for each in index))
    picture, one = split.picture(index), slice(index, index + 1)
    (said,) = task.answers({name: output[one] for name, output in answer.outputs.items()}, [picture.shape[:2]])
    (truth,) = task.truths(answer.targets[one], [picture.shape[:2]])
    return make_mistake(said, truth, picture, split.names[index])


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
