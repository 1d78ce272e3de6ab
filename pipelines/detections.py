"""What the scripts that detect share: looking at pictures and videos, and showing what was found there."""

import csv
import io
import logging
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from files import check_folder, list_files, open_pictures
from rich.console import Console
from rich.markup import escape
from rich.progress import track
from rich.table import Table

from kerascnn.data.video import Video, is_video, open_video, write_video
from kerascnn.files import write_file
from kerascnn.report import draw_answer, write_picture
from kerascnn.results import Detections

logger = logging.getLogger("__main__")

TABLE_NAME = "boxes.csv"
COLUMNS = ("file", "frame", "class", "score", "x1", "y1", "x2", "y2")

Detect = Callable[[np.ndarray], Detections]


class Found(NamedTuple):
    """What was found in a file.

    Attributes:
        name: of the file, with the number of frames of a video.
        path: of the file.
        detections: in a picture, or in each frame of a video.
        seconds: that a picture took, without reading and drawing it.
    """

    name: str
    path: str
    detections: Sequence[Detections]
    seconds: float


def detect_in_files(paths: Sequence[Path], detect: Detect, save: Path | None = None) -> int:
    """Look at pictures and videos, and print what was found; files that cannot be read are named in a warning.

    Args:
        paths: pictures, videos, or folders of them.
        detect: from a picture (H, W, 3) uint8, RGB, to what is found there.
        save: a folder for pictures and videos with the boxes drawn on them, and for boxes.csv; it is made.

    Returns:
        The exit status: 1 if a file could not be read.

    Raises:
        ValueError: if none can.
        NotADirectoryError: if `save` is a file.
    """
    check_folder(save)
    files = list_files(paths)
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
        write_file(save / TABLE_NAME, _to_csv(found))
        logger.info("Wrote %d files with the boxes drawn on them, and %s, to %s.", len(found), TABLE_NAME, save)
    return 1 if left_out else 0


def _look_at_pictures(files: Sequence[Path], detect: Detect, save: Path | None) -> tuple[list[Found], int]:
    """Give what was found in each picture, and how many files were left out."""
    split, left_out = open_pictures(files)
    found = []
    for index, name in enumerate(split.names):
        image = split.picture(index)
        detections, seconds = _time(detect, image)
        found.append(Found(name, name, [detections], seconds))
        if save is not None:
            write_picture(save / f"{index:03d}_{Path(name).stem}.png", draw_answer(detections, image))
    return found, left_out


def _look_at_video(video: Video, detect: Detect, save: Path | None) -> Found:
    found: list[Detections] = []
    seconds: list[float] = []

    def look() -> Iterator[tuple[Detections, np.ndarray]]:
        for frame in track(video.frames(), video.path.name, total=video.num_frames or None, transient=True):
            detections, duration = _time(detect, frame)
            found.append(detections)
            seconds.append(duration)
            yield detections, frame

    if save is None:
        deque(look(), maxlen=0)
    else:
        drawn = (draw_answer(detections, frame) for detections, frame in look())
        write_video(save, drawn, video.frames_per_second)
    if len(seconds) < video.num_frames:
        logger.warning("%s should have %d frames, and %d could be read.", video.path, video.num_frames, len(seconds))
    return Found(f"{video.path} ({len(seconds)} frames)", str(video.path), found, float(np.mean(seconds)))


def _time(detect: Detect, image: np.ndarray) -> tuple[Detections, float]:
    started = time.perf_counter()
    return detect(image), time.perf_counter() - started


def _to_csv(found: Sequence[Found]) -> str:
    """Give a line for each box, in pixels; frames are counted from 0, and a picture is one."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    for each in found:
        for frame, detections in enumerate(each.detections):
            for name, score, box in zip(detections.class_names, detections.scores, detections.boxes, strict=True):
                writer.writerow([each.path, frame, name, f"{score:.4f}", *(f"{edge:.1f}" for edge in box)])
    return file.getvalue()


def _print(found: Sequence[Found]) -> None:
    """Print how many of each class were found in each file, and how long a picture took."""
    table = Table()
    for heading in ("file", "found"):
        table.add_column(heading, overflow="fold")
    table.add_column("ms / picture", justify="right")
    for each in found:
        counts = Counter(name for detections in each.detections for name in detections.class_names)
        text = ", ".join(f"{count} {class_name}" for class_name, count in counts.most_common())
        table.add_row(escape(each.name), escape(text) or "\N{EN DASH}", f"{1000 * each.seconds:,.0f}")
    Console().print(table)
