r"""Activations :math:`\sigma` with their slopes :math:`\sigma'`, by name."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from grokutil.checks import positive


@dataclass(frozen=True)
class Activation:
    r"""An activation :math:`\sigma` and its slope :math:`\sigma'`, both entry by entry.

    One of your own is made of torch functions: ``Activation("sine", torch.sin)``, or of a module,
    ``Activation("silu", torch.nn.SiLU())``. Wherever a name is taken, the function or module itself will do.

    Attributes:
        name: its name, for messages and settings.
        value: maps a tensor Z of any shape to one of the same shape, dtype and device.
        slope: the same for :math:`\sigma'`; None takes the derivative of ``value`` by ``torch.func.jvp``, which is
            slower. That a slope given belongs to the value is not checked.
        kink: whether the slope jumps at zero. There ``slope`` takes PyTorch's side, and :meth:`sides` tells both.
    """

    name: str
    value: Callable[[Tensor], Tensor]
    slope: Callable[[Tensor], Tensor] = None  # type: ignore[assignment]  # filled in below
    kink: bool = False

    def __post_init__(self) -> None:
        if self.slope is None:
            object.__setattr__(self, "slope", partial(_derivative, self.value))

    def __reduce__(self) -> tuple[Any, ...]:
        """The package's own go to another process by name; one of your own as its functions can."""
        if ACTIVATIONS.get(self.name) is self:
            return get_activation, (self.name,)
        return Activation, (self.name, self.value, self.slope, self.kink)

    def sides(self, like: Tensor) -> tuple[float, float]:
        r"""The one-sided slopes :math:`\sigma'(0^-)` and :math:`\sigma'(0^+)`, computed as for a tensor ``like``."""
        below, above = self.slope(like.new_tensor([-TINY, TINY])).tolist()
        return below, above


TINY = 1e-300  # a pre-activation beside zero


def _derivative(value: Callable[[Tensor], Tensor], Z: Tensor) -> Tensor:
    return torch.func.jvp(value, (Z,), (torch.ones_like(Z),))[1]


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
        partial(_softplus, beta),
        partial(_softplus_slope, beta),
    )


def _softplus(beta: float, Z: Tensor) -> Tensor:
    return functional.softplus(Z, beta, threshold=40)  # PyTorch's 20 is made for float32


def _softplus_slope(beta: float, Z: Tensor) -> Tensor:
    return torch.sigmoid(beta * Z)


def _step(Z: Tensor) -> Tensor:
    return torch.relu(Z).sign()  # a sixth of the time of (Z > 0).to(Z.dtype)


LEAK = 0.1  # slope of leaky ReLU below zero: the paper's Fig. 3, not PyTorch's default of 0.01

ACTIVATIONS = {
    a.name: a
    for a in (
        Activation("relu", torch.relu, _step, kink=True),
        Activation(
            "leaky_relu",
            lambda Z: functional.leaky_relu(Z, LEAK),
            lambda Z: LEAK + (1 - LEAK) * _step(Z),
            kink=True,
        ),
        softplus(1),
        Activation("gelu", functional.gelu, _gelu_slope),
        Activation("tanh", torch.tanh, lambda Z: 1 - torch.tanh(Z) ** 2),
        Activation("quadratic", lambda Z: Z * Z, lambda Z: 2 * Z),
        Activation("identity", lambda Z: Z, torch.ones_like),
    )
}


def get_activation(activation: str | Activation | Callable[[Tensor], Tensor]) -> Activation:
    """Return the activation of that name, or that of a function or module; an ``Activation`` is returned as it is.

    Raises:
        ValueError: unknown name; the known ones are listed.
    """
    if isinstance(activation, Activation):
        return activation
    if callable(activation):
        return Activation(getattr(activation, "__name__", type(activation).__name__), activation)
    if not isinstance(activation, str) or activation not in ACTIVATIONS:
        raise ValueError(
            f"unknown activation {activation!r}; known: {', '.join(ACTIVATIONS)}, or one of your own: a function, a "
            f"module, or grokutil.activations.Activation(name, value, slope)"
        )
    return ACTIVATIONS[activation]
