r"""One protocol for tangent spaces: products with J and its transpose, and a solver for the rest.

From the three of a :class:`Linearisation` follow multiplier, projection and norm descent. What is held makes the
instances: all outputs, outputs up to a gauge, kinks beside them (:class:`grokutil.manifold.TangentSpace`), any rows
(:class:`Rows`), margins that may rise but not fall (:func:`grokutil.margins.active_margins`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from scipy.optimize import lsq_linear, nnls
from torch import Tensor

from grokutil.linalg import cholesky_or_none


class SingularPointError(ValueError):
    """The Jacobian does not have full rank (Def. 4.9): there is no tangent space to project on."""


class Linearisation(ABC):
    r"""What is held at a point, to first order: :math:`J v = 0`. Right-hand sides U have the shape of J v.

    A subclass has the point ``theta`` (d,), :meth:`product`, :meth:`transposed_product` and :meth:`solve`, with
    :math:`\Theta = J \Pi J^\top`; and :meth:`release`, the projection :math:`\Pi`, where more is held than J says.
    """

    @property
    @abstractmethod
    def theta(self) -> Tensor:
        """The point as a vector (d,)."""

    @abstractmethod
    def product(self, v: Tensor) -> Tensor:
        """J v for a vector v (d,)."""

    @abstractmethod
    def transposed_product(self, U: Tensor) -> Tensor:
        """J^T U, a vector (d,)."""

    @abstractmethod
    def solve(self, U: Tensor) -> Tensor:
        r""":math:`\Theta^{-1} U`, of the shape of U.

        Raises:
            SingularPointError: :math:`\Theta` is numerically singular.
        """

    def release(self, v: Tensor) -> Tensor:
        r""":math:`\Pi v`, (d,); v itself where J is all that is held."""
        return v

    def correction(self, U: Tensor) -> Tensor:
        r"""The shortest v with :math:`J v = U`, among the released: :math:`\Pi J^\top \Theta^{-1} U`, (d,).

        Raises:
            SingularPointError: :math:`\Theta` is numerically singular.
        """
        return self.release(self.transposed_product(self.solve(U)))

    def multiplier(self) -> Tensor:
        r""":math:`\mu = \Theta^{-1} J \Pi \theta`: the least-squares multiplier of :math:`\min \|\theta\|^2 / 2`.

        Raises:
            SingularPointError: :math:`\Theta` is numerically singular.
        """
        return self.solve(self.product(self.release(self.theta)))

    def project(self, v: Tensor) -> Tensor:
        r""":math:`P v = \Pi v - \Pi J^\top \Theta^{-1} J \Pi v`, (d,), for a vector v (d,).

        Raises:
            SingularPointError: :math:`\Theta` is numerically singular.
        """
        v = self.release(v)
        return v - self.correction(self.product(v))


class Rows(Linearisation):
    r"""The linearisation with the Jacobian given row by row; inputs are not checked.

    Args:
        J: (M, d), M at most d; 0 if nothing is held.
        theta: the point (d,).
    """

    def __init__(self, J: Tensor, theta: Tensor) -> None:
        self.J, self._theta = J, theta

    @property
    def theta(self) -> Tensor:
        """The point as a vector (d,)."""
        return self._theta

    def product(self, v: Tensor) -> Tensor:
        """J v, (M,)."""
        return self.J @ v

    def transposed_product(self, U: Tensor) -> Tensor:
        """J^T U, (d,), for U (M,)."""
        return self.J.mT @ U

    @property
    def ntk(self) -> Tensor:
        r""":math:`\Theta = J J^\top`, (M, M)."""
        return self.J @ self.J.mT

    def solve(self, U: Tensor) -> Tensor:
        r""":math:`\Theta^{-1} U` for U (M,), by Cholesky.

        Raises:
            SingularPointError: :math:`\Theta` is numerically singular.
        """
        return torch.cholesky_solve(U[:, None], self._factor)[:, 0] if len(U) else U

    @cached_property
    def _factor(self) -> Tensor:
        return factor_ntk(self.ntk)


def least_norm(A: Tensor, b: Tensor, low: float = 0.0, high: float = np.inf) -> Tensor:
    r"""The x with :math:`\text{low} \le x \le \text{high}` that makes :math:`\|b + A x\|` smallest.

    Clarke's rule for a kink, where x are slopes of the activation, and Lagrange's for an inequality, where x are its
    multipliers and not negative: of all admissible velocities the flow takes the shortest. An orthogonal
    factorisation leaves as many rows as A has columns; then SciPy: ``nnls`` for [0, infinity), else bounded-variable
    least squares.

    Args:
        A: (d, m).
        b: (d,).
        low: lower bound.
        high: upper bound.

    Returns:
        (m,) tensor.

    Source: Clarke's least-norm rule; Lawson and Hanson's algorithm.
    """
    Q, R = np.linalg.qr(A.cpu().numpy())
    target = -(Q.T @ b.cpu().numpy())
    if (low, high) == (0.0, np.inf):
        x = nnls(R, target, maxiter=100 * max(R.shape))[0]
    else:
        x = lsq_linear(R, target, (low, high), method="bvls", tol=1e-12).x
    return torch.from_numpy(x).to(A)


def metric_projection(J: Tensor, v: Tensor, speed: Tensor) -> Tensor:
    r"""The projection on the null space of J along :math:`D J^\top`, for a diagonal D: what an optimiser sees of v.

    .. math:: P_D v = v - D J^\top (J D J^\top)^{-1} J v

    Of all moves with :math:`J u = J v` it takes from v the one that is shortest in the metric :math:`D^{-1}`. A factor
    in D cancels; with D = I it is P.

    Args:
        J: (M, d), float64.
        v: (d,).
        speed: the diagonal of D, (d,), positive.

    Returns:
        (d,) tensor.

    Raises:
        SingularPointError: J does not have full rank.
    """
    root = speed.sqrt()  # the coordinates D^(-1/2) theta have speed one
    return root * Rows(J * root, v).project(v / root)


class Descent(NamedTuple):
    """A velocity (d,), and the multipliers (m,) of what may not rise."""

    velocity: Tensor
    multipliers: Tensor


def descent_within(space: Linearisation, G: Tensor) -> Descent:
    r"""Steepest descent of the norm with all of J held, and with the quantities of gradients G kept from rising.

    .. math:: v = -2 P \theta - P G^\top \nu, \qquad \nu \ge 0 \text{ makes } \|v\| \text{ smallest}

    So :math:`J v = 0`, :math:`G v \le 0`, and :math:`\nu_j > 0` only where :math:`(G v)_j = 0`: the projection of
    :math:`-2\theta` on the moves that are allowed. With the sharpness in G it is the edge of stability
    (:mod:`grokutil.edge`), with negative margins and nothing held it is :func:`grokutil.margins.active_margins`.

    Args:
        space: what is held.
        G: (m, d), float64; a row for each quantity that is at its cap.

    Raises:
        SingularPointError: J does not have full rank.
    """
    PG = torch.stack([space.project(g) for g in G])
    free = -2 * space.project(space.theta)
    nu = least_norm(-PG.mT, free)
    return Descent(free - PG.mT @ nu, nu)


def shortest_move(J: Tensor, U: Tensor) -> Tensor:
    r"""The shortest v with :math:`J v \ge U`, entry by entry: what :meth:`Linearisation.correction` is for equalities.

    By :func:`least_norm`: with :math:`A = [J^\top; U^\top]` and r the residual of the shortest
    :math:`A x - e_{d+1}` for :math:`x \ge 0`, it is :math:`v = -r_{1..d} / r_{d+1}`. J may lack rank.

    Args:
        J: (m, d).
        U: (m,).

    Returns:
        (d,) tensor.

    Raises:
        ValueError: no v does that.

    Source: Lawson and Hanson, least distance programming.
    """
    size = U.abs().max().clamp(min=torch.finfo(U.dtype).tiny)
    A = torch.cat((J, (U / size)[:, None]), 1).mT
    b = torch.cat((J.new_zeros(J.shape[1]), -J.new_ones(1)))
    r = A @ least_norm(A, b) + b
    if -r[-1] <= 1e-12:
        raise ValueError(f"no move keeps these {len(U)} inequalities: they contradict each other to first order")
    return -size * r[:-1] / r[-1]


def factor_ntk(Theta: Tensor, overwrite: bool = False) -> Tensor:
    """Lower Cholesky factor of an NTK (M, M), in its place with ``overwrite``; only the lower triangle is read.

    Raises:
        SingularPointError: the NTK is numerically singular.
    """
    L = cholesky_or_none(Theta, overwrite)
    if L is None:
        raise singular_point(len(Theta))
    return L


def singular_point(M: int) -> SingularPointError:
    """The error that says that the NTK (M, M) is numerically singular, and the remedies."""
    return SingularPointError(
        f"J J^T ({M} x {M}) is numerically singular: theta is a singular point (Def. 4.9), where "
        f"the tangent space is not defined; use more parameters, drop repeated samples, or move away from it"
    )
