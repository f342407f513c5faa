"""One evaluation of eq. 20 in the setting of section 7.3, against other ways to the same velocity."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from grokutil.benchmarks.compare import Way
from grokutil.data import modular_addition
from grokutil.isolated import FirstLayerDynamics
from grokutil.model import gaussian_embedding

SUBJECT = "eq. 20 once, p = 37, n = 492, width 512"
REPEATS = 11
P, N, WIDTH = 37, 492, 512


def flops(p: int, n: int, width: int) -> float:
    """H H^T (one half), its Cholesky factor, A Y, and (A Y)(A Y)^T H: what no way to eq. 20 can leave out."""
    return n**2 * width + n**3 / 3 + 2 * n**2 * p + 4 * n * p * width


FLOPS = flops(P, N, WIDTH)


class AsPrinted:
    """Eq. 20 word for word: an inverse, and products from left to right."""

    clock = "tau"

    def __init__(self, X: Tensor, Y: Tensor) -> None:
        self.X, self.Y = X, Y

    def __call__(self, E: Tensor) -> Tensor:
        """The velocity."""
        X, Y = self.X, self.Y
        H = torch.relu(X @ E)
        A = torch.linalg.inv(H @ H.mT)
        return X.mT @ ((A @ Y @ Y.mT @ A @ H) * (X @ E > 0)) - E


def ways() -> dict[str, Way]:
    """The same velocity after one step from the random start, where H H^T is better conditioned."""
    task, E = modular_addition(P, 0.7, seed=0), gaussian_embedding(P, WIDTH, seed=0)
    X, Y = task.X_train, task.Y_train
    dynamics, printed = FirstLayerDynamics(X, Y), AsPrinted(X, Y)
    E = E + 1e-3 * dynamics(E)

    def autograd(readout: Callable[[Tensor], Tensor]) -> Tensor:
        leaf = E.clone().requires_grad_()
        W2 = readout(torch.relu(X @ leaf))
        return -torch.autograd.grad(leaf.square().sum() + W2.square().sum(), leaf)[0] / 2

    return {
        "FirstLayerDynamics": lambda: dynamics(E),
        "the formula as printed": lambda: printed(E),
        "autograd through pinv": lambda: autograd(lambda H: torch.linalg.pinv(H) @ Y),
        "autograd through solve": lambda: autograd(lambda H: H.mT @ torch.linalg.solve(H @ H.mT, Y)),
    }
