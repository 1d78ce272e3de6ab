"""Semantic segmentation: what does each pixel show?"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import keras
import numpy as np
from keras import layers

from kerascnn.architectures import CLASSIFIERS, backbone_unet, check_options_of, deconvnet, load_weights, unet
from kerascnn.architectures import check_options as check_body_options
from kerascnn.layers import MaxUnpooling2D
from kerascnn.losses import SegmentationLoss
from kerascnn.metrics.segmentation import MeanIntersectionOverUnion, mean_ious, summarise_segmentation
from kerascnn.ops.pixels import IGNORED
from kerascnn.ops.windows import source_positions
from kerascnn.results import Mask
from kerascnn.tasks.task import PRECISIONS, Task, check_names, is_of_other_classes

WHOLE = {"unet": unet, "deconvnet": deconvnet}  # networks of their own; others are U-Nets on a classifier's body


@dataclass(frozen=True)
class SegmentationTask(Task):
    """A network that says of each pixel what it shows; `segmentation` makes one.

    Of its outputs are kept the most probable class of each pixel, `class_ids`, and its probability, `confidence`.
    """

    name: ClassVar[str] = "segmentation"
    annotation: ClassVar[str] = "mask"
    score_name: ClassVar[str] = "mean IoU"
    monitor: ClassVar[str] = "mean_iou"
    predicted_at_once: ClassVar[int] = 8

    def __post_init__(self) -> None:
        """Refuse classes that do not fit the network, and options that the loss does not have."""
        super().__post_init__()
        check_names("classes", self.classes, at_least=2)
        if len(self.classes) > IGNORED:
            raise ValueError(f"classes must be at most {IGNORED}: masks have 8 bits. Received: {len(self.classes)}.")
        _ = self.loss
        if self.model.output_shape[-1] != len(self.classes) or len(self.model.output_shape) != 4:
            raise ValueError(
                f"The network must give logits of {len(self.classes)} classes, (B, height, width, "
                f"{len(self.classes)}). Received: an output of the shape {self.model.output_shape}."
            )

    @property
    def precisions(self) -> tuple[str, ...]:
        """All, but for int8 where switches say where values go: in 8 bits, the greatest of a bin is not known."""
        unpools = any(isinstance(layer, MaxUnpooling2D) for layer in self.model.layers)
        return tuple(each for each in PRECISIONS if not (unpools and each == "int8"))

    @property
    def loss(self) -> keras.losses.Loss:
        """See `SegmentationLoss`."""
        return SegmentationLoss(**self.loss_options)

    def metrics(self) -> list[keras.metrics.Metric]:
        """Make the mean IoU."""
        return [MeanIntersectionOverUnion(len(self.classes))]

    @property
    def output_labels(self) -> Mapping[str, str]:
        """The names stand along the last axis."""
        return {"probabilities": "axis"}

    def targets(self, sample: Mapping[str, Any]) -> Any:
        """Take the mask, with the weights of its pixels where the sample has them."""
        return sample["pixels"]

    def condense(self, outputs: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
        """Turn probabilities (N, H, W, C) into the best class and its probability."""
        probabilities = np.asarray(outputs["probabilities"])
        class_ids = np.argmax(probabilities, axis=-1)
        confidence = np.take_along_axis(probabilities, class_ids[..., np.newaxis], axis=-1)[..., 0]
        return {"class_ids": class_ids.astype(np.uint8), "confidence": confidence}

    def decode(self, outputs: Mapping[str, np.ndarray], sizes: Sequence[tuple[int, int]] | None = None) -> list[Mask]:
        """Turn what was kept into one `Mask` a picture, stretched to its size by the nearest pixel."""
        every_size = self.sizes_of(len(outputs["class_ids"]), sizes)
        pairs = zip(outputs["class_ids"], outputs["confidence"], every_size, strict=True)
        return [
            Mask(self.classes, _stretch(class_ids, size).astype(np.int32), _stretch(confidence, size))
            for class_ids, confidence, size in pairs
        ]

    def truths(self, targets: np.ndarray, sizes: Sequence[tuple[int, int]] | None = None) -> list[Mask]:
        """Turn masks (N, H, W) into results that are sure of them."""
        class_ids = _classes_of(targets).astype(np.uint8)
        return self.decode({"class_ids": class_ids, "confidence": np.ones(class_ids.shape, np.float32)}, sizes)

    def evaluate(self, outputs: Mapping[str, np.ndarray], targets: np.ndarray) -> dict[str, Any]:
        """Summarise the answers against masks (N, H, W); see `summarise_segmentation`."""
        return summarise_segmentation(_classes_of(targets), outputs["class_ids"], self.classes)

    def score_of(self, summary: Mapping[str, Any]) -> float:
        """Give the mean IoU; 0 where nothing was measured."""
        return summary["mean_iou"] or 0.0

    def mistakes(self, outputs: Mapping[str, np.ndarray], targets: np.ndarray) -> np.ndarray:
        """Find the pictures that are not right in every pixel, the lowest mean IoU first."""
        ious = mean_ious(_classes_of(targets), outputs["class_ids"], len(self.classes))
        wrong = np.flatnonzero(ious < 1)
        return wrong[np.argsort(ious[wrong], kind="stable")]

    def best(self, outputs: Mapping[str, np.ndarray], targets: np.ndarray) -> np.ndarray:
        """Find the pictures with something to be found in them, the highest mean IoU first."""
        ious = mean_ious(_classes_of(targets), outputs["class_ids"], len(self.classes))
        known = np.flatnonzero(~np.isnan(ious))
        return known[np.argsort(-ious[known], kind="stable")]

    def agreement(self, outputs: Mapping[str, np.ndarray], others: Mapping[str, np.ndarray]) -> float:
        """Give the share of pixels with the same class."""
        return float(np.mean(outputs["class_ids"] == others["class_ids"]))

    def differences(self, outputs: Mapping[str, np.ndarray], others: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Compare the probabilities of the best classes: of two that are nearly equal, either may win."""
        return {"confidence": np.abs(outputs["confidence"] - others["confidence"])}

    def serving_model(self) -> keras.Model:
        """Give the model that answers with probabilities.

        Returns:
            A model of pictures to `probabilities` (B, H, W, C), which sum to 1 in each pixel.
        """
        probabilities = layers.Softmax(dtype="float32", name="pixel_probabilities")(self.model.output)
        return keras.Model(self.model.input, {"probabilities": probabilities}, name=self.model.name)


def segmentation(
    architecture: str,
    classes: Sequence[str],
    *,
    image_size: tuple[int, int] = (256, 256),
    weights: str | Path | None = None,
    loss_options: Mapping[str, Any] | None = None,
    **options: Any,
) -> SegmentationTask:
    """Make a network that says of each pixel what it shows.

    Args:
        architecture: `unet` or `deconvnet`, or the body of a U-Net, a name of `kerascnn.architectures.CLASSIFIERS`.
        classes: names of the classes, at least two.
        image_size: (height, width) of the network's input in pixels; any size.
        weights: of the body, or of a run folder of this task, see `kerascnn.architectures.load_weights`; None starts
            from a random initialisation.
        loss_options: what `kerascnn.losses.SegmentationLoss` takes, such as `dice`.
        **options: what the builder takes, such as `filters` or `alpha`.

    Raises:
        ValueError: for classes that are too few, not different, empty or of several lines, or what the builder refuses.

    Example:
        >>> task = segmentation("mobilenet_v2", ["road", "car"], weights="imagenet")
        >>> task.compile()
        >>> task.model.fit(images, masks)  # masks (N, 256, 256): 0, 1, and 255 for what is ignored
    """
    check_names("classes", classes, at_least=2)
    check_options(architecture, options)
    shape, number = (*image_size, 3), len(classes)
    if architecture in WHOLE:
        model = WHOLE[architecture](shape, number, **options)
    else:
        model = backbone_unet(architecture, shape, number, **options)
    own_head = weights is not None and not is_of_other_classes(weights, tuple(classes))
    report = None if weights is None else load_weights(model, weights, head=own_head)
    return SegmentationTask(model, tuple(classes), report, architecture, options, loss_options or {})


def check_options(architecture: str, options: Iterable[str]) -> None:
    """Refuse an architecture that is not known, or names of options that its builder does not have.

    Raises:
        ValueError: with the known ones.
    """
    if architecture in WHOLE:
        check_options_of(architecture, options, WHOLE[architecture])
    elif architecture in CLASSIFIERS:
        check_body_options(architecture, options, backbone_unet)
    else:
        known = ", ".join((*WHOLE, *CLASSIFIERS))
        raise ValueError(f"architecture must be one of {known}. Received: architecture={architecture!r}.")


def _classes_of(targets: np.ndarray) -> np.ndarray:
    """Leave the weights of pixels away."""
    return targets[..., 0].astype(np.int32) if np.ndim(targets) == 4 else targets


def _stretch(values: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Stretch an array (H, W), of each pixel the nearest, the first of two."""
    rows, columns = (
        np.clip(np.ceil(source_positions(before, after) - 0.5), 0, before - 1).astype(int)
        for before, after in zip(values.shape, size, strict=True)
    )
    return values[rows[:, np.newaxis], columns]
