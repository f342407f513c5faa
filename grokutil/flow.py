"""Integrate a velocity field, record the states that were asked for, and say how long a step may be."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from scipy.integrate import RK45
from scipy.sparse.linalg import ArpackError, LinearOperator, eigsh
from torch import Tensor

from grokutil.chebyshev import Chebyshev
from grokutil.checks import Matrix, finite, integer, positive, tensor
from grokutil.runs.recorder import Measure, Run, Steps, Until, recorded
from grokutil.runs.trajectory import increasing_times

Velocity = Callable[[Tensor], Tensor]
StepRule = Callable[[float, Tensor], float]

METHODS = ("euler", "rk45", "rkc")
SMALL = 6  # numbers in a state whose Hessian is formed whole


@recorded
def integrate(
    velocity: Velocity,
    start: Matrix,
    times: Sequence[float] | np.ndarray,
    *,
    method: str = "euler",
    step: float | StepRule = 1e-3,
    rtol: float = 1e-3,
    measure: Measure | None = None,
    until: Until | None = None,
    progress: bool = True,
) -> Run:
    r"""Follow :math:`dW/d\tau = v(W)` from ``start`` and record the states at ``times``.

    ``"euler"`` takes steps of a given length,

    .. math:: W_{k+1} = W_k + \eta \, v(W_k) .

    They follow the flow only while :math:`\eta` times the :func:`sharpness` stays below 2, which nothing checks: near
    width = n the first steps of eq. 20 exceed it a thousandfold. :class:`StableStep` is a rule that keeps it.

    The others choose their steps so that the error of each is below ``rtol`` times the norm of the state, and
    interpolate at the asked times. ``"rk45"`` is the explicit pair of Dormand and Prince, from SciPy, on the CPU.
    On a stiff flow it hovers at its own limit and errors add up; there, a smaller ``rtol`` is even cheaper.
    ``"rkc"`` is the stabilised :class:`~grokutil.chebyshev.Chebyshev`, for a stiff flow down a cost. At a kink (ReLU)
    the velocity jumps; every method is then of first order at best.

    Only the asked states are kept. A run that is interrupted (Ctrl-C, or the stop button of a notebook) returns
    what it has, with the state reached at that moment as its last; ``complete`` is then False. To go on, integrate
    again from ``states[-1]``. ``integrate.begin``, with the same arguments, hands over the
    :class:`~grokutil.runs.recorder.Run` as it goes, to draw, store or stop meanwhile.

    Args:
        velocity: maps a state to its velocity. Its attribute ``clock``, if it has one, names the clock
            (default ``"t"``). For ``"rkc"``, its method ``linearize(state)``, if it has one, returns the velocity and
            the product with its derivative; otherwise ``torch.func.jvp`` forms that.
        start: state at ``times[0]``, a float64 tensor: a matrix, a stack of matrices, or a vector.
        times: when to record, increasing, in the flow's own clock; ``times[0]`` is the start.
        method: ``"euler"``, ``"rk45"`` or ``"rkc"``.
        step: for Euler: :math:`\eta`, in the flow's own clock, or a function ``step(time, state)`` that returns it.
            Steps are shortened, all alike, so that they end on the asked times.
            The others choose their own steps.
        rtol: for the others: the error allowed in a step. Euler's method has none.
        measure: called with (time, state) at each of ``times``; the numbers it returns by name are kept in place of
            the states, as ``measured``.
        until: called with (time, state) at each of ``times``; the run ends where it returns True.
        progress: show a progress bar when the run takes more than two seconds.

    Returns:
        A :class:`~grokutil.runs.trajectory.Trajectory` with exactly the asked times. ``evaluations`` counts velocities;
        for ``"rkc"``, ``settings`` count products with the derivative and rejected steps too.

    Raises:
        ValueError: unknown method, a step or rtol that is not positive, times that do not increase, a start that is
            not a finite float64 tensor, a state that stops being finite on the way, or steps that shrink to nothing.

    Source: paper, section 7.3 (Euler with a fixed step).
    """
    if method not in METHODS:
        raise ValueError(f"unknown method {method!r}; known: {', '.join(METHODS)}")
    times, state, counted = increasing_times(times), tensor("start", start).detach().clone(), _Counted(velocity)
    settings: dict[str, Any] = {"method": method}
    if method == "euler":
        longest = step if callable(step) else positive("step", step)
        if isinstance(step, StableStep):
            step.begin()
        settings["step"] = repr(step) if callable(step) else longest
        steps = _euler(counted, state, times, longest)
    else:
        settings["rtol"] = positive("rtol", rtol)
        solver = _rk45 if method == "rk45" else _rkc
        steps = solver(counted, state, times, settings)
    return Run(
        steps,
        state,
        times,
        counted.clock,
        evaluations=lambda: counted.evaluations,
        settings=settings,
        measure=measure,
        until=until,
        progress=progress,
    )


class _Counted:
    """A velocity that counts its evaluations."""

    def __init__(self, velocity: Velocity) -> None:
        self.velocity, self.evaluations = velocity, 0
        self.clock = getattr(velocity, "clock", "t")

    def __call__(self, state: Tensor) -> Tensor:
        self.evaluations += 1
        return self.velocity(state)

    def linearize(self, state: Tensor) -> tuple[Tensor, Velocity]:
        self.evaluations += 1
        return linearize(self.velocity, state)


def _euler(velocity: Velocity, state: Tensor, times: np.ndarray, longest: float | StepRule) -> Steps:
    now = float(times[0])
    for end in map(float, times[1:]):
        while now < end:
            length = positive("step", longest(now, state)) if callable(longest) else longest
            steps_left = max(1, math.ceil((end - now) / length * (1 - 1e-9)))
            eta = (end - now) / steps_left
            then = end if steps_left == 1 else now + eta
            if then == now:
                raise ValueError(
                    f"a step of {eta:.1g} is below the spacing of floating-point numbers near {now:g}, so time stands "
                    f"still: take a larger step, or times that begin at 0"
                )
            state, now = state + eta * velocity(state), then
            yield now, lambda time, state=state: state  # type: ignore[misc]  # noqa: ARG005


def _rk45(velocity: Velocity, start: Tensor, times: np.ndarray, settings: dict[str, Any]) -> Steps:
    lost: ValueError | None = None  # what the velocity said where it does not exist

    def to_state(flat: np.ndarray) -> Tensor:
        return torch.from_numpy(flat).reshape(start.shape).to(start.device)

    def flat_velocity(time: float, flat: np.ndarray) -> np.ndarray:
        nonlocal lost
        try:
            return velocity(to_state(flat)).cpu().numpy().ravel()
        except ValueError as error:
            if time == times[0]:
                raise
            lost = error
            return np.full(flat.shape, np.nan)  # SciPy takes the stage back and tries a shorter step

    W0, rtol = start.cpu().numpy().ravel(), settings["rtol"]
    atol = rtol * (float(start.square().mean().sqrt()) or 1.0)
    solver = RK45(flat_velocity, times[0], W0, times[-1], rtol=rtol, atol=atol)
    finite("the velocity at the start", torch.from_numpy(solver.f), "it has no value there: check velocity and start")
    while solver.status == "running":
        if message := solver.step():
            said = f"; the velocity said: {lost}" if lost else f"; try another rtol than {rtol:g}"
            raise ValueError(f"SciPy's RK45 stopped at {solver.t:g}: {message}{said}") from lost
        at = solver.dense_output()
        yield float(solver.t), lambda time, at=at: to_state(at(time))  # type: ignore[misc]


def _rkc(velocity: _Counted, start: Tensor, times: np.ndarray, settings: dict[str, Any]) -> Steps:
    solver = Chebyshev(velocity, velocity.linearize, start, float(times[0]), float(times[-1]), settings["rtol"])
    for step in solver:
        settings |= {"products": solver.products, "rejected": solver.rejected}
        yield step


def linearize(velocity: Velocity, state: Tensor) -> tuple[Tensor, Velocity]:
    r"""The velocity at a state, and the product :math:`V \mapsto Dv[V]` with its derivative there.

    By the method ``linearize`` of ``velocity`` where it has one, else by ``torch.func.jvp``.
    """
    if hasattr(velocity, "linearize"):
        return velocity.linearize(state)
    return velocity(state), lambda V: torch.func.jvp(velocity, (state,), (V,))[1]


def sharpness(
    velocity: Velocity, state: Tensor, guess: Tensor | None = None, tolerance: float = 1e-3
) -> tuple[float, Tensor]:
    r"""Largest eigenvalue of the Hessian of the cost that ``velocity`` descends, and its eigenvector.

    .. math:: \lambda_{\max}\bigl(-Dv(W)\bigr), \qquad \text{Euler's method is stable while } \eta\,\lambda_{\max} < 2

    ``velocity`` must be minus a gradient, see :func:`linearize`. With a kink (ReLU) this is the
    Hessian inside the smooth piece around ``state``. The method is Lanczos, from SciPy's ``eigsh``.

    Args:
        velocity: maps a state to its velocity.
        state: float64 tensor, a matrix (d_in, d_h) as a rule.
        guess: a first guess of the eigenvector, same shape as ``state``; saves evaluations along a run.
        tolerance: relative accuracy of the eigenvalue.

    Returns:
        The eigenvalue, in units of one over the flow's clock, and the unit eigenvector (same shape as ``state``).

    Raises:
        ValueError: ``state`` is not a finite float64 tensor.
    """
    state = tensor("state", state).detach()
    _, product = linearize(velocity, state)

    def hessian_product(direction: np.ndarray) -> np.ndarray:
        V = torch.from_numpy(direction).reshape(state.shape).to(state.device)
        return -product(V).cpu().numpy().ravel()

    size = state.numel()
    v0 = None if guess is None else tensor("guess", guess).cpu().numpy().ravel()
    if v0 is None or not v0.any():
        v0 = torch.randn(size, generator=torch.Generator().manual_seed(0), dtype=state.dtype).numpy()
    if size <= SMALL:  # ARPACK wants more than that
        value, vector = np.linalg.eigh(np.stack([hessian_product(e) for e in np.eye(size)]))
    else:
        operator = LinearOperator((size, size), matvec=hessian_product, dtype=np.float64)
        try:
            value, vector = eigsh(operator, k=1, which="LA", v0=v0, ncv=min(size, 6), tol=tolerance)
        except ArpackError:
            if hessian_product(v0).any():
                raise
            if guess is not None:  # in the null space of the Hessian: a random start is not, unless all vectors are
                return sharpness(velocity, state, None, tolerance)
            value, vector = np.zeros(1), v0[:, None] / np.linalg.norm(v0)
    return float(value[-1]), torch.from_numpy(vector[:, -1].copy()).reshape(state.shape).to(state.device)


class StableStep:
    r"""A step rule for :func:`integrate`: :math:`\eta = \min(\text{longest}, \text{fraction} / \lambda_{\max})`.

    The sharpness :math:`\lambda_{\max}` is estimated to 5 % and anew every ``every`` steps. One rule may serve many
    runs, one after the other: :func:`integrate` calls :meth:`begin` at the start of each.

    Args:
        velocity: the velocity that is integrated.
        fraction: :math:`\eta \lambda_{\max}`; Euler's method is stable below 2 and without oscillation below 1.
        longest: an upper limit on the step, in the flow's clock.
        every: steps between two estimates.

    Raises:
        ValueError: a fraction or limit that is not positive, or ``every`` below 1.
    """

    def __init__(self, velocity: Velocity, fraction: float = 0.5, longest: float = 1e-3, every: int = 25) -> None:
        self.velocity = velocity
        self.fraction, self.longest = positive("fraction", fraction), positive("longest", longest)
        self.every = integer("every", every, 1)
        self._eta = self.longest
        self._direction: Tensor | None
        self.begin()

    def begin(self) -> None:
        """Forget the run before: the next step is estimated anew."""
        self._calls, self._direction = 0, None

    def __call__(self, time: float, state: Tensor) -> float:
        """The step to take at ``state``; ``time`` plays no part."""
        if self._calls % self.every == 0:
            value, self._direction = sharpness(self.velocity, state, self._direction, tolerance=0.05)
            self._eta = min(self.longest, self.fraction / max(value, 1e-12))
        self._calls += 1
        return self._eta

    def __repr__(self) -> str:
        return f"StableStep(fraction={self.fraction}, longest={self.longest}, every={self.every})"
