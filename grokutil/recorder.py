"""One recorder for all runs: what is kept of their steps, when they stop, how far they are, and Ctrl-C."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import torch

from grokutil.checks import finite
from grokutil.progress import progress_bar
from grokutil.trajectory import State, Trajectory

Steps = Iterator[tuple[float, Callable[[float], State]]]  # after each step: the time, and the states within it
Measure = Callable[[float, State], Mapping[str, Any]]
Until = Callable[[float, State], bool]


def record(
    steps: Steps,
    start: State,
    times: np.ndarray,
    clock: str,
    *,
    evaluations: Callable[[], int],
    settings: Mapping[str, Any],
    measure: Measure | None = None,
    until: Until | None = None,
    progress: bool = True,
) -> Trajectory:
    """Take the steps of a run, and keep the states at ``times`` or what is measured on them.

    An interruption (Ctrl-C, or the stop button of a notebook) ends the run with the state that was reached as its last
    record; ``complete`` is then False. The record shares no memory with the steps' own variables only if ``steps``
    yields fresh states.

    Args:
        steps: yields (time, function of the times within the step that returns a state), from just after ``times[0]``.
        start: the state at ``times[0]``.
        times: when to record, increasing.
        clock: the name of the time.
        evaluations: how many velocities or gradients were computed so far.
        settings: for the record; read at the end.
        measure: called with (time, state) at each record; returns numbers or arrays by name. They are then kept in
            place of the states, of which only the last remains.
        until: called with (time, state) at each record; where it returns True the run ends, and is complete.
        progress: show a progress bar when the run takes more than two seconds.

    Raises:
        ValueError: a state to record is not finite.
    """
    kept = _Kept(measure)
    now, at, stopped = float(times[0]), lambda _: start, False
    kept.add(now, start)
    try:
        stopped = until is not None and until(now, start)
        with progress_bar(clock, times[-1] - now, progress) as bar:
            while not stopped and now < times[-1]:
                then, at = next(steps)
                bar.update(then - now)
                now = then
                while not stopped and len(kept.times) < len(times) and times[len(kept.times)] <= now:
                    time = float(times[len(kept.times)])
                    state = at(time)
                    for part in _parts(state):
                        finite(f"the state at {_moment(clock, time)}", part)
                    kept.add(time, state)
                    stopped = until is not None and until(time, state)
    except KeyboardInterrupt:
        warnings.warn(f"interrupted at {_moment(clock, now)}: the record ends there", RuntimeWarning, stacklevel=3)
        if now > kept.times[-1] and all(bool(torch.isfinite(part).all()) for part in _parts(at(now))):
            kept.add(now, at(now))
    return Trajectory(
        times=np.array(kept.times),
        states=tuple(kept.states),
        clock=clock,
        evaluations=evaluations(),
        complete=bool(stopped or kept.times[-1] == times[-1]),
        settings=settings,
        measured=kept.measured(),
    )


class _Kept:
    """What a run has recorded so far."""

    def __init__(self, measure: Measure | None) -> None:
        self.measure = measure
        self.times: list[float] = []
        self.states: list[State] = []
        self.rows: list[Mapping[str, Any]] = []

    def add(self, time: float, state: State) -> None:
        if self.measure is not None:
            row = self.measure(time, state)
            if not isinstance(row, Mapping) or (self.rows and row.keys() != self.rows[0].keys()):
                raise ValueError(f"measure must return the same names each time, in a mapping; got {row!r}")
            self.rows.append(row)
            self.states.clear()
        self.times.append(time)
        self.states.append(state)

    def measured(self) -> dict[str, np.ndarray]:
        names = self.rows[0] if self.rows else ()
        return {name: np.array([np.asarray(row[name]) for row in self.rows]) for name in names}


def _parts(state: State) -> tuple[torch.Tensor, ...]:
    return state if isinstance(state, tuple) else (state,)


def _moment(clock: str, time: float) -> str:
    return f"step {time:g}" if clock == "steps" else f"{clock} = {time:.6g}"
