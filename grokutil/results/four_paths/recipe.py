"""Four paths from one memorising point, on the clock s (p = 11, 59 of 66 pairs, 128 hidden units).

- ``training_WD``: gradient descent on both layers with weight decay WD
- ``projected``:   the norm-minimising flow on the zero-loss manifold
- ``ridge_WD``:    the isolated dynamics of the first layer, with the ridge that WD stands for
- ``no ridge``:    the isolated dynamics without ridge

Cells: ``off_SEED`` begins where training without weight decay ends; ``graph_SEED`` begins with the same first layer
and its optimal readout; ``end_SEED`` follows ``training`` and ``ridge`` for a long time. All with softplus (beta 10).
``relu_SEED`` is ``off`` with ReLU.
"""

from __future__ import annotations

import numpy as np
import torch

from grokutil.activations import Activation, get_activation, softplus
from grokutil.data import Task, modular_addition
from grokutil.flow import StableStep, integrate
from grokutil.fourier import unit_concentration
from grokutil.isolated import FirstLayerDynamics, optimal_readout
from grokutil.measure import accuracy
from grokutil.model import hidden, predict
from grokutil.train import gradient_descent, ridge_from_weight_decay
from grokutil.walks import Point, projected_flow, retract

P, TRAIN_SIZE, WIDTH, LEARNING_RATE = 11, 59, 128, 1.0
MEMORISING_STEPS = 3000
TIMES = np.round(np.linspace(0, 1, 41), 6)  # s
LONG = np.arange(0, 20.5)
DECAYS, LONG_DECAY = (4e-4, 1e-4, 2.5e-5), 1e-3
STEP = {"off": 0.02, "graph": 0.02, "relu": 0.001}  # of the projected flow, in s
SEEDS = {"off": range(5), "graph": range(3), "end": range(3), "relu": range(3)}
CELLS = tuple(f"{kind}_{seed}" for kind, seeds in SEEDS.items() for seed in seeds)


def make(cell: str) -> tuple[dict[str, np.ndarray], dict]:
    """The arrays and the notes of one stored file."""
    kind, seed = cell.split("_")
    arrays, names, sigma = run(kind, int(seed))
    notes = {"kind": kind, "seed": int(seed), "p": P, "train_size": TRAIN_SIZE, "width": WIDTH, "paths": names}
    return arrays, notes | {"activation": sigma.name, "learning_rate": LEARNING_RATE, "step": STEP.get(kind)}


def run(kind: str, seed: int, times: np.ndarray | None = None) -> tuple[dict[str, np.ndarray], list[str], Activation]:
    """The arrays of a cell, the names of its paths in their order, and the activation."""
    task, sigma, start = setting(kind, seed)
    if kind == "end":
        times = LONG if times is None else times
        states = {
            f"training_{LONG_DECAY:g}": training(task, sigma, start, times, LONG_DECAY),
            f"ridge_{LONG_DECAY:g}": isolated(task, sigma, start[0], times, ridge_of(LONG_DECAY)),
        }
        arrays = measures(task, sigma, states) | stationarity(task, sigma, states)
    else:
        times = TIMES if times is None else times
        states = paths(task, sigma, start, times, STEP[kind])
        arrays = measures(task, sigma, states)
    return {"times": times} | arrays, list(states), sigma


def ridge_of(decay: float) -> float:
    """The ridge that a weight decay stands for here."""
    return ridge_from_weight_decay(decay, TRAIN_SIZE, P)


def setting(kind: str, seed: int) -> tuple[Task, Activation, Point]:
    """The task, the activation and the memorising point of a cell."""
    task = modular_addition(P, train_size=TRAIN_SIZE, seed=seed)
    sigma = get_activation("relu") if kind == "relu" else softplus(10)
    run = gradient_descent(
        task, width=WIDTH, activation=sigma, weight_decay=0, learning_rate=LEARNING_RATE, seed=seed,
        times=[0, MEMORISING_STEPS], progress=False,
    )  # fmt: skip
    W1, W2 = run.states[-1]
    W1, W2 = retract(W1, W2, task.X_train, task.Y_train, sigma)
    if kind == "graph":
        W2 = optimal_readout(hidden(W1, task.X_train, sigma), task.Y_train)
    return task, sigma, (W1, W2)


def training(task: Task, sigma: Activation, start: Point, times: np.ndarray, decay: float) -> tuple[Point, ...]:
    """States of gradient descent at the times s."""
    steps = np.round(2 * times / (LEARNING_RATE * decay)).astype(int)
    run = gradient_descent(
        task, activation=sigma, learning_rate=LEARNING_RATE, weight_decay=decay, times=steps, start=start,
        progress=False,
    )  # fmt: skip
    return run.states


def isolated(task: Task, sigma: Activation, W1: torch.Tensor, times: np.ndarray, ridge: float) -> tuple[Point, ...]:
    """States (W1, phi(W1)) of the isolated dynamics at the times s; tau = 2 s."""
    dynamics = FirstLayerDynamics(task.X_train, task.Y_train, sigma, ridge)
    run = integrate(dynamics, W1, 2 * times, step=StableStep(dynamics, 0.5, longest=5e-3), progress=False)
    return tuple((W, dynamics.readout(W)) for W in run.states)


def paths(task: Task, sigma: Activation, start: Point, times: np.ndarray, step: float) -> dict[str, tuple[Point, ...]]:
    """The states of all paths from one start, by name."""
    states: dict[str, tuple[Point, ...]] = {}
    for decay in DECAYS:
        states[f"training_{decay:g}"] = training(task, sigma, start, times, decay)
        states[f"ridge_{decay:g}"] = isolated(task, sigma, start[0], times, ridge_of(decay))
    X, Y = task.X_train, task.Y_train
    states["projected"] = projected_flow(start, X, Y, times, activation=sigma, step=step, progress=False).states
    states["no ridge"] = isolated(task, sigma, start[0], times, 0.0)
    return states


def measures(task: Task, sigma: Activation, states: dict[str, tuple[Point, ...]]) -> dict[str, np.ndarray]:
    r"""What is read off the N paths at T times: ``distance`` (N, N, T), all else (N, T).

    ``distance`` is |Y_a - Y_b| / sqrt(n_test) on the test inputs. ``test_error`` is the mean of the squared error.
    ``kernel_share`` is |W2 - H^+ H W2| / |W2|, ``kappa_min`` the smallest eigenvalue of H H^T.
    """
    names = (
        "test_accuracy",
        "test_error",
        "norm2_first",
        "norm2_readout",
        "concentration",
        "kernel_share",
        "kappa_min",
    )
    rows = np.array([[_at(task, sigma, *point) for point in path] for path in states.values()])
    outputs = torch.stack(
        [torch.stack([predict(*point, task.X_test, sigma) for point in path]) for path in states.values()]
    )  # (N, T, n_test, d_out)
    gaps = (outputs[:, None] - outputs[None]).square().sum((3, 4)) / len(task.X_test)
    return dict(zip(names, np.moveaxis(rows, 2, 0), strict=True)) | {"distance": gaps.sqrt().numpy()}


def _at(task: Task, sigma: Activation, W1: torch.Tensor, W2: torch.Tensor) -> tuple[float, ...]:
    output, H = predict(W1, W2, task.X_test, sigma), hidden(W1, task.X_train, sigma)
    off = W2 - torch.linalg.lstsq(H, H @ W2, driver="gelsd").solution  # the part in the kernel of H
    return (
        accuracy(output, task.labels_test),
        float((output - task.Y_test).square().mean()),
        float(W1.square().sum()),
        float(W2.square().sum()),
        unit_concentration(W1),
        float(off.norm() / W2.norm()),
        float(torch.linalg.eigvalsh(H @ H.mT)[0]),
    )


def stationarity(task: Task, sigma: Activation, states: dict[str, tuple[Point, ...]]) -> dict[str, np.ndarray]:
    r"""How close paths are to a critical point of the reduced cost with the ridge of ``LONG_DECAY``, each (N, T).

    ``velocity`` is |dW1/dtau| / |W1|, ``readout_gap`` is |W2 - phi(W1)| / |W2|, ``cost`` is R(W1) / lambda.
    """
    dynamics = FirstLayerDynamics(task.X_train, task.Y_train, sigma, ridge_of(LONG_DECAY))
    rows = [
        [
            (
                float(dynamics(W1).norm() / W1.norm()),
                float((W2 - dynamics.readout(W1)).norm() / W2.norm()),
                float(dynamics.cost(W1)),
            )
            for W1, W2 in path
        ]
        for path in states.values()
    ]
    return dict(zip(("velocity", "readout_gap", "cost"), np.moveaxis(np.array(rows), 2, 0), strict=True))
