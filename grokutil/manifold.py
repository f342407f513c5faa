r"""The zero-loss manifold of the two-layer network (sections 4 and 6.1): its tangent space, without the Jacobian.

A point is the pair (W1, W2); as a vector it is :math:`\theta = [W_1 \text{ row-major}, W_2 \text{ row-major}]`, (d,).
"""

from __future__ import annotations

import torch
from torch import Tensor

from grokutil.activations import Activation, get_activation
from grokutil.checks import NO_VALUE, Matrix, data, finite, float_vector, layers
from grokutil.losses import sum_zero
from grokutil.ntk import NTK
from grokutil.tangent import Linearisation


def jacobian(W1: Matrix, W2: Matrix, X: Matrix, activation: str | Activation = "relu") -> Tensor:
    r"""Jacobian of the outputs :math:`\hat Y = \sigma(X W_1) W_2` by all weights.

    .. math::
        \frac{\partial \hat Y_{ic}}{\partial W_{1,ah}} = X_{ia} \, \sigma'(Z_{ih}) \, W_{2,hc}, \qquad
        \frac{\partial \hat Y_{ic}}{\partial W_{2,he}} = H_{ih} \, \delta_{ce}

    Dense: (n d_out) (d_in d_h + d_h d_out) numbers. :func:`tangent_projection` does without.

    Args:
        W1: first layer (d_in, d_h), float64.
        W2: readout (d_h, d_out), float64.
        X: inputs (n, d_in), float64.
        activation: name or :class:`~grokutil.activations.Activation`.

    Returns:
        (n d_out, d) tensor; row i d_out + c is output c of sample i; columns are W1 row-major, then W2 row-major.

    Raises:
        ValueError: shapes do not match, not float64, not finite, unknown activation, or one without a finite value or
            slope somewhere in X W1.

    Source: paper, section 4.4 and Appendix D (which prints J of the loss).
    """
    W1, W2, X, H, S = _layers(W1, W2, X, activation)
    identity = torch.eye(W2.shape[1], dtype=W2.dtype, device=W2.device)
    by_W1 = torch.einsum("ia,ih,hc->icah", X, S, W2)
    by_W2 = torch.einsum("ih,ce->iche", H, identity)
    return torch.cat((by_W1.flatten(2), by_W2.flatten(2)), dim=2).flatten(0, 1)


class TangentSpace(Linearisation):
    r"""The linearised network at a point: products with J and its transpose, the NTK, the tangent projection.

    .. math::
        J v = \bigl((X V_1) \odot S\bigr) W_2 + H V_2, \qquad
        J^\top U = \bigl[X^\top \bigl((U W_2^\top) \odot S\bigr), \; H^\top U\bigr], \qquad S = \sigma'(X W_1)

    The NTK is factorised when it is first needed, once; conjugate gradients take the place of a factor that would be
    too large. With ``kinks``, the pairs (i, h) whose pre-activation is held at zero, the rows C of those pairs are
    added to J. Rows of one unit live in :math:`\mathbb R^{d_{in}}` and may
    depend on each other, so they go first, unit by unit: :math:`\Pi_h` projects on the complement of
    :math:`\operatorname{span}\{x_i : (i, h) \text{ in kinks}\}`, found by a singular value decomposition. What is left
    is J on the range of :math:`\Pi`, with the NTK :math:`\Theta = J \Pi J^\top`, and

    .. math:: P = \Pi - \Pi J^\top \Theta^{-1} J \Pi

    projects on the null space of [J; C].

    With ``gauge``, outputs count only up to a constant for each sample, as they do for softmax: J becomes QJ, where Q
    takes its mean from each row of a matrix (n, d_out). With a basis B (d_out, d_out - 1) of the vectors of sum zero,
    orthonormal, the network with the readout :math:`W_2 B` has full rank where QJ lacks it by n, and the same NTK;
    :math:`\Theta^{-1}` stands for the pseudo-inverse, and multipliers have rows of sum zero.

    Args:
        W1: first layer (d_in, d_h), float64.
        W2: readout (d_h, d_out), float64.
        X: inputs (n, d_in), float64.
        activation: name or :class:`~grokutil.activations.Activation`.
        kinks: (n, d_h) bool, or None for none; :func:`grokutil.kinks.sliding_kinks` finds them.
        solver: ``"cholesky"``, ``"conjugate_gradients"``, or ``"auto"``: see :class:`grokutil.ntk.NTK`.
        gauge: leave the mean of each sample's outputs free.

    Raises:
        ValueError: shapes do not match, not float64, not finite, unknown activation or solver, an activation
            without a finite value or slope somewhere in X W1, or a gauge with one output.

    Source: paper, Defs 4.11-4.13 and Appendix D; the kink rows and the gauge are ours.
    """

    def __init__(
        self,
        W1: Matrix,
        W2: Matrix,
        X: Matrix,
        activation: str | Activation = "relu",
        kinks: Tensor | None = None,
        solver: str = "auto",
        gauge: bool = False,
    ) -> None:
        self.W1, self.W2, self.X, self.H, self.S = _layers(W1, W2, X, activation)
        self.free = None if kinks is None else _complement(self.X, _kink_mask(kinks, self.S))
        self._basis = sum_zero(self.W2) if gauge else None
        W2 = self.W2 if self._basis is None else self.W2 @ self._basis
        self._ntk = NTK(self.X, self.H, self.S, W2, self.free, solver)

    @property
    def theta(self) -> Tensor:
        """The point as a vector (d,)."""
        return join(self.W1, self.W2)

    def product(self, v: Tensor) -> Tensor:
        """J v for a vector v (d,), as a matrix (n, d_out)."""
        V1, V2 = split(data(v), self.W1, self.W2)
        return self._seen(((self.X @ V1) * self.S) @ self.W2 + self.H @ V2)

    def transposed_product(self, U: Tensor) -> Tensor:
        """J^T U for a matrix U (n, d_out), as a vector (d,)."""
        U = self._seen(self._outputs(U))
        first = self.X.mT @ ((U @ self.W2.mT) * self.S)
        return join(first, self.H.mT @ U)

    @property
    def ntk(self) -> Tensor:
        r""":math:`J \Pi J^\top`, (n d_out, n d_out), ordered like the rows of :func:`jacobian`."""
        if self._basis is None:
            return self._ntk.matrix()
        back = torch.block_diag(*[self._basis] * len(self.X))
        return back @ self._ntk.matrix() @ back.mT

    @property
    def solver(self) -> str:
        """``"cholesky"`` or ``"conjugate_gradients"``."""
        return self._ntk.solver

    @property
    def iterations(self) -> int:
        """How many iterations of conjugate gradients the last solve took; 0 with a factor."""
        return self._ntk.iterations

    def solve(self, U: Tensor) -> Tensor:
        r""":math:`\Theta^{-1} U` for a matrix U (n, d_out).

        Raises:
            SingularPointError: the NTK is numerically singular.
            ValueError: U has another shape, or conjugate gradients do not converge.
        """
        U = self._outputs(U)
        return self._ntk.solve(U) if self._basis is None else self._ntk.solve(U @ self._basis) @ self._basis.mT

    def _outputs(self, U: Tensor) -> Tensor:
        shape = len(self.X), self.W2.shape[1]
        if not isinstance(U, Tensor) or U.shape != shape:
            got = tuple(U.shape) if isinstance(U, Tensor) else type(U).__name__
            raise ValueError(f"U must have a row a sample and a column an output, {shape}, got {got}")
        return data(U)

    def _seen(self, U: Tensor) -> Tensor:
        """Q U: what the loss sees of outputs."""
        return U if self._basis is None else U - U.mean(1, keepdim=True)

    def release(self, v: Tensor) -> Tensor:
        """Pi v: the part of v that leaves the held pre-activations at rest."""
        if self.free is None:
            return v
        V1, V2 = split(v, self.W1, self.W2)
        return join(torch.einsum("hab,bh->ah", self.free, V1), V2)


def ntk(W1: Matrix, W2: Matrix, X: Matrix, activation: str | Activation = "relu") -> Tensor:
    r"""Empirical NTK :math:`\Theta = J J^\top`, assembled block by block without J.

    .. math::
        \Theta_{ic,je} = (X X^\top)_{ij} \sum_h S_{ih} S_{jh} W_{2,hc} W_{2,he} + (H H^\top)_{ij} \, \delta_{ce},
        \qquad S = \sigma'(X W_1)

    Args and errors as for :func:`jacobian`.

    Returns:
        (n d_out, n d_out) symmetric tensor, ordered like the rows of :func:`jacobian`.
    """
    return TangentSpace(W1, W2, X, activation).ntk


def tangent_projection(
    W1: Matrix,
    W2: Matrix,
    X: Matrix,
    vector: Tensor,
    activation: str | Activation = "relu",
    kinks: Tensor | None = None,
    solver: str = "auto",
) -> Tensor:
    r"""Projection of a vector on the tangent space at the weights: :math:`P v = v - J^\top \Theta^{-1} J v`.

    By products with J; J is not formed. The NTK is factorised while its factor takes at most 64 MiB; above that it is
    not formed either, and conjugate gradients solve with it. For several vectors at one point, prepare a
    :class:`TangentSpace` once.

    Args:
        W1: first layer (d_in, d_h), float64.
        W2: readout (d_h, d_out), float64.
        X: inputs (n, d_in), float64.
        vector: (d,), flat like a row of :func:`jacobian`.
        activation: name or :class:`~grokutil.activations.Activation`.
        kinks: (n, d_h) bool, the pre-activations that are held at zero; None for none.
        solver: ``"cholesky"``, ``"conjugate_gradients"``, or ``"auto"``: see :class:`grokutil.ntk.NTK`.

    Returns:
        (d,) tensor.

    Raises:
        SingularPointError: J does not have full rank.
        ValueError: shapes do not match, not float64, not finite, unknown activation or solver; or conjugate gradients
            do not converge.

    Source: paper, Def. 4.12 and Appendix D.
    """
    return TangentSpace(W1, W2, X, activation, kinks, solver).project(float_vector("vector", vector))


def norm_minimizing_direction(
    W1: Matrix, W2: Matrix, X: Matrix, activation: str | Activation = "relu", kinks: Tensor | None = None
) -> Tensor:
    r"""Direction of steepest norm descent on the zero-loss manifold: :math:`-P \theta / \|P \theta\|`.

    Args:
        W1: first layer (d_in, d_h), float64.
        W2: readout (d_h, d_out), float64.
        X: inputs (n, d_in), float64.
        activation: name or :class:`~grokutil.activations.Activation`.
        kinks: (n, d_h) bool, the pre-activations that are held at zero; None for none.

    Returns:
        (d,) unit vector, flat like a row of :func:`jacobian`.

    Raises:
        SingularPointError: J does not have full rank.
        ValueError: the norm is stationary here: :math:`P \theta = 0`, so no direction lowers it; or as for
            :func:`jacobian`.

    Source: paper, section 4.6 and eqs 28, 29.
    """
    space = TangentSpace(W1, W2, X, activation, kinks)
    direction = -space.project(space.theta)
    length = direction.norm()
    if length <= 1e-12 * space.theta.norm():
        raise ValueError("P theta = 0: the norm is stationary on the zero-loss manifold here, no direction lowers it")
    return direction / length


def join(V1: Tensor, V2: Tensor) -> Tensor:
    """Two matrices of the shapes of W1 and W2 as one vector (d,), flat like a row of :func:`jacobian`."""
    return torch.cat((V1.flatten(), V2.flatten()))


def split(vector: Tensor, W1: Tensor, W2: Tensor) -> tuple[Tensor, Tensor]:
    """A vector (d,) as two matrices of the shapes of ``W1`` and ``W2``.

    Raises:
        ValueError: not as many entries as weights.
    """
    if vector.shape != (W1.numel() + W2.numel(),):
        raise ValueError(
            f"vector has shape {tuple(vector.shape)}, but W1 {tuple(W1.shape)} and W2 {tuple(W2.shape)} "
            f"have {W1.numel() + W2.numel()} weights"
        )
    return vector[: W1.numel()].reshape(W1.shape), vector[W1.numel() :].reshape(W2.shape)


def _layers(
    W1: Matrix, W2: Matrix, X: Matrix, activation: str | Activation
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """The checked weights and inputs, H = sigma(X W1) and S = sigma'(X W1)."""
    W1, W2, X = layers(W1, W2, X)
    sigma, Z = get_activation(activation), X @ W1
    H, S = sigma.value(Z), sigma.slope(Z)
    finite(f"the activation {sigma.name!r} at X W1", H, NO_VALUE)
    finite(f"the slope of {sigma.name!r} at X W1", S, NO_VALUE)
    return W1, W2, X, H, S


def _kink_mask(kinks: Tensor, S: Tensor) -> Tensor:
    if not isinstance(kinks, Tensor) or kinks.dtype != torch.bool or kinks.shape != S.shape:
        got = f"{kinks.dtype} {tuple(kinks.shape)}" if isinstance(kinks, Tensor) else type(kinks).__name__
        raise ValueError(f"kinks must be a bool tensor, one entry a sample and hidden unit {tuple(S.shape)}; got {got}")
    return kinks


def _complement(X: Tensor, kinks: Tensor) -> Tensor:
    """Pi_h, (d_h, d_in, d_in): the projection off the inputs x_i of the kinks of unit h."""
    held = X * kinks.mT[:, :, None]  # (d_h, n, d_in)
    _, sizes, rows = torch.linalg.svd(held, full_matrices=False)
    floor = max(X.shape) * torch.finfo(X.dtype).eps * sizes.amax(1, keepdim=True)
    rows = rows * (sizes > floor)[:, :, None]
    return torch.eye(X.shape[1], dtype=X.dtype, device=X.device) - rows.mT @ rows
