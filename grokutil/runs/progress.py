"""The progress bar of long runs."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tqdm import tqdm

FORMAT = "{desc} {percentage:3.0f}%|{bar}| {n:.3g}/{total:.3g} [{elapsed}<{remaining}]"
DELAY = 2.0  # seconds


@contextmanager
def progress_bar(clock: str, total: float, shown: bool) -> Iterator[tqdm]:
    """A bar in units of ``clock``, to be used in a ``with`` statement; it appears when a run takes over two seconds.

    The environment variable ``TQDM_DISABLE`` hides it: tqdm's notebook bar does not look there itself.
    """
    hidden = not shown or "TQDM_DISABLE" in os.environ
    total *= 1 + 1e-9  # tqdm warns when rounding carries the sum of the steps past the end
    bars = _bars()
    pause = 0.1 if sys.stderr.isatty() or bars is not tqdm else 60.0  # a log gets a line a minute
    with bars(total=total, desc=clock, bar_format=FORMAT, delay=DELAY, mininterval=pause, disable=hidden) as bar:
        yield bar
        if bar.n > total * (1 - 1e-6):
            bar.total = bar.n  # complete but for rounding: a notebook paints a bar red that is not


def shell() -> Any:
    """IPython's shell, if this runs in one; else None. A notebook's has a ``kernel``."""
    return sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None


def watched() -> bool:
    """Whether somebody sits at the kernel: its front end may be asked a question, as JupyterLab's, and so be answered.

    Who executes a notebook to be read later, as the book's build or ``jupyter nbconvert --execute``, allows none.
    """
    return bool(getattr(getattr(shell(), "kernel", None), "_allow_stdin", False))


def _bars() -> type[tqdm]:
    """The bars of what runs this. ``tqdm.auto`` takes a notebook's for any process that has imported a kernel."""
    if hasattr(shell(), "kernel"):
        from tqdm import notebook  # here, because it imports ipywidgets

        return notebook.tqdm if notebook.IProgress else tqdm
    return tqdm
