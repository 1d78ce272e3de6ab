"""What the scripts that detect share: looking at pictures and videos, and drawing what was found there."""

import logging
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rich.progress import track

from kerascnn.data import pictures
from kerascnn.data.video import Video, write_video
from kerascnn.report import draw_answer, write_picture
from kerascnn.results import Detections

logger = logging.getLogger("__main__")

Detect = Callable[[np.ndarray], Detections]


class Found(NamedTuple):
    """What was found in a file.

    Attributes:
        name: of the file.
        detections: of a video, those of all frames together.
        seconds: that a picture took, without reading and drawing it.
    """

    name: str
    detections: Detections
    seconds: float


def list_files(paths: Sequence[Path]) -> list[Path]:
    """List files, and those of folders in the order of their names."""
    return [file for path in paths for file in (sorted(path.iterdir()) if path.is_dir() else [path])]


def find_in_pictures(files: Sequence[Path], detect: Detect, save: Path | None = None) -> tuple[list[Found], int]:
    """Look at picture files; those that cannot be read are named in a warning.

    Args:
        files: of pictures.
        detect: from a picture (H, W, 3) uint8, RGB, to what is found there.
        save: a folder for pictures with the boxes drawn on them; it is made.

    Returns:
        What was found in each picture, and how many files were left out.
    """
    split, set_aside = pictures(files)
    for each in set_aside:
        logger.warning("%s was left out: %s.", each.path, each.reason)
    rows = []
    for index, name in enumerate(split.names):
        image = split.picture(index)
        detections, seconds = _time(detect, image)
        rows.append(Found(name, detections, seconds))
        if save is not None:
            write_picture(save / f"{index:03d}_{Path(name).stem}.png", draw_answer(detections, image))
    return rows, len(set_aside)


def find_in_video(video: Video, detect: Detect, save: Path | None = None) -> Found:
    """Look at every frame of a video.

    Args:
        video: the file.
        detect: see `find_in_pictures`.
        save: a file, ending in .mp4, for the video with the boxes drawn on it.
    """
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
    if len(found) < video.num_frames:
        logger.warning("%s should have %d frames, and %d could be read.", video.path, video.num_frames, len(found))
    name = f"{video.path} ({len(found)} frames)"
    return Found(name, _join(found), float(np.mean(seconds)))


def _time(detect: Detect, image: np.ndarray) -> tuple[Detections, float]:
    started = time.perf_counter()
    return detect(image), time.perf_counter() - started


def _join(found: Sequence[Detections]) -> Detections:
    boxes, scores, class_ids = (
        np.concatenate([getattr(each, name) for each in found]) for name in ("boxes", "scores", "class_ids")
    )
    return Detections(found[0].classes, boxes, scores, class_ids)
