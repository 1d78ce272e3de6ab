"""The contenders of augmentation.py, each run in a process of its own: `python benchmarks/augmenters.py NAME SECONDS`.

Each augments 256 x 256 pictures to 224 x 224, or puts four of 480 x 640 with 20 boxes each together into one of
320 x 320, all in uint8, with both cores: tf.data with two parallel calls, or two processes that keep their results to
themselves, which is the best case for what knows no tf.data. Prints pictures a second.
"""

import multiprocessing
import os
import sys
import time
from collections.abc import Callable

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

CORES = 2
BEFORE, AFTER = 256, 224
PICTURES, BATCH_SIZE = 64, 32
WARM_UP = 8  # batches; two of them lie ready when the clock starts
AREA, DEGREES, SHEAR, SHIFT = (0.25, 1.0), 15, 10, 20
PHOTO, MOSAIC, BOXES = (480, 640), (320, 320), 20


def main(name: str, seconds: float) -> None:
    """Measure one contender."""
    print((CONTENDERS | MOSAICS)[name](seconds))


def make_pictures(height: int = BEFORE, width: int = BEFORE) -> np.ndarray:
    """Give pictures of coloured squares: (64, height, width, 3) uint8."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (PICTURES, height // 16, width // 16, 3), dtype=np.uint8)
    return coarse.repeat(16, axis=1).repeat(16, axis=2)


def make_boxes() -> np.ndarray:
    """Give boxes of 20 to 120 pixels a side: (64, 20, 4) float32, x1, y1, x2, y2."""
    rng = np.random.default_rng(0)
    sides = rng.uniform(20, 120, (PICTURES, BOXES, 2))
    corners = rng.uniform(0, 1, sides.shape) * (PHOTO[::-1] - sides)
    return np.concatenate([corners, corners + sides], axis=-1).astype(np.float32)


def run_kerascnn(seconds: float) -> float:
    """All seven, in one sampling."""
    import tensorflow as tf

    from kerascnn.data import color_shift, compose, mirror, pca_color, random_crop, rotate, shear, warp

    steps = [random_crop(AREA), mirror(), rotate(DEGREES), shear(SHEAR), warp(), color_shift(SHIFT), pca_color()]
    augment = compose(*steps, size=(AFTER, AFTER))
    pictures = tf.constant(make_pictures())

    def change(number: tf.Tensor) -> tf.Tensor:
        return augment({"image": pictures[number % PICTURES]}, tf.stack([number, number]))["image"]

    return time_dataset(tf.data.Dataset.range(10**9).map(change, CORES).batch(BATCH_SIZE).prefetch(2), seconds)


def run_keras(seconds: float) -> float:
    """Keras' own layers on batches; they have no PCA colour, and their elastic warping is left out, which is kind."""
    from keras import layers

    return time_layers(
        [
            layers.Resizing(AFTER, AFTER),
            layers.RandomFlip("horizontal"),
            layers.RandomZoom((-0.5, 0.0)),
            layers.RandomRotation(DEGREES / 360),
            layers.RandomShear(SHEAR / 90, SHEAR / 90),
            layers.RandomColorJitter(value_range=(0, 255), brightness_factor=0.2),
        ],
        seconds,
    )


def run_keras_cv(seconds: float) -> float:
    """keras-cv's layers on batches; it has no local warping and no PCA colour."""
    import keras_cv

    return time_layers(
        [
            keras_cv.layers.RandomCropAndResize((AFTER, AFTER), AREA, (3 / 4, 4 / 3)),
            keras_cv.layers.RandomFlip("horizontal"),
            keras_cv.layers.RandomRotation(DEGREES / 360),
            keras_cv.layers.RandomShear(SHEAR / 90, SHEAR / 90),
            keras_cv.layers.RandomChannelShift((0, 255), SHIFT / 255),
        ],
        seconds,
    )


def time_layers(chain: list, seconds: float) -> float:
    """Time layers, one after another on a batch, within tf.data."""
    import tensorflow as tf

    pictures = tf.constant(make_pictures())

    def change(number: tf.Tensor) -> tf.Tensor:
        batch = tf.cast(tf.gather(pictures, (tf.range(BATCH_SIZE) + tf.cast(number, tf.int32)) % PICTURES), tf.float32)
        for layer in chain:
            batch = layer(batch, training=True)
        return tf.cast(batch, tf.uint8)

    return time_dataset(tf.data.Dataset.range(10**9).map(change, CORES).prefetch(2), seconds)


def time_dataset(batches, seconds: float) -> float:
    """Count what a tf.data pipeline gives after the first batches."""
    iterator = iter(batches)
    for _ in range(WARM_UP):
        next(iterator)
    count, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        count += len(next(iterator))
    return count / (time.perf_counter() - start)


def run_kerascnn_mosaic(seconds: float) -> float:
    """Mosaics of scaled pictures, each sampled once, in its part."""
    import tensorflow as tf

    from kerascnn.data import mosaic

    pictures, boxes = tf.constant(make_pictures(*PHOTO)), tf.constant(make_boxes())
    class_ids, put_together = tf.zeros(BOXES, tf.int32), mosaic()

    def change(number: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        indices = tf.unstack((number + tf.range(4, dtype=tf.int64)) % PICTURES)
        samples = [{"image": pictures[each], "boxes": boxes[each], "class_ids": class_ids} for each in indices]
        whole = put_together(samples, tf.stack([number, number]), size=MOSAIC)
        return whole["image"], whole["boxes"]

    mosaics = tf.data.Dataset.range(10**9).map(change, CORES)
    return time_dataset(mosaics.padded_batch(BATCH_SIZE).map(lambda images, _: images).prefetch(2), seconds)


def run_keras_cv_mosaic(seconds: float) -> float:
    """keras-cv's layer on batches of pictures that have the size of the mosaic already; it scales none of them."""
    import keras_cv
    import tensorflow as tf

    pictures = tf.image.resize(make_pictures(*PHOTO), MOSAIC)
    boxes = tf.constant(make_boxes() * np.tile(np.array(MOSAIC[::-1]) / PHOTO[::-1], 2), tf.float32)
    layer = keras_cv.layers.Mosaic(bounding_box_format="xyxy")

    def change(number: tf.Tensor) -> tf.Tensor:
        indices = (tf.range(BATCH_SIZE) + tf.cast(number, tf.int32)) % PICTURES
        objects = {"boxes": tf.gather(boxes, indices), "classes": tf.zeros((BATCH_SIZE, BOXES))}
        batch = layer({"images": tf.gather(pictures, indices), "bounding_boxes": objects}, training=True)
        return tf.cast(batch["images"], tf.uint8)

    return time_dataset(tf.data.Dataset.range(10**9).map(change, CORES).prefetch(2), seconds)


def make_albumentations_mosaic() -> Callable[[np.ndarray], object]:
    """Albumentations, which takes the other three from a list that lies ready, and scales pictures only up."""
    import albumentations
    import cv2

    cv2.setNumThreads(1)
    boxes, labels = make_boxes(), np.zeros(BOXES, int)
    others = [
        {"image": picture, "bboxes": own, "labels": labels}
        for picture, own in zip(make_pictures(*PHOTO), boxes, strict=True)
    ]
    chain = albumentations.Compose(
        [albumentations.Mosaic(target_size=MOSAIC, cell_shape=MOSAIC, p=1)],
        bbox_params=albumentations.BboxParams("pascal_voc", label_fields=["labels"], min_visibility=0.3),
    )
    return lambda picture: chain(image=picture, bboxes=boxes[0], labels=labels, mosaic_metadata=others)["image"]


def make_albumentations(warp: str, with_pca: bool) -> Callable[[np.ndarray], object]:
    """Albumentations, which samples once for each geometric step."""
    import albumentations
    import cv2

    cv2.setNumThreads(1)
    warps = {"grid": albumentations.GridDistortion, "elastic": albumentations.ElasticTransform}
    chain = albumentations.Compose(
        [
            albumentations.RandomResizedCrop((AFTER, AFTER), scale=AREA),
            albumentations.HorizontalFlip(),
            albumentations.Rotate(DEGREES, p=1),
            albumentations.Affine(shear=(-SHEAR, SHEAR), p=1),
            warps[warp](p=1),
            albumentations.RGBShift(SHIFT, SHIFT, SHIFT, p=1),
            *([albumentations.FancyPCA(p=1)] if with_pca else []),
        ]
    )
    return lambda picture: chain(image=picture)["image"]


def make_torchvision() -> Callable[[np.ndarray], object]:
    """torchvision's v2 on uint8 tensors; it has no PCA colour, and its elastic warping is left out, which is kind."""
    import torch
    from torchvision.transforms import v2

    torch.set_num_threads(1)
    chain = v2.Compose(
        [
            v2.RandomResizedCrop((AFTER, AFTER), scale=AREA, antialias=False),  # as ours
            v2.RandomHorizontalFlip(),
            v2.RandomAffine(DEGREES, shear=(-SHEAR, SHEAR, -SHEAR, SHEAR)),
            v2.ColorJitter(brightness=0.2),
        ]
    )
    return lambda picture: chain(torch.from_numpy(picture).permute(2, 0, 1))


def run_processes(
    make: Callable[..., Callable[[np.ndarray], object]],
    options: tuple,
    seconds: float,
    size: tuple[int, int] = (BEFORE, BEFORE),
) -> float:
    """Sum what a process on each core does."""
    with multiprocessing.get_context("spawn").Pool(CORES) as pool:
        return sum(pool.starmap(work, [(make, options, seconds, size)] * CORES, chunksize=1))


def work(
    make: Callable[..., Callable[[np.ndarray], object]], options: tuple, seconds: float, size: tuple[int, int]
) -> float:
    """Augment for some seconds, and count."""
    augment, pictures = make(*options), make_pictures(*size)
    for picture in pictures[:16]:
        augment(picture)
    count, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        augment(pictures[count % PICTURES])
        count += 1
    return count / (time.perf_counter() - start)


CONTENDERS: dict[str, Callable[[float], float]] = {
    "kerascnn": run_kerascnn,
    "albumentations, elastic": lambda seconds: run_processes(make_albumentations, ("elastic", True), seconds),
    "albumentations, grid": lambda seconds: run_processes(make_albumentations, ("grid", True), seconds),
    "albumentations, grid, without PCA": lambda seconds: run_processes(make_albumentations, ("grid", False), seconds),
    "torchvision, without PCA and warping": lambda seconds: run_processes(make_torchvision, (), seconds),
    "keras, without PCA and warping": run_keras,
    "keras-cv, without PCA and warping": run_keras_cv,
}
MOSAICS: dict[str, Callable[[float], float]] = {
    "kerascnn, mosaic": run_kerascnn_mosaic,
    "albumentations, mosaic": lambda seconds: run_processes(make_albumentations_mosaic, (), seconds, PHOTO),
    "keras-cv, mosaic": run_keras_cv_mosaic,
}

if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
