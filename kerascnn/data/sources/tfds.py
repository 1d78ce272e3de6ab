"""Any data set of TensorFlow Datasets that has an image and a label, and the embedded one."""

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from kerascnn.data.checks import SetAside, UnusableError, check_picture
from kerascnn.data.scenes import Scenes
from kerascnn.data.sources.source import Source, Split, check_classes, split_by_class


def tfds_source(name: str, *, seed: int = 0, data_dir: str | None = None) -> Source:
    """Read a data set of TensorFlow Datasets, downloading and preparing it where that was not done yet.

    The encoded pictures are held in memory, so this is for data sets of up to a few gigabytes.

    Args:
        name: as `tfds.load` takes it: `oxford_flowers102`, `imagenette/320px`.
        seed: decides which fifth of the training pictures is the validation split, where there is none.
        data_dir: where tfds keeps its data; by default where it always does.

    Raises:
        ValueError: if there is no such data set, or it has no train split, no image or no class label.
    """
    try:
        builder = tfds.builder(name, data_dir=data_dir)
    except tfds.core.DatasetNotFoundError as error:
        raise ValueError(f"There is no data set {name} in TensorFlow Datasets {tfds.__version__}.") from error
    return _read(builder, f"tfds:{name}", seed)


def scenes_source(config: str = "full", *, data_dir: str | None = None) -> Source:
    """Read the embedded data set, rendering it where that was not done yet; it needs no network.

    Args:
        config: `full` (1,000 pictures for training, 400 each for validation and test) or `tiny` (80, 40, 40).
        data_dir: where tfds keeps its data; by default where it always does.

    Raises:
        ValueError: for an unknown config.
    """
    if config not in Scenes.builder_configs:
        raise ValueError(f"scenes comes as {', '.join(Scenes.builder_configs)}. Received: {config!r}.")
    return _read(Scenes(config=config, data_dir=data_dir), f"scenes/{config}", seed=0)


def _read(builder: tfds.core.DatasetBuilder, name: str, seed: int) -> Source:
    features = builder.info.features
    if not {"image", "label"} <= set(features) or not isinstance(features["label"], tfds.features.ClassLabel):
        raise ValueError(f"{name} must have an image and a class label. It has {', '.join(features)}.")
    builder.download_and_prepare()
    if "train" not in builder.info.splits:
        raise ValueError(f"{name} must have a train split. It has {', '.join(builder.info.splits)}.")

    splits, set_aside = {}, []
    for split in ("train", "validation", "test"):
        if split in builder.info.splits:
            splits[split], left_out = _read_split(builder, split)
            set_aside += left_out
    if "test" in splits and (splits["test"].labels < 0).any():
        del splits["test"]  # some data sets keep the labels of their test split to themselves
    classes = tuple(features["label"].names)
    check_classes(name, classes, splits)
    if "validation" not in splits:
        train, valid = split_by_class(splits["train"].labels, classes, seed)
        splits |= {"train": splits["train"].select(train), "validation": splits["train"].select(valid)}
    return Source(name, classes, splits["train"], splits["validation"], splits.get("test"), tuple(set_aside))


def _read_split(builder: tfds.core.DatasetBuilder, split: str) -> tuple[Split, list[SetAside]]:
    dataset = builder.as_dataset(split=split, shuffle_files=False, decoders={"image": tfds.decode.SkipDecoding()})
    encoded, plain, labels, digests, names, set_aside = [], [], [], [], [], []
    for number, example in enumerate(dataset.as_numpy_iterator()):
        try:
            checked = check_picture(example["image"])
        except UnusableError as error:
            set_aside.append(SetAside(f"{split}/{number}", str(error)))
            continue
        encoded.append(example["image"])
        plain.append(checked.plain)
        labels.append(example["label"])
        digests.append(checked.digest)
        names.append(f"{split}/{number}")
    data_table = tf.constant(encoded, tf.string)
    return Split.of_files(
        names, {"label": np.array(labels, np.int32)}, digests, plain, lambda index: data_table[index]
    ), set_aside
