"""The same boxes written in each format: a picture is (split, (height, width), its boxes), by its name.

A box is (class, x1, y1, x2, y2), edges in pixels.
"""

import csv
import json
from pathlib import Path
from xml.sax.saxutils import escape

CLASSES = ("ant", "bee")
PICTURES = {
    "1": ("train", (20, 30), [("ant", 1, 2, 11, 12), ("bee", 0, 0, 30, 20)]),
    "2": ("train", (7, 5), []),
    "straße 3": ("train", (21, 33), [("bee", 3, 4, 8, 5)]),
    "蚂蚁.4": ("val", (20, 30), [("ant", 10, 10, 30, 20), ("ant", 10, 10, 29, 20)]),
    "5": ("test", (9, 9), [("bee", 2, 1, 4, 8), ("ant", 2, 1, 4, 8)]),
}
XML = "<object><name>{}</name><difficult>{}</difficult><bndbox>{}</bndbox></object>"
CORNERS = ("xmin", "ymin", "xmax", "ymax")


def write_text(path: Path, text: str) -> None:
    """Write a text, and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def write_pictures(encode, pictures, place) -> None:
    """Write each picture, all different, to the path that `place` gives for its name and its split."""
    for seed, (name, (split, size, _)) in enumerate(pictures.items()):
        path = place(name, split)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode(size=size, seed=seed))


def voc_xml(size, boxes, filename="", difficult=0) -> str:
    """Write the annotation of a picture, corners as they are given."""
    things = [
        XML.format(
            escape(name),
            difficult,
            "".join(f"<{key}>{edge}</{key}>" for key, edge in zip(CORNERS, corners, strict=True)),
        )
        for name, *corners in boxes
    ]
    declared = f"<size><width>{size[1]}</width><height>{size[0]}</height><depth>3</depth></size>" if size else ""
    return f"<annotation><filename>{escape(filename)}</filename>{declared}{''.join(things)}</annotation>"


def write_voc(root: Path, encode, pictures=PICTURES, one_based=True) -> None:
    """Write VOC: pixels counted from 1, or edges."""
    write_pictures(encode, pictures, lambda name, split: root / "JPEGImages" / f"{name}.png")
    for name, (_, size, boxes) in pictures.items():
        written = [(label, x1 + one_based, y1 + one_based, x2, y2) for label, x1, y1, x2, y2 in boxes]
        write_text(root / "Annotations" / f"{name}.xml", voc_xml(size, written, f"{name}.png"))
    for split in {split for split, _, _ in pictures.values()}:
        lines = [name for name, (own, _, _) in pictures.items() if own == split]
        write_text(root / "ImageSets" / "Main" / f"{split}.txt", "\n".join(lines) + "\n")


def coco_json(pictures, suffix=".png", ids=(7, 3)) -> dict:
    """Make the content of a file: ids of classes that are neither contiguous nor in the order of the names."""
    categories = [{"id": number, "name": name} for number, name in zip(ids, CLASSES, strict=True)]
    number_of = {category["name"]: category["id"] for category in categories}
    images = [
        {"id": 100 + number, "file_name": f"{name}{suffix}", "height": size[0], "width": size[1]}
        for number, (name, (_, size, _)) in enumerate(pictures.items())
    ]
    annotations = [
        {"image_id": image["id"], "category_id": number_of[label], "bbox": [x1, y1, x2 - x1, y2 - y1], "iscrowd": 0}
        for image, (_, _, boxes) in zip(images, pictures.values(), strict=True)
        for label, x1, y1, x2, y2 in boxes
    ]
    annotations = [{"id": number} | each for number, each in enumerate(annotations, 1)]
    return {"images": images, "annotations": annotations, "categories": categories}


def write_coco(root: Path, encode, pictures=PICTURES) -> None:
    """Write COCO as COCO is laid out."""
    write_pictures(encode, pictures, lambda name, split: root / f"{split}2017" / f"{name}.png")
    for split in {split for split, _, _ in pictures.values()}:
        own = {name: each for name, each in pictures.items() if each[0] == split}
        write_text(root / "annotations" / f"instances_{split}2017.json", json.dumps(coco_json(own)))


def yolo_lines(size, boxes) -> str:
    """Write the label file of a picture."""
    height, width = size
    return "".join(
        f"{CLASSES.index(label)} {(x1 + x2) / 2 / width} {(y1 + y2) / 2 / height} "
        f"{(x2 - x1) / width} {(y2 - y1) / height}\n"
        for label, x1, y1, x2, y2 in boxes
    )


def write_yolo(root: Path, encode, pictures=PICTURES) -> None:
    """Write YOLO as Ultralytics lays it out; a picture without a box has no label file."""
    write_pictures(encode, pictures, lambda name, split: root / "images" / split / f"{name}.png")
    for name, (split, size, boxes) in pictures.items():
        if boxes:
            write_text(root / "labels" / split / f"{name}.txt", yolo_lines(size, boxes))
    splits = "".join(f"{split}: images/{split}\n" for split in {split for split, _, _ in pictures.values()})
    write_text(root / "data.yaml", f"{splits}names:\n  0: ant\n  1: bee\n")


def write_csv(root: Path, encode, pictures=PICTURES) -> None:
    """Write a table; a picture without a box has a row without corners."""
    write_pictures(encode, pictures, lambda name, split: root / "photos" / f"{name}.png")
    with open(root / "boxes.csv", "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image", *CORNERS, "class", "split", "width", "height"])
        for name, (split, size, boxes) in pictures.items():
            for label, *corners in boxes or [("", "", "", "", "")]:
                writer.writerow([f"photos/{name}.png", *corners, label, split, size[1], size[0]])
