"""The machine that a run was made on."""

import platform
from pathlib import Path


def name_processor() -> str:
    """Name the processor; Linux keeps the name that people know in /proc/cpuinfo."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
