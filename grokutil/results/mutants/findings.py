"""What the trials of the mutants found, and whether it was found on the code that is here."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from grokutil import results
from grokutil.runs.outcomes import Sweep, load

PACKAGE = Path(results.__file__).parents[1]
FOLDER, FILE = "mutants", "mutants.jsonl"


def stored() -> Sweep:
    """The stored findings, one a mutant: what a trial of it gave, and which files the trial read."""
    return load(results.path(FOLDER, FILE))


def digest(root: Path, files: Iterable[str]) -> str:
    """Sixteen hexadecimal digits that change with the text of any of the files, which lie below ``root``."""
    text = repr([(file, _of(root / file)) for file in sorted(set(files))])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def of_the_package(files: Iterable[str]) -> list[str]:
    """Those of the files that belong to the package."""
    return [file for file in files if file.startswith(f"{PACKAGE.name}/")]


def is_current(result: dict[str, Any] | None) -> bool:
    """Whether a finding is one about the package as it is here: none of its files that the trial read has changed.

    Whether the mutant and the tests are still the same, ``make test`` finds out.
    """
    if not result or not result["files"]:
        return False
    return result["code"] == digest(PACKAGE.parent, of_the_package(result["files"]))


def _of(path: Path) -> str:
    """Hash of a file's text; no file has none."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
