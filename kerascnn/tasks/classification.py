"""Classification: which of the classes is in the picture?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import keras
import numpy as np

from kerascnn.architectures import build, load_weights
from kerascnn.losses import AuxiliaryCrossEntropy, SmoothedCrossEntropy
from kerascnn.metrics.classification import MainAccuracy, summarise_classification
from kerascnn.results import Classification
from kerascnn.tasks.task import Task, check_names, is_of_other_classes


@dataclass(frozen=True)
class ClassificationTask(Task):
    """A classifier with the names of its classes; `classification` makes one.

    Attributes:
        auxiliary: the same network with the outputs of its auxiliary classifiers; None where it has none.
    """

    name: ClassVar[str] = "classification"
    annotation: ClassVar[str] = "label"
    score_name: ClassVar[str] = "accuracy"
    monitor: ClassVar[str] = "accuracy"
    auxiliary: keras.Model | None = None

    def __post_init__(self) -> None:
        """Refuse names that do not fit the network."""
        super().__post_init__()
        check_names("classes", self.classes, at_least=2)
        _ = self.loss  # it refuses options that it does not have, now and not when training begins
        if self.model.output_shape != (None, len(self.classes)):
            raise ValueError(
                f"The network must give one logit for each of the {len(self.classes)} classes. "
                f"Received: an output of the shape {self.model.output_shape}."
            )

    @property
    def training_model(self) -> keras.Model:
        """The network, with its auxiliary classifiers where it has some."""
        return self.model if self.auxiliary is None else self.auxiliary

    @property
    def loss(self) -> keras.losses.Loss:
        """Cross-entropy of logits (B, classes), or those of auxiliary classifiers too, with integer labels (B,)."""
        if self.auxiliary is not None:
            return AuxiliaryCrossEntropy(**self.loss_options)
        if self.loss_options:
            return SmoothedCrossEntropy(**self.loss_options)
        return keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    @property
    def output_labels(self) -> Mapping[str, str]:
        """The class names stand along the last axis of the probabilities."""
        return {"probabilities": "axis"}

    def metrics(self) -> list[keras.metrics.Metric]:
        """Make the accuracy."""
        kind = keras.metrics.SparseCategoricalAccuracy if self.auxiliary is None else MainAccuracy
        return [kind(name="accuracy")]

    def targets(self, sample: Mapping[str, Any]) -> Any:
        """Take the label."""
        return sample["label"]

    def decode(
        self, outputs: Mapping[str, np.ndarray], sizes: Sequence[tuple[int, int]] | None = None
    ) -> list[Classification]:
        """Turn probabilities (N, classes) into one `Classification` a picture; the sizes play no part."""
        return [Classification(self.classes, probabilities) for probabilities in outputs["probabilities"]]

    def truths(self, targets: np.ndarray, sizes: Sequence[tuple[int, int]] | None = None) -> list[Classification]:
        """Turn labels (N,) into results that are sure of them."""
        return [Classification(self.classes, probabilities) for probabilities in np.eye(len(self.classes))[targets]]

    def mistakes(self, outputs: Mapping[str, np.ndarray], targets: np.ndarray) -> np.ndarray:
        """Find the wrong answers, the most confident first."""
        wrong = np.flatnonzero(outputs["probabilities"].argmax(-1) != targets)
        return wrong[np.argsort(-outputs["probabilities"].max(-1)[wrong], kind="stable")]

    def evaluate(self, outputs: Mapping[str, np.ndarray], targets: np.ndarray) -> dict[str, Any]:
        """Summarise probabilities (N, classes) against labels (N,); see `summarise_classification`."""
        return summarise_classification(targets, outputs["probabilities"], self.classes)

    def score_of(self, summary: Mapping[str, Any]) -> float:
        """Give the accuracy."""
        return summary["accuracy"]

    def agreement(self, outputs: Mapping[str, np.ndarray], others: Mapping[str, np.ndarray]) -> float:
        """Give the share of pictures with the same most probable class."""
        return float(np.mean(outputs["probabilities"].argmax(-1) == others["probabilities"].argmax(-1)))

    def serving_model(self) -> keras.Model:
        """Give the model with softmax: pictures to `{"probabilities": (B, classes)}`, in 0..1, summing to 1."""
        probabilities = keras.layers.Softmax(name="probabilities")(self.model.output)
        return keras.Model(self.model.input, {"probabilities": probabilities}, name=self.model.name)


def classification(
    architecture: str,
    classes: Sequence[str],
    *,
    image_size: tuple[int, int] = (224, 224),
    weights: str | Path | None = None,
    label_smoothing: float = 0.0,
    **options: Any,
) -> ClassificationTask:
    """Make a classifier: a network of a known architecture for the given classes.

    Args:
        architecture: a name of `kerascnn.architectures.CLASSIFIERS`, such as `mobilenet_v2`.
        classes: at least two different names; their order is that of the labels.
        image_size: (height, width) of the network's input in pixels.
        weights: see `kerascnn.architectures.load_weights`; None starts from a random initialisation. The head of a run
            folder, or of a file in one, is only loaded if it is for the same classes.
        label_smoothing: share of each label that the loss spreads over all classes, from 0 to below 1, so that the
            network does not become surer than it can be; 0.1 is usual.
        **options: what the builder of that architecture takes, such as `alpha`, `dropout` or `auxiliary`.

    Returns:
        The task; its `model` is a plain `keras.Model`. With auxiliary classifiers, `training_model` is the one to call
        `fit` of; without, the two are the same.

    Raises:
        ValueError: for classes that are too few, not different, empty or of several lines, a share out of range, or
            what the builder refuses.

    Example:
        >>> task = classification("mobilenet_v2", ["ants", "bees"], image_size=(160, 160))
        >>> task.compile()
        >>> task.model.fit(images, labels)  # images (N, 160, 160, 3) in 0..255, labels (N,) integers
    """
    check_names("classes", classes, at_least=2)
    names = tuple(classes)
    height, width = image_size
    model = build(architecture, (height, width, 3), len(names), **options)
    report = None if weights is None else load_weights(model, weights, head=not is_of_other_classes(weights, names))
    auxiliary = None
    if options.pop("auxiliary", False):  # the two models share their layers
        auxiliary, model = model, keras.Model(model.input, model.get_layer("predictions").output, name=model.name)
    loss_options = {"label_smoothing": label_smoothing} if label_smoothing else {}
    return ClassificationTask(model, names, report, architecture, options, loss_options, auxiliary)
