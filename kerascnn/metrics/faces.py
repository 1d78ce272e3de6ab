"""The summary of a network that gives faces vectors: how well it verifies pairs and finds people."""

from typing import Any

import numpy as np

from kerascnn.metrics.identification import measure_open_set, measure_ranks
from kerascnn.metrics.verification import Roc, auc, list_pairs, measure_tar, trace_roc

MOST_COMPARED = 2000  # pictures; of more, so many are drawn, whose pairs are some two million
CURVE_POINTS, BINS, MAPPED = 100, 40, 400  # of the report: points of the ROC, of the histograms, pictures on the map


def summarise_faces(
    similarities: np.ndarray, identities: np.ndarray, embeddings: np.ndarray, threshold: float, *, seed: int = 0
) -> dict[str, Any]:
    """Summarise how well people who were never seen are told apart.

    Args:
        similarities: (N, N), symmetric, of each two pictures.
        identities: (N,), who is in each.
        embeddings: (N, D), for the map.
        threshold: the similarity from which on a pair is accepted.
        seed: of what is drawn: who is enrolled, and people for the intervals.

    Returns:
        `examples` and `identities`, their numbers; `pairs`, the numbers of the `same` person and of `different` ones;
        `auc`; `eer`; `tar_at_far`, see `measure_tar`; `at_threshold`, the `far` and `tar` there; `rank_1` and `rank_5`,
        see `measure_ranks`; `open_set`, see `measure_open_set`; and for the report `roc`, `histograms` and `map`. What
        cannot be measured, since nobody is there twice or nobody else, is None.

    Raises:
        ValueError: for no picture, or a similarity that is no number.
    """
    if not len(identities):
        raise ValueError("There is no picture to measure on.")
    if not np.all(np.isfinite(embeddings)):
        raise ValueError("A vector holds what is no number: the network gives NaN for a picture.")
    _, people, counts = np.unique(identities, return_inverse=True, return_counts=True)
    scores, same, places = list_pairs(similarities, people)
    summary = {
        "examples": len(identities),
        "identities": len(counts),
        "pairs": {"same": int(same.sum()), "different": int((~same).sum())},
        "threshold": float(threshold),
        "map": _map(embeddings, people),
    }
    if counts.max() < 2 or len(counts) < 2:
        missing = ("auc", "eer", "tar_at_far", "at_threshold", "rank_1", "rank_5", "open_set", "roc", "histograms")
        return summary | dict.fromkeys(missing)
    curve, ranks = trace_roc(scores, same), measure_ranks(similarities, people, seed=seed)
    accepted = scores >= threshold
    return summary | {
        "auc": auc(scores, same),
        "eer": curve.eer,
        "tar_at_far": measure_tar(scores, same, people[places], seed=seed),
        "at_threshold": {"far": float(accepted[~same].mean()), "tar": float(accepted[same].mean())},
        **{f"rank_{rank}": rate for rank, rate in ranks.items()},
        "open_set": measure_open_set(similarities, people, seed=seed),
        "roc": _thin(curve),
        "histograms": _count(scores, same),
    }


def draw_compared(count: int, seed: int = 0) -> np.ndarray:
    """Give the places of the pictures that are compared with each other: all, or of very many, some."""
    if count <= MOST_COMPARED:
        return np.arange(count)
    return np.sort(np.random.default_rng(seed).permutation(count)[:MOST_COMPARED])


def _thin(curve: Roc) -> list[tuple[float, float]]:
    """Keep some (far, tar) of a curve, as dense at small rates as at large ones."""
    count = len(curve.far)
    wanted = np.concatenate([[0], np.geomspace(max(curve.far[curve.far > 0].min(), 1e-6), 1, CURVE_POINTS)])
    places = np.unique(np.searchsorted(curve.far, wanted, side="right").clip(1, count) - 1)
    return [(float(curve.far[place]), float(curve.tar[place])) for place in places]


def _count(scores: np.ndarray, same: np.ndarray) -> dict[str, list[float]]:
    """Count similarities: the `edges` of bins, and the share of each kind of pairs in each bin."""
    edges = np.linspace(scores.min(), max(scores.max(), scores.min() + 1e-6), BINS + 1)
    kinds = {"same": scores[same], "different": scores[~same]}
    shares = {kind: (np.histogram(own, edges)[0] / len(own)).tolist() for kind, own in kinds.items()}
    return {"edges": edges.tolist(), **shares}


def _map(embeddings: np.ndarray, people: np.ndarray) -> list[tuple[float, float, int]]:
    """Lay vectors on a plane, along the two directions in which they differ most: x, y and the person of some."""
    chosen = np.unique(np.linspace(0, len(people) - 1, MAPPED).astype(int))
    centred = embeddings[chosen] - embeddings[chosen].mean(axis=0)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    places = np.pad(centred @ axes[:2].T, [(0, 0), (0, max(0, 2 - len(axes)))])  # one picture has one axis
    return [(float(x), float(y), int(who)) for (x, y), who in zip(places, people[chosen], strict=True)]
