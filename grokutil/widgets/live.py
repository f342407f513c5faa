"""The live face of an explorer: the kernel computes what the controls say, in a thread that can be stopped."""

from __future__ import annotations

import html
import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import ipywidgets as W

from grokutil.runs.recorder import Moment
from grokutil.widgets.frames import SIZE, Draw, frame

NEEDS_KERNEL = "needs-kernel"
PAUSE = 0.15  # seconds without a change before a computation begins
PATIENCE = 0.25  # seconds between two answers to Stop, and between two pictures
WHICH = "<b>Live</b>: the kernel computes what you choose."


@dataclass(frozen=True)
class Progress:
    """What a computation shows on its way.

    Attributes:
        done: share of the work that is done, 0 to 1.
        picture: HTML to show, as a rule a :func:`~grokutil.widgets.frames.frame`; None keeps the last one.
        note: a line of text below the bar.
    """

    done: float
    picture: str | None = None
    note: str = ""


Compute = Callable[..., Iterator[Progress]]


class Live:
    """Controls, a picture, and a computation that follows them.

    ``compute(**values)`` is a generator: it yields :class:`Progress` as it goes. It runs in a thread of its own; after
    each yield it may be stopped, by the Stop button or because a control has moved. A ``ValueError`` is shown as a
    sentence, not as a traceback. Moves that follow each other within 0.15 s count as one: the last value wins.

    Nothing is computed before the first move, so a page built from it holds no picture that nobody asked for.

    Args:
        compute: the computation, called with the values of the controls.
        controls: widgets by the keyword under which ``compute`` receives their value.
        warn: called with the same values at each move; returns a warning (long, large), or "". A ``ValueError`` that
            it raises is shown as a sentence too.
        on_request: compute only when Run is pressed, not at each move.
        face: the name of the module in ``book/static/live`` that does the same on a static page; "" for none.

    Attributes:
        box: the widget to display; its class is ``needs-kernel``, with a face also ``live-FACE``.
    """

    def __init__(
        self,
        compute: Compute,
        controls: dict[str, W.ValueWidget],
        warn: Callable[..., str] | None = None,
        on_request: bool = False,
        face: str = "",
    ) -> None:
        self.compute, self.controls, self.warn, self.on_request = compute, controls, warn, on_request
        self.picture, self.message = W.HTML(), W.HTML()
        self.bar = W.FloatProgress(min=0, max=1, layout=W.Layout(width="16em"))
        self.run_button = W.Button(description="Run", tooltip="compute with these values")
        self.stop_button = W.Button(description="Stop", tooltip="stop the computation", disabled=True)
        self._lock, self._stopped = threading.Lock(), threading.Event()
        self._timer: threading.Timer | None = None
        self._thread: threading.Thread | None = None
        self.run_button.on_click(lambda _: self.start())
        self.stop_button.on_click(lambda _: self.stop())
        for control in controls.values():
            control.style.description_width = "initial"
            control.observe(lambda _: self._moved(), "value")
        choices = W.HBox(list(controls.values()), layout=W.Layout(flex_flow="row wrap"))
        buttons = W.HBox([self.run_button, self.stop_button, self.bar])
        self.box = W.VBox([W.HTML(WHICH), choices, buttons, self.message, self.picture])
        self.box.add_class(NEEDS_KERNEL)
        if face:
            self.box.add_class(f"live-{face}")
        self._say(self._warning() or ("Press Run." if on_request else "Move a control, or press Run."))

    def values(self) -> dict[str, Any]:
        """The values of the controls, by keyword."""
        return {name: control.value for name, control in self.controls.items()}

    def start(self) -> None:
        """Stop what runs and compute with the values that the controls have now."""
        with self._lock:
            self.stop()
            self._stopped = threading.Event()
            arguments = (self.values(), self._stopped, self._thread)
            self._thread = threading.Thread(target=self._work, args=arguments, daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Ask the computation to stop at its next yield."""
        self._stopped.set()

    def wait(self) -> None:
        """Return when nothing is under way."""
        if self._timer is not None:
            self._timer.join()
        if self._thread is not None:
            self._thread.join()

    def _moved(self) -> None:
        self._say(self._warning())
        if self.on_request:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer = threading.Timer(PAUSE, self.start)
        self._timer.daemon = True
        self._timer.start()

    def _warning(self) -> str:
        if self.warn is None:
            return ""
        try:
            return self.warn(**self.values())
        except ValueError as error:
            return str(error)

    def _work(self, values: dict[str, Any], stopped: threading.Event, previous: threading.Thread | None) -> None:
        if previous is not None:
            previous.join()
        if stopped.is_set():  # a later move has already asked for something else
            return
        self.stop_button.disabled, self.bar.value = False, 0.0
        try:
            for progress in self.compute(**values):
                self.bar.value = progress.done
                if progress.picture is not None:
                    self.picture.value = progress.picture
                if progress.note:
                    self._say(progress.note)
                if stopped.is_set():
                    self._say("stopped; what is shown is what was computed so far")
                    break
        except ValueError as error:
            self._say(str(error))
        finally:
            self.stop_button.disabled = True

    def _say(self, text: str) -> None:
        self.message.value = f'<span role="status">{html.escape(text)}</span>'


Course = Iterator[tuple[float, Callable[[], str] | None, str]]


def paced(course: Course) -> Iterator[Progress]:
    """The progress of a computation that could draw more often than anyone looks.

    Args:
        course: yields (share done, function that draws or None, note), often enough for Stop. Of the pictures it
            offers, those are drawn that leave three quarters of the time to the computation, and the last one.

    Returns:
        Progress for each; the notes of those with a picture say how long it will still take.
    """
    begin, drawn, pause = time.perf_counter(), -math.inf, PATIENCE
    for done, picture, note in course:
        now = time.perf_counter()
        if picture is None or (now - drawn < pause and done < 1):
            yield Progress(done, note="" if picture else note)
            continue
        shown = picture()
        drawn = time.perf_counter()
        pause = max(PATIENCE, 3 * (drawn - now))
        left = (drawn - begin) * (1 / done - 1) if done else 0
        ahead = f"; about {left:.0f} s left" if left > 1 and drawn - begin > 1 else ""
        yield Progress(done, shown, note + ahead)


def now_and_then(run: Iterable[Moment], pause: float = PATIENCE) -> Iterator[Moment]:
    """Of the moments of a run those that are recorded, and of the others one every ``pause`` seconds, for Stop."""
    last = time.perf_counter()
    for moment in run:
        if moment.recorded or time.perf_counter() - last > pause:
            yield moment
            last = time.perf_counter()


def drawing(draw: Draw, size: tuple[float, float] = SIZE) -> Compute:
    """A computation of one step: the same ``draw`` as behind the frames of the kernel-free face."""

    def compute(**values: Any) -> Iterator[Progress]:
        yield Progress(1.0, frame(draw, size, **values))

    return compute


def explorer(kernel_free: W.VBox, live: Live) -> W.VBox:
    """Both faces of an explorer, one above the other."""
    box = W.VBox([kernel_free, live.box])
    box.add_class("explorer")
    return box
