"""Processes for code that is not trusted: shut in as far as this system allows, and always limited."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import grokutil
from grokutil.course.driver import HANDED_IN
from grokutil.course.files import File, copy_files, remove_folder
from grokutil.course.watch import SCRATCH, Limits, Outcome, listen
from grokutil.runs.processes import ONE_THREAD

FIRST_UID = 64100  # with another user id, each process gets its own, from here on
SYSTEM = (
    "/usr",
    "/bin",
    "/lib",
    "/lib32",
    "/lib64",
    "/etc/ld.so.cache",
    "/etc/fonts",
    "/etc/alternatives",
    "/etc/localtime",
)
# the grader's own code, wherever it was started from
START = "import runpy, sys; sys.path.insert(0, sys.argv.pop(1)); runpy.run_module(sys.argv.pop(1), run_name='__main__')"
KINDS = ("bubblewrap", "another user id", "none")


class Sandbox:
    """One way to shut processes in: ``bubblewrap``, ``another user id`` (needs root), or ``none``."""

    def __init__(self, kind: str):
        if kind not in KINDS:
            raise ValueError(f"unknown sandbox {kind!r}; known are {', '.join(KINDS)}")
        self.kind = kind
        self._running: set[subprocess.Popen[bytes]] = set()

    def kill_all(self) -> None:
        """End every process that runs now."""
        for process in list(self._running):
            process.kill()

    def run(
        self,
        module: str,
        job: Mapping[str, Any],
        limits: Limits,
        files: Mapping[str, File] = MappingProxyType({}),
        slot: int = 0,
    ) -> Outcome:
        """Run ``python -m module`` with ``job`` on its standard input, in a temporary folder with copies of ``files``.

        ``slot`` is below the number of processes that run at the same time, and no two of these share one.
        """
        job = {**job, "limits": {**vars(limits), "processes": limits.processes if self.kind != "none" else 0}}
        scratch = Path(tempfile.mkdtemp(prefix="grading-"))
        try:
            home = scratch / "home"
            home.mkdir()
            behind = copy_files(files, home)
            with open(scratch / "job", "w+b") as stdin:
                (scratch / "job").unlink()  # nothing of the job has a name on disk
                stdin.write(json.dumps(job).encode())
                stdin.seek(0)
                return replace(self._run(module, stdin, limits, scratch, slot), behind=behind)
        finally:
            remove_folder(scratch)

    def _run(self, module: str, stdin: Any, limits: Limits, scratch: Path, slot: int) -> Outcome:
        home = scratch / "home"
        command = [sys.executable, "-I", "-c", START, str(Path(grokutil.__path__[0]).parent), module]
        uid = None
        if self.kind == "another user id":
            uid = FIRST_UID + slot
            scratch.chmod(0o711)
            for path in [home, *home.rglob("*")]:
                os.chown(path, uid, uid)
        if self.kind == "bubblewrap":
            command = bubblewrap(home) + command
            directory = "/home"
        else:
            directory = str(home)
        environment = {"PATH": "/usr/bin:/bin", "HOME": directory, "TMPDIR": directory, "LANG": "C.UTF-8"}
        environment |= {"IPYTHONDIR": f"{directory}/.ipython", "MPLCONFIGDIR": f"{directory}/.matplotlib"}
        environment |= {"SHELL": "/bin/bash"} if os.path.exists("/bin/bash") else {}
        environment |= {"JUPYTER_RUNTIME_DIR": f"{directory}/.jupyter", "TQDM_DISABLE": "1"}
        process = subprocess.Popen(
            command,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=home,
            env=environment | ONE_THREAD,
            start_new_session=True,
            user=uid,
            group=uid,
            extra_groups=None if uid is None else (),
        )
        self._running.add(process)
        try:
            return listen(process, limits, home, uid)
        finally:
            self._running.discard(process)
            _kill(process, uid)


def bubblewrap(home: Path) -> list[str]:
    """A command that shows the system and Python read-only, the student's files writable in memory, and no network."""
    here = [sys.prefix, sys.base_prefix, os.path.realpath(sys.executable), *grokutil.__path__]
    shown = [path for path in dict.fromkeys([*SYSTEM, *map(os.path.abspath, here)]) if os.path.exists(path)]
    command = ["bwrap", "--unshare-all", "--die-with-parent", "--new-session", "--unshare-user", "--uid", "65534"]
    command += ["--gid", "65534", "--cap-drop", "ALL", "--hostname", "grading"]
    command += ["--proc", "/proc", "--dev", "/dev", "--size", str(SCRATCH), "--tmpfs", "/tmp"]
    for path in shown:
        command += ["--symlink", os.readlink(path), path] if os.path.islink(path) else ["--ro-bind", path, path]
    return [*command, "--size", str(SCRATCH), "--tmpfs", "/home", "--ro-bind", str(home), HANDED_IN, "--chdir", "/home"]


def _kill(process: subprocess.Popen[bytes], uid: int | None) -> None:
    """End the process and all it has started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass
    if uid is not None:  # this user id runs nothing else; only a process of that user reaches them all
        subprocess.run(
            [sys.executable, "-I", "-S", "-c", "import os; os.kill(-1, 9)"],
            user=uid,
            group=uid,
            extra_groups=(),
            check=False,
        )
    process.wait()
    for stream in (process.stdout, process.stderr):
        if stream:
            stream.close()
