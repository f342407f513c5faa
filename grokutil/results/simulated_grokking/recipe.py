"""Eq. 20 in the setting of Fig. 6 (p = 37, d_h = 512, ReLU, 70 % of the pairs) with four rules for the step.

- ``published``: Euler with eta = 1e-3 to tau = 5, as in the paper; seeds 0-4
- ``small``:     Euler with eta = 1e-4 to tau = 3; seeds 0-2
- ``resolved``:  Euler with eta * lambda_max = 0.5 all along, to tau = 3; seeds 0-2
- ``stabilised``: Runge-Kutta-Chebyshev with rtol = 1e-2, to tau = 3; seeds 0-4

The start is N(0, p^(-1/2)). These read it as a standard deviation; ``variance_published`` and
``variance_stabilised`` are the same with p^(-1/2) as the variance, seeds 0-4.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from grokutil.data import Task, modular_addition
from grokutil.flow import StableStep, integrate, sharpness
from grokutil.fourier import (
    feature_cosines,
    feature_norms,
    fourier_features,
    unit_correlation,
    unit_similarity,
    within_and_between,
)
from grokutil.isolated import FirstLayerDynamics
from grokutil.measure import accuracy, relative_residual
from grokutil.model import gaussian_embedding, predict
from grokutil.runs.trajectory import Trajectory

P, WIDTH, FRACTION = 37, 512, 0.7
RUNS = {
    "published": range(5),
    "small": range(3),
    "resolved": range(3),
    "stabilised": range(5),
    "variance_published": range(5),
    "variance_stabilised": range(5),
}
END = {rule: 5.0 if rule.endswith("published") else 3.0 for rule in RUNS}
EARLY = (0.0, 0.001, 0.002, 0.005, 0.01, 0.05)  # the first steps are where the rules differ
CELLS = tuple(f"{rule}_{seed}" for rule, seeds in RUNS.items() for seed in seeds)


def make(cell: str) -> tuple[dict[str, np.ndarray], dict]:
    """The arrays and the notes of one stored file."""
    rule, seed = cell.rsplit("_", 1)
    trajectory, arrays = run(rule, int(seed))
    setting = {"rule": rule, "seed": int(seed), "p": P, "width": WIDTH, "train_fraction": FRACTION}
    setting |= {"reading": reading(rule), "evaluations": trajectory.evaluations}
    return arrays, setting | dict(trajectory.settings)


def reading(rule: str) -> str:
    """What a rule takes p^(-1/2) for: see :func:`~grokutil.model.gaussian_embedding`."""
    return "variance" if rule.startswith("variance_") else "deviation"


def setting(seed: int, reading: str = "deviation") -> tuple:
    """The task, the prepared velocity of eq. 20 and the random embedding for a seed."""
    task = modular_addition(P, FRACTION, seed=seed)
    E0 = gaussian_embedding(P, WIDTH, seed=seed, reading=reading)
    return task, FirstLayerDynamics(task.X_train, task.Y_train), E0


def record_times(end: float) -> np.ndarray:
    """When a run is recorded: every 0.02 of tau, and at the early times."""
    return np.unique(np.round(np.concatenate((EARLY, np.arange(0, end + 0.01, 0.02))), 6))


def run(rule: str, seed: int, end: float | None = None) -> tuple[Trajectory, dict[str, np.ndarray]]:
    """One run of eq. 20, and what is measured on it.

    Returns:
        The trajectory, and arrays: ``times`` (T,), ``test_accuracy``, ``residual``, ``embedding_norm2`` and
        ``readout_norm2`` at those times; ``coarse_times`` (C,), and at those times ``sharpness`` (C,),
        ``norms`` (C, K, 2), ``cosines`` (C, K), ``within`` and ``between`` (C,). At the published step, the step of
        Fig. 6, also ``correlation_within`` and ``correlation_between`` (C,).
    """
    task, dynamics, E0 = setting(seed, reading(rule))
    rules: dict[str, dict[str, Any]] = {
        "published": {"step": 1e-3},
        "small": {"step": 1e-4},
        "resolved": {"step": StableStep(dynamics, fraction=0.5)},
        "stabilised": {"method": "rkc", "rtol": 1e-2},
    }
    by = rule.removeprefix("variance_")
    trajectory = integrate(dynamics, E0, record_times(end or END[rule]), **rules[by], progress=False)
    arrays = measure(task, dynamics, trajectory)
    return trajectory, arrays | (correlations(trajectory) if by == "published" else {})


def coarse_indices(times: np.ndarray) -> list[int]:
    """Which records have the costly measures: the early ones, and every 0.2 of tau."""
    return [i for i, t in enumerate(times) if t in EARLY or round(t * 100) % 20 == 0]


def correlations(trajectory: Trajectory) -> dict[str, np.ndarray]:
    """The correlation of the absolute values of Fourier features, within and between frequencies: see :func:`run`."""
    states = (trajectory.states[i] for i in coarse_indices(trajectory.times))
    found = [within_and_between(unit_correlation(fourier_features(E))) for E in states]
    return dict(zip(("correlation_within", "correlation_between"), np.array(found).T, strict=True))


def measure(task: Task, dynamics: FirstLayerDynamics, trajectory: Trajectory) -> dict[str, np.ndarray]:
    """The arrays of a run: see :func:`run`."""
    rows = []
    for E in trajectory.states:
        W = dynamics.readout(E)
        rows.append(
            (
                accuracy(predict(E, W, task.X_test), task.labels_test),
                relative_residual(predict(E, W, task.X_train), task.Y_train),
                float(E.square().sum()),
                float(W.square().sum()),
            )
        )
    names = ("test_accuracy", "residual", "embedding_norm2", "readout_norm2")
    fine = dict(zip(names, np.array(rows).T, strict=True))

    coarse = coarse_indices(trajectory.times)
    curvature, direction = [], None
    features = []
    for i in coarse:
        value, direction = sharpness(dynamics, trajectory.states[i], direction)
        curvature.append(value)
        F = fourier_features(trajectory.states[i])
        features.append((feature_norms(F), feature_cosines(F), *within_and_between(unit_similarity(F))))
    norms, cosines, within, between = (np.array([np.asarray(x) for x in c]) for c in zip(*features, strict=True))
    return {
        "times": trajectory.times,
        **fine,
        "coarse_times": trajectory.times[coarse],
        "sharpness": np.array(curvature),
        "norms": norms,
        "cosines": cosines,
        "within": within,
        "between": between,
    }
