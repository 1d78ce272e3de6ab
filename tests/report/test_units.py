import pytest

from kerascnn.report import units


@pytest.mark.parametrize(
    ("unit", "number", "text"),
    [
        (units.percent, 0.95424, "95.4%"),
        (units.percent, 1.0, "100.0%"),
        (units.percent, 0.9999, ">99.9%"),
        (units.percent, 0.0, "0.0%"),
        (units.points, -0.0065, "\N{MINUS SIGN}0.7 points"),
        (units.points, 0.012, "+1.2 points"),
        (units.points, 0.0001, "±0.0 points"),
        (units.count, 2260546, "2,260,546"),
        (units.file_size, 8_900_000, "8.9 MB"),
        (units.file_size, 61_700, "62 kB"),
        (units.file_size, 1, "1 kB"),
        (units.latency, 0.052, "0.05 ms"),
        (units.latency, 4.1, "4.10 ms"),
        (units.latency, 41.25, "41.2 ms"),
        (units.latency, 1234.5, "1,234 ms"),
        (units.duration, 45.4, "45 s"),
        (units.duration, 59.6, "1 min 0 s"),
        (units.duration, 130.2, "2 min 10 s"),
        (units.duration, 4000, "1 h 6 min"),
        (units.difference, 1e-6, "1.0 \N{MULTIPLICATION SIGN} 10⁻⁶"),
        (units.difference, 0.0432, "0.043"),
        (units.difference, 12.3, "1.2 \N{MULTIPLICATION SIGN} 10¹"),
        (units.difference, 0.0, "0"),
        (units.rate, 0.001, "0.001"),
        (units.rate, 0.00001, "1.0 \N{MULTIPLICATION SIGN} 10⁻⁵"),
        (units.date, "2026-11-23T18:00:00+00:00", "23 November 2026, 18:00 UTC"),
        (units.date, "2026-11-03T08:05:00Z", "3 November 2026, 08:05 UTC"),
    ],
)
def test_number_reads_as_a_person_writes_it(unit, number, text):
    assert unit(number).replace(units.NBSP, " ") == text


@pytest.mark.parametrize("unit", units.FILTERS)
def test_what_was_not_measured_is_a_dash(unit):
    assert unit(None) == "\N{EN DASH}"


def test_names_are_written_as_people_write_them():
    assert units.title("mean IoU") == "Mean IoU" and units.title("") == ""
    assert units.monitor_name("box_iou") == "mean IoU"
    assert units.monitor_name("top_5_accuracy") == "top 5 accuracy"
