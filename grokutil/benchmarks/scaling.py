"""How one evaluation of eq. 20 grows with the number of samples, the width and the modulus."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import torch

from grokutil.benchmarks.compare import SIDE, Way, interleaved
from grokutil.benchmarks.first_layer_velocity import WIDTH, N, P, flops
from grokutil.data import modular_addition
from grokutil.isolated import FirstLayerDynamics
from grokutil.model import gaussian_embedding
from grokutil.runs.processes import one_thread

Size = tuple[int, int, int]  # p, n, width
NAMES = ("p", "n", "width")
BATCH = 5e8  # flops in one timing: small evaluations are timed many at once


def tasks(moduli: tuple[int, ...]) -> tuple[Size, ...]:
    """70 % of the pairs of each modulus, with the width of Fig. 6 a sample."""
    samples = [round(0.7 * p * (p + 1) / 2) for p in moduli]
    return tuple((p, n, round(n * WIDTH / N)) for p, n in zip(moduli, samples, strict=True))


SCANS: dict[str, tuple[Size, ...]] = {
    "n": tasks((23, 29, 37, 47, 59, 73)),
    "width": tuple((P, N, width) for width in (512, 1024, 2048, 4096)),
    "p": tuple((p, N, WIDTH) for p in (37, 53, 79, 113)),
}


@dataclass(frozen=True)
class Scan:
    """CPU seconds of one thread for an evaluation, medians, along one of the sizes.

    ``exponent`` is the slope of log seconds against log size, the median over the repeats; ``spread`` the smallest and
    the largest. ``rate`` is that of the floor: flops a second in a large matrix product of the same thread.
    """

    along: str
    sizes: list[Size]
    seconds: list[float]
    exponent: float
    spread: tuple[float, float]
    rate: float

    @property
    def steps(self) -> np.ndarray:
        """The size that grows."""
        return np.array(self.sizes)[:, NAMES.index(self.along)]

    @property
    def floor(self) -> np.ndarray:
        """Seconds of the flops at the rate of a large matrix product."""
        return np.array([flops(*size) for size in self.sizes]) / self.rate


def scan(along: str, repeats: int = 5) -> Scan:
    """Measure one of ``SCANS``."""
    sizes, square = SCANS[along], torch.ones(SIDE, SIDE, dtype=torch.float64)
    calls = [max(1, round(BATCH / flops(*size))) for size in sizes]
    ways = {str(size): evaluations(size, count) for size, count in zip(sizes, calls, strict=True)}
    with one_thread():
        seconds = interleaved(ways | {"product": lambda: square @ square}, repeats, time.process_time)
    rate = 2 * SIDE**3 / float(np.median(seconds.pop("product")))
    table = np.array(list(seconds.values())) / np.array(calls)[:, None]
    steps = np.log([size[NAMES.index(along)] for size in sizes])
    slopes = np.polyfit(steps, np.log(table), 1)[0]
    spread = (float(slopes.min()), float(slopes.max()))
    return Scan(along, list(sizes), np.median(table, 1).tolist(), float(np.median(slopes)), spread, rate)


def evaluations(size: Size, count: int) -> Way:
    """So many evaluations at the random start."""
    p, n, width = size
    task = modular_addition(p, train_size=n, seed=0)
    dynamics, E = FirstLayerDynamics(task.X_train, task.Y_train), gaussian_embedding(p, width, seed=0)

    def way() -> torch.Tensor:
        for _ in range(count):
            velocity = dynamics(E)
        return velocity

    return way
