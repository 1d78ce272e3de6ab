"""The contenders of input_pipeline.py, each in a process of its own: `loaders.py NAME FOLDER SIDE SECONDS`.

Each reads a folder of class folders of JPEG files in random order, augments, and gives batches of 32 uint8 pictures.
Prints pictures a second; what is decoded or listed before the first batch does not count.
"""

import os
import sys
import time
from collections.abc import Callable, Iterable
from types import SimpleNamespace

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

BATCH_SIZE, CORES = 32, 2
AREA, JITTER = (0.25, 1.0), 0.2


def main(name: str, folder: str, side: int, seconds: float) -> None:
    """Measure one contender."""
    print(measure(CONTENDERS[name](folder, side), seconds))


def measure(make_epoch: Callable[[], Iterable], seconds: float) -> float:
    """Count the pictures of whole epochs, after one that does not count."""
    count, start = 0, None
    while start is None or time.perf_counter() - start < seconds:
        for batch in make_epoch():
            count += len(batch[0])
        if start is None:
            count, start = 0, time.perf_counter()
    return count / (time.perf_counter() - start)


def load_kerascnn(folder: str, side: int, augment: list | str | None = None, cache: str | None = None) -> Callable:
    """Our pipeline; the epoch is repeated, since a folder may hold a few batches only."""
    from kerascnn.data import color_jitter, mirror, pipeline, random_crop
    from kerascnn.data import folder as read_folder

    same = [random_crop(AREA), mirror(), color_jitter(JITTER, JITTER, JITTER)]
    task = SimpleNamespace(image_size=(side, side), targets=lambda sample: sample["label"])
    batches = pipeline(read_folder(folder).train, task, augment=augment or same, seed=0, cache=cache).repeat(4)
    return lambda: batches


def load_kerascnn_all(folder: str, side: int) -> Callable:
    """All seven augmentations of the notes."""
    from kerascnn.data import color_shift, mirror, pca_color, random_crop, rotate, shear, warp

    steps = [random_crop(AREA), mirror(), rotate(), shear(), warp(), color_shift(), pca_color()]
    return load_kerascnn(folder, side, steps)


def load_torchvision(folder: str, side: int) -> Callable:
    """ImageFolder and DataLoader with two workers that stay between epochs, on Pillow's pictures."""
    import torch
    from torchvision import datasets, transforms

    chain = transforms.Compose(
        [
            transforms.RandomResizedCrop(side, scale=AREA),
            transforms.RandomHorizontalFlip(),
            transforms.ColorJitter(JITTER, JITTER, JITTER),
            transforms.PILToTensor(),
        ]
    )
    pictures = datasets.ImageFolder(f"{folder}/train", chain)
    pictures.samples = pictures.samples * 4
    loader = torch.utils.data.DataLoader(pictures, BATCH_SIZE, shuffle=True, num_workers=CORES, persistent_workers=True)
    return lambda: loader


def load_keras(folder: str, side: int) -> Callable:
    """image_dataset_from_directory and Keras' layers on batches."""
    import keras
    import tensorflow as tf
    from keras import layers

    chain = [
        layers.RandomZoom((-0.5, 0.0)),
        layers.RandomFlip("horizontal"),
        layers.RandomColorJitter((0, 255), JITTER, JITTER, (0.5 - JITTER / 2, 0.5 + JITTER / 2)),
    ]

    def change(images: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        for layer in chain:
            images = layer(images, training=True)
        return tf.cast(images, tf.uint8), labels

    batches = keras.utils.image_dataset_from_directory(
        f"{folder}/train", image_size=(side, side), batch_size=BATCH_SIZE, verbose=False
    )
    batches = batches.repeat(4).map(change, tf.data.AUTOTUNE).prefetch(2)
    return lambda: batches


def train_mobilenet(folder: str, side: int) -> Callable:
    """What a training step of MobileNetV2 takes: pictures in memory, all layers."""
    import keras
    import numpy as np

    from kerascnn.architectures import mobilenet_v2

    del folder
    model = mobilenet_v2((side, side, 3), 2)
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    images, labels = np.zeros((BATCH_SIZE, side, side, 3), np.uint8), np.zeros(BATCH_SIZE)

    def steps() -> Iterable:
        for _ in range(4):
            model.train_on_batch(images, labels)
            yield (images,)

    return steps


CONTENDERS: dict[str, Callable[[str, int], Callable[[], Iterable]]] = {
    "kerascnn": load_kerascnn,
    "torchvision": load_torchvision,
    "keras": load_keras,
    "kerascnn, all seven": load_kerascnn_all,
    "kerascnn, from memory": lambda folder, side: load_kerascnn(folder, side, cache="memory"),
    "training step of MobileNetV2": train_mobilenet,
}

if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))
