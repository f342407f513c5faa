"""The runs of section 7.3 that the claims about Fig. 6 share."""

from __future__ import annotations

from functools import lru_cache

from torch import Tensor

from grokutil.data import Task, modular_addition
from grokutil.flow import integrate
from grokutil.isolated import FirstLayerDynamics
from grokutil.model import gaussian_embedding

SHARED = "Fig. 6"
SECONDS = 300.0  # of the five runs on one core
EARLY = tuple(round(0.02 * k, 2) for k in range(1, 26))  # the first 500 steps, after the start
TIMES = (0.0, *EARLY, *(round(0.05 * k, 2) for k in range(11, 61)), 5.0)


@lru_cache(maxsize=5)
def figure_6(seed: int) -> tuple[Task, FirstLayerDynamics, dict[float, Tensor]]:
    """A run of section 7.3 as published; states by tau."""
    task = modular_addition(37, 0.7, seed=seed)
    dynamics = FirstLayerDynamics(task.X_train, task.Y_train)
    run = integrate(dynamics, gaussian_embedding(37, 512, seed=seed), TIMES, step=1e-3, progress=False)
    return task, dynamics, dict(zip(TIMES, run.states, strict=True))
