"""What a prediction returns: small frozen values, in plain Python and NumPy, with names in them."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

IGNORED = 255  # class of a pixel that is not counted


@dataclass(frozen=True, eq=False)  # arrays do not compare to one truth value
class Classification:
    """The answer to "what is in this picture?".

    Attributes:
        classes: name of each class.
        probabilities: (classes,) float32, summing to 1.
    """

    classes: tuple[str, ...]
    probabilities: np.ndarray

    @property
    def class_id(self) -> int:
        """Index of the most probable class."""
        return int(np.argmax(self.probabilities))

    @property
    def class_name(self) -> str:
        """Name of the most probable class."""
        return self.classes[self.class_id]

    @property
    def confidence(self) -> float:
        """Probability of the most probable class, in 0..1."""
        return float(self.probabilities[self.class_id])

    def top(self, k: int) -> list[tuple[str, float]]:
        """Give the k most probable classes with their probabilities, the most probable first; all, if k is more."""
        if k < 1:
            raise ValueError(f"k must be at least 1. Received: k={k}.")
        order = np.argsort(-self.probabilities, kind="stable")[:k]
        return [(self.classes[class_id], float(self.probabilities[class_id])) for class_id in order]


@dataclass(frozen=True, eq=False)
class Detections:
    """The answer to "what is where in this picture?": boxes of any number, the surest first.

    Attributes:
        classes: name of each class.
        boxes: (N, 4) float32, x1, y1, x2, y2 in pixels of the picture, edges not centres.
        scores: (N,) float32, in 0..1, falling.
        class_ids: (N,) int32.
    """

    classes: tuple[str, ...]
    boxes: np.ndarray
    scores: np.ndarray
    class_ids: np.ndarray

    def __len__(self) -> int:
        return len(self.boxes)

    @property
    def class_names(self) -> list[str]:
        """Name of each box's class."""
        return [self.classes[class_id] for class_id in self.class_ids]

    @property
    def rows(self) -> np.ndarray:
        """All in one array, as metrics take it: (N, 6) float32, x1, y1, x2, y2, score, class."""
        return np.column_stack([self.boxes, self.scores, self.class_ids]).astype(np.float32)

    @property
    def targets(self) -> np.ndarray:
        """The same without scores, as metrics take what is true: (N, 5) float32, x1, y1, x2, y2, class."""
        return np.column_stack([self.boxes, self.class_ids]).astype(np.float32)

    def above(self, score: float) -> "Detections":
        """Give the boxes whose score is greater."""
        kept = self.scores > score
        return Detections(self.classes, self.boxes[kept], self.scores[kept], self.class_ids[kept])


@dataclass(frozen=True, eq=False)
class Mask:
    """The answer to "what is each pixel of this picture?".

    Attributes:
        classes: name of each class.
        class_ids: (H, W) int32, the most probable class of each pixel; 255 is ignored.
        confidence: (H, W) float32, its probability in 0..1.
    """

    classes: tuple[str, ...]
    class_ids: np.ndarray
    confidence: np.ndarray

    @property
    def areas(self) -> dict[str, float]:
        """Share of the picture, in 0..1, that each class covers."""
        counts = np.bincount(self.class_ids.ravel(), minlength=len(self.classes))[: len(self.classes)]
        return dict(zip(self.classes, (counts / max(self.class_ids.size, 1)).tolist(), strict=True))

    def objects(self, *, background: int | None = 0, min_area: int = 1) -> Detections:
        """Give a box around each connected piece of a class, for counting.

        Pieces are connected by their sides and corners. Things of one class that touch each other are one piece.

        Args:
            background: the class that has no things; None counts all.
            min_area: pixels that a piece must have.

        Returns:
            The boxes, the largest piece first; a score is the mean confidence of its pixels.
        """
        found = []
        uncounted = [IGNORED] if background is None else [IGNORED, background]
        for class_id in np.setdiff1d(self.class_ids, uncounted):
            pieces, _ = ndimage.label(self.class_ids == class_id, structure=np.ones((3, 3)))
            for number, (rows, columns) in enumerate(ndimage.find_objects(pieces), start=1):
                here = pieces[rows, columns] == number
                if here.sum() >= min_area:
                    box = (columns.start, rows.start, columns.stop, rows.stop)
                    found.append((here.sum(), box, self.confidence[rows, columns][here].mean(), class_id))
        found.sort(key=lambda piece: -piece[0])
        _, boxes, scores, class_ids = zip(*found, strict=True) if found else ((), (), (), ())
        corners = np.array(boxes, np.float32).reshape(-1, 4)
        return Detections(self.classes, corners, np.array(scores, np.float32), np.array(class_ids, np.int32))


@dataclass(frozen=True, eq=False)
class Landmarks:
    """The answer to "where are these points?".

    Attributes:
        names: of the points.
        points: (K, 2) float32, x, y in pixels of the picture.
        visibility: (K,) float32, the probability in 0..1 that each is to be seen.
    """

    names: tuple[str, ...]
    points: np.ndarray
    visibility: np.ndarray

    def __getitem__(self, name: str) -> tuple[float, float]:
        """Give x and y of the point of that name.

        Raises:
            KeyError: for an unknown name.
        """
        if name not in self.names:
            raise KeyError(f"The landmarks are {', '.join(self.names)}. Received: {name!r}.")
        x, y = self.points[self.names.index(name)]
        return float(x), float(y)


@dataclass(frozen=True)
class FaceMatch:
    """The answer to "is this the same person?", or to "who is this?".

    Attributes:
        name: of the person that the face was compared with; empty where two pictures were.
        similarity: how alike they are: a cosine in -1..1, or a probability.
        threshold: from which on they are taken for the same person.
    """

    name: str
    similarity: float
    threshold: float

    @property
    def same(self) -> bool:
        """Whether the similarity is at least the threshold."""
        return self.similarity >= self.threshold


@dataclass(frozen=True, eq=False)
class Stylization:
    """A picture in another one's style.

    Attributes:
        picture: uint8, (H, W, 3), RGB.
        history: a row for each step: `step`, `height` and `width` of its level, and the costs `total`, `content`,
            `style` and `variation`.
        stopped: whether Ctrl-C ended the work before its last step.
    """

    picture: np.ndarray
    history: tuple[dict[str, float], ...]
    stopped: bool
