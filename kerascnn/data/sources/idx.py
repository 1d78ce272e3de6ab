"""IDX files, the format of MNIST and Fashion-MNIST, plain or gzipped."""

import gzip
import hashlib
import math
import struct
import zlib
from pathlib import Path

import numpy as np
import tensorflow as tf

from kerascnn.data.sources.source import Source, Split, check_classes, split_by_class

FASHION_MNIST_CLASSES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip
FILES = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}
VALIDATION_SHARE = 0.1  # of the training pictures: a tenth of 60,000 is enough to choose on
UINT8 = 8  # the third byte of an IDX file says the type of its elements


def idx(path: str | Path, classes: tuple[str, ...] | None = None, *, seed: int = 0) -> Source:
    """Read the four IDX files of MNIST or a data set in its form.

    Args:
        path: the folder that holds the files, under their usual names, with or without `.gz`.
        classes: name of each label; by default the labels themselves.
        seed: decides which tenth of the training pictures is the validation split.

    Returns:
        The data set; grey pictures are given as RGB. The `t10k` files are its test split.

    Raises:
        FileNotFoundError: if a file is not there.
        ValueError: for a file that is not IDX, that ends too early, or whose parts do not belong together.
    """
    folder = Path(path)
    splits = {name: _read_split(folder, *files) for name, files in FILES.items()}
    highest = max(int(split.labels.max(initial=0)) for split in splits.values())
    classes = classes or tuple(str(label) for label in range(highest + 1))
    if highest >= len(classes):
        raise ValueError(f"{folder} has the label {highest}, and there are names for {len(classes)} classes.")
    check_classes(str(folder), classes, splits)
    train, valid = split_by_class(splits["train"].labels, classes, seed, VALIDATION_SHARE)
    name = f"{'fashion_mnist' if classes == FASHION_MNIST_CLASSES else 'idx'}:{path}"  # see `open_source`
    return Source(name, classes, splits["train"].select(train), splits["train"].select(valid), splits["test"])


def read_idx(path: Path) -> np.ndarray:
    """Read one IDX file of bytes.

    Args:
        path: the file, gzipped if its name ends in `.gz`.

    Returns:
        A uint8 array with the dimensions that the file declares.

    Raises:
        ValueError: for a file that is not IDX, holds other types than bytes, or is not as long as it declares.
    """
    try:
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(f"{path} is damaged: {error}.") from error
    if len(data) < 4 or data[:3] != bytes([0, 0, UINT8]) or len(data) < 4 + 4 * data[3]:
        raise ValueError(f"{path} is not an IDX file of bytes: it starts with {data[:4].hex(' ')}.")
    start = 4 + 4 * data[3]
    shape = struct.unpack(f">{data[3]}I", data[4:start])
    if len(data) - start != math.prod(shape):
        raise ValueError(f"{path} declares {' x '.join(map(str, shape))} bytes and holds {len(data) - start}.")
    return np.frombuffer(data, np.uint8, offset=start).reshape(shape)


def _read_split(folder: Path, images_file: str, labels_file: str) -> Split:
    images, labels = (read_idx(_find(folder, name)) for name in (images_file, labels_file))
    if images.ndim != 3 or labels.shape != images.shape[:1]:
        raise ValueError(f"{images_file} and {labels_file} do not belong together: {images.shape}, {labels.shape}.")
    image_table, label_table = tf.constant(images), tf.constant(labels, tf.int32)
    return Split(
        names=[str(number) for number in range(len(labels))],
        annotations={"label": labels.astype(np.int32)},
        digests=[hashlib.sha256(image.tobytes()).hexdigest() for image in images],
        read=lambda index: {
            "image": tf.image.grayscale_to_rgb(image_table[index][:, :, tf.newaxis]),
            "label": label_table[index],
        },
    )


def _find(folder: Path, name: str) -> Path:
    for candidate in (folder / name, folder / f"{name}.gz"):
        if candidate.exists():
            return candidate
    raise FileNotFoundError(f"There is no {name} or {name}.gz in {folder}.")
