"""What students get: the problem sets without model answers and hidden tests, one for each id."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbgrader.preprocessors import CheckCellMetadata, ClearHiddenTests, ClearOutput, ClearSolutions, LockCells

from grokutil.course.problems import HIDDEN, ID_CELL, ProblemSet, fill_in, grade_id
from grokutil.course.student import canonical
from grokutil.runs.storage import write_text

GENERIC = "generic"
STEPS = (CheckCellMetadata, ClearSolutions, ClearHiddenTests, ClearOutput, LockCells, CheckCellMetadata)


def release(problem_set: ProblemSet, id: str | None = None) -> NotebookNode:
    """The notebook for the student ``id``; for None the generic one, in which students put their id themselves."""
    notebook = problem_set.copy()
    for step in STEPS:
        notebook, _ = step().preprocess(notebook, {})
    if id is not None:
        notebook = fill_in(notebook, canonical(id))
    else:
        (cell,) = (cell for cell in notebook.cells if grade_id(cell) == ID_CELL)
        cell.metadata.editable = True
    return _labelled(notebook, problem_set, id)


def model(problem_set: ProblemSet, id: str) -> NotebookNode:
    """The notebook of a student who gives the model answers."""
    notebook = fill_in(problem_set.copy(), canonical(id))
    for cell in notebook.cells:
        cell.source = HIDDEN.sub("", cell.source)
    return _labelled(notebook, problem_set, id)


def write_releases(sets: Iterable[ProblemSet], folder: Path, ids: Iterable[str] = ()) -> list[Path]:
    """Write the releases to ``folder/ID/SET.ipynb``, or to ``folder/generic`` when no ids are given.

    Each file is written under a temporary name and renamed.
    """
    sets, written = list(sets), []
    for id in list[str | None](ids) or [None]:
        for problem_set in sets:
            path = folder / (GENERIC if id is None else canonical(id)) / f"{problem_set.name}.ipynb"
            write_text(path, nbformat.writes(release(problem_set, id)))
            written.append(path)
    return written


def _labelled(notebook: NotebookNode, problem_set: ProblemSet, id: str | None) -> NotebookNode:
    """Write the set and the id into the metadata, where they survive a new file name."""
    notebook.metadata["course"] = {"set": problem_set.name, "student": None if id is None else canonical(id)}
    notebook.metadata.pop("jupytext", None)
    for number, cell in enumerate(notebook.cells):
        cell.id = grade_id(cell) or f"{re.sub('[^A-Za-z0-9-]', '-', problem_set.name)}-{number}"
    nbformat.validate(notebook)
    return notebook
