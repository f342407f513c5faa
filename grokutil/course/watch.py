"""Listening to a process that may do anything: until it ends, or until it has taken too much of something."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

SCRATCH = 256 * 2**20  # bytes a student's code can write, in all
LOOK = 0.2  # seconds between two looks at the clock


@dataclass(frozen=True)
class Limits:
    """Limits: seconds in all; of processor time for a cell, a call; bytes of memory, of answers; printed characters."""

    seconds: float = 240.0
    cell: float = 60.0
    call: float = 20.0
    memory: int = 2 * 2**30
    answers: int = 16 * 2**20
    output: int = 10_000
    processes: int = 64


@dataclass(frozen=True)
class Outcome:
    """What a process said: its lines, the beginning of its standard error, and why it was stopped (or "")."""

    lines: list[bytes]
    errors: str
    stopped: str
    seconds: float


def listen(process: subprocess.Popen[bytes], limits: Limits, home: Path, uid: int | None) -> Outcome:
    """Read what the process says until it ends, is out of time, or says too much."""
    assert process.stdout and process.stderr
    started, stopped = time.monotonic(), ""
    said, errors, more = bytearray(), bytearray(), 0
    ended, looked = None, started
    with selectors.DefaultSelector() as selector:
        for stream in (process.stdout, process.stderr):
            os.set_blocking(stream.fileno(), False)
            selector.register(stream, selectors.EVENT_READ)
        while selector.get_map() and not stopped:
            for key, _ in selector.select(LOOK):
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
            if ended is not None and now > ended + 1:
                break  # a process it left behind holds the pipe
            if now > started + limits.seconds:
                stopped = f"stopped after {limits.seconds:g} seconds"
            elif len(said) > limits.answers:
                stopped = f"stopped: its answers have more than {limits.answers >> 20} MB"
            elif more > limits.answers:
                stopped = f"stopped: it printed more than {limits.answers >> 20} MB"
            elif resident(process.pid, uid) > limits.memory:
                stopped = f"stopped: its processes used more than {limits.memory / 2**30:g} GB of memory together"
            elif _size(home) > SCRATCH:
                stopped = f"stopped: it wrote more than {SCRATCH >> 20} MB"
    if not stopped and process.wait():
        code = process.returncode
        stopped = f"ended by signal {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
    lines = bytes(said[: limits.answers]).split(b"\n")[:-1]
    return Outcome(lines, errors.decode(errors="replace"), stopped, time.monotonic() - started)


def _size(folder: Path) -> int:
    total = 0
    for path, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(path, name)).st_size
            except OSError:
                continue
    return total


def resident(pid: int, uid: int | None) -> int:
    """Bytes of memory that a process, its descendants and all of the user ``uid`` hold; 0 where there is no /proc."""
    parents, held = {}, {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            process = int(entry.name)
            parents[process] = pid if uid is not None and entry.stat().st_uid == uid else int(fields[1])
            held[process] = int(fields[21])
        except (OSError, ValueError, IndexError):
            continue  # it has just ended
    ours = {pid}
    while more := {process for process, parent in parents.items() if parent in ours} - ours:
        ours |= more
    return sum(held.get(process, 0) for process in ours) * os.sysconf("SC_PAGE_SIZE")
