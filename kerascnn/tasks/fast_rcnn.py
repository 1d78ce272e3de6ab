"""Fast R-CNN as a task: a network that is told where to look, and says what is there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import keras

from kerascnn.architectures import fast_rcnn, load_weights
from kerascnn.layers import DetectionCandidates
from kerascnn.losses import RegionClassLoss
from kerascnn.metrics.average_precision import RegionAveragePrecision
from kerascnn.metrics.proposals import ProposalRecall
from kerascnn.tasks.detection import DetectionTask, build_loss
from kerascnn.tasks.detector_outputs import OF_REGIONS, detector_outputs
from kerascnn.tasks.task import check_names, is_of_other_classes


@dataclass(frozen=True)
class FastRCNNTask(DetectionTask):
    """A network of pictures with proposals; `region_detection` makes one. Samples must hold `proposals`."""

    name: ClassVar[str] = "fast_rcnn"
    precisions: ClassVar[tuple[str, ...]] = ()  # what proposes regions, selective search, is no part of a .tflite file
    predicted_at_once: ClassVar[int] = 2  # pooled, the 1,000 regions of a picture take some hundred megabytes

    def __post_init__(self) -> None:
        """Refuse names that do not fit the network."""
        super().__post_init__()
        _ = self.loss  # it refuses options that it does not have, now and not when training begins
        width = 5 * len(self.classes) + 5
        if len(self.model.output_shape) != 3 or self.model.output_shape[-1] != width:
            raise ValueError(
                f"The network must give the classes of regions (B, R, {width}) for {len(self.classes)} classes. "
                f"Received: an output of the shape {self.model.output_shape}."
            )

    @property
    def image_size(self) -> tuple[int, int]:
        """(height, width) of the pictures that the network takes, in pixels."""
        return self.model.input["image"].shape[1:3]

    @property
    def loss(self) -> keras.losses.Loss:
        """See `RegionClassLoss`."""
        return build_loss(RegionClassLoss, **self.loss_options)

    def metrics(self) -> list[keras.metrics.Metric]:
        """Make the average precision, and the recall of the first 100 proposals."""
        return [RegionAveragePrecision(len(self.classes)), ProposalRecall()]

    def inputs(self, sample: Mapping[str, Any]) -> dict[str, Any]:
        """Take the picture and its proposals."""
        if "proposals" not in sample:
            raise ValueError(
                "Fast R-CNN has to be told where to look: give its data proposals, see kerascnn.data.with_proposals. "
                f"Received: samples of {', '.join(sorted(sample))}."
            )
        return {name: sample[name] for name in ("image", "proposals")}

    def serving_model(self) -> keras.Model:
        """Give the model that answers with boxes after suppression, see `detector_outputs`."""
        boxes, scores, class_ids = DetectionCandidates(dtype="float32", name="detections")(self.model.output)
        outputs = detector_outputs(boxes, scores, self.image_size, class_ids=class_ids, max_candidates=OF_REGIONS)
        return keras.Model(self.model.input, outputs, name=self.model.name)


def region_detection(
    architecture: str,
    classes: Sequence[str],
    *,
    image_size: tuple[int, int] = (320, 320),
    weights: str | Path | None = None,
    loss_options: Mapping[str, Any] | None = None,
    **options: Any,
) -> FastRCNNTask:
    """Make Fast R-CNN, which looks at regions that something else proposes.

    Args:
        architecture: its body, a name of `kerascnn.architectures.CLASSIFIERS`, such as `vgg16`.
        classes: at least one name; their order is that of the class ids.
        image_size: (height, width) of the network's input in pixels.
        weights: of the body, or of a run folder of this task, see `kerascnn.architectures.load_weights`; None starts
            from a random initialisation. A run's head is taken over where the classes are the same.
        loss_options: what `kerascnn.losses.RegionClassLoss` takes, such as `background_iou`.
        **options: what `kerascnn.architectures.fast_rcnn` takes, such as `pooling`.

    Raises:
        ValueError: for classes that are none, not different, empty or of several lines, or what the builder refuses.

    Example:
        >>> source = with_proposals(source, selective_search, max_proposals=1000)
        >>> task = region_detection("vgg16", source.classes, weights="imagenet", pooling="max")
        >>> task.compile()
        >>> task.model.fit(pipeline(source.train, task, augment=[draw_proposals(128)], batch_size=2, seed=0))

    Reference:
        Girshick 2015, "Fast R-CNN", arXiv:1504.08083.
    """
    check_names("classes", classes, at_least=1)
    model = fast_rcnn(architecture, (*image_size, 3), len(classes), **options)
    own_head = weights is not None and not is_of_other_classes(weights, tuple(classes))
    report = None if weights is None else load_weights(model, weights, head=own_head)
    return FastRCNNTask(model, tuple(classes), report, architecture, options, loss_options or {})
