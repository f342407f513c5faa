r"""A linear head of several layers, eliminated in closed form: what eq. 20 becomes under it.

With features H (n, d_h) and the head :math:`T_1 \cdots T_m`, all targets met: :math:`H T_1 \cdots T_m = Y`. Throughout

.. math:: K = H H^\top, \qquad B = K^{-1} Y, \qquad Q = Y^\top B

and powers of Q are taken on its range. ``layers`` is m; ``math.inf`` is the limit of many layers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from grokutil.checks import Matrix, float_vector, generator, integer, matrix
from grokutil.isolated import FeatureDynamics, optimal_readout


def head_cost(H: Matrix, Y: Matrix, layers: float) -> Tensor:
    r"""Least squared norm of a linear head of m layers that meets the targets.

    .. math::
        \min_{H T_1 \cdots T_m = Y} \sum_l \|T_l\|_F^2 = m \operatorname{Tr} Q^{1/m}, \qquad
        m (\operatorname{Tr} Q^{1/m} - \operatorname{rank} Y) \to \log \det Q

    Args:
        H: features (n, d_h) of rank n, float64.
        Y: targets (n, d_out), float64.
        layers: m; for ``math.inf`` the result is the limit on the right.

    Returns:
        Scalar tensor, differentiable with respect to H.

    Raises:
        SingularKernelError: H H^T is singular.
        ValueError: shapes do not match, or m is neither a whole number from 1 on nor infinity.

    Source: Shang, Liu and Cheng (2016) for the least norm of factors; eq. 19 is m = 1.
    """
    m, product = _layers(layers), optimal_readout(H, Y)  # H^+ Y, whose square Q is
    return trace_power(product.mT @ product, m)


def optimal_head(H: Matrix, Y: Matrix, layers: int, width: int | None = None, seed: int = 0) -> list[Tensor]:
    r"""A head of m layers with that least norm: :func:`balanced_factors` of :math:`H^+ Y`, the one product of all m.

    Args:
        H: features (n, d_h) of rank n, float64.
        Y: targets (n, d_out).
        layers: m, a whole number.
        width: of the layers in between, at least the smaller of d_h and d_out; None for that.
        seed: of the directions in between, which are free.

    Returns:
        Tensors (d_h, width), (width, width), ..., (width, d_out).

    Raises:
        SingularKernelError: H H^T is singular.
        ValueError: shapes do not match, m is no whole number from 1 on, or a width that is too small.
    """
    return balanced_factors(optimal_readout(H, Y), layers, width, seed)


def balanced_factors(W: Matrix, layers: int, width: int | None = None, seed: int = 0) -> list[Tensor]:
    r"""Factors :math:`T_1 \cdots T_m = W` of least squared norm: each has the singular values :math:`s_i(W)^{1/m}`.

    .. math:: T_l^\top T_l = T_{l+1} T_{l+1}^\top, \qquad \sum_l \|T_l\|_F^2 = m \sum_i s_i(W)^{2/m}

    Args:
        W: (rows, columns), float64.
        layers: m, a whole number.
        width: of the layers in between, at least the smaller of rows and columns; None for that.
        seed: of the directions in between, which are free.

    Returns:
        m tensors (rows, width), (width, width), ..., (width, columns).

    Raises:
        ValueError: m is no whole number from 1 on, or a width that is too small.

    Source: Shang, Liu and Cheng (2016).
    """
    m, draw = integer("layers", layers, 1), generator(seed)
    left, s, right = torch.linalg.svd(matrix("W", W), full_matrices=False)
    width = integer("width", len(s) if width is None else width, len(s))
    between = [torch.randn(width, len(s), generator=draw, dtype=s.dtype) for _ in range(m - 1)]
    ends = [left, *(torch.linalg.qr(A).Q for A in between), right.mT]
    return [(ends[k] * s ** (1 / m)) @ ends[k + 1].mT for k in range(m)]


class HeadDynamics(FeatureDynamics):
    r"""The isolated flow of all parameters below a linear head of m layers, each of which is always the best.

    .. math::
        \frac{d\theta}{d\tau} = D H(\theta)^\top \bigl[ B Q^{1/m - 1} B^\top H \bigr] - \theta

    Minus half the gradient of :math:`\|\theta\|^2 + m \operatorname{Tr} Q^{1/m}`, or of :math:`\|\theta\|^2 +
    \log\det Q` for infinite m. With m = 1 it is :class:`~grokutil.isolated.FeatureDynamics` without a ridge, eq. 20.
    There is no form with a ridge for m of 2 or more. ``clock`` is ``"tau"``.

    Args:
        features: maps a parameter vector (d,) to H (n, d_h); differentiable by ``torch.func``.
        Y: targets (n, d_out), float64.
        layers: m, from 1 to ``math.inf``.

    Raises:
        ValueError: Y is not a finite float64 matrix, or m is neither a whole number from 1 on nor infinity.

    Source: eqs 16-20, for a head of more layers.
    """

    def __init__(self, features: Callable[[Tensor], Tensor], Y: Matrix, layers: float = 1) -> None:
        super().__init__(features, Y)
        self.layers = _layers(layers)

    def __call__(self, theta: Tensor) -> Tensor:
        """Velocity at ``theta`` (d,), same shape.

        Raises:
            SingularKernelError: H H^T is singular.
            ValueError: theta is not a finite float64 vector, or H has not as many rows as Y.
        """
        H, pull_back = torch.func.vjp(self.features, float_vector("theta", theta))  # type: ignore[misc]
        B = self._factorise(H).solve(self.Y)
        return pull_back(B @ (power(self.Y.mT @ B, 1 / self.layers - 1) @ (B.mT @ H)))[0] - theta

    def cost(self, theta: Tensor) -> Tensor:
        r""":math:`\|\theta\|^2 + m \operatorname{Tr} Q^{1/m}`; ``dynamics(theta)`` is ``-grad cost(theta) / 2``."""
        H = self.features(float_vector("theta", theta))
        return theta.square().sum() + trace_power(self.Y.mT @ self._factorise(H).solve(self.Y), self.layers)


def power(Q: Tensor, exponent: float) -> Tensor:
    r""":math:`Q^a` of a symmetric positive semidefinite matrix, on its range; differentiable, in any mode.

    In the basis of eigenvectors the derivative of entry i j is that of Q times
    :math:`(w_i^a - w_j^a) / (w_i - w_j)`, or :math:`a w_i^{a-1}` for equal eigenvalues.

    Source: Daleckii and Krein (1965).
    """
    return _Power.apply(Q, exponent)


class _Power(torch.autograd.Function):
    @staticmethod
    def forward(Q: Tensor, a: float) -> Tensor:
        w, V = torch.linalg.eigh(Q)
        live = w > len(w) * torch.finfo(w.dtype).eps * w[-1]
        w = torch.where(live, w, 1.0)
        f = torch.where(live, w**a, 0.0)
        return (V * f) @ V.mT

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, float], output: Tensor) -> None:  # noqa: ARG004
        Q, ctx.a = inputs
        ctx.save_for_backward(Q)
        ctx.save_for_forward(Q)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (Q,) = ctx.saved_tensors
        return _power_derivative(Q, ctx.a, gradient), None

    @staticmethod
    def jvp(ctx: Any, dQ: Tensor, da: None) -> Tensor:  # noqa: ARG004
        (Q,) = ctx.saved_tensors
        return _power_derivative(Q, ctx.a, dQ)


def _power_derivative(Q: Tensor, a: float, dQ: Tensor) -> Tensor:
    """The derivative of Q^a in the symmetric part of the direction dQ, on the range of Q; it is its own adjoint."""
    w, V = torch.linalg.eigh(Q)
    live = w > len(w) * torch.finfo(w.dtype).eps * w[-1]
    w = torch.where(live, w, 1.0)
    apart, mean = w[:, None] - w, (w[:, None] + w) / 2
    near = apart.abs() <= 1e-5 * mean
    ratio = torch.where(near, a * mean ** (a - 1), (w[:, None] ** a - w**a) / torch.where(near, 1.0, apart))
    ratio = ratio * (live[:, None] & live)
    return V @ (ratio * (V.mT @ (dQ + dQ.mT) @ V) / 2) @ V.mT


def trace_power(Q: Tensor, layers: float) -> Tensor:
    r""":math:`m \operatorname{Tr} Q^{1/m}`; for infinite m the logarithm of the product of the positive eigenvalues."""
    w = torch.linalg.eigvalsh(Q)
    w = w[w > len(w) * torch.finfo(w.dtype).eps * w[-1]]
    return w.log().sum() if layers == math.inf else layers * (w ** (1 / layers)).sum()


def _layers(layers: float) -> float:
    return math.inf if layers == math.inf else integer("layers", layers, 1)
