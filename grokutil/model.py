r"""The two-layer network :math:`\hat Y = \sigma(X W_1) W_2` of section 6.1."""

from __future__ import annotations

import torch
from torch import Tensor

from grokutil.activations import Activation, get_activation
from grokutil.checks import Matrix, generator, integer, matrix, non_negative, positive, same_size
from grokutil.losses import SQUARED, Loss

READINGS = {"deviation": -0.5, "variance": -0.25}  # of p^{-1/2}: the exponent of p in the standard deviation


def gaussian_embedding(p: int, width: int, seed: int = 0, reading: str = "deviation") -> Tensor:
    r"""Random first layer :math:`E \sim \mathcal N(0, p^{-1/2})`, with independent entries.

    .. math:: E_{jh} = \varsigma \, g_{jh}, \qquad g_{jh} \sim \mathcal N(0, 1), \qquad
        \varsigma = \begin{cases} p^{-1/2} & \text{deviation} \\ p^{-1/4} & \text{variance} \end{cases}

    The paper does not say whether :math:`p^{-1/2}` is the standard deviation of an entry or its variance. The draws
    :math:`g` of a seed are the same under both readings, so the two embeddings differ by the factor
    :math:`p^{1/4}`.

    Args:
        p: number of rows.
        width: number of columns :math:`d_h`.
        seed: of the draws.
        reading: what :math:`p^{-1/2}` is, ``"deviation"`` or ``"variance"``.

    Returns:
        (p, width) float64 tensor on the CPU, the same for the same seed.

    Raises:
        ValueError: p or width below 1, or an unknown reading.

    Source: paper, section 7.3.
    """
    p, width = integer("p", p, 1), integer("width", width, 1)
    if reading not in READINGS:
        raise ValueError(f"unknown reading {reading!r} of N(0, p^(-1/2)); known: {', '.join(READINGS)}")
    return torch.randn(p, width, generator=generator(seed), dtype=torch.float64) * p ** READINGS[reading]


def default_weights(d_in: int, width: int, d_out: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    r"""Both layers as PyTorch initialises bias-free ``nn.Linear`` layers: uniform, by the number of inputs.

    .. math:: W_1 \sim U\bigl(-d_{in}^{-1/2}, d_{in}^{-1/2}\bigr), \qquad W_2 \sim U\bigl(-d_h^{-1/2}, d_h^{-1/2}\bigr)

    Returns:
        W1 (d_in, width) and W2 (width, d_out), float64 on the CPU, the same for the same seed.

    Raises:
        ValueError: a size below 1.

    Source: paper, Appendix D.
    """
    sizes = [integer(n, v, 1) for n, v in (("d_in", d_in), ("width", width), ("d_out", d_out))]
    draw = generator(seed)

    def layer(rows: int, columns: int) -> Tensor:
        return (2 * torch.rand(rows, columns, generator=draw, dtype=torch.float64) - 1) / rows**0.5

    return layer(sizes[0], sizes[1]), layer(sizes[1], sizes[2])


def mirrored(W1: Matrix, W2: Matrix, scale: float = 1.0) -> tuple[Tensor, Tensor]:
    r"""A start of any scale whose output is zero: each unit beside a second one that takes it back.

    .. math:: \theta_0 = \alpha \left( [W_1, W_1], \begin{bmatrix} W_2 \\ -W_2 \end{bmatrix} \right), \qquad
              \sigma(X [W_1, W_1]) \begin{bmatrix} W_2 \\ -W_2 \end{bmatrix} = 0

    Args:
        W1: first layer (d_in, d_h), float64.
        W2: readout (d_h, d_out), float64.
        scale: :math:`\alpha`, positive.

    Returns:
        Weights (d_in, 2 d_h) and (2 d_h, d_out).

    Raises:
        ValueError: layers that do not fit, not float64, not finite, or a scale that is not positive.

    Source: ours, to section 3.1; the doubled start is that of lazy training.
    """
    W1, W2, scale = matrix("W1", W1), matrix("W2", W2), positive("scale", scale)
    same_size("W1", W1, 1, "W2", W2, 0)
    return scale * torch.cat((W1, W1), 1), scale * torch.cat((W2, -W2))


def hidden(W1: Matrix, X: Matrix, activation: str | Activation = "relu") -> Tensor:
    r"""Hidden activations :math:`H = \sigma(X W_1)`, shape (n, d_h).

    Args:
        W1: first layer (d_in, d_h), float64 tensor or array.
        X: inputs (n, d_in).
        activation: name or :class:`~grokutil.activations.Activation`.

    Raises:
        ValueError: shapes do not match, not float64, not finite, unknown activation.

    Source: paper, section 6.1.
    """
    W1, X = matrix("W1", W1), matrix("X", X)
    same_size("X", X, 1, "W1", W1, 0)
    return get_activation(activation).value(X @ W1)


def predict(W1: Matrix, W2: Matrix, X: Matrix, activation: str | Activation = "relu") -> Tensor:
    r"""Network output :math:`\hat Y = \sigma(X W_1) W_2`, shape (n, d_out).

    Args:
        W1: first layer (d_in, d_h), float64.
        W2: readout (d_h, d_out), float64.
        X: inputs (n, d_in).
        activation: name or :class:`~grokutil.activations.Activation`.

    Raises:
        ValueError: shapes do not match, not float64, not finite, unknown activation.

    Source: paper, eq. 12.
    """
    H, W2 = hidden(W1, X, activation), matrix("W2", W2)
    same_size("H", H, 1, "W2", W2, 0)
    return H @ W2


def loss(
    W1: Matrix, W2: Matrix, X: Matrix, Y: Matrix, activation: str | Activation = "relu", ridge: float = 0.0
) -> Tensor:
    r"""Sum of squared errors, with weight decay on both layers.

    .. math:: \mathcal L_\lambda = \|\sigma(X W_1) W_2 - Y\|_F^2 + \lambda (\|W_1\|_F^2 + \|W_2\|_F^2)

    Args:
        W1: first layer (d_in, d_h), float64.
        W2: readout (d_h, d_out), float64.
        X: inputs (n, d_in).
        Y: targets (n, d_out).
        activation: name or :class:`~grokutil.activations.Activation`.
        ridge: :math:`\lambda`.

    Returns:
        Scalar tensor, differentiable with respect to both layers.

    Raises:
        ValueError: shapes do not match, not float64, not finite, unknown activation, negative ridge.

    Source: paper, eqs 12 (ridge = 0) and 13.
    """
    output, Y, ridge = predict(W1, W2, X, activation), matrix("Y", Y), non_negative("ridge", ridge)
    for axis in (0, 1):
        same_size("output", output, axis, "Y", Y, axis)
    decay = matrix("W1", W1).square().sum() + matrix("W2", W2).square().sum()
    return (output - Y).square().sum() + ridge * decay


def loss_gradient(
    W1: Tensor, W2: Tensor, X: Tensor, Y: Tensor, sigma: Activation, error: Loss = SQUARED
) -> tuple[Tensor, Tensor]:
    r"""Gradient of the loss without weight decay by both layers; inputs are not checked.

    .. math::
        \nabla_{W_1} L = X^\top \bigl( (G W_2^\top) \odot \sigma'(X W_1) \bigr), \qquad
        \nabla_{W_2} L = H^\top G, \qquad G = 2 (\hat Y - Y), \qquad \hat Y = H W_2

    Shapes as for :func:`loss`; the result has those of ``W1`` and ``W2``. With ``error``, another
    :class:`~grokutil.losses.Loss`, G is its slope: for cross-entropy softmax of the outputs, minus Y.

    Source: paper, eq. 12.
    """
    Z = X @ W1
    H = sigma.value(Z)
    G = error.slope(H @ W2, Y)
    return X.mT @ ((G @ W2.mT) * sigma.slope(Z)), H.mT @ G
