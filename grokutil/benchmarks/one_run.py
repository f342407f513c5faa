"""One run of Fig. 6a: ``python -m grokutil.benchmarks.one_run WAY SEED STEPS`` prints its memory and its end."""

from __future__ import annotations

import json
import sys

import torch

from grokutil.benchmarks.memory import high_water

WAYS = ("FirstLayerDynamics", "the formula as printed", "start-up alone")
ETA, RECORDS = 1e-3, 50  # and the start


def one_run(way: str, seed: int, steps: int) -> dict[str, float]:
    """Peak in megabytes over what the process has had before, and ||E||^2 at the end."""
    before = high_water()  # torch and nothing of ours
    import numpy as np

    from grokutil.benchmarks.first_layer_velocity import WIDTH, AsPrinted, P
    from grokutil.data import modular_addition
    from grokutil.flow import integrate
    from grokutil.isolated import FirstLayerDynamics
    from grokutil.model import gaussian_embedding

    task, E = modular_addition(P, 0.7, seed=seed), gaussian_embedding(P, WIDTH, seed=seed)
    if way != WAYS[2]:
        velocity = (FirstLayerDynamics if way == WAYS[0] else AsPrinted)(task.X_train, task.Y_train)
        E = integrate(velocity, E, np.linspace(0, steps * ETA, RECORDS + 1), step=ETA, progress=False).states[-1]
    return {"megabytes": high_water() - before, "norm2": float(E.square().sum())}


if __name__ == "__main__":
    torch.ones(1)  # the import itself
    print(json.dumps(one_run(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))))
