r"""The edge of stability as one more constraint: norm descent on the zero-loss manifold with the sharpness capped.

The sharpness on Z is :math:`S = 2 \lambda_{\max}(\Theta)`, the largest eigenvalue of the Hessian of the loss. Gradient
descent with learning rate :math:`\eta` and momentum b is stable up to :math:`S_e = 2 (1 + b) / \eta`. For problems
given as a :class:`~grokutil.constraints.ZeroLossManifold`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from grokutil.checks import integer, number, positive
from grokutil.constraints import ZeroLossManifold
from grokutil.runs.trajectory import Trajectory, increasing_times
from grokutil.tangent import descent_within

TOUCHING = 1e-4  # of the cap: nearer than that the sharpness is at it


class Sharpest(NamedTuple):
    """The largest eigenvalues of the Hessian on Z, (count,), falling, and their gradients (count, d)."""

    values: Tensor
    gradients: Tensor


def sharpest(Z: ZeroLossManifold, theta: Tensor, count: int = 1) -> Sharpest:
    r"""The largest eigenvalues :math:`2 \lambda_j(\Theta)` with their gradients; the first is the sharpness S.

    .. math:: S = 2 \|J^\top u\|^2, \qquad \nabla S = 4 \, \frac{\partial}{\partial v} J(\theta)^\top u
              \Big|_{v = J^\top u}

    with u the unit eigenvector of :math:`\Theta`: by Hellmann and Feynman u need not be differentiated.

    Args:
        Z: the constraints.
        theta: parameters (d,), float64.
        count: how many; each must be a simple eigenvalue for its gradient to exist.

    Raises:
        ValueError: count below 1 or above the number of constraints.
    """
    ev, vectors = torch.linalg.eigh(Z.ntk(theta))
    if integer("count", count, 1) > len(ev):
        raise ValueError(f"count {count} is larger than the number of constraints, {len(ev)}")

    def pulled(u: Tensor) -> Tensor:
        """The gradient of 2 |J^T u|^2 at fixed u."""
        back = lambda at: torch.func.vjp(Z.F, at)[1](u)[0]  # noqa: E731
        return 4 * torch.func.jvp(back, (theta,), (back(theta),))[1]

    rows = [pulled(vectors[:, -1 - j]) for j in range(count)]
    return Sharpest(2 * ev.flip(0)[:count], torch.stack(rows))


def edge(learning_rate: float, momentum: float = 0.0) -> float:
    r"""The largest stable sharpness :math:`S_e = 2 (1 + b) / \eta`.

    Args:
        learning_rate: :math:`\eta` of the summed loss.
        momentum: b, from 0 to below 1.

    Raises:
        ValueError: a number outside its range.
    """
    if not 0 <= number("momentum", momentum) < 1:
        raise ValueError(f"momentum must be at least 0 and below 1, got {momentum!r}")
    return 2 * (1 + momentum) / positive("learning_rate", learning_rate)


def edge_multiplier(Z: ZeroLossManifold, zeta: Tensor) -> float:
    r"""The multiplier :math:`\nu \ge 0` of the sharpness at its cap, from the weights alone.

    .. math:: \nu = \max \Bigl(0, \; -\frac{2 \langle P \nabla S, \zeta \rangle}{\|P \nabla S\|^2} \Bigr)

    At the edge training oscillates with a mean loss of :math:`\lambda \, \nu \, S_e`, to first order in
    :math:`\lambda`.

    Args:
        Z: the constraints.
        zeta: a point (d,), float64.
    """
    return float(descent_within(Z.at(zeta), sharpest(Z, zeta).gradients).multipliers[0])


def edge_flow(
    Z: ZeroLossManifold, start: Tensor, slow_times: Sequence[float] | np.ndarray, cap: float, step: float = 4e-3
) -> Trajectory:
    r"""Norm descent on Z in which the sharpness does not rise above a cap.

    .. math:: \zeta' = -2 P \zeta - \nu P \nabla S, \qquad S \le S_e, \quad \nu \ge 0, \quad \nu (S - S_e) = 0

    Each step is one of the midpoint rule with :func:`grokutil.tangent.descent_within`, then the shortest way back: to
    Z, and to :math:`S = S_e` where it came beyond. :func:`edge_multiplier` tells :math:`\nu` at a state at the cap.

    Args:
        Z: the constraints.
        start: a point of Z, (d,) float64, with S at most the cap.
        slow_times: when to record, increasing, on the clock s; the first is that of the start.
        cap: :math:`S_e`, finite.
        step: the longest step.

    Returns:
        A :class:`~grokutil.runs.trajectory.Trajectory` with clock ``"s"``.

    Raises:
        SingularPointError: J loses full rank, alone or with the row of S.
        ValueError: a start beyond the cap, times that do not increase, a step not positive.
    """
    times, step = increasing_times(slow_times), positive("step", step)
    if float(sharpest(Z, start).values[0]) > cap * (1 + TOUCHING):
        raise ValueError(f"the start has sharpness {float(sharpest(Z, start).values[0]):g}, above the cap {cap:g}")
    capped = ZeroLossManifold(
        lambda theta: torch.cat((Z.F(theta), 2 * torch.linalg.eigvalsh(_ntk(Z, theta))[-1:])),
        torch.cat((Z.y, Z.y.new_tensor([cap]))),
    )

    def velocity(zeta: Tensor, touching: bool) -> Tensor:
        space = Z.at(zeta)
        return descent_within(space, sharpest(Z, zeta).gradients).velocity if touching else -2 * space.project(zeta)

    zeta, states, evaluations = start, [start], 0
    for begin, end in pairwise(times):
        count = int(np.ceil((end - begin) / step * (1 - 1e-9)))
        h = (end - begin) / count
        for _ in range(count):
            touching = bool(sharpest(Z, zeta).values[0] > cap * (1 - TOUCHING)) and edge_multiplier(Z, zeta) > 0
            zeta = Z.newton(zeta + h * velocity(zeta + h / 2 * velocity(zeta, touching), touching), 1e-12)
            if touching or sharpest(Z, zeta).values[0] > cap:
                zeta = capped.newton(zeta, 1e-12)
            evaluations += 2
        states.append(zeta)
    return Trajectory(times, tuple(states), "s", evaluations, settings={"cap": cap, "step": step})


def _ntk(Z: ZeroLossManifold, theta: Tensor) -> Tensor:
    J = torch.func.jacrev(Z.F)(theta)
    return J @ J.mT
