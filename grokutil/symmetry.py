r"""Laws from symmetries: what a network does not feel, weight decay alone decides.

If :math:`F(\mathrm e^{\epsilon G} \theta) = F(\theta)` with a symmetric matrix G, then :math:`g^\top G \theta = 0` for
the gradient g of every loss of F. So with weight decay the form :math:`C = \theta^\top G \theta` obeys

.. math::
    \frac{dC}{dt} = -4 \lambda C, \qquad C^+ = (1 - 2 \eta \lambda)^2 C + \eta^2 g^\top G g

for the flow, and for a step of gradient descent on any batch. If :math:`F(\theta + \epsilon v) = F(\theta)`, then
:math:`v^\top \theta` obeys :math:`-2 \lambda` and the factor :math:`1 - 2 \eta \lambda`, without a second term.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from grokutil.checks import float_vector, integer, non_negative, positive


@dataclass(frozen=True)
class Symmetry:
    r"""A symmetry of a network, and its law.

    Attributes:
        generator: maps :math:`\theta` (d,) to :math:`G \theta` (d,), linear and symmetric; for a shift the direction v
            (d,), as a tensor.
    """

    generator: Callable[[Tensor], Tensor] | Tensor

    @property
    def shift(self) -> bool:
        """Whether the network does not feel a direction, rather than a linear map."""
        return isinstance(self.generator, Tensor)

    @property
    def rate(self) -> int:
        r"""The form decays like :math:`\mathrm e^{-\text{rate} \, \lambda t}`: 4, or 2 for a shift."""
        return 2 if self.shift else 4

    def field(self, theta: Tensor) -> Tensor:
        r""":math:`G \theta` or v, (d,): how the weights move under the symmetry."""
        return self.generator if isinstance(self.generator, Tensor) else self.generator(theta)

    def form(self, theta: Tensor) -> Tensor:
        r""":math:`C = \theta^\top G \theta`, or :math:`v^\top \theta`; a scalar."""
        return theta @ self.field(theta)

    def defect(self, F: Callable[[Tensor], Tensor], theta: Tensor) -> float:
        r"""How far F is from the symmetry, 0 if it has it: :math:`\|J G \theta\| / (\|J\|_F \|G \theta\|)`."""
        theta = float_vector("theta", theta)
        direction, J = self.field(theta), torch.func.jacrev(F)(theta)
        return float((J @ direction).norm() / (J.norm() * direction.norm()))

    def after_step(self, form: Tensor, g: Tensor, ridge: float, learning_rate: float) -> Tensor:
        r"""The form after a step with gradient g.

        .. math:: C^+ = (1 - 2 \eta \lambda)^2 C + \eta^2 g^\top G g, \qquad \text{or } (1 - 2 \eta \lambda) \, C

        Args:
            form: C before the step.
            g: gradient of the loss without weight decay, on the batch of the step, (d,).
            ridge: :math:`\lambda`.
            learning_rate: :math:`\eta`.
        """
        kept = 1 - 2 * learning_rate * ridge
        return kept * form if self.shift else kept**2 * form + learning_rate**2 * self.form(g)


def follow_form(
    symmetry: Symmetry,
    gradient: Callable[[Tensor, int], Tensor],
    start: Tensor,
    ridge: float,
    learning_rate: float,
    steps: int,
) -> tuple[Tensor, Tensor, Tensor]:
    r"""Gradient descent with weight decay, and what the law of the step says of the form along it.

    .. math:: \theta^+ = \theta - \eta (g + 2 \lambda \theta)

    Args:
        symmetry: whose form is followed.
        gradient: called with :math:`\theta` and the number of the step, which chooses the batch; returns g, (d,).
        start: :math:`\theta` (d,), float64.
        ridge: :math:`\lambda`, not negative.
        learning_rate: :math:`\eta`, positive.
        steps: how many.

    Returns:
        The weights at the end, the form there, and the form that the law of the step predicts from the gradients.

    Raises:
        ValueError: an argument outside its range.
    """
    theta, lam = float_vector("start", start), non_negative("ridge", ridge)
    eta, told = positive("learning_rate", learning_rate), symmetry.form(theta)
    for k in range(integer("steps", steps, 1)):
        g = gradient(theta, k)
        told = symmetry.after_step(told, g, lam, eta)
        theta = theta - eta * (g + 2 * lam * theta)
    return theta, symmetry.form(theta), told
