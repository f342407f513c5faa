"""One run on each cell of a grid, on many processes or machines; what is done survives a kill."""

from __future__ import annotations

import inspect
import itertools
import time
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future, as_completed
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from grokutil.checks import integer
from grokutil.extras import extra
from grokutil.runs.outcomes import Line, Outcome, Sweep, append_line, key, load, plain, read_lines, write_lines
from grokutil.runs.processes import Processes, cores, one_thread
from grokutil.runs.progress import progress_bar
from grokutil.runs.storage import provenance

with extra("sweeps"):
    from filelock import FileLock, Timeout

__all__ = ["Outcome", "Sweep", "load", "sweep"]

Run = Callable[..., Mapping[str, Any]]
Cell = dict[str, Any]  # the arguments of one run
Grid = Mapping[str, Iterable[Any]] | Iterable[Mapping[str, Any]]


def sweep(
    run: Run,
    grid: Grid,
    path: str | Path,
    *,
    executor: Executor | None = None,
    workers: int | None = None,
    progress: bool = True,
    command: str = "grokutil.sweep",
) -> Sweep:
    """Call ``run(**cell)`` for every cell of a grid, and keep each result in a file as soon as it is there.

    A cell that has a result in the file is not run again: a sweep that was killed goes on where it was, and one with
    more values runs only what is new. A cell that fails is recorded with its error, does not stop the others, and is
    tried again by the next call. Only the names of ``run`` and of its arguments are compared with the file: once
    ``run`` computes something else, take a new file.

    PyTorch has one thread in each run, and in processes of our own NumPy too. An interruption (Ctrl-C, or the stop
    button of a notebook) returns what is there. In a script the call stands under ``if __name__ == "__main__":``,
    because new processes import the script.

    Args:
        run: a named function of keyword arguments that returns a mapping of plain values: numbers, text, None, lists
            and mappings of these. NumPy and torch scalars and arrays become numbers and lists, NaN becomes None.
        grid: for each argument its values, all combinations of which are run; or a list of mappings.
        path: the file, in JSON lines.
        executor: where to run, any ``concurrent.futures.Executor``; on a cluster, ``client.get_executor()`` of
            ``dask.distributed``. None starts processes, and replaces those that get killed; a cell whose process
            ends three times has failed.
        workers: how many processes to start; None for as many as there are cores for this process.
        progress: show a progress bar when the sweep takes more than two seconds.
        command: the command that makes the results, for their provenance.

    Returns:
        A :class:`~grokutil.runs.outcomes.Sweep` of the grid's cells, in the order of the grid.

    Raises:
        ValueError: an empty grid, cells that repeat or that ``run`` does not take, or a file of another sweep.
        RuntimeError: another sweep writes to the file, or the executor has broken down.
    """
    name, cells, path = _name(run), _cells(run, grid), Path(path)
    if executor is not None and workers is not None:
        raise ValueError("give executor or workers, not both: an executor knows its own workers")
    workers = cores() if workers is None else integer("workers", workers, 1)
    path.parent.mkdir(parents=True, exist_ok=True)
    with _alone(path):
        done = _prepare(path, {"run": name, "arguments": sorted(cells[0])}, provenance(command))
        todo = [cell for cell in cells if key(cell) not in done]
        if todo:
            with nullcontext(executor) if executor else Processes(min(workers, len(todo))) as place:
                _run_all(place, run, todo, path, progress)
        found = load(path)
    outcomes = {key(outcome.cell): outcome for outcome in found.outcomes}
    found = replace(found, outcomes=tuple(outcomes.get(key(cell), Outcome(cell)) for cell in cells))
    if found.failed:
        shown = "".join(f"\n  {outcome.cell}: {outcome.error}" for outcome in found.failed[:5])
        text = f"{len(found.failed)} of {len(cells)} cells failed; .failed has their tracebacks:{shown}"
        warnings.warn(text, RuntimeWarning, stacklevel=2)
    return found


def _run_all(executor: Executor, run: Run, cells: list[Cell], path: Path, progress: bool) -> None:
    """Run the cells and append each outcome to the file, in the order in which they come."""
    futures: dict[Future, Cell] = {}
    with open(path, "ab") as file, progress_bar("cells", len(cells), progress) as bar:
        try:
            for cell in cells:
                futures[executor.submit(_call, run, cell)] = cell
            for future in as_completed(futures):
                append_line(file, _outcome(future, futures[future]))
                bar.update()
        except KeyboardInterrupt:
            warnings.warn("interrupted: the same call goes on from here", RuntimeWarning, stacklevel=3)
        finally:
            for future in futures:
                future.cancel()


def _call(run: Run, cell: Cell) -> Line:
    """Run one cell, wherever the executor has put us, and return what becomes of it."""
    begin = time.perf_counter()
    try:
        with one_thread():
            result = plain("the result", run(**cell))
        if not isinstance(result, dict):
            raise ValueError(f"the result must be a mapping of names to values, got {result!r}")
        return {"cell": cell, "result": result, "seconds": round(time.perf_counter() - begin, 3)}
    except (Exception, SystemExit) as error:
        return {**_failure(cell, error), "traceback": "".join(traceback.format_exception(error, limit=-3))}


def _failure(cell: Cell, error: BaseException) -> Line:
    return {"cell": cell, "error": f"{type(error).__name__}: {error}"}


def _outcome(future: Future, cell: Cell) -> Line:
    try:
        return future.result()
    except (BrokenExecutor, CancelledError) as error:
        raise RuntimeError(f"the executor broke down: {error}. The same call goes on with a new one") from error
    except Exception as error:  # the call did not arrive, or its worker ended
        return _failure(cell, error)


def _name(run: Any) -> str:
    if not inspect.isfunction(run) or "<lambda>" in run.__qualname__:
        raise ValueError(f"run must be a function with a name, which the file keeps; got {run!r}")
    return f"{run.__module__}.{run.__qualname__}"


def _cells(run: Run, grid: Grid) -> list[Cell]:
    """The cells of a grid, in order."""
    if isinstance(grid, Mapping):
        listed: dict[str, Any] = {}
        for name, values in grid.items():
            try:
                listed[name] = list(values)
            except TypeError:
                listed[name] = None
            if isinstance(values, (str, Mapping)) or listed[name] is None:
                raise ValueError(f"grid[{name!r}] must be a list of values, got {values!r}")
        grid = [dict(zip(listed, values, strict=True)) for values in itertools.product(*listed.values())]
    cells = [plain("a cell", cell, nan=False) for cell in grid]
    if not cells or not all(isinstance(cell, dict) and cell and cell.keys() == cells[0].keys() for cell in cells):
        raise ValueError(f"grid must have cells, and all of them the same arguments; got {cells[:5]}")
    if len({key(cell) for cell in cells}) < len(cells):
        raise ValueError("grid has cells that repeat; give each once, and tell repeated runs apart by a seed")
    try:
        for cell in cells:
            inspect.signature(run).bind(**cell)
    except TypeError as error:
        raise ValueError(f"{_name(run)} does not take the arguments {list(cells[0])}: {error}") from None
    return cells


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Keep other sweeps from the file. The lock is the system's: it ends with us, however we end."""
    lock = FileLock(path.with_name(f".{path.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise RuntimeError(f"another sweep is writing to {path}: wait for it, or take another file") from None
    try:
        yield
    finally:
        lock.release()


def _prepare(path: Path, header: Line, origin: dict[str, Any]) -> set[str]:
    """Make or mend the file, and return the keys of the cells that have a result in it."""
    lines, torn = read_lines(path) if path.exists() else ([header], False)
    if lines[0] != header:
        raise ValueError(f"{path} holds another sweep: {lines[0]}, not {header}. Take another file")
    made = [line["provenance"] for line in lines if "provenance" in line]
    changed = made[-1:] != [origin]
    if changed:
        lines.append({"provenance": origin})
    if changed or torn:
        write_lines(path, lines)
    return {key(line["cell"]) for line in lines if "result" in line}
