"""One velocity with weight decay where samples are many and units few: by the width, against the n x n matrix."""

from __future__ import annotations

import torch
from torch import Tensor

from grokutil.benchmarks.compare import Way
from grokutil.data import modular_addition
from grokutil.isolated import FirstLayerDynamics
from grokutil.model import gaussian_embedding

SUBJECT = "eq. 20 with ridge once, p = 97, n = 4656, width 256"
REPEATS = 3
P, N, WIDTH, RIDGE = 97, 4656, 256, 1.0


def ways() -> dict[str, Way]:
    """The same velocity from the random start, by the factor of either matrix."""
    task, E = modular_addition(P, train_size=N, seed=0), gaussian_embedding(P, WIDTH, seed=0)
    X, Y = task.X_train, task.Y_train
    dynamics = FirstLayerDynamics(X, Y, ridge=RIDGE)

    def by_samples() -> Tensor:
        Z = X @ E
        H = torch.relu(Z)
        L = torch.linalg.cholesky(H @ H.mT + RIDGE * torch.eye(N, dtype=E.dtype))
        B = torch.cholesky_solve(Y, L)
        return X.mT @ ((B @ (B.mT @ H)) * (Z > 0)) - E

    return {
        "FirstLayerDynamics, d_h x d_h": lambda: dynamics(E),
        "H H^T + ridge I, n x n": by_samples,
    }
