"""The record of a run: what was asked for, when, and from which settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import torch

from grokutil.checks import finite
from grokutil.storage import load_npz, save_npz

CLOCKS = ("tau", "s", "t", "steps")
State = Any  # a Tensor, or a tuple of one Tensor a layer; which of the two, the maker of the run knows


@dataclass(frozen=True, eq=False)
class Trajectory:
    r"""States of a run at the times that were asked for. Immutable: its times cannot be written to.

    Attributes:
        times: (T,) float64 array, increasing, in units of ``clock``; read-only.
        states: T states; ``states[i]`` belongs to ``times[i]``. A state is a tensor, or a tuple of tensors
            (one per layer).
        clock: ``"t"`` (gradient flow of eq. 3), ``"s"`` (:math:`s = \lambda t`), ``"tau"``
            (:math:`\tau = 2 \lambda t`, eq. 20) or ``"steps"`` of gradient descent.
        evaluations: how many velocities or gradients were computed.
        complete: False when the run was interrupted; the last state is then the one reached at that moment.
        settings: what the run was made with; plain JSON values, read-only.

    Raises:
        ValueError: unknown clock, times that do not increase, or not as many states as times.
    """

    times: np.ndarray
    states: tuple[State, ...]
    clock: str
    evaluations: int = 0
    complete: bool = True
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        times = increasing_times(self.times)
        times.setflags(write=False)
        if self.clock not in CLOCKS:
            raise ValueError(f"unknown clock {self.clock!r}; known: {', '.join(CLOCKS)}")
        if len(self.states) != len(times):
            raise ValueError(f"{len(self.states)} states for {len(times)} times; there must be one state per time")
        object.__setattr__(self, "times", times)
        object.__setattr__(self, "states", tuple(self.states))
        object.__setattr__(self, "settings", MappingProxyType(dict(self.settings)))

    def __repr__(self) -> str:
        first = self.states[0]
        shapes = ", ".join(str(tuple(W.shape)) for W in (first if isinstance(first, tuple) else (first,)))
        span = f"{self.clock} {self.times[0]:g} to {self.times[-1]:g}"
        return f"Trajectory({len(self)} states {shapes}, {span}{'' if self.complete else ', interrupted'})"

    def __len__(self) -> int:
        return len(self.times)

    def at(self, times: Any) -> Trajectory:
        """The record at some of its times.

        Raises:
            ValueError: a time at which nothing was recorded; the nearest recorded one is named.
        """
        found = []
        for time in increasing_times(times):
            nearest = int(np.abs(self.times - time).argmin())
            if not np.isclose(self.times[nearest], time):
                raise ValueError(f"nothing was recorded at {time:g}; the nearest record is at {self.times[nearest]:g}")
            found.append(nearest)
        return replace(self, times=self.times[found], states=tuple(self.states[i] for i in found))

    def save(self, path: str | Path) -> Path:
        """Write the record to an ``.npz`` file, atomically and without pickle.

        Raises:
            ValueError: settings that JSON cannot hold.
        """
        layers = [state if isinstance(state, tuple) else (state,) for state in self.states]
        arrays = {f"layer_{k}": torch.stack(layer).cpu().numpy() for k, layer in enumerate(zip(*layers, strict=True))}
        notes = {
            "clock": self.clock,
            "evaluations": self.evaluations,
            "complete": self.complete,
            "settings": dict(self.settings),
            "layered": isinstance(self.states[0], tuple),
        }
        return save_npz(path, {"times": self.times, **arrays}, notes)

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
            layers = [torch.from_numpy(arrays[f"layer_{k}"]).unbind() for k in range(len(arrays))]
            states = tuple(zip(*layers, strict=True)) if layered else layers[0]
            return cls(times=times, states=states, **notes)
        except (KeyError, TypeError, IndexError) as error:
            raise ValueError(f"{path} holds other data than a saved trajectory ({error!r})") from error


def increasing_times(times: Any) -> np.ndarray:
    """Return ``times`` as a fresh float64 array (T,).

    Raises:
        ValueError: empty, not one-dimensional, not finite, or not increasing.
    """
    array = np.array(times, dtype=np.float64)
    if array.ndim != 1 or not array.size:
        raise ValueError(f"times must be a non-empty list of numbers, got shape {array.shape}")
    finite("times", torch.from_numpy(array))
    if (np.diff(array) <= 0).any():
        raise ValueError("times must increase strictly; sort them and drop repeats")
    return array
