r"""The zero-loss manifold of the two-layer network (sections 4 and 6.1): its tangent space, without the Jacobian."""

from __future__ import annotations

import torch
from torch import Tensor

from grokutil.activations import Activation, get_activation
from grokutil.checks import Matrix, float_vector, matrix, same_size
from grokutil.constraints import solve_ntk


def jacobian(W1: Matrix, W2: Matrix, X: Matrix, activation: str | Activation = "relu") -> Tensor:
    r"""Jacobian of the outputs :math:`\hat Y = \sigma(X W_1) W_2` by all weights.

    .. math::
        \frac{\partial \hat Y_{ic}}{\partial W_{1,ah}} = X_{ia} \, \sigma'(Z_{ih}) \, W_{2,hc}, \qquad
        \frac{\partial \hat Y_{ic}}{\partial W_{2,he}} = H_{ih} \, \delta_{ce}

    Dense: (n d_out) (d_in d_h + d_h d_out) numbers. :func:`tangent_projection` does without.

    Args:
        W1: first layer (d_in, d_h), float64.
        W2: readout (d_h, d_out), float64.
        X: inputs (n, d_in), float64.
        activation: name or :class:`~grokutil.activations.Activation`.

    Returns:
        (n d_out, d) tensor; row i d_out + c is output c of sample i; columns are W1 row-major, then W2 row-major.

    Raises:
        ValueError: shapes do not match, not float64, not finite, unknown activation.

    Source: paper, section 4.4 and Appendix D (which prints J of the loss).
    """
    W1, W2, X, H, S = _layers(W1, W2, X, activation)
    identity = torch.eye(W2.shape[1], dtype=W2.dtype, device=W2.device)
    by_W1 = torch.einsum("ia,ih,hc->icah", X, S, W2)
    by_W2 = torch.einsum("ih,ce->iche", H, identity)
    return torch.cat((by_W1.flatten(2), by_W2.flatten(2)), dim=2).flatten(0, 1)


def ntk(W1: Matrix, W2: Matrix, X: Matrix, activation: str | Activation = "relu") -> Tensor:
    r"""Empirical NTK :math:`\Theta = J J^\top`, assembled block by block without J.

    .. math::
        \Theta_{ic,je} = (X X^\top)_{ij} \sum_h S_{ih} S_{jh} W_{2,hc} W_{2,he} + (H H^\top)_{ij} \, \delta_{ce},
        \qquad S = \sigma'(X W_1)

    Args and errors as for :func:`jacobian`.

    Returns:
        (n d_out, n d_out) symmetric tensor, ordered like the rows of :func:`jacobian`.
    """
    return _ntk(*_layers(W1, W2, X, activation))


def _ntk(W1: Tensor, W2: Tensor, X: Tensor, H: Tensor, S: Tensor) -> Tensor:
    n, d_out = len(X), W2.shape[1]
    XX, Theta = X @ X.mT, torch.empty(n, d_out, n, d_out, dtype=X.dtype, device=X.device)
    for c in range(d_out):
        for e in range(c + 1):
            Theta[:, c, :, e] = Theta[:, e, :, c] = XX * ((S * (W2[:, c] * W2[:, e])) @ S.mT)
        Theta[:, c, :, c] += H @ H.mT
    return Theta.reshape(n * d_out, n * d_out)


def tangent_projection(
    W1: Matrix, W2: Matrix, X: Matrix, vector: Tensor, activation: str | Activation = "relu"
) -> Tensor:
    r"""Projection of a vector on the tangent space at the weights: :math:`P v = v - J^\top \Theta^{-1} J v`.

    By products with J and a Cholesky factor of the NTK; J is not formed.

    Args:
        W1: first layer (d_in, d_h), float64.
        W2: readout (d_h, d_out), float64.
        X: inputs (n, d_in), float64.
        vector: (d,), flat like a row of :func:`jacobian`.
        activation: name or :class:`~grokutil.activations.Activation`.

    Returns:
        (d,) tensor.

    Raises:
        SingularPointError: J does not have full rank.
        ValueError: shapes do not match, not float64, not finite, unknown activation.

    Source: paper, Def. 4.12 and Appendix D.
    """
    W1, W2, X, H, S = layers = _layers(W1, W2, X, activation)
    vector = float_vector("vector", vector)
    if len(vector) != W1.numel() + W2.numel():
        raise ValueError(
            f"vector has {len(vector)} entries, but W1 {tuple(W1.shape)} and W2 {tuple(W2.shape)} "
            f"have {W1.numel() + W2.numel()} weights"
        )
    V1, V2 = vector[: W1.numel()].reshape(W1.shape), vector[W1.numel() :].reshape(W2.shape)
    Jv = ((X @ V1) * S) @ W2 + H @ V2
    U = solve_ntk(_ntk(*layers), Jv.flatten()).reshape(Jv.shape)
    return vector - torch.cat(((X.mT @ ((U @ W2.mT) * S)).flatten(), (H.mT @ U).flatten()))


def norm_minimizing_direction(W1: Matrix, W2: Matrix, X: Matrix, activation: str | Activation = "relu") -> Tensor:
    r"""Direction of steepest norm descent on the zero-loss manifold: :math:`-P \theta / \|P \theta\|`.

    Args and errors as for :func:`jacobian`.

    Returns:
        (d,) unit vector, flat like a row of :func:`jacobian`.

    Raises:
        SingularPointError: J does not have full rank.
        ValueError: the norm is stationary here: :math:`P \theta = 0`, so no direction lowers it.

    Source: paper, section 4.6 and eqs 28, 29.
    """
    theta = torch.cat((matrix("W1", W1).flatten(), matrix("W2", W2).flatten()))
    direction = -tangent_projection(W1, W2, X, theta, activation)
    length = direction.norm()
    if length <= 1e-12 * theta.norm():
        raise ValueError("P theta = 0: the norm is stationary on the zero-loss manifold here, no direction lowers it")
    return direction / length


def _layers(
    W1: Matrix, W2: Matrix, X: Matrix, activation: str | Activation
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """The checked weights and inputs, H = sigma(X W1) and S = sigma'(X W1)."""
    W1, W2, X = matrix("W1", W1), matrix("W2", W2), matrix("X", X)
    same_size("X", X, 1, "W1", W1, 0)
    same_size("W1", W1, 1, "W2", W2, 0)
    sigma, Z = get_activation(activation), X @ W1
    return W1, W2, X, sigma.value(Z), sigma.slope(Z)
