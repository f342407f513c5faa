"""The run of section 7.3 that the claims about Fig. 6 share."""

from __future__ import annotations

from functools import cache

from torch import Tensor

from grokutil.data import Task, modular_addition
from grokutil.flow import integrate
from grokutil.isolated import FirstLayerDynamics
from grokutil.model import gaussian_embedding


@cache
def figure_6() -> tuple[Task, FirstLayerDynamics, dict[float, Tensor]]:
    """The run of section 7.3 as published; states by tau."""
    task = modular_addition(37, 0.7, seed=0)
    dynamics = FirstLayerDynamics(task.X_train, task.Y_train)
    times = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 1.0, 2.0, 2.5, 3.0, 5.0]
    run = integrate(dynamics, gaussian_embedding(37, 512, seed=0), times, step=1e-3)
    return task, dynamics, dict(zip(times, run.states, strict=True))
