"""The client that phones use opens every file as it is, and answers with the class names."""

import mediapipe as mp
import numpy as np
import pytest
from mediapipe.tasks.python import BaseOptions
from mediapipe.tasks.python.vision import ImageClassifier, ImageClassifierOptions

from kerascnn.data.resize import resize
from kerascnn.export.interpreter import TFLiteModel
from kerascnn.export.tflite import PRECISIONS
from tests.export.conftest import CLASSES, make_pictures


@pytest.mark.parametrize("precision", PRECISIONS)
def test_image_classifier_opens_the_file_and_gives_our_answers(files, precision):
    pictures, _ = make_pictures(12, seed=2)
    expected = TFLiteModel(files[precision]).predict(pictures)["probabilities"]
    options = ImageClassifierOptions(BaseOptions(model_asset_buffer=files[precision]))
    with ImageClassifier.create_from_options(options) as classifier:
        for picture, probabilities in zip(pictures, expected, strict=True):
            image = mp.Image(mp.ImageFormat.SRGB, picture)
            (answer,) = classifier.classify(image).classifications
            found = {category.category_name: category.score for category in answer.categories}
            assert list(found) == [CLASSES[index] for index in np.argsort(-probabilities, kind="stable")]
            np.testing.assert_allclose([found[name] for name in CLASSES], probabilities, atol=5e-3)


def test_image_classifier_stretches_pictures_as_our_pipeline_does(files):
    pictures, _ = make_pictures(6, seed=3)
    large = np.stack([np.asarray(resize(picture, (150, 90))) for picture in pictures])
    small = np.stack([np.asarray(resize(picture, (40, 48))) for picture in large])
    expected = TFLiteModel(files["float32"]).predict(small)["probabilities"]
    options = ImageClassifierOptions(BaseOptions(model_asset_buffer=files["float32"]))
    with ImageClassifier.create_from_options(options) as classifier:
        for picture, probabilities in zip(large, expected, strict=True):
            (answer,) = classifier.classify(mp.Image(mp.ImageFormat.SRGB, picture)).classifications
            assert answer.categories[0].category_name == CLASSES[probabilities.argmax()]
            assert answer.categories[0].score == pytest.approx(probabilities.max(), abs=0.02)
