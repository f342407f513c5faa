"""Processes of our own to run calls in: each with one thread, replaced when it is killed, gone with its parent."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import BrokenExecutor, CancelledError, Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from grokutil.extras import extra

with extra("sweeps"):
    import cloudpickle

ATTEMPTS = 3
# A fork of a process that has PyTorch begins at once; elsewhere than on Linux each has to import it.
FORKS = sys.platform == "linux"
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"), "1"
)


def cores(limits: Path = Path("/sys/fs/cgroup")) -> int:
    """How many cores this process can use: those of the machine, or fewer where it is bound to some or limited.

    A container shows every core of its machine, however small its share is; ``limits`` is where Linux tells the share.
    """
    affinity = getattr(os, "sched_getaffinity", None)
    number = len(affinity(0)) if affinity else os.cpu_count() or 1
    for files in (("cpu.max",), ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us")):  # versions 2 and 1 of the limits
        with suppress(OSError, ValueError):  # no such file, or "max": no limit
            quota, period = map(int, " ".join((limits / file).read_text() for file in files).split())
            number = min(number, max(1, quota // period)) if quota > 0 else number
    return number


class Processes(ThreadPoolExecutor):
    """An executor of processes; each of its threads drives one.

    A process that ends in the middle of a call is replaced and the call is made again, up to three times in all. Then
    its future raises ``ChildProcessError``. Functions are sent by value where a process could not import them, so
    those defined in a notebook work too. A process ignores Ctrl-C, and ends when its parent does.
    """

    def __init__(self, workers: int):
        super().__init__(workers)
        self._context: Any = get_context("forkserver" if FORKS else "spawn")
        if FORKS:
            self._context.set_forkserver_preload(["grokutil", "torch"])
        self._mine = threading.local()
        self._started: dict[BaseProcess, Connection] = {}
        self._idle: set[BaseProcess] = set()
        self._lock = threading.Lock()
        self._stopped = False

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future:
        """Schedule a call; what it raises comes back through its future."""
        return super().submit(self._drive, cloudpickle.dumps(partial(fn, *args, **kwargs)))

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the processes, and those that are busy first unless ``wait`` lets them finish."""
        if wait and not cancel_futures:
            super().shutdown()
        self._end()

    def __exit__(self, *_: object) -> None:
        """End the processes: kill those that are busy, and let the others go."""
        self._end()

    def _end(self) -> None:
        with self._lock:
            self._stopped = True
            for process in self._started.keys() - self._idle:
                process.kill()
        super().shutdown(cancel_futures=True)
        for calls in self._started.values():
            calls.close()
        for process in self._started:
            process.join(timeout=5)
            process.kill()
            process.join()

    def _drive(self, call: bytes) -> Any:
        for _ in range(ATTEMPTS):
            process = getattr(self._mine, "process", None) or self._start()
            with self._lock:
                if self._stopped:
                    raise CancelledError
                self._idle.discard(process)
            try:
                self._started[process].send_bytes(call)
                value, error = cloudpickle.loads(self._started[process].recv_bytes())
            except (EOFError, OSError):  # the process has ended
                self._mine.process = None
                continue
            with self._lock:
                self._idle.add(process)
            if error is not None:
                raise error
            return value
        raise ChildProcessError(f"its process ended {ATTEMPTS} times before it did: killed, out of memory, or a crash")

    def _start(self) -> BaseProcess:
        """A new process of this thread, ready for calls."""
        for _ in range(ATTEMPTS):
            calls, theirs = self._context.Pipe()
            with self._lock, _environment(ONE_THREAD):
                if self._stopped:
                    raise CancelledError
                process = self._context.Process(target=_serve, args=(theirs, dict(os.environ)))
                process.start()
                self._started[process] = calls
            theirs.close()
            try:
                calls.recv_bytes()
            except (EOFError, OSError):
                continue
            self._mine.process = process
            return process
        raise BrokenExecutor(
            "new processes end before their first call; in a script, the call that starts them must stand "
            'under `if __name__ == "__main__":`, because each of them imports the script'
        )


def usage(pid: int, uid: int | None = None) -> tuple[int, float]:
    """Bytes of memory, and seconds of processor time, of a process, its descendants and all of the user ``uid``.

    Time counts also what ended children took. Both are 0 when the process has ended.
    """
    with extra("course"):
        import psutil  # here, because only those who watch need it

    ours: set[psutil.Process] = set()
    memory, seconds = 0, 0.0
    with suppress(psutil.NoSuchProcess):
        ours |= {psutil.Process(pid), *psutil.Process(pid).children(recursive=True)}
    for process in psutil.process_iter() if uid is not None else ():
        with suppress(psutil.Error):
            ours |= {process, *process.children(recursive=True)} if process.uids().effective == uid else set()
    for process in ours:
        with suppress(psutil.Error):  # it has just ended
            memory += process.memory_info().rss
            seconds += sum(process.cpu_times()[:4])  # its own, and of its children that have ended
    return memory, seconds


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """These environment variables, for the processes that are started meanwhile."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _serve(calls: Connection, environment: Mapping[str, str]) -> None:
    """What a process does: answer calls until there are no more."""
    os.environ.update(environment)  # a fork has that of the first
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    import torch  # here, because the grader and the book's build need no PyTorch

    torch.set_num_threads(1)
    calls.send_bytes(b"ready")
    while True:
        try:
            call = calls.recv_bytes()
        except EOFError:
            return
        try:
            answer = cloudpickle.dumps((cloudpickle.loads(call)(), None))
        except BaseException as error:
            answer = cloudpickle.dumps((None, error))
        calls.send_bytes(answer)


def _end_with_parent() -> None:
    parent = parent_process()
    assert parent
    parent.join()
    os._exit(1)


_counting, _inside, _before = threading.Lock(), 0, 1


@contextmanager
def one_thread() -> Iterator[None]:
    """One thread for PyTorch; threads may enter at the same time, and each leaves with the number of before."""
    import torch  # here, as above

    global _inside, _before
    number = torch.get_num_threads()  # asking gives a new thread a number of its own; until then others change it
    with _counting:
        _before = _before if _inside else number
        _inside += 1
    torch.set_num_threads(1)
    try:
        yield
    finally:
        with _counting:
            _inside -= 1
            torch.set_num_threads(_before)
