"""Drawing on pictures: a caption under one, a small copy of one; and the file that a picture becomes.

Pictures are uint8 arrays (H, W, 3), RGB. Every function returns a new one and leaves its input as it was.
"""

import io
from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from kerascnn.files import write_file

Color = tuple[int, int, int]

WHITE = (255, 255, 255)
INK = (28, 25, 23)  # a warm near-black, the ink of report.html

MIN_CAPTION_WIDTH = 160  # px; a narrower picture stands on a canvas of this width, or no caption would fit
FONT_SIZES = range(40, 10, -1)  # px, largest first; below 11 px the letters run together
LETTERS_PER_WIDTH = 20  # the font starts at width / 20, about 35 letters a line
ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"


def draw_label(picture: np.ndarray, text: str, *, foreground: Color = WHITE, background: Color = INK) -> np.ndarray:
    """Draw `text` on a band under a picture, so that it hides nothing of it.

    The letters grow with the picture, shrink until the longest line fits, and a line that does not fit at 11 px is cut
    with an ellipsis. The font is DejaVu Sans, which travels with matplotlib: Latin, Greek, Cyrillic and Arabic letters.

    Args:
        picture: uint8, (H, W, 3), RGB.
        text: one or more lines, separated by line breaks; at least one visible character.
        foreground: colour of the letters, RGB 0..255.
        background: colour of the band, RGB 0..255.

    Returns:
        uint8, (H + band, max(W, 160), 3): the picture, centred on the background when narrower than 160 px, and the
        band below.

    Raises:
        TypeError: the picture is not a uint8 array.
        ValueError: the picture is not (H, W, 3), or the text is blank.
    """
    check_picture(picture)
    if not text.strip():
        raise ValueError(f"text must hold at least one visible character. Received: text={text!r}.")
    height, width = picture.shape[:2]
    canvas_width = max(width, MIN_CAPTION_WIDTH)
    font, lines = fit_lines(text.strip().splitlines(), canvas_width)
    margin = font.size / 2
    line_height = sum(font.getmetrics())
    band = round(line_height * len(lines) + margin)

    canvas = Image.new("RGB", (canvas_width, height + band), background)
    canvas.paste(Image.fromarray(picture), ((canvas_width - width) // 2, 0))
    pen = ImageDraw.Draw(canvas)
    for index, line in enumerate(lines):
        pen.text((margin, height + margin / 2 + index * line_height), line, fill=foreground, font=font)
    return np.asarray(canvas).copy()  # asarray alone is read-only


def write_picture(path: str | Path, picture: np.ndarray, *, colors: int | None = None) -> Path:
    """Write a picture as PNG, whole or not at all; the folders above it are made.

    Args:
        path: the file; one that exists is replaced.
        picture: uint8, (H, W, 3), RGB.
        colors: of a palette, 2..256, which makes the file about a third as large; by default all colours are kept.

    Returns:
        The path.

    Raises:
        TypeError: the picture is not a uint8 array.
        ValueError: the picture is not (H, W, 3), or the palette is out of range.
    """
    check_picture(picture)
    if colors is not None and not 2 <= colors <= 256:
        raise ValueError(f"colors must lie in 2..256. Received: colors={colors}.")
    image = Image.fromarray(picture)
    image = image if colors is None else image.quantize(colors)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    content = io.BytesIO()
    image.save(content, format="PNG", optimize=colors is not None)
    return write_file(path, content.getvalue())


def thumbnail(picture: np.ndarray, size: int) -> np.ndarray:
    """Shrink a picture until its longer side is `size`, keeping its proportions; a smaller one stays as it is.

    Args:
        picture: uint8, (H, W, 3), RGB.
        size: longest side allowed, px, at least 1.

    Returns:
        uint8, (h, w, 3) with 1 <= h, w <= size.

    Raises:
        TypeError: the picture is not a uint8 array.
        ValueError: the picture is not (H, W, 3), or `size` is below 1.
    """
    check_picture(picture)
    if size < 1:
        raise ValueError(f"size must be at least 1. Received: size={size}.")
    height, width = picture.shape[:2]
    scale = min(1.0, size / max(height, width))
    small = (max(1, round(width * scale)), max(1, round(height * scale)))  # Pillow wants (width, height)
    return np.asarray(Image.fromarray(picture).resize(small, Image.Resampling.LANCZOS)).copy()


def check_picture(picture: np.ndarray) -> None:
    """Raise unless `picture` is a uint8 RGB array with at least one pixel.

    Raises:
        TypeError: not a uint8 array.
        ValueError: not of shape (H, W, 3) with H, W >= 1.
    """
    if not isinstance(picture, np.ndarray) or picture.dtype != np.uint8:
        received = picture.dtype if isinstance(picture, np.ndarray) else type(picture).__name__
        raise TypeError(f"picture must be a uint8 array with values 0..255. Received: {received}.")
    if picture.ndim != 3 or picture.shape[2] != 3 or picture.size == 0:
        raise ValueError(
            f"picture must have the shape (H, W, 3), RGB. Received: shape={picture.shape}. Repeat a grey picture's "
            "values in three channels; drop an alpha channel."
        )


def load_font(size: int) -> ImageFont.FreeTypeFont:
    """Load DejaVu Sans at a height in px."""
    return ImageFont.truetype(Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf"), size)


def fit_lines(lines: Sequence[str], width: int) -> tuple[ImageFont.FreeTypeFont, list[str]]:
    """Return the largest font in which every line fits into `width` px, and the lines, cut where none does."""
    for size in FONT_SIZES:
        font = load_font(size)
        room = width - size  # half a letter's size on each side
        if size <= max(width / LETTERS_PER_WIDTH, FONT_SIZES[-1]) and all(
            font.getlength(line) <= room for line in lines
        ):
            return font, list(lines)
    return font, [cut_line(line, font, room) for line in lines]


def cut_line(line: str, font: ImageFont.FreeTypeFont, room: float) -> str:
    """Return the line, or as much of its beginning as fits into `room` px together with an ellipsis."""
    if font.getlength(line) <= room:
        return line
    while line and font.getlength(line + ELLIPSIS) > room:
        line = line[:-1]
    return line.rstrip() + ELLIPSIS
