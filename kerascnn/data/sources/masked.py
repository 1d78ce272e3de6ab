"""From pictures and the way to their masks, whatever the format, to a checked data set.

Pictures and masks are decoded once here; what cannot be used is set aside and listed. No file is ever changed.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kerascnn.data.box_checks import Findings
from kerascnn.data.checks import Checked, SetAside, UnusableError, check_files
from kerascnn.data.masks import PixelMaps, check_size, encode_pixels, find_unknown, name_classes
from kerascnn.data.sources.files import split_of_paths
from kerascnn.data.sources.source import Source, Split, split_at_random

# A picture, and what reads its mask, (H, W) uint8, when the size of the picture is known; it may be unusable.
Item = tuple[Path, Callable[[tuple[int, int]], np.ndarray]]


@dataclass(frozen=True)
class _Kept:
    """A picture that can be used, its mask as a PNG file, and the values in that."""

    path: Path
    checked: Checked
    encoded: bytes
    values: np.ndarray


def make_masked_source(
    name: str,
    root: Path,
    names: Sequence[str],
    items: Mapping[str, Sequence[Item]],
    findings: Findings,
    seed: int = 0,
) -> Source:
    """Check pictures and masks, and make a data set of those that can be used.

    Args:
        name: in the words that `kerascnn.data.open_source` takes.
        root: the folder from which pictures have their names.
        names: of the classes; without, they are called by their numbers.
        items: by split: train and, if there are any, validation and test. Without a validation split, a fifth of the
            training pictures is taken.
        findings: what was set aside already; gets the rest.
        seed: decides which fifth.

    Raises:
        ValueError: for masks of 0 and 255 only, which would be one class and what is ignored; names that are not one
            for each class; or a split without a usable picture.
    """
    kept = {split: _check(root, each, findings) for split, each in items.items()}
    values = [each.values for some in kept.values() for each in some]
    everything = np.unique(np.concatenate([[], *values]))
    classes = name_classes(str(root), names, everything, f"say binary_masks:{root}")
    kept = {split: _with_known_classes(root, each, len(classes), findings) for split, each in kept.items()}
    findings.log()
    for split, each in kept.items():
        if not each:
            left_out = len(findings.set_aside)
            raise ValueError(f"{root} has no usable picture in its {split} split. Set aside: {left_out}.")
    splits = {split: _make_split(root, each) for split, each in kept.items()}
    if "validation" not in splits:
        train, valid = split_at_random(len(splits["train"]), seed)
        splits |= {"train": splits["train"].select(train), "validation": splits["train"].select(valid)}
    return Source(name, classes, splits["train"], splits["validation"], splits.get("test"), **findings.as_tuples())


def _check(root: Path, items: Sequence[Item], findings: Findings) -> list[_Kept]:
    kept = []
    for (picture, read), checked in zip(items, check_files([picture for picture, _ in items]), strict=True):
        try:
            if isinstance(checked, UnusableError):
                raise checked
            mask = read(checked.size)
            check_size(mask, checked.size)
        except UnusableError as error:
            findings.set_aside.append(SetAside(os.path.relpath(picture, root), str(error)))
            continue
        kept.append(_Kept(picture, checked, encode_pixels(mask), np.unique(mask)))
    return kept


def _with_known_classes(root: Path, kept: Sequence[_Kept], num_classes: int, findings: Findings) -> list[_Kept]:
    usable = []
    for each in kept:
        fault = find_unknown(each.values, num_classes)
        if fault:
            findings.set_aside.append(SetAside(os.path.relpath(each.path, root), fault))
        else:
            usable.append(each)
    return usable


def _make_split(root: Path, kept: Sequence[_Kept]) -> Split:
    annotations = {"mask": PixelMaps([each.encoded for each in kept])}
    return split_of_paths([each.path for each in kept], root, annotations, [each.checked for each in kept])
