import re
import warnings
from xml.etree import ElementTree

import pytest

from kerascnn.report.detection_plots import (
    ERRORS,
    plot_cumulative_error,
    plot_detection_errors,
    plot_precision_recall,
    plot_proposal_recall,
)
from kerascnn.report.palette import class_color, hexadecimal

CURVE = {"recall": [0.2, 0.5, 0.6], "precision": [1.0, 0.9, 0.4]}
EMPTY = {"recall": [], "precision": []}
COUNTS = {key: number for number, key in enumerate(ERRORS, start=1200)}
ERROR_CURVE = {"error": [0, 0.05, 0.1], "share": [0, 0.4, 0.9]}


def _texts(svg):
    return [element.text for element in ElementTree.fromstring(svg).iter() if element.tag.endswith("}text")]


def _curves(number):
    return [{"class": f"cell {index}", "ap50": 0.5, **CURVE} for index in range(number)]


def test_curves_of_few_classes_have_names_and_colours():
    svg = plot_precision_recall(
        [*_curves(2), {"class": "none", "ap50": None, **EMPTY}], overall=CURVE, chosen=(0.5, 0.9)
    )
    assert {"cell 0, AP50 50.0%", "cell 1, AP50 50.0%", "none", "all classes", "recall", "Precision"} <= set(
        _texts(svg)
    )
    assert "circled: the chosen score" in _texts(svg)
    assert all(hexadecimal(class_color(number)) in svg for number in range(2))


def test_curves_of_many_classes_are_a_bundle_named_once():
    svg = plot_precision_recall(_curves(80), overall=CURVE)
    texts = _texts(svg)
    assert "each of 80 classes" in texts and "all classes" in texts
    assert not any("cell" in text or "circled" in text for text in texts)
    assert len(svg) < 100_000


def test_recall_is_shown_by_the_number_of_proposals():
    svg = plot_proposal_recall({"1": 0.1, "10": None, "300": 1.0})
    assert {"1", "10", "300", "proposals of a picture", "Recall of proposals"} <= set(_texts(svg))
    with pytest.raises(ValueError, match="at least one number"):
        plot_proposal_recall({})


def test_no_class_and_curves_of_two_lengths_are_refused():
    with pytest.raises(ValueError, match="at least one class"):
        plot_precision_recall([])
    with pytest.raises(ValueError, match=r"equally long.*2 and 1"):
        plot_precision_recall([{"class": "a", "recall": [0, 1], "precision": [1]}])
    with pytest.raises(ValueError, match="equally long"):
        plot_precision_recall(_curves(1), overall={"recall": [], "precision": [1]})


def test_every_kind_of_error_has_a_name_and_a_number():
    texts = _texts(plot_detection_errors(COUNTS))
    assert set(ERRORS.values()) <= set(texts)
    assert {"1,200", "1,206"} <= set(texts)


def test_bars_are_as_long_as_their_numbers():
    svg = plot_detection_errors(dict.fromkeys(ERRORS, 0) | {"correct": 20, "missed": 5})
    paths = re.findall(r'<path d="M ([\d.]+) [\d.]+ \nL ([\d.]+) [\d.]+ \nL [\d. ]+\nL [\d. ]+\nz', svg)
    lengths = [float(end) - float(start) for start, end in paths if float(start) > 0]
    assert max(lengths) == pytest.approx(4 * lengths[-1], rel=1e-3)


@pytest.mark.parametrize("counts", [{}, {**COUNTS, "missed": -1}])
def test_what_are_no_counts_is_refused(counts):
    with pytest.raises(ValueError, match="each 0 or more"):
        plot_detection_errors(counts)


def test_error_curves_have_names_and_areas():
    texts = _texts(plot_cumulative_error({"test": {**ERROR_CURVE, "auc": 0.43}, "validation": ERROR_CURVE}))
    assert {"test, area 43.0%", "validation", "normalised mean error"} <= set(texts)
    assert {"0%", "100%", "10%"} <= {text.replace(".0", "") for text in texts}


@pytest.mark.parametrize("curves", [{}, {"test": {"error": [], "share": []}}])
def test_no_error_curve_is_refused(curves):
    with pytest.raises(ValueError, match="at least one"):
        plot_cumulative_error(curves)


def test_error_curves_of_two_lengths_are_refused():
    with pytest.raises(ValueError, match="equally long"):
        plot_cumulative_error({"test": {"error": [0, 1], "share": [0]}})


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "$5$ & more", "蟻", "a" * 300])
def test_any_name_gives_well_formed_svg(name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        svgs = plot_precision_recall([{"class": name, **CURVE}]), plot_cumulative_error({name: ERROR_CURVE})
    for svg in svgs:
        assert "<script" not in svg
        assert any(text.startswith(name[:15]) for text in _texts(svg))


@pytest.mark.parametrize(
    "plot",
    [
        lambda: plot_precision_recall(_curves(3), overall=CURVE, chosen=(0.5, 0.9)),
        lambda: plot_precision_recall([{"class": "a", **EMPTY}]),
        lambda: plot_detection_errors(COUNTS),
        lambda: plot_detection_errors(dict.fromkeys(ERRORS, 0)),
        lambda: plot_cumulative_error({"test": ERROR_CURVE}),
    ],
)
def test_plot_is_the_same_every_time_and_stands_alone(plot):
    svg = plot()
    assert svg == plot()
    assert svg.startswith("<svg")
    assert re.findall(r'(?:href|src)="(?!#|data:)[^"]*"|url\((?!#)', svg) == []
