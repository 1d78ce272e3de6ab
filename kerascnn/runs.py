"""The run folder: what a training run leaves behind, written whole or not at all, and opened again.

This is where data, training, export and report meet; nothing in the library imports it.
"""

import csv
import io
import logging
import platform
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from importlib.metadata import version
from os import cpu_count
from pathlib import Path
from typing import Any

import numpy as np

from kerascnn.data import Source, Split, pipeline
from kerascnn.data.sources.source import describe_source
from kerascnn.export import MODEL_FILE, PRECISIONS, Reference, TFLiteModel, new_run_folder, tflite_name, write_exports
from kerascnn.report import Mistake, read_card, write_card, write_html
from kerascnn.report.card import write_whole
from kerascnn.tasks import Task, load_task
from kerascnn.training import History

logger = logging.getLogger(__name__)

Batches = Iterable[tuple[np.ndarray, np.ndarray]]
HISTORY_FILE = "history.csv"
PACKAGES = ("kerascnn", "keras", "tensorflow", "ai-edge-litert", "litert-quantizer", "numpy", "pillow")


@dataclass(frozen=True)
class RunFacts:
    """What the card says of a run beyond its results.

    Attributes:
        architecture: name of the network.
        weights: what it started from; None is a random initialisation.
        command: the command that makes the run again.
        seed: of the weights, the order and the augmentations.
        weights_report: what became of each layer when the weights were loaded.
        started: `time.monotonic()` when the run started.
    """

    architecture: str
    weights: str | None
    command: str
    seed: int
    weights_report: Mapping[str, Any] | None = None
    started: float = field(default_factory=time.monotonic)


def write_run(
    path: str | Path,
    task: Task,
    source: Source,
    history: History,
    facts: RunFacts,
    *,
    overwrite: bool = False,
    keep_over_budget: bool = False,
) -> dict[str, Any]:
    """Measure a trained task on the splits it was not trained on, export it, and write its run folder.

    Args:
        path: the folder; it must not exist, unless `overwrite` is given.
        task: the trained task.
        source: the data it was trained on.
        history: of its training.
        facts: what else the card says.
        overwrite: replaces a folder that is there, at the end.
        keep_over_budget: see `kerascnn.export.write_exports`.

    Returns:
        The card, as it was written.

    Raises:
        FileExistsError: if there is something at the path.
        ValueError, RuntimeError: see `kerascnn.export.write_exports`.
    """
    with new_run_folder(path, overwrite=overwrite) as folder:
        answers = {
            name: Reference.of(task, pipeline(split, task)) for name, split in source.splits.items() if name != "train"
        }
        valid = answers["validation"]
        table = write_exports(
            task,
            folder,
            valid,
            # Shuffled, or the first few hundred pictures would be of the first few classes.
            calibration=pipeline(source.train, task, seed=facts.seed),
            keep_over_budget=keep_over_budget,
        )
        card = {
            "kerascnn": version("kerascnn"),
            "task": task.name,
            "architecture": facts.architecture,
            "weights": facts.weights,
            "classes": task.classes,
            "image_size": task.image_size,
            "parameters": task.model.count_params(),
            "command": facts.command,
            "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "seed": facts.seed,
            "interrupted": history.interrupted,
            "best_epoch": history.best_epoch,
            "versions": {"python": platform.python_version()} | {name: version(name) for name in PACKAGES},
            "machine": {"processor": _processor(), "cores": cpu_count()},
            "data": describe_source(source),
            "weights_report": facts.weights_report,
            "stages": history.stages,
            "metrics": {name: task.evaluate(answer.outputs, answer.targets) for name, answer in answers.items()},
            "export": table,
            "seconds": round(time.monotonic() - facts.started, 1),
        }
        write_whole(folder / HISTORY_FILE, _to_csv(history.rows))
        write_card(folder, card)
        write_html(folder, card, history.rows, _mistakes(task, source.valid, valid.outputs))
    return card


def open_run(path: str | Path) -> tuple[Task, dict[str, Any], History]:
    """Open a run folder: the trained task, the card, and the history.

    Raises:
        FileNotFoundError: if it is not a run folder.
        ValueError: for a card or a model that cannot be read.
    """
    folder = Path(path)
    card = read_card(folder)
    task = load_task(folder / MODEL_FILE, card["task"], card["classes"])
    with open(folder / HISTORY_FILE, encoding="utf-8", newline="") as file:
        rows = [{key: _number(value) for key, value in row.items()} for row in csv.DictReader(file)]
    return task, card, History(rows, card["stages"], card["best_epoch"], card["interrupted"])


def load_predictor(path: str | Path, task: Task, model: str) -> Callable[[Batches], dict[str, np.ndarray]]:
    """Load one of the models of a run to predict with.

    Args:
        path: the run folder.
        task: as `open_run` gave it.
        model: `keras`, or a precision of `kerascnn.export.PRECISIONS`.

    Returns:
        A function of batches of (pictures, targets) to each named output (N, ...), float32.

    Raises:
        ValueError: for an unknown model.
        FileNotFoundError: if the run has no file of that precision, because it missed its budget.
    """
    if model == "keras":
        return lambda batches: Reference.of(task, batches).outputs
    if model not in PRECISIONS:
        raise ValueError(f"model must be keras or one of {', '.join(PRECISIONS)}. Received: {model!r}.")
    file = Path(path) / tflite_name(model)
    if not file.exists():
        raise FileNotFoundError(f"There is no {file}: it missed its budget, or was removed. See the run's report.")
    interpreter = TFLiteModel(file.read_bytes(), num_threads=cpu_count() or 1)
    return lambda batches: interpreter.predict(np.concatenate([np.asarray(images) for images, _ in batches]))


def weights_report(task: Task) -> dict[str, Any] | None:
    """Give what became of each layer when a task's weights were loaded, for the card."""
    report = getattr(task, "weights_report", None)
    return None if report is None else asdict(report)


def _mistakes(task: Task, split: Split, outputs: Mapping[str, np.ndarray]) -> list[Mistake]:
    """Collect the most confident wrong answers, with the pictures as they are stored."""
    answers = task.decode(outputs)
    wrong = [index for index, answer in enumerate(answers) if answer.class_id != split.labels[index]]
    wrong.sort(key=lambda index: -answers[index].confidence)
    return [
        Mistake(
            picture=split.read(np.int64(index))["image"].numpy(),
            true=task.classes[split.labels[index]],
            predicted=answers[index].class_name,
            confidence=min(answers[index].confidence, 1.0),
            name=split.names[index],
        )
        for index in wrong[:24]
    ]


def _to_csv(rows: list[dict[str, Any]]) -> str:
    file = io.StringIO(newline="")
    columns = list(dict.fromkeys(key for row in rows for key in row))
    writer = csv.DictWriter(file, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()


def _number(text: str) -> Any:
    try:
        return float(text) if "." in text or "e" in text else int(text)
    except ValueError:
        return text


def _processor() -> str:
    """Name the processor; Linux keeps the name that people know in /proc/cpuinfo."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
