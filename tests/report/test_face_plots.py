"""The plots of faces: what is written in them, and what they refuse."""

import xml.etree.ElementTree as ET

import pytest

from kerascnn.report import plot_map, plot_progress, plot_roc, plot_similarities

ROC = [(0.0, 0.4), (0.01, 0.8), (1.0, 1.0)]
HISTOGRAMS = {"edges": [-1.0, 0.0, 0.5, 1.0], "same": [0.0, 0.1, 0.9], "different": [0.7, 0.3, 0.0]}


def texts(svg):
    return [element.text for element in ET.fromstring(svg).iter() if element.tag.endswith("text")]


def test_curves_are_named():
    found = texts(plot_roc({"triplet": ROC, "arcface": ROC}))
    assert {"triplet", "arcface"} <= set(found)
    assert plot_roc({"triplet": ROC}) == plot_roc({"triplet": ROC})


def test_progress_is_titled_and_its_curves_named():
    found = texts(plot_progress({"hard": [(8, 0.5), (16, 0.9)], "random": [(8, 0.6)]}, title="area under the ROC"))
    assert {"hard", "random", "area under the ROC", "steps"} <= set(found)


def test_the_threshold_is_written_beside_both_kinds_of_pairs():
    found = texts(plot_similarities(HISTOGRAMS, 0.456))
    assert {"the same person", "different people", "threshold 0.46"} <= set(found)


@pytest.mark.parametrize("points", [[(0.0, 0.0, 0)], [(0.1 * who, 0.2, who) for who in range(30)]])
def test_a_map_has_one_person_or_many(points):
    assert "<svg" in plot_map(points)


def test_what_cannot_be_plotted_is_refused():
    for curves in ({}, {"a": []}):
        with pytest.raises(ValueError, match="curves must hold at least one"):
            plot_roc(curves)
        with pytest.raises(ValueError, match="curves must hold at least one"):
            plot_progress(curves, title="AUC")
    with pytest.raises(ValueError, match="one edge more"):
        plot_similarities(HISTOGRAMS | {"same": [1.0]}, 0.5)
    with pytest.raises(ValueError, match="points must hold at least one"):
        plot_map([])
