"""Products with the inputs X; where its rows are sums of two unit vectors, by gathering and adding rows."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import one_hot


class Inputs:
    """Inputs X (n, d_in), or a stack of such matrices (S, n, d_in), to be multiplied many times.

    ``pairs`` holds two row indices into the stacked weights for each sample, where every row of X is e_a + e_b, as in
    modular addition. For other inputs it is None, and for an X whose derivative is asked for.
    """

    def __init__(self, X: Tensor) -> None:
        self.X, self.pairs = X, _pairs(X)

    def product(self, V: Tensor) -> Tensor:
        """X V for V (..., d_in, m)."""
        if self.pairs is None:
            return self.X @ V
        rows, (a, b) = V.flatten(0, -2), self.pairs
        return rows.index_select(0, a).add_(rows.index_select(0, b)).reshape(*self.X.shape[:-1], V.shape[-1])

    def transposed_product(self, G: Tensor) -> Tensor:
        """X^T G for G (..., n, m)."""
        if self.pairs is None:
            return self.X.mT @ G
        rows, (a, b) = G.flatten(0, -2), self.pairs
        *stack, _, d_in = self.X.shape
        sums = G.new_zeros(torch.Size(stack).numel() * d_in, G.shape[-1])
        return sums.index_add(0, a, rows).index_add_(0, b, rows).reshape(*stack, d_in, G.shape[-1])


def _pairs(X: Tensor) -> tuple[Tensor, Tensor] | None:
    rows, d_in = X.flatten(0, -2), X.shape[-1]
    if X.requires_grad or not ((rows >= 0).all() and (rows == rows.round()).all() and (rows.sum(1) == 2).all()):
        return None
    a = rows.argmax(1)
    b = (rows - one_hot(a, d_in)).argmax(1)
    offset = torch.arange(len(rows), device=X.device) // X.shape[-2] * d_in
    return a + offset, b + offset
