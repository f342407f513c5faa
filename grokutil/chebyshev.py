r"""Runge-Kutta-Chebyshev: explicit steps that stay stable far beyond Euler's limit, for flows down a stiff cost.

With m stages a step may be about :math:`\tfrac23 m^2 / \lambda_{\max}` long; Euler's method allows
:math:`2 / \lambda_{\max}` per evaluation. Second order where the velocity is smooth.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor

from grokutil.checks import finite

Product = Callable[[Tensor], Tensor]
Linearize = Callable[[Tensor], tuple[Tensor, Product]]
DAMPING = 2 / 13  # of the stability polynomial, which stays below 1 - DAMPING / 3
MOST_STAGES = 250
SAFETY = 1.25  # factor on the estimate of the spectral radius, which comes from below and may grow within the step


class Chebyshev:
    r"""Steps of a flow :math:`dW/d\tau = v(W)`, with error control.

    Iterating takes one step after the other and yields (time, interpolation): a function of the times within that
    step. Each step is as long as the error allows, and has as many stages as the spectral radius of :math:`Dv` demands.

    .. math::
        Y_1 = W + \tilde\mu_1 h v(W), \quad
        Y_j = (1 - \mu_j - \nu_j) W + \mu_j Y_{j-1} + \nu_j Y_{j-2} + \tilde\mu_j h v(Y_{j-1}) + \tilde\gamma_j h v(W)

    The error of a step is estimated by :math:`\tfrac45 (W - Y_m) + \tfrac25 h (v(W) + v(Y_m))` and kept below
    ``rtol`` :math:`\|W\|`, where a norm below a thousandth of the start's counts as that thousandth. Between the ends
    of a step, states are those of Hermite's cubic.

    Args:
        velocity: maps a state to its velocity.
        linearize: maps a state to its velocity and to the product :math:`V \mapsto Dv[V]`.
        state: where the flow starts.
        begin: when it starts.
        end: when it ends.
        rtol: the error allowed in a step, relative to the norm of the state.

    Attributes ``products`` and ``rejected`` count products with Dv and steps that were taken back.

    Source: Sommeijer, Shampine and Verwer 1998.
    """

    def __init__(
        self,
        velocity: Callable[[Tensor], Tensor],
        linearize: Linearize,
        state: Tensor,
        begin: float,
        end: float,
        rtol: float,
    ) -> None:
        self.velocity, self.linearize = velocity, linearize
        self.state, self.now, self.end, self.rtol = state, begin, end, rtol
        self.products = self.rejected = 0
        self._lost: ValueError | None = None  # what the velocity said where it does not exist
        self._direction = torch.randn(state.shape, generator=torch.Generator().manual_seed(0), dtype=state.dtype).to(
            state.device
        )

    def __iter__(self) -> Iterator[tuple[float, Callable[[float], Tensor]]]:
        """Step to the end."""
        v, product = self.linearize(self.state)
        finite("the velocity at the start", v, "it has no value there: check velocity and start")
        self._floor = 1e-3 * float(self.state.norm())
        radius, before = self._spectral_radius(product, 20), None
        h = 1 / radius
        while self.now < self.end:
            h = min(h, (MOST_STAGES**2 - 1) / 1.54 / radius)
            last = self.now + 1.000001 * h >= self.end
            h = self.end - self.now if last else h
            stages = min(MOST_STAGES, max(2, math.ceil(math.sqrt(1 + 1.54 * h * radius))))
            error, new, v_new, product = self._attempt(v, h, stages)
            if error > 1:
                self.rejected += 1
                h *= max(0.1, 0.8 * error ** (-1 / 3))
                if h < 1e-14 * max(1.0, abs(self.now)):
                    said = f"; the velocity said: {self._lost}" if self._lost else ""
                    raise ValueError(
                        f"the step fell to {h:.0e} near {self.now:g}: the flow ends there, or rtol = {self.rtol:g} is "
                        f"too small for float64{said}"
                    ) from self._lost
                radius = self._spectral_radius(self.linearize(self.state)[1], 2)
                continue
            then, self.now = self.now, self.end if last else self.now + h
            at = _hermite(then, self.now, self.state, new, v, v_new)
            self.state, v = new, v_new
            yield self.now, at
            radius = self._spectral_radius(product, 3)
            error = max(error, 1e-6)
            growth = 0.8 * error ** (-1 / 3)
            if before:  # a trend of the error goes on: Gustafsson's predictive controller
                growth = min(growth, growth * h / before[0] * (before[1] / error) ** (1 / 3))
            before = (h, error)
            h *= min(5.0, growth)

    def _attempt(self, v: Tensor, h: float, stages: int) -> tuple[float, Tensor, Tensor, Product]:
        """A step: its error, relative to what is allowed, the state at its end, and the velocity and product there."""
        try:
            new = self._step(v, h, stages)
            v_new, product = self.linearize(new)
        except ValueError as lost:  # the velocity is not defined so far away
            self._lost = lost
            return math.inf, self.state, v, lambda V: V
        estimate = 0.8 * (self.state - new) + 0.4 * h * (v + v_new)
        allowed = self.rtol * max(float(self.state.norm()), float(new.norm()), self._floor)
        error = float(estimate.norm()) / max(allowed, 1e-300)
        return error if math.isfinite(error) else math.inf, new, v_new, product

    def _step(self, v: Tensor, h: float, stages: int) -> Tensor:
        w0, w1, b, T = _coefficients(stages)
        W, before, now = self.state, self.state, self.state + b[1] * w1 * h * v
        for j in range(2, stages + 1):
            mu, nu, mu_v = 2 * b[j] * w0 / b[j - 1], -b[j] / b[j - 2], 2 * b[j] * w1 / b[j - 1]
            gamma = (b[j - 1] * T[j - 1] - 1) * mu_v
            new = (1 - mu - nu) * W + mu * now + nu * before + mu_v * h * self.velocity(now) + gamma * h * v
            before, now = now, new
        return now

    def _spectral_radius(self, product: Product, times: int) -> float:
        """Power iteration from the direction found last time."""
        size = 0.0
        for _ in range(times):
            image = product(self._direction)
            size = float(image.norm())
            if not size:
                break
            self._direction = image / size
        self.products += times
        return max(SAFETY * size, 1e-12)


def _coefficients(stages: int) -> tuple[float, float, np.ndarray, np.ndarray]:
    """w0, w1 and for j = 0 ... stages the b_j and T_j(w0) of the damped Chebyshev polynomials T_j."""
    w0 = 1 + DAMPING / stages**2
    x, s, j = math.acosh(w0), math.sqrt(w0**2 - 1), np.arange(stages + 1)
    T = np.cosh(j * x)
    slope = j * np.sinh(j * x) / s
    bend = (j**2 * T - w0 * slope) / s**2
    b = np.empty(stages + 1)
    b[2:] = bend[2:] / slope[2:] ** 2
    b[:2] = b[2]
    return w0, float(slope[-1] / bend[-1]), b, T


def _hermite(begin: float, end: float, W0: Tensor, W1: Tensor, v0: Tensor, v1: Tensor) -> Callable[[float], Tensor]:
    """The cubic with these values and velocities at both ends."""

    def at(time: float) -> Tensor:
        if time == end:
            return W1
        h = end - begin
        x = (time - begin) / h
        return (1 - x) ** 2 * (1 + 2 * x) * W0 + x**2 * (3 - 2 * x) * W1 + h * x * (1 - x) * ((1 - x) * v0 - x * v1)

    return at
