r"""Isolated dynamics of the first layer (eqs 14-20), and of all layers below a linear readout.

The readout :math:`W_2` is taken to be optimal for the first layer :math:`W_1` at every moment. What is left is a
flow of :math:`W_1` alone, with a velocity in closed form. :math:`K = H H^\top + \lambda I` is n x n, symmetric
positive definite; it, or its counterpart of the size of the width where that is smaller, is factorised once by
Cholesky and never inverted.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.func import jvp

from grokutil.activations import Activation, get_activation
from grokutil.checks import (
    NO_VALUE,
    Matrix,
    finite,
    float_vector,
    matrices,
    matrix,
    non_negative,
    same_size,
    same_stack,
)
from grokutil.inputs import Inputs
from grokutil.linalg import cholesky_or_none, lower_gram


class SingularKernelError(ValueError):
    r""":math:`H H^\top + \lambda I` has no inverse in floating point: eqs 18-20 do not exist there."""


def optimal_readout(H: Matrix, Y: Matrix, ridge: float = 0.0) -> Tensor:
    r"""The readout that minimises the loss for fixed hidden activations.

    .. math:: \phi = H^\top (H H^\top + \lambda I)^{-1} Y = (H^\top H + \lambda I)^{-1} H^\top Y

    With ``ridge`` 0 this is the limit :math:`H^+ Y`, which interpolates: :math:`H \phi = Y`.

    Args:
        H: hidden activations (n, d_h), or a stack of them (S, n, d_h), float64.
        Y: targets (n, d_out) or (S, n, d_out), float64.
        ridge: :math:`\lambda` of eq. 13.

    Returns:
        (d_h, d_out) or (S, d_h, d_out) tensor.

    Raises:
        SingularKernelError: the n x n matrix has no inverse.
        ValueError: shapes do not match, not float64, not finite, negative ridge.

    Source: paper, eqs 14, 15 (ridge > 0) and 18 (ridge = 0).
    """
    H, Y = matrices("H", H), matrices("Y", Y)
    same_size("H", H, -2, "Y", Y, -2)
    same_stack("H", H, "Y", Y)
    return _Kernel(H, non_negative("ridge", ridge)).readout(Y)


def reduced_cost(W1: Matrix, X: Matrix, Y: Matrix, activation: str | Activation = "relu", ridge: float = 0.0) -> Tensor:
    r"""The cost of the first layer when the readout is optimal, divided by :math:`\lambda`.

    .. math:: \mathcal R / \lambda = \|W_1\|_F^2 + \operatorname{Tr} Y^\top (H H^\top + \lambda I)^{-1} Y

    Args:
        W1: first layer (d_in, d_h), float64.
        X: inputs (n, d_in).
        Y: targets (n, d_out).
        activation: name or :class:`~grokutil.activations.Activation`.
        ridge: :math:`\lambda`; with 0 the limit of eq. 19.

    Returns:
        Scalar tensor, differentiable with respect to ``W1``.

    Raises:
        SingularKernelError: the n x n matrix has no inverse.
        ValueError: shapes do not match, not float64, not finite, unknown activation, negative ridge.

    Source: paper, eq. 16 (exact for ridge > 0) and eq. 19 (ridge = 0).
    """
    return FirstLayerDynamics(X, Y, activation, ridge).cost(W1)


def first_layer_velocity(
    W1: Matrix, X: Matrix, Y: Matrix, activation: str | Activation = "relu", ridge: float = 0.0
) -> Tensor:
    r"""Velocity of the first layer under the isolated dynamics.

    .. math::
        \frac{dW_1}{d\tau} = X^\top \bigl( (A Y Y^\top A H) \odot \sigma'(X W_1) \bigr) - W_1,
        \qquad A = (H H^\top + \lambda I)^{-1}

    This is :math:`-\nabla \mathcal R / (2 \lambda)`: it runs on the clock :math:`\tau = 2 \lambda t`.

    Args:
        W1: first layer (d_in, d_h), float64.
        X: inputs (n, d_in).
        Y: targets (n, d_out).
        activation: name or :class:`~grokutil.activations.Activation`.
        ridge: :math:`\lambda`; with 0 the paper's eq. 20.

    Returns:
        (d_in, d_h) tensor.

    Raises:
        SingularKernelError: the n x n matrix has no inverse.
        ValueError: shapes do not match, not float64, not finite, unknown activation, negative ridge, an activation
            without a finite value or slope somewhere in X W1.

    Source: paper, eq. 20 and Appendix E (whose last line prints :math:`-\nabla \mathcal R` as
    :math:`\nabla \mathcal R`); for ridge > 0, eqs 16 and 17.
    """
    return FirstLayerDynamics(X, Y, activation, ridge)(W1)


class FirstLayerDynamics:
    r"""The velocity of eq. 20, prepared once for a dataset and called as ``dynamics(W1)``.

    Inputs are checked here, once; a call checks only ``W1``. Every call returns a fresh tensor, and no call leaves
    anything behind. ``clock`` is ``"tau"``: :math:`\tau = 2 \lambda t`.

    X and Y may have a leading axis of S problems of one size, say one split a seed; then W1 is (S, d_in, d_h), and so
    are the results. All runs on the device of X.

    Args:
        X: inputs (n, d_in) or (S, n, d_in), float64.
        Y: targets (n, d_out) or (S, n, d_out), float64.
        activation: name or :class:`~grokutil.activations.Activation`.
        ridge: :math:`\lambda`; with 0 the limit of eq. 20.

    Raises:
        ValueError: shapes do not match, not float64, not finite, unknown activation, negative ridge.

    Source: paper, eqs 16-20.
    """

    clock = "tau"

    def __init__(self, X: Matrix, Y: Matrix, activation: str | Activation = "relu", ridge: float = 0.0) -> None:
        self.X, self.Y = matrices("X", X), matrices("Y", Y)
        same_size("X", self.X, -2, "Y", self.Y, -2)
        same_stack("X", self.X, "Y", self.Y)
        self.activation = get_activation(activation)
        self.ridge = non_negative("ridge", ridge)
        self._inputs = Inputs(self.X)

    def __call__(self, W1: Matrix) -> Tensor:
        """Velocity at ``W1``, same shape."""
        W1, Z, H, K = self._factorise(W1)
        B = K.solve(self.Y)  # A Y, (n, d_out)
        G = B @ (B.mT @ H)  # A Y Y^T A H, (n, d_h)
        return self._with_value(self._inputs.transposed_product(G.mul_(self.activation.slope(Z))) - W1, Z)

    def linearize(self, W1: Matrix) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
        r"""The velocity at ``W1``, and the function :math:`V \mapsto Dv(W_1)[V]`, minus half a Hessian-vector product.

        .. math::
            \dot Z = X V, \quad \dot H = \dot Z \odot \sigma'(Z), \quad
            \dot B = -A (\dot H H^\top + H \dot H^\top) B, \quad
            \dot W_2 = \dot H^\top B + H^\top \dot B,

        .. math::
            Dv[V] = X^\top \bigl( (\dot B W_2^\top + B \dot W_2^\top) \odot \sigma'(Z)
            + B W_2^\top \odot \sigma''(Z) \odot \dot Z \bigr) - V

        Products share the Cholesky factor of the velocity; one takes less time than a velocity. At a kink it
        is the Hessian of the smooth piece around ``W1``.
        """
        W1, Z, H, K = self._factorise(W1)
        S, B = self.activation.slope(Z), K.solve(self.Y)
        W2 = (B.mT @ H).mT  # as a product, H^T B takes longer
        G = B @ W2.mT
        bend = None if self.activation.kink else G * jvp(self.activation.slope, (Z,), (torch.ones_like(Z),))[1]

        def product(V: Tensor) -> Tensor:
            dZ = self._inputs.product(V)
            dH = dZ * S
            dH_B = (B.mT @ dH).mT
            dB = -K.solve(dH @ W2, dH_B)
            dG = (dB @ W2.mT + B @ (dH_B.mT + dB.mT @ H)).mul_(S)
            return self._inputs.transposed_product(dG if bend is None else dG.addcmul_(bend, dZ)) - V

        return self._with_value(self._inputs.transposed_product(G * S) - W1, Z), product

    def cost(self, W1: Matrix) -> Tensor:
        """The cost that this velocity descends: ``dynamics(W1)`` is ``-grad cost(W1) / 2``. One number a problem."""
        W1, _, _, K = self._factorise(W1)
        return W1.square().sum((-2, -1)) + K.cost(self.Y)

    def readout(self, W1: Matrix) -> Tensor:
        """The optimal readout for ``W1``: eq. 15 or 18, (d_h, d_out)."""
        return self._factorise(W1)[-1].readout(self.Y)

    def _with_value(self, v: Tensor, Z: Tensor) -> Tensor:
        """The velocity v; where it has no value because a slope has none, that is said."""
        if not bool(torch.isfinite(v).all()):
            finite(f"the slope of {self.activation.name!r} at X W1", self.activation.slope(Z), NO_VALUE)
        return v

    def _factorise(self, W1: Matrix) -> tuple[Tensor, Tensor, Tensor, _Kernel]:
        """The checked W1, Z = X W1, H = sigma(Z) and H H^T + ridge I, factorised."""
        W1 = matrices("W1", W1)
        same_size("X", self.X, -1, "W1", W1, -2)
        same_stack("X", self.X, "W1", W1)
        Z = self._inputs.product(W1)
        H = self.activation.value(Z)
        try:
            return W1, Z, H, _Kernel(H, self.ridge)
        except ValueError:
            finite(f"the activation {self.activation.name!r} at X W1", H, NO_VALUE)
            raise


class FeatureDynamics:
    r"""The isolated flow of all parameters below a linear readout, for features of any depth.

    .. math::
        \frac{d\theta}{d\tau} = D H(\theta)^\top \bigl[ A Y Y^\top A H \bigr] - \theta,
        \qquad A = (H H^\top + \lambda I)^{-1}

    :math:`D H^\top` is the vector-Jacobian product of :math:`H`. Called as ``dynamics(theta)``; ``clock`` is
    ``"tau"``. For two layers :class:`FirstLayerDynamics` is the same and faster.

    Args:
        features: maps a parameter vector (d,) to hidden activations H (n, d_h); differentiable by ``torch.func``.
            A column of ones in H is a penalised bias of the readout.
        Y: targets (n, d_out), float64.
        ridge: :math:`\lambda`; with 0 the limit, as in eq. 20.

    Raises:
        ValueError: Y is not a finite float64 matrix, or negative ridge.

    Source: paper, eqs 9-11 and 16-20, for more layers.
    """

    clock = "tau"

    def __init__(self, features: Callable[[Tensor], Tensor], Y: Matrix, ridge: float = 0.0) -> None:
        self.features, self.Y, self.ridge = features, matrix("Y", Y), non_negative("ridge", ridge)

    def __call__(self, theta: Tensor) -> Tensor:
        """Velocity at ``theta`` (d,), same shape.

        Raises:
            SingularKernelError: the n x n matrix has no inverse.
            ValueError: theta is not a finite float64 vector, or H has not as many rows as Y.
        """
        H, pull_back = torch.func.vjp(self.features, float_vector("theta", theta))  # type: ignore[misc]
        B = self._factorise(H).solve(self.Y)  # A Y, (n, d_out)
        return pull_back(B @ (B.mT @ H))[0] - theta

    def cost(self, theta: Tensor) -> Tensor:
        r""":math:`\|\theta\|^2 + \operatorname{Tr} Y^\top A Y`; ``dynamics(theta)`` is ``-grad cost(theta) / 2``."""
        K = self._factorise(self.features(float_vector("theta", theta)))
        return theta.square().sum() + K.cost(self.Y)

    def readout(self, theta: Tensor) -> Tensor:
        """The optimal readout for ``theta``: eq. 15 or 18, (d_h, d_out)."""
        return optimal_readout(self.features(float_vector("theta", theta)), self.Y, self.ridge)

    def _factorise(self, H: Tensor) -> _Kernel:
        """H H^T + ridge I for checked H."""
        H = matrix("features(theta)", H)
        same_size("features(theta)", H, 0, "Y", self.Y, 0)
        return _Kernel(H, self.ridge)


class _Kernel:
    r"""Solves with :math:`K = H H^\top + \lambda I`, by the Cholesky factor of the smaller of two matrices.

    Where the width is below the number of samples, by :math:`C = H^\top H + \lambda I`, (d_h, d_h):

    .. math:: K^{-1} M = (M - H C^{-1} H^\top M) / \lambda

    The difference loses as many digits as :math:`\lambda` is below the largest entry of C: a ridge below
    :math:`10^{-8}` of that takes K itself. H may be a stack (S, n, d_h).
    """

    def __init__(self, H: Tensor, ridge: float) -> None:
        self.H, self.ridge = H, ridge
        n, d_h = H.shape[-2:]
        if d_h < n and not ridge:
            raise SingularKernelError(
                f"H H^T is singular: the width d_h={d_h} is below the number of samples n={n}, and ridge is 0; "
                f"use a width of at least {n} or a positive ridge"
            )
        self.narrow = d_h < n and ridge >= 1e-8 * float(H.detach().square().sum(-2).max())
        gram = lower_gram(H.mT if self.narrow else H)
        if ridge:
            gram.diagonal(dim1=-2, dim2=-1).add_(ridge)
        L = cholesky_or_none(gram, overwrite=True, terms=max(n, d_h) if self.narrow else d_h)
        if L is None:
            raise SingularKernelError(
                f"H H^T + ridge I is numerically singular (n={n} samples, width d_h={d_h}, ridge={ridge:g}): "
                f"rows of H are linearly dependent; drop repeated rows of X, or use more width, another activation or "
                f"a larger ridge"
            )
        self.L = L

    def solve(self, M: Tensor, N: Tensor | None = None) -> Tensor:
        """K^{-1} (M + H N) for M (..., n, m) and, if there is one, N (..., d_h, m); K^{-1} H = H C^{-1}."""
        if not self.narrow:
            return torch.cholesky_solve(M if N is None else M + self.H @ N, self.L)
        solved = (M - self.H @ torch.cholesky_solve(self.H.mT @ M, self.L)) / self.ridge
        return solved if N is None else solved + self.H @ torch.cholesky_solve(N, self.L)

    def readout(self, Y: Tensor) -> Tensor:
        """H^T K^{-1} Y = C^{-1} H^T Y, (..., d_h, d_out): eqs 15 and 18."""
        if self.narrow:
            return torch.cholesky_solve(self.H.mT @ Y, self.L)
        return self.H.mT @ torch.cholesky_solve(Y, self.L)

    def cost(self, Y: Tensor) -> Tensor:
        """Tr Y^T K^{-1} Y, one number a problem."""
        if self.narrow:
            return (Y * self.solve(Y)).sum((-2, -1))
        half = torch.linalg.solve_triangular(self.L, Y, upper=False)  # Y^T A Y = half^T half
        return half.square().sum((-2, -1))
