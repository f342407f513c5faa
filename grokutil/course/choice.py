"""The best sandbox of this system, and what code inside it can still reach: tried out, not assumed."""

from __future__ import annotations

import json
import os
import shutil
import socket
from collections.abc import Callable, Sequence
from pathlib import Path

from grokutil.course.files import shown
from grokutil.course.sandbox import KINDS, Sandbox
from grokutil.course.watch import Limits

SHUT_IN = KINDS[:-1]  # what is tried when no kind is asked for: not to grade with no sandbox at all
ALL_THE_SAME = "To grade all the same, in a machine that holds nothing you would miss: make grade ... SANDBOX=none"


def choose(
    sources: Path,
    submissions: Path,
    results: Path,
    kinds: Sequence[str] = SHUT_IN,
    tell: Callable[[str], None] = lambda text: None,
) -> tuple[Sandbox, list[str]]:
    """The first of ``kinds`` that works here, and what a student's code can reach in it; ``tell`` hears what fails.

    Raises:
        RuntimeError: none of them works here; the message says why.
    """
    failures = []
    for kind in kinds:
        sandbox = Sandbox(kind)
        missing = unavailable(kind)
        found = missing or _probe(sandbox, sources, submissions, results)
        if not isinstance(found, str):
            return sandbox, found
        failures.append(f"{kind}: {found}")
        tell(f"does not work here: {failures[-1]}")
    raise RuntimeError("\n".join(["no sandbox works here", *failures, ALL_THE_SAME]))


def unavailable(kind: str) -> str | None:
    """Why this kind of sandbox cannot be had here, or None."""
    if kind == "bubblewrap" and not shutil.which("bwrap"):
        return "the program bwrap is missing; install the package bubblewrap"
    if kind == "another user id" and os.geteuid() != 0:
        return "only root can take another user id"
    return None


def _probe(sandbox: Sandbox, sources: Path, submissions: Path, results: Path) -> list[str] | str:
    """What code in the sandbox can reach; text says why no code ran in it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        job = {
            "read": {"hidden tests and model answers": str(sources), "what other students handed in": str(submissions)},
            "write": {"the folder of the marks (writing)": str(results)},
            "port": server.getsockname()[1],
            "pid": os.getpid(),
        }
        try:
            outcome = sandbox.run("grokutil.course.probe", job, Limits(seconds=60, clock=600))
        except OSError as error:
            return f"it does not start ({error})"
    try:
        return list(json.loads(outcome.lines[0])["reached"])
    except (IndexError, ValueError, KeyError):
        first = outcome.errors.strip().partition("\n")[0]
        return f"it starts no Python here ({shown(first or outcome.stopped)})"
