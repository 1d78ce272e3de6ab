"""A gallery: people who are known by one picture or several, and the answer to who somebody is."""

import io
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from kerascnn.files import write_file
from kerascnn.ops.windows import resize
from kerascnn.results import FaceMatch
from kerascnn.tasks.comparison import Comparison

UNKNOWN = "unknown"
LENGTH_TOLERANCE = 1e-2  # of vectors of length 1, as 8-bit files give them
AT_ONCE = 32  # pictures that the network is asked about together
VERSION = 1  # of the file

Predict = Callable[[np.ndarray], Mapping[str, np.ndarray]]


class Gallery:
    """Knows people by the vectors of their pictures. The pictures are not kept.

    Args:
        predict: from pictures (N, height, width, 3) uint8, RGB, to `embedding` (N, D), as the serving model of a
            `FaceTask` and its files do.
        image_size: (height, width) of the network's input in pixels.
        threshold: the similarity from which on two pictures are taken for the same person; see `FaceTask.threshold`.
        comparison: see `FaceTask.comparison`; by default the cosine.
        network: what the network is called: a gallery is only opened with the network whose vectors it holds.
    """

    def __init__(
        self,
        predict: Predict,
        image_size: tuple[int, int],
        threshold: float,
        *,
        comparison: Comparison | None = None,
        network: str = "",
    ) -> None:
        self._predict, self.image_size, self.threshold, self.network = predict, image_size, threshold, network
        self.comparison = comparison or Comparison()
        self._names: list[str] = []  # of each vector
        self._counts: Counter[str] = Counter()  # vectors of each person, in the order of enrolment
        self._vectors: list[np.ndarray] = []  # (n, D) each; joined when somebody asks

    def __len__(self) -> int:
        """How many people are known."""
        return len(self._counts)

    @property
    def names(self) -> list[str]:
        """Of the people who are known, in the order in which they were enrolled."""
        return list(self._counts)

    def embed(self, pictures: Sequence[np.ndarray]) -> np.ndarray:
        """Give the vectors (N, D) of faces.

        Args:
            pictures: (H, W, 3) uint8 each, RGB, of any size; each shows one face.

        Raises:
            ValueError: for no picture, or another shape.
        """
        if not len(pictures):
            raise ValueError("At least one picture is needed. Received none.")
        for picture in pictures:
            if np.ndim(picture) != 3 or np.shape(picture)[-1] != 3 or not np.size(picture):
                raise ValueError(f"A picture must be (H, W, 3), RGB. Received: the shape {np.shape(picture)}.")
        resized = np.stack([resize(picture, self.image_size) for picture in pictures])
        starts = range(0, len(resized), AT_ONCE)
        return np.concatenate([self._predict(resized[start : start + AT_ONCE])["embedding"] for start in starts])

    def enrol(self, name: str, pictures: Sequence[np.ndarray]) -> None:
        """Add somebody, or further pictures of somebody.

        Args:
            name: of one line, and not `unknown`.
            pictures: see `embed`; one suffices.

        Raises:
            ValueError: for a name that cannot be one, or see `embed`. Nothing is added then.
        """
        self.enrol_vectors([name] * len(pictures), self.embed(pictures))

    def enrol_vectors(self, names: Sequence[str], vectors: np.ndarray) -> None:
        """Add people by vectors (N, D) of this network, with the name of each.

        Raises:
            ValueError: for a name that cannot be one, vectors of another size, or whose length is not 1.
        """
        for name in set(names):
            if name.splitlines() != [name] or "\0" in name or name == UNKNOWN:
                raise ValueError(f"A name must be one line of text, and not {UNKNOWN!r}. Received: {name!r}.")
        size = self._vectors[0].shape[1] if self._vectors else np.shape(vectors)[-1]
        if np.shape(vectors) != (len(names), size):
            raise ValueError(
                f"Each of the {len(names)} names needs a vector of {size} numbers. "
                f"Received: the shape {np.shape(vectors)}."
            )
        lengths = np.linalg.norm(vectors, axis=1)
        if not np.all(np.abs(lengths - 1) <= LENGTH_TOLERANCE):  # longer ones would be like everybody's
            raise ValueError(f"Vectors must have the length 1. Received: lengths {lengths.min()} to {lengths.max()}.")
        self._names += names
        self._counts.update(names)
        self._vectors.append(np.array(vectors, np.float32))

    def remove(self, name: str) -> None:
        """Forget somebody: no vector remains here. What was saved before is to be saved again, or removed.

        Raises:
            KeyError: if nobody has this name.
        """
        if name not in self._counts:
            raise KeyError(f"Nobody here is called {name!r}. Known: {', '.join(self.names) or 'nobody'}.")
        kept = np.array([each != name for each in self._names], bool)
        self._vectors = [self._matrix()[kept]] if kept.any() else []
        self._names = [each for each in self._names if each != name]
        del self._counts[name]

    def verify(self, first: np.ndarray, second: np.ndarray) -> FaceMatch:
        """Say whether two pictures, (H, W, 3) uint8, RGB, show the same person."""
        vectors = self.embed([first, second])
        ((similarity,),) = self.comparison(vectors[:1], vectors[1:])
        return FaceMatch("", float(similarity), self.threshold)

    def identify(self, picture: np.ndarray, k: int = 1) -> list[FaceMatch]:
        """Say who is in a picture.

        Args:
            picture: (H, W, 3) uint8, RGB, of one face.
            k: how many people to name at most.

        Returns:
            Those from the threshold on, the most alike first, each by the picture of theirs that is most alike. If
            there are none, one who is called `unknown`.

        Raises:
            ValueError: for a k below 1, or see `embed`.
        """
        return self.identify_vector(self.embed([picture])[0], k)

    def identify_vector(self, vector: np.ndarray, k: int = 1) -> list[FaceMatch]:
        """Say whose a vector (D,) of this network is; see `identify`."""
        if k < 1:
            raise ValueError(f"k must be at least 1. Received: k={k}.")
        if not self._names:
            return [FaceMatch(UNKNOWN, 0.0, self.threshold)]
        similarities = self.comparison(np.asarray(vector, np.float32)[np.newaxis], self._matrix())[0]
        best: dict[str, float] = {}
        for place in self._most_alike(similarities, k):
            best.setdefault(self._names[place], float(similarities[place]))
        matches = [FaceMatch(name, similarity, self.threshold) for name, similarity in list(best.items())[:k]]
        accepted = [match for match in matches if match.same]
        return accepted or [FaceMatch(UNKNOWN, matches[0].similarity, self.threshold)]

    def _most_alike(self, similarities: np.ndarray, k: int) -> np.ndarray:
        """Give the places of the most alike vectors, the first first, of at least k people where so many are known."""
        wanted, count = min(k, len(self)), k
        while True:
            count = min(count, len(similarities))
            places = np.argpartition(-similarities, count - 1)[:count]
            if count == len(similarities) or len({self._names[place] for place in places}) >= wanted:
                return places[np.argsort(-similarities[places], kind="stable")]
            count *= 4

    def _matrix(self) -> np.ndarray:
        if len(self._vectors) > 1:
            self._vectors = [np.concatenate(self._vectors)]
        return self._vectors[0]

    def save(self, path: str | Path) -> None:
        """Write the gallery as one plain file, an .npz archive of arrays, whole or not at all."""
        facts = {"version": VERSION, "network": self.network, "threshold": self.threshold}
        file = io.BytesIO()
        vectors = self._matrix() if self._vectors else np.zeros((0, 0), np.float32)
        np.savez(file, facts=json.dumps(facts), names=np.array(self._names, str), vectors=vectors)
        write_file(path, file.getvalue())

    def load(self, path: str | Path) -> None:
        """Add the people of a saved gallery; the threshold becomes the saved one.

        Raises:
            FileNotFoundError: if there is no such file.
            ValueError: for a file that is no gallery, or one of another network. It is data only: no code in it is run.
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                facts = json.loads(str(file["facts"]))
                names, vectors = file["names"], file["vectors"]
            version, network, threshold = facts["version"], facts["network"], float(facts["threshold"])
            if (names.dtype.kind, names.ndim, vectors.dtype, vectors.ndim) != ("U", 1, np.float32, 2):
                raise ValueError("its arrays are not names and vectors")
        except FileNotFoundError:
            raise
        except Exception as error:  # NumPy, zipfile and json have a dozen for a damaged file
            raise ValueError(f"{path} is no gallery that can be read: {error}") from error
        if version != VERSION or network != self.network:
            raise ValueError(
                f"{path} holds vectors of the network {network!r} (version {version}), which cannot be compared with "
                f"those of {self.network!r} (version {VERSION}). Enrol the people again."
            )
        if len(names):
            self.enrol_vectors(names.tolist(), vectors)
        self.threshold = threshold
