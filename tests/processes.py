"""Processes that run side by side and have to end, and tests that run again in one on JAX."""

import os
import socket
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parent


def free_address():
    """Give HOST:PORT on this machine that nothing listens at."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"127.0.0.1:{server.getsockname()[1]}"


def wait_for(processes):
    """Wait until all have ended well; gives what each printed, (output, errors). None is left running."""
    printed = wait_for_end(processes)
    for process, (_, errors) in zip(processes, printed, strict=True):
        assert process.returncode == 0, errors[-4000:]
    return printed


def wait_for_end(processes, timeout=300):
    """Wait until all have ended, well or not; gives what each printed, (output, errors). None is left running."""
    try:
        return [process.communicate(timeout=timeout) for process in processes]
    finally:
        for process in processes:
            process.kill()


def run_on_jax(*names, timeout=600):
    """Run tests again, FILE::TEST each, in a process whose Keras computes with JAX; all of them have to pass."""
    environment = os.environ | {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    environment["XLA_FLAGS"] = "--xla_backend_optimization_level=0"  # few steps are faster than the compiler
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *(str(TESTS / name) for name in names)]
    outcome = subprocess.run(
        command, cwd=TESTS.parent, env=environment, capture_output=True, text=True, timeout=timeout
    )
    assert outcome.returncode == 0, outcome.stdout[-4000:]
