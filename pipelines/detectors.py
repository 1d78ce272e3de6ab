"""The detector that a run's classifier serves, of windows or of regions, by what its card says of it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import rcnn
import windows

from kerascnn.tasks import RCNN, ClassificationTask, SlidingWindow


def open_detector(run: Path, task: ClassificationTask, detection: Mapping[str, Any]) -> SlidingWindow | RCNN:
    """Make the detector of a run, down to low scores.

    Args:
        run: the run folder.
        task: its classifier, as `open_run` gives it.
        detection: of its card; without a `kind` it is that of windows.

    Raises:
        FileNotFoundError, ValueError: if the run lacks its linear functions, or they cannot be read.
    """
    if detection.get("kind") == rcnn.KIND:
        return rcnn.make_detector(run, task, detection)
    return windows.make_detector(task, detection)
