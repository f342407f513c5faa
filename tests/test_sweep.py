"""A sweep gives what a loop gives, keeps it, and goes on after whatever ends it."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import psutil
import pytest
import torch

from grokutil.runs import sweep as module
from grokutil.runs.outcomes import Outcome
from grokutil.runs.sweep import load, sweep

CALLS = []


def quotient(a, b=1.0):
    CALLS.append((a, b))
    return {"value": a / b, "threads": torch.get_num_threads()}


def ends_its_process(a):
    if a == 1:
        os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
    return {"a": a, "pid": os.getpid()}


def returns(what):
    odd = {"infinity": {"x": np.inf}, "list": [1], "object": {"x": object()}, "complex": {"x": np.array([1j])}}
    return odd.get(what) or {"x": torch.tensor([1.0, torch.nan]), "n": np.int64(3), "what": what}


@pytest.fixture
def threads():
    """An executor that is quick to start, and no calls so far."""
    CALLS.clear()
    with ThreadPoolExecutor(2) as pool:
        yield pool


@pytest.fixture
def path(tmp_path):
    return tmp_path / "new" / "sweep.jsonl"


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_sweep_is_a_plain_loop(path, threads):
    grid = {"a": [3, 1, 2], "b": (0.5, 4.0)}
    found = sweep(quotient, grid, path, executor=threads)
    cells = [{"a": a, "b": b} for a in grid["a"] for b in grid["b"]]
    assert found.cells == tuple(cells) and found.failed == ()
    assert found.results == tuple({**quotient(**cell), "threads": 1} for cell in cells)
    assert np.array_equal(found.array("value"), np.outer([1, 2, 3], [2, 0.25]))
    assert {outcome.cell["a"]: outcome for outcome in load(path).outcomes}.keys() == {1, 2, 3}
    header, origin, *rest = lines(path)
    assert header == {"run": "test_sweep.quotient", "arguments": ["a", "b"]} and len(rest) == 6
    assert origin["provenance"]["command"] == "grokutil.sweep" and "torch" in origin["provenance"]


def test_only_what_is_new_runs(path, threads):
    sweep(quotient, {"a": [1, 2]}, path, executor=threads)
    before, CALLS[:] = path.read_bytes(), []
    again = sweep(quotient, {"a": [2, 1]}, path, executor=threads)
    assert not CALLS and path.read_bytes() == before and [r["value"] for r in again.results] == [2, 1]
    more = sweep(quotient, [{"a": 3}, {"a": np.int64(2)}], path, executor=threads)
    assert CALLS == [(3, 1.0)] and [r["value"] for r in more.results] == [3, 2]
    assert len(load(path)) == 3


def test_a_cell_that_fails_is_recorded_named_and_tried_again(path, threads):
    for attempt in (1, 2):
        CALLS.clear()
        with pytest.warns(RuntimeWarning, match=r"1 of 3 cells failed.*\n  {'a': 1, 'b': 0}: ZeroDivisionError: div"):
            found = sweep(quotient, {"a": [1], "b": [1, 0, 2]}, path, executor=threads)
        assert found.results[1] is None and [found.results[k]["value"] for k in (0, 2)] == [1, 0.5]
        assert np.isnan(found.array("value")[0])  # b = 0
        (failed,) = found.failed
        assert failed.cell == {"a": 1, "b": 0} and "a / b" in failed.traceback and failed.result is None
        assert len(CALLS) == (3 if attempt == 1 else 1)


def test_results_that_json_cannot_hold_fail_with_the_reason(path, threads):
    with pytest.warns(RuntimeWarning, match="4 of 5 cells failed"):
        found = sweep(
            returns,
            {"what": ["plain", "infinity", "list", "object", "complex"]},
            path,
            executor=threads,
            progress=False,
        )
    assert found.results[0] == {"x": [1.0, None], "n": 3, "what": "plain"}
    infinity, no_mapping, thing, number = (outcome.error for outcome in found.failed)
    assert "ValueError: the result['x'] is inf" in infinity and "must be a mapping" in no_mapping
    assert "the result['x'] is <object" in thing and "the result['x'][0] is 1j" in number


def test_a_torn_line_is_dropped_wherever_it_was_torn(path, threads):
    grid = {"a": [1, 2, 3]}
    sweep(quotient, grid, path, executor=threads)
    whole = path.read_bytes()
    start = len(b"".join(whole.splitlines(True)[:2]))
    for length in range(start, len(whole), 7):
        path.write_bytes(whole[:length])
        CALLS.clear()
        kept = whole[:length].count(b"\n") - 2
        if whole[:length].endswith(b"\n"):
            found = sweep(quotient, grid, path, executor=threads)
        else:
            with pytest.warns(RuntimeWarning, match="the last line is torn"):
                found = sweep(quotient, grid, path, executor=threads)
        assert len(CALLS) == 3 - kept and found.array("value").tolist() == [1, 2, 3]
        assert sorted(line["cell"]["a"] for line in lines(path)[2:]) == [1, 2, 3]
        assert path.read_bytes()[: len(whole[:length].rpartition(b"\n")[0])] in whole


def test_new_versions_are_noted(path, threads, monkeypatch):
    sweep(quotient, {"a": [1]}, path, executor=threads)
    old = module.provenance("grokutil.sweep")
    monkeypatch.setattr(module, "provenance", lambda command: {**old, "torch": "9.9"})
    found = sweep(quotient, {"a": [1, 2]}, path, executor=threads)
    assert [origin["torch"] for origin in found.provenance] == [old["torch"], "9.9"]
    assert ["cell" in line for line in lines(path)] == [False, False, True, False, True]
    assert len(sweep(quotient, {"a": [1, 2, 3]}, path, executor=threads).provenance) == 2  # none has changed
    monkeypatch.setattr(module, "provenance", lambda command: {**old, "command": command})
    again = sweep(quotient, {"a": [4]}, path, executor=threads, command="make results").provenance
    assert [(origin["torch"], origin["command"]) for origin in again[2:]] == [(old["torch"], "make results")]


def test_a_file_of_another_sweep_is_refused_and_left_alone(path, threads):
    sweep(quotient, {"a": [1]}, path, executor=threads)
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"holds another sweep: .*quotient.*, not .*returns.*Take another file"):
        sweep(returns, {"what": ["plain"]}, path, executor=threads)
    with pytest.raises(ValueError, match=r"'arguments': \['a'\].*not .*'arguments': \['a', 'b'\]"):
        sweep(quotient, {"a": [1], "b": [1]}, path, executor=threads)
    assert path.read_bytes() == before
    path.write_text("something else\n")
    with pytest.raises(ValueError, match="not a file written by grokutil.sweep"):
        sweep(quotient, {"a": [1]}, path, executor=threads)
    assert path.read_text() == "something else\n"


def test_two_sweeps_on_one_file_are_refused(path, threads):
    def inner(a):
        with pytest.raises(RuntimeError, match="another sweep is writing to .*sweep.jsonl: wait for it"):
            sweep(quotient, {"a": [a]}, path, executor=threads)
        return {"a": a}

    assert sweep(inner, {"a": [1]}, path, executor=threads).results == ({"a": 1},)
    assert sweep(inner, {"a": [1]}, path, executor=threads).results == ({"a": 1},)  # the lock is free again


@pytest.mark.parametrize(
    "run, grid, options, message",
    [
        (quotient, {}, {}, "grid must have cells"),
        (quotient, {"a": []}, {}, "grid must have cells"),
        (quotient, [{"a": 1}, {"b": 1}], {}, "all of them the same arguments"),
        (quotient, {"a": 3}, {}, r"grid\['a'\] must be a list of values, got 3"),
        (returns, {"what": "plain"}, {}, r"grid\['what'\] must be a list of values, got 'plain'"),
        (quotient, {"a": [1, 1]}, {}, "cells that repeat"),
        (quotient, {"c": [1]}, {}, r"quotient does not take the arguments \['c'\]"),
        (quotient, {"a": [np.inf]}, {}, r"a cell\['a'\] is inf"),
        (lambda a: {}, {"a": [1]}, {}, "a function with a name"),
        (quotient, {"a": [1]}, {"workers": 0}, "workers must be a whole number of at least 1"),
        (quotient, {"a": [1]}, {"workers": 1, "executor": ThreadPoolExecutor()}, "executor or workers, not both"),
    ],
)
def test_bad_arguments_are_named(path, run, grid, options, message):
    with pytest.raises(ValueError, match=message):
        sweep(run, grid, path, **options)
    assert not path.exists()


def test_an_executor_that_breaks_down_is_an_error(path, threads):
    def broken():
        raise OSError

    with pytest.raises(RuntimeError, match="the executor broke down.*goes on with a new one"):
        sweep(quotient, {"a": [1]}, path, executor=ThreadPoolExecutor(1, initializer=broken))
    assert sweep(quotient, {"a": [1]}, path, executor=threads).array("value") == 1


def test_a_cell_that_ends_its_process_fails_alone(path, monkeypatch):
    monkeypatch.setattr("grokutil.runs.processes.ATTEMPTS", 2)
    with pytest.warns(RuntimeWarning, match="1 of 4 cells failed.*\n.*'a': 1.*ChildProcessError: its process ended 2"):
        found = sweep(ends_its_process, {"a": [0, 1, 2, 3]}, path, workers=1)
    assert [result and result["a"] for result in found.results] == [0, None, 2, 3]
    assert os.getpid() not in {result["pid"] for result in found.results if result}
    assert len({result["pid"] for result in found.results if result}) == 2  # one before the end, one after


def test_a_cluster_of_two_worker_processes(path, tmp_path):
    """What a reader does on a cluster, with the workers on this machine."""
    distributed = pytest.importorskip("distributed")
    settings = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": ":0", "local_directory": str(tmp_path)}
    with distributed.LocalCluster(**settings) as cluster, distributed.Client(cluster) as client:
        with pytest.warns(RuntimeWarning, match="2 of 8 cells failed.*\n.*ZeroDivisionError"):
            found = sweep(quotient, {"a": [1, 2], "b": [0.5, 1, 2, 0]}, path, executor=client.get_executor())
    expected = np.array([[np.nan, 2, 1, 0.5], [np.nan, 4, 2, 1]])
    assert np.array_equal(found.array("value"), expected, equal_nan=True)


SCRIPT = """
    import os, signal, sys, time
    from pathlib import Path
    from grokutil.runs.sweep import sweep

    signal.signal(signal.SIGINT, signal.default_int_handler)  # what nohup and & have taken away

    HERE = Path(__file__).parent

    def note(text):
        with open(HERE / "log", "a") as file:
            file.write(f"{text}\\n")

    def run(k):
        note(f"begins {k} {os.getpid()}")
        time.sleep(float(sys.argv[1 if k < 14 else 2]))
        note(f"ends {k} {os.getpid()}")
        return {"square": k * k}

    if __name__ == "__main__":
        found = sweep(run, {"k": range(24)}, HERE / "sweep.jsonl", workers=2, progress=False)
        print("returned", sum(result is not None for result in found.results))
"""


class Running:
    """The script above, in a process group of its own; a cell takes ``seconds[0]``, from 14 on ``seconds[1]``."""

    def __init__(self, folder, *seconds):
        self.folder, self.path = folder, folder / "sweep.jsonl"
        (folder / "script.py").write_text(textwrap.dedent(SCRIPT))
        self.process = subprocess.Popen(
            [sys.executable, "script.py", *map(str, seconds)],
            **{"cwd": folder, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True},
            start_new_session=True,
        )

    def log(self):
        """(event, cell, worker) of each line of the log."""
        text = (self.folder / "log").read_text() if (self.folder / "log").exists() else ""
        return [(event, int(k), int(pid)) for event, k, pid in map(str.split, text.splitlines())]

    def recorded(self):
        """The cells with a result, one entry for each line of the file."""
        return [line["cell"]["k"] for line in lines(self.path) if "result" in line] if self.path.exists() else []

    def wait_for_results(self, count):
        while len(self.recorded()) < count:
            assert self.process.poll() is None, self.process.communicate()
            time.sleep(0.02)

    def family(self):
        return psutil.Process(self.process.pid).children(recursive=True)


def gone(processes):
    """Whether all of them end soon; one that nobody has waited for has ended too."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if not any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in processes):
            return True
        time.sleep(0.02)
    return False


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_killed_workers_and_a_killed_parent_lose_nothing_and_nothing_is_done_twice(tmp_path):
    first = Running(tmp_path, 0.1, 900)
    first.wait_for_results(4)
    victim = psutil.Process(first.log()[-1][2])
    victim.suspend()  # so that it is certain what the kill interrupts
    while victim.status() != psutil.STATUS_STOPPED:
        time.sleep(0.01)
    event, k = [(event, k) for event, k, pid in first.log() if pid == victim.pid][-1]
    interrupted = {14, 15} | ({k} if event == "begins" else set())
    victim.kill()
    first.wait_for_results(14)
    while {14, 15} - {k for _, k, _ in first.log()}:
        time.sleep(0.02)
    family = first.family()
    first.process.kill()
    first.process.communicate()
    assert len(family) >= 2 and gone(family), "workers outlive their parent"
    recorded = first.recorded()
    assert sorted(recorded) == list(range(14))  # that of the killed worker among them

    second = Running(tmp_path, 0, 0)
    out, err = second.process.communicate(timeout=300)
    assert second.process.returncode == 0 and out == "returned 24\n" and not err
    assert second.recorded()[:14] == recorded and sorted(second.recorded()) == list(range(24))
    begins, ends = (Counter(k for event, k, _ in second.log() if event == name) for name in ("begins", "ends"))
    for k in range(24):
        assert ends[k] == 1 and begins[k] == (2 if k in interrupted else 1), k
    assert load(second.path).array("square").tolist() == [k * k for k in range(24)]


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_an_interruption_returns_what_is_there(tmp_path):
    running = Running(tmp_path, 0, 900)
    running.wait_for_results(14)
    family = running.family()
    os.killpg(running.process.pid, signal.SIGINT)  # as Ctrl-C does: the workers get it too
    out, err = running.process.communicate(timeout=300)
    assert running.process.returncode == 0 and out == "returned 14\n" and gone(family)
    assert "RuntimeWarning: interrupted: the same call goes on from here" in err and "Traceback" not in err


@pytest.mark.parametrize(("workers", "cells", "started"), [(1, 3, 1), (3, 2, 2), (2, 4, 2)])
def test_as_many_processes_as_asked_for_and_none_that_has_nothing_to_do(path, monkeypatch, workers, cells, started):
    asked = []
    monkeypatch.setattr(module, "Processes", lambda number: asked.append(number) or ThreadPoolExecutor(number))
    sweep(quotient, {"a": range(cells)}, path, workers=workers, progress=False)
    assert asked == [started]


@pytest.mark.parametrize("shown", [True, False])
def test_the_bar_counts_the_cells_that_run_now(path, threads, monkeypatch, shown):
    sweep(quotient, {"a": [1]}, path, executor=threads)
    bars, real = [], module.progress_bar

    @contextmanager
    def seen(clock, total, shown):
        with real(clock, total, False) as bar:
            monkeypatch.setattr(bar, "update", lambda: bars.append(1))
            yield bar
        bars[:] = [clock, total, shown, len(bars)]

    monkeypatch.setattr(module, "progress_bar", seen)
    sweep(quotient, {"a": [1, 2, 3, 4]}, path, executor=threads, progress=shown)
    assert bars == ["cells", 3, shown, 3]


def test_five_failures_are_named_and_all_are_counted(path, threads):
    with pytest.warns(RuntimeWarning, match="7 of 8 cells failed") as warned:
        found = sweep(quotient, [{"a": a, "b": b} for a, b in enumerate([1, *[0] * 7])], path, executor=threads)
    assert str(warned[0].message).count("ZeroDivisionError") == 5 and len(found.failed) == 7


def test_a_cell_that_has_not_run_has_no_outcome(path, threads, monkeypatch):
    """What an interruption leaves, without one."""
    sweep(quotient, {"a": [1]}, path, executor=threads)
    monkeypatch.setattr(module, "_run_all", lambda *_: None)
    found = sweep(quotient, {"a": [2, 1]}, path, executor=threads)
    assert found.outcomes[0] == Outcome({"a": 2}) and found.results[1]["value"] == 1 and not found.failed


def threads_of_a_run(a):
    return {"threads": torch.get_num_threads()}


def test_a_run_on_an_executor_of_ones_own_has_one_thread(path):
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        with ThreadPoolExecutor(1) as pool:
            found = sweep(threads_of_a_run, {"a": [1]}, path, executor=pool)
    finally:
        torch.set_num_threads(before)
    assert found.results == ({"threads": 1},)


def sleeps(a):
    time.sleep(0.01)
    return {"a": a}


def test_seconds_are_those_of_the_run(path):
    begin = time.perf_counter()
    with ThreadPoolExecutor(1) as pool:
        found = sweep(sleeps, {"a": [1, 2]}, path, executor=pool)
    seconds = [outcome.seconds for outcome in found.outcomes]
    assert min(seconds) >= 0.01 and sum(seconds) <= time.perf_counter() - begin + 0.001  # each is rounded


def test_arguments_in_another_order_are_the_same_cells(path, threads):
    sweep(quotient, [{"a": 1, "b": 2.0}, {"a": 3, "b": 4.0}], path, executor=threads)
    CALLS.clear()
    again = sweep(quotient, [{"b": 4.0, "a": 3}, {"b": 2, "a": 1.0}], path, executor=threads)
    assert not CALLS and [r["value"] for r in again.results] == [0.75, 0.5]


def test_nan_and_what_is_no_list_are_refused_in_a_grid(path, threads):
    for grid in ({"a": [0.1, float("nan")]}, {"a": np.array([np.nan])}, [{"a": torch.tensor(torch.nan)}]):
        with pytest.raises(ValueError, match=r"a cell\['a'\] is NaN"):
            sweep(quotient, grid, path, executor=threads)
    with pytest.raises(ValueError, match=r"grid\['a'\] must be a list of values"):
        sweep(quotient, {"a": torch.tensor(1.0)}, path, executor=threads)
    assert not path.exists()
