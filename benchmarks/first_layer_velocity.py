"""One evaluation of eq. 20 in the setting of section 7.3, against other ways to the same velocity."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from benchmarks.compare import Way
from grokutil.data import modular_addition
from grokutil.isolated import FirstLayerDynamics
from grokutil.model import gaussian_embedding

SUBJECT = "eq. 20 once, p = 37, n = 492, width 512"
P, N, WIDTH = 37, 492, 512
FLOPS = N**2 * WIDTH + N**3 / 3 + 2 * N**2 * P + 4 * N * P * WIDTH  # H H^T (half), Cholesky, A Y, (A Y)(A Y)^T H


def ways() -> dict[str, Way]:
    """The same velocity after one step from the random start, where H H^T is better conditioned."""
    task, E = modular_addition(P, 0.7, seed=0), gaussian_embedding(P, WIDTH, seed=0)
    X, Y = task.X_train, task.Y_train
    dynamics = FirstLayerDynamics(X, Y)
    E = E + 1e-3 * dynamics(E)

    def printed() -> Tensor:
        H = torch.relu(X @ E)
        A = torch.linalg.inv(H @ H.mT)
        return X.mT @ ((A @ Y @ Y.mT @ A @ H) * (X @ E > 0)) - E

    def autograd(readout: Callable[[Tensor], Tensor]) -> Tensor:
        leaf = E.clone().requires_grad_()
        W2 = readout(torch.relu(X @ leaf))
        return -torch.autograd.grad(leaf.square().sum() + W2.square().sum(), leaf)[0] / 2

    return {
        "FirstLayerDynamics": lambda: dynamics(E),
        "the formula as printed": printed,
        "autograd through pinv": lambda: autograd(lambda H: torch.linalg.pinv(H) @ Y),
        "autograd through solve": lambda: autograd(lambda H: H.mT @ torch.linalg.solve(H @ H.mT, Y)),
    }
