"""Proof that an exported file answers as the Keras model does: on real pictures, before it is written."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import keras
import numpy as np
from rich.progress import track

from kerascnn.export.interpreter import TFLiteModel
from kerascnn.ops import concatenate_padded
from kerascnn.tasks.task import Task

Inputs = np.ndarray | Mapping[str, np.ndarray]
Batches = Iterable[tuple[Inputs, Any]]
Predictor = Callable[[Inputs], Mapping[str, np.ndarray]]

TIMING_ROUNDS = 5
RUNS_A_ROUND = 10
MANY = 1000  # pictures from which on comparing takes long enough for a progress bar


@dataclass(frozen=True)
class Budget:
    """How far an exported file may be from the Keras model.

    Attributes:
        agreement: the least share of pictures with the same answer.
        score_loss: the largest loss of the task's score.
        max_difference: the largest difference of any output; None sets no limit.
    """

    agreement: float
    score_loss: float
    max_difference: float | None = None


# float32 is the same computation in a different order. float16 rounds the weights to 11 bits, which changes an answer
# only where two classes are nearly equal. The 8-bit files are held to what is published for MobileNets: at most a point
# of accuracy, or of another task's score. Single outputs may differ much where the network itself is undecided, so the
# difference has no limit.
BUDGETS = {
    "float32": Budget(agreement=0.999, score_loss=0.001, max_difference=1e-4),
    "float16": Budget(agreement=0.99, score_loss=0.005),
    "dynamic": Budget(agreement=0.97, score_loss=0.01),
    "int8": Budget(agreement=0.97, score_loss=0.01),
}


@dataclass(frozen=True)
class Reference:
    """What a model answers on a split, mostly the Keras model, with which every file is compared.

    Attributes:
        inputs: pictures (N, H, W, 3) uint8; or a dict of them, as `image`, and whatever else the model takes, (N, ...).
        targets: (N, ...), the annotations; those of different number are padded with -1.
        outputs: of each named output what the task keeps, (N, ...); see `Task.condense`.
    """

    inputs: Inputs
    targets: np.ndarray
    outputs: Mapping[str, np.ndarray]

    @property
    def images(self) -> np.ndarray:
        """The pictures among the inputs: (N, H, W, 3) uint8."""
        return self.inputs["image"] if isinstance(self.inputs, Mapping) else self.inputs

    @classmethod
    def of(cls, task: Task, batches: Batches) -> "Reference":
        """Run a task's serving model over batches of (inputs, targets).

        Raises:
            ValueError: if there is no batch.
        """
        predict = partial(task.serving_model().predict, batch_size=task.predicted_at_once, verbose=0)
        return cls.from_predictor(lambda inputs: task.condense(predict(inputs)), batches)

    @classmethod
    def from_predictor(cls, predict: Predictor, batches: Batches) -> "Reference":
        """Run any model over batches of (inputs, targets).

        Args:
            predict: from the inputs of N pictures to what the task keeps of each named output, (N, ...).
            batches: of (inputs, targets). Where several outputs have targets, they have the same.

        Raises:
            ValueError: if there is no batch.
        """
        inputs, targets, outputs = [], [], []
        for input_batch, target_batch in batches:
            inputs.append(keras.tree.map_structure(np.asarray, input_batch))
            targets.append(np.asarray(keras.tree.flatten(target_batch)[0]))
            outputs.append(predict(inputs[-1]))
        if not inputs:
            raise ValueError("There is no picture to measure on.")
        together, answers = (
            keras.tree.map_structure(lambda *parts: np.concatenate(parts), *each) for each in (inputs, outputs)
        )
        return cls(together, concatenate_padded(targets), answers)


def compare(task: Task, content: bytes, reference: Reference, description: str = "Comparing") -> dict[str, Any]:
    """Compare an exported file with the Keras model.

    Args:
        task: gives the score, what counts as the same answer, and the differences.
        content: the bytes of the .tflite file.
        reference: the pictures and the Keras model's answers.
        description: stands before the progress bar.

    Returns:
        `bytes`, `score` and `agreement` in 0..1, `max_difference` and `mean_difference` over all outputs; and the
        `metrics` of `task.headline`, where it has some.
    """
    model = TFLiteModel(content, num_threads=2)
    images = track(reference.images, description, transient=True, disable=len(reference.images) < MANY)
    answers = [task.condense(model.predict(image[np.newaxis])) for image in images]
    outputs = {name: np.concatenate([answer[name] for answer in answers]) for name in reference.outputs}
    found, summary = task.differences(outputs, reference.outputs), task.evaluate(outputs, reference.targets)
    differences = np.concatenate([each.ravel() for each in found.values()])
    return {
        "bytes": len(content),
        "score": task.score_of(summary),
        "agreement": task.agreement(outputs, reference.outputs),
        "max_difference": float(differences.max(initial=0)),
        "mean_difference": float(differences.sum() / max(differences.size, 1)),
    } | ({"metrics": headline} if (headline := task.headline(summary)) else {})


def missed_budget(found: Mapping[str, float], expected_score: float, budget: Budget, pictures: int) -> str | None:
    """Say which budget a file misses, or None.

    No budget asks for less than one picture: on 40 of them, a point of accuracy is no picture at all.

    Args:
        found: what `compare` found.
        expected_score: that of the Keras model on the same pictures.
        budget: what is allowed.
        pictures: how many were compared.
    """
    one = 1 / pictures  # the comparisons below are turned around so that NaN misses every budget
    if not found["agreement"] >= 1 - max(1 - budget.agreement, one) - 1e-9:
        return f"agreement {found['agreement']:.2%} is under the budget of {budget.agreement:.2%}"
    if not expected_score - found["score"] <= max(budget.score_loss, one) + 1e-9:
        return (
            f"score {found['score']:.2%} against {expected_score:.2%} loses more than the budget of "
            f"{budget.score_loss:.2%}"
        )
    if budget.max_difference is not None and not found["max_difference"] <= budget.max_difference:
        return f"the largest difference {found['max_difference']:.1e} is over the budget of {budget.max_difference:.0e}"
    return None


def time_files(files: Mapping[str, bytes], image: np.ndarray) -> dict[str, dict[str, float]]:
    """Time files on this host, in turns, so that what else the machine does hits all of them alike.

    Args:
        files: the bytes of .tflite files by name.
        image: (H, W, 3) uint8, a real picture.

    Returns:
        For each name the median milliseconds of one picture: `latency_ms` with one thread, `latency_ms_2_threads`.
    """
    latencies: dict[str, dict[str, float]] = {name: {} for name in files}
    for key, threads in (("latency_ms", 1), ("latency_ms_2_threads", 2)):
        models = {name: TFLiteModel(content, threads) for name, content in files.items()}
        seconds: dict[str, list[float]] = {name: [] for name in files}
        for _ in range(TIMING_ROUNDS):
            for name, model in models.items():
                seconds[name] += model.time(image, RUNS_A_ROUND)
        for name in files:
            latencies[name][key] = float(np.median(seconds[name])) * 1e3
    return latencies
