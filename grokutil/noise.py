r"""Label noise: the potential that training with fresh noise on its targets descends along the zero-loss manifold.

With noise of standard deviation :math:`\delta` on every target in every step, learning rate :math:`\eta` of the summed
loss and heavy-ball momentum b, the slow flow is :math:`\zeta' = -P \nabla (\lambda \|\zeta\|^2 + U)`,

.. math:: U = -\delta^2 \, \frac{1 + b}{1 - b} \, \log\det \Bigl( I - \frac{\eta}{1 + b} \Theta \Bigr)
          \approx \frac{\eta \, \delta^2}{1 - b} \operatorname{Tr} \Theta ,

per unit of :math:`\eta k / (1 - b)` in k steps. Source: Blanc et al. 2020, Damian, Ma and Lee 2021, Li, Wang and Arora
2022; with weight decay and momentum ours.
"""

from __future__ import annotations

import torch
from torch import Tensor

from grokutil.activations import Activation, get_activation
from grokutil.checks import Matrix, below_one, layers, non_negative, positive
from grokutil.manifold import TangentSpace, join
from grokutil.walks import Field


def noise_potential(Theta: Tensor, learning_rate: float, noise: float, momentum: float = 0.0) -> Tensor:
    r"""The potential U of label noise, from the NTK at a point; differentiable.

    Args:
        Theta: :math:`\Theta = J J^\top`, (M, M) float64.
        learning_rate: :math:`\eta` of the summed loss; that of the mean over M outputs is M times larger.
        noise: :math:`\delta`, the standard deviation of the noise on each target.
        momentum: b, from 0 to below 1.

    Returns:
        Scalar tensor; infinite beyond the edge of stability, :math:`\eta \lambda_{\max}(\Theta) \ge 1 + b`.

    Raises:
        ValueError: a number outside its range.
    """
    eta, delta = positive("learning_rate", learning_rate), non_negative("noise", noise)
    b = below_one("momentum", momentum)
    left = torch.eye(len(Theta), dtype=Theta.dtype, device=Theta.device) - eta / (1 + b) * Theta
    L, failed = torch.linalg.cholesky_ex(left)
    if failed:
        return left.new_tensor(torch.inf)
    return -(delta**2) * (1 + b) / (1 - b) * 2 * L.diagonal().log().sum()


def ntk_trace(W1: Matrix, W2: Matrix, X: Matrix, activation: str | Activation = "relu") -> Tensor:
    r"""The trace of the NTK of the two-layer network, without the NTK: the sum of all squared derivatives.

    .. math:: \operatorname{Tr} \Theta = \sum_{ih} \|x_i\|^2 \, \sigma'(z_{ih})^2 \, \|w_{2h}\|^2 + d_{out} \|H\|^2

    Args:
        W1: first layer (d_in, d_h), float64.
        W2: readout (d_h, d_out), float64.
        X: inputs (n, d_in), float64.
        activation: name or :class:`~grokutil.activations.Activation`.

    Raises:
        ValueError: shapes do not match, not float64, not finite, unknown activation.
    """
    return _trace(*layers(W1, W2, X), get_activation(activation))


def noisy_descent(activation: str | Activation, norm: float, trace: float) -> Field:
    r"""The field :math:`-\nabla (a \|\theta\|^2 + c \operatorname{Tr} \Theta)` for a walk along the manifold.

    Args:
        activation: name or :class:`~grokutil.activations.Activation`, smooth.
        norm: a, not negative.
        trace: c, not negative; with a = 1 the clock is s and c the ratio :math:`\eta \delta^2 / \lambda`.

    Raises:
        ValueError: unknown activation, or one with a kink; a negative number.
    """
    sigma, a, c = get_activation(activation), non_negative("norm", norm), non_negative("trace", trace)
    if sigma.kink:
        raise ValueError(f"the trace of the NTK jumps at the kinks of {sigma.name!r}: take a smooth activation")

    def field(space: TangentSpace) -> Tensor:
        W1, W2 = (W.detach().clone().requires_grad_() for W in (space.W1, space.W2))
        by_layer = torch.autograd.grad(_trace(W1, W2, space.X, sigma), (W1, W2))
        return -2 * a * space.theta - c * join(*by_layer)

    field.__name__ = f"descent of {a:g} norm^2 + {c:g} trace"
    return field


def _trace(W1: Tensor, W2: Tensor, X: Tensor, sigma: Activation) -> Tensor:
    Z = X @ W1
    by_W1 = X.square().sum(1, keepdim=True) * sigma.slope(Z).square() * W2.square().sum(1)
    return by_W1.sum() + W2.shape[1] * sigma.value(Z).square().sum()
