"""Our own worker processes: one thread each, replaced when killed, gone at the end."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import BrokenExecutor, ThreadPoolExecutor

import psutil
import pytest
import torch

from grokutil.runs import processes
from grokutil.runs.processes import ONE_THREAD, Processes, cores, one_thread


def threads():
    return os.getpid(), torch.get_num_threads(), {name: os.environ.get(name) for name in ONE_THREAD}


def killed_at_first(folder):
    """Ends its process the first time."""
    if not (folder / "called").exists():
        (folder / "called").touch()
        os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
    return "second time"


def serve_nothing(calls):
    os._exit(3)


def test_calls_run_in_processes_of_one_thread_that_end_with_the_executor(tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    with Processes(1) as pool:
        pid, number, variables = pool.submit(threads).result()
        assert pid != os.getpid() and number == 1 and variables == ONE_THREAD
        assert os.environ["OMP_NUM_THREADS"] == "7" and "MKL_NUM_THREADS" not in os.environ

        offset = 3
        assert pool.submit(lambda x: x + offset, 4).result() == 7  # sent by value
        with pytest.raises(ZeroDivisionError):
            pool.submit(lambda: 1 / 0).result()
        assert pool.submit(os.getpid).result() == pid  # none of this has ended it

        assert pool.submit(killed_at_first, tmp_path).result() == "second time"
        assert pool.submit(threads).result() == (pool.submit(os.getpid).result(), number, variables)
        asleep = pool.submit(time.sleep, 100)
    assert asleep.done() and not [p for p in psutil.Process().children() if "_serve" in " ".join(p.cmdline())]


def test_a_process_sets_how_long_openmp_spins_whatever_it_inherits(monkeypatch):
    monkeypatch.delenv("GOMP_SPINCOUNT")
    with Processes(1) as pool:
        assert pool.submit(lambda: os.environ.get("GOMP_SPINCOUNT")).result() == "10000"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere PyTorch comes with another OpenMP")
@pytest.mark.parametrize(("first", "read"), [("grokutil, torch", True), ("torch, grokutil", False)])
def test_openmp_has_read_it_if_grokutil_comes_before_pytorch(first, read):
    environment = {name: value for name, value in os.environ.items() if name != "GOMP_SPINCOUNT"}
    done = subprocess.run(
        [sys.executable, "-c", f"import {first}"],
        env=environment | {"OMP_DISPLAY_ENV": "VERBOSE"},
        check=True,
        capture_output=True,
        text=True,
    )
    assert ("GOMP_SPINCOUNT = '10000'" in done.stderr) is read and "GOMP_SPINCOUNT" in done.stderr


def test_processes_that_cannot_start_are_an_error_with_the_remedy(monkeypatch):
    monkeypatch.setattr(processes, "_serve", serve_nothing)
    monkeypatch.setattr(processes, "ATTEMPTS", 1)
    with Processes(1) as pool, pytest.raises(BrokenExecutor, match='if __name__ == "__main__"'):
        pool.submit(abs, -2).result()


def test_one_thread_in_each_of_several_threads_and_as_before_afterwards():
    before = torch.get_num_threads()
    torch.set_num_threads(3)

    def inside(seconds):
        with one_thread():
            time.sleep(seconds)
            return torch.get_num_threads()

    try:
        with ThreadPoolExecutor(3) as pool:
            assert list(pool.map(inside, [0.2, 0.05, 0.1, 0.01])) == [1] * 4
            assert set(pool.map(lambda _: torch.get_num_threads(), range(20))) == {3}
        with one_thread():
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, 8),
        ({"cpu.max": "max 100000\n"}, 8),
        ({"cpu.max": "100000 100000\n"}, 1),
        ({"cpu.max": "250000 100000\n"}, 2),
        ({"cpu.max": "50000 100000\n"}, 1),
        ({"cpu.max": "9900000 100000\n"}, 8),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, 8),
        ({"cpu/cpu.cfs_quota_us": "300000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 3),
    ],
)
def test_a_container_counts_as_the_cores_it_gets(files, expected, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(8)), raising=False)  # noqa: ARG005
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert cores(tmp_path) == expected


def test_an_executor_that_is_shut_down_leaves_no_process():
    for options in ({}, {"cancel_futures": True}, {"wait": False}):
        pool = Processes(1)
        pid = pool.submit(os.getpid).result()
        pool.shutdown(**options)
        assert not psutil.pid_exists(pid)
