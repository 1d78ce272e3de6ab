"""Checkpoints: what a run needs to go on after it was killed, as if nothing had happened.

One file holds all of it: every variable of the model, the optimiser and the metrics, the best weights, the history, and
the step that comes next. Its name holds the hash of its content, so that a damaged file is known, and the last two are
kept.
"""

import contextlib
import hashlib
import json
import logging
import re
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
from safetensors import safe_open
from safetensors.numpy import save

from kerascnn.files import write_file
from kerascnn.training.distribution import ask_all, this_process_writes
from kerascnn.training.progress import Best, History, Progress

logger = logging.getLogger(__name__)

FORMAT = 1  # rises when an older file cannot be read
KEPT = 2
NAME = "{number:08d}-{digest}.safetensors"
PATTERN = re.compile(r"(\d{8})-([0-9a-f]{64})\.safetensors")


@dataclass
class Checkpoint:
    """Where `fit` keeps what a killed run goes on from, and how often.

    Attributes:
        folder: holds the checkpoints of one run; it is made where it is missing.
        resume: go on with the run in the folder, if one is there; otherwise there must be none.
        every_seconds: a checkpoint is written after the first step that ends so long after the last one.
        every_steps: or after so many steps; None leaves it to the seconds.
        finish: with `resume`, train no further: the run ends with its best epoch so far.
        settings: what must be the same when the run goes on, beside what `fit` knows itself: names and plain values.
    """

    folder: str | Path
    resume: bool = False
    every_seconds: float = 60.0
    every_steps: int | None = None
    finish: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse values that make no sense, and a folder that holds another run."""
        if not self.every_seconds >= 0 or (self.every_steps is not None and self.every_steps < 1):
            raise ValueError(
                "every_seconds must not be negative, and every_steps at least 1 or None. "
                f"Received: every_seconds={self.every_seconds}, every_steps={self.every_steps}."
            )
        if self.finish and not self.resume:
            raise ValueError("finish goes with resume: there must be a run to finish.")
        self.folder = Path(self.folder)
        self._check_free()
        self._due_at, self._steps = time.monotonic() + self.every_seconds, 0

    def _check_free(self) -> None:
        parts = [part for part in self.folder.glob("*") if part.is_dir()]  # of a run in several trainings
        if not self.resume and any(map(_files, (self.folder, *parts))):
            raise FileExistsError(
                f"{self.folder} holds a run that was not finished. Resume it, or remove the folder to start anew."
            )

    def step_is_due(self) -> bool:
        """Count a step, and tell whether it is time for a checkpoint after it."""
        self._steps += 1
        if self.every_steps is not None and self._steps >= self.every_steps:
            return True
        return time.monotonic() >= self._due_at

    def save(self, progress: Progress, variables: Mapping[str, Sequence[keras.Variable]], facts: Mapping) -> bool:
        """Write a checkpoint, whole or not at all, and remove all but the last two.

        Neither a disk that is full nor numbers that are not finite end the run: a warning says that this checkpoint is
        missing, and the one before it stays. Of several processes, the first one writes.

        Args:
            progress: the place of the run.
            variables: all that training changes, by part: model, optimizer, metrics.
            facts: what must be the same when the run goes on.

        Returns:
            Whether it was written.
        """
        started = time.monotonic()
        written = not this_process_writes() or self._write(progress, variables, facts)
        now = time.monotonic()
        # Where the disk is slow, nine tenths of the time are left to the training.
        self._due_at, self._steps = now + max(self.every_seconds, 9 * (now - started)), 0
        return written

    def _write(self, progress: Progress, variables: Mapping[str, Sequence[keras.Variable]], facts: Mapping) -> bool:
        arrays = {f"best/{index:05d}": array for index, array in enumerate(progress.best.weights)}
        for part, each in variables.items():
            arrays |= {f"{part}/{index:05d}": keras.ops.convert_to_numpy(one) for index, one in enumerate(each)}
        if not all(np.isfinite(array).all() for array in arrays.values()):
            logger.warning("No checkpoint was written, since the weights are not finite any more.")
            return False
        state = asdict(replace(progress, best=replace(progress.best, weights=[])))
        header = json.dumps({"format": FORMAT, "progress": state, "facts": self._facts(facts)})
        content = save({name: np.asarray(array, order="C") for name, array in arrays.items()}, {"run": header})
        files = _files(self.folder)
        number = 1 + max((_number(path) for path in files), default=0)
        name = NAME.format(number=number, digest=hashlib.sha256(content).hexdigest())
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_file(self.folder / name, content)
        except OSError as error:
            logger.warning("No checkpoint could be written, and the run goes on without: %s.", error)
            return False
        for path in files[: 1 - KEPT]:
            with contextlib.suppress(OSError):
                path.unlink()
        return True

    def load(self, facts: Mapping[str, Any]) -> "Saved | None":
        """Read the last checkpoint that is not damaged.

        Args:
            facts: what must be the same as when the run was started.

        Returns:
            The checkpoint, or None where there is none.

        Raises:
            FileExistsError: without `resume`, if there is one.
            ValueError: if all are damaged, the run was started with other settings, or several processes do not see
                the same folder.
        """
        self._check_free()
        path = self._find_last()
        if len(set(ask_all(0 if path is None else int(_digest(path)[:7], 16)))) > 1:
            raise ValueError(
                f"{self.folder} must be on a disk that all processes share: they see different checkpoints."
            )
        if path is None:
            return None
        saved = _read(path)
        self._check_same(saved.facts, self._facts(facts))
        return saved

    def _find_last(self) -> Path | None:
        for rest in self.folder.glob(".*.tmp"):  # of a process that was killed while it wrote
            rest.unlink(missing_ok=True)
        files = _files(self.folder)
        for path in reversed(files):
            if hashlib.sha256(path.read_bytes()).hexdigest() == _digest(path):
                return path
            logger.warning("%s is damaged: going on from the one before it.", path)
        if files:
            raise ValueError(f"All checkpoints in {self.folder} are damaged. Remove the folder to start anew.")
        return None

    def describe(self, written: bool) -> str:
        """Say what a run that stops now can go on from.

        Args:
            written: whether its place could be stored.
        """
        if written:
            return f"{self.folder} holds what is needed to resume the run."
        if _files(self.folder):
            return f"This place could not be stored: {self.folder} holds an earlier one."
        return "This place could not be stored: the run has to be started anew."

    def remove(self) -> None:
        """Remove the folder, when what was trained is stored elsewhere."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _facts(self, facts: Mapping[str, Any]) -> dict[str, Any]:
        return json.loads(json.dumps({**facts, **self.settings}))  # tuples are lists there

    def _check_same(self, started: Mapping[str, Any], now: Mapping[str, Any]) -> None:
        for name in {**started, **now}:
            if started.get(name) != now.get(name):
                raise ValueError(
                    f"The run in {self.folder} was started with {name}={started.get(name)!r}. Received: "
                    f"{name}={now.get(name)!r}. Go on with the settings it was started with, or remove the folder."
                )


@dataclass(frozen=True)
class Saved:
    """A checkpoint as it was read.

    Attributes:
        progress: the place of the run.
        arrays: the values of the variables, in their order, by part.
        facts: what must be the same when the run goes on.
    """

    progress: Progress
    arrays: Mapping[str, list[np.ndarray]]
    facts: Mapping[str, Any]

    def restore(self, part: str, variables: Sequence[keras.Variable]) -> None:
        """Give variables the values that they had."""
        for variable, array in zip(variables, self.arrays.get(part, []), strict=True):
            variable.assign(array)


def _files(folder: Path) -> list[Path]:
    """List the checkpoints of a folder, the oldest first."""
    return sorted(path for path in folder.glob("*.safetensors") if PATTERN.fullmatch(path.name))


def _number(path: Path) -> int:
    return int(PATTERN.fullmatch(path.name)[1])


def _digest(path: Path) -> str:
    return PATTERN.fullmatch(path.name)[2]


def _read(path: Path) -> Saved:
    arrays: dict[str, list[np.ndarray]] = {"best": []}
    with safe_open(path, framework="numpy") as file:
        header = json.loads(file.metadata()["run"])
        for name in sorted(file.keys()):
            arrays.setdefault(name.partition("/")[0], []).append(file.get_tensor(name))
    if header["format"] != FORMAT:
        raise ValueError(f"{path} was written by another version of kerascnn. Finish the run with that one.")
    state = header["progress"]
    best = Best(**state.pop("best") | {"weights": arrays.pop("best")})
    history = History(**state.pop("history"))
    return Saved(Progress(best, history, **state), arrays, header["facts"])
