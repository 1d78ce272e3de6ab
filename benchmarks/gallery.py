"""How long a gallery takes to name somebody, by the number of vectors that it knows.

    python benchmarks/gallery.py

The vectors are random, of length 1 and 128 numbers; a peer, scikit-learn's search of nearest neighbours, is asked for
the same in turn. --quick leaves the largest galleries out.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro
from reporting import check_writable, report
from sklearn.neighbors import NearestNeighbors

from kerascnn.tasks import Gallery

SIZES, QUICK_SIZES = (1_000, 10_000, 100_000, 1_000_000), (1_000, 10_000)
DIMENSIONS, ASKED = 128, 20


@dataclass(frozen=True)
class Config:
    """Time the search of a gallery."""

    json: Path | None = None
    """Where to write the rows."""
    quick: bool = False
    """Leave the largest galleries out."""


def main(config: Config) -> None:
    """Measure and print."""
    check_writable(config.json)
    rows = [measure(size) for size in (QUICK_SIZES if config.quick else SIZES)]
    report("milliseconds to name one face, the median of some", rows, config.json)


def measure(size: int) -> dict[str, float]:
    """Time galleries of as many vectors, and check that all give the same person."""
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(size, DIMENSIONS)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    asked = vectors[rng.integers(0, size, ASKED)] + 0.05 * rng.normal(size=(ASKED, DIMENSIONS)).astype(np.float32)
    gallery = Gallery(lambda pictures: {"embedding": pictures}, (1, 1), 0.5)
    gallery.enrol_vectors([str(number) for number in range(size)], vectors)
    peer = NearestNeighbors(n_neighbors=1, metric="cosine", algorithm="brute").fit(vectors)
    ways: dict[str, Callable[[np.ndarray], int]] = {
        "kerascnn": lambda vector: int(gallery.identify_vector(vector)[0].name),
        "scikit-learn": lambda vector: int(peer.kneighbors(vector[np.newaxis], return_distance=False)[0, 0]),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for vector in asked:
        answers = set()
        for name, ask in ways.items():
            started = time.perf_counter()
            answers.add(ask(vector))
            seconds[name].append(time.perf_counter() - started)
        if len(answers) > 1:
            raise RuntimeError(f"The answers differ: {answers}.")
    medians = {name: 1e3 * float(np.median(values)) for name, values in seconds.items()}
    return {"vectors": size, **medians, "times_faster": medians["scikit-learn"] / medians["kerascnn"]}


if __name__ == "__main__":
    main(tyro.cli(Config, description=__doc__))
