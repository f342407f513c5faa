r"""Moves of the two-layer network to and along its zero-loss manifold: retraction, nearest point, projected flow."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from grokutil.activations import Activation, get_activation
from grokutil.checks import Matrix, float_vector, layers, number, positive, targets
from grokutil.constraints import ZeroLossManifold
from grokutil.manifold import TangentSpace, join, split
from grokutil.model import hidden, predict
from grokutil.runs.recorder import Measure, Run, Steps, Until, recorded
from grokutil.runs.trajectory import State, increasing_times
from grokutil.tangent import Linearisation

Point = tuple[Tensor, Tensor]
Field = Callable[[TangentSpace], Tensor]

TOLERANCE = 1e-10  # of the residual, relative to the targets
ROUNDS = 50


def norm_descent(space: Linearisation) -> Tensor:
    r"""The field :math:`-2 \theta` of :func:`projected_flow`, whose projection descends the norm fastest, (d,)."""
    return -2 * space.theta


def unit_speed(field: Field) -> Field:
    r"""The field :math:`P u / \|P u\|`: the path of ``field``, walked at speed one, so that the clock is its length.

    Args:
        field: maps a :class:`~grokutil.manifold.TangentSpace` to a vector u (d,).

    Returns:
        A field for :func:`projected_flow`; it raises ValueError where :math:`P u = 0`.
    """

    def unit(space: TangentSpace) -> Tensor:
        u = field(space)
        return _unit(space.project(u), u, f"the field {_name(field)}")

    unit.__name__ = f"unit speed, {_name(field)}"
    return unit


def at_angle(angle: float, direction: Tensor) -> Field:
    r"""A field of unit speed at a fixed angle to steepest norm descent, towards a fixed direction g.

    .. math:: v = \cos\alpha \; n + \sin\alpha \; \frac{t}{\|t\|}, \qquad n = -\frac{P \theta}{\|P \theta\|}, \qquad
              t = P g - (n^\top P g) \, n

    so that :math:`\frac{d}{d\ell} \|\theta\|^2 = -2 \cos\alpha \, \|P \theta\|` along a path of length :math:`\ell`.

    Args:
        angle: :math:`\alpha` in degrees; 0 is steepest descent, 90 keeps the norm, 180 is steepest ascent.
        direction: g, (d,).

    Returns:
        A field for :func:`projected_flow`; it raises ValueError where :math:`P \theta` or t vanishes.

    Raises:
        ValueError: an angle outside [0, 180], a direction that is not a finite float64 vector.

    Source: paper, section 3.2 and eq. 28 (angle 0); the other angles are ours.
    """
    g = float_vector("direction", direction)
    if not 0 <= number("angle", angle) <= 180:
        raise ValueError(f"angle must lie between 0 and 180 degrees, got {angle!r}")
    along, across = math.cos(math.radians(angle)), math.sin(math.radians(angle))

    def field(space: TangentSpace) -> Tensor:
        n = -_unit(space.project(space.theta), space.theta, "theta")
        if angle in (0, 180):
            return along * n
        t = space.project(g)
        return along * n + across * _unit(t - (n @ t) * n, g, "the direction, beside theta,")

    field.__name__ = f"at {angle:g} degrees"
    return field


def retract(
    W1: Matrix,
    W2: Matrix,
    X: Matrix,
    Y: Matrix,
    activation: str | Activation = "relu",
    space: TangentSpace | None = None,
) -> Point:
    r"""A zero-loss point near the weights, by steps :math:`\theta \leftarrow \theta - J^\top \Theta^{-1} r`.

    The result is not the nearest point; see :func:`nearest_point`.

    Args:
        W1: first layer (d_in, d_h), float64.
        W2: readout (d_h, d_out), float64.
        X: inputs (n, d_in).
        Y: targets (n, d_out).
        activation: name or :class:`~grokutil.activations.Activation`.
        space: the tangent space at a nearby point; its factorised NTK serves for all steps. None factorises a new one
            for each.

    Returns:
        (W1, W2) with :math:`\|r\| \le 10^{-10} \|Y\|`, or at rounding, which is ten times the machine precision of
        :math:`\|H\| \|W_2\|`.

    Raises:
        SingularPointError: J loses full rank on the way.
        ValueError: shapes do not match, or no convergence: the weights are too far from the manifold.

    Source: paper, Def. 4.6; the steps are Gauss and Newton's.
    """
    W1, W2, X = layers(W1, W2, X)
    Y = targets(Y, X, W2)
    for _ in range(ROUNDS):
        r = predict(W1, W2, X, activation) - Y
        if r.norm() <= max(TOLERANCE * Y.norm(), 10 * torch.finfo(r.dtype).eps * _size(W1, W2, X, activation)):
            return W1, W2
        at = space or TangentSpace(W1, W2, X, activation)
        D1, D2 = split(at.correction(r), W1, W2)
        W1, W2 = W1 - D1, W2 - D2
        if not torch.isfinite(W1).all():
            break
    left = float(r.norm() / Y.norm().clamp(min=1e-300))
    raise ValueError(
        f"no zero-loss point found in {ROUNDS} Gauss-Newton steps: the relative residual is {left:.1g}; start closer, "
        f"for example by training without weight decay first"
    )


def nearest_point(W1: Matrix, W2: Matrix, X: Matrix, Y: Matrix, activation: str | Activation = "relu") -> Point:
    r"""The nearest zero-loss point :math:`z = \mathrm{proj}_Z(\theta)`, where :math:`z - \theta` is normal to Z.

    .. math:: z \leftarrow \theta - J^\top \Theta^{-1} \bigl( r(z) + J (\theta - z) \bigr), \qquad J = J(z)

    Each step goes to the nearest point of the manifold linearised at z.

    Args and shapes as for :func:`retract`.

    Returns:
        (W1, W2), a stationary point of the distance, and the nearest one when the weights are close for its curvature.

    Raises:
        SingularPointError: J loses full rank on the way.
        ValueError: shapes do not match, or no convergence.

    Source: paper, Def. 4.13.
    """
    W1, W2, X = layers(W1, W2, X)
    Y = targets(Y, X, W2)
    theta = join(W1, W2)
    Z1, Z2 = retract(W1, W2, X, Y, activation)
    for _ in range(ROUNDS):
        space = TangentSpace(Z1, Z2, X, activation)
        r = predict(Z1, Z2, X, activation) - Y
        z = theta - space.correction(r + space.product(theta - space.theta))
        moved = float((z - space.theta).norm())
        Z1, Z2 = split(z, W1, W2)
        if moved <= TOLERANCE * float(theta.norm()):
            return retract(Z1, Z2, X, Y, activation, space)
    raise ValueError(
        f"no nearest point found in {ROUNDS} steps, the last of length {moved:.1g}: the weights are too far from the "
        f"manifold for its curvature, or on kinks (ReLU); retract finds a zero-loss point that is near, not nearest"
    )


@recorded
def projected_flow(
    start: tuple[Matrix, Matrix],
    X: Matrix,
    Y: Matrix,
    times: Sequence[float] | np.ndarray,
    *,
    field: Field = norm_descent,
    activation: str | Activation = "relu",
    step: float = 0.02,
    measure: Measure | None = None,
    until: Until | None = None,
    progress: bool = True,
) -> Run:
    r"""Walk on the zero-loss manifold along the tangent part of a field; by default the norm-minimising flow.

    .. math:: \frac{d\zeta}{ds} = P(\zeta) \, u(\zeta), \qquad u(\zeta) = -2 \zeta

    Each step is one of the midpoint rule, followed by :func:`retract`: second order in the step for smooth
    activations. With a kink (ReLU) the walk chatters along sliding kinks with an amplitude proportional to the step,
    and the order is one. A walk that is interrupted returns what it has; ``complete`` is then False.
    ``projected_flow.begin``, with the same arguments, hands over the :class:`~grokutil.runs.recorder.Run` as it goes.

    Args:
        start: weights (W1, W2) at ``times[0]``, float64; retracted to the manifold if they are off it.
        X: inputs (n, d_in).
        Y: targets (n, d_out).
        times: when to record, increasing, on the clock s.
        field: maps a :class:`~grokutil.manifold.TangentSpace` to a vector (d,); its projection is the velocity.
        activation: name or :class:`~grokutil.activations.Activation`.
        step: the longest step, in s; shortened, all alike, to end on the asked times.
        measure: called with (time, (W1, W2)) at each of ``times``; the numbers it returns by name are kept in place of
            the states, as ``measured``.
        until: called with (time, (W1, W2)) at each of ``times``; the walk ends where it returns True.
        progress: show a progress bar when the walk takes more than two seconds.

    Returns:
        A :class:`~grokutil.runs.trajectory.Trajectory` with clock ``"s"`` and states (W1, W2) of zero loss.

    Raises:
        SingularPointError: J loses full rank on the way.
        ValueError: an argument outside its range, or a step too long to come back to the manifold.

    Source: paper, sections 4.5 and 4.6 (the factor 2 is that of eq. 3).
    """
    times, step = increasing_times(times), positive("step", step)
    W1, W2, X = layers(*start, X)
    Y = targets(Y, X, W2)
    sigma, point, count = get_activation(activation), retract(W1, W2, X, Y, activation), 0

    def step_from(here: Point, h: float) -> Point:
        nonlocal count
        count += 2
        middle = TangentSpace(*_moved(here, h / 2, TangentSpace(*here, X, sigma), field), X, sigma)
        return retract(*_moved(here, h, middle, field), X, Y, sigma, None if sigma.kink else middle)

    return Run(
        _steps(step_from, point, times, step),
        point,
        times,
        "s",
        evaluations=lambda: count,
        settings={"method": "midpoint, retracted", "step": step, "activation": sigma.name, "field": _name(field)},
        measure=measure,
        until=until,
        progress=progress,
    )


@recorded
def manifold_walk(
    Z: ZeroLossManifold,
    start: Tensor,
    times: Sequence[float] | np.ndarray,
    *,
    field: Callable[[Linearisation], Tensor] = norm_descent,
    step: float = 0.02,
    measure: Measure | None = None,
    until: Until | None = None,
    progress: bool = True,
) -> Run:
    r"""The walk of :func:`projected_flow` on any zero-loss manifold, with states (d,): for networks of any depth.

    It needs no more of Z than residuals and the linearisation at a point, which for a
    :class:`~grokutil.deep.DeepManifold` does without the Jacobian. F must be smooth.

    Args:
        Z: the manifold.
        start: a point of it, (d,) float64; corrected if it is off.
        times: when to record, increasing, on the clock s.
        field: maps a :class:`~grokutil.tangent.Linearisation` to a vector (d,); its projection is the velocity.
        step: the longest step, in s.
        measure, until, progress: as for :func:`projected_flow`, called with (time, theta).

    Returns:
        A :class:`~grokutil.runs.trajectory.Trajectory` with clock ``"s"`` and states (d,) of zero loss.

    Raises:
        SingularPointError: J loses full rank on the way.
        ValueError: an argument outside its range, or a step too long to come back to the manifold.

    Source: paper, sections 4.5 and 4.6 (the factor 2 is that of eq. 3).
    """
    times, step, count = increasing_times(times), positive("step", step), 0
    theta = float_vector("start", start)
    point = _back(Z, theta, Z.at(theta))

    def step_from(here: Tensor, h: float) -> Tensor:
        nonlocal count
        count += 2
        at = Z.at(here)
        middle = Z.at(here + h / 2 * at.project(field(at)))
        return _back(Z, here + h * middle.project(field(middle)), middle)

    return Run(
        _steps(step_from, point, times, step),
        point,
        times,
        "s",
        evaluations=lambda: count,
        settings={"method": "midpoint, retracted", "step": step, "field": _name(field)},
        measure=measure,
        until=until,
        progress=progress,
    )


def _steps(step_from: Callable[[State, float], State], start: State, times: np.ndarray, step: float) -> Steps:
    """Steps of at most ``step``, all alike between two of ``times``, which they end on."""
    now, here = float(times[0]), start
    for end in times[1:].tolist():
        left = max(1, int(np.ceil((end - now) / step * (1 - 1e-9))))
        h = (end - now) / left
        for k in range(left - 1, -1, -1):
            here, now = step_from(here, h), end - k * h
            yield now, lambda time, here=here: here  # type: ignore[misc]  # noqa: ARG005


def _back(Z: ZeroLossManifold, theta: Tensor, space: Linearisation) -> Tensor:
    """A point of Z near ``theta``, by steps with the linearisation at a nearby point."""
    for _ in range(ROUNDS):
        r = Z.residual(theta)
        if r.norm() <= TOLERANCE * Z.y.norm():
            return theta
        theta = theta - space.correction(r)
        if not torch.isfinite(theta).all():
            break
    raise ValueError(
        f"no zero-loss point found in {ROUNDS} steps: the relative residual is {float(r.norm() / Z.y.norm()):.1g}; "
        f"take a shorter step, or start closer, for example from Z.newton(start)"
    )


def _name(field: Callable[..., Tensor]) -> str:
    return getattr(field, "__name__", repr(field))


def _size(W1: Tensor, W2: Tensor, X: Tensor, activation: str | Activation) -> float:
    return float(hidden(W1, X, activation).norm() * W2.norm())


def _unit(part: Tensor, whole: Tensor, name: str) -> Tensor:
    """``part`` of ``whole``, scaled to length one."""
    length = part.norm()
    if length <= 1e-12 * whole.norm():
        raise ValueError(f"{name} has no tangent part here: no direction to walk in")
    return part / length


def _moved(point: Point, length: float, space: TangentSpace, field: Field) -> Point:
    """``point`` plus ``length`` times the tangent part of the field at ``space``."""
    V1, V2 = split(space.project(float_vector("the field", field(space))), *point)
    return point[0] + length * V1, point[1] + length * V2
