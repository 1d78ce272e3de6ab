"""Export: every form of a model, written only after it was loaded back and compared with the Keras model."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kerascnn.export.golden import write_golden
from kerascnn.export.metadata import LABELS_FILE
from kerascnn.export.parity import BUDGETS, Batches, Reference, compare, missed_budget, time_files
from kerascnn.export.run_folder import new_run_folder
from kerascnn.export.saved_model import SIGNATURES, write_saved_model
from kerascnn.export.tflite import convert
from kerascnn.tasks.task import Task

logger = logging.getLogger(__name__)

MODEL_FILE = "model.keras"
TOLERANCE = 1e-4  # relative to the largest output: the same computation, perhaps in a different order
PROOF_PICTURES = 8


def tflite_name(precision: str) -> str:
    """Name the .tflite file of a precision in a run folder."""
    return f"model_{precision}.tflite"


def export(
    task: Task, path: str | Path, *, calibration: Batches, validation: Batches, keep_over_budget: bool = False,
    overwrite: bool = False,
) -> dict[str, dict[str, Any]]:  # fmt: skip
    """Export a task to its own folder, whole or not at all.

    Args:
        task: what to export.
        path: the folder; it must not exist, unless `overwrite` is given.
        calibration: see `write_exports`.
        validation: batches of (pictures, targets) on which the files are compared with the Keras model.
        keep_over_budget: see `write_exports`.
        overwrite: replaces a folder that is there.

    Returns:
        See `write_exports`.

    Raises:
        FileExistsError: if there is something at the path.
        ValueError, RuntimeError: see `write_exports`.
    """
    with new_run_folder(path, overwrite=overwrite) as folder:
        reference = Reference.of(task, validation)
        score = task.score(reference.outputs, reference.targets)
        return write_exports(task, folder, reference, score, calibration=calibration, keep_over_budget=keep_over_budget)


def write_exports(
    task: Task,
    folder: Path,
    reference: Reference,
    score: float,
    *,
    calibration: Batches,
    keep_over_budget: bool = False,
) -> dict[str, dict[str, Any]]:
    """Write `model.keras`, `saved_model/`, `labels.txt`, the .tflite files and `golden/` into a folder.

    Args:
        task: what to export.
        folder: an existing folder.
        reference: the Keras model's answers on the validation split.
        score: of these answers.
        calibration: shuffled batches of (pictures, targets) of the training data, not augmented, for the 8-bit files.
        keep_over_budget: writes a file that misses its budget all the same; its row still says so.

    Returns:
        For each of `task.precisions`, such as `int8`, what was measured on `reference`: `file`, `bytes`,
        `score`, `agreement`, `max_difference`, `mean_difference`, `latency_ms`, `latency_ms_2_threads`, `passed`,
        and in `reason` the budget that was missed, or None. A file that missed its budget is not written.

    Raises:
        ValueError: if the model has an operator that is not builtin, or there is no picture to calibrate with; on
            another backend than TensorFlow, whose converter cannot take the model.
        RuntimeError: if a stored model does not answer as the Keras model does.
    """
    if keras.backend.backend() != "tensorflow":
        raise ValueError(
            "Models are exported on TensorFlow: open the run in a process with KERAS_BACKEND=tensorflow. "
            f"Received: the backend {keras.backend.backend()}."
        )
    _write_keras(task, folder / MODEL_FILE, reference)
    _write_saved_model(task, folder / "saved_model", reference)
    (folder / LABELS_FILE).write_text("\n".join(task.classes) + "\n", encoding="utf-8")
    if not task.precisions:
        return {}
    files = convert(task, calibration, task.precisions)
    latencies = time_files(files, reference.images[0])
    table: dict[str, dict[str, Any]] = {}
    for precision, content in files.items():
        found = compare(task, content, reference, f"Comparing {precision}")
        reason = missed_budget(found, score, BUDGETS[precision], len(reference.images))
        table[precision] = (
            {"file": tflite_name(precision)}
            | found
            | latencies[precision]
            | {"passed": reason is None, "reason": reason}
        )
        if reason is not None:
            logger.warning("%s: %s.", tflite_name(precision), reason)
    written = {name: content for name, content in files.items() if table[name]["passed"] or keep_over_budget}
    for precision, content in written.items():
        (folder / tflite_name(precision)).write_bytes(content)
    write_golden(folder / "golden", written, reference.images, task.classes)
    return table


def save_keras(task: Task, path: Path) -> None:
    """Write a task's model as a `.keras` file, without the state of an optimiser, which is twice its size."""
    keras.Model(task.model.input, task.model.output, name=task.model.name).save(path)


def _write_keras(task: Task, path: Path, reference: Reference) -> None:
    save_keras(task, path)
    stored = keras.saving.load_model(path, compile=False)
    inputs = _first(reference.inputs)
    found, expected = (_named(model(inputs, training=False)) for model in (stored, task.model))
    _prove(path.name, {name: np.abs(found[name] - expected[name]) for name in expected}, expected)


def _write_saved_model(task: Task, path: Path, reference: Reference) -> None:
    write_saved_model(task.serving_model(), path)
    expected = _first(reference.outputs)
    inputs = _first(reference.inputs if isinstance(reference.inputs, Mapping) else {"image": reference.inputs})
    signatures = tf.saved_model.load(str(path)).signatures
    for signature, dtype in SIGNATURES.items():
        types = {"image": dtype}
        tensors = {name: tf.constant(values, types.get(name, "float32")) for name, values in inputs.items()}
        outputs = signatures[signature](**tensors)
        found = task.condense({name: output.numpy() for name, output in outputs.items()})
        name = f"{path.name}, signature {signature}"
        _prove(name, task.differences(found, expected), expected)
        agreement = task.agreement(found, expected)
        if not agreement >= 1 - 1 / len(inputs["image"]) - 1e-9:  # one picture may be undecided
            raise RuntimeError(f"{name} was loaded back and agrees with the Keras model on {agreement:.1%} only.")


def _first(values: Any) -> Any:
    """Take the first pictures of an array (N, ...), or of a structure of them."""
    return keras.tree.map_structure(lambda each: each[:PROOF_PICTURES], values)


def _named(outputs: Any) -> dict[str, np.ndarray]:
    """Give a model's outputs by their names; `logits` is the only one."""
    outputs = outputs if isinstance(outputs, Mapping) else {"logits": outputs}
    return {name: keras.ops.convert_to_numpy(each) for name, each in outputs.items()}


def _prove(name: str, differences: Mapping[str, np.ndarray], expected: Mapping[str, np.ndarray]) -> None:
    for output, each in differences.items():
        largest = max(np.max(np.abs(expected[output])), np.finfo(np.float32).tiny)  # zeros where nothing was found
        difference = float(np.max(each) / largest) if each.size else 0.0
        if not difference <= TOLERANCE:  # NaN is not
            raise RuntimeError(
                f"{name} was loaded back and differs from the Keras model by {difference:.1e} of its outputs."
            )
