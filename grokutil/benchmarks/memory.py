"""The memory of this process. Imports nothing that is large."""

from __future__ import annotations

import resource
from pathlib import Path


def high_water(process: int | str = "self") -> float:
    """Largest resident size so far of this process, or on Linux of the one with this id, in megabytes."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except FileNotFoundError:  # macOS: ru_maxrss is in bytes; on Linux it would count the parent's size too
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 2**10
