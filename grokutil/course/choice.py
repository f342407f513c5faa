"""The best sandbox of this system, and what code inside it can still reach: tried out, not assumed."""

from __future__ import annotations

import json
import os
import shutil
import socket
from pathlib import Path

from grokutil.course.sandbox import KINDS, Sandbox
from grokutil.course.watch import Limits


def choose(sources: Path, submissions: Path, results: Path, kind: str | None = None) -> tuple[Sandbox, list[str]]:
    """The first of :data:`KINDS` that works here (or ``kind``), and what a student's code can reach in it.

    Raises:
        RuntimeError: ``kind`` does not work here, or nothing does.
    """
    failures = []
    for candidate in KINDS if kind is None else (kind,):
        sandbox = Sandbox(candidate)
        missing = unavailable(candidate)
        reached = None if missing else _probe(sandbox, sources, submissions, results)
        if reached is not None:
            return sandbox, reached
        failures.append(f"{candidate}: {missing or 'it starts no Python here'}")
    raise RuntimeError("no sandbox works here: " + "; ".join(failures))


def unavailable(kind: str) -> str | None:
    """Why this kind of sandbox cannot be had here, or None."""
    if kind == "bubblewrap" and not shutil.which("bwrap"):
        return "the program bwrap is missing; install the package bubblewrap"
    if kind == "another user id" and os.geteuid() != 0:
        return "only root can take another user id"
    return None


def _probe(sandbox: Sandbox, sources: Path, submissions: Path, results: Path) -> list[str] | None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        job = {
            "read": {"hidden tests and model answers": str(sources), "what other students handed in": str(submissions)},
            "write": {"the folder of the marks (writing)": str(results)},
            "port": server.getsockname()[1],
            "pid": os.getpid(),
        }
        try:
            outcome = sandbox.run("grokutil.course.probe", job, Limits(seconds=60))
        except OSError:
            return None
    try:
        return list(json.loads(outcome.lines[0])["reached"])
    except (IndexError, ValueError, KeyError):
        return None
