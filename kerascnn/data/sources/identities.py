"""Folders of people: `faces/ada/1.jpg`, or `faces/train/ada/1.jpg` beside `faces/val/` and `faces/test/`."""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from kerascnn.data.checks import MAX_PIXELS, SetAside
from kerascnn.data.sources.class_folders import find_splits, read_class_folders, split_of_usable
from kerascnn.data.sources.source import VALIDATION_SHARE, Source, Split

logger = logging.getLogger(__name__)

FACE = ("face",)  # the one class: names of people are in no model, and in no card


def identities(path: str | Path, *, seed: int = 0, max_pixels: int = MAX_PIXELS) -> Source:
    """Read a folder with a folder of pictures for each person.

    Every file is decoded once. What is no usable picture, or in no person's folder, is set aside and listed; nothing in
    the folder is changed.

    Args:
        path: a folder with one sub-folder for each person, or with `train/` and, if there are any, `val/` and `test/`,
            which hold these, of different people. Without `val/`, a fifth of the people of the training pictures is
            taken for it.
        seed: decides who.
        max_pixels: the largest height times width that is accepted.

    Returns:
        The data set, whose pictures have an `identity`: people of the training split are numbered from 0, and those of
        the others follow. Pictures are called by these numbers, and files that were set aside are named in the log
        only: what is made of the data says nobody's name.

    Raises:
        FileNotFoundError: if the folder is not there.
        ValueError: for fewer than two people in a split, a split in which nobody has two pictures, somebody who is in
            two splits, or no usable picture at all.
    """
    root = Path(path)
    if not root.is_dir():
        raise FileNotFoundError(f"There is no folder {root}. Give a folder with one sub-folder of pictures a person.")
    found, set_aside = read_class_folders(root, find_splits(root), max_pixels)
    splits = {
        name: split_of_usable(root, own.usable, {"identity": np.zeros(len(own.usable), np.int32)})
        for name, own in found.items()
    }
    for each in set_aside:
        logger.warning("Set aside: %s: %s.", each.path, each.reason)
    nameless = tuple(SetAside(f"file {number}, see the log", each.reason) for number, each in enumerate(set_aside, 1))
    return source_of_people(
        str(path), splits, {name: own.classes for name, own in found.items()}, seed, set_aside=nameless
    )


def source_of_people(
    name: str, splits: dict[str, Split], people: dict[str, Sequence[Any]], seed: int = 0, **findings: tuple
) -> Source:
    """Make a data set of faces, divided by people.

    Args:
        name: what the data set is called.
        splits: `train` and perhaps `validation` and `test`.
        people: who is in each picture of each split, by name or number.
        seed: decides who validates, where there is no such split.
        **findings: what else `Source` takes.

    Raises:
        ValueError: see `identities`.
    """
    if "validation" not in splits:
        held_out = _draw_people(people["train"], seed)
        parts = {"train": np.flatnonzero(~held_out), "validation": np.flatnonzero(held_out)}
        whole, names = splits["train"], np.asarray(people["train"])
        splits = splits | {split: whole.select(places) for split, places in parts.items()}
        people = people | {split: names[places].tolist() for split, places in parts.items()}
    _check_people(name, people)
    numbers: dict[Any, int] = {}
    for split in ("train", "validation", "test"):
        for person in sorted(set(people.get(split, ()))):
            numbers[person] = len(numbers)
    numbered = {split: _number(own, [numbers[person] for person in people[split]]) for split, own in splits.items()}
    return Source(name, FACE, numbered["train"], numbered["validation"], numbered.get("test"), **findings)


def _number(split: Split, identities: Sequence[int]) -> Split:
    """Give the pictures of a split the numbers of people, and call them by these."""
    seen: Counter[int] = Counter()
    names = []
    for identity in identities:
        seen[identity] += 1
        names.append(f"person {identity}, picture {seen[identity]}")
    return replace(split.adding("identity", np.array(identities, np.int32)), names=names)


def _draw_people(people: Sequence[Any], seed: int) -> np.ndarray:
    """Draw a fifth of the people, two at least, and say for each picture whether it is of one of them.

    Whoever has several pictures is drawn by themselves, so that there are some of them on both sides.
    """
    known, counts = np.unique(np.asarray(people), return_counts=True)
    rng = np.random.default_rng(seed)
    several, single = (rng.permutation(known[chosen]) for chosen in (counts > 1, counts == 1))
    held_out = max(2, round(VALIDATION_SHARE * len(several)))  # two are needed, to have pairs of different people
    drawn = np.concatenate([several[:held_out], single[: round(VALIDATION_SHARE * len(single))]])
    return np.isin(people, drawn)


def _check_people(name: str, people: dict[str, Sequence[Any]]) -> None:
    """Refuse splits in which nobody can be compared, and people who are in two of them."""
    for split, own in people.items():
        _, counts = np.unique(np.asarray(own), return_counts=True)
        if len(counts) < 2 or counts.max() < 2:
            raise ValueError(
                f"{name} must have two people at least in its {split} split, one of whom has two pictures. "
                f"Found {len(counts)} with {counts.max(initial=0)} at most. Add people, or pictures of them."
            )
    splits = list(people)
    for place, split in enumerate(splits):
        for other in splits[place + 1 :]:
            both = sorted(set(people[split]) & set(people[other]))
            if both:
                raise ValueError(
                    f"{name} has {len(both)} people in both its {split} and its {other} split, the first {both[0]}: "
                    "whoever is measured on must not have been trained on. Leave each in one split."
                )
