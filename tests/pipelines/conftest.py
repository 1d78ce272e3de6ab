"""The scripts are run as users run them: in their own process and folder, or, where little is done, in this process."""

import io
import logging
import os
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

PIPELINES = Path(__file__).parents[2] / "pipelines"
SMALL_NETWORK = ("--architecture", "mobilenet_v1", "--options", "alpha", "0.25")  # has half the layers

Run = Callable[..., subprocess.CompletedProcess]


def encode(size: tuple[int, int], seed: int) -> bytes:
    """Give a PNG of noise, (height, width), as the writers of data sets take it."""
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)).save(file, "PNG")
    return file.getvalue()


@pytest.fixture(scope="session")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the scripts are run in."""
    return tmp_path_factory.mktemp("workplace")


@pytest.fixture(scope="session")
def environment(workplace: Path) -> dict[str, str]:
    """The environment that the scripts are run in: with one thread each, since two at a time share the cores."""
    own = {"TFDS_DATA_DIR": str(workplace / "tfds"), "COLUMNS": "200", "TF_CPP_MIN_LOG_LEVEL": "2"}
    return os.environ | own | {"TF_NUM_INTRAOP_THREADS": "1"}


@pytest.fixture(scope="session")
def run(workplace: Path, environment: dict[str, str]) -> Run:
    """Run a script with arguments: `run("finetune.py", "--smoke")`."""

    def run(script: str, *arguments: str) -> subprocess.CompletedProcess:
        command = [sys.executable, str(PIPELINES / script), *map(str, arguments)]
        return subprocess.run(command, cwd=workplace, env=environment, capture_output=True, text=True, timeout=600)

    return run


@pytest.fixture
def call(
    workplace: Path, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Run:
    """Run a script in this process, which saves the seconds of its imports, where little is done."""

    def call(script: str, *arguments: str) -> subprocess.CompletedProcess:
        command = [str(PIPELINES / script), *map(str, arguments)]
        monkeypatch.chdir(workplace)
        monkeypatch.syspath_prepend(PIPELINES)
        monkeypatch.setattr(sys, "argv", command)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        loggers = [logging.getLogger(name) for name in ("kerascnn", "__main__")]
        handlers = [logger.handlers.copy() for logger in loggers]
        capfd.readouterr()
        with pytest.raises(SystemExit) as status:
            runpy.run_path(command[0], run_name="__main__")
        for logger, before in zip(loggers, handlers, strict=True):
            logger.handlers, logger.propagate = before, True
        return subprocess.CompletedProcess(command, status.value.code, *capfd.readouterr())

    return call


@pytest.fixture(scope="session")
def smoke_run(run: Run, workplace: Path) -> Path:
    """The run folder of `finetune.py --smoke`."""
    outcome = run("finetune.py", "--smoke")
    assert outcome.returncode == 0, outcome.stderr
    return workplace / "saved_models" / "smoke"
