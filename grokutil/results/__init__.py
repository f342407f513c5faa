"""Stored results of runs that are too long for a chapter: a folder a chapter, with the recipe that makes its files.

``python -m grokutil.results`` (or ``make results``) makes them again; a test computes a part of each again.
What reads them imports ``grokutil.runs`` alone; a recipe may import the mathematics and ``grokutil.claims``.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from grokutil.runs.storage import load_npz

HERE = Path(__file__).parent


def folders() -> list[str]:
    """Names of the folders, each with a recipe."""
    return sorted(path.parent.name for path in HERE.glob("*/recipe.py"))


def path(folder: str, name: str) -> Path:
    """Where the file ``name`` of a folder lies.

    Raises:
        FileNotFoundError: no such file; the message names those there are.
    """
    file = HERE / folder / name
    if not file.is_file():
        known = sorted(p.name for p in (HERE / folder).glob("*") if p.suffix not in (".py", "")) or folders()
        raise FileNotFoundError(f"no stored result {folder}/{name}; there are {', '.join(known)}")
    return file


def load(folder: str, cell: str) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The arrays of the file ``cell``.npz of a folder, and the notes on its making."""
    return load_npz(path(folder, f"{cell}.npz"))


def recipe(folder: str) -> ModuleType:
    """The module that makes the files of a folder."""
    return importlib.import_module(f"grokutil.results.{folder}.recipe")
