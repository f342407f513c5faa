r"""Kinks of ReLU on which the weights slide, found without hindsight.

At a kink :math:`z_{ih} = x_i^\top w_{1h} = 0` the loss has no gradient, only the Clarke subdifferential: the slope
:math:`\gamma_{ih}` of the activation may be anything between its two one-sided values. The flow follows the element of
least norm. Where an open gate pushes the pre-activation down, the kink attracts; if the element also leaves the
pre-activation at rest, it stays at zero: the weights slide along the kink. A kink that repels holds nothing.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from grokutil.activations import Activation, get_activation
from grokutil.checks import Matrix, data, integer, layers, matrix, non_negative, positive, targets
from grokutil.manifold import TangentSpace
from grokutil.model import hidden
from grokutil.tangent import least_norm

AT_REST = 1e-6  # of the largest jump of a force across a kink


def sliding_kinks(
    states: Iterable[tuple[Matrix, Matrix]],
    X: Matrix,
    Y: Matrix,
    ridge: float,
    activation: str | Activation = "relu",
    epsilon: float = 1e-3,
) -> Tensor:
    r"""Pairs (i, h) whose pre-activation slides on zero, by Clarke's least-norm rule, from present and past states.

    With the rows :math:`r_i` of :math:`\hat Y - Y` and :math:`v_{ih} = r_i \cdot w_{2h}`, the subgradients by the
    weights :math:`w_h` of unit h are

    .. math:: g_h(\gamma) = \sum_i \gamma_{ih} v_{ih} x_i + \lambda w_h, \qquad
              \gamma_{ih} \begin{cases} \in [\sigma'(0^-), \sigma'(0^+)] & |z_{ih}| \le \epsilon, \; v_{ih} > 0 \\
                                        = \sigma'(z_{ih}) & \text{otherwise} \end{cases}

    The gates :math:`\gamma` that make the norm of :math:`g_h` smallest solve a bounded linear least-squares problem per
    unit. Such a pair slides when :math:`x_i^\top g_h = 0`. Where :math:`v_{ih} < 0` a steeper gate pushes the
    pre-activation up: that kink repels, and holds nothing. R and z are averaged over ``states``, because gradient
    descent chatters across a kink.

    Args:
        states: weights (W1, W2) of consecutive steps, the present last; twenty are enough.
        X: inputs (n, d_in), float64.
        Y: targets (n, d_out), float64.
        ridge: :math:`\lambda` of eq. 13; :func:`grokutil.train.ridge_from_weight_decay` converts.
        activation: name or :class:`~grokutil.activations.Activation`, one with a kink.
        epsilon: how close to zero an averaged pre-activation counts as near.

    Returns:
        (n, d_h) bool tensor.

    Raises:
        ValueError: an activation without a kink, no states, shapes that do not match, epsilon not positive.

    Source: paper, section 3.3 names the kinks; the rule is Clarke's, the use ours.
    """
    sigma, epsilon, ridge = get_activation(activation), positive("epsilon", epsilon), non_negative("ridge", ridge)
    if not sigma.kink:
        raise ValueError(f"activation {sigma.name!r} has no kink; nothing slides, leave kinks=None")
    states = list(states)
    if not states:
        raise ValueError("states is empty: pass the weights of at least one step, better of the last twenty")
    W1, W2, X = layers(*states[-1], X)
    Y = targets(Y, X, W2)
    past = [layers(*state, X)[:2] for state in states]
    Z = torch.stack([X @ first for first, _ in past]).mean(0)
    R = torch.stack([hidden(first, X, sigma) @ second - Y for first, second in past]).mean(0)
    V = R @ W2.mT
    near = (Z.abs() <= epsilon) & (V > 0)
    low, high = sorted(sigma.sides(Z))
    if low == high:
        raise ValueError(f"activation {sigma.name!r} says that it has a kink, but its slope does not jump at zero")

    G = X.mT @ (V * sigma.slope(Z) * ~near) + ridge * W1
    for h in near.any(0).nonzero()[:, 0].tolist():
        A = (X[near[:, h]] * V[near[:, h], h, None]).mT
        G[:, h] += A @ least_norm(A, G[:, h], low, high)
    jump = V.abs() * X.square().sum(1, keepdim=True)
    return near & ((X @ G).abs() <= AT_REST * jump.max())


def flipping_kinks(states: Iterable[tuple[Tensor, Tensor]], X: Matrix, least: int = 4) -> Tensor:
    r"""The pairs (i, h) whose pre-activation changes sign at least ``least`` times along ``states``: hindsight.

    Args:
        states: weights (W1, W2) of a stretch of a run.
        X: inputs (n, d_in), float64.
        least: sign changes from which a pair counts.

    Returns:
        (n, d_h) bool tensor.

    Raises:
        ValueError: least below 1, X not a finite float64 matrix.
    """
    X, least, states = data(matrix("X", X)), integer("least", least, 1), list(states)
    if not states:
        raise ValueError("states is empty: pass the weights of a stretch of a run")
    on = torch.stack([X @ first > 0 for first, _ in states])
    return (on[1:] != on[:-1]).sum(0) >= least


def kink_rows(kinks: Tensor, X: Matrix, d_out: int) -> Tensor:
    r"""The rows C: derivatives of the held pre-activations :math:`z_{ih}` by all weights, dense.

    Args:
        kinks: (n, d_h) bool.
        X: inputs (n, d_in), float64.
        d_out: outputs of the network.

    Returns:
        (pairs, d) tensor, columns ordered like those of :func:`grokutil.manifold.jacobian`; pairs in row-major order.

    Raises:
        ValueError: kinks that are not such a mask, X not a finite float64 matrix.
    """
    X, kinks = data(matrix("X", X)), torch.as_tensor(kinks)
    if kinks.dtype != torch.bool or kinks.ndim != 2 or len(kinks) != len(X):
        raise ValueError(
            f"kinks must be bool, one row a sample of X ({len(X)}) and one column a hidden unit; "
            f"got {kinks.dtype} {tuple(kinks.shape)}"
        )
    samples, units = kinks.nonzero().unbind(1)
    C = X.new_zeros(len(units), X.shape[1], kinks.shape[1])
    C[torch.arange(len(units)), :, units] = X[samples]
    return torch.cat((C.flatten(1), X.new_zeros(len(units), kinks.shape[1] * d_out)), 1)


def face_gates(
    W1: Matrix, W2: Matrix, X: Matrix, kinks: Tensor, activation: str | Activation = "relu"
) -> tuple[Tensor, Tensor]:
    r"""Gates that keep the weights on their kinks along the slow flow, and which of these kinks attract.

    .. math:: \gamma_{ih} \, a_{ih} = \nu_{ih}, \qquad a_{ih} = \mu_i \cdot w_{2h}, \qquad
              \theta = P \theta + J_0^\top \mu + C^\top \nu

    with the gates of held pairs at :math:`\sigma'(0^-)` in :math:`J_0` (for ReLU closed, otherwise the gate counts from
    there) and P the projection on the null space of [J; C]. A kink attracts where :math:`a_{ih} < 0`, and holds if
    its gate lies between the one-sided slopes too. Where the kinks of a unit depend on each other, the gates nearest
    to the middle.

    Args:
        W1: first layer (d_in, d_h), float64, its pre-activations of held pairs at zero.
        W2: readout (d_h, d_out), float64.
        X: inputs (n, d_in), float64.
        kinks: (n, d_h) bool, the pairs that are held.
        activation: name or :class:`~grokutil.activations.Activation`, one with a kink.

    Returns:
        :math:`\gamma` and :math:`a`, (n, d_h) each, NaN where a pair is not held.

    Raises:
        SingularPointError: the outputs are not independent on the face.
        ValueError: an activation without a kink, shapes that do not match, not float64, not finite.

    Source: ours, to section 3.3.
    """
    sigma = get_activation(activation)
    if not sigma.kink:
        raise ValueError(f"activation {sigma.name!r} has no kink; there is no face to hold, leave kinks=None")
    W1, W2, X = layers(W1, W2, X)
    space = TangentSpace(W1, W2, X, sigma, kinks)
    mu = space.solve(space.product(space.release(space.theta)))
    low, high = sorted(sigma.sides(X @ W1))
    middle = (low + high) / 2
    A = mu @ W2.mT
    slopes = torch.where(kinks, torch.full_like(A, middle), sigma.slope(X @ W1))
    left = W1 - X.mT @ (A * slopes)  # what the kinks of a unit make up for; P theta has no part along their rows
    gates = torch.full_like(A, torch.nan)
    for h in kinks.any(0).nonzero()[:, 0].tolist():
        held = kinks[:, h]
        rows = X[held] * A[held, h, None]
        gates[held, h] = middle + torch.linalg.pinv(rows.mT) @ left[:, h]
    return gates, torch.where(kinks, A, torch.nan)
