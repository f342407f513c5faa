"""Several ways to one result: their times, interleaved, and the memory that each takes in a process of its own."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any

import numpy as np
import torch

from grokutil.benchmarks.memory import high_water
from grokutil.runs.processes import one_thread

SIDE = 1024  # of the matrices whose product gives the rate of the floor
FLOOR = "floor: its flops as one product"
Way = Callable[[], torch.Tensor]


@dataclass(frozen=True)
class Row:
    """One way, measured.

    Seconds of a call (median), also as CPU time of one thread; both as multiples of the first way's, medians over the
    repeats; megabytes above the process before the call; relative difference of the result from the first way's.
    """

    subject: str
    way: str
    seconds: float
    times_ours: float
    cpu_seconds: float | None
    cpu_times_ours: float | None
    megabytes: float
    gap: float


def compare(module: str, repeats: int = 5) -> list[Row]:
    """Measure ``module``.ways(): the first is ours, the others are what it is compared with.

    Wall time is that of the threads there are. The CPU time of one thread is a second measurement: it hardly depends
    on what else the machine does. A module that counts its ``FLOPS`` gets a last row, the floor: the time of as many in
    a large matrix product, measured in the same repeats. A module may say how many ``REPEATS``. With one only, for ways
    of minutes, the first call is the one that is timed, and there is neither CPU time nor floor.
    """
    subject = importlib.import_module(module)
    repeats = getattr(subject, "REPEATS", repeats)
    ways: dict[str, Way] = subject.ways()
    flops, square = getattr(subject, "FLOPS", None), torch.ones(SIDE, SIDE, dtype=torch.float64)
    results, wall, cpu = {}, {}, None
    for name, way in ways.items():
        begin = time.perf_counter()
        results[name] = way()
        wall[name] = np.array([time.perf_counter() - begin])
    first = next(iter(results.values()))
    if repeats > 1:
        timed = ways | ({FLOOR: lambda: square @ square} if flops else {})
        wall = interleaved(timed, repeats)
        with one_thread():
            cpu = interleaved(timed, repeats, time.process_time)
        if flops:
            wall[FLOOR], cpu[FLOOR] = (table[FLOOR] * flops / (2 * SIDE**3) for table in (wall, cpu))
    rows = []
    for name in wall:
        megabytes = gap = 0.0
        if name in ways:
            megabytes = peak(_way, module, name)
            gap = float((results[name] - first).norm() / first.norm())
        seconds, ratio = _summary(wall, name)
        cpu_seconds, cpu_ratio = _summary(cpu, name) if cpu else (None, None)
        rows.append(Row(subject.SUBJECT, name, seconds, ratio, cpu_seconds, cpu_ratio, megabytes, gap))
    return rows


def interleaved(
    ways: Mapping[str, Way], repeats: int, clock: Callable[[], float] = time.perf_counter
) -> dict[str, np.ndarray]:
    """Seconds of each call of each way, (repeats,).

    Each repeat calls every way, so that a busy moment of the machine falls on all alike. A call that is not timed goes
    first: the caches and the memory that it finds are another way's.
    """
    seconds = {name: np.empty(repeats) for name in ways}
    for i in range(repeats):
        for name, way in ways.items():
            way()
            begin = clock()
            way()
            seconds[name][i] = clock() - begin
    return seconds


def _summary(seconds: dict[str, np.ndarray], name: str) -> tuple[float, float]:
    """The median of a way, and the median of its multiples of the first way."""
    ours = next(iter(seconds.values()))
    return float(np.median(seconds[name])), float(np.median(seconds[name] / ours))


def peak(make: Callable[..., Way], *arguments: Any) -> float:
    """Megabytes by which one call of ``make(*arguments)`` raises the peak of a fresh process."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_peak, make, *arguments).result()


def _peak(make: Callable[..., Way], *arguments: Any) -> float:
    way = make(*arguments)
    small = torch.eye(8, dtype=torch.float64)
    torch.linalg.svd(small @ small), torch.linalg.cholesky(small)  # libraries load on first use
    before = high_water()
    way()
    return high_water() - before


def _way(module: str, name: str) -> Way:
    return importlib.import_module(module).ways()[name]
