"""One recorder for all runs: taken whole, or as they go; what is kept of their steps, when they stop, and Ctrl-C."""

from __future__ import annotations

import functools
import inspect
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, ParamSpec, Protocol

import numpy as np
import torch

from grokutil.checks import finite
from grokutil.runs.progress import progress_bar
from grokutil.runs.trajectory import State, Trajectory

Steps = Iterator[tuple[float, Callable[[float], State]]]  # after each step: the time, and the states within it
Place = tuple[float, Callable[[float], State], bool]  # a moment before its state is built
Measure = Callable[[float, State], Mapping[str, Any]]
Until = Callable[[float, State], bool]
P = ParamSpec("P")


class Moment(NamedTuple):
    """Where a run is: a time on its clock, the state there, and whether it was asked to record it."""

    time: float
    state: State
    recorded: bool


class Run:
    """A run as it goes. Iterate over it to take its steps; what has been recorded so far is its :meth:`trajectory`.

    Each step gives one :class:`Moment` for each asked time within it, and one for its end where that is no asked time;
    the first is the start. Nothing runs between two of them, so leaving the loop stops the run, and a second loop goes
    on from there. The state of a moment is the run's own, to look at and not to write to.

    Args:
        steps: yields (time, function of the times within the step that returns a state), from just after ``times[0]``;
            states must be fresh.
        start: the state at ``times[0]``.
        times: when to record, increasing.
        clock: the name of the time.
        evaluations: how many velocities or gradients were computed so far.
        settings: for the record; read when it is asked for.
        measure: called with (time, state) at each record; returns numbers or arrays by name. They are then kept in
            place of the states, of which only the last remains.
        until: called with (time, state) at each record; where it returns True the run ends, and is complete.
        progress: whether :meth:`whole` shows a bar.

    Raises:
        ValueError: a state to record is not finite, or a measure that changes its names.
    """

    def __init__(
        self,
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
    ) -> None:
        self.times, self.clock, self._evaluations, self._settings = times, clock, evaluations, settings
        self._until, self._progress, self._kept, self._stopped = until, progress, _Kept(measure), False
        self._last = self._record(float(times[0]), start)
        self._places = self._go(steps)

    @property
    def evaluations(self) -> int:
        """How many velocities or gradients were computed so far."""
        return self._evaluations()

    def __iter__(self) -> Iterator[Moment]:
        return self

    def __next__(self) -> Moment:
        self._last = next(self._places)
        return self._moment()

    def _moment(self) -> Moment:
        """The moment of the place that was reached."""
        time, at, recorded = self._last
        return Moment(time, at(time), recorded)

    def _go(self, steps: Steps) -> Iterator[Place]:
        yield self._last
        asked = deque(self.times[1:].tolist())
        while asked and not self._stopped:
            now, at = next(steps)
            while asked and asked[0] <= now and not self._stopped:
                time = asked.popleft()
                state = at(time)
                for part in _parts(state):
                    finite(f"the state at {_when(self.clock, time)}", part)
                yield self._record(time, state)
            if asked and not self._stopped and self._kept.times[-1] < now:
                yield now, at, False

    def _record(self, time: float, state: State) -> Place:
        self._kept.add(time, state)
        self._stopped = self._until is not None and self._until(time, state)
        return time, lambda _: state, True

    def trajectory(self) -> Trajectory:
        """The record so far. Where the run has not ended, its last state is the one that was reached."""
        kept, (time, state, recorded) = self._kept, self._moment()
        if not recorded and all(bool(torch.isfinite(part).all()) for part in _parts(state)):
            kept = kept.with_one_more(time, state)
        return Trajectory(
            times=np.array(kept.times),
            states=tuple(kept.states),
            clock=self.clock,
            evaluations=self.evaluations,
            complete=bool(self._stopped or kept.times[-1] == self.times[-1]),
            settings=self._settings,
            measured=kept.measured(),
        )

    def whole(self) -> Trajectory:
        """Take all steps, with a bar if they take more than two seconds; Ctrl-C ends them with a warning."""
        before = self._last[0]
        try:
            with progress_bar(self.clock, self.times[-1] - before, self._progress) as bar:
                for place in self._places:  # a state that nobody asked for is not built
                    self._last = place
                    bar.update(place[0] - before)
                    before = place[0]
        except KeyboardInterrupt:
            where = _when(self.clock, self._last[0])
            warnings.warn(f"interrupted at {where}: the record ends there", RuntimeWarning, stacklevel=3)
        return self.trajectory()


class Recorded(Protocol[P]):
    """A function that makes a run, and returns it whole."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Trajectory:
        """The whole run."""

    def begin(self, *args: P.args, **kwargs: P.kwargs) -> Run:
        """The same run as it goes: to draw, stop or store while it does."""


def recorded(make: Callable[P, Run]) -> Recorded[P]:
    """Let a function that makes a run return it whole; its attribute ``begin`` takes the same and hands over the run.

    .. code-block:: python

        for time, state, recorded in integrate.begin(velocity, start, times):
            ...
    """

    @functools.wraps(make)
    def whole(*args: P.args, **kwargs: P.kwargs) -> Trajectory:
        return make(*args, **kwargs).whole()

    function: Any = whole
    function.__signature__ = inspect.signature(make).replace(return_annotation="Trajectory")
    function.begin = make
    return function


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
            if not isinstance(row, Mapping) or not row or (self.rows and row.keys() != self.rows[0].keys()):
                raise ValueError(
                    f"measure must return the same names each time, one at least, in a mapping; got {row!r}"
                )
            self.rows.append(row)
            self.states.clear()
        self.times.append(time)
        self.states.append(state)

    def with_one_more(self, time: float, state: State) -> _Kept:
        more = _Kept(self.measure)
        more.times, more.states, more.rows = [*self.times], [*self.states], [*self.rows]
        more.add(time, state)
        return more

    def measured(self) -> dict[str, np.ndarray]:
        names = self.rows[0] if self.rows else ()
        return {name: np.array([np.asarray(row[name]) for row in self.rows]) for name in names}


def _parts(state: State) -> tuple[torch.Tensor, ...]:
    return state if isinstance(state, tuple) else (state,)


def _when(clock: str, time: float) -> str:
    return f"step {time:g}" if clock == "steps" else f"{clock} = {time:.6g}"
