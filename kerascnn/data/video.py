"""Videos: their frames one after another, and pictures as the frames of a new one.

Sound is neither read nor written.
"""

import math
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from kerascnn.data.cache import settle

SUFFIXES = (".avi", ".m4v", ".mkv", ".mov", ".mp4", ".webm")
CODEC = "mp4v"  # MPEG-4, which every build of OpenCV can write
USUAL_RATE = 25.0  # frames per second, for a file that does not say
LARGEST_RATE = 1000.0  # what is not below is the file's unit of time: browsers record without a rate


@dataclass(frozen=True)
class Video:
    """A video file; `open_video` makes one.

    Attributes:
        path: the file.
        frames_per_second: on average; 25 if the file does not say.
        num_frames: how many there are, as far as the file says; 0 if it does not.
    """

    path: Path
    frames_per_second: float
    num_frames: int

    def frames(self) -> Iterator[np.ndarray]:
        """Read the frames, (H, W, 3) uint8, RGB, upright; a damaged file ends at the damage."""
        capture = cv2.VideoCapture(str(self.path))
        try:
            while True:
                is_read, frame = capture.read()
                if not is_read:
                    return
                yield cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
        finally:
            capture.release()


def is_video(path: str | Path) -> bool:
    """Tell by its name whether a file is a video."""
    return Path(path).suffix.lower() in SUFFIXES


def open_video(path: str | Path) -> Video:
    """Open a video file.

    Args:
        path: the file, in any format that OpenCV's build of FFmpeg reads: MP4, MOV, AVI, MKV, WebM and others.

    Raises:
        FileNotFoundError: if it is not there.
        ValueError: if no frame of it can be read.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no video {path}.")
    capture = cv2.VideoCapture(str(path))
    try:
        is_read, _ = capture.read()
        if not is_read:
            raise ValueError(f"No frame of {path} can be read: it is damaged, or no video that OpenCV knows.")
        rate, count = capture.get(cv2.CAP_PROP_FPS), capture.get(cv2.CAP_PROP_FRAME_COUNT)
    finally:
        capture.release()
    return Video(path, rate if 0 < rate < LARGEST_RATE else USUAL_RATE, max(0, int(count)))


def write_video(path: str | Path, frames: Iterable[np.ndarray], frames_per_second: float) -> Path:
    """Write pictures as an MP4 video, whole or not at all; the folders above it are made.

    Args:
        path: the file, ending in .mp4; one that exists is replaced at the end.
        frames: (H, W, 3) uint8, RGB, all of one size; they are taken one by one. At least one. A side of an odd
            number of pixels, which the codec does not have, gets its last pixels twice.
        frames_per_second: above 0.

    Returns:
        The path.

    Raises:
        ValueError: for another ending, no frame, frames that are no pictures or of different sizes, or a rate that is
            not above 0.
        OSError: if the file cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() != ".mp4":
        raise ValueError(f"path must end in .mp4. Received: {path}.")
    if not (math.isfinite(frames_per_second) and frames_per_second > 0):
        raise ValueError(f"frames_per_second must be above 0. Received: {frames_per_second}.")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.tmp.mp4")
    try:
        count = _write(temporary, frames, frames_per_second)
        written = open_video(temporary).num_frames
        if written != count:  # OpenCV does not say when a disk is full
            raise OSError(f"{path} could not be written: of {count} frames it held {written}.")
        with open(temporary, "rb+") as file:
            settle(file)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return path


def _write(path: Path, frames: Iterable[np.ndarray], frames_per_second: float) -> int:
    """Write the frames, and count them."""
    writer, shape, count = cv2.VideoWriter(), None, 0
    try:
        for frame in frames:
            if shape is None:
                shape = _check_picture(frame)
                code = cv2.VideoWriter.fourcc(*CODEC)
                size = [side + side % 2 for side in shape[1::-1]]  # width, height
                if not writer.open(str(path), cv2.CAP_FFMPEG, code, frames_per_second, size):
                    raise OSError(
                        f"OpenCV cannot write a video of {size[0]} x {size[1]} pixels and {frames_per_second} frames a "
                        f"second to {path.parent}."
                    )
            if frame.shape != shape:
                raise ValueError(f"All frames must have the shape {shape}. Received: {frame.shape}.")
            even = np.pad(frame, [(0, shape[0] % 2), (0, shape[1] % 2), (0, 0)], mode="edge")
            writer.write(cv2.cvtColor(even, cv2.COLOR_RGB2BGR))
            count += 1
    finally:
        writer.release()
    if shape is None:
        raise ValueError("A video needs at least one frame. Received none.")
    return count


def _check_picture(frame: np.ndarray) -> tuple[int, int, int]:
    """Give the shape of the first frame; the others must have the same."""
    if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3:
        raise ValueError(f"Frames must be pictures (H, W, 3) uint8, RGB. Received: {frame.shape} {frame.dtype}.")
    return frame.shape
