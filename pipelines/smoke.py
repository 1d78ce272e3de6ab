"""The small run that the other scripts' --smoke works on: finetune.py --smoke, on the embedded data."""

from pathlib import Path

from finetune import SMOKE_RUN, Config, main

from kerascnn.data import open_source
from kerascnn.report import write_picture


def smoke_run() -> Path:
    """Give the run folder; the run is made if it is not there."""
    if not (SMOKE_RUN / "card.json").exists():
        main(Config(smoke=True))
    return SMOKE_RUN


def smoke_pictures() -> tuple[Path, ...]:
    """Write three pictures of the embedded data as files, beside the run, and give their paths."""
    split = open_source("scenes/tiny").valid
    paths = tuple(SMOKE_RUN.with_name("smoke_pictures") / f"{index}.png" for index in range(3))
    for index, path in enumerate(paths):
        write_picture(path, split.picture(index))
    return paths
