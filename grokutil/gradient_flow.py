r"""Training and its slow limit as flows on the same clock :math:`s = \lambda t`, resolved by SciPy; training in steps.

For small problems given as a :class:`~grokutil.constraints.ZeroLossManifold`. A hundred parameters take seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import torch
from scipy.integrate import solve_ivp
from torch import Tensor

from grokutil.checks import data, positive, tensor
from grokutil.constraints import ZeroLossManifold, speeds
from grokutil.runs.trajectory import Trajectory, increasing_times


def training_flow(
    Z: ZeroLossManifold,
    start: Tensor,
    ridge: float,
    slow_times: Sequence[float] | np.ndarray,
    rtol: float = 1e-8,
    speed: Tensor | None = None,
) -> Trajectory:
    r"""Gradient flow of the regularised loss, on the slow clock.

    .. math:: \frac{d\theta}{ds} = -\frac1\lambda D \nabla L_\lambda(\theta)
              = -D \bigl( \frac2\lambda J^\top r + 2 \theta \bigr)

    Stiff, with rates of order :math:`1/\lambda`: backward differentiation (BDF) with the exact Hessian.

    Args:
        Z: the constraints F = y whose squared residual is the loss.
        start: parameters at ``slow_times[0]``, (d,) float64.
        ridge: :math:`\lambda`, positive.
        slow_times: when to record, increasing, at least two.
        rtol: relative tolerance of a step; the absolute one is 1000 times smaller, times the root mean
            square of ``start``.
        speed: (d,) the diagonal of D, one positive learning rate for each parameter; None for all ones.

    Returns:
        A :class:`~grokutil.runs.trajectory.Trajectory` with clock ``"s"``.

    Raises:
        ValueError: ridge, rtol or a speed not positive, times that do not increase, or SciPy gives up.

    Source: paper, eq. 3.
    """
    ridge, hessian, start = positive("ridge", ridge), torch.func.hessian(Z.loss), data(tensor("start", start))
    D = speeds(start, speed)

    def velocity(theta: Tensor) -> Tensor:
        return -D * Z.loss_gradient(theta, ridge) / ridge

    def slope(theta: Tensor) -> Tensor:
        return -D[:, None] * hessian(theta, ridge) / ridge

    return solve_flow(velocity, start, slow_times, rtol, slope)


def slow_flow(
    Z: ZeroLossManifold,
    start: Tensor,
    slow_times: Sequence[float] | np.ndarray,
    rtol: float = 1e-8,
    speed: Tensor | None = None,
) -> Trajectory:
    r"""The norm-minimising flow on the zero-loss manifold, the limit of :func:`training_flow` for small ridge.

    .. math:: \frac{d\zeta}{ds} = -2 P(\zeta) \zeta, \qquad \text{with speeds: }
              -2 D \bigl( \zeta - J^\top (J D J^\top)^{-1} J D \zeta \bigr)

    Explicit Runge-Kutta of order 8 (DOP853). It stays on the level set of F through ``start`` to the tolerance.

    Args:
        Z: the constraints.
        start: parameters at ``slow_times[0]``, (d,) float64; a point of Z for the limit theorem.
        slow_times: when to record, increasing, at least two.
        rtol: relative tolerance of a step; the absolute one is 1000 times smaller, times the root mean
            square of ``start``.
        speed: (d,) the diagonal of D, as in :func:`training_flow`; None for all ones.

    Returns:
        A :class:`~grokutil.runs.trajectory.Trajectory` with clock ``"s"``.

    Raises:
        SingularPointError: J loses full rank on the way.
        ValueError: rtol or a speed not positive, times that do not increase, or SciPy gives up.

    Source: paper, sections 4.5 and 4.6; the factor 2 is that of eq. 3.
    """
    start = data(tensor("start", start))
    return solve_flow(lambda zeta: Z.slow_velocity(zeta, speed), start, slow_times, rtol)


def fall(Z: ZeroLossManifold, start: Tensor, times: Sequence[float] | np.ndarray, rtol: float = 1e-10) -> Trajectory:
    r"""The gradient flow without weight decay, the fast part of training from a start off Z.

    .. math:: \dot{\hat\theta} = -\nabla L(\hat\theta), \qquad \Phi(\theta_0) = \lim_{t \to \infty} \hat\theta(t)

    Stiff near Z if the eigenvalues of the NTK differ much: backward differentiation (BDF) with the exact Hessian.

    Args:
        Z: the constraints F = y whose squared residual is the loss.
        start: parameters at ``times[0]``, (d,) float64.
        times: when to record, on the clock t of eq. 3, increasing, at least two.
        rtol: relative tolerance of a step; the absolute one is 1000 times smaller, times the root mean
            square of ``start``.

    Returns:
        A :class:`~grokutil.runs.trajectory.Trajectory` with clock ``"t"``.

    Raises:
        ValueError: rtol not positive, times that do not increase, or SciPy gives up.

    Source: paper, eq. 3 with :math:`\lambda = 0`.
    """
    hessian = torch.func.hessian(Z.loss)
    run = solve_flow(lambda theta: -Z.loss_gradient(theta), start, times, rtol, lambda theta: -hessian(theta))
    return replace(run, clock="t")


def training_steps(
    gradient: Callable[[Tensor], Tensor],
    start: Tensor,
    ridge: float | Tensor,
    learning_rate: float | Tensor,
    records: Sequence[int] | np.ndarray,
) -> Trajectory:
    r"""Gradient descent with weight decay, in steps of any length; step k is at slow time :math:`s = \eta \lambda k`.

    .. math:: \theta_{k+1} = \theta_k - \eta \bigl( \nabla L(\theta_k) + 2 \lambda \theta_k \bigr)

    Args:
        gradient: :math:`\nabla L`, for a start (d,) or, to make many runs at once, for a stack of them (..., d).
        start: parameters at step 0, (..., d) float64.
        ridge: :math:`\lambda`, not negative; a number, or one for each run, (..., 1).
        learning_rate: :math:`\eta`, positive; likewise.
        records: the steps to record, increasing integers; the first is 0.

    Returns:
        A :class:`~grokutil.runs.trajectory.Trajectory` with clock ``"steps"``.

    Raises:
        ValueError: a negative ridge, a learning rate not positive, records that do not increase or do not begin
            with 0, or a run that diverges.

    Source: paper, eq. 3, whose Euler steps these are.
    """
    if not (torch.as_tensor(ridge) >= 0).all():
        raise ValueError(f"ridge must be at least 0, got {ridge}")
    if not (torch.as_tensor(learning_rate) > 0).all():
        raise ValueError(f"learning_rate must be positive, got {learning_rate}")
    steps = increasing_times(records).astype(int)
    if steps[0] != 0 or not np.array_equal(steps, records):
        raise ValueError(f"records must be whole steps from 0 on, got {records[0]:g} to {records[-1]:g}")
    theta, states = start, [start]
    for before, after in pairwise(steps):
        for _ in range(before, after):
            theta = theta - learning_rate * (gradient(theta) + 2 * ridge * theta)
        if not torch.isfinite(theta).all():
            raise ValueError(f"diverged before step {after}: take a learning_rate below 2 / sharpness")
        states.append(theta)
    return Trajectory(steps.astype(float), tuple(states), "steps", int(steps[-1]))


def solve_flow(
    velocity: Callable[[Tensor], Tensor],
    start: Tensor,
    slow_times: Sequence[float] | np.ndarray,
    rtol: float,
    slope: Callable[[Tensor], Tensor] | None = None,
) -> Trajectory:
    """Integrate; stiff where the slope (Jacobian of the velocity) is given."""
    times, rtol = increasing_times(slow_times), positive("rtol", rtol)
    size = float(start.square().mean().sqrt()) or 1.0
    if len(times) < 2:
        raise ValueError(f"slow_times must be at least two, got {times.tolist()}: the first is that of the start")

    def at(function: Callable[[Tensor], Tensor]) -> Callable[[float, np.ndarray], np.ndarray]:
        """A function on the device of the start, for SciPy."""
        return lambda s, u: function(torch.from_numpy(u).to(start.device)).cpu().numpy()

    method, jac = ("BDF", at(slope)) if slope else ("DOP853", None)
    run = solve_ivp(
        at(velocity),
        (times[0], times[-1]),
        start.cpu().numpy(),
        method,
        times,
        rtol=rtol,
        atol=rtol / 1000 * size,
        **({"jac": jac} if jac else {}),
    )
    if not run.success:
        raise ValueError(
            f"SciPy's {method} stopped at time {run.t[-1]:g}: {run.message}; try another rtol than {rtol:g}"
        )
    states = tuple(torch.from_numpy(run.y.T.copy()).to(start.device).unbind())
    return Trajectory(times, states, "s", run.nfev, settings={"method": method, "rtol": rtol})
