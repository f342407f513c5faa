"""What a sweep leaves: a record of its cells, and the file of lines that keeps it."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from grokutil.runs.storage import replacing

Line = dict[str, Any]  # the first names the function and its arguments; then provenance, and an outcome a line


class Outcome(NamedTuple):
    """What became of one cell: a result, or an error, or neither if it has not run yet."""

    cell: dict[str, Any]
    result: dict[str, Any] | None = None
    seconds: float | None = None
    error: str | None = None
    traceback: str | None = None


@dataclass(frozen=True, eq=False)
class Sweep:
    """The outcomes of a sweep, one for each cell.

    Attributes:
        outcomes: an :class:`Outcome` a cell.
        provenance: command and versions the results were made with; one entry more whenever these changed.
    """

    outcomes: tuple[Outcome, ...]
    provenance: tuple[dict[str, Any], ...] = ()

    def __len__(self) -> int:
        return len(self.outcomes)

    @property
    def cells(self) -> tuple[dict[str, Any], ...]:
        """The arguments of each run."""
        return tuple(outcome.cell for outcome in self.outcomes)

    @property
    def results(self) -> tuple[dict[str, Any] | None, ...]:
        """What each run returned; None where it failed or has not run."""
        return tuple(outcome.result for outcome in self.outcomes)

    @property
    def failed(self) -> tuple[Outcome, ...]:
        """The outcomes with an error."""
        return tuple(outcome for outcome in self.outcomes if outcome.error is not None)

    @property
    def axes(self) -> dict[str, tuple[Any, ...]]:
        """The values that each argument takes, numbers in order, then text in order, then the rest as they come."""

        def rank(value: Any) -> tuple[int, Any]:
            return (0, value) if isinstance(value, (int, float)) else (1, value) if isinstance(value, str) else (2, 0)

        names = self.cells[0] if self.cells else ()
        values = {name: {key(cell[name]): cell[name] for cell in self.cells} for name in names}
        return {name: tuple(sorted(distinct.values(), key=rank)) for name, distinct in values.items()}

    def rows(self) -> list[dict[str, Any]]:
        """A flat mapping for each cell: its arguments, its result, ``seconds`` and ``error``; for a table of pandas.

        Raises:
            ValueError: a name that is both an argument and an entry of a result.
        """
        rows = []
        for cell, result, seconds, error, _ in self.outcomes:
            if both := set(cell) & set(result or ()):
                raise ValueError(f"{sorted(both)} name arguments and entries of the result: a row can hold only one")
            rows.append({**cell, **(result or {}), "seconds": seconds, "error": error})
        return rows

    def where(self, **fixed: Any) -> Sweep:
        """The part of the sweep in which arguments have these values.

        Raises:
            ValueError: a name that is no argument, or no cell has these values.
        """
        if unknown := set(fixed) - set(self.axes):
            raise ValueError(f"{sorted(unknown)} are no arguments of this sweep; it has {list(self.axes)}")
        wanted = {name: key(as_json(name, value)) for name, value in fixed.items()}
        found = tuple(o for o in self.outcomes if wanted == {name: key(o.cell[name]) for name in wanted})
        if not found:
            raise ValueError(f"no cell has {fixed}; the arguments and their values are {self.axes}")
        return replace(self, outcomes=found)

    def array(self, name: str, over: Sequence[str] | None = None) -> np.ndarray:
        """A number of each result, on the grid.

        Args:
            name: which entry of the results; a number, None (not a number), or a list of them.
            over: arguments, an axis each, with their values in the order of :attr:`axes`; None for all that vary.

        Returns:
            float64 array, a list's entries along last axes; NaN where there is no result.

        Raises:
            ValueError: unknown argument or entry, no results, lists of different length, or other arguments vary too.
        """
        axes = self.axes
        over = [k for k, values in axes.items() if len(values) > 1] if over is None else list(over)
        if unknown := set(over) - set(axes):
            raise ValueError(f"over names {sorted(unknown)}, but the arguments are {list(axes)}")
        if others := [k for k, values in axes.items() if k not in over and len(values) > 1]:
            raise ValueError(f"{others} vary too: name them in over, or fix them before with .where(...)")
        places = [{key(value): i for i, value in enumerate(axes[k])} for k in over]
        entries = {}
        for cell, result in zip(self.cells, self.results, strict=True):
            if result is not None:
                if name not in result:
                    raise ValueError(f"the result of {cell} has no {name!r}; it has {list(result)}")
                place = tuple(at[key(cell[k])] for k, at in zip(over, places, strict=True))
                try:
                    entries[place] = np.array(result[name], dtype=np.float64)
                except (TypeError, ValueError):
                    raise ValueError(f"{name!r} of {cell} is {result[name]!r}: no number or list of numbers") from None
        shapes = {entry.shape for entry in entries.values()}
        if len(shapes) != 1:
            raise ValueError(f"{name!r} has the shapes {sorted(shapes)}: one is needed" if shapes else "no results yet")
        array = np.full((*map(len, places), *shapes.pop()), np.nan)
        for place, entry in entries.items():
            array[place] = entry
        return array


def load(path: str | Path) -> Sweep:
    """Read what :func:`grokutil.runs.sweep.sweep` wrote; one that is still running may be read too.

    Raises:
        FileNotFoundError: no such file.
        ValueError: not a file written by a sweep.
    """
    lines, _ = read_lines(Path(path))
    last = {key(line["cell"]): Outcome(**line) for line in lines if "cell" in line}
    return Sweep(tuple(last.values()), tuple(line["provenance"] for line in lines if "provenance" in line))


def read_lines(path: Path) -> tuple[list[Line], bool]:
    """The whole lines of a file, and whether there was a torn one after them, which a kill may leave.

    Raises:
        FileNotFoundError: no such file.
        ValueError: not a file written by a sweep.
    """
    *texts, torn = path.read_bytes().split(b"\n")
    try:
        lines = [json.loads(text) for text in texts]
        known = "run" in lines[0] and all("cell" in line or "provenance" in line for line in lines[1:])
    except (ValueError, LookupError, TypeError) as error:
        raise ValueError(f"{path} is not a file written by grokutil.sweep ({error!r})") from error
    if not known:
        raise ValueError(f"{path} is not a file written by grokutil.sweep: other lines were expected")
    if torn:
        warnings.warn(f"{path}: the last line is torn; its cell counts as not run", RuntimeWarning, stacklevel=3)
    return lines, bool(torn)


def append_line(file: BinaryIO, line: Line) -> None:
    """Add a line, and return once it is on the disk."""
    file.write(json.dumps(line, allow_nan=False, separators=(",", ":")).encode() + b"\n")
    file.flush()
    os.fsync(file.fileno())


def write_lines(path: Path, lines: Iterable[Line]) -> None:
    """Replace the file as a whole."""
    with replacing(path) as file:
        for line in lines:
            append_line(file, line)


def as_json(name: str, value: Any, nan: bool = True) -> Any:
    """``value`` in what JSON can hold: NumPy and torch as numbers and lists, NaN as None if ``nan`` allows it.

    Raises:
        ValueError: infinity, NaN where it is not allowed, keys that are not text, or anything else.
    """
    value = value.tolist() if hasattr(value, "tolist") else value
    if isinstance(value, Mapping) and all(isinstance(k, str) for k in value):
        return {k: as_json(f"{name}[{k!r}]", v, nan) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [as_json(f"{name}[{k}]", v, nan) for k, v in enumerate(value)]
    if isinstance(value, float) and np.isinf(value):
        raise ValueError(f"{name} is {value}: JSON has no infinity; use None where there is no number")
    if isinstance(value, float) and np.isnan(value):
        if not nan:
            raise ValueError(f"{name} is NaN, which a file keeps as None: leave it out, or use None")
        return None
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise ValueError(f"{name} is {value!r}, which JSON cannot hold; use numbers, text, None, lists and mappings")


def key(value: Any) -> str:
    """One text for each plain value: what tells cells apart. A whole number is one value, written 1 or 1.0."""
    return json.dumps(_whole(value), sort_keys=True)


def _whole(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _whole(entry) for name, entry in value.items()}
    if isinstance(value, list):
        return [_whole(entry) for entry in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
