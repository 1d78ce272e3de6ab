"""What the scripts that ask who somebody is share: a run of train_faces.py, a gallery, and faces brought into place."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from train_faces import SMOKE_RUN
from train_faces import Config as TrainConfig
from train_faces import main as train

from kerascnn.data.align import align_face, five_points
from kerascnn.report import read_card
from kerascnn.runs import load_answerer, load_network, open_run
from kerascnn.tasks import FaceTask, Gallery, LandmarksTask

Place = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class FaceConfig:
    """The settings of every script that asks who somebody is."""

    run: Path | None = None
    """The run folder, of train_faces.py."""
    landmarks: Path | None = None
    """A run folder of train_landmarks.py, by whose landmarks faces are aligned, if the network was trained on such."""
    model: Literal["keras", "float32", "float16", "dynamic", "int8"] = "keras"
    """The Keras model or one of the TFLite files."""
    smoke: bool = False
    """Work on people of the embedded data with a small run, which is trained first if it is not there."""


def open_gallery(run: Path | None, model: str, file: Path | None = None, landmarks: Path | None = None) -> Gallery:
    """Open a gallery for the network of a run.

    Args:
        run: of train_faces.py.
        model: the Keras model or one of the TFLite files.
        file: a saved gallery; None, or one that is not there yet, is empty.
        landmarks: of `open_aligner`: faces that were aligned otherwise have other vectors.

    Raises:
        ValueError: for a run of another script, or a gallery of another network.
    """
    if run is None:
        raise ValueError("Say which run to ask: --run saved_models/NAME, of train_faces.py.")
    task, card, _ = open_run(run)
    if not isinstance(task, FaceTask):
        raise ValueError(f"{run} is no run of train_faces.py: its task is {task.name}.")
    aligned = "" if landmarks is None else f", aligned by {_name(read_card(landmarks))}"
    network = f"{_name(card)}{aligned}"
    options = {"comparison": task.comparison, "network": network}
    gallery = Gallery(load_network(run, task, model), task.image_size, task.threshold, **options)
    if file is not None and file.exists():
        gallery.load(file)
    return gallery


def open_aligner(run: Path | None, size: tuple[int, int]) -> Place:
    """Make what brings a face into place by the landmarks that a run of train_landmarks.py finds; None leaves it.

    Raises:
        ValueError: for a run of another script, or landmarks that faces cannot be aligned by.
    """
    if run is None:
        return lambda picture: picture
    task, _, _ = open_run(run)
    if not isinstance(task, LandmarksTask):
        raise ValueError(f"{run} is no run of train_landmarks.py: its task is {task.name}.")
    five_points(task.classes, np.zeros((len(task.classes), 2)))  # refuses others now
    answer = load_answerer(run, task, "keras")
    return lambda picture: align_face(picture, five_points(task.classes, answer(picture).points), size)


def _name(card: Mapping[str, Any]) -> str:
    return f"{card['architecture']} of {card['created']}"


def smoke_run() -> Path:
    """Give the run folder of train_faces.py --smoke, which is made if it is not there."""
    run = Path("saved_models") / SMOKE_RUN
    if not (run / "card.json").exists():
        train(TrainConfig(smoke=True))
    return run
