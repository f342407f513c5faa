"""Listening to a process that may do anything: until it ends, or until it has taken too much of something."""

from __future__ import annotations

import os
import resource
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from grokutil.runs.processes import usage

SCRATCH = 256 * 2**20  # bytes a student's code can write, in all
FILE_BYTES = 64 * 2**20  # the largest file a student's code can write
OPEN_FILES = 256
LIBRARIES = 16 * 2**30  # bytes of addresses, not of memory: PyTorch with CUDA maps many
LOOK = 0.2  # seconds between two looks at the clock


@dataclass(frozen=True)
class Limits:
    """Limits: of processor time in all, for all cells together, for a cell, for a call; of the clock, in all.

    Then bytes of memory and of answers, printed characters, processes. Processor time, because a busy machine must not
    take points away. The clock only guards against code that waits for ever: ten times the processor time.
    """

    seconds: float = 360.0
    cells: float = 240.0
    cell: float = 60.0
    call: float = 20.0
    clock: float = 3600.0
    memory: int = 2 * 2**30
    answers: int = 16 * 2**20
    output: int = 10_000
    processes: int = 64


@dataclass(frozen=True)
class Outcome:
    """What a process said: its lines, the beginning of its standard error, and why it was stopped (or "").

    ``late``: the clock stopped it, so a busy machine may be the cause. ``behind``: files that it was not given.
    """

    lines: list[bytes]
    errors: str
    stopped: str
    seconds: float
    late: bool = False
    behind: Sequence[str] = ()


def limit(limits: Mapping[str, float]) -> None:
    """Take away memory, processor time, large files, many files and processes, for good."""
    wanted = {
        resource.RLIMIT_DATA: int(limits["memory"]),
        resource.RLIMIT_AS: int(limits["memory"]) + LIBRARIES,
        resource.RLIMIT_CPU: int(limits["seconds"]) + 5,
        resource.RLIMIT_FSIZE: FILE_BYTES,
        resource.RLIMIT_NOFILE: OPEN_FILES,
        resource.RLIMIT_CORE: 0,
    }
    if limits["processes"]:
        wanted[resource.RLIMIT_NPROC] = int(limits["processes"])
    for kind, value in wanted.items():
        try:
            resource.setrlimit(kind, (value, value))
        except (ValueError, OSError):
            continue  # this system does not know this limit; the grader's clock remains


def listen(process: subprocess.Popen[bytes], limits: Limits, home: Path, uid: int | None) -> Outcome:
    """Read what the process says until it ends, is out of time, or says too much."""
    assert process.stdout and process.stderr
    started, stopped, late = time.monotonic(), "", False
    said, errors, more = bytearray(), bytearray(), 0
    ended, looked = None, started
    with selectors.DefaultSelector() as selector:
        for stream in (process.stdout, process.stderr):
            os.set_blocking(stream.fileno(), False)
            selector.register(stream, selectors.EVENT_READ)
        while selector.get_map() and not stopped:
            ready = selector.select(LOOK)
            for key, _ in ready:
                data = os.read(key.fd, 1 << 16)
                if not data:
                    selector.unregister(key.fileobj)
                elif key.fileobj is process.stdout:
                    said += data
                else:
                    errors += data[: max(0, limits.output - len(errors))]
                    more += len(data)
            now = time.monotonic()
            if now < looked + LOOK:
                continue
            looked = now
            if process.poll() is not None and ended is None:
                ended = now
            if ended is not None and now > ended + 1 and not ready:
                break  # all is read, and a process it left behind holds the pipe
            memory, seconds = usage(process.pid, uid)
            if seconds > limits.seconds:
                stopped = f"stopped after {limits.seconds:g} seconds of processor time"
            elif late := now > started + limits.clock:
                stopped = f"stopped after {limits.clock:g} seconds by the clock, though it hardly used the processor"
            elif len(said) > limits.answers:
                stopped = f"stopped: its answers have more than {limits.answers >> 20} MB"
            elif more > limits.answers:
                stopped = f"stopped: it printed more than {limits.answers >> 20} MB"
            elif memory > limits.memory:
                stopped = f"stopped: its processes used more than {limits.memory / 2**30:g} GB of memory together"
            elif _size(home) > SCRATCH:
                stopped = f"stopped: it wrote more than {SCRATCH >> 20} MB"
    if not stopped and process.wait():
        code = process.returncode
        stopped = f"ended by signal {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
    lines = bytes(said[: limits.answers]).split(b"\n")[:-1]
    return Outcome(lines, errors.decode(errors="replace"), stopped, time.monotonic() - started, late)


def _size(folder: Path) -> int:
    total = 0
    for path, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(path, name)).st_size
            except OSError:
                continue
    return total
