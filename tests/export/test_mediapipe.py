"""The client that phones use opens every file as it is, and answers with the class names."""

import mediapipe as mp
import numpy as np
import pytest
from mediapipe.tasks.python import BaseOptions
from mediapipe.tasks.python.vision import ImageClassifier, ImageClassifierOptions, ObjectDetector, ObjectDetectorOptions

from kerascnn.data.resize import resize
from kerascnn.export.interpreter import TFLiteModel
from kerascnn.export.tflite import PRECISIONS
from tests.export.conftest import CLASSES, make_pictures
from tests.export.detector import draw_scenes


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


def detect(content, picture, **options):
    """Give names, scores, and x1, y1, width and height of what MediaPipe's detector finds."""
    options = ObjectDetectorOptions(BaseOptions(model_asset_buffer=content), **options)
    with ObjectDetector.create_from_options(options) as client:
        found = client.detect(mp.Image(mp.ImageFormat.SRGB, picture)).detections
    boxes = [each.bounding_box for each in found]
    boxes = [(box.origin_x, box.origin_y, box.width, box.height) for box in boxes]
    categories = [category for each in found for category in each.categories]
    return [each.category_name for each in categories], [each.score for each in categories], boxes


@pytest.mark.parametrize("precision", PRECISIONS)
def test_object_detector_opens_the_file_and_gives_our_answers(detector, detector_files, precision):
    pictures, _ = draw_scenes(4, seed=3)
    outputs = TFLiteModel(detector_files[precision]).predict(pictures)
    for picture, rows, scores, count in zip(
        pictures, detector.rows(outputs), outputs["score"], outputs["number"], strict=True
    ):
        names, found, boxes = detect(detector_files[precision], picture)
        assert len(names) == count > 0
        assert names == [CLASSES[int(row[4])] for row in rows]
        np.testing.assert_allclose(found, scores[: len(names)], atol=1e-5)
        rest = np.column_stack([rows[:, :2], rows[:, 2:4] - rows[:, :2]]) - boxes
        assert (rest > -1e-3).all() and (rest < 1 + 1e-3).all()  # the client cuts to whole pixels


def test_object_detector_gives_boxes_in_pixels_of_the_picture(detector, detector_files):
    pictures, _ = draw_scenes(3, seed=4)
    large = pictures.repeat(5, axis=1).repeat(3, axis=2)
    outputs = TFLiteModel(detector_files["float32"]).predict(pictures)
    for picture, rows in zip(large, detector.rows(outputs), strict=True):
        names, _, (box,) = detect(detector_files["float32"], picture, max_results=1)
        assert names == [CLASSES[int(rows[0, 4])]]
        x1, y1, x2, y2 = rows[0, :4] * [3, 5, 3, 5]
        np.testing.assert_allclose(box, [x1, y1, x2 - x1, y2 - y1], atol=5)  # it resizes a little otherwise


def test_options_of_the_object_detector_choose_among_our_answers(detector_files):
    pictures, _ = draw_scenes(1, seed=5)
    names, scores, _ = detect(detector_files["float32"], pictures[0])
    assert len(names) >= 2
    assert detect(detector_files["float32"], pictures[0], max_results=1)[0] == names[:1]
    threshold = (scores[0] + scores[1]) / 2
    assert detect(detector_files["float32"], pictures[0], score_threshold=threshold)[0] == names[:1]
    kept = [name for name in names if name == names[0]]
    assert detect(detector_files["float32"], pictures[0], category_allowlist=names[:1])[0] == kept


def test_object_detector_finds_nothing_in_an_empty_picture(detector_files):
    assert detect(detector_files["float32"], np.full((64, 80, 3), 60, np.uint8)) == ([], [], [])
