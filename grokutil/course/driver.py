"""Runs a student's cells in a process of their own: ``python -m grokutil.course.driver``, started by the grader.

It reads a job as JSON from its standard input and writes one line of JSON for each cell, each answer and each call to
its standard output. The student's code shares this process and may say there whatever it likes: all of it is data.
"""

from __future__ import annotations

import ast
import base64
import io
import json
import os
import resource
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, BinaryIO

from grokutil.course.values import decode, encode

FILE_BYTES = 64 * 2**20  # the largest file a student's code can write
OPEN_FILES = 256
PICTURES = 4  # of a cell
LIBRARIES = 16 * 2**30  # bytes of addresses, not of memory: PyTorch with CUDA maps many
STOPPED = "stopped:"  # how the message on what ran out of time begins
NOT_DEFINED = "not defined"
HANDED_IN = "/handed-in"  # in a sandbox: the student's files, read-only


class TimeLimit(BaseException):
    """A cell or a call took too long. Not an Exception, so that ``except Exception`` lets it pass."""


class NotDefined(Exception):
    """The notebook does not define what the grader asks for."""


class Output(io.TextIOBase):
    """What a cell prints: the beginning is kept, the rest is counted."""

    def __init__(self, characters: int):
        self.kept: list[str] = []
        self.left, self.more = characters, 0

    def write(self, text: str) -> int:
        """Keep what there is room for."""
        if self.left:
            self.kept.append(text[: self.left])
        self.more += max(0, len(text) - self.left)
        self.left -= min(len(text), self.left)
        return len(text)

    def writable(self) -> bool:
        """Yes."""
        return True

    def text(self) -> str:
        """What was kept, and how much was not."""
        return "".join(self.kept) + (f"\n[{self.more} more characters cut]" if self.more else "")


def main() -> None:
    """Run the job on standard input."""
    job = json.loads(sys.stdin.buffer.read())
    channel = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what is printed past Python goes to standard error, which the grader cuts
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    limit(job["limits"])
    if os.path.isdir(HANDED_IN):
        shutil.copytree(HANDED_IN, os.getcwd(), dirs_exist_ok=True)
    sys.path.insert(0, os.getcwd())
    run(job, channel)


def limit(limits: dict[str, float]) -> None:
    """Take away memory, processor time, large files, many files and processes, for good."""
    wanted = {
        resource.RLIMIT_DATA: int(limits["memory"]),
        resource.RLIMIT_AS: int(limits["memory"]) + LIBRARIES,
        resource.RLIMIT_CPU: int(limits["seconds"]) + 5,
        resource.RLIMIT_FSIZE: FILE_BYTES,
        resource.RLIMIT_NOFILE: OPEN_FILES,
        resource.RLIMIT_CORE: 0,
    }
    if limits["processes"]:
        wanted[resource.RLIMIT_NPROC] = int(limits["processes"])
    for kind, value in wanted.items():
        try:
            resource.setrlimit(kind, (value, value))
        except (ValueError, OSError):
            continue  # this system does not know this limit; the grader's clock remains


def run(job: dict[str, Any], channel: BinaryIO) -> None:
    """Run the cells, then read the answers, then make the calls; say each result as soon as it is there."""

    def say(**frame: Any) -> None:
        channel.write(json.dumps(frame).encode() + b"\n")
        channel.flush()

    limits = job["limits"]
    from IPython.core.interactiveshell import InteractiveShell  # here, because the checker needs no IPython

    shell = InteractiveShell.instance(colors="nocolor", history_length=0)
    begun = time.process_time()
    for number, source in enumerate(job["cells"]):
        output, started = Output(int(limits["output"])), time.monotonic()
        left = limits["cells"] - (time.process_time() - begun)
        if left > 0:
            seconds = min(limits["cell"], max(round(left, 1), 0.1))
            error = attempt(partial(run_cell, shell, source, f"<cell {number}>"), seconds, output)
        else:
            error = f"not run: the cells before it took {limits['cells']:g} seconds of processor time"
        drawn: list[str] = []
        attempt(partial(pictures, drawn), limits["call"], Output(0))
        seconds = round(time.monotonic() - started, 2)
        say(cell=number, output=output.text(), error=error, pictures=drawn, seconds=seconds)
    names = shell.user_ns
    for name in job["answers"]:
        say(answer=name, **crossing(partial(named, names, name), limits["call"]))
    endless: dict[str, dict[str, Any]] = {}  # functions that are not called again
    for number, (name, args, kwargs) in enumerate(job["calls"]):
        frame = endless.get(name) or crossing(partial(make, names, name, args, kwargs), limits["call"])
        if str(frame.get("failed", "")).startswith(STOPPED):
            endless[name] = frame
        say(call=number, **frame)
    say(done=True)
    channel.close()
    os._exit(0)  # without the student's exit handlers


def pictures(drawn: list[str]) -> None:
    """Append the open figures of Matplotlib as PNG in base64, at most :data:`PICTURES`, and close them."""
    pyplot: Any = sys.modules.get("matplotlib.pyplot")
    if pyplot is None:
        return
    for number in pyplot.get_fignums()[:PICTURES]:
        file = io.BytesIO()
        pyplot.figure(number).savefig(file, format="png", dpi=80, bbox_inches="tight")
        drawn.append(base64.b64encode(file.getvalue()).decode())
    pyplot.close("all")


def named(names: dict[str, Any], name: str) -> Any:
    """The student's variable or function ``name``."""
    if name not in names:
        raise NotDefined
    return names[name]


def make(names: dict[str, Any], name: str, args: Any, kwargs: Any) -> Any:
    """Call the student's function ``name`` with arguments that are encoded still."""
    function = named(names, name)
    return function(*decode(args), **decode(kwargs))


def run_cell(shell: Any, source: str, name: str) -> None:
    """Run one cell as a notebook does, with its magic commands, and show the value of its last line.

    Not ``shell.run_cell``: that keeps a copy of all that is printed.
    """
    tree = ast.parse(shell.transform_cell(source), name)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, name, "exec"), shell.user_ns)
    if isinstance(last, ast.Expr):
        value = eval(compile(ast.Expression(last.value), name, "eval"), shell.user_ns)
        if value is not None and not source.rstrip().endswith(";"):
            print(repr(value))


def crossing(value: Callable[[], Any], seconds: float) -> dict[str, Any]:
    """``value()`` ready to cross to the grader, or why it could not."""
    found: dict[str, Any] = {}

    def take() -> None:
        found["value"] = encode(value())

    error = attempt(take, seconds, Output(0))
    return {"failed": error} if error else found


def attempt(action: Callable[[], Any], seconds: float, output: Output) -> str | None:
    """Do ``action`` with its printing caught; None, or what went wrong in at most two lines."""
    before = sys.stdout, sys.stderr
    sys.stdout = sys.stderr = output
    try:
        with clock(seconds):
            action()
    except TimeLimit:
        return f"{STOPPED} it took more than {seconds:g} seconds of processor time"
    except NotDefined:
        return NOT_DEFINED
    except BaseException as error:  # also SystemExit and KeyboardInterrupt: the next cell is to run
        line = next((f.lineno for f in reversed(traceback.extract_tb(error.__traceback__)) if _own(f.filename)), None)
        where = f" (line {line} of its cell)" if line else ""
        try:
            return f"{type(error).__name__}: {str(error)[:500]}{where}"
        except BaseException:
            return f"{type(error).__name__}{where}"
    finally:
        sys.stdout, sys.stderr = before
    return None


def _own(filename: str) -> bool:
    return filename.startswith("<cell ")


@contextmanager
def clock(seconds: float) -> Iterator[None]:
    """Raise :class:`TimeLimit` in the block after ``seconds`` of processor time, and again until it listens.

    Processor time, because a busy grader must not take points away; who only waits is stopped by the grader's clock.
    """

    def stop(*_: object) -> None:
        raise TimeLimit

    signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds, 1.0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


if __name__ == "__main__":
    main()
