"""Factorise and solve; nothing is inverted."""

from __future__ import annotations

import torch
from torch import Tensor

from grokutil.checks import finite


def cholesky_or_none(K: Tensor) -> Tensor | None:
    """Lower Cholesky factor of a symmetric matrix (n, n), or None where it is numerically singular.

    Rounding lets Cholesky succeed on some singular matrices, with a pivot that is all rounding; such a pivot is at
    most n times the machine precision of the largest diagonal entry, and counts as zero.

    Raises:
        ValueError: K is not finite.
    """
    L, info = torch.linalg.cholesky_ex(K)
    pivots = L.diagonal().square()
    if info.item() or pivots.min() <= len(K) * torch.finfo(K.dtype).eps * K.diagonal().max():
        finite("a matrix to factorise", K)
        return None
    return L
