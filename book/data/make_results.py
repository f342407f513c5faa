"""Make the stored results of the book again: ``make results``.

Runs eq. 20 in the setting of Fig. 6 (p = 37, d_h = 512, ReLU, 70 % of the pairs) with three rules for the step:

- ``published``: Euler with eta = 1e-3 to tau = 5, as in the paper; seeds 0-4
- ``small``:     Euler with eta = 1e-4 to tau = 3; seeds 0-2
- ``resolved``:  Euler with eta * lambda_max = 0.5 all along, to tau = 3; seeds 0-2

Each run is one file, ``simulated_grokking/RULE_SEED.npz``. Finished runs wait in ``_build/results`` until all are
there, so a run that was stopped goes on where it was.
"""

from __future__ import annotations

import argparse
import os
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch

from grokutil.data import modular_addition
from grokutil.flow import StableStep, integrate, sharpness
from grokutil.fourier import feature_cosines, feature_norms, fourier_features, unit_similarity, within_and_between
from grokutil.isolated import FirstLayerDynamics
from grokutil.measure import accuracy, relative_residual
from grokutil.model import gaussian_embedding, predict
from grokutil.storage import provenance, save_npz
from grokutil.trajectory import Trajectory

HERE = Path(__file__).parent
WAITING = HERE.parents[1] / "_build" / "results"
FOLDER = "simulated_grokking"
P, WIDTH, FRACTION = 37, 512, 0.7
RUNS = {"published": range(5), "small": range(3), "resolved": range(3)}
END = {"published": 5.0, "small": 3.0, "resolved": 3.0}
EARLY = (0.0, 0.001, 0.002, 0.005, 0.01, 0.05)  # the first steps are where the rules differ


def setting(seed: int) -> tuple:
    """The task, the prepared velocity of eq. 20 and the random embedding for a seed."""
    task = modular_addition(P, FRACTION, seed=seed)
    return task, FirstLayerDynamics(task.X_train, task.Y_train), gaussian_embedding(P, WIDTH, seed=seed)


def record_times(end: float) -> np.ndarray:
    """When a run is recorded: every 0.02 of tau, and at the early times."""
    return np.unique(np.round(np.concatenate((EARLY, np.arange(0, end + 0.01, 0.02))), 6))


def run(rule: str, seed: int, end: float | None = None) -> tuple[Trajectory, dict[str, np.ndarray]]:
    """One run of eq. 20, and what is measured on it.

    Returns:
        The trajectory, and arrays: ``times`` (T,), ``test_accuracy``, ``residual``, ``embedding_norm2`` and
        ``readout_norm2`` at those times; ``coarse_times`` (C,), and at those times ``sharpness`` (C,),
        ``norms`` (C, K, 2), ``cosines`` (C, K), ``within`` and ``between`` (C,).
    """
    task, dynamics, E0 = setting(seed)
    step = {"published": 1e-3, "small": 1e-4, "resolved": StableStep(dynamics, fraction=0.5)}[rule]
    times = record_times(end or END[rule])
    trajectory = integrate(dynamics, E0, times, step=step, progress=False)
    return trajectory, measure(task, dynamics, trajectory)


def measure(task, dynamics, trajectory) -> dict[str, np.ndarray]:
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

    coarse = [i for i, t in enumerate(trajectory.times) if t in EARLY or round(t * 100) % 20 == 0]
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


def make(rule: str, seed: int) -> str:
    """Run one cell of the table and store it in the waiting folder."""
    torch.set_num_threads(1)
    begin = time.perf_counter()
    trajectory, arrays = run(rule, seed)
    notes = {
        "rule": rule,
        "seed": seed,
        "p": P,
        "width": WIDTH,
        "train_fraction": FRACTION,
        "evaluations": trajectory.evaluations,
        "seconds": round(time.perf_counter() - begin, 1),
        **dict(trajectory.settings),
        **provenance("make results"),
    }
    save_npz(WAITING / FOLDER / f"{rule}_{seed}.npz", arrays, notes)
    return f"{rule} seed {seed}: {trajectory.evaluations} evaluations, {notes['seconds']:.0f} s"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="processes, one BLAS thread each")
    workers = parser.parse_args().workers
    cells = [(rule, seed) for rule, seeds in RUNS.items() for seed in seeds]
    todo = [c for c in cells if not (WAITING / FOLDER / f"{c[0]}_{c[1]}.npz").exists()]
    print(f"{len(todo)} of {len(cells)} runs to make, {workers} at a time", flush=True)
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        for future in as_completed([pool.submit(make, *cell) for cell in todo]):
            print(future.result(), flush=True)
    (HERE / FOLDER).mkdir(exist_ok=True)
    for rule, seed in cells:
        os.replace(WAITING / FOLDER / f"{rule}_{seed}.npz", HERE / FOLDER / f"{rule}_{seed}.npz")
    print(f"stored in {HERE / FOLDER}")


if __name__ == "__main__":
    main()
