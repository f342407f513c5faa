r"""The least squared norm with which a two-layer network fits its data: a search from above, a bound from below.

The norm on the zero-loss manifold is not convex: what the search finds is an upper bound on the least norm over all
widths. For ReLU the least norm over all widths is a convex problem, and its dual is a lower bound.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import minimize
from torch import Tensor

from grokutil.activations import Activation, get_activation
from grokutil.checks import Matrix, data, generator, integer, layers, matrix, positive, same_size, targets
from grokutil.model import predict

RIDGES = (3e-2, 1e-2, 1e-3)  # from 0.1 on units die before they are of use


@dataclass(frozen=True, eq=False)
class LeastNorm:
    r"""What a search for the least norm has found.

    Attributes:
        W1: first layer (d_in, d_h), float64.
        W2: readout (d_h, d_out), float64.
        norm2: :math:`\|\theta\|^2 + 2 L / \lambda`, at the last :math:`\lambda`: the squared norm of the nearest
            zero-loss point up to :math:`O(\lambda^2)`.
        loss: L, the sum of squared errors.
    """

    W1: Tensor
    W2: Tensor
    norm2: float
    loss: float


def least_norm(
    X: Matrix,
    Y: Matrix,
    width: int = 128,
    *,
    activation: str | Activation = "quadratic",
    seed: int = 0,
    start: tuple[Matrix, Matrix] | None = None,
    ridges: Sequence[float] = RIDGES,
    steps: int = 2500,
) -> LeastNorm:
    r"""A network of low norm that fits its data, by L-BFGS for smaller and smaller weight decay.

    .. math::
        \min_\theta \; \frac{L(\theta)}{\lambda} + \|\theta\|^2, \qquad
        \lambda = \lambda_1 > \lambda_2 > \dots

    It descends to a local minimum, which depends on the start: take the lowest of several. A search that is stopped
    by ``steps`` stands a little above one.

    Args:
        X: inputs (n, d_in), float64.
        Y: targets (n, d_out), float64.
        width: d_h, for a fresh start.
        activation: name or :class:`~grokutil.activations.Activation`.
        seed: of a fresh start, whose entries are normal with variance 1 / d_in in the first layer, 1 / d_h in the
            second.
        start: weights (W1, W2) to start from, float64; None draws a fresh start.
        ridges: the values of :math:`\lambda` in their order.
        steps: of L-BFGS at each of them, at most.

    Returns:
        A :class:`LeastNorm`.

    Raises:
        ValueError: an argument outside its range, no ridge, or shapes that do not match.
    """
    X, Y, sigma = data(matrix("X", X)), data(matrix("Y", Y)), get_activation(activation)
    same_size("X", X, 0, "Y", Y, 0)
    if start is None:
        m, draw = integer("width", width, 1), generator(seed)
        shapes = (X.shape[1], m), (m, Y.shape[1])
        start = tuple(torch.randn(s, generator=draw, dtype=torch.float64) / s[0] ** 0.5 for s in shapes)
    W1, W2, X = layers(*start, X)
    Y = targets(Y, X, W2)
    if not len(ridges):
        raise ValueError("ridges is empty: the search needs at least one value of lambda")
    most = integer("steps", steps, 1)

    def layers_of(theta: np.ndarray) -> tuple[Tensor, Tensor]:
        flat = torch.from_numpy(theta)
        return flat[: W1.numel()].view_as(W1), flat[W1.numel() :].view_as(W2)

    def cost(theta: np.ndarray, ridge: float) -> tuple[float, np.ndarray]:
        V1, V2 = layers_of(theta)
        Z = X @ V1
        H = sigma.value(Z)
        R = H @ V2 - Y
        G1, G2 = X.mT @ ((R @ V2.mT) * sigma.slope(Z)), H.mT @ R  # half of model.loss_gradient, with the loss at once
        G = torch.cat((G1.flatten(), G2.flatten())).numpy()
        return float(R.square().sum()) / ridge + theta @ theta, 2 * G / ridge + 2 * theta

    theta = torch.cat((W1.flatten(), W2.flatten())).numpy()
    for ridge in (positive("each of ridges", value) for value in ridges):
        theta = minimize(
            cost, theta, args=(ridge,), jac=True, method="L-BFGS-B",
            options={"maxiter": most, "maxfun": 2 * most, "maxcor": 10, "ftol": 1e-12, "gtol": 1e-9},
        ).x  # fmt: skip
    W1, W2 = layers_of(theta)
    L = float((predict(W1, W2, X, sigma) - Y).square().sum())
    return LeastNorm(W1, W2, float(theta @ theta) + 2 * L / ridge, L)
