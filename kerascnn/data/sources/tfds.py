"""Any data set of TensorFlow Datasets with an image and a label, boxes or landmarks, and the embedded ones."""

import dataclasses
import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from kerascnn.data.box_checks import CROWD, Box, Findings, check_boxes
from kerascnn.data.checks import SetAside, UnusableError, check_picture
from kerascnn.data.decode import open_picture
from kerascnn.data.faces import LANDMARKS, Faces
from kerascnn.data.faces.circumstances import IMAGE_SIZE as FACES_SIZE
from kerascnn.data.masks import as_classes, check_size, find_unknown, name_classes
from kerascnn.data.scenes import Scenes
from kerascnn.data.sources.annotations import collect_annotations
from kerascnn.data.sources.crops import crop_to_boxes
from kerascnn.data.sources.identities import FACE, source_of_people
from kerascnn.data.sources.source import Source, Split, check_classes, split_at_random, split_by_class

Example = Mapping[str, Any]
# From an example to its annotation, by the keys of a sample.
Annotate = Callable[[Example], dict[str, np.ndarray]]
BOXES = ("boxes", "class_ids")
MASK_FEATURES = ("mask", "segmentation_mask")
IDENTITY_FEATURES = ("identity", "label")  # the latter in `lfw`, whose labels are names
FACE_MARGIN = 0.2  # around the box of a face, in its longer sides


def tfds_source(name: str, *, annotation: str = "label", seed: int = 0, data_dir: str | None = None) -> Source:
    """Read a data set of TensorFlow Datasets, downloading and preparing it where that was not done yet.

    The encoded pictures are held in memory, so this is for data sets of up to a few gigabytes.

    Args:
        name: as `tfds.load` takes it: `oxford_flowers102`, `imagenette/320px`.
        annotation: `label`; `identity`, from the feature of that name, or the label, which may be a name, as in `lfw`;
            `mask`, from the feature `mask` or `segmentation_mask`; `boxes`, which come from the
            feature `objects` that data sets for detection have; or `landmarks`, from the feature of that name, with
            pairs `nose_x`, `nose_y`, as in `celeb_a`, which does not say which are seen: all count as such.
        seed: decides which fifth of the training pictures is the validation split, where there is none.
        data_dir: where tfds keeps its data; by default where it always does.

    Raises:
        ValueError: if there is no such data set, or it has no train split, no image or no such annotation.
    """
    try:
        builder = tfds.builder(name, data_dir=data_dir)
    except tfds.core.DatasetNotFoundError as error:
        raise ValueError(f"There is no data set {name} in TensorFlow Datasets {tfds.__version__}.") from error
    return _read(builder, f"tfds:{name}", annotation, seed)


def scenes_source(config: str = "full", *, annotation: str = "label", data_dir: str | None = None) -> Source:
    """Read the embedded data set, rendering it where that was not done yet; it needs no network.

    Args:
        config: `full` (1,000 pictures for training, 400 each for validation and test), `tiny` (80, 40, 40), and for
            localization, with one thing of a class or none in a picture, `one` (1,800, 480, 480) or `one_tiny`.
        annotation: `label`, `boxes` or `mask`.
        data_dir: where tfds keeps its data; by default where it always does.

    Raises:
        ValueError: for an unknown config, or another annotation.
    """
    if config not in Scenes.builder_configs:
        raise ValueError(f"scenes comes as {', '.join(Scenes.builder_configs)}. Received: {config!r}.")
    return _read(Scenes(config=config, data_dir=data_dir), f"scenes/{config}", annotation, seed=0)


def faces_source(config: str = "full", *, annotation: str = "landmarks", data_dir: str | None = None) -> Source:
    """Read the embedded portraits, rendering them where that was not done yet, without a network.

    Args:
        config: `full` (1,800 pictures of 150 people for training, 360 of 30 others each for validation and test) or
            `tiny` (60, 30, 30).
        annotation: `landmarks` or `identity`.
        data_dir: where tfds keeps its data; by default where it always does.

    Returns:
        The data set, each picture cut to its face, as a detector of faces would give it; its classes are the names of
        the landmarks, or `face`.

    Raises:
        ValueError: for an unknown config, or another annotation.
    """
    if config not in Faces.builder_configs:
        raise ValueError(f"faces comes as {', '.join(Faces.builder_configs)}. Received: {config!r}.")
    if annotation not in ("landmarks", "identity"):
        raise ValueError(f"faces has landmarks and identities. Received: annotation={annotation!r}.")
    source = _read(Faces(config=config, data_dir=data_dir), f"faces/{config}", "landmarks", seed=0)
    size = (FACES_SIZE, FACES_SIZE)
    cut = {name: crop_to_boxes(split, size, FACE_MARGIN) for name, split in source.splits.items()}
    if annotation == "identity":
        people = {name: split.annotations["identity"].tolist() for name, split in source.splits.items()}
        return source_of_people(source.name, {name: split.without_annotations() for name, split in cut.items()}, people)
    train, valid, test = cut.values()
    return dataclasses.replace(source, classes=LANDMARKS, train=train, valid=valid, test=test)


def _read(builder: tfds.core.DatasetBuilder, name: str, annotation: str, seed: int) -> Source:
    if "image" not in builder.info.features:
        raise ValueError(f"{name} must have an image. It has {', '.join(builder.info.features)}.")
    classes, features, keys, annotate = _find_annotation(name, dict(builder.info.features), annotation)
    builder.download_and_prepare()
    if "train" not in builder.info.splits:
        raise ValueError(f"{name} must have a train split. It has {', '.join(builder.info.splits)}.")

    splits, findings = {}, Findings()
    for split in ("train", "validation", "test"):
        if split in builder.info.splits:
            splits[split] = _read_split(builder, split, features, keys, annotate, findings)
    findings.log()
    if annotation == "identity":
        people = {split: own.annotations["identity"].tolist() for split, own in splits.items()}
        return source_of_people(name, splits, people, seed, **findings.as_tuples())
    if annotation == "label":
        if "test" in splits and (splits["test"].labels < 0).any():
            del splits["test"]  # some data sets keep the labels of their test split to themselves
        check_classes(name, classes, splits)
    elif annotation == "boxes":
        if not splits["train"].count(len(classes)).any():
            raise ValueError(f"{name} has no box in its train split.")
        if "test" in splits and not splits["test"].count(len(classes)).any():
            del splits["test"]  # likewise with boxes
    elif annotation == "mask":
        classes = _name_mask_classes(name, classes, splits)
    if "validation" not in splits:
        whole = splits["train"]
        if annotation == "label":
            train, valid = split_by_class(whole.labels, classes, seed)
        else:
            train, valid = split_at_random(len(whole), seed)
        splits |= {"train": whole.select(train), "validation": whole.select(valid)}
    return Source(name, classes, splits["train"], splits["validation"], splits.get("test"), **findings.as_tuples())


def _find_annotation(
    name: str, features: dict[str, tfds.features.FeatureConnector], annotation: str
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...], Annotate]:
    """Give the names of the classes, the features to read, the keys of the annotation, and what makes it."""
    if annotation == "label" and isinstance(features.get("label"), tfds.features.ClassLabel):
        return (
            tuple(features["label"].names),
            ("label",),
            ("label",),
            lambda example: {"label": np.int32(example["label"])},
        )
    if annotation == "boxes" and {*BOXES, "label"} <= set(features):  # `faces` has boxes of one kind, without a name
        return tuple(features["label"].names), BOXES, BOXES, lambda example: {key: example[key] for key in BOXES}
    objects = dict(getattr(features.get("objects"), "feature", {}))  # of a sequence
    if annotation == "boxes" and {"bbox", "label"} <= set(objects):
        return tuple(objects["label"].names), ("objects",), BOXES, _boxes_of_objects
    if annotation == "mask" and (found := [key for key in MASK_FEATURES if key in features]):
        return _find_masks(features, found[0])
    if annotation == "landmarks" and "landmarks" in features:
        return _find_landmarks(features)
    if annotation == "identity" and (found := [key for key in IDENTITY_FEATURES if key in features]):
        return FACE, (found[0],), ("identity",), _numbering(found[0])
    wanted = "a class label" if annotation == "label" else annotation
    raise ValueError(f"{name} must have {wanted}. It has {', '.join(features)}.")


def _numbering(key: str) -> Annotate:
    """Make what numbers people, who may be known by their names, in the order in which they come."""
    numbers: dict[Any, int] = {}
    return lambda example: {"identity": np.int32(numbers.setdefault(example[key], len(numbers)))}


def _find_masks(
    features: dict[str, tfds.features.FeatureConnector], key: str
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...], Annotate]:
    """Do the same for masks; but those of the scenes have classes that are known by numbers only."""

    def annotate(example: Example) -> dict[str, np.ndarray]:
        return {"mask": np.asarray(example[key])[..., 0]}

    names = ("background", *features["label"].names) if {*BOXES, "label"} <= set(features) else ()
    return names, (key,), ("mask",), annotate


def _find_landmarks(
    features: dict[str, tfds.features.FeatureConnector],
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...], Annotate]:
    """Do the same for landmarks: rows of x and y, perhaps with a visibility, or numbers by name, as in `celeb_a`."""
    landmarks = features["landmarks"]
    if isinstance(landmarks, tfds.features.FeaturesDict):
        names = tuple(key.removesuffix("_x") for key in landmarks if key.endswith("_x"))

        def from_names(example: Example) -> dict[str, np.ndarray]:
            found = example["landmarks"]
            return {"landmarks": np.float32([[found[f"{name}_x"], found[f"{name}_y"]] for name in names])}

        return tuple(map(_with_side, names)), ("landmarks",), ("landmarks",), from_names
    keys = ("landmarks", *(key for key in ("visibility", *BOXES, "identity") if key in features))
    names = tuple(str(number) for number in range(landmarks.shape[0]))
    return names, keys, keys, lambda example: {key: example[key] for key in keys}


def _name_mask_classes(name: str, classes: tuple[str, ...], splits: Mapping[str, Split]) -> tuple[str, ...]:
    """Name the classes of masks, and refuse values that are none of them."""
    found = [np.unique(mask) for split in splits.values() for mask in split.annotations["mask"]]
    values = np.unique(np.concatenate([[], *found])).astype(int)
    names = name_classes(name, classes, values, "write the masks as files and say binary_masks:FOLDER")
    fault = find_unknown(values, len(names))
    if fault:
        raise ValueError(f"{name} cannot be used: {fault}.")
    return names


def _with_side(name: str) -> str:
    """Part the side from what it is a side of: `lefteye` is `left_eye`, whose counterpart is found by its name."""
    return re.sub(r"^(left|right)_?(?=.)", r"\1_", name)


def _boxes_of_objects(example: Example) -> dict[str, np.ndarray]:
    """Turn tfds' boxes, y1, x1, y2, x2 relative to the picture, into pixels."""
    width, height = open_picture(example["image"]).size
    y1, x1, y2, x2 = np.reshape(example["objects"]["bbox"], (-1, 4)).T
    boxes = np.stack([x1 * width, y1 * height, x2 * width, y2 * height], axis=-1)
    return {"boxes": boxes.astype(np.float32), "class_ids": np.asarray(example["objects"]["label"], np.int32)}


def _check_boxes(
    place: str, example: Example, annotation: dict[str, np.ndarray], size: tuple[int, int], findings: Findings
) -> dict[str, np.ndarray]:
    """Leave out of an annotation the boxes that cannot be used, and clip the others to the picture."""
    if "boxes" not in annotation:
        return annotation
    class_ids = np.asarray(annotation["class_ids"])
    crowds = np.broadcast_to(example.get("objects", {}).get("is_crowd", False), class_ids.shape)
    boxes = [
        Box(f"{place}, box {number}", str(class_id), tuple(corners), CROWD if crowd else "")
        for number, (corners, class_id, crowd) in enumerate(
            zip(annotation["boxes"].tolist(), class_ids, crowds, strict=True), 1
        )
    ]
    kept = check_boxes(boxes, size, findings)
    return annotation | {
        "boxes": np.array([corners for _, corners in kept], np.float32).reshape(-1, 4),
        "class_ids": class_ids[[index for index, _ in kept]],
    }


def _read_split(
    builder: tfds.core.DatasetBuilder,
    split: str,
    features: tuple[str, ...],
    keys: tuple[str, ...],
    annotate: Annotate,
    findings: Findings,
) -> Split:
    """Read the examples of a split, their pictures still encoded; features that are not asked for are not decoded."""
    decoders = tfds.decode.PartialDecoding(
        dict.fromkeys(("image", *features), True), decoders={"image": tfds.decode.SkipDecoding()}
    )
    dataset = builder.as_dataset(split=split, shuffle_files=False, decoders=decoders)
    encoded, plain, annotations, digests, names = [], [], [], [], []
    for number, example in enumerate(dataset.as_numpy_iterator()):
        try:
            checked, annotation = check_picture(example["image"]), annotate(example)
            if "mask" in annotation:
                annotation["mask"] = as_classes(annotation["mask"])
                check_size(annotation["mask"], checked.size)
        except UnusableError as error:
            findings.set_aside.append(SetAside(f"{split}/{number}", str(error)))
            continue
        annotation = _check_boxes(f"{split}/{number}", example, annotation, checked.size, findings)
        encoded.append(example["image"])
        plain.append(checked.plain)
        annotations.append(annotation)
        digests.append(checked.digest)
        names.append(f"{split}/{number}")
    data_table = tf.constant(encoded, tf.string)
    columns = collect_annotations(annotations, keys)
    return Split.of_files(names, columns, digests, plain, lambda index: data_table[index])
