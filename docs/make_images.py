"""Make the README's pictures again: `python docs/make_images.py`, after the runs that they show.

These are `make demo`, `train_localizer.py`, `train_landmarks.py` and `train_yolo.py` with their defaults, and for the
pyramids `train_windows.py --copies 6 --augment light --epochs 12 --rounds 1 --most-of-a-class 1`. The report is
photographed by headless Chromium; what is not there is left as it is.
"""

import io
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro
from PIL import Image
from pyramid import draw_pyramids

from kerascnn.data import pipeline
from kerascnn.data.faces import FIRST_IDENTITY, render_face
from kerascnn.data.scenes import CLASSES, render_scene
from kerascnn.report import draw_answer, draw_boxes
from kerascnn.runs import load_predictor, open_data, open_run

IMAGES = Path(__file__).parent / "images"
COLUMNS, ROWS, MARGIN = 8, 3, 4  # of a sheet
SCALE = 2  # pictures are drawn on at twice the size, so that lines are thin
COLORS = 128  # of the palette
JPEG_QUALITY = 88


@dataclass(frozen=True)
class Config:
    """Make the README's pictures again."""

    run: Path = Path("saved_models/demo")
    """The run whose report is photographed."""
    localizer: Path = Path("saved_models/scenes_one")
    """The run of train_localizer.py whose answers are drawn."""
    landmarks: Path = Path("saved_models/faces")
    """The run of train_landmarks.py whose answers are drawn."""
    detector: Path = Path("saved_models/scenes")
    """The run of train_yolo.py whose answers are drawn."""
    windows: Path = Path("saved_models/scenes_windows")
    """The run of train_windows.py whose pyramids are drawn."""
    found: tuple[int, ...] = (154, 161)
    """Numbers of the test pictures of it: some of those in which it finds everything."""
    first: int = 20
    """Number of the first scene on the sheet."""


def main(config: Config) -> None:
    """Make all pictures."""
    save(make_sheet(draw_scenes(config.first)), IMAGES / "scenes.jpg")
    save(make_sheet(draw_faces()), IMAGES / "faces.jpg")
    runs = [run for run in (config.localizer, config.landmarks) if (run / "card.json").exists()]
    if len(runs) == 2:
        save(make_sheet([picture for run in runs for picture in draw_answers(run, COLUMNS)]), IMAGES / "places.jpg")
    if (config.windows / "card.json").exists():
        save(draw_pyramids(config.windows, config.found), IMAGES / "sliding_windows.jpg")
    if (config.detector / "card.json").exists():
        save(make_sheet(draw_answers(config.detector, ROWS * COLUMNS)), IMAGES / "detections.jpg")
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser and (config.run / "report.html").exists():
        save(photograph(browser, config.run / "report.html"), IMAGES / "report.png")


def draw_scenes(first: int) -> list[np.ndarray]:
    """Draw scenes with the boxes of what lies in them."""
    samples = [render_scene(0, index) for index in range(first, first + ROWS * COLUMNS)]
    return [
        draw_boxes(
            enlarge(sample["image"]),
            sample["boxes"] * SCALE,
            labels=[CLASSES[class_id] for class_id in sample["class_ids"]],
            class_ids=sample["class_ids"],
        )
        for sample in samples
    ]


def draw_faces() -> list[np.ndarray]:
    """Draw two portraits each of some people, one beside the other."""
    people = range(FIRST_IDENTITY["train"], ROWS * COLUMNS // 2)
    return [enlarge(render_face(0, identity, number)["image"]) for identity in people for number in range(2)]


def draw_answers(run: Path, count: int) -> list[np.ndarray]:
    """Draw what a run answers about the first test pictures of its data."""
    task, card, _ = open_run(run)
    split = open_data(card).test.select(np.arange(count))
    outputs = load_predictor(run, task, "int8")(pipeline(split, task)).outputs
    pictures = [enlarge(split.picture(index)) for index in range(count)]
    answers = task.answers(outputs, [picture.shape[:2] for picture in pictures])
    return [draw_answer(answer, picture) for answer, picture in zip(answers, pictures, strict=True)]


def enlarge(picture: np.ndarray) -> np.ndarray:
    """Give a picture at the size that it is drawn on."""
    image = Image.fromarray(picture)
    return np.asarray(image.resize((image.width * SCALE, image.height * SCALE), Image.Resampling.LANCZOS))


def make_sheet(pictures: Sequence[np.ndarray]) -> Image.Image:
    """Lay pictures in rows, all at the size of the first one before it was drawn on."""
    height, width = (side // SCALE for side in pictures[0].shape[:2])
    rows = -(-len(pictures) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * (width + MARGIN) - MARGIN, rows * (height + MARGIN) - MARGIN), "white")
    for position, picture in enumerate(pictures):
        row, column = divmod(position, COLUMNS)
        small = Image.fromarray(picture).resize((width, height), Image.Resampling.LANCZOS)
        sheet.paste(small, (column * (width + MARGIN), row * (height + MARGIN)))
    return sheet


def photograph(browser: str, page: Path) -> Image.Image:
    """Photograph the top of a page."""
    with tempfile.TemporaryDirectory() as folder:
        shot = Path(folder) / "shot.png"
        options = ("--headless", "--no-sandbox", "--hide-scrollbars", "--window-size=1240,1180")
        command = [browser, *options, f"--screenshot={shot}", page.absolute().as_uri()]
        subprocess.run(command, check=True, capture_output=True)
        return Image.open(io.BytesIO(shot.read_bytes())).convert("RGB")


def save(picture: Image.Image, path: Path) -> None:
    """Save a drawing with a palette as PNG, photo-like pictures as JPEG: either is under 300 kB."""
    if path.suffix == ".png":
        picture = picture.quantize(COLORS)
    picture.save(path, optimize=True, quality=JPEG_QUALITY)


if __name__ == "__main__":
    main(tyro.cli(Config, description=__doc__))
