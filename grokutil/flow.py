"""Integrate a velocity field, record the states that were asked for, and say how long a step may be."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence

import numpy as np
import torch
from scipy.sparse.linalg import LinearOperator, eigsh
from torch import Tensor

from grokutil.checks import Matrix, finite, integer, matrix, positive
from grokutil.progress import progress_bar
from grokutil.trajectory import Trajectory, increasing_times

Velocity = Callable[[Tensor], Tensor]
StepRule = Callable[[float, Tensor], float]

METHODS = ("euler",)


def integrate(
    velocity: Velocity,
    start: Matrix,
    times: Sequence[float] | np.ndarray,
    *,
    method: str = "euler",
    step: float | StepRule = 1e-3,
    progress: bool = True,
) -> Trajectory:
    r"""Follow :math:`dW/d\tau = v(W)` from ``start`` and record the states at ``times``.

    .. math:: W_{k+1} = W_k + \eta \, v(W_k)

    Only the asked states are kept. A run that is interrupted (Ctrl-C, or the stop button of a notebook) returns
    what it has, with the state reached at that moment as its last; ``complete`` is then False. To go on, integrate
    again from ``states[-1]``.

    Args:
        velocity: maps a state to its velocity. Its attribute ``clock``, if it has one, names the clock
            (default ``"t"``).
        start: state at ``times[0]``, a float64 matrix.
        times: when to record, increasing, in the flow's own clock; ``times[0]`` is the start.
        method: ``"euler"``.
        step: :math:`\eta`, in the flow's own clock, or a function ``step(time, state)`` that returns it. Steps are
            shortened, all alike, so that they end on the asked times.
        progress: show a progress bar when the run takes more than two seconds.

    Returns:
        A :class:`~grokutil.trajectory.Trajectory` with exactly the asked times.

    Raises:
        ValueError: unknown method, a step that is not positive, times that do not increase, a start that is not a
            finite float64 matrix, or a state that stops being finite on the way.

    Source: paper, section 7.3 (Euler with a fixed step).
    """
    if method not in METHODS:
        raise ValueError(f"unknown method {method!r}; known: {', '.join(METHODS)}")
    longest = step if callable(step) else positive("step", step)
    times = increasing_times(times)
    now, state = float(times[0]), matrix("start", start).clone()
    reached, states, evaluations = [now], [state], 0
    clock = getattr(velocity, "clock", "t")
    with progress_bar(clock, times[-1] - now, progress) as bar:
        try:
            for end in map(float, times[1:]):
                while now < end:
                    length = positive("step", longest(now, state)) if callable(longest) else longest
                    steps_left = max(1, math.ceil((end - now) / length * (1 - 1e-9)))
                    eta = (end - now) / steps_left
                    state = state + eta * velocity(state)
                    now = end if steps_left == 1 else now + eta
                    evaluations += 1
                    bar.update(eta)
                finite(f"the state at {clock} = {end:g}", state)
                reached.append(end)
                states.append(state)
        except KeyboardInterrupt:
            warnings.warn(f"interrupted at {clock} = {now:.6g}: the record ends there", RuntimeWarning, stacklevel=2)
            if now > reached[-1]:
                reached.append(now)
                states.append(state)
    settings = {"method": method, "step": repr(step) if callable(step) else longest}
    return Trajectory(
        times=np.array(reached),
        states=tuple(states),
        clock=clock,
        evaluations=evaluations,
        complete=now == float(times[-1]),
        settings=settings,
    )


def sharpness(
    velocity: Velocity, state: Tensor, guess: Tensor | None = None, tolerance: float = 1e-3
) -> tuple[float, Tensor]:
    r"""Largest eigenvalue of the Hessian of the cost that ``velocity`` descends, and its eigenvector.

    .. math:: \lambda_{\max}\bigl(-Dv(W)\bigr), \qquad \text{Euler's method is stable while } \eta\,\lambda_{\max} < 2

    ``velocity`` must be minus a gradient, differentiable by ``torch.func.jvp``. With a kink (ReLU) this is the
    Hessian inside the smooth piece around ``state``. The method is Lanczos, from SciPy's ``eigsh``.

    Args:
        velocity: maps a state to its velocity.
        state: (d_in, d_h) float64 matrix.
        guess: a first guess of the eigenvector, same shape as ``state``; saves evaluations along a run.
        tolerance: relative accuracy of the eigenvalue.

    Returns:
        The eigenvalue, in units of one over the flow's clock, and the unit eigenvector (same shape as ``state``).

    Raises:
        ValueError: ``state`` is not a finite float64 matrix.
    """
    state = matrix("state", state)

    def hessian_product(direction: np.ndarray) -> np.ndarray:
        V = torch.from_numpy(direction).reshape(state.shape).to(state.device)
        return -torch.func.jvp(velocity, (state,), (V,))[1].cpu().numpy().ravel()

    size = state.numel()
    if guess is None:
        guess = torch.randn(state.shape, generator=torch.Generator().manual_seed(0), dtype=state.dtype)
    operator = LinearOperator((size, size), matvec=hessian_product, dtype=np.float64)
    v0 = guess.cpu().numpy().ravel()
    value, vector = eigsh(operator, k=1, which="LA", v0=v0, ncv=min(size, 6), tol=tolerance)
    return float(value[0]), torch.from_numpy(vector[:, 0]).reshape(state.shape).to(state.device)


class StableStep:
    r"""A step rule for :func:`integrate`: :math:`\eta = \min(\text{longest}, \text{fraction} / \lambda_{\max})`.

    The sharpness :math:`\lambda_{\max}` is estimated to 5 % and anew every ``every`` steps.

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
        self._calls, self._eta = 0, self.longest
        self._direction: Tensor | None = None

    def __call__(self, time: float, state: Tensor) -> float:
        """The step to take at ``state``; ``time`` plays no part."""
        if self._calls % self.every == 0:
            value, self._direction = sharpness(self.velocity, state, self._direction, tolerance=0.05)
            self._eta = min(self.longest, self.fraction / max(value, 1e-12))
        self._calls += 1
        return self._eta

    def __repr__(self) -> str:
        return f"StableStep(fraction={self.fraction}, longest={self.longest}, every={self.every})"
