"""The task: which question a network answers. What training, export and reports need to know of it, and no more."""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

import keras
import numpy as np

from kerascnn.architectures import RELEASES, WeightsReport

PRECISIONS = ("float32", "float16", "dynamic", "int8")


@dataclass(frozen=True)
class Task(ABC):
    """A network and the question that it answers.

    Attributes:
        model: a plain Keras model of pictures (B, height, width, 3), RGB in 0..255, to logits; where it takes more than
            pictures, see `inputs`, these are its input `image`.
        classes: name of each class.
        weights_report: what became of each layer when weights were loaded; None for a random initialisation.
        architecture: what `kerascnn.architectures.build` calls the network; by default the model's own name.
        options: what its builder was given beside sizes, weights and auxiliary classifiers.
        loss_options: what the loss is given beside what follows from the network.
        name: what cards call this kind of task, and `kerascnn.tasks.load_task` finds it by.
        annotation: what it learns from: a key of the sample, see `kerascnn.data.sample`.
        score_name: what reports call its `score`.
        monitor: the metric whose best value on the validation data is the best epoch; the lower loss decides a tie.
        monitor_mode: whether the best value is the highest, `max`, or the lowest, `min`.
        precisions: of the .tflite files that can be made of it.
        predicted_at_once: pictures that the serving model is asked about together, which bounds its memory.
    """

    name: ClassVar[str]
    annotation: ClassVar[str]
    score_name: ClassVar[str]
    monitor: ClassVar[str]
    monitor_mode: ClassVar[Literal["max", "min"]] = "max"
    precisions: ClassVar[tuple[str, ...]] = PRECISIONS
    predicted_at_once: ClassVar[int] = 32
    model: keras.Model
    classes: tuple[str, ...]
    weights_report: WeightsReport | None = None
    architecture: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    loss_options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Name the architecture."""
        object.__setattr__(self, "architecture", self.architecture or self.model.name)

    @property
    def training_model(self) -> keras.Model:
        """The model that is trained: `model`, perhaps with outputs that only training needs."""
        return self.model

    @property
    @abstractmethod
    def loss(self) -> keras.losses.Loss | dict[str, keras.losses.Loss]:
        """What training minimises: a function of (annotation, outputs), or one for each output by its name."""

    @abstractmethod
    def metrics(self) -> list[keras.metrics.Metric] | dict[str, list[keras.metrics.Metric]]:
        """Make the metrics that are shown while training, or those of each output by its name."""

    @property
    @abstractmethod
    def output_labels(self) -> Mapping[str, str]:
        """Which outputs of the serving model the class names label: `axis` or `value`, see `add_metadata`."""

    @property
    def float_after(self) -> Sequence[str]:
        """Layers of the serving model after which an int8 file computes in float32: none, all is in 8 bits."""
        return ()

    @abstractmethod
    def evaluate(self, outputs: Mapping[str, np.ndarray], targets: np.ndarray) -> dict[str, Any]:
        """Summarise the serving model's outputs for the card: `examples`, and what its part of the report shows."""

    @abstractmethod
    def score_of(self, summary: Mapping[str, Any]) -> float:
        """Rate what `evaluate` gave, in 0..1, the higher the better: accuracy, for classification."""

    def headline(self, summary: Mapping[str, Any]) -> dict[str, float | None]:
        """Take from what `evaluate` gave what the card says of every exported file beside its score: nothing."""
        return {}

    def score(self, outputs: Mapping[str, np.ndarray], targets: np.ndarray) -> float:
        """Rate the serving model's outputs; see `score_of`."""
        return self.score_of(self.evaluate(outputs, targets))

    @abstractmethod
    def agreement(self, outputs: Mapping[str, np.ndarray], others: Mapping[str, np.ndarray]) -> float:
        """Give the share of pictures, in 0..1, on which two models' outputs give the same answer."""

    def differences(self, outputs: Mapping[str, np.ndarray], others: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Compute how far two models' outputs are apart, by name: absolute differences, of any shape."""
        return {name: np.abs(outputs[name] - others[name]) for name in others}

    def condense(self, outputs: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
        """Keep of the serving model's outputs what all below are computed from: by default, everything.

        A task whose outputs are too large for thousands of pictures keeps less.
        """
        return outputs

    def inputs(self, sample: Mapping[str, Any]) -> Any:
        """Take what the network is given from a sample: the picture, or a dict of inputs by their names."""
        return sample["image"]

    @abstractmethod
    def targets(self, sample: Mapping[str, Any]) -> Any:
        """Take what the loss compares the outputs with from a sample, to which `kerascnn.data.targets` added rows."""

    @abstractmethod
    def decode(self, outputs: Mapping[str, np.ndarray], sizes: Sequence[tuple[int, int]] | None = None) -> list[Any]:
        """Turn the serving model's outputs into results, one a picture.

        Args:
            outputs: (N, ...) each.
            sizes: (height, width) of each picture, in whose pixels coordinates are given; by default `image_size`.
        """

    @abstractmethod
    def truths(self, targets: np.ndarray, sizes: Sequence[tuple[int, int]] | None = None) -> list[Any]:
        """Give the results that would be right, one a picture.

        Args:
            targets: (N, ...), for pictures of the network's size.
            sizes: as for `decode`.
        """

    @abstractmethod
    def mistakes(self, outputs: Mapping[str, np.ndarray], targets: np.ndarray) -> np.ndarray:
        """Find the pictures that are answered wrongly: their indices, (n,), the worst first.

        A task that compares pictures gives pairs, (n, 2); see `match`.
        """

    def best(self, outputs: Mapping[str, np.ndarray], targets: np.ndarray) -> np.ndarray:
        """Find the pictures that are answered best: their indices, (n,), the best first.

        None, where an answer is either right or wrong: those that are right all look alike.
        """
        return np.zeros(0, int)

    def match(self, outputs: Mapping[str, np.ndarray], targets: np.ndarray, pair: np.ndarray) -> tuple[Any, Any]:
        """Give the result for a pair of pictures, and what would be right, of a task whose `mistakes` are pairs.

        Args:
            outputs: (N, ...) each.
            targets: (N, ...).
            pair: (2,), the places of the two.
        """
        raise TypeError(f"A task of {self.name} answers for one picture at a time.")

    @property
    def parts(self) -> Mapping[str, "Task"]:
        """Parts of the network that are measured by themselves too, by the names that cards give them: none."""
        return {}

    @property
    def exported(self) -> Mapping[str, "Task"]:
        """What run folders are written of, by what is added to the folder's name: the task itself, and nothing."""
        return {"": self}

    def answers(self, outputs: Mapping[str, np.ndarray], sizes: Sequence[tuple[int, int]] | None = None) -> list[Any]:
        """Give the results to show: those of `decode`, by default. A detector's are of the sure detections only."""
        return self.decode(outputs, sizes)

    def tuned(self, outputs: Mapping[str, np.ndarray], targets: np.ndarray) -> "Task":
        """Give the task with what is chosen by its answers to the validation pictures: by default, as it is.

        Args:
            outputs: (N, ...) each.
            targets: (N, ...).
        """
        return self

    @property
    def chosen(self) -> dict[str, Any]:
        """What `tuned` chose, by the names of fields, for the card."""
        return {}

    @abstractmethod
    def serving_model(self) -> keras.Model:
        """Give the model that is exported: the same weights, answers instead of logits."""

    @property
    def image_size(self) -> tuple[int, int]:
        """(height, width) of the network's input in pixels."""
        return self.model.input_shape[1:3]

    def sizes_of(self, count: int, sizes: Sequence[tuple[int, int]] | None) -> Sequence[tuple[int, int]]:
        """Give (height, width) of each of `count` pictures: `sizes`, or that of the network's input."""
        return [self.image_size] * count if sizes is None else sizes

    def compile(
        self,
        optimizer: str | keras.optimizers.Optimizer = "adam",
        *,
        model: keras.Model | None = None,
        **options: Any,
    ) -> None:
        """Call `training_model.compile` with the loss and the metrics of this task.

        Args:
            optimizer: as Keras takes it.
            model: compiles a part of it instead, which has the same outputs.
            **options: anything else that `keras.Model.compile` takes.
        """
        model = self.training_model if model is None else model
        model.compile(optimizer=optimizer, loss=self.loss, metrics=self.metrics(), **options)


def check_names(kind: str, names: Sequence[str], *, at_least: int) -> None:
    """Refuse names that cannot stand in a label file.

    Args:
        kind: what the names are of, in the plural: `classes`.
        names: must be different, of one line each.
        at_least: how many there must be.

    Raises:
        ValueError: for others.
    """
    found = [] if isinstance(names, str) else list(names)  # a string is a sequence of its letters
    one_line = all(isinstance(name, str) and name.splitlines() == [name] for name in found)
    if len(found) < at_least or not one_line or len(set(found)) != len(found):
        raise ValueError(f"{kind} must be at least {at_least} different names of one line. Received: {kind}={names!r}.")


def is_of_other_classes(weights: str | Path, classes: tuple[str, ...]) -> bool:
    """Whether the weights are a run folder's whose classes are others, perhaps as many."""
    path = Path(weights)
    card = (path if path.is_dir() else path.parent) / "card.json"
    if str(weights) in RELEASES or not card.is_file():
        return False
    return tuple(json.loads(card.read_text(encoding="utf-8"))["classes"]) != classes
