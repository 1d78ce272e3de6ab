"""Say whether two pictures show the same person; or measure how well a run does on pairs, as LFW does.

    python pipelines/verify_faces.py passport.jpg camera.jpg --run saved_models/people
    python pipelines/verify_faces.py --pairs pairs.txt --folder lfw --run saved_models/people

Exits with 0 for the same person, with 1 for different ones, and with 2 for what cannot be compared.
"""

import dataclasses
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro
from console import run_script
from enroll_faces import write_smoke_people
from files import open_pictures
from people import FaceConfig, Place, open_aligner, open_gallery, smoke_run
from rich.console import Console
from rich.progress import track

from kerascnn.data.pairs import Pairs, read_pairs
from kerascnn.metrics.verification import WANTED_FARS, auc, ten_fold_accuracy, trace_roc
from kerascnn.tasks import Gallery

AT_ONCE = 256  # pictures in memory


@dataclass(frozen=True)
class Config(FaceConfig):
    """Say whether two pictures show the same person; or measure how well a run does on pairs."""

    pictures: tyro.conf.Positional[tuple[Path, ...]] = ()
    """Two picture files, each of one face."""
    pairs: Path | None = None
    """A list of pairs in LFW's format."""
    folder: Path | None = None
    """The pictures of these pairs: NAME/NAME_0001.jpg and so on."""
    threshold: float | None = None
    """The similarity from which on two pictures are taken for the same person, in the place of the run's."""


def main(config: Config) -> int:
    """Verify and print. Returns the exit status: 1 for different people."""
    config = _smoke(config) if config.smoke else config
    if len(config.pictures) != (2 if config.pairs is None else 0) or (config.pairs is None) != (config.folder is None):
        raise ValueError("Give two pictures, or --pairs FILE --folder FOLDER.")
    gallery = open_gallery(config.run, config.model)
    align = open_aligner(config.landmarks, gallery.image_size)
    if config.threshold is not None:
        gallery.threshold = config.threshold
    if config.pairs is not None:
        for name, rate in _measure(gallery, align, read_pairs(config.pairs, config.folder)).items():
            Console().print(f"{name}: {rate:.2%}")
        return 0
    split, left_out = open_pictures(config.pictures)
    if left_out:
        raise ValueError("Both pictures are needed.")
    match = gallery.verify(*(align(split.picture(index)) for index in range(2)))
    said = "the same person" if match.same else "different people"
    Console().print(f"{said}: similarity {match.similarity:.3f}, threshold {match.threshold:.3f}")
    return 0 if match.same else 1


def _measure(gallery: Gallery, align: Place, pairs: Pairs) -> dict[str, float]:
    """Measure the accuracy and the rates of pairs."""
    split, left_out = open_pictures(pairs.files)
    if left_out:
        raise ValueError("All pictures of the pairs are needed.")
    vectors = []
    for start in track(range(0, len(split), AT_ONCE), "Looking", transient=True):
        chosen = range(start, min(start + AT_ONCE, len(split)))
        vectors.append(gallery.embed([align(split.picture(index)) for index in chosen]))
    table = np.concatenate(vectors)
    scores = np.array([gallery.comparison(table[[i]], table[[j]])[0, 0] for i, j in pairs.places])
    roc = trace_roc(scores, pairs.same)
    rates = {"AUC": auc(scores, pairs.same), "equal error rate": roc.eer}
    if pairs.folds.max() > 0:
        accuracy = ten_fold_accuracy(scores, pairs.same, pairs.folds)
        rates |= {"accuracy over folds": accuracy["accuracy"], "its standard error": accuracy["standard_error"]}
    rates |= {f"TAR at FAR {far:g}": roc.at_far(far)[0] for far in WANTED_FARS}
    accepted = scores >= gallery.threshold
    named = f"at the threshold {gallery.threshold:.3f}"
    return rates | {
        f"TAR {named}": float(accepted[pairs.same].mean()),
        f"FAR {named}": float(accepted[~pairs.same].mean()),
    }


def _smoke(config: Config) -> Config:
    folder = write_smoke_people()
    pictures = config.pictures or (folder / "0" / "0.png", folder / "0" / "1.png")
    return dataclasses.replace(config, run=smoke_run(), pictures=pictures)


if __name__ == "__main__":
    sys.exit(run_script(main, Config, __doc__))
