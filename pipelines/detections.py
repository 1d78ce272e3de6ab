"""What the scripts that detect share: looking at pictures and videos, and showing what was found there."""

import logging
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.progress import track
from rich.table import Table

from kerascnn.data import pictures
from kerascnn.data.video import Video, is_video, open_video, write_video
from kerascnn.report import draw_answer, write_picture
from kerascnn.results import Detections

logger = logging.getLogger("__main__")

Detect = Callable[[np.ndarray], Detections]


class Found(NamedTuple):
    """What was found in a file.

    Attributes:
        name: of the file.
        counts: how many objects of each class; of a video, in all frames together.
        seconds: that a picture took, without reading and drawing it.
    """

    name: str
    counts: Counter[str]
    seconds: float


def detect_in_files(paths: Sequence[Path], detect: Detect, save: Path | None = None) -> int:
    """Look at pictures and videos, and print what was found; files that cannot be read are named in a warning.

    Args:
        paths: pictures, videos, or folders of them.
        detect: from a picture (H, W, 3) uint8, RGB, to what is found there.
        save: a folder for pictures and videos with the boxes drawn on them; it is made.

    Returns:
        The exit status: 1 if a file could not be read.

    Raises:
        ValueError: if none can.
    """
    files = [file for path in paths for file in (sorted(path.iterdir()) if path.is_dir() else [path])]
    found, left_out = _look_at_pictures([file for file in files if not is_video(file)], detect, save)
    for file in filter(is_video, files):
        try:
            found.append(_look_at_video(open_video(file), detect, save and save / f"{len(found):03d}_{file.stem}.mp4"))
        except (FileNotFoundError, ValueError) as error:
            logger.warning("%s was left out: %s", file, error)
            left_out += 1
    if not found:
        raise ValueError("None of the files can be read.")
    _print(found)
    if save is not None:
        logger.info("Wrote %d files to %s.", len(found), save)
    return 1 if left_out else 0


def _look_at_pictures(files: Sequence[Path], detect: Detect, save: Path | None) -> tuple[list[Found], int]:
    """Give what was found in each picture, and how many files were left out."""
    split, set_aside = pictures(files)
    for each in set_aside:
        logger.warning("%s was left out: %s.", each.path, each.reason)
    found = []
    for index, name in enumerate(split.names):
        image = split.picture(index)
        detections, seconds = _time(detect, image)
        found.append(Found(name, Counter(detections.class_names), seconds))
        if save is not None:
            write_picture(save / f"{index:03d}_{Path(name).stem}.png", draw_answer(detections, image))
    return found, len(set_aside)


def _look_at_video(video: Video, detect: Detect, save: Path | None) -> Found:
    counts: Counter[str] = Counter()
    seconds: list[float] = []

    def look() -> Iterator[tuple[Detections, np.ndarray]]:
        for frame in track(video.frames(), video.path.name, total=video.num_frames or None, transient=True):
            detections, duration = _time(detect, frame)
            counts.update(detections.class_names)
            seconds.append(duration)
            yield detections, frame

    if save is None:
        deque(look(), maxlen=0)
    else:
        drawn = (draw_answer(detections, frame) for detections, frame in look())
        write_video(save, drawn, video.frames_per_second)
    if len(seconds) < video.num_frames:
        logger.warning("%s should have %d frames, and %d could be read.", video.path, video.num_frames, len(seconds))
    return Found(f"{video.path} ({len(seconds)} frames)", counts, float(np.mean(seconds)))


def _time(detect: Detect, image: np.ndarray) -> tuple[Detections, float]:
    started = time.perf_counter()
    return detect(image), time.perf_counter() - started


def _print(found: Sequence[Found]) -> None:
    """Print how many of each class were found in each file, and how long a picture took."""
    table = Table()
    for heading in ("file", "found"):
        table.add_column(heading, overflow="fold")
    table.add_column("ms / picture", justify="right")
    for each in found:
        text = ", ".join(f"{count} {class_name}" for class_name, count in each.counts.most_common())
        table.add_row(escape(each.name), escape(text) or "\N{EN DASH}", f"{1000 * each.seconds:,.0f}")
    Console().print(table)
