"""What it costs to follow eq. 20 to tau = 2.5 within 2 % in ||E||^2: SciPy's RK45 against stabilised steps.

The setting is that of Fig. 6 (p = 37, d_h = 512, 70 % of the pairs), with ReLU and a smooth activation. Each method
goes down ``LADDER`` until a run stays within ``GAP`` of the reference at every record. A tolerance that fails before
``EARLY_END`` already is not followed further. A run that has taken ``LIMIT`` evaluations is stopped there; its number
of evaluations is then a lower bound.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from torch import Tensor

from grokutil.data import modular_addition
from grokutil.flow import integrate, sharpness
from grokutil.isolated import FirstLayerDynamics
from grokutil.model import gaussian_embedding

P, WIDTH, FRACTION = 37, 512, 0.7
CELLS = ("relu_0", "relu_1", "tanh_0")
METHODS = ("rkc", "rk45")
REFERENCE = {"relu": 1e-2, "tanh": 1e-3}  # rtol; with kinks each digit takes ten times as long
LADDER = (0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001)
GAP, EARLY_END, END, LIMIT = 0.02, 0.02, 2.5, 30_000
TIMES = np.unique(np.round(np.concatenate(((0.001, 0.002, 0.005, 0.01, 0.05), np.arange(0, END + 0.01, 0.02))), 6))
COARSE = (0.0, 0.02, 0.1, 0.5, 1.0, 1.5, 2.0, 2.5)  # when the sharpness is measured


class Run(NamedTuple):
    """What is kept of a run: ||E||^2 at the first of ``TIMES``, and what it cost."""

    norm2: np.ndarray
    evaluations: int
    products: int
    rejected: int

    def gap(self, reference: np.ndarray) -> float:
        """Largest relative difference of ||E||^2 from the reference, over the records of both."""
        size = min(len(self.norm2), len(reference))
        return float(abs(self.norm2[:size] / reference[:size] - 1).max())


def setting(cell: str) -> tuple[FirstLayerDynamics, Tensor]:
    """The velocity of eq. 20 and the random embedding, for an activation and a seed."""
    activation, seed = cell.split("_")
    task = modular_addition(P, FRACTION, seed=int(seed))
    return FirstLayerDynamics(task.X_train, task.Y_train, activation), gaussian_embedding(P, WIDTH, seed=int(seed))


def follow(cell: str, method: str, rtol: float, end: float, limit: int = 10 * LIMIT) -> tuple[Run, list[Tensor]]:
    """One run to ``end``, or to its limit of evaluations; also its states."""
    dynamics, E = setting(cell)
    path = integrate.begin(dynamics, E, TIMES[end >= TIMES], method=method, rtol=rtol)
    states: list[Tensor] = []
    for _, state, recorded in path:
        if path.evaluations > limit:  # a step that goes beyond it does not count
            break
        states += [state] if recorded else []
    norm2 = np.array([float(E.square().sum()) for E in states])
    settings = path.trajectory().settings
    cost = (min(path.evaluations, limit), settings.get("products", 0), settings.get("rejected", 0))
    return Run(norm2, *cost), states


def climb(cell: str, method: str, reference: np.ndarray) -> dict[str, np.ndarray]:
    """Runs of one method down the ladder, to the first that is accurate enough.

    Returns:
        (R,) arrays, an entry for each tolerance tried: ``rtol``; ``early_gap`` and ``early_evaluations`` of the run to
        ``EARLY_END``; ``gap``, ``evaluations``, ``products``, ``rejected`` and ``reached`` (the last record) of the run
        to ``END``, NaN if there was none.
    """
    rows = []
    for rtol in LADDER:
        early, _ = follow(cell, method, rtol, EARLY_END)
        row = [rtol, early.gap(reference), early.evaluations]
        if row[1] > GAP:
            rows.append([*row, *[np.nan] * 5])
            continue
        run, _ = follow(cell, method, rtol, END, LIMIT)
        gap = run.gap(reference)
        rows.append([*row, gap, *run[1:], TIMES[len(run.norm2) - 1]])
        if gap <= GAP:
            break
    names = ("rtol", "early_gap", "early_evaluations", "gap", "evaluations", "products", "rejected", "reached")
    return dict(zip(names, np.array(rows).T, strict=True))


def make(cell: str) -> tuple[dict[str, np.ndarray], dict]:
    """The arrays and the notes of one stored file: the reference, its sharpness, and both ladders."""
    activation, seed = cell.split("_")
    reference, states = follow(cell, "rkc", REFERENCE[activation], END)
    dynamics, _ = setting(cell)
    arrays = {
        "times": TIMES,
        "norm2": reference.norm2,
        "coarse_times": np.array(COARSE),
        "sharpness": np.array([sharpness(dynamics, states[int(np.searchsorted(TIMES, t))])[0] for t in COARSE]),
    }
    for method in METHODS:
        arrays |= {f"{method}_{name}": row for name, row in climb(cell, method, reference.norm2).items()}
    if activation != "relu":
        explicit, _ = follow(cell, "rk45", REFERENCE[activation] / 10, EARLY_END)
        arrays["reference_gap"] = np.array(explicit.gap(reference.norm2))
    notes = {"activation": activation, "seed": int(seed), "p": P, "width": WIDTH, "train_fraction": FRACTION}
    notes |= {"reference_rtol": REFERENCE[activation], "reference_evaluations": reference.evaluations, "limit": LIMIT}
    return arrays, notes
