"""Several ways to one result: their times, interleaved, and the memory that each takes in a process of its own."""

from __future__ import annotations

import importlib
import resource
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from statistics import median

import torch

SIDE = 1024  # of the matrices whose product gives the rate of the floor
FLOOR = "floor: its flops as one product"
Way = Callable[[], torch.Tensor]


@dataclass(frozen=True)
class Row:
    """One way, measured: seconds (median of a call), megabytes above the process before the call, largest gap."""

    subject: str
    way: str
    seconds: float
    megabytes: float
    gap: float


def compare(module: str, repeats: int = 5) -> list[Row]:
    """Measure ``module``.ways(): the first is ours, the others are what it is compared with.

    Each repeat calls every way once, so that a busy moment of the machine falls on all alike. The gap is the largest
    relative difference of a result from the first way's. A module that counts its ``FLOPS`` gets a last row, the floor:
    the time of as many in a large matrix product, measured in the same repeats; one with a way of minutes says how many
    ``REPEATS`` instead.
    """
    subject = importlib.import_module(module)
    repeats = getattr(subject, "REPEATS", repeats)
    ways: dict[str, Way] = subject.ways()
    flops, square = getattr(subject, "FLOPS", None), torch.ones(SIDE, SIDE, dtype=torch.float64)
    results = {name: way() for name, way in ways.items()}  # warm
    first = next(iter(results.values()))
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    product: list[float] = []
    for _ in range(repeats):
        for name, way in ways.items():
            begin = time.perf_counter()
            way()
            seconds[name].append(time.perf_counter() - begin)
        begin = time.perf_counter()
        square @ square
        product.append(time.perf_counter() - begin)
    rows = []
    for name in ways:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            megabytes = pool.submit(_peak, module, name).result()
        gap = float((results[name] - first).norm() / first.norm())
        rows.append(Row(subject.SUBJECT, name, median(seconds[name]), megabytes, gap))
    if flops:
        rows.append(Row(subject.SUBJECT, FLOOR, flops * median(product) / (2 * SIDE**3), 0.0, 0.0))
    return rows


def _peak(module: str, name: str) -> float:
    """Megabytes by which one call raises the peak of this fresh process."""
    way = importlib.import_module(module).ways()[name]
    small = torch.eye(8, dtype=torch.float64)
    torch.linalg.svd(small @ small), torch.linalg.cholesky(small)  # libraries load on first use
    before = _high_water()
    way()
    return _high_water() - before


def _high_water() -> float:
    """Largest resident size of this process so far, in megabytes."""
    try:
        status = Path("/proc/self/status").read_text()
    except FileNotFoundError:  # macOS: ru_maxrss is in bytes; on Linux it would count the parent's size too
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 2**10
