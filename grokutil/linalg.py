"""Factorise and solve; nothing is inverted."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from grokutil.checks import finite

PANELS = 6  # row panels of the symmetric product: more save flops, fewer keep the matrix products large


def lower_gram(H: Tensor) -> Tensor:
    r"""Lower triangle of :math:`H H^\top` for H (..., n, d_h): all that Cholesky reads, for little over half the flops.

    Above the diagonal blocks of the panels the result is zero. Derivatives of any mode and order are those of the
    whole symmetric matrix.
    """
    return _LowerGram.apply(H)


class _LowerGram(torch.autograd.Function):
    @staticmethod
    def forward(H: Tensor) -> Tensor:
        if H.ndim > 2 or H.device.type != "cpu":
            return H @ H.mT  # panels do not pay there
        n = len(H)
        K, height = H.new_zeros(n, n), -(-n // PANELS)
        for top in range(0, n, height):
            end = top + height
            torch.mm(H[top:end], H[:end].mT, out=K[top:end, :end])
        return K

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:  # noqa: ARG004
        ctx.save_for_backward(*inputs)
        ctx.save_for_forward(*inputs)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (H,) = ctx.saved_tensors
        return (gradient + gradient.mT) @ H

    @staticmethod
    def jvp(ctx: Any, dH: Tensor) -> Tensor:
        (H,) = ctx.saved_tensors
        product = dH @ H.mT
        return product + product.mT


def cholesky_or_none(K: Tensor) -> Tensor | None:
    """Lower Cholesky factor of symmetric matrices (..., n, n), or None where one is numerically singular.

    Only the lower triangle of K is read. Rounding lets Cholesky succeed on some singular matrices, with a pivot that
    is all rounding; such a pivot is at most n times the machine precision of the largest diagonal entry, and counts as
    zero.

    Raises:
        ValueError: K is not finite.
    """
    L, info = torch.linalg.cholesky_ex(K)
    pivots, largest = L.diagonal(dim1=-2, dim2=-1).square(), K.diagonal(dim1=-2, dim2=-1).amax(-1)
    if info.any() or (pivots.amin(-1) <= K.shape[-1] * torch.finfo(K.dtype).eps * largest).any():
        finite("a matrix to factorise", K.tril())
        return None
    return L
