"""Folders of people: `faces/ada/1.jpg`, or `faces/train/ada/1.jpg` beside `faces/val/` and `faces/test/`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kerascnn.data.checks import MAX_PIXELS
from kerascnn.data.sources.class_folders import find_splits, read_class_folders, split_of_usable
from kerascnn.data.sources.source import VALIDATION_SHARE, Source, Split

FACE = ("face",)  # the one class; names of people are in no model and in no card


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
        the others follow.

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
    return source_of_people(
        str(path), splits, {name: own.classes for name, own in found.items()}, seed, set_aside=tuple(set_aside)
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
    numbered = {
        split: own.adding("identity", np.array([numbers[person] for person in people[split]], np.int32))
        for split, own in splits.items()
    }
    return Source(name, FACE, numbered["train"], numbered["validation"], numbered.get("test"), **findings)


def _draw_people(people: Sequence[Any], seed: int) -> np.ndarray:
    """Draw a fifth of the people, two at least, and say for each picture whether it is of one of them."""
    known = sorted(set(people))
    count = max(2, round(VALIDATION_SHARE * len(known)))
    drawn = np.random.default_rng(seed).permutation(known)[:count]
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
