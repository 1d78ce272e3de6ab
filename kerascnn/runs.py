"""The run folder: what a training run leaves behind, written whole or not at all, and opened again.

This is where data, training, export and report meet; nothing in the library imports it.
"""

import logging
import platform
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timezone
from functools import partial
from importlib.metadata import version
from os import cpu_count
from pathlib import Path
from typing import Any

import keras
import numpy as np

from kerascnn.architectures import HEADLESS_FILE, RELEASES, headless
from kerascnn.data import Source, Split, describe_source, open_source, pipeline
from kerascnn.data.resize import resize
from kerascnn.export import (
    MODEL_FILE,
    PRECISIONS,
    Reference,
    TFLiteModel,
    incomplete_name,
    new_run_folder,
    save_keras,
    tflite_name,
    write_exports,
)
from kerascnn.report import (
    MAX_MISTAKES,
    Mistake,
    leading_split,
    make_mistake,
    name_processor,
    read_card,
    read_history,
    write_card,
    write_history,
    write_html,
)
from kerascnn.tasks import TASKS, Task, load_task
from kerascnn.training import History

logger = logging.getLogger(__name__)

Batches = Iterable[tuple[np.ndarray, np.ndarray]]
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
        overwrite: replaces a run folder that is there, at the end.
        keep_over_budget: see `kerascnn.export.write_exports`.

    Returns:
        The card, as it was written.

    Raises:
        FileExistsError: if there is something at the path.
        ValueError, RuntimeError: see `kerascnn.export.write_exports`. What was trained is kept as PATH.incomplete, or
            as the first of PATH.incomplete2 and so on that is free.
    """
    card = _describe(task, source, history, facts) | ({} if detection is None else {"detection": detection})
    with new_run_folder(path, overwrite=overwrite, keep_incomplete=True) as folder:
        _write_trained(folder, task, history, card, headless_weights)
        task, answers = _ask(task, source)
        card |= _export(folder, task, source, answers, facts.seed, keep_over_budget)
        card |= {"seconds": round(time.monotonic() - facts.started, 1)}
        _write_report(folder, task, source, history, card, answers)
    return card


def write_trained_run(
    path: str | Path, task: Task, source: Source, history: History, facts: RunFacts, *, headless_weights: bool = False
) -> Path:
    """Write a run folder that holds what was trained, and no more, for `export_run` to go on from.

    That is for networks that were trained on JAX, since exports are made by TensorFlow, in a process of its own.

    Args:
        path: where the complete run folder will be.
        task, source, history, facts, headless_weights: see `write_run`.

    Returns:
        The folder: PATH.incomplete, or the first of PATH.incomplete2 and so on that is free.
    """
    card = _describe(task, source, history, facts) | {"seconds": round(time.monotonic() - facts.started, 1)}
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


def _describe(task: Task, source: Source, history: History, facts: RunFacts) -> dict[str, Any]:
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
    write_html(folder, card, history.rows, mistakes, num_mistakes=len(wrong))


def _show(task: Task, split: Split, answer: Reference, index: int) -> Mistake:
    """Show an answer on the picture as it is stored."""
    picture, one = split.picture(index), slice(index, index + 1)
    (said,) = task.answers({name: output[one] for name, output in answer.outputs.items()}, [picture.shape[:2]])
    (truth,) = task.truths(answer.targets[one], [picture.shape[:2]])
    return make_mistake(said, truth, picture, split.names[index])


def read_network(weights: str | Path | None) -> dict[str, Any]:
    """Read from the card of a run folder which network its weights are of.

    Args:
        weights: as `kerascnn.architectures.load_weights` takes them.

    Returns:
        Its `architecture`, `options` and `image_size`; nothing if the weights are no run folder's.
    """
    if weights is None or str(weights) in RELEASES or not (Path(weights) / "card.json").is_file():
        return {}
    card = read_card(weights)
    return {"options": {}} | {key: card[key] for key in ("architecture", "options", "image_size") if key in card}


def open_data(card: Mapping[str, Any], data: str | None = None) -> Source:
    """Open the data of a run again, or other data for it.

    Args:
        card: the card of the run.
        data: as `open_source` takes it; None is what the run was trained on.

    Raises:
        ValueError: if the data have other classes than the run, for a run of windows, or see `open_source`.
    """
    if "detection" in card:
        raise ValueError(
            "The windows that this run was trained on are not kept: evaluate.py measures its detector on pictures."
        )
    task = TASKS[card["task"]]
    return _open_again(card, data, card["seed"], task.annotation, task.score_name)


def open_pictures(card: Mapping[str, Any], data: str | None = None) -> Source:
    """Open the pictures that a run of windows was cut from again, or others that its detector is to look at.

    Args:
        card: the card of the run; its `detection` holds `classes` and `data` as the card itself does.
        data: see `open_data`.

    Raises:
        ValueError: for a run without a detector, if the pictures have other classes than it, or see `open_source`.
    """
    if "detection" not in card:
        raise ValueError(f"A run of windows has a detector. This is one of {card['task']}: open its data instead.")
    return _open_again(card["detection"], data, card["seed"], "boxes", "AP50")


def _open_again(facts: Mapping[str, Any], data: str | None, seed: int, annotation: str, score_name: str) -> Source:
    source = open_source(data or facts["data"]["source"], seed=seed, annotation=annotation)
    if list(source.classes) != list(facts["classes"]):
        found, known = (", ".join(classes) for classes in (source.classes, facts["classes"]))
        raise ValueError(f"{source.name} has the classes {found}, and the run knows {known}.")
    if data is None and source.fingerprint != facts["data"]["fingerprint"]:
        logger.warning(
            "%s has changed since the run: pictures that it was trained on may be in the validation split now, and "
            "the %s too high.",
            source.name,
            score_name,
        )
    return source


def open_run(path: str | Path) -> tuple[Task, dict[str, Any], History]:
    """Open a run folder: the trained task, the card, and the history.

    Raises:
        FileNotFoundError: if it is not a run folder.
        ValueError: for a card or a model that cannot be read.
    """
    folder = Path(path)
    card = read_card(folder)
    task = load_task(folder / MODEL_FILE, card["task"], card["classes"], loss_options=card.get("loss_options"))
    task = replace(task, architecture=card["architecture"], options=card.get("options", {}), **card.get("chosen", {}))
    card = {"score_name": task.score_name, "monitor": task.monitor} | card  # cards of version 1 lack them
    return task, card, History(read_history(folder), card["stages"], card["best_epoch"], card["interrupted"])


def load_predictor(path: str | Path, task: Task, model: str) -> Callable[[Batches], Reference]:
    """Load one of the models of a run to predict with.

    Args:
        path: the run folder.
        task: as `open_run` gave it.
        model: `keras`, or a precision of `kerascnn.export.PRECISIONS`.

    Returns:
        A function of batches of (pictures, targets) to these and the model's outputs.

    Raises:
        ValueError: for an unknown model.
        FileNotFoundError: if the run has no file of that precision, because it missed its budget.
    """
    keras_model = model == "keras"
    predict = partial(task.serving_model().predict, verbose=0) if keras_model else _open_file(path, model).predict
    return partial(Reference.from_predictor, predict)


def load_answerer(path: str | Path, task: Task, model: str) -> Callable[[np.ndarray], Any]:
    """Load one of the models of a run to ask about one picture after another, such as the frames of a video.

    Args:
        path: see `load_predictor`.
        task: likewise.
        model: likewise.

    Returns:
        A function of a picture (H, W, 3) uint8, RGB, of any size, to a result of `kerascnn.results` in its pixels.

    Raises:
        As `load_predictor`.
    """
    predict = task.serving_model().predict_on_batch if model == "keras" else _open_file(path, model).predict

    def answer(picture: np.ndarray) -> Any:
        stretched = resize(picture, task.image_size).numpy()
        (result,) = task.answers(predict(stretched[np.newaxis]), [picture.shape[:2]])
        return result

    return answer


def _open_file(path: str | Path, precision: str) -> TFLiteModel:
    if precision not in PRECISIONS:
        raise ValueError(f"model must be keras or one of {', '.join(PRECISIONS)}. Received: {precision!r}.")
    file = Path(path) / tflite_name(precision)
    if not file.exists():
        raise FileNotFoundError(f"There is no {file}: it missed its budget, or was removed. See the run's report.")
    return TFLiteModel(file.read_bytes(), num_threads=cpu_count() or 1)


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
