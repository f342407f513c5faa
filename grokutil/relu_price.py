r"""A proof that no ReLU network, however wide, adds modulo p with less squared norm than a number: one positive matrix.

For ReLU the least norm over all widths is a convex problem. Let :math:`U` (n, p) be any matrix with
:math:`\|U^\top \sigma(X w)\| \le \|w\|` for all w. A network with zero loss then has

.. math::
    \langle U, Y \rangle = \sum_h \langle U^\top \sigma(X w_{1h}), w_{2h} \rangle
        \le \sum_h \|w_{1h}\| \, \|w_{2h}\| \le \tfrac12 \|\theta\|^2 .
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from grokutil.checks import integer

PARTS = 9  # of the proof: five of U, two of nu, two of rho
GAP, GROWTH, NEWTON, SMALL = 1e-5, 4.0, 60, 1e-9


@dataclass(frozen=True, eq=False)
class ReluBound:
    r"""A bound, and what proves it.

    Attributes:
        bound: :math:`2 \langle U, Y \rangle`; the squared norm of every ReLU network that adds modulo p is above it.
        parts: the nine numbers of the matrix, (9,) float64.
        smallest: smallest eigenvalue of the matrix, positive.
    """

    bound: float
    parts: np.ndarray
    smallest: float


def relu_price_bound(p: int) -> ReluBound:
    r"""The best bound of its kind, by Newton's method with a barrier.

    Write z = X w, :math:`h = \sigma(z) \ge 0` and :math:`v = h - z \ge 0`, so that :math:`h_i v_i = 0`. If

    .. math::
        \|o\|^2 + 2 \, o^\top U^\top h + \|w\|^2 + \sum_i \nu_i h_i v_i - \sum_{ij} \rho_{ij} h_i v_j

    is positive for all vectors o, w, h that are not zero, with :math:`\rho_{ij} \ge 0`, then
    :math:`\|U^\top h\| \le \|w\|`: take :math:`o = -U^\top h`. The matrix of the form is linear in U, nu and rho, and
    the best bound is a semidefinite program. Addition has a symmetry, :math:`a \mapsto u a + s` modulo p, and the best
    U, nu and rho share it. Of the rho only those are kept that join a pair (a, a) with a pair (a, b); more of them do
    not raise the bound by a thousandth.

    Args:
        p: a prime from 5 on, up to about 20: the matrix has 2 p + p(p + 1)/2 rows.

    Returns:
        A :class:`ReluBound`.

    Raises:
        ValueError: p is not a prime, or below 5.
    """
    basis, constant, gain = _forms(p)
    small = 1 / (p + 1)  # the matrix is positive below 2 / (p + 1), 4 over the largest eigenvalue of X^T X
    parts = np.array([0, 0, 0, 0, 0, small, small, 0.01 * small, 0.01 * small])
    weight = 1.0
    while True:
        for _ in range(NEWTON):
            inverse = np.linalg.inv(_matrix(parts, basis, constant))
            steps = inverse @ basis
            gradient = weight * gain + np.einsum("kii->k", steps)
            hessian = np.einsum("kij,lji->kl", steps, steps)
            gradient[-2:] += 1 / parts[-2:]
            hessian[[-2, -1], [-2, -1]] += 1 / parts[-2:] ** 2
            step = np.linalg.solve(hessian, gradient)
            decrement = float(gradient @ step)
            parts = parts + _length(parts, step, basis, constant) * step
            if decrement < SMALL:
                break
        bound = float(gain @ parts)
        if len(constant) / weight < GAP * bound:
            break
        weight *= GROWTH
    return ReluBound(bound, parts, smallest_eigenvalue(p, parts))


def smallest_eigenvalue(p: int, parts: np.ndarray) -> float:
    """Smallest eigenvalue of the matrix of the proof: positive, and the bound is proved.

    Args:
        p: a prime from 5 on.
        parts: the nine numbers, (9,) float64.

    Raises:
        ValueError: p is not a prime, or below 5, not nine numbers, or a product with a negative factor.
    """
    parts = np.asarray(parts)
    if parts.shape != (PARTS,) or (parts[-2:] < 0).any():
        raise ValueError(f"parts must be {PARTS} numbers, the last two not negative, got {parts!r}")
    basis, constant, _ = _forms(p)
    return float(np.linalg.eigvalsh(_matrix(parts, basis, constant))[0])


def _forms(p: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Matrices of the nine parts in (o, w, h), (9, D, D); the constant one (D, D); what each part adds to 2 <U, Y>."""
    p = integer("p", p, 5)
    if any(p % k == 0 for k in range(2, int(p**0.5) + 1)):
        raise ValueError(f"p must be a prime, got {p}: the symmetry of addition needs division modulo p")
    a, b = np.triu_indices(p)
    n, equal = len(a), a == b
    X = np.eye(p)[a] + np.eye(p)[b]
    Y = np.eye(p)[(a + b) % p] == 1
    double = (np.eye(p)[2 * a % p] + np.eye(p)[2 * b % p]) > 0  # the answers 2a and 2b
    same, other = equal[:, None], ~equal[:, None]
    kinds = (same & Y, same & ~Y, other & double, other & Y, other & ~Y & ~double)
    joined = 1.0 * (same & other.T & (X @ X.T > 0))
    o, w, h = slice(p), slice(p, 2 * p), slice(2 * p, 2 * p + n)
    basis = np.zeros((PARTS, 2 * p + n, 2 * p + n))
    for form, kind in zip(basis[:5], kinds, strict=True):
        form[h, o] = 2 * kind
    for form, m in zip(basis[5:], (np.diag(equal * 1.0), np.diag(~equal * 1.0), -joined, -joined.T), strict=True):
        form[h, h], form[h, w] = m, -m @ X  # h^T m (h - X w)
    constant = np.diag(np.r_[np.ones(2 * p), np.zeros(n)])
    gain = 2.0 * np.array([*((kind & Y).sum() for kind in kinds), 0, 0, 0, 0])
    return (basis + basis.transpose(0, 2, 1)) / 2, constant, gain


def _matrix(parts: np.ndarray, basis: np.ndarray, constant: np.ndarray) -> np.ndarray:
    return constant + np.tensordot(parts, basis, 1)


def _length(parts: np.ndarray, step: np.ndarray, basis: np.ndarray, constant: np.ndarray) -> float:
    """One, halved until the matrix stays positive; then a little less."""
    length = 1.0
    while True:
        ahead = parts + length * step
        if (ahead[-2:] > 0).all():
            try:
                np.linalg.cholesky(_matrix(ahead, basis, constant))
                return length if length == 1 else 0.7 * length
            except np.linalg.LinAlgError:
                pass
        length /= 2
