"""Masks of COCO's annotations: polygons and run lengths, drawn one over the other."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

from kerascnn.data.box_checks import Findings
from kerascnn.data.checks import SetAside, UnusableError
from kerascnn.data.sample import IGNORED
from kerascnn.data.sources.boxed import parse_numbers, parse_size
from kerascnn.data.sources.coco import find_coco_pictures, open_coco, read_category_names
from kerascnn.data.sources.files import relative_name
from kerascnn.data.sources.masked import Item, make_masked_source
from kerascnn.data.sources.source import Source

BACKGROUND = "background"

LEAST_NUMBERS = 6  # of a polygon: three corners

Segment = tuple[int, Any, bool]  # class of the mask, COCO's segmentation, whether it is ignored


def coco_masks(path: str | Path, *, seed: int = 0) -> Source:
    """Read the masks of a data set in the form of COCO.

    Args:
        path: see `kerascnn.data.coco`.
        seed: decides which fifth validates, where no file says it.

    Returns:
        The data set, whose first class is the background. Where things overlap, the smaller one is in front; crowds
        are ignored, and so are the boxes of things without a segmentation. A picture that is not of the declared size,
        if only because it was turned after it was annotated, is set aside.

    Raises:
        FileNotFoundError, ValueError: as `kerascnn.data.coco` and `kerascnn.data.masks`.
    """
    root = Path(path)
    classes: dict[str, None] = {BACKGROUND: None}
    contents = open_coco(root)
    for file, content in contents.values():
        classes |= dict.fromkeys(read_category_names(file, content["categories"]).values())
    findings, items = Findings(), {}
    for split, (file, content) in contents.items():
        items[split] = _read(root, file, content, list(classes), findings)
    return make_masked_source(f"coco:{path}", root, tuple(classes), items, findings, seed)


def _read(root: Path, file: Path, content: Mapping[str, Any], classes: Sequence[str], findings: Findings) -> list[Item]:
    names = read_category_names(file, content["categories"])
    folder = find_coco_pictures(root, file, content["images"])
    segments: dict[str, list[Segment]] = {str(image.get("id")): [] for image in content["images"]}
    for each in content["annotations"]:
        place = f"{relative_name(file, root)}, annotation {each.get('id')}"
        number, image_id = each.get("category_id"), str(each.get("image_id"))
        if image_id not in segments:
            findings.set_aside.append(SetAside(place, f"no such picture: no image has the id {image_id}"))
        elif number not in names:
            findings.set_aside.append(SetAside(place, f"no such class: no category has the id {number}"))
        elif not each.get("segmentation"):
            findings.set_aside.append(SetAside(place, "no mask: it has no segmentation, and its box is ignored"))
            segments[image_id].append((IGNORED, _corners_of_box(each.get("bbox")), True))
        else:
            class_id = classes.index(names[number])
            segments[image_id].append((class_id, each["segmentation"], bool(each.get("iscrowd"))))
    items = []
    for image in content["images"]:
        own = segments.pop(str(image.get("id")), None)
        if own is None:
            place = f"{relative_name(file, root)}, image {image.get('id')}"
            findings.set_aside.append(SetAside(place, "id twice: another image of the same file has it"))
        else:
            declared = parse_size(image.get("height"), image.get("width"))
            items.append((folder / str(image.get("file_name")), partial(_draw_declared, own, declared)))
    return items


def _corners_of_box(box: Any) -> Any:
    """Turn x, y, width and height into a polygon; what is no box is no segmentation either."""
    (x, y, width, height), fault = parse_numbers(box if isinstance(box, list) and len(box) == 4 else [None] * 4)
    return None if fault else [[x, y, x + width, y, x + width, y + height, x, y + height]]


def _draw_declared(segments: Sequence[Segment], declared: tuple[int, int] | None, size: tuple[int, int]) -> np.ndarray:
    """Draw things that were annotated on a picture of the declared size."""
    if declared is not None and declared != tuple(size):
        raise UnusableError(
            f"not of the size that its annotation declares: {size[1]} x {size[0]}, "
            f"which was {declared[1]} x {declared[0]}"
        )
    return draw_segments(segments, size)


def draw_segments(segments: Sequence[Segment], size: tuple[int, int]) -> np.ndarray:
    """Draw the things of a picture of (height, width), the largest first: (H, W) uint8, 0 where there is none.

    Args:
        segments: class, polygons or run lengths, and whether it is a crowd, which is ignored.
        size: (height, width).

    Raises:
        UnusableError: for what is neither polygons nor run lengths for a picture of this size.
    """
    drawn = [
        (_decode(segmentation, size), IGNORED if crowd else class_id) for class_id, segmentation, crowd in segments
    ]
    mask = np.zeros(size, np.uint8)
    for here, class_id in sorted(drawn, key=lambda pair: -int(pair[0].sum())):
        mask[here] = class_id
    return mask


def _decode(segmentation: Any, size: tuple[int, int]) -> np.ndarray:
    """Give the pixels of one thing: (H, W) bool."""
    try:
        if isinstance(segmentation, Mapping) and not isinstance(segmentation["counts"], list):
            encoded = segmentation
        else:
            shapes = _with_area(segmentation)
            encoded = coco_mask.frPyObjects(shapes, *size) if shapes else []
        found = coco_mask.decode(encoded) if encoded else np.zeros(size, np.uint8)
    except Exception as error:  # its C code raises whatever a malformed annotation makes it raise
        raise UnusableError(f"mask is neither polygons nor run lengths: {error}") from error
    found = found.any(axis=-1) if found.ndim == 3 else found.astype(bool)
    if found.shape != tuple(size):
        raise UnusableError(f"mask of another size: its run lengths are for {found.shape}, the picture is {size}")
    return found


def _with_area(segmentation: Any) -> Any:
    """Leave out polygons of one or two corners, which enclose nothing; pycocotools would take two for a box."""
    if isinstance(segmentation, Mapping):
        return segmentation
    if any(len(polygon) % 2 for polygon in segmentation):
        raise ValueError("a polygon is pairs of x and y")
    return [polygon for polygon in segmentation if len(polygon) >= LEAST_NUMBERS]
