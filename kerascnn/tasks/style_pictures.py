"""The pictures that a stylised one is made from: checked, brought to size, and perhaps to other colours."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from keras import ops

from kerascnn.ops.colors import match_colors, match_luminance, to_grey, with_colors_of

Colors = Literal["style", "match", "luminance"]
Size = tuple[int, int]

COLORS = ("style", "match", "luminance")
BRIGHTEST = 255.0
SMALLEST = 32  # pixels of a picture's shorter side: of less, the deep layers see nothing


@dataclass(frozen=True, eq=False)
class StylePictures:
    """What a picture is made from, all of the size that it has; `prepare_pictures` makes one.

    Attributes:
        content: float32, (H, W, 3), in 0..255.
        styles: (h, w, 3) each.
        masks: (H, W) in 0..1, where each style goes, or None.
        start: (H, W, 3), what is changed step by step.
        palette: (H, W, 3), whose colours the result takes, or None.
    """

    content: np.ndarray
    styles: tuple[np.ndarray, ...]
    masks: tuple[np.ndarray, ...] | None
    start: np.ndarray
    palette: np.ndarray | None

    def at(self, size: Size) -> "StylePictures":
        """Shrink all, so that the result has this (height, width)."""
        scale = size[0] / len(self.content)
        return StylePictures(
            resize(self.content, size),
            tuple(resize(style, scaled(style.shape[:2], scale)) for style in self.styles),
            None if self.masks is None else tuple(resize(mask, size) for mask in self.masks),
            resize(self.start, size),
            None if self.palette is None else resize(self.palette, size),
        )

    def render(self, picture: np.ndarray) -> np.ndarray:
        """Turn what the steps made, float (H, W, 3), into the picture that is given: uint8, with its colours."""
        colored = picture if self.palette is None else with_colors_of(picture, self.palette)
        return np.rint(np.clip(colored, 0, BRIGHTEST)).astype(np.uint8)


def prepare_pictures(
    content: np.ndarray,
    styles: Sequence[np.ndarray],
    *,
    image_size: int | None = None,
    style_scale: float = 1.0,
    masks: Sequence[np.ndarray] | None = None,
    start: Literal["content", "noise"] | np.ndarray = "content",
    colors: Colors = "style",
    seed: int = 0,
) -> StylePictures:
    """Check pictures and bring them to size; for arguments and errors, see `kerascnn.stylize`."""
    _check_pictures(content=[content], style=styles, start=[start] if isinstance(start, np.ndarray) else [])
    _check_choices(start, colors)
    _check_masks(masks, len(styles), content.shape[:2])
    size = _result_size(content.shape[:2], image_size)
    if not 0 < style_scale < np.inf:
        raise ValueError(f"style_scale must be positive. Received: style_scale={style_scale}.")
    sides = [style_scale * max(size) / max(style.shape[:2]) for style in styles]
    content = resize(content, size)
    styles = [resize(style, scaled(style.shape[:2], side)) for style, side in zip(styles, sides, strict=True)]
    palette = content if colors == "luminance" else None
    if colors == "match":
        styles = [match_colors(style, content) for style in styles]
    elif colors == "luminance":
        content = to_grey(content)
        styles = [match_luminance(to_grey(style), content) for style in styles]
    if isinstance(start, np.ndarray):
        _check_ratio(start.shape[:2], size)
        begun = resize(start, size)
    else:
        begun = np.random.default_rng(seed).uniform(0, BRIGHTEST, content.shape) if start == "noise" else content
    shrunk = None if masks is None else tuple(resize(mask, size) for mask in masks)
    return StylePictures(content, tuple(styles), shrunk, begun, palette)


def resize(picture: np.ndarray, size: Size) -> np.ndarray:
    """Bring a picture (h, w, C) or a mask (h, w) to (height, width): float32, in the range that it has."""
    picture = np.asarray(picture, np.float32)
    if picture.shape[:2] == tuple(size):
        return picture
    maps = picture[..., np.newaxis] if picture.ndim == 2 else picture
    resized = ops.convert_to_numpy(ops.image.resize(maps, size, interpolation="bicubic", antialias=True))
    return np.clip(resized, picture.min(), picture.max()).reshape(*size, *picture.shape[2:])


def scaled(size: Size, scale: float) -> Size:
    """Multiply both sides of a picture, but for one that would become too small; then it stays, or is enlarged."""
    scale = max(scale, min(1.0, SMALLEST / min(size)))
    return tuple(max(SMALLEST, round(side * scale)) for side in size)


def _result_size(size: Size, image_size: int | None) -> Size:
    """Give (height, width) of a result whose longer side is given."""
    if image_size is not None and not isinstance(image_size, int):
        raise TypeError(f"image_size must be the longer side, an integer. Received: image_size={image_size!r}.")
    scale = 1.0 if image_size is None else image_size / max(size)
    result = round(size[0] * scale), round(size[1] * scale)
    if min(result) < SMALLEST:
        raise ValueError(
            f"The result's shorter side must have {SMALLEST} pixels. Received a content of {size[0]} x {size[1]} and "
            f"image_size={image_size}, which gives {result[0]} x {result[1]}. Give a larger image_size."
        )
    return result


def _check_pictures(**pictures: Sequence[np.ndarray]) -> None:
    for name, several in pictures.items():
        for picture in several:
            if getattr(picture, "dtype", None) != np.uint8:
                kind = getattr(picture, "dtype", type(picture).__name__)
                raise TypeError(f"{name} must be uint8, RGB in 0..255. Received: {kind}.")
            if picture.ndim != 3 or picture.shape[2] != 3 or not picture.size:
                raise ValueError(f"{name} must be (height, width, 3). Received: {picture.shape}.")


def _check_ratio(size: Size, wanted: Size) -> None:
    """Refuse a picture to go on from that would be squashed."""
    if abs(size[0] * max(wanted) / max(size) - wanted[0]) > 1 or abs(size[1] * max(wanted) / max(size) - wanted[1]) > 1:
        raise ValueError(
            f"start must have the ratio of the content, {wanted[0]} x {wanted[1]}. Received: {size[0]} x {size[1]}."
        )


def _check_choices(start: str | np.ndarray, colors: str) -> None:
    if isinstance(start, str) and start not in ("content", "noise"):
        raise ValueError(f"start must be 'content', 'noise' or a picture. Received: start={start!r}.")
    if colors not in COLORS:
        raise ValueError(f"colors must be one of {', '.join(COLORS)}. Received: colors={colors!r}.")


def _check_masks(masks: Sequence[np.ndarray] | None, styles: int, size: Size) -> None:
    if not styles:
        raise ValueError("At least one style is needed. Received none.")
    if masks is None:
        return
    shapes = [np.shape(mask) for mask in masks]
    if len(masks) != styles or any(shape != tuple(size) for shape in shapes):
        raise ValueError(
            f"masks must be one for each of {styles} styles, of the content's {size[0]} x {size[1]} pixels. "
            f"Received: {shapes}."
        )
    for mask in masks:
        if not (np.min(mask) >= 0 and np.max(mask) <= 1 and np.any(mask)):
            raise ValueError(
                "masks must be in 0..1 and cover something: True where the style goes. "
                f"Received values from {np.min(mask)} to {np.max(mask)}."
            )
