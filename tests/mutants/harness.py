"""Break the package, one formula at a time, in copies of it, and see what notices."""

from __future__ import annotations

import compileall
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import connection, forkserver, get_context
from pathlib import Path
from unittest import mock

from . import trial
from .mutant import Mutant, MutantError

PACKAGE = trial.ROOT / "grokutil"
# What takes long to import, and is no part of the package: imported once, then each process starts as a copy.
HEAVY = [
    *("torch", "torch.testing", "torch.distributed.tensor", "numpy.polynomial", "numpy.testing"),
    *("scipy.integrate", "scipy.optimize", "scipy.sparse.linalg", "sympy", "tqdm.notebook", "cloudpickle"),
    *("pytest", "_pytest.config", "hypothesis", "hypothesis.strategies", "http.server", "yaml"),
    *("jupytext", "nbformat", "jupyter_cache"),
]
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
LIMIT = 600.0  # seconds a trial may take


@dataclass(frozen=True)
class Finding:
    """What became of a mutant.

    Attributes:
        mutant: the mutant.
        tests: those of its tests that failed on an assertion.
        claims: those of its claims whose outcome differed from the expected one.
        errors: what ended otherwise, as text.
        files: those of the package and of the tests that the trial read, as paths below the project's folder.
        fingerprints: of these files as they were then, and of the mutant.
        seconds: how long it took.
    """

    mutant: Mutant
    tests: tuple[str, ...]
    claims: tuple[str, ...]
    errors: tuple[str, ...]
    files: tuple[str, ...]
    fingerprints: dict[str, str]
    seconds: float

    @property
    def outcome(self) -> str:
        """``"caught"`` by a test or a claim, ``"error"`` where something else went wrong, or ``"survived"``."""
        return "caught" if self.tests or self.claims else "error" if self.errors else "survived"

    @property
    def silent(self) -> tuple[str, ...]:
        """The tests and claims that the list names, and that did not notice."""
        named, found = self.mutant.tests + self.mutant.claims, self.tests + self.claims
        return tuple(name for name in named if name not in found)


def run(mutants: Sequence[Mutant], workers: int = 2) -> Iterator[Finding]:
    """Try the unbroken package, then each mutant; findings come as they are made, in no fixed order.

    The package is copied at the start, so edits meanwhile do not matter. A run that is stopped ends its
    processes and removes its copies.

    Args:
        mutants: what to try.
        workers: processes at a time, each with one thread.

    Raises:
        MutantError: a text that does not occur exactly once, or a test or claim that fails without any mutant.
    """
    from .stored import fingerprints  # it imports grokutil, and a trial imports this module

    with tempfile.TemporaryDirectory(prefix="grokutil-mutants-") as name:
        folder = Path(name)
        shutil.copytree(PACKAGE, folder / "grokutil", ignore=shutil.ignore_patterns("__pycache__"))
        compileall.compile_dir(folder / "grokutil", quiet=2)
        tasks = [(_copy(folder, number, mutant), mutant.tests, mutant.claims) for number, mutant in enumerate(mutants)]
        for _, answer, _ in _trials(_unbroken(folder, mutants), workers):
            if bad := answer["tests"] + answer["claims"] + answer["errors"]:
                raise MutantError("without any mutant, these fail: " + "\n".join(bad))
        for number, answer, seconds in _trials(tasks, workers):
            found = [tuple(answer[kind]) for kind in ("tests", "claims", "errors", "files")]
            yield Finding(mutants[number], *found, fingerprints(mutants[number], found[-1], folder), seconds)


Task = tuple[Path, tuple[str, ...], tuple[str, ...]]  # a copy, tests, claims
Answer = dict[str, list[str]]


def _copy(folder: Path, name: object, mutant: Mutant | None = None) -> Path:
    """A copy of the package, made of links to the first one, in a folder of its own; mutated if so asked."""
    copy = folder / f"copy-{name}"
    _link(folder / "grokutil", copy / "grokutil")
    if mutant:
        for parent in list(Path(mutant.module).parents)[-2::-1]:  # a module in a folder: the folder is no link
            if (copy / "grokutil" / parent).is_symlink():
                (copy / "grokutil" / parent).unlink()
                _link(folder / "grokutil" / parent, copy / "grokutil" / parent)
        mutant.apply(copy / "grokutil")
        os.utime(copy / "grokutil" / f"{mutant.module}.py", (0, 0))  # so the bytecode is not that of this text
    return copy


def _link(source: Path, target: Path) -> None:
    """A folder of links to all that a folder has."""
    target.mkdir(parents=True)
    for part in source.iterdir():
        (target / part.name).symlink_to(part)


def _unbroken(folder: Path, mutants: Sequence[Mutant]) -> list[Task]:
    """All tests and claims that are named, on the package as it is: claims of one module share their runs."""
    tests = tuple(dict.fromkeys(test for mutant in mutants for test in mutant.tests))
    claims: dict[str, list[str]] = {}
    for claim in dict.fromkeys(claim for mutant in mutants for claim in mutant.claims):
        claims.setdefault("".join(trial.claim_modules(folder / "grokutil", claim)[:1]), []).append(claim)
    parts = [(tests[k : k + 8], ()) for k in range(0, len(tests), 8)] + [((), tuple(c)) for c in claims.values()]
    return [(_copy(folder, f"unbroken-{k}"), *part) for k, part in enumerate(parts)]


def _trials(tasks: Sequence[Task], workers: int) -> Iterator[tuple[int, Answer, float]]:
    """Number, answer and seconds of each task, as they end."""
    forkserver._forkserver._stop()  # one that runs already may have imported the package, and not the copy
    start, running, waiting = get_context("forkserver"), {}, list(enumerate(tasks))
    start.set_forkserver_preload(HEAVY)
    try:
        while waiting or running:
            while waiting and len(running) < workers:
                number, task = waiting.pop(0)
                with mock.patch.dict(os.environ, ONE_THREAD):
                    process = start.Process(target=trial.run, args=task, daemon=True)
                    process.start()
                running[process.sentinel] = process, number, time.perf_counter()
            ready = connection.wait(list(running), timeout=0.5)
            for sentinel, (process, number, begin) in list(running.items()):
                seconds = time.perf_counter() - begin
                if sentinel in ready or seconds > LIMIT:
                    process.kill()
                    process.join()
                    del running[sentinel]
                    yield number, _answer(tasks[number][0], seconds), seconds
    finally:
        for process, _, _ in running.values():
            process.kill()
            process.join()


def _answer(copy: Path, seconds: float) -> Answer:
    try:
        return json.loads((copy / "answer.json").read_text())
    except FileNotFoundError:
        error = f"its process ended after {seconds:.0f} s without an answer"
        return {"tests": [], "claims": [], "files": [], "errors": [error]}
