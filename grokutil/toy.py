r"""The toy landscapes of the paper's Figs 1-4, and their exact solutions, in NumPy.

Costs are sums over samples, :math:`L_\lambda = L + \lambda \|w\|^2`, and flows are :math:`\dot w = -\nabla L_\lambda`.
Losses and gradients take one point (d,) or many (..., d).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from grokutil.checks import integer, non_negative, number, positive

Array = NDArray[np.float64]


def descend(gradient: Callable[[Array], Array], start: ArrayLike, learning_rate: float, steps: int) -> Array:
    r"""Gradient descent :math:`w \leftarrow w - \eta \nabla L_\lambda(w)` from ``start`` (d,); all its states.

    Returns:
        (steps + 1, d); row k is the state after k steps, at time :math:`t = \eta k` of the flow.

    Raises:
        ValueError: a learning rate that is not positive, or so large that the run leaves the finite numbers.
    """
    eta, steps = positive("learning_rate", learning_rate), integer("steps", steps, 0)
    w = _point("start", start)
    states = np.empty((steps + 1, len(w)))
    states[0] = w
    with np.errstate(over="ignore", invalid="ignore"):
        for k in range(steps):
            states[k + 1] = states[k] - eta * gradient(states[k])
    if not np.isfinite(states[-1]).all():
        raise ValueError(f"gradient descent with learning_rate {eta} diverged within {steps} steps; use a smaller one")
    return states


@dataclass(frozen=True)
class LinearToy:
    r"""Figs 1 and 2: a linear model :math:`\hat y = w \cdot x`, one training sample, solved exactly.

    .. math:: w(t) = \Bigl(w_0 - \frac{F_0}{a} x\Bigr) e^{-2\lambda t} + \frac{F(t)}{a} x, \qquad
              F(t) = F_\infty + (F_0 - F_\infty) e^{-2(a+\lambda)t}

    with :math:`F = x \cdot w`, :math:`a = \|x\|^2`, :math:`F_\infty = a y / (a + \lambda)`. Test samples are
    standard normal with targets :math:`w^* \cdot x`, where :math:`w^* = (y/a) x` is the shortest exact solution.

    Attributes:
        start: (d,) :math:`w_0`.
        sample: (d,) the input :math:`x`.
        target: :math:`y`.
        ridge: :math:`\lambda`.

    Raises:
        ValueError: start and sample of different sizes, a sample that is zero, numbers that are not finite, or a
            negative ridge.

    Source: paper, section 3.1, Figs 1 and 2.
    """

    start: Sequence[float] = (-1.0, 1.0)
    sample: Sequence[float] = (1.0, 1.0)
    target: float = 2.0
    ridge: float = 0.01

    def __post_init__(self) -> None:
        w, x = _point("start", self.start), _point("sample", self.sample)
        if w.shape != x.shape:
            raise ValueError(f"start {w.shape} and sample {x.shape} do not match: one weight for each input")
        if not x.any():
            raise ValueError("sample must not be zero: no weight could change its output")
        number("target", self.target)
        non_negative("ridge", self.ridge)

    @property
    def size(self) -> float:
        r""":math:`a = \|x\|^2`."""
        return float(np.dot(self.sample, self.sample))

    @property
    def solution(self) -> Array:
        r""":math:`w^* = (y/a)\,x`, the zero-loss point of least norm (d,)."""
        return self.target / self.size * np.array(self.sample)

    @property
    def output_at_start(self) -> float:
        r""":math:`F_0 = x \cdot w_0`."""
        return float(np.dot(self.sample, self.start))

    @property
    def output_limit(self) -> float:
        r""":math:`F_\infty = a y / (a + \lambda)`."""
        return self.size * self.target / (self.size + self.ridge)

    @property
    def along(self) -> Array:
        r""":math:`w_0 - (F_0/a)\,x`, the part of the start along the zero-loss set (d,); :math:`|q_0|` is its norm."""
        return np.array(self.start) - self.output_at_start / self.size * np.array(self.sample)

    def gradient(self, w: Array) -> Array:
        r""":math:`\nabla L_\lambda = 2 (w \cdot x - y) x + 2 \lambda w` at weights (..., d)."""
        return leaky_gradient(w, self.sample, self.target, self.ridge, slope=1.0)

    def weights(self, t: ArrayLike) -> Array:
        """w(t) of the gradient flow: times (T,) to weights (T, d)."""
        t = np.asarray(t, dtype=float)
        return self._weights(np.exp(-2 * (self.size + self.ridge) * t), np.exp(-2 * self.ridge * t))

    def weights_after(self, steps: ArrayLike, learning_rate: float) -> Array:
        r"""The same for gradient descent, (K,) to (K, d): :math:`(1 - \eta\ell)^k` in place of :math:`e^{-\ell t}`."""
        k, eta = np.asarray(steps), positive("learning_rate", learning_rate)
        return self._weights((1 - 2 * eta * (self.size + self.ridge)) ** k, (1 - 2 * eta * self.ridge) ** k)

    def _weights(self, fast: Array, slow: Array) -> Array:
        p = self.output_limit + (self.output_at_start - self.output_limit) * fast
        return slow[..., None] * self.along + p[..., None] / self.size * np.array(self.sample)

    def train_loss(self, w: ArrayLike) -> Array:
        r""":math:`(x \cdot w - y)^2` at weights (..., d)."""
        return np.square(np.dot(w, self.sample) - self.target)

    def test_loss(self, w: ArrayLike) -> Array:
        r""":math:`\mathbb{E}\,(w \cdot x - w^* \cdot x)^2 = \|w - w^*\|^2` at weights (..., d)."""
        return np.square(np.asarray(w) - self.solution).sum(-1)

    def memorisation_time(self, threshold: float) -> float:
        r"""When the training loss falls to ``threshold``; exact, and 0 if it starts below.

        .. math:: t_{mem} = \frac{1}{2(a+\lambda)} \ln
                  \frac{F_0 - F_\infty}{y \pm \sqrt{threshold} - F_\infty}, \qquad \pm = \mathrm{sign}(F_0 - y)

        Raises:
            ValueError: weight decay keeps the loss above the threshold.
        """
        root, error = np.sqrt(positive("threshold", threshold)), self.output_at_start - self.target
        floor = self.target - self.output_limit
        if root <= abs(floor):
            raise ValueError(
                f"threshold {threshold} is never reached: with ridge {self.ridge} the training loss tends to "
                f"{floor**2:.6g}; use a larger threshold or a smaller ridge"
            )
        if abs(error) <= root:
            return 0.0
        return float(np.log((error + floor) / (np.sign(error) * root + floor)) / (2 * (self.size + self.ridge)))

    def grokking_time(self, threshold: float) -> float:
        r"""When the test loss falls to ``threshold``, up to terms of size :math:`e^{-2(a+\lambda)t}`.

        .. math:: t_{grok} = \frac{1}{4\lambda} \ln
                  \frac{q_0^2}{threshold - \lambda^2 y^2 / (a (a + \lambda)^2)}

        Raises:
            ValueError: weight decay keeps the loss above the threshold, there is no weight decay, or the start is so
                near the solution that no slow phase is needed.
        """
        room = positive("threshold", threshold) - (self.target - self.output_limit) ** 2 / self.size
        if room <= 0:
            raise ValueError(
                f"threshold {threshold} is never reached: with ridge {self.ridge} the test loss tends to "
                f"{threshold - room:.6g}; use a larger threshold or a smaller ridge"
            )
        q0_squared = float(np.square(self.along).sum())
        if q0_squared <= room:
            raise ValueError(
                f"threshold {threshold} is passed before the slow phase: the start lies {q0_squared**0.5:.6g} "
                f"from the solution along the zero-loss set; use a smaller threshold"
            )
        if self.ridge == 0:
            raise ValueError("ridge is 0: without weight decay nothing moves along the zero-loss set")
        return float(np.log(q0_squared / room) / (4 * self.ridge))


def leaky_loss(
    w: ArrayLike, sample: ArrayLike = (1.0, 1.0), target: float = 2.0, ridge: float = 0.0, slope: float = 0.1
) -> Array:
    r"""Fig. 3, right: :math:`(\sigma(w \cdot x) - y)^2 + \lambda \|w\|^2`, where :math:`\sigma` is leaky ReLU.

    ``slope`` is that of the activation left of zero; 1 makes the model linear (Figs 1 and 2).

    Source: paper, section 3.3, Fig. 3 (right).
    """
    z = np.dot(w, sample)
    return np.square(np.where(z > 0, z, slope * z) - target) + ridge * np.square(w).sum(-1)


def leaky_gradient(
    w: ArrayLike, sample: ArrayLike = (1.0, 1.0), target: float = 2.0, ridge: float = 0.0, slope: float = 0.1
) -> Array:
    r"""Gradient of :func:`leaky_loss`, :math:`2 (\sigma(z) - y) \sigma'(z) x + 2 \lambda w`; (..., d)."""
    w, z = np.asarray(w, dtype=float), np.dot(w, sample)
    gate = np.where(z > 0, 1.0, slope)
    return 2 * ((gate * z - target) * gate)[..., None] * np.asarray(sample) + 2 * ridge * w


def product_loss(w: ArrayLike, target: float, ridge: float = 0.0) -> Array:
    r"""Fig. 3, left and centre: :math:`(w_1 w_2 - y)^2 + \lambda \|w\|^2` at weights (..., 2).

    Source: paper, section 3.3, Fig. 3 (left and centre).
    """
    w = np.asarray(w, dtype=float)
    return np.square(w.prod(-1) - target) + ridge * np.square(w).sum(-1)


def product_gradient(w: ArrayLike, target: float, ridge: float = 0.0) -> Array:
    r"""Gradient of :func:`product_loss`, :math:`2 (w_1 w_2 - y)(w_2, w_1) + 2 \lambda w`; (..., 2)."""
    w = np.asarray(w, dtype=float)
    return 2 * (w.prod(-1) - target)[..., None] * w[..., ::-1] + 2 * ridge * w


def product_norm(s: ArrayLike, start: ArrayLike) -> Array:
    r"""Squared norm along the norm-minimising flow on :math:`w_1 w_2 = y`.

    .. math:: N(s) = \sqrt{\beta_0^2 e^{-8s} + 4 y^2}, \qquad \beta_0 = w_1^2 - w_2^2,

    for slow times :math:`s = \lambda t` (S,) and a start (2,) on the set; (S,).
    """
    w = _point("start", start, 2)
    return np.hypot((w[0] ** 2 - w[1] ** 2) * np.exp(-4 * np.asarray(s)), 2 * w.prod())


def product_at_singularity(t: ArrayLike, start: float, ridge: float) -> Array:
    r"""Output :math:`F = w_1 w_2` for target 0 from equal weights :math:`w_1 = w_2`.

    .. math:: F(t) = \frac{F_0 e^{-4 \lambda t}}{1 + F_0 (1 - e^{-4 \lambda t}) / \lambda}, \qquad
              \text{for } \lambda = 0: \; \frac{F_0}{1 + 4 F_0 t},

    for times (T,) of the gradient flow and a positive start :math:`F_0 = w_1^2`; (T,).
    """
    F0, lam, t = positive("start", start), non_negative("ridge", ridge), np.asarray(t)
    spent = -np.expm1(-4 * lam * t) / lam if lam else 4 * t
    return F0 * np.exp(-4 * lam * t) / (1 + F0 * spent)


def parabola_loss(w: ArrayLike) -> Array:
    r"""Fig. 4: :math:`L(x, y) = (y - x^2)^2` at points (..., 2).

    Source: paper, section 3.4, Fig. 4.
    """
    w = np.asarray(w, dtype=float)
    return np.square(w[..., 1] - w[..., 0] ** 2)


def parabola_gradient(w: ArrayLike) -> Array:
    r"""Gradient of :func:`parabola_loss`, :math:`2 (y - x^2)(-2x, 1)`; (..., 2)."""
    x, y = np.moveaxis(np.asarray(w, dtype=float), -1, 0)
    return 2 * (y - x**2)[..., None] * np.stack((-2 * x, np.ones_like(x)), -1)


def parabola_coefficient(a: ArrayLike) -> Array:
    r"""The constant of Theorem 4.14 at :math:`(a, a^2)`: :math:`C(a) = 4a / (1 + 4a^2)^{3/2}`.

    It is the change of slope along the curve, :math:`d \ln \|\nabla F\| / d\ell` with :math:`F = y - x^2`, not the
    curvature :math:`2 / (1 + 4a^2)^{3/2}`.

    Source: paper, Theorem 4.14, Fig. 4.
    """
    a = np.asarray(a, dtype=float)
    return 4 * a / (1 + 4 * a**2) ** 1.5


def _point(name: str, value: ArrayLike, size: int | None = None) -> Array:
    point = np.array(value, dtype=float)
    if point.ndim != 1 or not point.size or (size is not None and len(point) != size):
        wanted = "a list of numbers" if size is None else f"{size} numbers"
        raise ValueError(f"{name} must be {wanted}, got shape {point.shape}")
    if not np.isfinite(point).all():
        raise ValueError(f"{name} must be finite, got {point.tolist()}")
    return point
