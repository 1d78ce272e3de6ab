"""Pictures and masks in folders: `images/1.jpg` and `masks/1.png`, of each split or of all; and VOC's own names.

    train/images/1.jpg  train/masks/1.png  val/images/2.jpg ...
    images/train/1.jpg  masks/train/1.png  images/val/2.jpg ...
    images/1.jpg        masks/1.png                                of which a fifth is for validation
    JPEGImages/1.jpg    SegmentationClass/1.png  ImageSets/Segmentation/train.txt    as Pascal VOC itself

Beside them, `classes.txt` may hold the name of each class in a line, or `colors.csv` lines of name, red, green, blue;
the name `ignored` stands for pixels that are not counted.
"""

import csv
import os
from functools import partial
from pathlib import Path

import numpy as np

from kerascnn.data.box_checks import Findings
from kerascnn.data.checks import SetAside, read_file
from kerascnn.data.masks import Colors, read_mask
from kerascnn.data.sample import IGNORED
from kerascnn.data.sources.files import SPLIT_FOLDERS, find_split, list_pictures, read_lines
from kerascnn.data.sources.masked import make_masked_source
from kerascnn.data.sources.source import Source

FOLDERS = (("images", "masks"), ("JPEGImages", "SegmentationClass"))
CLASSES_FILE, COLORS_FILE, IGNORED_NAME = "classes.txt", "colors.csv", "ignored"
LISTS = Path("ImageSets", "Segmentation")
FIRST_OF_JPEG = 128  # value of the second class in a binary mask that was stored with loss
MASK_ENDINGS = ("", "_mask")  # of a mask's name, after the picture's
VOC_CLASSES = (
    "background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow",
    "diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
)  # fmt: skip

Pair = tuple[Path, Path]  # of a picture and its mask


def masks(path: str | Path, *, binary: bool = False, seed: int = 0) -> Source:
    """Read pictures with a class for each pixel.

    Masks are pictures of one channel or with a palette, whose values are the classes, 255 being ignored; or coloured
    ones, where `colors.csv` says what the colours stand for. What has no counterpart, another size or another class is
    set aside.

    Args:
        path: a folder, see above.
        binary: masks are 0 for one class, and 255, or any other value, for the other; in JPEG files, which blur edges,
            values from 128 on.
        seed: decides which fifth validates, where no folder or list says so.

    Returns:
        The data set. Without names, classes are called by their numbers.

    Raises:
        FileNotFoundError: if the folder, or the two in it, are not there.
        ValueError: for masks of 0 and 255 only, which would be one class and what is ignored; names that are not one
            for each class; or a split without a usable picture.
    """
    root = Path(path)
    splits, set_aside = _find_pairs(root)
    names, colors = _read_classes(root)

    def read(file: Path, size: tuple[int, int]) -> np.ndarray:
        mask = read_mask(read_file(file), colors)
        least = FIRST_OF_JPEG if file.suffix.lower() in (".jpg", ".jpeg") else 1
        return (mask >= least).astype(np.uint8) if binary else mask

    items = {split: [(picture, partial(read, mask)) for picture, mask in pairs] for split, pairs in splits.items()}
    kind = "binary_masks" if binary else "masks"
    return make_masked_source(f"{kind}:{path}", root, names, items, Findings(set_aside), seed)


def _find_pairs(root: Path) -> tuple[dict[str, list[Pair]], list[SetAside]]:
    """Find the pictures and the masks of each split, and what has no counterpart."""
    if not root.is_dir():
        raise FileNotFoundError(f"There is no folder {root}. Give a folder with images/ and masks/.")
    inside = {find_split(each.name): each for each in sorted(root.iterdir()) if each.is_dir()}
    splits: dict[str, tuple[Path, Path]] = {}
    for pictures, masks in FOLDERS:
        for split in SPLIT_FOLDERS:
            if split in inside and (inside[split] / pictures).is_dir():
                splits[split] = (inside[split] / pictures, inside[split] / masks)
        if not splits and (root / pictures).is_dir():
            below = {find_split(each.name): each for each in sorted((root / pictures).iterdir()) if each.is_dir()}
            splits = {
                split: (below[split], root / masks / below[split].name) for split in SPLIT_FOLDERS if split in below
            }
            splits = splits or {"train": (root / pictures, root / masks)}
    if "train" not in splits:
        wanted = " or ".join(f"{pictures}/ and {masks}/" for pictures, masks in FOLDERS)
        raise FileNotFoundError(f"{root} has no pictures to train on: it must have {wanted}, or train/ with these.")
    missing = [str(masks) for _, masks in splits.values() if not masks.is_dir()]
    if missing:
        raise FileNotFoundError(f"There is no folder {missing[0]}, which should hold a mask for each picture.")
    pairs, set_aside = {}, []
    for split, (pictures, masks) in splits.items():
        pairs[split], alone = _pair(root, pictures, masks)
        set_aside += alone
    return _by_lists(root, pairs, set_aside)


def _pair(root: Path, pictures: Path, masks: Path) -> tuple[list[Pair], list[SetAside]]:
    by_stem = {mask.stem: mask for mask in list_pictures(masks)}
    pairs, alone = [], []
    for picture in list_pictures(pictures):
        found = [by_stem.pop(picture.stem + ending) for ending in MASK_ENDINGS if picture.stem + ending in by_stem]
        if found:
            pairs.append((picture, found[0]))
        else:
            alone.append(SetAside(os.path.relpath(picture, root), f"no mask: there is no {picture.stem}.png beside it"))
    alone += [SetAside(os.path.relpath(mask, root), "no picture: no picture has its name") for mask in by_stem.values()]
    return pairs, alone


def _by_lists(
    root: Path, pairs: dict[str, list[Pair]], set_aside: list[SetAside]
) -> tuple[dict[str, list[Pair]], list[SetAside]]:
    """Divide pictures as VOC's lists say, where there are some: most of its pictures have no mask, and are in none."""
    lists = {
        find_split(file.stem): list(dict.fromkeys(read_lines(file))) for file in sorted((root / LISTS).glob("*.txt"))
    }
    if "train" not in lists:
        return pairs, set_aside
    lists = {split: lists[split] for split in SPLIT_FOLDERS if split in lists}
    by_stem = {picture.stem: (picture, mask) for picture, mask in pairs["train"]}
    divided = {split: [by_stem[stem] for stem in stems if stem in by_stem] for split, stems in lists.items()}
    missing = [stem for stems in lists.values() for stem in stems if stem not in by_stem]
    return divided, [SetAside(str(LISTS / stem), "listed, and without a picture or a mask") for stem in missing]


def _read_classes(root: Path) -> tuple[tuple[str, ...], Colors | None]:
    """Read the names of the classes, if any, and the class of each colour, if colours stand for classes."""
    if (root / COLORS_FILE).is_file():
        names, colors = [], {}
        for row in csv.reader(read_lines(root / COLORS_FILE)):
            if len(row) != 4 or not all(number.strip().isdecimal() for number in row[1:]):
                if colors:
                    raise ValueError(f"{root / COLORS_FILE} must have lines of name,red,green,blue. Received: {row}.")
                continue  # a line of titles
            color, name = tuple(map(int, row[1:])), row[0].strip()
            if color in colors or max(color) > 255:
                raise ValueError(f"{root / COLORS_FILE} must have different colours, of 0 to 255. Received: {row}.")
            colors[color] = IGNORED if name == IGNORED_NAME else len(names)
            names += [] if name == IGNORED_NAME else [name]
        return tuple(names), colors
    if (root / CLASSES_FILE).is_file():
        return tuple(read_lines(root / CLASSES_FILE)), None
    return (VOC_CLASSES, None) if (root / FOLDERS[1][1]).is_dir() else ((), None)
