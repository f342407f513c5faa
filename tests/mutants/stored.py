"""Which trials are due: those of which no finding is stored, or one on other files; and some of the rest, drawn."""

from __future__ import annotations

import hashlib
import math
import os
import random
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from grokutil.results import path
from grokutil.results.mutants.findings import FILE, FOLDER, digest, of_the_package, stored

from .harness import Finding
from .mutant import Mutant
from .trial import ROOT

SHARE = 20  # one in so many is drawn
ALWAYS = ("requirements.txt", "pyproject.toml", "tests/conftest.py", "tests/mutants/trial.py")


def fingerprints(mutant: Mutant, files: Sequence[str], root: Path | None = None) -> dict[str, str]:
    """Two digests that a finding carries: ``code``, of the package, and ``trial``, of mutant and tests.

    Args:
        mutant: the mutant; what it ``breaks`` is a remark, and does not count.
        files: what its trial read, as paths below the project's folder.
        root: folder of the package that was mutated; by default the project.
    """
    code = of_the_package([*files, f"grokutil/{mutant.module}.py"])
    others = digest(ROOT, [*(set(files) - set(code)), *ALWAYS])
    trial = repr((mutant.module, mutant.old, mutant.new, mutant.tests, mutant.claims, others))
    return {"code": digest(root or ROOT, code), "trial": hashlib.sha256(trial.encode()).hexdigest()[:16]}


def current(mutants: Sequence[Mutant], results: Mapping[tuple[str, str], dict[str, Any]]) -> dict[Mutant, Finding]:
    """The stored findings that are of these mutants, tests and files; ``results`` by module and what is broken."""
    found = {}
    for mutant in mutants:
        result = results.get((mutant.module, mutant.breaks))
        if result and result["files"] and fingerprints(mutant, result["files"]).items() <= result.items():
            named = (tuple(result[kind]) for kind in ("tests", "claims"))
            prints = {kind: result[kind] for kind in ("code", "trial")}
            found[mutant] = Finding(mutant, *named, (), tuple(result["files"]), prints, result["seconds"])
    return found


def plan(asked: Sequence[Mutant], seed: str | None) -> tuple[dict[Mutant, Finding], list[Mutant], list[Mutant]]:
    """Stored findings that count; mutants without one, whose trials are due; and those drawn to be tried again."""
    known = current(asked, stored_results())
    return known, [mutant for mutant in asked if mutant not in known], drawn(list(known), seed)


def stored_results() -> dict[tuple[str, str], dict[str, Any]]:
    """The stored results, by module and what is broken; none if the file is missing."""
    try:
        path(FOLDER, FILE)
    except FileNotFoundError:
        return {}
    return {
        (outcome.cell["module"], outcome.cell["breaks"]): outcome.result | {"seconds": outcome.seconds or 0.0}
        for outcome in stored().outcomes
        if outcome.result and {"files", "code", "trial"} <= outcome.result.keys()
    }


def drawn(mutants: Sequence[Mutant], seed: str | None) -> list[Mutant]:
    """A twentieth of the mutants, rounded up, by chance: the same for the same seed. None of them without a seed."""
    count = math.ceil(len(mutants) / SHARE)
    return [] if seed is None else random.Random(seed).sample(list(mutants), count)


def seed() -> str | None:
    """``MUTANTS_SEED`` if it is set; the commit, when CI tests the branch main; else None."""
    if found := os.environ.get("MUTANTS_SEED"):
        return found
    return _git("rev-parse", "HEAD") if os.environ.get("CI") and _git("branch", "--show-current") == "main" else None


def _git(*arguments: str) -> str | None:
    run = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True)
    return run.stdout.strip() or None
