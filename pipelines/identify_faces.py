"""Say who is in pictures, of the people whom enroll_faces.py made known.

    python pipelines/identify_faces.py photo.jpg --run saved_models/people --gallery people.npz

Each picture shows one face. Whoever is below the threshold is `unknown`.
"""

import dataclasses
import sys
from dataclasses import dataclass
from pathlib import Path

import tyro
from console import print_answers, run_script
from enroll_faces import SMOKE_FOLDER
from enroll_faces import Config as EnrolConfig
from enroll_faces import main as enrol
from files import check_folder, open_some_pictures
from people import FaceConfig, open_aligner, open_gallery, smoke_run
from rich.progress import track

from kerascnn.report import draw_answer, write_picture


@dataclass(frozen=True)
class Config(FaceConfig):
    """Say who is in pictures."""

    pictures: tyro.conf.Positional[tuple[Path, ...]] = ()
    """The picture files, or folders of them."""
    gallery: Path = Path("people.npz")
    """Who is known, a file of enroll_faces.py."""
    top: int = 1
    """How many people to name at most, of those from the threshold on, the most alike first."""
    save: Path | None = None
    """A folder for the pictures with the answer below; it is made."""


def main(config: Config) -> int:
    """Identify and print. Returns the exit status: 1 if a picture could not be read."""
    config = _smoke(config) if config.smoke else config
    if not config.pictures:
        raise ValueError("Say about which pictures to ask: PICTURE...")
    if not config.gallery.exists():
        raise FileNotFoundError(f"There is no gallery {config.gallery}: enroll_faces.py makes one.")
    check_folder(config.save)
    gallery = open_gallery(config.run, config.model, config.gallery, config.landmarks)
    align = open_aligner(config.landmarks, gallery.image_size)
    split, left_out = open_some_pictures(config.pictures)
    answers = []
    for index in track(range(len(split)), "Identifying", transient=True):
        picture = split.picture(index)
        answers.append(gallery.identify(align(picture), config.top))
        if config.save is not None:
            name = f"{index:03d}_{Path(split.names[index]).stem}.png"
            write_picture(config.save / name, draw_answer(answers[-1][0], picture))
    print_answers(split.names, [[f"{each.name} {each.similarity:.2f}" for each in answer] for answer in answers])
    return 1 if left_out else 0


def _smoke(config: Config) -> Config:
    enrol(EnrolConfig(smoke=True))
    gallery = SMOKE_FOLDER.with_suffix(".npz")
    pictures = tuple(sorted(SMOKE_FOLDER.iterdir()))
    return dataclasses.replace(config, run=smoke_run(), gallery=gallery, pictures=config.pictures or pictures)


if __name__ == "__main__":
    sys.exit(run_script(main, Config, __doc__))
