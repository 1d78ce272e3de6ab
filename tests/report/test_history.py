"""history.csv, by round trips."""

from kerascnn.report import read_history, write_history


def test_rows_come_back_as_they_were(tmp_path):
    rows = [{"stage": "head", "epoch": 1, "loss": 0.25, "rate": 1e-05}, {"stage": "all", "epoch": 2, "loss": 3e10}]
    write_history(tmp_path, [rows[0], rows[1] | {"rate": 1.0}])
    assert read_history(tmp_path) == [rows[0], rows[1] | {"rate": 1.0}]


def test_a_value_that_a_row_lacks_is_empty(tmp_path):
    write_history(tmp_path, [{"epoch": 1}, {"epoch": 2, "loss": 0.5}])
    assert read_history(tmp_path) == [{"epoch": 1, "loss": ""}, {"epoch": 2, "loss": 0.5}]


def test_no_row_is_no_row(tmp_path):
    write_history(tmp_path, [])
    assert read_history(tmp_path) == []
