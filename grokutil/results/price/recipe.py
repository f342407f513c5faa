"""The least norm of networks that add modulo p, on all pairs and on some of them.

- ``whole_ACTIVATION_P``: searches on all pairs, from several starts
- ``some_ACTIVATION_P_SEED``: searches on n random pairs, for n around the number where the price of all pairs equals
  that of memorising n; the accuracy on the others. ``random`` has random labels on the same pairs, ``released`` starts
  from a network that was fitted to all pairs
"""

from __future__ import annotations

import numpy as np
import torch
from torch.nn.functional import one_hot

from grokutil.data import Task, modular_addition
from grokutil.least_norm import LeastNorm, least_norm
from grokutil.measure import accuracy
from grokutil.model import predict
from grokutil.results.other_paths.recipe import all_pairs

WIDTHS = {7: 40, 11: 80, 13: 96, 17: 140, 19: 150, 23: 180, 29: 220, 37: 300}
CROSSING = {7: 24.0, 11: 45.6, 13: 57.6, 17: 83.4, 19: 97.2, 23: 126.3, 29: 173.1, 37: 238.7}  # n*, rounded
RELU_CROSSING = 51.5  # p = 11; where to look, no more
SHARES = {7: (0.8, 0.9, 0.95, 1.0, 1.05, 1.1), 11: (0.4, 0.6, 0.8, 0.85, 0.9, 0.95, 1.0, 1.05, 1.2)}  # of n*
OTHER_SHARES = (0.75, 0.8, 0.85, 0.9, 0.95, 1.0, 1.1)
LARGE_SHARES = (0.75, 0.8, 0.85, 0.9, 1.0)  # from p = 29 on
WHOLE_RIDGES, WHOLE_STEPS = (1e-2, 1e-3, 1e-4, 1e-5), 4000
RIDGES = (3e-2, 3e-3)
STARTS = {7: 5, 11: 5, 13: 6, 17: 5}
RELEASED, RANDOM = (11,), (11,)
STEPS = 1500
CELLS = (
    *(f"some_quadratic_{p}_{seed}" for p in (11, 13, 17, 19) for seed in range(5)),
    *(f"some_quadratic_{p}_{seed}" for p in (23, 29) for seed in range(3)),
    *(f"whole_quadratic_{p}" for p in STARTS),
    *(f"whole_relu_{p}" for p in (5, 7, 11)),
    *(f"some_relu_11_{seed}" for seed in range(5)),
    *(f"some_quadratic_7_{seed}" for seed in range(5)),
    *(f"some_quadratic_37_{seed}" for seed in range(3)),
)


def make(cell: str) -> tuple[dict[str, np.ndarray], dict]:
    """The arrays and the notes of one stored file."""
    kind, activation, *numbers = cell.split("_")
    p = int(numbers[0])
    setting = {"activation": activation, "p": p, "width": width(activation, p), "steps": STEPS}
    if kind == "whole":
        return whole(activation, p), setting | {"ridges": WHOLE_RIDGES, "steps": WHOLE_STEPS, "seed": 0}  # the first
    return some(activation, p, int(numbers[1])), setting | {"ridges": RIDGES, "seed": int(numbers[1])}


def width(activation: str, p: int) -> int:
    """How many hidden units the searches have."""
    return WIDTHS.get(p, 40) if activation == "quadratic" else 128


def whole(activation: str, p: int, starts: int | None = None) -> dict[str, np.ndarray]:
    """``norm2`` and ``loss`` (starts,) of searches on all pairs, the lowest first; its ``W1`` and ``W2``."""
    task, number = all_pairs(p), starts or STARTS.get(p, 5)
    options = {"ridges": WHOLE_RIDGES, "steps": WHOLE_STEPS}
    runs = [search(task.X_train, task.Y_train, activation, seed, **options) for seed in range(number)]
    found = sorted(runs, key=lambda one: one.norm2)
    best = {"W1": found[0].W1.numpy(), "W2": found[0].W2.numpy()}
    return best | {name: np.array([getattr(one, name) for one in found]) for name in ("norm2", "loss")}


def sizes(activation: str, p: int) -> list[int]:
    """The numbers of training pairs."""
    middle = CROSSING[p] if activation == "quadratic" else RELU_CROSSING
    shares = SHARES.get(p, OTHER_SHARES if p < 29 else LARGE_SHARES)
    return sorted({n for n in (round(share * middle) for share in shares) if n < p * (p + 1) // 2})


def some(activation: str, p: int, seed: int, chosen: list[int] | None = None) -> dict[str, np.ndarray]:
    """Searches on n random pairs.

    Returns:
        ``n`` (F,), and (F,) each: ``norm2``, ``loss`` on the training pairs and ``accuracy`` on the others, from a
        random start; for some p ``released_norm2`` and ``released_accuracy``, from a network that fits all pairs, and
        ``random_norm2``, with random labels.
    """
    everything, rows = all_pairs(p), []
    start = None
    if p in RELEASED:
        fitted = search(everything.X_train, everything.Y_train, activation, seed)
        start = (fitted.W1, fitted.W2)
    for n in chosen or sizes(activation, p):
        task = modular_addition(p, train_size=n, seed=seed)
        found = search(task.X_train, task.Y_train, activation, seed)
        row = {"n": n, "norm2": found.norm2, "loss": found.loss, "accuracy": right(found, task, activation)}
        if start is not None:
            kept = search(task.X_train, task.Y_train, activation, seed, start=start)
            row |= {"released_norm2": kept.norm2, "released_accuracy": right(kept, task, activation)}
        if p in RANDOM:
            labels = torch.randint(p, (n,), generator=torch.Generator().manual_seed(2000 + seed))
            row["random_norm2"] = search(task.X_train, one_hot(labels, p).double(), activation, seed).norm2
        rows.append(row)
    return {key: np.array([row[key] for row in rows]) for key in rows[0]}


def search(X: torch.Tensor, Y: torch.Tensor, activation: str, seed: int, **options: object) -> LeastNorm:
    """One search with the settings of this recipe."""
    p = X.shape[1]
    settings = {"ridges": RIDGES, "steps": STEPS} | options
    return least_norm(X, Y, width(activation, p), activation=activation, seed=seed, **settings)  # type: ignore[arg-type]


def right(found: LeastNorm, task: Task, activation: str) -> float:
    """Accuracy on the test pairs."""
    return float(accuracy(predict(found.W1, found.W2, task.X_test, activation), task.labels_test))
