r"""Training on margins and its limit as flows on the slow clock, resolved, for small problems.

A margin problem has n margins :math:`q(\theta)`, homogeneous of degree m, and the loss
:math:`L = \sum_i \log(1 + e^{-q_i})`. Training with weight decay tends to steepest descent of the norm inside
:math:`\{q \ge 1\}`: a sweeping process.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from grokutil.checks import data, integer, positive, tensor
from grokutil.gradient_flow import solve_flow
from grokutil.runs.trajectory import Trajectory, increasing_times
from grokutil.tangent import shortest_move

ON_THE_EDGE = 1e-3  # a margin this near to one takes part in a correction
ROUNDING = 1e-12


class MarginProblem:
    r"""Margins as functions of one flat vector.

    Args:
        q: maps parameters (d,) to the margins (n,); differentiable by ``torch.func``, homogeneous.
        degree: m, with :math:`q(a \theta) = a^m q(\theta)` for a > 0; at least 2.

    Raises:
        ValueError: degree below 2.
    """

    def __init__(self, q: Callable[[Tensor], Tensor], degree: int) -> None:
        self.q, self.degree = q, integer("degree", degree, 2)

    def jacobian(self, theta: Tensor) -> Tensor:
        """Gradients of the margins, (n, d)."""
        return torch.func.jacrev(self.q)(theta)


def margin_training(
    problem: MarginProblem, start: Tensor, scale: float, slow_times: Sequence[float] | np.ndarray, rtol: float = 1e-7
) -> Trajectory:
    r"""Gradient flow of the logistic loss with weight decay, rescaled, on the slow clock.

    .. math::
        \frac{d\tilde\theta}{ds} = -2 \tilde\theta + \sum_i
            \frac{e^{\ell}}{1 + e^{\ell q_i(\tilde\theta)}} \nabla q_i(\tilde\theta),
        \qquad \theta = \ell^{1/m} \tilde\theta, \quad \lambda = \ell^{1 - 2/m} e^{-\ell}

    Stiff, with rates of order :math:`\ell`: backward differentiation (BDF) with the exact Hessian.

    Args:
        problem: the margins.
        start: :math:`\tilde\theta` at ``slow_times[0]``, (d,) float64.
        scale: :math:`\ell`, positive.
        slow_times: when to record, increasing, at least two.
        rtol: relative tolerance of a step.

    Returns:
        A :class:`~grokutil.runs.trajectory.Trajectory` with clock ``"s"``.

    Raises:
        ValueError: scale or rtol not positive, times that do not increase, or SciPy gives up.
    """
    scale, start = positive("scale", scale), data(tensor("start", start))
    velocity, slope = _forces(problem, lambda state: (state, scale, scale))
    return solve_flow(velocity, start, slow_times, rtol, slope)


def undecayed_margin_training(
    problem: MarginProblem, start: Tensor, scale: float, slow_times: Sequence[float] | np.ndarray, rtol: float = 1e-7
) -> Trajectory:
    r"""Gradient flow of the logistic loss without weight decay, in units of :math:`T = \log t`, on its own clock.

    .. math::
        s = \frac{\log (T / T_0)}{2m}, \qquad \theta = T^{1/m} \tilde\theta, \qquad
        \frac{d\tilde\theta}{ds} = -2 \tilde\theta + \sum_i
            \frac{2m \, T^{2 - 2/m} e^{T}}{1 + e^{T q_i(\tilde\theta)}} \nabla q_i(\tilde\theta)

    Args and errors as for :func:`margin_training`; ``scale`` is :math:`T_0`.

    Returns:
        A trajectory with clock ``"s"`` and states (d + 1,): last is :math:`\log T`.
    """
    scale, start, m = positive("scale", scale), data(tensor("start", start)), problem.degree

    def read(state: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        log_T = state[-1]
        return state[:-1], log_T.exp(), log_T.exp() + math.log(2 * m) + (2 - 2 / m) * log_T

    begin = torch.cat((start, start.new_tensor([math.log(scale)])))
    velocity, slope = _forces(problem, read)
    return solve_flow(velocity, begin, slow_times, rtol, slope)


def _forces(
    problem: MarginProblem, read: Callable[[Tensor], tuple[Tensor, Tensor | float, Tensor | float]]
) -> tuple[Callable, Callable]:
    """The velocity and its Jacobian, for states that ``read`` takes apart into theta, scale and log weight."""

    def velocity(state: Tensor) -> Tensor:
        theta, scale, height = read(state)
        q, pull_back = torch.func.vjp(problem.q, theta)  # type: ignore[misc]
        weights = (height + torch.nn.functional.logsigmoid(-scale * q)).clamp(max=200).exp()
        moved = pull_back(weights)[0] - 2 * theta
        return torch.cat((moved, state.new_tensor([2.0 * problem.degree]))) if len(state) > len(theta) else moved

    return velocity, torch.func.jacfwd(velocity)


def sweeping_flow(
    problem: MarginProblem, start: Tensor, slow_times: Sequence[float] | np.ndarray, step: float = 2e-4
) -> Trajectory:
    r"""Steepest descent of the norm with all margins kept at least one: the limit of :func:`margin_training`.

    .. math:: \frac{d\zeta}{ds} = -2 \zeta + 2 \sum_i \mu_i \nabla q_i(\zeta), \qquad
        q_i \ge 1, \quad \mu_i \ge 0, \quad \mu_i (q_i - 1) = 0

    Moreau's catching-up scheme: shrink by :math:`e^{-2h}`, then go back into :math:`\{q \ge 1\}` by the shortest move,
    found by :func:`grokutil.tangent.shortest_move` on the linearised margins, again until none is violated. First
    order in the step.

    Args:
        problem: the margins.
        start: :math:`\zeta` at ``slow_times[0]``, (d,) float64, with margins of at least one.
        slow_times: when to record, increasing.
        step: the longest step h.

    Returns:
        A :class:`~grokutil.runs.trajectory.Trajectory` with clock ``"s"``.

    Raises:
        ValueError: a start with a margin below one, a step not positive, times that do not increase.

    Source: Moreau's sweeping process.
    """
    times, step, zeta = increasing_times(slow_times), positive("step", step), data(tensor("start", start))
    if float(problem.q(zeta).min()) < 1 - 1e-9:
        raise ValueError(
            f"start has a margin of {float(problem.q(zeta).min()):.6g}: multiply it so that all are at least 1"
        )
    states, count = [zeta], 0
    for begin, end in zip(times[:-1], times[1:], strict=True):
        left = max(1, math.ceil((end - begin) / step * (1 - 1e-9)))
        for _ in range(left):
            zeta, count = caught_up(problem, zeta * math.exp(-2 * (end - begin) / left)), count + 1
        states.append(zeta)
    return Trajectory(times, tuple(states), "s", count, settings={"method": "catching up", "step": step})


def caught_up(problem: MarginProblem, theta: Tensor) -> Tensor:
    r"""A point of :math:`\{q \ge 1\}` next to ``theta``, by shortest moves on the linearised margins."""
    for _ in range(20):
        lack = 1 - problem.q(theta)
        if float(lack.max()) <= ROUNDING:
            break
        near = lack > -ON_THE_EDGE
        theta = theta + shortest_move(problem.jacobian(theta)[near], lack[near])
    return theta
