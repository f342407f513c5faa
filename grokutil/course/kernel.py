"""The kernel that a student's notebook runs in: Jupyter's own, which also keeps limits and answers the grader.

It stops a cell that takes too long, cuts what is printed without end, and gives the values of variables and of calls as
data (:mod:`grokutil.course.values`) when the grader asks. Everything else is IPython's kernel, unchanged.
"""

from __future__ import annotations

import signal
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import zmq
from ipykernel.iostream import OutStream
from ipykernel.ipkernel import IPythonKernel
from ipykernel.kernelapp import IPKernelApp
from traitlets import Float, Int

from grokutil.course.driver import NOT_DEFINED, QUESTION, STOPPED, message
from grokutil.course.values import decode, encode

AGAIN = 5.0  # seconds of processor time until what does not stop is told so again


class TimeLimit(BaseException):
    """A cell or a call took too long. Not an Exception, so that ``except Exception`` lets it pass."""


class NotDefined(Exception):
    """The notebook does not define what the grader asks for."""


class Stream(OutStream):
    """Standard output or error of a cell: the beginning is kept, the rest is counted."""

    left = more = 0  # of both together

    def write(self, text: str) -> int:
        """Keep what there is room for."""
        size = len(text) if isinstance(text, str) else 0
        kept = text[: Stream.left] if size else text
        Stream.more += size - len(kept)
        Stream.left -= len(kept) if size else 0
        if kept or not size:
            super().write(kept)
        return size

    def say_how_much_was_cut(self) -> None:
        """Say it, if anything was."""
        if Stream.more:
            super().write(f"\n[{Stream.more} more characters cut]")


class Kernel(IPythonKernel):
    """IPython's kernel, with limits of processor time and of printed characters."""

    cell = Float(60.0, help="seconds of processor time for a cell").tag(config=True)
    cells = Float(240.0, help="seconds of processor time for all cells together").tag(config=True)
    call = Float(20.0, help="seconds of processor time for an answer to the grader").tag(config=True)
    output = Int(10_000, help="printed characters of a cell that are kept").tag(config=True)

    shell: Any
    session: Any
    _stdout: Any

    def __init__(self, **options: Any):
        super().__init__(**options)
        self.shell.ask_exit = lambda: None  # exit() ends nothing: other cells are to run
        self.shell_handlers[QUESTION] = self.question
        self.begun = time.process_time()
        self.endless: dict[str, dict[str, Any]] = {}  # functions that are not called again

    async def do_execute(self, code: str, *arguments: Any, **options: Any) -> dict[str, Any]:
        """Run a cell, for as long as it may."""
        Stream.left, Stream.more = self.output, 0
        left = self.cells - (time.process_time() - self.begun)
        if left <= 0:
            return _failed("NotRun", f"not run: the cells before it took {self.cells:g} seconds of processor time")
        try:
            with clock(min(self.cell, max(round(left, 1), 0.1))):
                reply: dict[str, Any] = await super().do_execute(code, *arguments, **options)
        except TimeLimit as error:  # outside of the student's code, such as a figure that is drawn at the cell's end
            reply = _failed("TimeLimit", str(error))
        self._stdout.say_how_much_was_cut()
        return reply

    async def question(self, stream: Any, ident: Any, parent: dict[str, Any]) -> None:
        """Reply with the value of a variable, or with what a function returned."""
        Stream.left = 0
        asked = parent["content"]
        name, arguments = asked["name"], asked.get("arguments")
        names = self.shell.user_ns
        value = partial(named, names, name) if arguments is None else partial(make, names, name, *arguments)
        frame = self.endless.get(name) or crossing(value, self.call)
        if arguments is not None and str(frame.get("failed", "")).startswith(STOPPED):
            self.endless[name] = frame
        self.session.send(stream, "question_reply", frame, parent, ident=ident)


class App(IPKernelApp):
    """The program around the kernel."""

    kernel_class = Kernel
    outstream_class = "grokutil.course.kernel.Stream"

    def init_iopub(self, context: Any) -> None:
        """Lose no output, however much comes at once."""
        context.setsockopt(zmq.SNDHWM, 0)
        super().init_iopub(context)


def named(names: dict[str, Any], name: str) -> Any:
    """The student's variable or function ``name``."""
    if name not in names:
        raise NotDefined
    return names[name]


def make(names: dict[str, Any], name: str, args: Any, kwargs: Any) -> Any:
    """Call the student's function ``name`` with arguments that are encoded still."""
    function = named(names, name)
    return function(*decode(args), **decode(kwargs))


def crossing(value: Callable[[], Any], seconds: float) -> dict[str, Any]:
    """``value()`` ready to cross to the grader, or why it could not, in at most two lines."""
    try:
        with clock(seconds):
            return {"value": encode(value())}
    except TimeLimit as error:
        return {"failed": f"{STOPPED} {error}"}
    except NotDefined:
        return {"failed": NOT_DEFINED}
    except BaseException as error:  # also SystemExit and KeyboardInterrupt: the next question is to be put
        lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if "ipykernel_" in f.filename]
        return {"failed": message(type(error).__name__, error, lines[-1] if lines else None)}


@contextmanager
def clock(seconds: float) -> Iterator[None]:
    """Raise :class:`TimeLimit` in the block after ``seconds`` of processor time, and again until it listens.

    Processor time, because a busy grader must not take points away; who only waits is stopped by the grader's clock.
    """

    def stop(*_: object) -> None:
        raise TimeLimit(f"it took more than {seconds:g} seconds of processor time")

    signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds, AGAIN)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def _failed(name: str, text: str) -> dict[str, Any]:
    return {"status": "error", "ename": name, "evalue": text, "traceback": []}
