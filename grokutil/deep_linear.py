r"""Deep linear networks :math:`\hat Y = X W_1 \cdots W_\ell` on their zero-loss manifold, solved.

The product :math:`W = W_1 \cdots W_\ell` is what the data see. Its destination is :math:`X^+ Y` at every depth; the
least squared norm there is that of a linear head on the features X, :func:`grokutil.heads.head_cost`. From a balanced
start (:func:`grokutil.heads.balanced_factors`) the product has a law of its own, and with one output its distance from
the destination is known in closed form.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from grokutil.checks import Matrix, integer, matrix, positive, same_size

Numbers = float | np.ndarray


def invariant(q: Numbers, a: float, layers: int) -> Numbers:
    r""":math:`\log(q \, \rho^{-(1 - 1/\ell)})` with :math:`\rho^2 = a^2 + q^2`: it falls as :math:`-2 s`.

    Args:
        q: distance of the product from its destination, positive.
        a: length of the destination.
        layers: :math:`\ell`.

    Source: ours.
    """
    return np.log(q) - (1 - 1 / layers) / 2 * np.log(a**2 + np.square(q))


def delay(q0: Numbers, q: Numbers, a: float, layers: int) -> Numbers:
    r"""The slow time s from the distance :math:`q_0` to the distance q.

    .. math::
        s = \tfrac12 \log \frac{q_0}{q} - \tfrac12 \Bigl(1 - \frac1\ell\Bigr) \log \frac{\rho_0}{\rho}, \qquad
        \rho = \sqrt{a^2 + q^2}

    Args:
        q0: distance at the start, positive.
        q: distance at the end, positive.
        a: length of the destination, positive.
        layers: :math:`\ell`, from 1 on.

    Raises:
        ValueError: a length that is not positive, or no whole number of layers from 1 on.

    Source: ours; one layer is Figs 1 and 2.
    """
    a, layers = positive("a", a), integer("layers", layers, 1)
    for name, length in (("q0", q0), ("q", q)):
        positive(f"the least of {name}", float(np.min(length)))
    return (invariant(q0, a, layers) - invariant(q, a, layers)) / 2


def distance(s: np.ndarray, q0: float, a: float, layers: int) -> np.ndarray:
    r"""The distance q of the product from its destination at slow times s: :func:`delay`, solved for q.

    Newton's method for :math:`\log q`, on an increasing concave function and from its left, so that it cannot fail.

    Args:
        s: (T,) slow times, not negative.
        q0: distance at s = 0, positive.
        a: length of the destination, positive.
        layers: :math:`\ell`, from 1 on.

    Returns:
        (T,) array.

    Raises:
        ValueError: as for :func:`delay`.

    Source: ours.
    """
    q0, a, power = positive("q0", q0), positive("a", a), 1 - 1 / integer("layers", layers, 1)
    goal = invariant(q0, a, layers) - 2 * np.asarray(s, dtype=float)
    x = goal + power * np.log(a)
    for _ in range(60):
        x = x - (invariant(np.exp(x), a, layers) - goal) / (1 - power / (1 + a**2 * np.exp(-2 * x)))
    return np.exp(x)


def product_velocity(W: Matrix, X: Matrix, layers: int) -> Tensor:
    r"""Velocity of the product under the slow flow, from a balanced point.

    .. math::
        \frac{dW}{ds} = -2 \ell W + \mathcal A(X^\top U), \qquad
        \mathcal A(G) = \sum_{l=1}^{\ell} (W W^\top)^{\frac{\ell - l}\ell} G \, (W^\top W)^{\frac{l - 1}\ell},

    with U such that :math:`X \, dW/ds = 0`.

    Args:
        W: the product (d_in, d_out), float64.
        X: inputs (n, d_in) of rank n.
        layers: :math:`\ell`, from 1 on.

    Returns:
        (d_in, d_out) tensor.

    Raises:
        ValueError: shapes do not match, or no whole number of layers from 1 on.

    Source: Arora, Cohen and Hazan (2018) for :math:`\mathcal A`, with 2 l for l - 1 over l as it is written here.
    """
    W, X, layers = matrix("W", W), matrix("X", X), integer("layers", layers, 1)
    same_size("X", X, 1, "W", W, 0)
    left, s, right = torch.linalg.svd(W)
    long = [torch.zeros(len(A), dtype=s.dtype) for A in (left, right)]
    for squares in long:
        squares[: len(s)] = s**2
    powers = [[squares ** (k / layers) for k in range(layers)] for squares in long]
    # entry i j of G in the bases of singular vectors is multiplied with sum_l a_i^((L - l)/L) b_j^((l - 1)/L)
    weights = sum(powers[0][layers - 1 - k][:, None] * powers[1][k] for k in range(layers))

    def A(G: Tensor) -> Tensor:
        return left @ (weights * (left.mT @ G @ right.mT)) @ right

    n, d_out = len(X), W.shape[1]
    units = torch.eye(n * d_out, dtype=W.dtype).reshape(-1, n, d_out)
    kernel = torch.stack([(X @ A(X.mT @ U)).flatten() for U in units], 1)
    U = torch.linalg.solve(kernel, (2 * layers * X @ W).flatten()).reshape(n, d_out)
    return A(X.mT @ U) - 2 * layers * W
