"""Factorise and solve; nothing is inverted. A matrix on the CPU goes to SciPy's BLAS and LAPACK."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from scipy.linalg import _fblas
from scipy.linalg.blas import dsyrk
from scipy.linalg.lapack import dpotrf
from torch import Tensor
from torch.autograd.forward_ad import unpack_dual

from grokutil.checks import finite

SMALL = 1000  # rows of a matrix up to which a second thread of SciPy's may cost more than it saves

# The OpenBLAS of SciPy's wheels has threads of its own, beside PyTorch's
_set_threads = getattr(ctypes.CDLL(_fblas.__file__), "scipy_openblas_set_num_threads", lambda number: None)


def _threads_for(rows: int) -> None:
    """One thread for a small matrix, as many as PyTorch's for others."""
    _set_threads(torch.get_num_threads() if rows > SMALL else 1)


def lower_gram(H: Tensor) -> Tensor:
    r"""Lower triangle of :math:`H H^\top` for H (..., n, d_h): all that Cholesky reads, for half the flops.

    Above the diagonal the result is zero for a matrix on the CPU, and the whole product for a stack or on a GPU.
    Derivatives of any mode and order are those of the whole symmetric matrix.
    """
    return _LowerGram.apply(H)


class _LowerGram(torch.autograd.Function):
    @staticmethod
    def forward(H: Tensor) -> Tensor:
        if H.ndim > 2 or H.device.type != "cpu":
            return H @ H.mT
        _threads_for(len(H))
        columns = H.mT.is_contiguous()  # BLAS's matrices are column-major
        return torch.from_numpy(dsyrk(1.0, (H if columns else H.mT).numpy(), trans=not columns, lower=True))

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

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int], H: Tensor) -> tuple[Tensor, int]:  # noqa: ARG004
        return lower_gram(H.movedim(in_dims[0], 0)), 0


def cholesky_or_none(K: Tensor, overwrite: bool = False, terms: int = 1) -> Tensor | None:
    """Lower Cholesky factor of symmetric matrices (..., n, n), or None where one is numerically singular.

    Only the lower triangle of K is read. Rounding lets Cholesky succeed on some singular matrices, with a pivot that
    is all rounding; such a pivot is at most m times the machine precision of the largest diagonal entry, and counts as
    zero. Here m is n, or ``terms`` if that is more: how many products each entry of K is the sum of. With ``overwrite``
    the factor of a matrix on the CPU takes the place of K, which is then lost: half the memory.

    Raises:
        ValueError: K is not finite.
    """
    largest = K.diagonal(dim1=-2, dim2=-1).amax(-1)
    if not largest.isfinite().all():  # told before K is lost; any other entry that is not finite spoils a pivot
        finite("a matrix to factorise", K.tril())
    array = _array(K)
    if array is None:
        L, info = torch.linalg.cholesky_ex(K)
    else:
        _threads_for(len(K))
        rows = array.flags.c_contiguous  # LAPACK's matrices are column-major, as K^T is then
        factor, info = dpotrf(array.T if rows else array, lower=not rows, overwrite_a=overwrite)
        L, info = torch.from_numpy(factor.T if rows else factor), torch.tensor(info)
    pivots = L.diagonal(dim1=-2, dim2=-1).square()
    least = max(terms, K.shape[-1]) * torch.finfo(K.dtype).eps * largest
    if info.any() or not (pivots.amin(-1) > least).all():
        finite("a matrix to factorise", K.tril())
        return None
    return L


def _array(K: Tensor) -> np.ndarray | None:
    """The memory of a matrix on the CPU of which no derivative is asked; None for others."""
    if K.ndim > 2 or K.device.type != "cpu" or unpack_dual(K).tangent is not None:
        return None
    try:
        return K.numpy()
    except RuntimeError:  # it has a graph, or is inside torch.func
        return None


class Iterations(NamedTuple):
    """Where conjugate gradients ended: the residual is relative to the right-hand side."""

    solution: Tensor
    iterations: int
    residual: float
    converged: bool
    singular: bool


def conjugate_gradients(
    product: Callable[[Tensor], Tensor],
    B: Tensor,
    precondition: Callable[[Tensor], Tensor],
    tolerance: float,
    limit: int,
    norm: float = 0.0,
) -> Iterations:
    r"""Solve A x = b by conjugate gradients, preconditioned with a matrix M; both symmetric positive definite.

    .. math::
        \|b - A x\| \le \max(\text{tolerance} \, \|b\|, \; 10 \, \epsilon \, \|A\| \|x\|), \qquad
        \frac{p^\top A p}{p^\top M p} \le m \, \epsilon

    The first ends them: no solver does better than the second term, :math:`\epsilon` being the machine precision. The
    residual is then b - A x itself, not that of the recursion, which drifts. The other inequality, on a direction p
    of the search in m dimensions, says that A is numerically singular.

    Args:
        product: maps x to A x.
        B: right-hand side b, of any shape.
        precondition: maps b to :math:`M^{-1} b`; the eigenvalues of :math:`M^{-1} A` should be near one.
        tolerance: of the residual, relative to b.
        limit: iterations at most.
        norm: about :math:`\|A\|`; at 0, only ``tolerance`` counts.
    """
    X, R, P = torch.zeros_like(B), B, torch.zeros_like(B)
    length, epsilon = float(B.norm()), torch.finfo(B.dtype).eps
    before, size = torch.inf, 0.0  # of the last iteration: r^T M^-1 r, p^T M p
    converged = singular = False
    for k in range(limit + 1):
        if R.norm() <= tolerance * length or k == limit:
            R, before = B - product(X), torch.inf
            converged = bool(R.norm() <= max(tolerance * length, 10 * epsilon * norm * float(X.norm())))
        if converged or k == limit:
            break
        Z = precondition(R)
        now = float(torch.sum(R * Z))
        P, size = Z + now / before * P, now + (now / before) ** 2 * size
        AP = product(P)
        curvature = float(torch.sum(P * AP))
        singular = not curvature > B.numel() * epsilon * size
        if singular:
            break
        X, R, before = X + now / curvature * P, R - now / curvature * AP, now
    residual = float((B - product(X)).norm()) / length if length else 0.0
    return Iterations(X, k, residual, converged, singular)
