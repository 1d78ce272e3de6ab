"""Proposals: where in each picture of a data set there might be something, computed once and kept.

R-CNN and Fast R-CNN classify places that something else proposes, such as `selective_search`. A sample holds them as
`proposals`, see `kerascnn.data.sample`.
"""

import dataclasses
import hashlib
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf
from rich.progress import track

from kerascnn.data.augment import Augmentation, Sample
from kerascnn.data.sources.source import Source, Split
from kerascnn.files import write_file

PROGRESS_FROM = 50  # pictures, of a quarter of a second each

Propose = Callable[[np.ndarray], np.ndarray]  # from a picture (H, W, 3) uint8 to boxes (n, 4)


def with_proposals(
    source: Source,
    propose: Propose,
    *,
    max_proposals: int = 2000,
    cache: str | Path | None = None,
    key: str | None = None,
) -> Source:
    """Give every picture of a data set the boxes that are proposed for it, as `proposals` (max_proposals, 4) float32.

    All pictures are read and looked at now: with selective search a quarter of a second each.

    Args:
        source: of pictures.
        propose: from a picture (H, W, 3) uint8, RGB, to boxes (n, 4), x1, y1, x2, y2 in its pixels, the best first.
            They are cut at its borders; those without area are left out.
        max_proposals: so many of the first are taken; where there are fewer, the rest is zeros.
        cache: a folder in which what was proposed is kept, by the content of the picture, so that another run computes
            nothing, whatever its splits and its `max_proposals`.
        key: what names `propose` and its settings in the cache: with another key, everything is computed anew.

    Returns:
        The data set, whose samples have proposals too.

    Raises:
        ValueError: for fewer than one proposal, a cache without a key, or proposals that are no boxes.
        NotADirectoryError: if the cache is a file.

    Example:
        >>> search = functools.partial(selective_search, max_proposals=2000)
        >>> source = with_proposals(source, search, cache="proposals", key="selective search, fast, 320")
    """
    if max_proposals < 1:
        raise ValueError(f"max_proposals must be at least 1. Received: max_proposals={max_proposals}.")
    folder = None
    if cache is not None:
        if not key:
            raise ValueError("A cache needs a key that names what proposes, with its settings. Received: key=None.")
        if Path(cache).exists() and not Path(cache).is_dir():
            raise NotADirectoryError(f"cache must be a folder, and {cache} is a file.")
        folder = Path(cache) / hashlib.sha256(key.encode()).hexdigest()[:32]
        folder.mkdir(parents=True, exist_ok=True)
    splits = {name: _propose(split, name, propose, max_proposals, folder) for name, split in source.splits.items()}
    return dataclasses.replace(
        source, train=splits["train"], valid=splits["validation"], test=splits.get("test", source.test)
    )


def draw_proposals(count: int) -> Augmentation:
    """Make an augmentation that draws some of a sample's proposals, anew in every epoch.

    Fast R-CNN learns from some of 2,000 in a step; its time and memory grow with them. In the paper a quarter of these
    are of objects (Girshick 2015, section 2.3); here all are drawn alike, and so many are as there are among the
    proposals.

    Args:
        count: how many are drawn. Padding is taken only where there are fewer.

    Returns:
        The augmentation. Give it first: where it stands between others, the picture is sampled twice.

    Raises:
        ValueError: for a count below 1.
    """
    if count < 1:
        raise ValueError(f"count must be at least 1. Received: count={count}.")

    def draw(sample: Sample, seed: tf.Tensor) -> Sample:
        if "proposals" not in sample:
            raise ValueError(
                "There are no proposals to draw from: give the data some, see with_proposals. "
                f"Received: samples of {', '.join(sorted(sample))}."
            )
        proposals = sample["proposals"]
        is_padding = tf.reduce_any(proposals[:, 2:] <= proposals[:, :2], axis=-1)
        places = tf.random.stateless_uniform((tf.shape(proposals)[0],), seed)
        chosen = tf.argsort(tf.where(is_padding, places + 1, places), stable=True)[:count]
        return sample | {"proposals": tf.gather(proposals, chosen)}

    return draw


def clean_proposals(boxes: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Cut proposals at the borders of their picture, and leave out those without area.

    Args:
        boxes: (n, 4), x1, y1, x2, y2.
        size: (height, width) of the picture.

    Returns:
        (m, 4) float32.

    Raises:
        ValueError: for another shape, or numbers that are not finite.
    """
    boxes = np.asarray(boxes, np.float32)
    if boxes.ndim != 2 or boxes.shape[1] != 4 or not np.isfinite(boxes).all():
        raise ValueError(f"Proposals must be finite numbers of the shape (n, 4). Received: a shape of {boxes.shape}.")
    height, width = size
    boxes = np.clip(boxes, 0, np.float32([width, height, width, height]))
    return boxes[(boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])]


def _propose(split: Split, name: str, propose: Propose, count: int, folder: Path | None) -> Split:
    """Add the proposals to a split."""
    table = np.zeros((len(split), count, 4), np.float32)
    indices = track(range(len(split)), f"Proposals of {name}", transient=True, disable=len(split) < PROGRESS_FROM)
    for index in indices:
        found = _look_up(split, index, propose, folder)[:count]
        table[index, : len(found)] = found
    return split.adding("proposals", table)


def _look_up(split: Split, index: int, propose: Propose, folder: Path | None) -> np.ndarray:
    """Give the proposals of a picture, from the cache if they are there."""
    path = folder and folder / f"{hashlib.sha256(split.digests[index].encode()).hexdigest()}.npy"
    if path is not None:
        try:
            return np.load(path)
        except (OSError, ValueError, EOFError):  # not there, or damaged
            pass
    image = split.picture(index)
    found = clean_proposals(propose(image), image.shape[:2])
    if path is not None:
        content = io.BytesIO()
        np.save(content, found)
        write_file(path, content.getvalue())
    return found
