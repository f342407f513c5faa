"""Noise and optimisers along the zero-loss manifold: small tanh networks, and addition modulo 11 and 17.

- ``batches_small``: mini-batches on three small networks, by slow step, learning rate and batch size
- ``batches``: mini-batches on the task, training and test error by batch size
- ``crossover``: label noise against weight decay on three small networks, with and without momentum
- ``unlearning``: label noise from networks that have grokked, beside weight decay for as long; the flow of the trace
- ``ratio``: weight decay and label noise together, by their ratio
- ``edge_small``: gradient descent at the edge of stability on five small networks, against the flow with a cap
- ``edge_task``: a network of four layers at the edge, with and without momentum
- ``momentum``: heavy ball on three small networks
- ``adamw_P_RATE``, ``adam_l2``, ``adamw_strong``: Adam with either weight decay against P and P_D

Runs of one setting are one stack, so that five seeds cost little more than one.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from grokutil.results.noise.adams import ADAM, adam
from grokutil.results.noise.deep import edge_task
from grokutil.results.noise.small import batches_small, crossover, edge_small, momentum
from grokutil.results.noise.task import WIDTH, batches, ratio, unlearning

CELLS = (
    *("edge_small", "crossover", "edge_task", "adamw_11_3e-4", "adamw_11_1e-3", "momentum", "adam_l2", "adamw_strong"),
    *("unlearning", "batches_small", "batches", "ratio", "adamw_17_3e-4"),
)


def make(cell: str) -> tuple[dict[str, np.ndarray], dict]:
    """The arrays and the notes of one stored file."""
    if cell in ADAM:
        return adam(cell), {"width": WIDTH, **ADAM[cell]._asdict(), "seed": 0}  # the first
    made: dict[str, Callable[[], tuple[dict[str, np.ndarray], dict]]] = {
        "batches_small": batches_small, "batches": batches, "crossover": crossover, "edge_small": edge_small,
        "momentum": momentum, "edge_task": edge_task, "unlearning": unlearning, "ratio": ratio,
    }  # fmt: skip
    arrays, notes = made[cell]()
    return arrays, notes | {"seed": 0}  # of batches and noise
