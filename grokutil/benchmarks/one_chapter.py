"""One chapter, run and measured: one core, one thread for the linear algebra. On Linux."""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from multiprocessing import get_context
from pathlib import Path

import jupytext
import psutil
from nbclient import NotebookClient

from grokutil.benchmarks.memory import high_water
from grokutil.runs.processes import ONE_THREAD

PAUSE = 0.2  # seconds between two looks at the memory; a look takes milliseconds


def measure(path: Path) -> tuple[str, float, list[float], int]:
    """Run one chapter in a process of its own, whose descendants are the kernel and what the kernel starts.

    Returns:
        The fields of a :class:`~grokutil.benchmarks.chapters.Chapter`: name, seconds, CPU seconds of each cell, MiB.
    """
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_measure, path).result()


def _measure(path: Path) -> tuple[str, float, list[float], int]:
    os.environ.update(ONE_THREAD, TQDM_DISABLE="1")
    cells: list[float] = []

    def begin(**_: object) -> None:
        cells.append(-cpu_seconds())

    def end(**_: object) -> None:
        cells[-1] = round(cells[-1] + cpu_seconds(), 2)

    client = NotebookClient(
        jupytext.read(path),
        timeout=1200,
        resources={"metadata": {"path": str(path.parent)}},
        on_cell_execute=begin,
        on_cell_executed=end,
    )
    with Peak() as peak:
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # this thread and what it starts, not the looking one
        start = time.perf_counter()
        client.execute()
        seconds = time.perf_counter() - start
    return path.stem, round(seconds, 1), cells, round(peak.megabytes)


def cpu_seconds() -> float:
    """CPU seconds so far of all descendants of this process."""
    used = 0.0
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            used += sum(process.cpu_times()[:4])  # its own, and of its children that have ended
    return used


class Peak:
    """The largest memory of all descendants of this process together while it is entered, in MiB.

    What each holds alone is added up; what is shared, as libraries are, counts once, as the process that shares most
    has it, whatever else runs on the machine. A peak between two looks could be missed, so the result is never below
    the largest high-water mark of one process, which Linux keeps.
    """

    def __enter__(self) -> Peak:
        self.megabytes = 0.0
        self._done = threading.Event()
        self._looking = threading.Thread(target=self._look, daemon=True)
        self._looking.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._looking.join()

    def _look(self) -> None:
        this = psutil.Process()
        while not self._done.wait(PAUSE):
            alone = shared = 0.0
            for process in this.children(recursive=True):
                with suppress(psutil.NoSuchProcess, psutil.AccessDenied, OSError, StopIteration):  # it has just ended
                    memory = process.memory_full_info()
                    alone += memory.uss / 2**20
                    shared = max(shared, (memory.rss - memory.uss) / 2**20)
                    self.megabytes = max(self.megabytes, high_water(process.pid))
            self.megabytes = max(self.megabytes, alone + shared)
