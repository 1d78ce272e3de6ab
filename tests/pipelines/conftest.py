"""The scripts are run as users run them: in their own process, in their own folder."""

import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

PIPELINES = Path(__file__).parents[2] / "pipelines"

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
    """The environment that the scripts are run in."""
    return os.environ | {"TFDS_DATA_DIR": str(workplace / "tfds"), "COLUMNS": "200", "TF_CPP_MIN_LOG_LEVEL": "2"}


@pytest.fixture(scope="session")
def run(workplace: Path, environment: dict[str, str]) -> Run:
    """Run a script with arguments: `run("finetune.py", "--smoke")`."""

    def run(script: str, *arguments: str) -> subprocess.CompletedProcess:
        command = [sys.executable, str(PIPELINES / script), *map(str, arguments)]
        return subprocess.run(command, cwd=workplace, env=environment, capture_output=True, text=True, timeout=600)

    return run


@pytest.fixture(scope="session")
def smoke_run(run: Run, workplace: Path) -> Path:
    """The run folder of `finetune.py --smoke`."""
    outcome = run("finetune.py", "--smoke")
    assert outcome.returncode == 0, outcome.stderr
    return workplace / "saved_models" / "smoke"
