r"""Hidden units of the two-layer network as things of their own: which are alive, which are copies, what they cost.

Unit h has the incoming weights :math:`w_{1h}`, column h of :math:`W_1`, and the outgoing :math:`w_{2h}`, row h of
:math:`W_2`.
"""

from __future__ import annotations

import torch
from torch import Tensor

from grokutil.checks import Matrix, integer, matrix, positive, same_size

Point = tuple[Tensor, Tensor]

DEGREE = {"identity": 1, "relu": 1, "leaky_relu": 1, "quadratic": 2}  # sigma(a z) = a^q sigma(z) for a > 0
PARALLEL = 1e-9  # largest 1 - cosine of parallel incoming weights


def live_units(W1: Matrix, W2: Matrix, share: float = 1e-3) -> Tensor:
    r"""Which hidden units are alive: larger than a share of the largest.

    .. math:: \|w_{1h}\| \, \|w_{2h}\| > \text{share} \cdot \max_j \|w_{1j}\| \, \|w_{2j}\|

    Args:
        W1: first layer (d_in, d_h), float64.
        W2: readout (d_h, d_out), float64.
        share: from above 0 to below 1.

    Returns:
        (d_h,) bool.

    Raises:
        ValueError: shapes do not match, not float64, not finite, or a share outside its range.
    """
    W1, W2 = _units(W1, W2)
    if not positive("share", share) < 1:
        raise ValueError(f"share must be below 1, got {share!r}: the largest unit is not larger than itself")
    size = W1.norm(dim=0) * W2.norm(dim=1)
    return size > share * size.max()


def pad(W1: Matrix, W2: Matrix, width: int) -> Point:
    r"""The network with units added whose weights are all zero, up to ``width`` units.

    With :math:`\sigma(0) = 0` the outputs and the rank of their Jacobian stay what they were. Otherwise the rank grows
    by at most d_out.

    Args:
        W1: first layer (d_in, m), float64.
        W2: readout (m, d_out), float64.
        width: d_h, at least m.

    Returns:
        (d_in, d_h) and (d_h, d_out).

    Raises:
        ValueError: shapes do not match, not float64, not finite, or fewer units than there are.
    """
    W1, W2 = _units(W1, W2)
    more = integer("width", width, W1.shape[1]) - W1.shape[1]
    return torch.nn.functional.pad(W1, (0, more)), torch.nn.functional.pad(W2, (0, 0, 0, more))


def rescaled_norm2(W1: Matrix, W2: Matrix, activation: str = "quadratic") -> float:
    r"""Least squared norm over all rescalings of units that leave the outputs as they are.

    .. math::
        N_* = \min_a \sum_h \bigl( a_h^2 \|w_{1h}\|^2 + a_h^{-2q} \|w_{2h}\|^2 \bigr)
            = \frac{q + 1}{q^{q/(q+1)}} \sum_h \bigl( \|w_{1h}\|^q \, \|w_{2h}\| \bigr)^{2/(q+1)}

    for an activation with :math:`\sigma(a z) = a^q \sigma(z)`, a > 0: q = 1 for ReLU, 2 for the quadratic one.

    Args:
        W1: first layer (d_in, d_h), float64.
        W2: readout (d_h, d_out), float64.
        activation: name of one with a degree q.

    Raises:
        ValueError: shapes do not match, not float64, not finite, or an activation without a degree.
    """
    W1, W2 = _units(W1, W2)
    q = degree(activation)
    cost = (W1.norm(dim=0) ** q * W2.norm(dim=1)) ** (2 / (q + 1))
    return float((q + 1) / q ** (q / (q + 1)) * cost.sum())


def merge(W1: Matrix, W2: Matrix, activation: str = "quadratic") -> Point:
    r"""The same network with one unit in place of each set of units whose incoming weights are parallel.

    Units with :math:`w_{1j} = a_j w_{1h}`, :math:`a_j > 0` (or of either sign, where :math:`\sigma` is even) become
    one with the weights :math:`w_{1h}` and :math:`\sum_j |a_j|^q \, w_{2j}`. Units without incoming weights go.

    Args:
        W1: first layer (d_in, d_h), float64.
        W2: readout (d_h, d_out), float64.
        activation: name of one with a degree q.

    Returns:
        (d_in, m) and (m, d_out), the units in the order in which they first occur; m is at least 1.

    Raises:
        ValueError: shapes do not match, not float64, not finite, an activation without a degree, or no unit with
            incoming weights.
    """
    W1, W2 = _units(W1, W2)
    q, length = degree(activation), W1.norm(dim=0)
    left = length.nonzero().flatten().tolist()
    if not left:
        raise ValueError("W1 is zero: no unit has incoming weights, so there is nothing to merge")
    cosines = (W1.mT @ W1) / (length[:, None] * length)
    cosines = cosines.abs() if activation == "quadratic" else cosines
    first, readouts = [], []
    while left:
        h = left[0]
        copies = [j for j in left if cosines[h, j] >= 1 - PARALLEL]
        first.append(h)
        readouts.append(((length[copies] / length[h]) ** q) @ W2[copies])
        left = [j for j in left if j not in copies]
    return W1[:, first], torch.stack(readouts)


def _units(W1: Matrix, W2: Matrix) -> Point:
    """Both layers, checked."""
    W1, W2 = matrix("W1", W1), matrix("W2", W2)
    same_size("W1", W1, 1, "W2", W2, 0)
    return W1, W2


def degree(activation: str) -> int:
    r"""The q of :math:`\sigma(a z) = a^q \sigma(z)`, a > 0.

    Raises:
        ValueError: an activation without one.
    """
    if activation not in DEGREE:
        raise ValueError(
            f"activation must have a degree, sigma(a z) = a^q sigma(z): {', '.join(DEGREE)}; got {activation!r}"
        )
    return DEGREE[activation]
