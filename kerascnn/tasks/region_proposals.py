"""The region proposal network alone, as a task: where is anything at all?"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import keras
import numpy as np

from kerascnn.architectures import load_weights, region_proposal_network
from kerascnn.losses import RegionProposalLoss
from kerascnn.metrics.proposals import ProposalRecall, proposal_recall
from kerascnn.ops import KeptBoxes, resize, to_relative
from kerascnn.results import Detections
from kerascnn.tasks.detection import PADDING, DetectionTask, build_loss

ONE_CLASS = ("object",)
SCORED = 100  # so many proposals decide which epoch is the best
COUNTS = (1, 3, 10, 30, 100, 300)


@dataclass(frozen=True)
class RegionProposalTask(DetectionTask):
    """A network that proposes regions; `region_proposals` makes one, and a `FasterRCNNTask` has one as a part.

    Its answers are detections of the one class `object`. It learns from the rows of objects of any classes.
    """

    name: ClassVar[str] = "region_proposals"
    score_name: ClassVar[str] = f"recall of {SCORED} proposals"
    monitor: ClassVar[str] = "proposals_recall"

    def __post_init__(self) -> None:
        """Refuse options that the loss does not have."""
        super().__post_init__()
        _ = self.loss

    @property
    def loss(self) -> dict[str, keras.losses.Loss]:
        """See `RegionProposalLoss`."""
        return {"rpn": build_loss(RegionProposalLoss, **self.loss_options)}

    def metrics(self) -> dict[str, list[keras.metrics.Metric]]:
        """Make the recall of the first proposals."""
        return {"proposals": [ProposalRecall(SCORED)]}

    def targets(self, sample: Mapping[str, Any]) -> dict[str, Any]:
        """Take the rows of all objects."""
        return dict.fromkeys(("rpn", "proposals"), sample["objects"])

    def serving_model(self) -> keras.Model:
        """Give the model that answers with proposals as `detector_outputs` does with detections."""
        kept = kept_proposals(self.model)
        is_kept = keras.ops.cast(kept["class_ids"] >= 0, "float32")
        corners = keras.ops.clip(to_relative(kept["boxes"], self.image_size), 0, 1)
        outputs = {
            "location": keras.ops.take(corners, [1, 0, 3, 2], axis=-1),
            "category": 0.0 * is_kept,
            "score": keras.ops.sigmoid(kept["scores"]) * is_kept,
            "number": keras.ops.cast(kept["count"], "float32"),
        }
        return keras.Model(self.model.input, outputs, name=self.model.name)

    def truths(self, targets: np.ndarray, sizes: Sequence[tuple[int, int]] | None = None) -> list[Detections]:
        """Turn rows (N, M, 5) of any classes into results that are sure of their objects."""
        return super().truths(_of_one_class(targets), sizes)

    def tuned(self, outputs: Mapping[str, np.ndarray], targets: np.ndarray) -> "RegionProposalTask":
        """Give the task as it is: all proposals are looked at, however sure they are."""
        return self

    def evaluate(self, outputs: Mapping[str, np.ndarray], targets: np.ndarray) -> dict[str, Any]:
        """Summarise the outputs against rows (N, M, 5); see `summarise_detections`.

        Beside what stands there, `proposal_recall` is the share of objects that one of the first proposals overlaps
        with an IoU of at least 0.5, by their number.
        """
        objects = [rows[rows[:, 4] != PADDING][:, :4] for rows in targets]
        counts = [count for count in COUNTS if count <= max(SCORED, outputs["location"].shape[1])]
        recall = proposal_recall(objects, [found.boxes for found in self.decode(outputs)], counts)
        summary = super().evaluate(outputs, _of_one_class(targets))
        return summary | {"proposal_recall": {str(count): share for count, share in recall.items()}}

    def score_of(self, summary: Mapping[str, Any]) -> float:
        """Take the recall of the first 100 proposals; 0 where there is no object."""
        return summary["proposal_recall"][str(SCORED)] or 0.0

    def proposer(self) -> Callable[[np.ndarray], np.ndarray]:
        """Give the function that `kerascnn.data.with_proposals` takes.

        Returns:
            A function of a picture (H, W, 3) uint8, RGB, of any size, to boxes (n, 4) float32, x1, y1, x2, y2 in its
            pixels, the surest first.
        """
        network = keras.Model(self.model.input, kept_proposals(self.model))

        def propose(image: np.ndarray) -> np.ndarray:
            found = network.predict_on_batch(resize(image, self.image_size)[np.newaxis])
            scale = np.divide(image.shape[:2], self.image_size)[[1, 0, 1, 0]]
            return (found["boxes"][0, : int(found["count"][0])] * scale).astype(np.float32)

        return propose


def region_proposals(
    architecture: str,
    scales: Sequence[Sequence[float]],
    *,
    image_size: tuple[int, int] = (320, 320),
    weights: str | Path | None = None,
    loss_options: Mapping[str, Any] | None = None,
    **options: Any,
) -> RegionProposalTask:
    """Make a region proposal network, which finds objects of any kind.

    Args:
        architecture: its body, a name of `kerascnn.architectures.CLASSIFIERS`, such as `vgg16`.
        scales: of the anchors, see `kerascnn.ops.find_scales`.
        image_size: (height, width) of the network's input in pixels.
        weights: of the body, see `kerascnn.architectures.load_weights`; None starts from a random initialisation.
        loss_options: what `kerascnn.losses.RegionProposalLoss` takes, such as `count`.
        **options: what `kerascnn.architectures.region_proposal_network` takes, such as `strides`.

    Raises:
        ValueError: for what the builder refuses.

    Example:
        >>> task = region_proposals("vgg16", [[64, 128, 256]], weights="imagenet")
        >>> task.compile()
        >>> task.model.fit(images, {"rpn": rows, "proposals": rows})
        >>> source = with_proposals(source, task.proposer(), max_proposals=300)  # for Fast R-CNN

    Reference:
        Ren et al. 2015, "Faster R-CNN", arXiv:1506.01497, section 3.1.
    """
    options = {"scales": scales} | options
    model = region_proposal_network(architecture, (*image_size, 3), **options)
    report = None if weights is None else load_weights(model, weights)
    return RegionProposalTask(model, ONE_CLASS, report, architecture, options, loss_options or {})


def kept_proposals(model: keras.Model) -> dict[str, keras.KerasTensor]:
    """Give what the layer `proposals` of a model gives, by the names of `KeptBoxes`."""
    # Keras gives the output of a layer, even if it is a dict, as a list: in the order of the sorted names.
    return dict(zip(sorted(KeptBoxes._fields), model.get_layer("proposals").output, strict=True))


def _of_one_class(targets: np.ndarray) -> np.ndarray:
    """Give rows (N, M, 5) whose objects are all of the class 0; -1 stays padding."""
    return np.concatenate([targets[..., :4], np.minimum(targets[..., 4:], 0)], axis=-1)
