r"""Training and its slow limit as flows on the same clock :math:`s = \lambda t`, resolved by SciPy.

For small problems given as a :class:`~grokutil.constraints.ZeroLossManifold`. A hundred parameters take seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from scipy.integrate import solve_ivp
from torch import Tensor

from grokutil.checks import data, positive, tensor
from grokutil.constraints import ZeroLossManifold, speeds
from grokutil.trajectory import Trajectory, increasing_times


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
        rtol: relative tolerance of a step; the absolute one is 1000 times smaller.
        speed: (d,) the diagonal of D, one positive learning rate for each parameter; None for all ones.

    Returns:
        A :class:`~grokutil.trajectory.Trajectory` with clock ``"s"``.

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

    return _solve(velocity, start, slow_times, rtol, slope)


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
        rtol: relative tolerance of a step; the absolute one is 1000 times smaller.
        speed: (d,) the diagonal of D, as in :func:`training_flow`; None for all ones.

    Returns:
        A :class:`~grokutil.trajectory.Trajectory` with clock ``"s"``.

    Raises:
        SingularPointError: J loses full rank on the way.
        ValueError: rtol or a speed not positive, times that do not increase, or SciPy gives up.

    Source: paper, sections 4.5 and 4.6; the factor 2 is that of eq. 3.
    """
    start = data(tensor("start", start))
    return _solve(lambda zeta: Z.slow_velocity(zeta, speed), start, slow_times, rtol)


def _solve(
    velocity: Callable[[Tensor], Tensor],
    start: Tensor,
    slow_times: Sequence[float] | np.ndarray,
    rtol: float,
    slope: Callable[[Tensor], Tensor] | None = None,
) -> Trajectory:
    """Integrate; stiff where the slope (Jacobian of the velocity) is given."""
    times, rtol = increasing_times(slow_times), positive("rtol", rtol)
    if len(times) < 2:
        raise ValueError(f"slow_times must be at least two, got {times.tolist()}: the first is that of the start")
    method, jac = ("BDF", lambda s, u: slope(torch.from_numpy(u)).numpy()) if slope else ("DOP853", None)
    run = solve_ivp(
        lambda s, u: velocity(torch.from_numpy(u)).numpy(),
        (times[0], times[-1]),
        start.cpu().numpy(),
        method,
        times,
        rtol=rtol,
        atol=rtol / 1000,
        **({"jac": jac} if jac else {}),
    )
    if not run.success:
        raise ValueError(
            f"SciPy's {method} stopped at s = {run.t[-1]:g}: {run.message}; try another rtol than {rtol:g}"
        )
    states = tuple(torch.from_numpy(run.y.T.copy()).unbind())
    return Trajectory(times, states, "s", run.nfev, settings={"method": method, "rtol": rtol})
