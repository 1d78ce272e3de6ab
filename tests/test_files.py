"""A file is written whole or not at all."""

import errno
import os
import resource
import subprocess
import sys

import pytest

from kerascnn.files import write_file


@pytest.mark.parametrize(
    ("content", "stored"),
    [(b"\x00\xff", b"\x00\xff"), ("Ämter\n", "Ämter\n".encode()), ("", b""), (os.fsdecode(b"\xff"), b"\\udcff")],
)
def test_content_comes_back_and_nothing_else_is_left(tmp_path, content, stored):
    assert write_file(str(tmp_path / "a.bin"), content) == tmp_path / "a.bin"
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("a.bin", stored)]


@pytest.mark.parametrize("broken", ["fsync", "replace"])
def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, broken):
    path = write_file(tmp_path / "a.bin", b"old")

    def fail(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, broken, fail)
    with pytest.raises(OSError, match="No space"):
        write_file(path, b"new")
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("a.bin", b"old")]


def test_a_limit_on_the_size_of_files_leaves_the_old_one(tmp_path):
    path = write_file(tmp_path / "a.bin", b"old")
    program = "import sys; from kerascnn.files import write_file; write_file(sys.argv[1], bytes(1 << 20))"
    outcome = subprocess.run(
        [sys.executable, "-c", program, str(path)],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, 1 << 16)),
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1", "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert "File too large" in outcome.stderr
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("a.bin", b"old")]


def test_a_missing_folder_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="does not exist"):
        write_file(tmp_path / "missing" / "a.bin", b"")
