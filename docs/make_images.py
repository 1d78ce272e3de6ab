"""Make the README's pictures again: `python docs/make_images.py --run saved_models/demo`, after `make demo`.

The report is photographed by headless Chromium; without it that picture is left as it is.
"""

import io
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro
from PIL import Image, ImageDraw

from kerascnn.data.scenes import CLASSES, render_scene

IMAGES = Path(__file__).parent / "images"
COLUMNS, ROWS, MARGIN = 8, 3, 4  # of the sheet of scenes
SCALE = 2  # the boxes are drawn at twice the size, and the sheet then made smaller, which smooths them
COLORS = 128  # of the palette
JPEG_QUALITY = 90


@dataclass(frozen=True)
class Config:
    """Make the README's pictures again."""

    run: Path = Path("saved_models/demo")
    """The run whose report is photographed."""
    first: int = 20
    """Number of the first scene on the sheet."""


def main(config: Config) -> None:
    """Make both pictures."""
    save(draw_sheet(config.first), IMAGES / "scenes.jpg")
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser and (config.run / "report.html").exists():
        save(photograph(browser, config.run / "report.html"), IMAGES / "report.png")


def draw_sheet(first: int) -> Image.Image:
    """Draw scenes in rows, with the box of the labelled thing and those of the others."""
    samples = [render_scene(0, index) for index in range(first, first + ROWS * COLUMNS)]
    height, width = samples[0]["image"].shape[:2]
    sheet = Image.new("RGB", (COLUMNS * (width + MARGIN) - MARGIN, ROWS * (height + MARGIN) - MARGIN), "white")
    for position, sample in enumerate(samples):
        row, column = divmod(position, COLUMNS)
        sheet.paste(draw_boxes(sample), (column * (width + MARGIN), row * (height + MARGIN)))
    return sheet


def draw_boxes(sample: dict[str, np.ndarray]) -> Image.Image:
    """Draw the boxes of a scene; the labelled thing, which comes first, is named."""
    picture = Image.fromarray(sample["image"])
    large = picture.resize((picture.width * SCALE, picture.height * SCALE))
    pen = ImageDraw.Draw(large)
    for position, box in reversed(list(enumerate(sample["boxes"] * SCALE))):
        pen.rectangle(box.tolist(), outline="#ffd21f" if position == 0 else "white", width=3)
    pen.text((8, 4), CLASSES[sample["label"]], fill="white", font_size=26, stroke_width=3, stroke_fill="black")
    return large.resize(picture.size, Image.Resampling.LANCZOS)


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
