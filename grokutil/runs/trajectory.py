"""The record of a run: what was asked for, when, and from which settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import torch

from grokutil.checks import finite
from grokutil.runs.storage import load_npz, save_npz

State = Any  # a Tensor, or a tuple of one Tensor a layer; which of the two, the maker of the run knows


@dataclass(frozen=True, eq=False)
class Trajectory:
    r"""States of a run at the times that were asked for. Immutable: its times cannot be written to.

    Attributes:
        times: (T,) float64 array, increasing, in units of ``clock``; read-only.
        states: T states; ``states[i]`` belongs to ``times[i]``. A state is a tensor, or a tuple of tensors
            (one per layer); NumPy arrays become tensors.
        clock: the name of the time. The package's own are ``"t"`` (gradient flow of eq. 3), ``"s"``
            (:math:`s = \lambda t`), ``"tau"`` (:math:`\tau = 2 \lambda t`, eq. 20) and ``"steps"`` of gradient descent.
        evaluations: how many velocities or gradients were computed.
        complete: False when the run was interrupted; the last state is then the one reached at that moment.
        settings: what the run was made with; plain JSON values, read-only.
        measured: where numbers were kept in place of states: arrays (T, ...) by name, read-only. ``states`` then has
            the state at the last time alone, to go on from, or none where :meth:`at` has left that time out.

    Raises:
        ValueError: a clock that is no name, times that do not increase, or not as many states or measured values as
            times; beside measured values, more than the last state.
    """

    times: np.ndarray
    states: tuple[State, ...]
    clock: str
    evaluations: int = 0
    complete: bool = True
    settings: Mapping[str, Any] = field(default_factory=dict)
    measured: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        times = increasing_times(self.times)
        times.setflags(write=False)
        if not isinstance(self.clock, str) or not self.clock:
            raise ValueError(f"clock must be a name such as 'tau', 's', 't' or 'steps', got {self.clock!r}")
        states = tuple(_tensors(state) for state in self.states)
        measured = {name: np.array(values) for name, values in self.measured.items()}
        if len(states) > 1 if measured else len(states) != len(times):
            must = "the last state alone beside measured values" if measured else "one state per time"
            raise ValueError(f"{len(states)} states for {len(times)} times; there must be {must}")
        for name, values in measured.items():
            if values.shape[:1] != times.shape:
                raise ValueError(f"measured {name!r} has shape {values.shape}; there must be one value per time")
            values.setflags(write=False)
        object.__setattr__(self, "times", times)
        object.__setattr__(self, "states", states)
        object.__setattr__(self, "settings", MappingProxyType(dict(self.settings)))
        object.__setattr__(self, "measured", MappingProxyType(measured))

    def __reduce__(self) -> tuple:
        values = (getattr(self, one.name) for one in fields(self))
        return type(self), tuple(dict(value) if isinstance(value, Mapping) else value for value in values)

    def __repr__(self) -> str:
        layers = [W for state in self.states[:1] for W in (state if isinstance(state, tuple) else (state,))]
        kept = f"states {', '.join(str(tuple(W.shape)) for W in layers)}" if layers else "records"
        span = f"{self.clock} {self.times[0]:g} to {self.times[-1]:g}"
        return f"Trajectory({len(self)} {kept}, {span}{'' if self.complete else ', interrupted'})"

    def __len__(self) -> int:
        return len(self.times)

    def at(self, times: Any) -> Trajectory:
        """The record at some of its times, each one at which something was recorded but for rounding.

        Of a run recorded with ``measure=``, the measured values at those times. Its only state belongs to its last
        time, so the result has that state if its last time is this one, and else none.

        Raises:
            ValueError: a time at which nothing was recorded; the nearest recorded one is named.
        """
        found = []
        for time in increasing_times(times):
            nearest = int(np.abs(self.times - time).argmin())
            gaps = np.abs(np.diff(self.times[max(0, nearest - 1) : nearest + 2]))
            rounding = max(1e-9 * gaps.min(initial=abs(time)), 4 * np.spacing(abs(time)))
            if abs(self.times[nearest] - time) > rounding:
                raise ValueError(f"nothing was recorded at {time:g}; the nearest record is at {self.times[nearest]:g}")
            found.append(nearest)
        states = tuple(self.states[i - len(self)] for i in found if i >= len(self) - len(self.states))
        measured = {name: values[found] for name, values in self.measured.items()}
        return replace(self, times=self.times[found], states=states, measured=measured)

    def save(self, path: str | Path) -> Path:
        """Write the record to an ``.npz`` file, atomically and without pickle.

        Raises:
            ValueError: settings that JSON cannot hold.
        """
        layers = [state if isinstance(state, tuple) else (state,) for state in self.states]
        stacked = [torch.stack(layer).detach().cpu().numpy() for layer in zip(*layers, strict=True)]
        arrays = {f"layer_{k}": layer for k, layer in enumerate(stacked)}
        notes = {
            "clock": self.clock,
            "evaluations": self.evaluations,
            "complete": self.complete,
            "settings": dict(self.settings),
            "layered": bool(self.states) and isinstance(self.states[0], tuple),
        }
        measured = {f"measured_{name}": values for name, values in self.measured.items()}
        return save_npz(path, {"times": self.times, **arrays, **measured}, notes)

    @classmethod
    def load(cls, path: str | Path) -> Trajectory:
        """Read what :meth:`save` wrote; tensors come back on the CPU.

        Raises:
            FileNotFoundError: no such file.
            ValueError: not a saved trajectory.
        """
        arrays, notes = load_npz(path)
        try:
            times, layered = arrays.pop("times"), notes.pop("layered")
            measured = {name: arrays.pop(name) for name in list(arrays) if name.startswith("measured_")}
            notes["measured"] = {name.removeprefix("measured_"): values for name, values in measured.items()}
            layers = [torch.from_numpy(arrays[f"layer_{k}"]).unbind() for k in range(len(arrays))]
            states = tuple(zip(*layers, strict=True)) if layered or not layers else layers[0]
            return cls(times=times, states=states, **notes)
        except (KeyError, TypeError, IndexError) as error:
            raise ValueError(f"{path} holds other data than a saved trajectory ({error!r})") from error


def _tensors(state: State) -> State:
    """A state with tensors in place of NumPy arrays."""
    if isinstance(state, (tuple, list)):
        return tuple(_tensors(part) for part in state)
    return torch.from_numpy(state) if isinstance(state, np.ndarray) else state


def increasing_times(times: Any) -> np.ndarray:
    """Return ``times`` as a fresh float64 array (T,).

    Raises:
        ValueError: empty, not one-dimensional, not finite, or not increasing.
    """
    array = np.array(times, dtype=np.float64)
    if array.ndim != 1 or not array.size:
        raise ValueError(f"times must be a non-empty list of numbers, got shape {array.shape}")
    finite("times", torch.from_numpy(array), "each must be a number")
    if (np.diff(array) <= 0).any():
        raise ValueError("times must increase strictly; sort them and drop repeats")
    return array
