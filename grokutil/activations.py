r"""Activations :math:`\sigma` with their slopes :math:`\sigma'`, by name."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from grokutil.checks import positive


@dataclass(frozen=True)
class Activation:
    r"""An activation :math:`\sigma` and its slope :math:`\sigma'`, both entry by entry.

    ``value(Z)`` and ``slope(Z)`` take a tensor of any shape and return one of the same shape, dtype and device.
    ``kink`` says that the slope jumps at zero; there ``slope`` takes the value 0 side, as PyTorch does.

    One of your own is made of torch functions: ``Activation("sine", torch.sin, torch.cos)``. That the slope belongs to
    the value is not checked.
    """

    name: str
    value: Callable[[Tensor], Tensor]
    slope: Callable[[Tensor], Tensor]
    kink: bool = False


def _gelu_slope(Z: Tensor) -> Tensor:
    return torch.special.ndtr(Z) + Z * torch.exp(-Z * Z / 2) / math.sqrt(2 * math.pi)


def softplus(beta: float) -> Activation:
    r"""Softplus of sharpness :math:`\beta`: :math:`\sigma(z) = \log(1 + e^{\beta z}) / \beta`; ReLU for large beta.

    Raises:
        ValueError: beta is not positive.
    """
    beta = positive("beta", beta)
    return Activation(
        "softplus" if beta == 1 else f"softplus, beta {beta:g}",
        lambda Z: functional.softplus(Z, beta, threshold=40),  # PyTorch's 20 is made for float32
        lambda Z: torch.sigmoid(beta * Z),
    )


LEAK = 0.1  # slope of leaky ReLU below zero: the paper's Fig. 3, not PyTorch's default of 0.01

ACTIVATIONS = {
    a.name: a
    for a in (
        Activation("relu", torch.relu, lambda Z: (Z > 0).to(Z.dtype), kink=True),
        Activation(
            "leaky_relu",
            lambda Z: functional.leaky_relu(Z, LEAK),
            lambda Z: LEAK + (1 - LEAK) * (Z > 0).to(Z.dtype),
            kink=True,
        ),
        softplus(1),
        Activation("gelu", functional.gelu, _gelu_slope),
        Activation("tanh", torch.tanh, lambda Z: 1 - torch.tanh(Z) ** 2),
        Activation("quadratic", lambda Z: Z * Z, lambda Z: 2 * Z),
        Activation("identity", lambda Z: Z, torch.ones_like),
    )
}


def get_activation(activation: str | Activation) -> Activation:
    """Return the activation of that name; an ``Activation`` object is returned as it is.

    Raises:
        ValueError: unknown name; the known ones are listed.
    """
    if isinstance(activation, Activation):
        return activation
    if not isinstance(activation, str) or activation not in ACTIVATIONS:
        raise ValueError(
            f"unknown activation {activation!r}; known: {', '.join(ACTIVATIONS)}, or one of your own, "
            f"grokutil.activations.Activation(name, value, slope)"
        )
    return ACTIVATIONS[activation]
