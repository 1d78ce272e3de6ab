"""Make somebody known by pictures, or forget somebody.

    python pipelines/enroll_faces.py --run saved_models/people --gallery people.npz --name Ada ada1.jpg ada2.jpg
    python pipelines/enroll_faces.py --run saved_models/people --gallery people.npz --folder team
    python pipelines/enroll_faces.py --run saved_models/people --gallery people.npz --remove Ada

One picture of a person suffices, several are better. A folder holds one of pictures for each person. The gallery is a
plain file of names and vectors, without the pictures.
"""

import dataclasses
import logging
import sys
from dataclasses import dataclass
from pathlib import Path

import tyro
from console import run_script
from files import open_some_pictures
from people import FaceConfig, open_aligner, open_gallery, smoke_run
from rich.progress import track

from kerascnn.data import open_source
from kerascnn.data.sources.class_folders import find_folders
from kerascnn.report import write_picture

logger = logging.getLogger("__main__")

SMOKE_FOLDER = Path("saved_models/smoke_people")


@dataclass(frozen=True)
class Config(FaceConfig):
    """Make somebody known by pictures, or forget somebody."""

    pictures: tyro.conf.Positional[tuple[Path, ...]] = ()
    """Picture files of one person, or a folder of them, each of one face."""
    gallery: Path = Path("people.npz")
    """The file of who is known; it is made."""
    name: str | None = None
    """Of the person in the pictures."""
    folder: Path | None = None
    """A folder with a folder of pictures for each person, who is called as it is."""
    remove: str | None = None
    """Who is to be forgotten: nothing of this person remains in the file."""
    threshold: float | None = None
    """The similarity from which on two pictures are taken for the same person, in the place of the run's."""


def main(config: Config) -> int:
    """Enrol or remove, and write the gallery. Returns the exit status: 1 if a picture could not be read."""
    config = _smoke(config) if config.smoke else config
    if sum(each is not None for each in (config.name, config.folder, config.remove)) != 1:
        raise ValueError("Say one of --name NAME PICTURE..., --folder FOLDER, --remove NAME.")
    if bool(config.pictures) != (config.name is not None):
        raise ValueError("Pictures and --name go together: whose pictures are they?")
    gallery = open_gallery(config.run, config.model, config.gallery, config.landmarks)
    align, left_out = open_aligner(config.landmarks, gallery.image_size), 0
    if config.threshold is not None:
        gallery.threshold = config.threshold
    if config.remove is not None:
        if config.remove not in gallery.names:
            raise ValueError(f"Nobody in {config.gallery} is called {config.remove!r}.")
        gallery.remove(config.remove)
    else:
        for name, paths in track(_list_people(config).items(), "Enrolling", transient=True):
            split, missed = open_some_pictures(paths)
            gallery.enrol(name, [align(split.picture(index)) for index in range(len(split))])
            left_out += missed
    gallery.save(config.gallery)
    logger.info("%s knows %d people.", config.gallery, len(gallery))
    return 1 if left_out else 0


def _list_people(config: Config) -> dict[str, tuple[Path, ...]]:
    """Give the pictures by name."""
    if config.folder is None:
        return {config.name: config.pictures}
    names = sorted(find_folders(config.folder))
    if not names:
        raise ValueError(f"{config.folder} holds no folder of a person.")
    return {name: (config.folder / name,) for name in names}


def write_smoke_people() -> Path:
    """Write two pictures each of three people of the embedded data as files: `0/0.png` and so on."""
    split = open_source("faces/tiny", annotation="identity").valid
    people = split.annotations["identity"]
    for number, person in enumerate(sorted(set(people.tolist()))[:3]):
        for place, index in enumerate((people == person).nonzero()[0][:2]):
            write_picture(SMOKE_FOLDER / str(number) / f"{place}.png", split.picture(index))
    return SMOKE_FOLDER


def _smoke(config: Config) -> Config:
    gallery = SMOKE_FOLDER.with_suffix(".npz")
    gallery.unlink(missing_ok=True)
    return dataclasses.replace(config, run=smoke_run(), gallery=gallery, folder=write_smoke_people())


if __name__ == "__main__":
    sys.exit(run_script(main, Config, __doc__))
