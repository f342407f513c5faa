r"""Hard labels: margins, training with cross-entropy in units of its logits, and what moves in the limit.

The margin of sample i against a wrong class c is :math:`q_{ic} = F_{i c_i} - F_{ic}`, and the loss is
:math:`\sum_i \log(1 + \sum_c e^{-q_{ic}})`. A network that multiplies its outputs by :math:`a^m` when its weights are
multiplied by a is homogeneous of degree m: without biases 2 for ReLU, 3 for the quadratic network.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from scipy.optimize import brentq
from torch import Tensor

from grokutil.activations import Activation, get_activation
from grokutil.checks import Matrix, data, integer, layers, matrix, positive
from grokutil.manifold import jacobian, join, split
from grokutil.model import predict
from grokutil.tangent import Rows, descent_within
from grokutil.units import DEGREE

DEGREES = {name: q + 1 for name, q in DEGREE.items()}  # the readout adds one to the degree of the activation
STEP = 0.03  # of the rescaled flow, in units of 1 / scale
STIFF = 60.0  # the sum of the multipliers, doubled, above which steps are shortened


def margins(outputs: Matrix, labels: Tensor) -> Tensor:
    r"""The margins :math:`q_{ic} = F_{i c_i} - F_{ic}` against the wrong classes; infinite at the right one.

    Args:
        outputs: F (n, p), float64.
        labels: right classes (n,), int64.

    Returns:
        (n, p) tensor.

    Raises:
        ValueError: outputs that are not a finite float64 matrix of two columns or more, or not a label a row.
    """
    outputs = data(matrix("outputs", outputs))
    right = _right(labels, outputs.shape)
    return (outputs.gather(1, right) - outputs).scatter(1, right, math.inf)


def margin_jacobian(W1: Matrix, W2: Matrix, X: Matrix, labels: Tensor, activation: str | Activation) -> Tensor:
    r"""The gradients :math:`\nabla q_{ic} = \nabla F_{i c_i} - \nabla F_{ic}` by all weights, dense; zero at c = c_i.

    Args:
        W1: first layer (d_in, d_h), float64.
        W2: readout (d_h, p), float64.
        X: inputs (n, d_in), float64.
        labels: right classes (n,), int64.
        activation: name or :class:`~grokutil.activations.Activation`.

    Returns:
        (n, p, d) tensor; columns ordered like those of :func:`grokutil.manifold.jacobian`.

    Raises:
        ValueError: as for :func:`grokutil.manifold.jacobian`, or not a label a row.
    """
    J = jacobian(W1, W2, X, activation).unflatten(0, (len(X), -1))
    return J[torch.arange(len(X)), _right(labels, J.shape[:2])[:, 0], None] - J


def ridge_from_scale(scale: float, degree: int) -> float:
    r"""The weight decay :math:`\lambda = \ell^{1 - 2/m} e^{-\ell}` at which the logits of training have the size l.

    Args:
        scale: :math:`\ell`, positive.
        degree: m, at least 2.

    Raises:
        ValueError: scale not positive, degree below 2.
    """
    scale, degree = positive("scale", scale), integer("degree", degree, 2)
    return math.exp((1 - 2 / degree) * math.log(scale) - scale)


def scale_from_ridge(ridge: float, degree: int) -> float:
    r"""The scale :math:`\ell` of the logits at a weight decay: the larger solution of :func:`ridge_from_scale`.

    .. math:: \lambda = \ell^{1 - 2/m} e^{-\ell}, \qquad \ell \approx \log \frac1\lambda

    Args:
        ridge: :math:`\lambda` of the summed loss; for the mean over n samples with PyTorch's wd it is n wd / 2.
        degree: m, at least 2.

    Raises:
        ValueError: ridge not positive or so large that there is no solution, degree below 2.
    """
    ridge, degree = positive("ridge", ridge), integer("degree", degree, 2)
    top = 1 - 2 / degree  # where the right-hand side is largest
    if ridge >= (ridge_from_scale(top, degree) if top else 1.0):
        raise ValueError(f"ridge {ridge:g} is so large that weights of degree {degree} shrink to zero: take less")
    return float(brentq(lambda x: x - (top * math.log(x) if top else 0.0) + math.log(ridge), top, 2000))


def degree(activation: str | Activation) -> int:
    """The degree m of homogeneity of the two-layer network with this activation.

    Raises:
        ValueError: unknown activation, or one that is not known to be homogeneous.
    """
    name = get_activation(activation).name
    if name not in DEGREES:
        raise ValueError(
            f"a network with {name!r} is not homogeneous, so its logits have no scale of their own; "
            f"take one of {', '.join(DEGREES)}"
        )
    return DEGREES[name]


def at_margin(
    state: tuple[Matrix, Matrix], X: Matrix, labels: Tensor, activation: str | Activation, margin: float = 1.0
) -> tuple[Tensor, Tensor]:
    r"""The weights multiplied by the number that makes their smallest margin ``margin``.

    .. math:: \theta \leftarrow (\text{margin} / q_{\min})^{1/m} \theta

    The squared norm of the result at margin 1, :math:`\|\theta\|^2 / q_{\min}^{2/m}`, is the price of the network.

    Raises:
        ValueError: the network does not know all training labels, or its activation is not homogeneous; as for
            :func:`margins`.
    """
    W1, W2, X = layers(*state, X)
    smallest = float(margins(predict(W1, W2, X, activation), labels).min())
    if smallest <= 0:
        raise ValueError(
            f"the smallest margin is {smallest:.3g}: train until every training label is the largest output"
        )
    factor = (positive("margin", margin) / smallest) ** (1 / degree(activation))
    return factor * W1, factor * W2


class MarginFlow:
    r"""Training with cross-entropy on hard labels, in units in which its margins are near one.

    With :math:`\theta = \ell^{1/m} \tilde\theta`, :math:`\lambda = \ell^{1 - 2/m} e^{-\ell}` and :math:`\rho_{ic}` the
    probability that softmax gives to class c at the outputs :math:`\ell F(\tilde\theta)`, the flow
    :math:`\dot\theta = -\nabla L_\lambda` on the clock s is exactly

    .. math::
        \frac{d\tilde\theta}{ds} = -2 \tilde\theta + 2 \sum_{i, c \ne c_i} \tilde\mu_{ic} \nabla q_{ic}(\tilde\theta),
        \qquad \tilde\mu_{ic} = \tfrac12 e^\ell \rho_{ic}

    A call maps a state :math:`\tilde\theta` (d,), flat like a row of :func:`grokutil.manifold.jacobian`, to its
    velocity. :meth:`step` is a rule for :func:`grokutil.flow.integrate`; with it the flow costs the same for every
    weight decay, about :math:`35 \, \ell` steps per unit of s.

    Args:
        X: inputs (n, d_in), float64.
        labels: right classes (n,), int64.
        p: how many classes.
        width: hidden units d_h.
        activation: a homogeneous one: identity, relu, leaky_relu, quadratic.
        scale: :math:`\ell`; :func:`scale_from_ridge` gives that of a weight decay.

    Raises:
        ValueError: X not a finite float64 matrix, not a label a row, an activation that is not homogeneous, scale not
            positive.
    """

    clock = "s"

    def __init__(
        self, X: Matrix, labels: Tensor, p: int, width: int, activation: str | Activation, scale: float
    ) -> None:
        self.X, self.sigma, self.degree = data(matrix("X", X)), get_activation(activation), degree(activation)
        p, width, self.scale = integer("p", p, 2), integer("width", width, 1), positive("scale", scale)
        self._right = _right(labels, (len(self.X), p))
        self._last: Tensor | None = None
        self._like = self.X.new_empty(self.X.shape[1], width), self.X.new_empty(width, p)

    def multipliers(self, state: Tensor) -> Tensor:
        r""":math:`\tilde\mu_{ic}`, (n, p), zero at the right classes."""
        return self._forward(state)[-1] / 2

    def __call__(self, state: Tensor) -> Tensor:
        """The velocity at a state, (d,)."""
        theta, W2, H, S, B = self._forward(state)
        U = -B.scatter(1, self._right, -B.sum(1, keepdim=True))
        return join(self.X.mT @ ((U @ W2.mT) * S), H.mT @ U) - 2 * theta

    def step(self, time: float, state: Tensor) -> float:  # noqa: ARG002
        """The step of Euler's method to take at ``state``."""
        B = self._forward(state)[-1]
        return STEP / self._scale(state) * min(1.0, STIFF / float(B.sum()))

    def layers(self, state: Tensor) -> tuple[Tensor, Tensor]:
        """The two layers of a state."""
        return split(self._theta(state), *self._like)

    def _theta(self, state: Tensor) -> Tensor:
        return state

    def _scale(self, state: Tensor) -> float:  # noqa: ARG002
        return self.scale

    def _height(self, scale: float) -> float:
        """The logarithm of what the probabilities are multiplied with."""
        return scale

    def _forward(self, state: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """theta, W2, H, S and twice the multipliers; those of the last state are kept."""
        if self._last is None or not torch.equal(state, self._last):  # by value: a caller may step in place
            scale, (W1, W2) = self._scale(state), self.layers(state)
            Z = self.X @ W1
            H = self.sigma.value(Z)
            B = (torch.log_softmax(scale * (H @ W2), 1) + self._height(scale)).exp().scatter(1, self._right, 0.0)
            self._last, self._parts = state.clone(), (self._theta(state), W2, H, self.sigma.slope(Z), B)
        return self._parts


class UndecayedMarginFlow(MarginFlow):
    r"""Training with cross-entropy and no weight decay, in units of the logarithm of time.

    With :math:`T = \log t`, :math:`\theta = T^{1/m} \tilde\theta` and the clock :math:`s = \log(T) / (2m)` the flow
    :math:`\dot\theta = -\nabla L` is that of :class:`MarginFlow` with

    .. math:: \ell = T = T_0 \, e^{2ms}, \qquad \tilde\mu_{ic} = m \, T^{2 - 2/m} e^T \rho_{ic}

    A state has one number more, the logarithm of T, at its end: ``begin(theta)`` makes the first.

    Args and errors as for :class:`MarginFlow`; ``scale`` is :math:`T_0`, the logarithm of the time at s = 0.
    """

    def begin(self, theta: Tensor) -> Tensor:
        """The state at s = 0 with the weights ``theta`` (d,)."""
        return torch.cat((theta, theta.new_tensor([math.log(self.scale)])))

    def __call__(self, state: Tensor) -> Tensor:
        """The velocity at a state, (d + 1,)."""
        return torch.cat((super().__call__(state), state.new_tensor([2.0 * self.degree])))

    def _theta(self, state: Tensor) -> Tensor:
        return state[:-1]

    def _scale(self, state: Tensor) -> float:
        return math.exp(float(state[-1]))

    def _height(self, scale: float) -> float:
        return scale + math.log(2 * self.degree) + (2 - 2 / self.degree) * math.log(scale)


class ActiveMargins(NamedTuple):
    """Margins that are near the smallest, their multipliers (n, p), and the velocity (d,) that they leave."""

    near: Tensor
    multipliers: Tensor
    velocity: Tensor


def active_margins(
    W1: Matrix, W2: Matrix, X: Matrix, labels: Tensor, activation: str | Activation, window: float
) -> ActiveMargins:
    r"""Steepest descent of the norm with all margins kept: which of them hold, from the weights alone.

    .. math::
        \min_{\mu \ge 0} \Bigl\| \theta - \sum \mu_{ic} \nabla q_{ic}(\theta) \Bigr\|, \qquad
        \mu_{ic} = 0 \text{ unless } q_{ic} \le q_{\min} + \text{window}

    Non-negative least squares, the rule of least norm as for kinks (:func:`grokutil.tangent.descent_within`). The
    velocity is :math:`-2(\theta - \sum \mu_{ic} \nabla q_{ic})`: the projection of :math:`-2\theta` on the cone of
    moves that lower none of these margins. Margins with positive multipliers hold; they stay as they are.

    Args:
        W1: first layer (d_in, d_h), float64.
        W2: readout (d_h, p), float64.
        X: inputs (n, d_in), float64.
        labels: right classes (n,), int64.
        activation: name or :class:`~grokutil.activations.Activation`.
        window: how far above the smallest a margin counts as near; on :class:`MarginFlow`, 4 over the scale.

    Raises:
        ValueError: window not positive; as for :func:`margin_jacobian`.
    """
    W1, W2, X = layers(W1, W2, X)
    q, theta = margins(predict(W1, W2, X, activation), labels), join(W1, W2)
    near = q <= q.min() + positive("window", window)
    J = margin_jacobian(W1, W2, X, labels, activation)[near]
    velocity, twice = descent_within(Rows(J[:0], theta), -J)
    return ActiveMargins(near, torch.zeros_like(q).masked_scatter(near, twice / 2), velocity)


def _right(labels: Tensor, shape: torch.Size | tuple[int, int]) -> Tensor:
    """The labels as a column of indices, checked against outputs (n, p)."""
    labels, (n, p) = torch.as_tensor(labels), shape
    if p < 2:
        raise ValueError(f"outputs {tuple(shape)} have one column: a margin needs two classes")
    if labels.shape != (n,) or labels.is_floating_point() or not ((labels >= 0) & (labels < p)).all():
        raise ValueError(
            f"labels must be whole numbers from 0 to {p - 1}, one for each of {n} samples; "
            f"got {labels.dtype} {tuple(labels.shape)}"
        )
    return labels[:, None]
