r"""The losses that networks are trained on, as functions of their outputs: squared error, cross-entropy.

The gradient by the weights is :math:`J^\top` times the slope by the outputs, for either; that is all that
:func:`grokutil.model.loss_gradient` needs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from grokutil.checks import Matrix, below_one, matrix


class Loss(NamedTuple):
    """A sum over samples, as a function of outputs and targets (n, d_out): its value and its slope by the outputs.

    ``gauge`` says that a constant added to all outputs of a sample does not change it.
    """

    name: str
    value: Callable[[Tensor, Tensor], Tensor]
    slope: Callable[[Tensor, Tensor], Tensor]
    gauge: bool = False


SQUARED = Loss("squared error", lambda F, Y: (F - Y).square().sum(), lambda F, Y: 2 * (F - Y))
CROSS_ENTROPY = Loss(
    "cross-entropy",
    lambda F, Y: -(Y * torch.log_softmax(F, -1)).sum(),
    lambda F, Y: torch.softmax(F, -1) * Y.sum(-1, keepdim=True) - Y,
    gauge=True,
)


def smoothed(Y: Matrix, smoothing: float) -> Tensor:
    r"""Soft labels :math:`y = (1 - \varepsilon) Y + \varepsilon / p`: label smoothing as in ``nn.CrossEntropyLoss``.

    Args:
        Y: targets (n, p), float64, one-hot as a rule.
        smoothing: :math:`\varepsilon`, from 0 to below 1.

    Returns:
        (n, p) tensor with the row sums of one-hot rows.

    Raises:
        ValueError: Y is not a finite float64 matrix, smoothing outside [0, 1).
    """
    Y, epsilon = matrix("Y", Y), below_one("smoothing", smoothing)
    return (1 - epsilon) * Y + epsilon / Y.shape[1]


def sum_zero(Y: Tensor) -> Tensor:
    """An orthonormal basis of the vectors of sum zero, (p, p - 1), for a matrix Y with p columns, on its device.

    Raises:
        ValueError: one column.
    """
    p = Y.shape[1]
    if p < 2:
        shape = tuple(Y.shape)
        raise ValueError(f"up to a constant nothing is left of one output, {shape}: give a column for each class")
    return torch.linalg.qr(Y.new_ones(p, 1), mode="complete").Q[:, 1:]
