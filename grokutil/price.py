r"""What it costs in squared norm to add modulo p, and to memorise one pair; where the two prices cross.

A quadratic network is a tensor, :func:`network_tensor`, and the one that adds is :func:`addition_tensor`.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from grokutil.adders import HALF, adder_norm2
from grokutil.checks import Matrix, integer, matrix, same_size, tensor
from grokutil.units import degree


def all_pairs(p: int) -> tuple[Tensor, Tensor]:
    r"""Inputs :math:`e_a + e_b` of all unordered pairs :math:`a \le b`, and their answers.

    Returns:
        X and Y, (p(p + 1)/2, p) float64, the pairs in the order of :func:`tensor_outputs`.

    Raises:
        ValueError: p below 2.
    """
    a, b = torch.triu_indices(integer("p", p, 2), p)
    return (one_hot(a, p) + one_hot(b, p)).double(), one_hot((a + b) % p, p).double()


def network_tensor(W1: Matrix, W2: Matrix) -> Tensor:
    r"""The quadratic network as a tensor, symmetric in its first two indices.

    .. math:: T_{abc} = \sum_h W_{1,ah} W_{1,bh} W_{2,hc}

    Args:
        W1: first layer (d_in, d_h), float64.
        W2: readout (d_h, d_out), float64.

    Returns:
        (d_in, d_in, d_out) float64.

    Raises:
        ValueError: shapes do not match, not float64, not finite.
    """
    W1, W2 = matrix("W1", W1), matrix("W2", W2)
    same_size("W1", W1, 1, "W2", W2, 0)
    return torch.einsum("ah,bh,hc->abc", W1, W1, W2)


def tensor_outputs(T: Matrix) -> Tensor:
    r"""Outputs of a quadratic network with this tensor, on all unordered pairs :math:`a \le b`.

    .. math:: F_{ab,c} = T_{aac} + 2 T_{abc} + T_{bbc} \qquad (4 T_{aac} \text{ for } a = b)

    It is a bijection: for each output both sides have p(p + 1)/2 numbers, and for :math:`a \ne b` the entry
    :math:`T_{abc}` occurs in one pair only.

    Args:
        T: (p, p, d_out) float64, symmetric in its first two indices.

    Returns:
        (p(p + 1)/2, d_out), the pairs in the order (0, 0), (0, 1), ..., (1, 1), ...

    Raises:
        ValueError: not such a tensor.
    """
    T = tensor("T", T)
    if T.ndim != 3 or T.shape[0] != T.shape[1] or not torch.equal(T, T.transpose(0, 1)):
        raise ValueError(
            f"T must be (p, p, d_out) with T[a, b] = T[b, a], got shape {tuple(T.shape)}: "
            f"take (T + T.transpose(0, 1)) / 2"
        )
    a, b = torch.triu_indices(*T.shape[:2])
    return T[a, a] + 2 * T[a, b] + T[b, b]


def addition_tensor(p: int) -> Tensor:
    r"""The one tensor of a quadratic network that adds modulo p on all pairs.

    .. math:: T^*_{abc} = \tfrac12 \delta_{c, a+b} - \tfrac18 \delta_{c, 2a} - \tfrac18 \delta_{c, 2b}
        \qquad (\text{indices modulo } p)

    Returns:
        (p, p, p) float64.

    Raises:
        ValueError: p below 2.
    """
    j = torch.arange(integer("p", p, 2))
    a, b = j[:, None], j[None, :]
    one = torch.eye(p, dtype=torch.float64)
    return one[(a + b) % p] / 2 - one[2 * a % p] / 8 - one[2 * b % p] / 8


def price(p: int) -> float:
    r"""Least squared norm known of a quadratic network that adds modulo p on all pairs: that of an explicit one.

    .. math:: N_{all} = 3 \cdot 2^{-2/3} p^{1/3} \Bigl[ 2.509794 \, \frac{p-3}2 + 2.872538 \Bigr]

    It is that of :func:`grokutil.adders.adder`. That it is the least over all networks and widths is a conjecture.

    Raises:
        ValueError: p is even or below 7; for p = 5 networks of lower norm, 16.70, have been found.
    """
    if integer("p", p, 7) % 2 == 0:
        raise ValueError(f"p must be odd, got {p}: half a frequency, k/2 modulo p, exists for odd p only")
    return adder_norm2(p)


def price_bound(p: int) -> float:
    r"""No quadratic network that adds modulo p on all pairs, of any width, has a squared norm below this.

    .. math:: 3 \cdot 2^{-2/3} p^{1/3} \Bigl[ 2.870 \cdot 2^{-2/3} \, \frac{p-1}2 + 4^{-2/3} \Bigr]

    Raises:
        ValueError: p is even or below 3.
    """
    if integer("p", p, 3) % 2 == 0:
        raise ValueError(f"p must be odd, got {p}: the waves of an even p do not come in pairs")
    return HALF * p ** (1 / 3) * (2.870 * 2 ** (-2 / 3) * (p - 1) / 2 + 4 ** (-2 / 3))


def pair_cost(activation: str = "quadratic", equal: bool = False) -> float:
    r"""Least squared norm that fits one pair (a, b) with answer c, and nothing else.

    .. math::
        \frac{q+1}{q^{q/(q+1)}} \, \|x\|^{-2q/(q+1)}, \qquad \|x\|^2 = 2 \; (a \ne b), \quad 4 \; (a = b)

    for an activation with :math:`\sigma(a z) = a^q \sigma(z)`, :math:`\sigma(1) = 1`: :math:`3 \cdot 2^{-4/3} = 1.1906`
    for the quadratic one, :math:`\sqrt 2` for ReLU; for a = b it is :math:`\frac34` and 1.

    Args:
        activation: name of one with a degree q.
        equal: whether a = b.

    Raises:
        ValueError: an activation without a degree.
    """
    q = degree(activation)
    return (q + 1) / q ** (q / (q + 1)) * (4 if equal else 2) ** (-q / (q + 1))


def crossing(p: int) -> float:
    r"""The number of pairs n* whose memorising, one by one, costs as much as adding: :func:`price` / :func:`pair_cost`.

    .. math:: n_* = 2^{2/3} p^{1/3} \Bigl[ 2.509794 \, \frac{p-3}2 + 2.872538 \Bigr] \approx 1.99 \, p^{4/3}

    Raises:
        ValueError: p is even or below 7.
    """
    return price(p) / pair_cost()
