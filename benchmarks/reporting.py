"""What the benchmarks share: the machine, the table, the JSON file, contenders in processes and in turns, timing."""

import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TypeVar

import keras
import numpy as np
import tensorflow as tf
from rich.console import Console
from rich.table import Table

from kerascnn.export import TFLiteModel
from kerascnn.report import name_processor

PACKAGES = ("tensorflow", "keras", "ai-edge-litert", "mediapipe", "torch")
ROUNDS = 5
RUNS_A_ROUND = 5

Outcome = TypeVar("Outcome")


def report(title: str, rows: Sequence[Mapping[str, Any]], path: Path | None) -> None:
    """Print rows as a table with the machine below it, and write them to a JSON file if a path is given.

    Args:
        title: stands above the table.
        rows: equal keys, which become the headings.
        path: of the JSON file.
    """
    table = Table(title=title, title_justify="left")
    for heading, value in rows[0].items():
        table.add_column(heading.replace("_", " "), justify="left" if isinstance(value, str) else "right")
    for row in rows:
        table.add_row(*map(_format, row.values()))
    console = Console(width=160)
    console.print(table)
    console.print(describe_machine(), highlight=False)
    if path is not None:
        text = json.dumps({"title": title, "machine": describe_machine(), "rows": list(rows)}, indent=2)
        temporary = path.with_name(f"{path.name}.tmp")
        temporary.write_text(text + "\n", encoding="utf-8")
        temporary.replace(path)


def children_minutes() -> float:
    """Give the minutes that processors have worked so far for processes that this one started, and that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (usage.ru_utime + usage.ru_stime) / 60


def check_writable(*paths: Path | None) -> None:
    """Refuse, before the work is done, an output whose folder is not there."""
    for path in paths:
        if path is not None and not path.absolute().parent.is_dir():
            sys.exit(f"There is no folder {path.parent} to write {path.name} into.")


def run_contender(name: str, script: str, arguments: Sequence[Any], *, optional: bool = False) -> str | None:
    """Run a contender in a process of its own, and end with its error if it fails.

    Args:
        name: what a message calls it.
        script: file of this folder.
        arguments: of the script.
        optional: whether it may be left out where a package that it needs is not installed.

    Returns:
        The last line that it printed; None where it is left out, after a message that says so.
    """
    command = [sys.executable, str(Path(__file__).with_name(script)), *map(str, arguments)]
    outcome = subprocess.run(command, capture_output=True, text=True)
    if outcome.returncode and not (optional and "ModuleNotFoundError" in outcome.stderr):
        sys.exit(outcome.stderr)
    if outcome.returncode:
        print(f"{name} is left out: {outcome.stderr.strip().splitlines()[-1]}")
        return None
    return outcome.stdout.splitlines()[-1]


def take_turns(
    contenders: Iterable[str], measure: Callable[[str, int], Outcome | None], rounds: int = ROUNDS
) -> dict[str, list[Outcome]]:
    """Measure contenders in turns, so that what else the machine does hits all of them alike.

    Args:
        contenders: their names.
        measure: from a name and the number of the round to what came out; None for one that is left out.
        rounds: so often.

    Returns:
        The outcomes by name. What is left out is not among them, and is not tried again.
    """
    outcomes: dict[str, list[Outcome]] = {name: [] for name in contenders}
    for number in range(rounds):
        for name in list(outcomes):
            outcome = measure(name, number)
            if outcome is None:
                del outcomes[name]
            else:
                outcomes[name].append(outcome)
    return outcomes


def time_runs(run: Callable[[], object], runs: int = RUNS_A_ROUND, *, warm_up: bool = True) -> list[float]:
    """Time some runs, in seconds; with a warm-up, after one that is not timed."""
    if warm_up:
        run()
    seconds = []
    for _ in range(runs):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    return seconds


def describe_machine() -> str:
    """Name the processor, the number of cores and the versions that matter."""
    versions = ", ".join(f"{name} {found}" for name in PACKAGES if (found := _version(name)))
    return f"{name_processor()}, {os.cpu_count()} cores, Python {platform.python_version()}, {versions}"


def convert_plainly(model: keras.Model, precision: str, images: np.ndarray, integers: type) -> bytes:
    """Convert a Keras model as TensorFlow's guide does it.

    Args:
        model: of one input and one output.
        precision: `float32` or `int8`.
        images: (N, ...) float32, to calibrate the int8 file with.
        integers: type of its input and output.
    """
    with tempfile.TemporaryDirectory() as folder:
        archive = keras.export.ExportArchive()
        archive.track(model)
        signature = [tf.TensorSpec((1, *model.input_shape[1:]), name="image")]
        archive.add_endpoint("serve", lambda image: {"outputs": model(image)}, input_signature=signature)
        archive.write_out(folder, verbose=False)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        if precision == "int8":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.representative_dataset = lambda: ([image[np.newaxis]] for image in images)
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
            converter.inference_input_type = converter.inference_output_type = tf.as_dtype(integers)
        return converter.convert()


def time_in_turns(files: Mapping[str, TFLiteModel], image: np.ndarray) -> dict[str, float]:
    """Time .tflite files in turns.

    Args:
        files: loaded files, by name.
        image: what all of them take, without the batch.

    Returns:
        The median milliseconds of one picture for each name.
    """
    seconds = take_turns(files, lambda name, _: files[name].time(image, RUNS_A_ROUND))
    return {name: float(np.median(times)) * 1e3 for name, times in seconds.items()}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _format(value: Any) -> str:
    if value is None:
        return "\N{EN DASH}"
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
