"""COCO: one JSON file for each split, beside its folder of pictures or in it.

    annotations/instances_train2017.json  train2017/1.jpg           as COCO itself
    annotations/train.json                images/1.jpg
    train/_annotations.coco.json          train/1.jpg               as Roboflow exports it

Format: Lin et al., Microsoft COCO: Common Objects in Context, 2014; https://cocodataset.org/#format-data.
"""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kerascnn.data.box_checks import CROWD, Box
from kerascnn.data.checks import SetAside
from kerascnn.data.sources.boxed import Annotation, make_source, parse_numbers, parse_size
from kerascnn.data.sources.files import SPLIT_FOLDERS, find_split, list_pictures, relative_name
from kerascnn.data.sources.source import Source

PARTS = ("images", "annotations", "categories")
# `instances_train2017`: the word for the split, and the name of COCO's own folder of pictures.
WORDS = "|".join(word for words in SPLIT_FOLDERS.values() for word in words)
SPLIT_WORD = re.compile(rf"(?:^|[_-])(?P<folder>(?P<word>{WORDS})\d*)(?:$|[_-])", re.IGNORECASE)


def coco(path: str | Path, *, seed: int = 0) -> Source:
    """Read a data set in the form of COCO.

    Boxes come from `bbox`, x, y, width and height; crowds (`iscrowd`), whose box is around many things, are set aside.
    A picture without an annotation is one without a thing.

    Args:
        path: the folder, see above. A single file whose name says no split is divided: a fifth of it is for validation.
        seed: decides which fifth.

    Returns:
        The data set. Classes are in the order of their ids, which need not be contiguous, and known by their names.

    Raises:
        FileNotFoundError: if the folder or the annotation of the training pictures is not there.
        ValueError: for a file that is not in the form of COCO, two files for one split, a split without a usable
            picture, no usable box at all, or a class without a box to train on.
    """
    root = Path(path)
    contents = open_coco(root)
    classes: dict[str, None] = {}
    annotations, folders = {}, set()
    for split, (file, content) in contents.items():
        folder = find_coco_pictures(root, file, content["images"])
        folders.add(folder)
        names = read_category_names(file, content["categories"])
        classes |= dict.fromkeys(names.values())
        annotations[split] = _read(relative_name(file, root), folder, content, names)
    listed = {each.picture for split in annotations.values() for each in split}
    not_listed = [
        SetAside(relative_name(picture, root), "no annotation: no JSON file lists it")
        for folder in sorted(folders)
        for picture in list_pictures(folder)
        if picture not in listed
    ]
    return make_source(f"coco:{path}", root, tuple(classes), annotations, not_listed, seed)


def open_coco(root: Path) -> dict[str, tuple[Path, Mapping[str, Any]]]:
    """Find the JSON file of each split, and read it.

    Raises:
        FileNotFoundError, ValueError: see `coco`.
    """
    if not root.is_dir():
        raise FileNotFoundError(f"There is no folder {root}. Give a folder with annotations/ and the pictures.")
    return {split: (file, _load(file)) for split, file in _find_files(root).items()}


def _find_files(root: Path) -> dict[str, Path]:
    """Find the JSON file of each split."""
    inside = [folder for folder in sorted(root.iterdir()) if folder.is_dir() and find_split(folder.name)]
    for folders in ([root / "annotations"], inside, [root]):
        files = [file for folder in folders for file in sorted(folder.glob("*.json"))]
        # COCO has files with captions and keypoints of the same pictures beside these.
        files = [file for file in files if file.name.startswith("instances_")] or files
        if files:
            return _by_split(root, files)
    raise FileNotFoundError(f"There is no JSON file in {root}/annotations, {root}/train or {root}.")


def _by_split(root: Path, files: Sequence[Path]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for file in files:
        split = _split_of(root, file)
        if split in found:
            raise ValueError(f"Only one of {found[split]} and {file} can be the {split or 'whole'} split. Keep one.")
        found[split] = file
    if list(found) == [None]:
        return {"train": found[None]}
    if "train" not in found:
        raise FileNotFoundError(f"None of {', '.join(file.name for file in files)} says that it is the train split.")
    return {split: found[split] for split in SPLIT_FOLDERS if split in found}


def _split_of(root: Path, file: Path) -> str | None:
    """Tell the split of a file by its folder, else by its name; None where neither says it."""
    word = SPLIT_WORD.search(file.stem)
    by_folder = find_split(file.parent.name) if file.parent != root else None
    return by_folder or (find_split(word["word"]) if word else None)


def _load(file: Path) -> Mapping[str, Any]:
    try:
        content = json.loads(file.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise ValueError(f"{file} is not JSON: {error}.") from error
    if not isinstance(content, dict) or not all(
        isinstance(content.get(part), list) and all(isinstance(each, dict) for each in content[part]) for part in PARTS
    ):
        raise ValueError(f"{file} is not in the form of COCO: it must have lists of {', '.join(PARTS)}.")
    return content


def read_category_names(file: Path, categories: Sequence[Mapping[str, Any]]) -> dict[int, str]:
    """Read the names of the classes by their ids, in ascending order."""
    if not all(isinstance(each.get("id"), int) and isinstance(each.get("name"), str) for each in categories):
        raise ValueError(f"{file} must have a number as the id and a text as the name of every category.")
    return {each["id"]: each["name"] for each in sorted(categories, key=lambda each: each["id"])}


def find_coco_pictures(root: Path, file: Path, images: Sequence[Mapping[str, Any]]) -> Path:
    """Find the folder in which the pictures of a file lie: the first that has one of them."""
    word = SPLIT_WORD.search(file.stem)
    own = [root / word["folder"], root / "images" / word["folder"]] if word else []
    folders = [folder for folder in (*own, file.parent, root / "images", root) if folder.is_dir()]
    names = [str(image.get("file_name")) for image in images]
    return next((folder for folder in folders for name in names if (folder / name).is_file()), folders[0])


def _read(place: str, folder: Path, content: Mapping[str, Any], names: Mapping[int, str]) -> list[Annotation]:
    # Ids are compared as texts: some tools write them as such in one place, and as numbers in the other.
    by_image: dict[str, list[Box]] = {str(image.get("id")): [] for image in content["images"]}
    homeless = []
    for each in content["annotations"]:
        box = _read_box(f"{place}, annotation {each.get('id')}", each, names)
        image_id = str(each.get("image_id"))
        if image_id in by_image:
            by_image[image_id].append(box)
        else:
            fault = f"no such picture: no image has the id {image_id}"
            homeless.append(Annotation(box.place, folder, fault=fault))
    return [
        _read_image(f"{place}, image {image.get('id')}", folder, image, by_image.pop(str(image.get("id")), None))
        for image in content["images"]
    ] + homeless


def _read_image(place: str, folder: Path, image: Mapping[str, Any], boxes: Sequence[Box] | None) -> Annotation:
    if boxes is None:
        return Annotation(place, folder, fault="id twice: another image of the same file has it")
    if not image.get("file_name"):
        return Annotation(place, folder, fault="no such picture: it has no file_name")
    size = parse_size(image.get("height"), image.get("width"))
    return Annotation(place, folder / str(image["file_name"]), boxes, size)


def _read_box(place: str, annotation: Mapping[str, Any], names: Mapping[int, str]) -> Box:
    written = annotation.get("bbox")
    numbers = written if isinstance(written, list) and len(written) == 4 else [None] * 4
    (x, y, width, height), fault = parse_numbers(numbers)
    if annotation.get("iscrowd"):
        fault = CROWD
    number = annotation.get("category_id")
    class_name = names.get(number) if isinstance(number, int) else None
    return Box(place, class_name or f"category {number}", (x, y, x + width, y + height), fault)
