"""Faces: are two pictures of the same person, whom the network has never seen?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import keras
import numpy as np

from kerascnn.architectures import embedder, load_weights
from kerascnn.losses import ArcFaceLoss, ContrastiveLoss, IdentityCrossEntropy, SiameseLoss, TripletLoss
from kerascnn.metrics.embedding import PairAUC, Spread
from kerascnn.metrics.faces import draw_compared, summarise_faces
from kerascnn.metrics.verification import list_pairs, threshold_at_far
from kerascnn.results import FaceMatch
from kerascnn.tasks.comparison import Comparison
from kerascnn.tasks.task import Task

# By its name: the loss, which output it is of, and the head that gives that output.
LOSSES: dict[str, tuple[type[keras.losses.Loss], str, str | None]] = {
    "triplet": (TripletLoss, "embedding", None),
    "contrastive": (ContrastiveLoss, "embedding", None),
    "siamese": (SiameseLoss, "same", "siamese"),
    "softmax": (IdentityCrossEntropy, "logits", "softmax"),
    "arcface": (ArcFaceLoss, "cosines", "cosine"),
}
CLASSES = ("face",)  # what the vectors are of; the names of people stay in the data
WANTED_FAR = 0.01
SAME_VECTOR = 0.98  # the cosine from which on two models say the same of a picture


@dataclass(frozen=True)
class FaceTask(Task):
    """A network that gives faces vectors; `faces` makes one.

    Attributes:
        threshold: the similarity from which on two pictures are taken for the same person.
        wanted_far: the share of pairs of different people that may be, by which `tuned` chooses it.
    """

    name: ClassVar[str] = "faces"
    annotation: ClassVar[str] = "identity"
    score_name: ClassVar[str] = "1 - EER"
    threshold: float = 0.5
    wanted_far: float = WANTED_FAR

    def __post_init__(self) -> None:
        """Refuse a network that lacks the output of its loss."""
        super().__post_init__()
        _ = self.loss  # it refuses options that it does not have, now and not when training begins
        outputs = self.model.output if isinstance(self.model.output, Mapping) else {}
        missing = {"embedding", self.trained_output} - set(outputs)
        if missing:
            raise ValueError(
                f"The network must give {' and '.join(sorted(missing))} for this loss. It gives {', '.join(outputs)}."
            )

    @property
    def kind(self) -> str:
        """The name of the loss."""
        return self.loss_options.get("loss", "triplet")

    @property
    def trained_output(self) -> str:
        """Name of the output that the loss is of."""
        return LOSSES[self.kind][1]

    @property
    def loss(self) -> dict[str, keras.losses.Loss]:
        """One of `LOSSES`, on its output."""
        if self.kind not in LOSSES:
            raise ValueError(f"loss must be one of {', '.join(LOSSES)}. Received: loss={self.kind!r}.")
        options = {name: value for name, value in self.loss_options.items() if name != "loss"}
        return {self.trained_output: LOSSES[self.kind][0](**options)}

    @property
    def monitor(self) -> str:
        """The area under the ROC of the pairs in a batch, as Keras names it where there are several outputs."""
        output = "same" if self.kind == "siamese" else "embedding"
        return "auc" if len(self.model.output) == 1 else f"{output}_auc"

    def metrics(self) -> dict[str, list[keras.metrics.Metric]]:
        """Make the area under the ROC and the spread of the vectors."""
        if self.kind == "siamese":
            return {"same": [PairAUC(logits=True)], "embedding": [Spread()]}
        return {"embedding": [PairAUC(), Spread()]}

    @property
    def output_labels(self) -> Mapping[str, str]:
        """No output is of classes."""
        return {}

    @property
    def float_after(self) -> Sequence[str]:
        """Vectors are brought to length 1 in float32: rounded to 8 bits, most of their numbers would be alike."""
        return ("features",)

    def targets(self, sample: Mapping[str, Any]) -> Any:
        """Take the identity, for every output."""
        return dict.fromkeys(self.model.output, sample["identity"])

    @property
    def comparison(self) -> Comparison:
        """How the vectors are compared: by their cosine, or as a Siamese network has learnt it so far."""
        return Comparison.of(self.model, self.options.get("difference", "absolute"))

    def evaluate(self, outputs: Mapping[str, np.ndarray], targets: np.ndarray) -> dict[str, Any]:
        """Summarise vectors (N, D) of people (N,); see `summarise_faces`."""
        vectors, people = _some(outputs["embedding"], targets)
        return summarise_faces(self.comparison(vectors, vectors), people, vectors, self.threshold)

    def score_of(self, summary: Mapping[str, Any]) -> float:
        """Give 1 less the equal error rate; 0 where there were no pairs."""
        return 0.0 if summary["eer"] is None else 1 - summary["eer"]

    def headline(self, summary: Mapping[str, Any]) -> dict[str, float | None]:
        """Take the rates of verification and of identification."""
        rates = {f"tar_at_far_{row['far']:g}": row["tar"] for row in summary["tar_at_far"] or ()}
        return {key: summary[key] for key in ("eer", "auc", "rank_1")} | rates

    def tuned(self, outputs: Mapping[str, np.ndarray], targets: np.ndarray) -> "FaceTask":
        """Give the task with the threshold at which no more than `wanted_far` of the pairs are falsely accepted."""
        vectors, people = _some(outputs["embedding"], targets)
        scores, same, _ = list_pairs(self.comparison(vectors, vectors), people)
        return replace(self, threshold=threshold_at_far(scores, same, self.wanted_far))

    @property
    def chosen(self) -> dict[str, Any]:
        """The threshold, and the rate that it was chosen for."""
        return {"threshold": self.threshold, "wanted_far": self.wanted_far}

    def agreement(self, outputs: Mapping[str, np.ndarray], others: Mapping[str, np.ndarray]) -> float:
        """Give the share of pictures whose two vectors have a cosine of at least 0.98."""
        cosines = np.sum(outputs["embedding"] * others["embedding"], axis=1)
        return float(np.mean(cosines >= SAME_VECTOR))

    def decode(
        self, outputs: Mapping[str, np.ndarray], sizes: Sequence[tuple[int, int]] | None = None
    ) -> list[np.ndarray]:
        """Refuse: a vector says nothing before it is compared with others, as a `Gallery` does it.

        Raises:
            ValueError: always.
        """
        raise ValueError(
            "A face's vector says nothing by itself: compare pictures with kerascnn.tasks.Gallery, or by "
            "verify_faces.py, enroll_faces.py and identify_faces.py."
        )

    def truths(self, targets: np.ndarray, sizes: Sequence[tuple[int, int]] | None = None) -> list[int]:
        """Give who is in each picture."""
        return targets.tolist()

    def mistakes(self, outputs: Mapping[str, np.ndarray], targets: np.ndarray) -> np.ndarray:
        """Find the pairs that are answered wrongly: the places of their pictures (n, 2), the worst first."""
        places = draw_compared(len(targets))
        vectors = outputs["embedding"][places]
        scores, same, pairs = list_pairs(self.comparison(vectors, vectors), targets[places])
        wrong = np.flatnonzero((scores >= self.threshold) != same)
        worst = wrong[np.argsort(-np.abs(scores[wrong] - self.threshold), kind="stable")]
        return places[pairs[:, worst]].T

    def match(self, outputs: Mapping[str, np.ndarray], targets: np.ndarray, pair: np.ndarray) -> tuple[FaceMatch, bool]:
        """Compare the two pictures of a pair, and say whether they are of the same person."""
        first, second = outputs["embedding"][pair]
        ((similarity,),) = self.comparison(first[np.newaxis], second[np.newaxis])
        return FaceMatch("", float(similarity), self.threshold), bool(targets[pair[0]] == targets[pair[1]])

    def serving_model(self) -> keras.Model:
        """Give the model that is exported: pictures to `embedding` (B, D), of length 1, without the head."""
        outputs = {"embedding": self.model.get_layer("embedding").output}
        return keras.Model(self.model.input, outputs, name=self.model.name)


def faces(
    architecture: str,
    *,
    num_identities: int | None = None,
    image_size: tuple[int, int] = (112, 112),
    weights: str | Path | None = None,
    loss: str = "triplet",
    loss_options: Mapping[str, Any] | None = None,
    wanted_far: float = WANTED_FAR,
    **options: Any,
) -> FaceTask:
    """Make a network that tells people apart, whom it need not have seen in training.

    Args:
        architecture: its body, a name of `kerascnn.architectures.CLASSIFIERS`, such as `mobilenet_v2`.
        num_identities: people in the training data, numbered from 0, for the losses `softmax` and `arcface`.
        image_size: (height, width) of the network's input in pixels.
        weights: of the body, or of a run folder of this task, see `kerascnn.architectures.load_weights`; None starts
            from a random initialisation.
        loss: a name of `LOSSES`: `triplet`, `contrastive`, `siamese`, `softmax` or `arcface`.
        loss_options: what that loss takes, such as `margin` or `mining`.
        wanted_far: share of pairs of different people that may be taken for the same.
        **options: what `kerascnn.architectures.embedder` takes, such as `embedding_size`, `dropout` or `alpha`.

    Raises:
        ValueError: for an unknown loss, options that it does not have, or what the builder refuses.

    Example:
        >>> task = faces("mobilenet_v2", loss="triplet", loss_options={"mining": "semihard"})
        >>> task.compile()
        >>> task.model.fit(images, {"embedding": identities})  # images (N, 112, 112, 3) in 0..255
    """
    if loss not in LOSSES:
        raise ValueError(f"loss must be one of {', '.join(LOSSES)}. Received: loss={loss!r}.")
    head = LOSSES[loss][2]
    if head in ("softmax", "cosine"):
        options["num_identities"] = num_identities
    model = embedder(architecture, (*image_size, 3), head=head, **options)
    report = None if weights is None else load_weights(model, weights)
    loss_options = {"loss": loss} | dict(loss_options or {})
    return FaceTask(model, CLASSES, report, architecture, options, loss_options, wanted_far=wanted_far)


def _some(vectors: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    places = draw_compared(len(targets))
    return vectors[places], targets[places]
