"""How well vectors tell who somebody is, of many who are known: identification."""

from collections.abc import Sequence

import numpy as np

DRAWS = 20  # of the pictures that are enrolled
RANKS = (1, 5)
TWO_PICTURES = "Somebody must have two pictures: one is enrolled, and the others asked about."


def measure_ranks(
    similarities: np.ndarray,
    identities: np.ndarray,
    ranks: Sequence[int] = RANKS,
    *,
    draws: int = DRAWS,
    seed: int = 0,
) -> dict[int, float]:
    """Measure how often somebody is among the most alike, with one picture of each person enrolled.

    Args:
        similarities: (N, N).
        identities: (N,). Whoever has one picture only is enrolled and not asked about.
        ranks: k: the share of the other pictures whose person is among the k most alike, rank-k.
        draws: how often the enrolled pictures are drawn; the mean is taken.
        seed: of the draws.

    Returns:
        The rate, in 0..1, by rank.

    Raises:
        ValueError: unless somebody has two pictures.
    """
    rng, hits = np.random.default_rng(seed), np.zeros(len(ranks))
    for _ in range(draws):
        enrolled = draw_enrolled(identities, rng)
        asked = others(identities, enrolled)
        if not len(asked):
            raise ValueError(TWO_PICTURES)
        order = np.argsort(-similarities[np.ix_(asked, enrolled)], axis=1, kind="stable")
        right = identities[enrolled][order] == identities[asked][:, None]
        place = right.argmax(axis=1)
        hits += [np.mean(place < rank) for rank in ranks]
    return dict(zip(ranks, (hits / draws).tolist(), strict=True))


def measure_open_set(
    similarities: np.ndarray,
    identities: np.ndarray,
    wanted: Sequence[float] = (0.1, 0.01),
    *,
    draws: int = DRAWS,
    seed: int = 0,
) -> list[dict[str, float]]:
    """Measure identification where half of the people are not enrolled, and ought to be unknown.

    Args:
        similarities: (N, N).
        identities: (N,).
        wanted: rates of false positives: the share of pictures of people who are not enrolled that are given a name.
        draws: how often the people and their pictures are drawn; the mean is taken.
        seed: of the draws.

    Returns:
        For each rate `fpir` and `dir`, the detection-and-identification rate: the share of pictures of enrolled people
        that are given the right name, at the threshold of that rate.

    Raises:
        ValueError: for fewer than two people, or if nobody has two pictures.

    Reference:
        Phillips et al. 2011, "Evaluation Methods in Face Recognition", in Handbook of Face Recognition, section 3;
        Grother et al. 2019, NISTIR 8271, which names the rates.
    """
    people = np.unique(identities)
    if len(people) < 2:
        raise ValueError(f"At least 2 people are needed, of whom half are enrolled. Received: {len(people)}.")
    rng, rates = np.random.default_rng(seed), []
    for _ in range(draws):
        known = np.isin(identities, rng.permutation(people)[: (len(people) + 1) // 2])
        places, own = np.flatnonzero(known), draw_enrolled(identities[known], rng)
        enrolled, asked = places[own], places[others(identities[known], own)]
        if not len(asked):  # nobody who was drawn has a second picture
            continue
        strangers = np.sort(similarities[np.ix_(~known, enrolled)].max(axis=1))[::-1]
        found = similarities[np.ix_(asked, enrolled)]
        right = identities[enrolled][found.argmax(axis=1)] == identities[asked]
        allowed = [min(int(np.floor(rate * len(strangers) + 1e-9)), len(strangers) - 1) for rate in wanted]
        rates.append([np.mean(right & (found.max(axis=1) > strangers[place])) for place in allowed])
    if not rates:
        raise ValueError(TWO_PICTURES)
    means = np.mean(rates, axis=0)
    return [{"fpir": rate, "dir": float(mean)} for rate, mean in zip(wanted, means, strict=True)]


def draw_enrolled(identities: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw a picture of each person: places in (N,) identities."""
    order = rng.permutation(len(identities))
    _, first = np.unique(identities[order], return_index=True)
    return np.sort(order[first])


def others(identities: np.ndarray, enrolled: np.ndarray) -> np.ndarray:
    """Give the places of all pictures that are not enrolled."""
    return np.setdiff1d(np.arange(len(identities)), enrolled)
