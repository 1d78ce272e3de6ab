import re
import warnings
from xml.etree import ElementTree

import numpy as np
import pytest

from kerascnn.report.plots import plot_confusion, plot_history


def _rows(stages=("head",) * 3 + ("fine_tune",) * 2, val_loss=(0.9, 0.5, 0.4, 0.3, 0.35)):
    return [
        {
            "stage": stage,
            "epoch": index + 1,
            "loss": 1 / (index + 1),
            "accuracy": 0.8,
            "val_loss": loss,
            "val_accuracy": 0.7,
        }
        for index, (stage, loss) in enumerate(zip(stages, val_loss, strict=True))
    ]


def _texts(svg):
    return [element.text for element in ElementTree.fromstring(svg).iter() if element.tag.endswith("}text")]


def test_history_names_panels_stages_curves_and_the_best_epoch():
    texts = _texts(plot_history(_rows(), best_epoch=4))
    assert {"Loss", "Accuracy", "head", "fine_tune", "training", "validation", "epoch"} <= set(texts)
    assert "circled: epoch 4, the best" in texts


@pytest.mark.parametrize("best_epoch", [None, 0, 6])
def test_no_epoch_is_circled_where_none_of_the_rows_is_the_best(best_epoch):
    assert not any("circled" in text for text in _texts(plot_history(_rows(), best_epoch=best_epoch)))


def test_each_boundary_between_stages_is_dashed_in_both_panels():
    dashes = [plot_history(_rows(stages=stages)).count("stroke-dasharray") for stages in (["all"] * 5, list("aabcc"))]
    assert dashes == [0, 2 * 2]


def test_history_of_one_epoch_and_of_a_diverged_run():
    assert "circled: epoch 1, the best" in _texts(plot_history(_rows(("all",), (0.9,)), best_epoch=1))
    rows = _rows(val_loss=(0.9, 0.5, float("nan"), None, float("inf")))
    assert "circled: epoch 2, the best" in _texts(plot_history(rows, best_epoch=2))


def test_empty_history_is_refused():
    with pytest.raises(ValueError, match="at least one epoch"):
        plot_history([])


def test_confusion_of_two_classes_shows_names_and_counts():
    assert {"ants", "bees", "66", "4", "3", "1,080"} <= set(
        _texts(plot_confusion([[66, 4], [3, 1080]], ["ants", "bees"]))
    )


def test_confusion_of_many_classes_shows_colour_and_few_names():
    names = [f"flower {index}" for index in range(102)]
    svg = plot_confusion(np.full((102, 102), 7), names)
    texts = _texts(svg)
    assert "7" not in texts
    assert 2 <= len([text for text in texts if text.startswith("flower")]) <= 2 * 12
    assert len(svg) < 100_000


def test_confusion_row_without_pictures_stays_white():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        svg = plot_confusion([[0, 0], [1, 3]], ["ants", "bees"])
    assert _texts(svg).count("0") == 2


@pytest.mark.parametrize(
    ("matrix", "classes"), [([[1, 2]], ["a"]), ([[1]], ["a", "b"]), (np.zeros((0, 0)), []), ([[-1]], ["a"])]
)
def test_what_is_no_confusion_matrix_is_refused(matrix, classes):
    with pytest.raises(ValueError, match=r"\(C, C\)"):
        plot_confusion(matrix, classes)


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "$5$ & more", "--> out", "蟻", "a" * 300])
def test_any_class_name_gives_well_formed_svg(name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        svg = plot_confusion([[1, 0], [0, 1]], [name, "bees"])
    assert "<script" not in svg
    assert any(text.startswith(name[:15]) for text in _texts(svg))


@pytest.mark.parametrize("plot", [lambda: plot_history(_rows()), lambda: plot_confusion(np.eye(3, dtype=int), "abc")])
def test_plot_is_the_same_every_time_and_stands_alone(plot):
    svg = plot()
    assert svg == plot()
    assert svg.startswith("<svg")
    loads = re.findall(r'(?:href|src)="(?!#|data:)[^"]*"|url\((?!#)', svg)
    assert loads == []


def test_two_plots_share_a_page_without_sharing_names():
    names = [set(re.findall(r' id="([^"]+)"', svg)) for svg in (plot_history(_rows()), plot_confusion([[1]], ["ants"]))]
    assert all(names)
    assert names[0].isdisjoint(names[1])
