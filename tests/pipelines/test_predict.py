"""predict.py: a table, pictures, and what cannot be read."""

from PIL import Image


def test_smoke_prints_a_table_and_saves_pictures(smoke_run, run, workplace):
    outcome = run("predict.py", "--smoke", "--save", "answers", "--model", "float32")
    assert outcome.returncode == 0, outcome.stderr
    assert outcome.stdout.count("smoke_pictures") == 3
    saved = sorted((workplace / "answers").iterdir())
    assert len(saved) == 3
    width, height = Image.open(saved[0]).size
    assert width == 160 and height > 160, "the caption stands below the picture"


def test_a_file_that_is_no_picture_is_named_and_the_others_are_answered(smoke_run, call, workplace):
    (workplace / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    outcome = call("predict.py", smoke_run / "golden" / "0.png", "broken.jpg", "--run", smoke_run, "--top", "20")
    assert outcome.returncode == 1
    assert "broken.jpg was left out" in outcome.stderr
    assert "0.png" in outcome.stdout


def test_no_readable_picture_is_an_error(smoke_run, call):
    outcome = call("predict.py", "nothing.jpg", "--run", smoke_run)
    assert outcome.returncode == 2
    assert "None of the pictures" in outcome.stderr
