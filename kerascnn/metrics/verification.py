"""How well vectors tell who is the same person: verification of pairs.

A pair is accepted from a threshold of its similarity on. FAR is the share of pairs of different people that are
accepted, TAR that of pairs of the same person.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.metrics import roc_auc_score

WANTED_FARS = (1e-1, 1e-2, 1e-3)
RESAMPLES = 100  # of the people, for confidence intervals
CONFIDENCE = 0.95


@dataclass(frozen=True, eq=False)
class Roc:
    """The trade between false and true accepts, one point for each similarity that occurs, the highest first.

    Attributes:
        thresholds: (P,); the first is infinite, and accepts nothing.
        far: (P,), in 0..1, rising.
        tar: (P,), in 0..1, rising.
    """

    thresholds: np.ndarray
    far: np.ndarray
    tar: np.ndarray

    @property
    def eer(self) -> float:
        """The equal error rate: the FAR at which as large a share of pairs of the same person is refused."""
        missed = 1 - self.tar
        place = int(np.argmax(self.far >= missed))  # not the first, where nothing is accepted
        before, after = missed[place - 1] - self.far[place - 1], self.far[place] - missed[place]
        share = before / (before + after)
        return float(self.far[place - 1] + share * (self.far[place] - self.far[place - 1]))

    def at_far(self, wanted: float) -> tuple[float, float]:
        """Give the TAR and the threshold at the highest FAR that is not above the wanted one."""
        place = int(np.searchsorted(self.far, wanted + 1e-12, side="right")) - 1
        return float(self.tar[place]), float(self.thresholds[place])


def trace_roc(scores: np.ndarray, same: np.ndarray, weights: np.ndarray | None = None) -> Roc:
    """Trace FAR and TAR over all thresholds.

    Args:
        scores: (P,), the similarity of each pair.
        same: (P,), bool: whether it is of one person.
        weights: (P,), how often each pair counts; once by default.

    Raises:
        ValueError: for arrays that do not belong together, a similarity that is no number, or pairs of one kind only.
    """
    check_pairs(scores, same)
    order = np.argsort(-scores, kind="stable")
    return _trace_sorted(scores[order], same[order], np.ones(len(scores)) if weights is None else weights[order])


def _trace_sorted(scores: np.ndarray, same: np.ndarray, weights: np.ndarray) -> Roc:
    """Trace the rates of pairs whose similarities fall."""
    accepted = np.cumsum([~same * weights, same * weights], axis=1)
    ends = np.append(np.flatnonzero(np.diff(scores)), len(scores) - 1)  # equal similarities are one step
    totals = accepted[:, -1:]
    if not totals.all():
        raise ValueError("Pairs of the same person and of different people are needed. Received one kind only.")
    far, tar = np.concatenate([np.zeros((2, 1)), accepted[:, ends] / totals], axis=1)
    return Roc(np.concatenate([[np.inf], scores[ends]]), far, tar)


def auc(scores: np.ndarray, same: np.ndarray) -> float:
    """Give the area under the ROC: the probability that a pair of a person is more alike than one of two people."""
    check_pairs(scores, same)
    return float(roc_auc_score(same, scores))


def list_pairs(similarities: np.ndarray, identities: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """List all pairs of pictures.

    Args:
        similarities: (N, N), symmetric.
        identities: (N,).

    Returns:
        The similarities (P,) of the N (N - 1) / 2 pairs, whether each is of one person (P,), and the places of its
        pictures (2, P).
    """
    places = np.array(np.triu_indices(len(identities), k=1))
    first, second = places
    return similarities[first, second], identities[first] == identities[second], places


def measure_tar(
    scores: np.ndarray,
    same: np.ndarray,
    people: np.ndarray,
    wanted: Sequence[float] = WANTED_FARS,
    *,
    seed: int = 0,
) -> list[dict[str, float | None]]:
    """Measure the TAR at some FARs, with the interval in which it lies in 95 % of other samples of people.

    Pairs of a person, or with the same person, are not independent, so that it is people who are drawn again.

    Args:
        scores: (P,), of the pairs.
        same: (P,), whether each is of one person.
        people: (2, P), who is in the two pictures, numbered from 0.
        wanted: FARs.
        seed: of the draws.

    Returns:
        For each FAR `far`, `tar`, `low`, `high`, and `threshold`, which is None where nothing may be accepted.
    """
    check_pairs(scores, same)
    order = np.argsort(-scores, kind="stable")  # once for all draws
    scores, same, people = scores[order], same[order], people[:, order]
    roc = _trace_sorted(scores, same, np.ones(len(scores)))
    rng, count = np.random.default_rng(seed), int(people.max()) + 1
    drawn = []
    for _ in range(RESAMPLES):
        times = np.bincount(rng.integers(0, count, count), minlength=count).astype(float)
        weights = np.where(same, times[people[0]], times[people[0]] * times[people[1]])
        if (weights[same] > 0).any() and (weights[~same] > 0).any():
            again = _trace_sorted(scores, same, weights)
            drawn.append([again.at_far(far)[0] for far in wanted])
    margin = (1 - CONFIDENCE) / 2
    low, high = np.quantile(drawn or [[0.0] * len(wanted), [1.0] * len(wanted)], [margin, 1 - margin], axis=0)
    rows = []
    for place, far in enumerate(wanted):
        tar, threshold = roc.at_far(far)
        known = {"threshold": threshold if np.isfinite(threshold) else None}  # else nothing may be accepted
        rows.append({"far": far, "tar": tar, **known, "low": float(low[place]), "high": float(high[place])})
    return rows


def threshold_at_far(scores: np.ndarray, same: np.ndarray, wanted: float) -> float:
    """Choose the similarity from which on pairs are accepted, for a share of false accepts.

    Args:
        scores: (P,), of pairs.
        same: (P,), whether each is of one person.
        wanted: the FAR that is not to be exceeded, in 0..1.

    Returns:
        The middle between the most alike pair of different people that must be refused and the next pair above it; the
        lowest similarity of all, if none must.

    Raises:
        ValueError: for a share out of range, or what `trace_roc` refuses.
    """
    if not 0 <= wanted <= 1:
        raise ValueError(f"wanted must be a share, in 0..1. Received: wanted={wanted}.")
    check_pairs(scores, same)
    others = np.sort(scores[~same])[::-1]
    if not len(others):
        raise ValueError("Pairs of different people are needed to choose a threshold. Received none.")
    allowed = int(np.floor(wanted * len(others) + 1e-9))
    if allowed >= len(others):
        return float(scores.min())
    refused = others[allowed]  # the most alike of those that must not be accepted
    above = scores[scores > refused]
    if not len(above):
        return float(refused) + 1e-6
    middle = (float(refused) + float(above.min())) / 2
    return middle if scores.dtype.type(middle) > refused else float(above.min())  # neighbours have no middle


def ten_fold_accuracy(scores: np.ndarray, same: np.ndarray, folds: np.ndarray) -> dict[str, float]:
    """Measure the accuracy as LFW does: on each fold with the threshold that is best on all others.

    Args:
        scores: (P,), of the pairs.
        same: (P,), whether each is of one person.
        folds: (P,), the fold of each pair, integers; two at least.

    Returns:
        `accuracy`, the mean over the folds, and `standard_error` of that mean.

    Raises:
        ValueError: for one fold only, or what `trace_roc` refuses.

    Reference:
        Huang et al. 2007, "Labeled Faces in the Wild", section 4.2, "View 2"; the image-restricted protocol.
    """
    check_pairs(scores, same)
    names = np.unique(folds)
    if len(names) < 2:
        raise ValueError(f"At least 2 folds are needed. Received: {len(names)}.")
    accuracies = []
    for name in names:
        own = folds == name
        threshold = best_threshold(scores[~own], same[~own])
        accuracies.append(np.mean((scores[own] >= threshold) == same[own]))
    error = np.std(accuracies, ddof=1) / np.sqrt(len(names))
    return {"accuracy": float(np.mean(accuracies)), "standard_error": float(error)}


def best_threshold(scores: np.ndarray, same: np.ndarray) -> float:
    """Choose the similarity from which on pairs are accepted so that most pairs are answered rightly."""
    order = np.argsort(-scores, kind="stable")
    right = np.concatenate([[0], np.cumsum(np.where(same[order], 1, -1))])  # more than if nothing was accepted
    ends = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1) + 1
    places = np.concatenate([[0], ends])
    accepted = places[int(np.argmax(right[places]))]
    if accepted == 0:
        return float(np.nextafter(scores.max(), np.inf))
    last = scores[order][accepted - 1]
    return float(last) if accepted == len(scores) else float((last + scores[order][accepted]) / 2)


def check_pairs(scores: np.ndarray, same: np.ndarray) -> None:
    """Refuse similarities that are no numbers, or that do not belong to the pairs."""
    if np.shape(scores) != np.shape(same) or np.ndim(scores) != 1 or not len(scores):
        raise ValueError(
            "Each pair needs a similarity, and whether it is of one person. "
            f"Received: the shapes {np.shape(scores)} and {np.shape(same)}."
        )
    if not np.all(np.isfinite(scores)):
        raise ValueError("A similarity is no number: the network gives NaN for a picture.")
