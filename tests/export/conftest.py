"""Two small trained-looking tasks, a classifier and a detector, and their four files, shared by the tests."""

import keras
import numpy as np
import pytest
from keras import layers
from sklearn.linear_model import LogisticRegression

from kerascnn.export.parity import Reference
from kerascnn.export.tflite import convert
from kerascnn.tasks import ClassificationTask
from tests.export.detector import DetectorTask, draw_scenes, make_detector

CLASSES = ("ant", "bee", "crème brûlée")
SIZE = (40, 48)


def make_pictures(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Draw smooth pictures (N, 40, 48, 3) uint8, reddish, greenish or bluish in turn, with that as labels (N,)."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    corners = rng.uniform(0, 120, (count, 3, 3, 3))
    corners[np.arange(count), :, :, labels] += 110
    pictures = np.asarray(keras.ops.image.resize(corners.astype(np.float32), SIZE))
    return pictures.clip(0, 255).astype(np.uint8), labels


@pytest.fixture(scope="session")
def task() -> ClassificationTask:
    """A small network of all kinds of layers that phones see, which tells colours."""
    keras.utils.set_random_seed(0)
    inputs = layers.Input((*SIZE, 3), name="image")
    x = layers.Rescaling(1 / 127.5, offset=-1.0)(inputs)
    x = layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False)(x)
    x = layers.ReLU(6.0)(layers.BatchNormalization()(x))
    x = layers.DepthwiseConv2D(3, padding="same", use_bias=False)(x)
    x = layers.ReLU(6.0)(layers.BatchNormalization()(x))
    x = layers.Add()([x, layers.Conv2D(8, 1)(x)])
    x = layers.Conv2D(128, 1, activation="relu")(x)
    pooled = layers.GlobalAveragePooling2D()(x)
    head = layers.Dense(3)
    task = ClassificationTask(keras.Model(inputs, head(pooled), name="small"), CLASSES)
    pictures, labels = make_pictures(96)
    features = keras.Model(inputs, pooled).predict(pictures, verbose=0)
    fitted = LogisticRegression(C=100, max_iter=1000).fit(features, labels)
    head.set_weights([fitted.coef_.T, fitted.intercept_])
    return task


@pytest.fixture(scope="session")
def reference(task: ClassificationTask) -> Reference:
    """The Keras model's answers on pictures that the calibration has not seen."""
    pictures, labels = make_pictures(40, seed=1)
    return Reference.of(task, [(pictures[:25], labels[:25]), (pictures[25:], labels[25:])])


@pytest.fixture(scope="session")
def files(task: ClassificationTask) -> dict[str, bytes]:
    """The four files."""
    return convert(task, [make_pictures(96)])


@pytest.fixture(scope="session")
def detector() -> DetectorTask:
    """A small detector of coloured rectangles."""
    return make_detector()


@pytest.fixture(scope="session")
def detector_reference(detector: DetectorTask) -> Reference:
    """Its answers on pictures that the calibration has not seen."""
    return Reference.of(detector, [draw_scenes(30, seed=1)])


@pytest.fixture(scope="session")
def detector_files(detector: DetectorTask) -> dict[str, bytes]:
    """Its four files."""
    return convert(detector, [draw_scenes(50, seed=2)])
