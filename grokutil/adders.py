r"""Quadratic networks that add modulo p exactly, and their squared norms in closed form.

The unit waves of the input and the output are :math:`f_0 = p^{-1/2} (1, \dots, 1)` and, for
:math:`k = 1, \dots, (p-1)/2`,

.. math:: f_k(\varphi)_j = \sqrt{2/p} \, \cos(2 \pi k j / p - \varphi), \qquad j = 0, \dots, p - 1 .
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from grokutil.checks import integer
from grokutil.units import Point

HALF = 3 * 2 ** (-2 / 3)  # least of x u + v / x^2 over x > 0, for u^2 v = 1
PHASES = 5  # the least number that divides none of 1, 2, 3, 4
# of the two triples that share the constant: their inputs' constants and waves, where the norm is least
TRIPLES = ((-0.06374790590832155541, 0.54487461575829767654), (0.86129600421095330897, 0.40448438282737180640))


def wave(p: int, k: int, phase: float | Tensor = 0.0) -> Tensor:
    r"""The unit wave :math:`f_k(\varphi)`, or :math:`f_0` for k = 0.

    Args:
        p: the modulus.
        k: frequency, a whole number.
        phase: :math:`\varphi`, a number or phases (q,).

    Returns:
        (p,) float64, or (q, p) for q phases.
    """
    if k % p == 0:
        return torch.full((p,), p**-0.5, dtype=torch.float64)
    angle = 2 * math.pi * k * torch.arange(p, dtype=torch.float64) / p
    return (2 / p) ** 0.5 * torch.cos(angle - torch.as_tensor(phase, dtype=torch.float64)[..., None])


def polygons(p: int, phases: int = PHASES) -> Point:
    r"""A quadratic network that adds modulo p: q units for each frequency k, at the corners of a regular polygon.

    .. math::
        w_1 = p^{1/6} \bigl( \alpha f_0 + \varrho f_k(\varphi) \bigr), \quad
        w_2 = p^{1/6} \bigl( \gamma f_k(2 \varphi) - \alpha f_{k/2}(\varphi) \bigr), \quad
        \varphi = \frac{2 \pi l}{q}, \; l = 0, \dots, q - 1,

    with k/2 taken modulo p, :math:`\alpha^2 \varrho = 1/(4q)`, :math:`\gamma \varrho^2 = \sqrt 2 / q`, and
    :math:`\varrho^6 = \varrho^3 / (4q) + 4 / q^2`, where the norm is least; and one unit along :math:`f_0`. The
    unwanted terms are sums over the phases of :math:`\mathrm e^{\mathrm i m \varphi}`, m = 1, 2, 3, 4: they vanish
    for five phases, and for every q that divides none of these m. For other q the network does not add exactly.

    Args:
        p: odd, at least 5.
        phases: q, at least 1.

    Returns:
        W1 (p, q (p - 1)/2 + 1) and W2 (q (p - 1)/2 + 1, p), float64.

    Raises:
        ValueError: p is even or below 5, or no phases.
    """
    p, q = _odd(p), integer("phases", phases, 1)
    angle = _corners(q)
    rho = _rho(q)
    alpha, gamma = (1 / (4 * q * rho)) ** 0.5, 2**0.5 / (q * rho**2)
    units = [_units(p, k, angle, alpha, rho, 0.0, gamma, alpha) for k in range(1, (p + 1) // 2)]
    return _network([*units, _constant(p)], p)


def polygons_norm2(p: int, phases: int = PHASES) -> float:
    r"""Squared norm of :func:`polygons`.

    .. math::
        N_q = p^{1/3} \Bigl[ \frac{p-1}2 \, q \Bigl( \frac1{2 q \varrho} + \varrho^2 + \frac2{q^2 \varrho^4} \Bigr)
              + 3 \cdot 2^{-2/3} \cdot 4^{-2/3} \Bigr]

    With five phases it is :math:`3 \cdot 2^{-2/3} p^{1/3} [2.509794 \cdot (p-1)/2 + 0.396850]`.

    Raises:
        ValueError: as for :func:`polygons`.
    """
    p, q = _odd(p), integer("phases", phases, 1)
    return p ** (1 / 3) * ((p - 1) / 2 * _polygon_norm2(q) + HALF * 4 ** (-2 / 3))


def adder(p: int) -> Point:
    r"""The network of least norm known that adds modulo p: pentagons, and one frequency that shares the constant.

    The frequency k = 1 has two triples of phases :math:`2 \pi l / 3` in place of five units and the constant one, with

    .. math::
        w_1 = p^{1/6} \bigl( \alpha f_0 + \varrho f_k(\varphi) \bigr), \qquad
        w_2 = p^{1/6} \bigl( \delta f_0 + \gamma f_k(2 \varphi) - \epsilon f_{k/2}(\varphi) \bigr) .

    Over both triples :math:`\sum \alpha^2 \delta = \sum \alpha \varrho \epsilon = \frac1{12}` and
    :math:`\sum \varrho^2 \gamma = \frac{\sqrt2}3`, and :math:`\sum \varrho^2 \delta`,
    :math:`\sum \varrho^2 \epsilon` and :math:`\sum \alpha \varrho \gamma` vanish. These
    six linear equations give the outputs; the four numbers of the inputs are those of least norm.

    Args:
        p: odd, at least 5.

    Returns:
        W1 (p, 5 (p - 1)/2 + 1) and W2, float64.

    Raises:
        ValueError: p is even or below 5.
    """
    p = _odd(p)
    rho, angle = _rho(PHASES), _corners(PHASES)
    alpha, gamma = (1 / (4 * PHASES * rho)) ** 0.5, 2**0.5 / (PHASES * rho**2)
    units = [_units(p, k, angle, alpha, rho, 0.0, gamma, alpha) for k in range(2, (p + 1) // 2)]
    thirds = _corners(3)
    units += [_units(p, 1, thirds, *triple) for triple in _triples().T.tolist()]
    return _network(units, p)


def adder_norm2(p: int) -> float:
    r"""Squared norm of :func:`adder`.

    .. math:: 3 \cdot 2^{-2/3} p^{1/3} \Bigl[ 2.509794 \, \frac{p-3}2 + 2.872538 \Bigr]

    Raises:
        ValueError: p is even or below 5.
    """
    p = _odd(p)
    shared = 3 * float(_triples().square().sum())
    return p ** (1 / 3) * ((p - 3) / 2 * _polygon_norm2(PHASES) + shared)


def _odd(p: int) -> int:
    """The modulus, checked."""
    if integer("p", p, 5) % 2 == 0:
        raise ValueError(f"p must be odd, got {p}: half a frequency, k/2 modulo p, exists for odd p only")
    return p


def _corners(q: int) -> Tensor:
    """The phases 2 pi l / q, (q,)."""
    return 2 * math.pi * torch.arange(q, dtype=torch.float64) / q


def _rho(q: int) -> float:
    """The wave of the input where a polygon's norm is least: the root of x^2 = x / (4q) + 4 / q^2 is its cube."""
    a = 1 / (4 * q)
    return ((a + (a**2 + 16 / q**2) ** 0.5) / 2) ** (1 / 3)


def _polygon_norm2(q: int) -> float:
    """Squared norm of the q units of one frequency, over p^(1/3)."""
    rho = _rho(q)
    return q * (1 / (2 * q * rho) + rho**2 + 2 / (q**2 * rho**4))


def _triples() -> Tensor:
    """alpha, rho, delta, gamma, epsilon of the two triples, (5, 2): the outputs solve six linear equations."""
    alpha, rho = (torch.tensor(values, dtype=torch.float64) for values in TRIPLES)
    constant, mixed = torch.stack((alpha**2, rho**2)), torch.stack((alpha * rho, rho**2))
    first, second = torch.tensor([[1 / 12, 0.0], [0.0, 2**0.5 / 3]], dtype=torch.float64)
    outputs = (torch.linalg.solve(A, b) for A, b in ((constant, first), (mixed, second), (mixed, first)))
    return torch.stack((alpha, rho, *outputs))


def _units(
    p: int, k: int, angle: Tensor, alpha: float, rho: float, delta: float, gamma: float, epsilon: float
) -> Point:
    """Units of the frequency k at these phases, (q, p) each, over p^(1/6)."""
    half = k * pow(2, -1, p) % p
    constant = wave(p, 0)
    inputs = alpha * constant + rho * wave(p, k, angle)
    return inputs, delta * constant + gamma * wave(p, k, 2 * angle) - epsilon * wave(p, half, angle)


def _constant(p: int) -> Point:
    """The unit along f_0 with |w1|^2 |w2| = 1/4 and |w1|^2 = 2 |w2|^2, (1, p) each, over p^(1/6)."""
    return (0.5**0.5 * wave(p, 0))[None], (0.5 * wave(p, 0))[None]


def _network(units: list[Point], p: int) -> Point:
    """The layers of these units."""
    W1, W2 = (torch.cat(side) for side in zip(*units, strict=True))
    return p ** (1 / 6) * W1.mT.contiguous(), p ** (1 / 6) * W2
