"""The kernel that a student's notebook runs in: Jupyter's own, which also keeps limits and answers the grader.

It stops a cell that takes too long, cuts what is printed without end, and gives the values of variables and of calls as
data (:mod:`grokutil.course.values`) when the grader asks. Everything else is IPython's kernel, unchanged.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from ipykernel.iostream import OutStream
from ipykernel.ipkernel import IPythonKernel
from ipykernel.kernelapp import IPKernelApp
from ipykernel.zmqshell import ZMQInteractiveShell
from jupyter_client.session import Session
from traitlets import Float, Int, Type

from grokutil.course.values import NOT_DEFINED, STOPPED, decode, encode, message

SETTLE = 0.02  # seconds for what was printed past Python to arrive
AGAIN = 5.0  # seconds of processor time until what does not stop is told so again


class TimeLimit(BaseException):
    """A cell or a call took too long. Not an Exception, so that ``except Exception`` lets it pass."""


class NotDefined(Exception):
    """The notebook does not define what the grader asks for."""


class Stream(OutStream):
    """Standard output or error of a cell: the beginning is kept, the rest is counted."""

    left = more = 0  # of both together

    def flush(self) -> None:
        """Send what was printed from here, and not from another thread."""
        self._flush() if self._is_master_process() else super().flush()

    def _schedule_flush(self) -> None:
        """Leave it for the end of the cell, or for what is displayed next."""

    def write(self, text: str) -> int:
        """Keep what there is room for."""
        size = len(text) if isinstance(text, str) else 0
        kept = text[: Stream.left] if size else text
        Stream.more += size - len(kept)
        Stream.left -= len(kept) if size else 0
        if kept or not size:
            super().write(kept)
        return size


class Shell(ZMQInteractiveShell):
    """IPython's shell, without the copy that it keeps of all that is printed."""

    @contextmanager
    def _tee(self, channel: str) -> Iterator[None]:
        yield


class Kernel(IPythonKernel):
    """IPython's kernel, with limits of processor time and of printed characters."""

    shell_class = Type(Shell)
    cell = Float(60.0, help="seconds of processor time for a cell").tag(config=True)
    cells = Float(240.0, help="seconds of processor time for all cells together").tag(config=True)
    call = Float(20.0, help="seconds of processor time for an answer to the grader").tag(config=True)
    output = Int(10_000, help="printed characters of a cell that are kept").tag(config=True)

    shell: Any
    session: Any
    _stdout: Any
    _stderr: Any

    def __init__(self, **options: Any):
        super().__init__(**options)
        self.shell.ask_exit = lambda: None  # exit() ends nothing: other cells are to run
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
        if Stream.more:
            OutStream.write(self._stdout, f"\n[{Stream.more} more characters cut]")
        return reply

    async def run(self, source: str) -> list[dict[str, Any]]:
        """Run a cell; the messages that a notebook would get."""
        self.session.sent.clear()
        asked = {"code": source, "silent": False, "stop_on_error": False}
        message = self.session.msg("execute_request", asked)
        self.set_parent([], message)
        self.pre_handler_hook()
        try:
            await self.execute_request(None, [], message)
        finally:
            self.post_handler_hook()
        await asyncio.sleep(SETTLE)
        self._stdout.flush()
        self._stderr.flush()
        return [m for m in self.session.sent if m["parent_header"].get("msg_id") == message["header"]["msg_id"]]

    def value(self, name: str, arguments: Sequence[Any] | None = None) -> dict[str, Any]:
        """The value of a variable, or what a function returns, ready to cross to the grader."""
        Stream.left = 0
        names = self.shell.user_ns
        value = partial(named, names, name) if arguments is None else partial(make, names, name, *arguments)
        frame = self.endless.get(name) or crossing(value, self.call)
        if arguments is not None and str(frame.get("failed", "")).startswith(STOPPED):
            self.endless[name] = frame
        return frame


class Kept(Session):
    """The session of a kernel whose messages stay in its process, in ``sent``.

    They go through no socket: a student's code can write into every open file of its process, and no garbage there may
    keep the others from being heard. Children that the code has forked send theirs to this process, as ever.
    """

    def __init__(self, **options: Any):
        super().__init__(**options)
        self.sent: list[dict[str, Any]] = []
        self.home = os.getpid()

    def send(  # type: ignore[override]
        self, stream: Any, message: Any, content: Any = None, parent: Any = None, *more: Any, **options: Any
    ) -> Any:
        """Keep a message."""
        if os.getpid() != self.home:
            return super().send(stream, message, content, parent, *more, **options)
        if isinstance(message, str):
            names = {name: options.get(name) for name in ("header", "metadata")}
            message = self.msg(message, content, parent, **names)
        self.sent.append(message)
        return message

    def send_multipart(self, parts: Sequence[bytes], *_: Any, **__: Any) -> None:
        """Keep a message of a child, in place of a socket."""
        self.sent.append(self.deserialize(self.feed_identities(list(parts))[1]))


class App(IPKernelApp):
    """The program around the kernel, which nobody talks to from outside."""

    kernel_class = Kernel
    outstream_class = "grokutil.course.kernel.Stream"

    def _session_default(self) -> Session:
        return Kept(parent=self)

    def log_connection_info(self) -> None:
        """Say nothing: nobody connects."""

    def init_io(self) -> None:
        """Take what children send."""
        self.session.context = self.iopub_thread.socket.context
        self.iopub_thread.socket = self.session
        super().init_io()


def start(limits: Mapping[str, Any]) -> Kernel:
    """The kernel of this process, with these limits."""
    options = [f"--Kernel.{name}={limits[name]}" for name in ("cell", "cells", "call", "output")]
    app = App.instance()
    app.initialize(["--transport=ipc", "-f", os.path.abspath(".jupyter/kernel.json"), *options])
    kernel = app.kernel
    assert isinstance(kernel, Kernel)
    return kernel


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
