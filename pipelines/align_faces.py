"""Copy a folder of people with each face brought into place: eyes, nose and mouth where they are in all others.

    python pipelines/align_faces.py photos --landmarks saved_models/landmarks --output aligned

Each picture shows one face. `photos/ada/1.jpg` becomes `aligned/ada/1.png`, whatever folders lie between; pictures that
cannot be read are named and left out. train_faces.py then takes `identities:aligned`, and the scripts that ask its run
take the same `--landmarks`.
"""

import dataclasses
import logging
import shutil
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import tyro
from console import run_script
from enroll_faces import write_smoke_people
from files import open_pictures
from people import open_aligner
from rich.progress import track
from train_landmarks import Config as TrainConfig
from train_landmarks import main as train

from kerascnn.data.sources.class_folders import HIDDEN
from kerascnn.data.sources.files import PICTURE_SUFFIXES, list_files
from kerascnn.export import new_run_folder
from kerascnn.report import write_picture

logger = logging.getLogger("__main__")


@dataclass(frozen=True)
class Config:
    """Copy a folder of people with each face brought into place."""

    folder: tyro.conf.Positional[Path | None] = None
    """Of the pictures."""
    landmarks: Path | None = None
    """The run folder of train_landmarks.py, by whose landmarks faces are aligned."""
    output: Path | None = None
    """The folder to write, whole or not at all; it must not be there."""
    image_size: tuple[int, int] = (112, 112)
    """Height and width of the aligned pictures in pixels."""
    smoke: bool = False
    """Align three people of the embedded data with a small run, which is trained first if it is not there."""


def main(config: Config) -> int:
    """Align and write. Returns the exit status: 1 if a picture could not be read."""
    config = _smoke(config) if config.smoke else config
    if config.folder is None or config.landmarks is None or config.output is None:
        raise ValueError("Say what to align, by which landmarks, and where to: FOLDER --landmarks RUN --output FOLDER.")
    align = open_aligner(config.landmarks, config.image_size)
    split, left_out = open_pictures(_list_pictures(config.folder))
    if not len(split):
        raise ValueError(f"{config.folder} holds no picture that can be read.")
    with new_run_folder(config.output) as folder:
        for index in track(range(len(split)), "Aligning", transient=True):
            name = Path(split.names[index]).relative_to(config.folder)
            write_picture(folder / name.with_suffix(".png"), align(split.picture(index)))
    logger.info("Wrote %d aligned pictures to %s.", len(split), config.output)
    return 1 if left_out else 0


def _list_pictures(folder: Path) -> list[Path]:
    """List the pictures below a folder, but for those in hidden folders.

    Raises:
        ValueError: for two that would become one.
    """
    found = [each for each in list_files(folder) if each.suffix.lower() in PICTURE_SUFFIXES]
    seen = [each for each in found if not any(part.startswith(HIDDEN) for part in each.relative_to(folder).parts)]
    twice = [name for name, count in Counter(each.with_suffix("") for each in seen).items() if count > 1]
    if twice:
        raise ValueError(f"Pictures must differ by more than their endings, since all become .png: {twice[0]}.*")
    return seen


def _smoke(config: Config) -> Config:
    run, output = Path("saved_models/smoke_landmarks"), Path("saved_models/smoke_aligned")
    if not (run / "card.json").exists():
        train(TrainConfig(smoke=True))
    shutil.rmtree(output, ignore_errors=True)
    return dataclasses.replace(config, folder=write_smoke_people(), landmarks=run, output=output)


if __name__ == "__main__":
    sys.exit(run_script(main, Config, __doc__))
