"""export_model.py makes the files of a run again."""

import json


def test_smoke_gives_the_same_files_again(smoke_run, run, workplace):
    outcome = run("export_model.py", "--smoke")
    assert outcome.returncode == 0, outcome.stderr
    again = workplace / "saved_models" / "smoke_again"
    assert (again / "history.csv").read_bytes() == (smoke_run / "history.csv").read_bytes()
    assert (again / "model_float32.tflite").stat().st_size == (smoke_run / "model_float32.tflite").stat().st_size
    cards = [json.loads((folder / "card.json").read_text()) for folder in (smoke_run, again)]
    for key in ("classes", "metrics", "stages", "data"):
        assert cards[0][key] == cards[1][key]


def test_the_run_itself_is_replaced_only_when_asked_for(smoke_run, call):
    outcome = call("export_model.py", "--run", smoke_run)
    assert outcome.returncode == 2
    assert "--overwrite" in outcome.stderr
