r"""Cross-entropy with soft labels on any function of the weights: its zero-loss manifold, for small problems.

Softmax does not see a number added to all outputs of a sample. So outputs count after Q, which takes from those of each
sample their mean, and J becomes QJ. For the two-layer network, ``TangentSpace(..., gauge=True)`` of
:mod:`grokutil.manifold` is the same geometry without the Jacobian.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from grokutil.checks import Matrix, float_vector, matrix
from grokutil.constraints import ZeroLossManifold
from grokutil.losses import CROSS_ENTROPY, sum_zero


class SoftLabelManifold(ZeroLossManifold):
    r"""The set :math:`Z = \{\theta : Q F(\theta) = Q \log y\}` on which cross-entropy with targets y > 0 is least.

    .. math:: \dot\theta = -2 \lambda P \theta - J^\top e, \qquad e = (\rho - y) + 2 \lambda \mu, \qquad
              \mu = (Q J J^\top Q)^+ Q J \theta

    with :math:`\rho` the softmax of the outputs. What is inherited belongs to QF: ``residual``, ``jacobian`` and
    ``multiplier`` have n(p - 1) rows, coordinates in ``basis`` (p, p - 1), orthonormal in the vectors of sum zero;
    :func:`grokutil.gradient_flow.training_flow` and ``slow_flow`` take it as any other manifold.

    Args:
        F: maps a parameter vector (d,) to outputs (n, p); differentiable by ``torch.func``.
        Y: targets (n, p), float64, positive, with rows of sum one; :func:`grokutil.losses.smoothed` makes them.

    Raises:
        ValueError: Y is not such a matrix; one that is not positive has its least loss at infinity.
    """

    def __init__(self, F: Callable[[Tensor], Tensor], Y: Matrix) -> None:
        self.logits, self.Y = F, matrix("Y", Y)
        if not (self.Y > 0).all() or (self.Y.sum(1) - 1).abs().max() > 1e-12:
            raise ValueError(
                f"Y must have positive entries and rows of sum one, got entries from {float(self.Y.min()):g} and sums "
                f"from {float(self.Y.sum(1).min()):g} to {float(self.Y.sum(1).max()):g}: smoothed(Y, 0.1) makes them so"
            )
        basis = self.basis = sum_zero(self.Y)
        super().__init__(lambda theta: (F(theta) @ basis).flatten(), (self.Y.log() @ basis).flatten())

    def loss(self, theta: Tensor, ridge: float = 0.0) -> Tensor:
        r""":math:`L_\lambda = -\sum_{ic} y_{ic} \log \rho_{ic} + \lambda \|\theta\|^2`, a scalar."""
        return CROSS_ENTROPY.value(self.logits(float_vector("theta", theta)), self.Y) + ridge * theta.square().sum()

    def loss_gradient(self, theta: Tensor, ridge: float = 0.0) -> Tensor:
        r""":math:`\nabla L_\lambda = J^\top (\rho - y) + 2 \lambda \theta`, (d,)."""
        outputs, pull_back = torch.func.vjp(self.logits, float_vector("theta", theta))  # type: ignore[misc]
        return pull_back(CROSS_ENTROPY.slope(outputs, self.Y))[0] + 2 * ridge * theta

    def gap(self, theta: Tensor) -> Tensor:
        r""":math:`\rho - y`, (n, p): what is zero on Z and of order lambda in training."""
        return CROSS_ENTROPY.slope(self.logits(float_vector("theta", theta)), self.Y)

    def fast_variable(self, theta: Tensor, ridge: float) -> Tensor:
        r""":math:`e = (\rho - y) + 2 \lambda \mu`, (n, p): of order :math:`\lambda^2` after the fast phase.

        Raises:
            SingularPointError: QJ does not have rank n(p - 1).
        """
        return self.gap(theta) + 2 * ridge * self.multiplier(theta).reshape(len(self.Y), -1) @ self.basis.mT
