"""Faster R-CNN as a task: a network that proposes where to look, and says what is there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import keras

from kerascnn.architectures import faster_rcnn, load_weights
from kerascnn.architectures.rcnn import POOLINGS
from kerascnn.layers import DetectionCandidates
from kerascnn.losses import RegionClassLoss, RegionProposalLoss
from kerascnn.metrics.average_precision import RegionAveragePrecision
from kerascnn.metrics.proposals import ProposalRecall
from kerascnn.ops.regions import REGION
from kerascnn.tasks.detection import DetectionTask, build_loss
from kerascnn.tasks.detector_outputs import OF_REGIONS, detector_outputs
from kerascnn.tasks.region_proposals import ONE_CLASS, RegionProposalTask, kept_proposals
from kerascnn.tasks.task import check_names, is_of_other_classes

STAGES = ("rpn", "roi")


@dataclass(frozen=True)
class FasterRCNNTask(DetectionTask):
    """A network of two stages; `two_stage_detection` makes one. Both learn from the same rows at once.

    `loss_options` are those of `RegionProposalLoss` under `rpn` and of `RegionClassLoss` under `roi`.
    """

    name: ClassVar[str] = "faster_rcnn"
    monitor: ClassVar[str] = "roi_ap"

    def __post_init__(self) -> None:
        """Refuse names that do not fit the network."""
        super().__post_init__()
        _ = self.loss  # it refuses options that it does not have, now and not when training begins
        expected, output = {"rpn": REGION, "roi": 5 * len(self.classes) + 5}, self.model.output
        if not isinstance(output, dict) or {name: each.shape[-1] for name, each in output.items()} != expected:
            raise ValueError(
                f"The network must give rpn (B, N, {expected['rpn']}) and roi (B, R, {expected['roi']}) for "
                f"{len(self.classes)} classes. Received: outputs of the shape {self.model.output_shape}."
            )

    @property
    def loss(self) -> dict[str, keras.losses.Loss]:
        """See `RegionProposalLoss` and `RegionClassLoss`."""
        unknown = self.loss_options.keys() - set(STAGES)
        if unknown:
            raise ValueError(f"loss_options must be those of {' and '.join(STAGES)}. Received: {', '.join(unknown)}.")
        return {
            "rpn": build_loss(RegionProposalLoss, **self.loss_options.get("rpn", {})),
            "roi": build_loss(RegionClassLoss, **self.loss_options.get("roi", {})),
        }

    def metrics(self) -> dict[str, list[keras.metrics.Metric]]:
        """Make the average precision, and the recall of the first 100 proposals."""
        return {"roi": [RegionAveragePrecision(len(self.classes)), ProposalRecall()]}

    def targets(self, sample: Mapping[str, Any]) -> dict[str, Any]:
        """Take the rows of all objects, for each stage."""
        return dict.fromkeys(STAGES, sample["objects"])

    @property
    def float_after(self) -> Sequence[str]:
        """The maps that both stages look at: in 8 bits, boxes would move by pixels."""
        return _map_layers(self.model)

    @property
    def parts(self) -> dict[str, RegionProposalTask]:
        """The region proposal network, which shares the weights."""
        outputs = {"rpn": self.model.output["rpn"], "proposals": kept_proposals(self.model)["boxes"]}
        model = keras.Model(self.model.input, outputs, name=self.model.name)
        options = self.loss_options.get("rpn", {})
        task = RegionProposalTask(model, ONE_CLASS, None, self.architecture, self.options, options)
        return {task.name: task}

    def serving_model(self) -> keras.Model:
        """Give the model that answers with boxes after suppression, see `detector_outputs`."""
        boxes, scores, class_ids = DetectionCandidates(dtype="float32", name="detections")(self.model.output["roi"])
        outputs = detector_outputs(boxes, scores, self.image_size, class_ids=class_ids, max_candidates=OF_REGIONS)
        return keras.Model(self.model.input, outputs, name=self.model.name)


def two_stage_detection(
    architecture: str,
    classes: Sequence[str],
    scales: Sequence[Sequence[float]],
    *,
    image_size: tuple[int, int] = (320, 320),
    weights: str | Path | None = None,
    loss_options: Mapping[str, Mapping[str, Any]] | None = None,
    **options: Any,
) -> FasterRCNNTask:
    """Make Faster R-CNN, which proposes regions, and looks at each of them again.

    Args:
        architecture: its body, a name of `kerascnn.architectures.CLASSIFIERS`, such as `vgg16`.
        classes: at least one name; their order is that of the class ids.
        scales: of the anchors, see `kerascnn.ops.find_scales`.
        image_size: (height, width) of the network's input in pixels.
        weights: of the body, or of a run folder of this task, see `kerascnn.architectures.load_weights`; None starts
            from a random initialisation. A run's heads are taken over where the classes are the same.
        loss_options: what `RegionProposalLoss` takes, under `rpn`, and what `RegionClassLoss` takes, under `roi`.
        **options: what `kerascnn.architectures.faster_rcnn` takes, such as `strides` or `pooling`.

    Raises:
        ValueError: for classes that are none, not different, empty or of several lines, or what the builder refuses.

    Example:
        >>> scales, mean_iou = find_scales(object_sizes(data.train, (320, 320)), (8, 16, 32))
        >>> task = two_stage_detection("mobilenet_v2", data.classes, scales, strides=(8, 16, 32))
        >>> task.compile()
        >>> task.model.fit(images, {"rpn": rows, "roi": rows})  # (N, M, 5): x1, y1, x2, y2, class; -1 is padding

    Reference:
        Ren et al. 2015, "Faster R-CNN: Towards Real-Time Object Detection with Region Proposal Networks",
        arXiv:1506.01497; trained jointly, as in their section 3.2, (ii).
    """
    check_names("classes", classes, at_least=1)
    options = {"scales": scales} | options
    model = faster_rcnn(architecture, (*image_size, 3), len(classes), **options)
    own_head = weights is not None and not is_of_other_classes(weights, tuple(classes))
    report = None if weights is None else load_weights(model, weights, head=own_head)
    return FasterRCNNTask(model, tuple(classes), report, architecture, options, loss_options or {})


def _map_layers(model: keras.Model) -> list[str]:
    """Name the layers that end in the maps which the regions are pooled from."""
    pooled = (layer.name for layer in model.layers if isinstance(layer, tuple(POOLINGS.values())))
    strides = [name.removeprefix("roi_") for name in pooled]
    names = {layer.name for layer in model.layers}
    return [f"pyramid_{stride}" if f"pyramid_{stride}" in names else stride for stride in strides]
