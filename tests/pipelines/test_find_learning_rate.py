"""find_learning_rate.py: a suggestion, and a picture of the search."""

import re

from PIL import Image


def test_smoke_prints_a_rate_and_draws_the_search(run, workplace):
    outcome = run("find_learning_rate.py", "--smoke", "--output", "rates.png")
    assert outcome.returncode == 0, outcome.stderr
    rate = float(re.search(r"learning rate: (\S+), see rates.png", outcome.stdout)[1])
    assert 1e-6 < rate < 1
    assert min(Image.open(workplace / "rates.png").size) > 200


def test_a_range_that_makes_no_sense_is_an_error(call):
    outcome = call("find_learning_rate.py", "--smoke", "--lowest", "2")
    assert outcome.returncode == 2
    assert "lowest must be positive and below highest" in outcome.stderr
