"""The plot of the costs: what it shows, read from its text."""

import pytest

from kerascnn.report import plot_costs


def rows(*widths):
    return [
        {"step": step, "height": 40, "width": width, "total": 9 / step, "content": 1.0, "style": 8.0}
        for step, width in enumerate(widths, 1)
    ]


def test_total_and_parts_are_named_and_levels_divided():
    one, two = plot_costs(rows(40, 40, 40), 1, 0.5), plot_costs(rows(40, 80, 80), 1, 0.5)
    for words in ("total", "content, times alpha", "style, times beta"):
        assert words in one
    assert two.count("stroke-dasharray") == one.count("stroke-dasharray") + 1


def test_a_cost_that_does_not_count_is_left_out():
    assert "style, times beta" not in plot_costs(rows(40, 40), 1, 0)


def test_without_a_step_there_is_nothing_to_plot():
    with pytest.raises(ValueError, match="at least one step"):
        plot_costs([], 1, 1)
