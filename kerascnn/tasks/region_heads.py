"""What R-CNN learns after its network: linear functions of features, that score regions and correct their boxes."""

import io
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from sklearn.linear_model import Ridge
from sklearn.svm import LinearSVC

from kerascnn.files import write_file
from kerascnn.ops import encode_deltas, exact_pairwise_iou
from kerascnn.tasks.region_network import run_regions

HEADS_FILE = "heads.npz"  # of a run folder
NORM = 20.0  # to which features are scaled, on average, before `penalty` and `ridge` mean what they do in the paper
BIAS_SCALE = 10.0  # so that the penalty on the bias, which liblinear has, hardly counts; the authors' code has it
POSITIVE_WEIGHT = 2.0  # of an object in the SVM's loss, as in the authors' code
ABSENT = -100.0  # margin of a class without an object: a logistic function makes 0 of it
HARD = -1.0  # margin of a negative above which it is hard: what is below has no part in the loss
PROPOSAL = -1  # in the place of the class of an object


@dataclass(frozen=True, eq=False)
class Linear:
    """A dense layer's weights: values @ kernel + bias.

    Attributes:
        kernel: (inputs, outputs) float32.
        bias: (outputs,) float32.
    """

    kernel: np.ndarray
    bias: np.ndarray

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """Compute (n, outputs) float32 from (n, inputs)."""
        return values @ self.kernel + self.bias


@dataclass(frozen=True, eq=False)
class RegionHeads:
    """The linear functions of a detector.

    Attributes:
        svms: from `features` to a margin for each class, without the background; None leaves the softmax to score.
        regressors: from `map` to four deltas for each class; None leaves boxes as they were proposed.
    """

    svms: Linear | None = None
    regressors: Linear | None = None

    def to_bytes(self) -> bytes:
        """Give the content of the .npz file that `save` writes."""
        arrays = {
            f"{name}_{part}": getattr(linear, part)
            for name, linear in (("svms", self.svms), ("regressors", self.regressors))
            if linear is not None
            for part in ("kernel", "bias")
        }
        content = io.BytesIO()
        np.savez(content, **arrays)
        return content.getvalue()

    def save(self, path: str | Path) -> Path:
        """Write them to an .npz file, whole or not at all, see `kerascnn.files.write_file`."""
        return write_file(path, self.to_bytes())

    @classmethod
    def load(cls, path: str | Path) -> "RegionHeads":
        """Read what `save` wrote.

        Raises:
            FileNotFoundError: if there is no such file.
            ValueError: for another file.
        """
        try:
            with np.load(path, allow_pickle=False) as stored:
                arrays = dict(stored)
            names = {name.rpartition("_")[0] for name in arrays}
            if names <= {"svms", "regressors"}:
                return cls(**{name: Linear(arrays[f"{name}_kernel"], arrays[f"{name}_bias"]) for name in names})
        except (KeyError, TypeError, AttributeError, ValueError, EOFError, zipfile.BadZipFile) as error:
            raise ValueError(f"{path} holds no heads of R-CNN: {error}") from error
        raise ValueError(f"{path} holds no heads of R-CNN. Found: {', '.join(sorted(arrays))}.")


@dataclass(frozen=True, eq=False)
class CollectedRegions:
    """What a network says of objects and proposals of many pictures; `collect_regions` makes it.

    Attributes:
        classes: name of each class, without the background.
        features: (R, F) float32.
        class_ids: (R,) int32, of each object; `PROPOSAL` for proposals.
        overlaps: (R, classes) float32, the largest IoU with an object of each class.
        maps: (S, M) float32, of proposals that overlap an object by enough to learn from it.
        map_class_ids: (S,) int32, the class of that object.
        deltas: (S, 4) float32, from the proposal to the object.
    """

    classes: tuple[str, ...]
    features: np.ndarray
    class_ids: np.ndarray
    overlaps: np.ndarray
    maps: np.ndarray
    map_class_ids: np.ndarray
    deltas: np.ndarray


def collect_regions(
    network: keras.Model,
    pictures: Iterable[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]],
    classes: Sequence[str],
    *,
    context: int = 16,
    regression_iou: float = 0.6,
) -> CollectedRegions:
    """Run a network on the objects and the proposals of pictures, and keep what linear functions are fitted to.

    Args:
        network: of `kerascnn.tasks.region_network.region_network`.
        pictures: of each the image (H, W, 3), RGB in 0..255, boxes (n, 4) and class_ids (n,) of its objects, and
            proposals (m, 4), as `kerascnn.data.region_pictures` gives them.
        classes: name of each class, without the background.
        context: pixels around a region, as the network was trained with.
        regression_iou: what a proposal must overlap an object by to learn the way to it, in 0..1; the paper takes 0.6.

    Raises:
        ValueError: for no picture, or an overlap out of range.
    """
    if not 0 < regression_iou <= 1:
        raise ValueError(f"regression_iou must be above 0 and at most 1. Received: regression_iou={regression_iou}.")
    columns: list[tuple[np.ndarray, ...]] = []
    for image, objects, class_ids, proposals in pictures:
        boxes = np.concatenate([objects, proposals]).astype(np.float32)
        outputs = run_regions(network, image, boxes, context=context)
        overlaps = exact_pairwise_iou(boxes, objects)  # (n + m, n)
        by_class = [overlaps[:, class_ids == number].max(axis=1, initial=0) for number in range(len(classes))]
        near = np.flatnonzero(overlaps.max(axis=1, initial=0) >= regression_iou)
        near = near[near >= len(objects)]
        nearest = overlaps[near].argmax(axis=1) if len(near) else np.zeros(0, int)
        columns.append(
            (
                outputs["features"],
                np.concatenate([class_ids, np.full(len(proposals), PROPOSAL)]).astype(np.int32),
                np.stack(by_class, axis=1).astype(np.float32),
                outputs["map"][near],
                class_ids[nearest].astype(np.int32),
                keras.ops.convert_to_numpy(encode_deltas(objects[nearest], boxes[near])),
            )
        )
    if not columns:
        raise ValueError("There is no picture to learn from.")
    return CollectedRegions(tuple(classes), *map(np.concatenate, zip(*columns, strict=True)))


def fit_svms(
    regions: CollectedRegions,
    *,
    penalty: float = 1e-3,
    negative_iou: float = 0.3,
    first_negatives: int = 5000,
    seed: int = 0,
) -> Linear:
    """Fit a linear SVM for each class, then once more with the negatives that it had wrong.

    Objects of the class are positive, and what overlaps all of them by less than `negative_iou` is negative; what lies
    between is left out. For the first fit negatives are drawn by chance, and all that are hard for it are added.

    Args:
        regions: of the training pictures.
        penalty: C, of the loss against the norm of the kernel, for features of a norm of 20 on average.
        negative_iou: in 0..1; the paper found 0.3.
        first_negatives: so many at most in the first fit.
        seed: decides which.

    Returns:
        From features to margins, (F, classes): about 1 for an object, -1 for others. A class without an object is never
        found: its margin is `ABSENT` everywhere.

    Raises:
        ValueError: for a class without a negative, or an argument out of range.

    Reference:
        Girshick et al. 2014, arXiv:1311.2524, section 2.3, "Object category classifiers", and appendix B. It mines hard
        negatives in one pass over all pictures, too.
    """
    if penalty <= 0 or not 0 < negative_iou <= 1 or first_negatives < 1:
        raise ValueError(
            "penalty must be positive, negative_iou above 0 and at most 1, and first_negatives at least 1. Received: "
            f"penalty={penalty}, negative_iou={negative_iou}, first_negatives={first_negatives}."
        )
    scale = _scale(regions.features)
    fitted = []
    for class_id, name in enumerate(regions.classes):
        positives = np.flatnonzero(regions.class_ids == class_id)
        negatives = np.flatnonzero((regions.overlaps[:, class_id] < negative_iou) & (regions.class_ids != class_id))
        if not len(positives):
            fitted.append((np.zeros(regions.features.shape[1]), ABSENT))
            continue
        if not len(negatives):
            raise ValueError(f"An SVM needs negatives: regions that overlap {name} little. Received none.")
        drawn = np.random.default_rng([seed, class_id]).permutation(negatives)[:first_negatives]
        kernel, bias = _fit_svm(regions.features, positives, drawn, scale, penalty, seed)
        hard = negatives[regions.features[negatives] @ kernel + bias > HARD]
        fitted.append(_fit_svm(regions.features, positives, np.union1d(drawn, hard), scale, penalty, seed))
    kernels, biases = zip(*fitted, strict=True)
    return Linear(np.stack(kernels, axis=1).astype(np.float32), np.array(biases, np.float32))


def fit_regressors(regions: CollectedRegions, *, ridge: float = 1000.0) -> Linear:
    """Fit the way from proposals to objects for each class, by ridge regression.

    Args:
        regions: of the training pictures.
        ridge: lambda, of the norm of the kernel against the squared errors, for maps of a norm of 20 on average.

    Returns:
        From maps to deltas, (M, 4 * classes), see `kerascnn.ops.decode_deltas`. Those of a class without a sample are
        0: its boxes stay where they are.

    Raises:
        ValueError: for a ridge that is not positive.

    Reference:
        Girshick et al. 2014, arXiv:1311.2524, appendix C.
    """
    if ridge <= 0:
        raise ValueError(f"ridge must be positive. Received: ridge={ridge}.")
    scale = _scale(regions.maps)
    kernel = np.zeros((regions.maps.shape[1], len(regions.classes), 4), np.float32)
    bias = np.zeros((len(regions.classes), 4), np.float32)
    for class_id in range(len(regions.classes)):
        own = regions.map_class_ids == class_id
        if own.any():
            fitted = Ridge(alpha=ridge).fit(regions.maps[own] * scale, regions.deltas[own])
            kernel[:, class_id], bias[class_id] = fitted.coef_.T * scale, fitted.intercept_
    return Linear(kernel.reshape(len(kernel), -1), bias.reshape(-1))


def _fit_svm(
    features: np.ndarray, positives: np.ndarray, negatives: np.ndarray, scale: float, penalty: float, seed: int
) -> tuple[np.ndarray, float]:
    """Give the kernel, for features as they are, and the bias."""
    labels = np.repeat([1, 0], [len(positives), len(negatives)])
    svm = LinearSVC(
        C=penalty,
        loss="hinge",
        class_weight={1: POSITIVE_WEIGHT},
        intercept_scaling=BIAS_SCALE,
        max_iter=20_000,
        random_state=seed,
    )
    svm.fit(features[np.concatenate([positives, negatives])] * scale, labels)
    return svm.coef_[0] * scale, float(svm.intercept_[0])


def _scale(values: np.ndarray) -> np.float32:
    """Give the factor that makes the norm of rows `NORM` on average."""
    norm = np.linalg.norm(values, axis=1).mean() if len(values) else 0
    return np.float32(NORM / norm if norm > 0 else 1)
