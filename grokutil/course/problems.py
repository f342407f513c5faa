"""Problem sets as teachers write them: MyST notebooks with model answers and hidden tests."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import jupytext
from nbformat import NotebookNode

from grokutil.course.parts import Part
from grokutil.course.student import PLACEHOLDER

ID_CELL = "me"
ID_CALL = f'student("{PLACEHOLDER}")'
HEADING = re.compile(r"^## +(.+?)(?: *\([^()]*points?[^()]*\))? *$", re.M)
HIDDEN = re.compile(r"^[ \t]*### BEGIN HIDDEN TESTS[ \t]*\n(.*?)^[ \t]*### END HIDDEN TESTS[ \t]*$\n?", re.M | re.S)


@dataclass(frozen=True)
class ProblemSet:
    """A problem set: its name, and its source as a notebook with model answers and hidden tests."""

    name: str
    notebook: NotebookNode

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """What gives points, in the order of the notebook."""
        titles = self.titles
        return tuple(
            Part(
                set=self.name,
                id=cell.metadata.nbgrader.grade_id,
                points=float(cell.metadata.nbgrader.points),
                answers=tuple(cell.metadata.get("answers", ())),
                hidden=None if cell.metadata.nbgrader.solution else hidden_tests(cell),
                title=titles[cell.metadata.nbgrader.grade_id],
            )
            for cell in self.notebook.cells
            if cell.metadata.get("nbgrader", {}).get("grade")
        )

    @cached_property
    def titles(self) -> dict[str, str]:
        """The heading above each cell that has a grade id, without its points."""
        titles, title = {}, ""
        for cell in self.notebook.cells:
            title = heading(cell.source, title) if cell.cell_type == "markdown" else title
            if id := grade_id(cell):
                titles[id] = title
        return titles

    def copy(self) -> NotebookNode:
        """The source as a notebook of one's own to change."""
        return copy.deepcopy(self.notebook)


def read_sets(folder: Path) -> list[ProblemSet]:
    """The problem sets ``set*.md`` in ``folder``, in the order of their names.

    Raises:
        ValueError: none there, or one that breaks the rules; the message names the cell and the rule.
    """
    sets = [read_set(path) for path in sorted(folder.glob("set*.md"))]
    if not sets:
        raise ValueError(f"no problem sets: {folder} holds no set*.md")
    return sets


def read_set(path: Path) -> ProblemSet:
    """Read and check one problem set.

    Raises:
        ValueError: it breaks a rule; the message names the cell and the rule.
    """
    return from_text(path.stem, path.read_text(encoding="utf-8"))


def from_text(name: str, text: str) -> ProblemSet:
    """The problem set ``name`` with this source; see :func:`read_set`."""
    problem_set = ProblemSet(name, jupytext.reads(text, fmt="md:myst"))
    try:
        faults = list(_faults(problem_set))
    except (AttributeError, KeyError) as error:
        faults = [f"incomplete nbgrader metadata: {error}"]
    if faults:
        raise ValueError(f"problem set {name}: " + "; ".join(faults))
    return problem_set


def hidden_tests(cell: NotebookNode) -> str:
    """The hidden region of a test cell."""
    return "\n".join(HIDDEN.findall(cell.source))


def grade_id(cell: Mapping[str, Any]) -> str | None:
    """The id by which a cell of a release, a submission and the source is the same cell."""
    found = cell["metadata"].get("nbgrader")
    id = found.get("grade_id") if isinstance(found, dict) else None
    return id if isinstance(id, str) else None


def heading(source: str, before: str) -> str:
    """The last heading ``## `` in a Markdown cell, without its points; ``before`` if it has none."""
    found = HEADING.findall(source)
    return found[-1] if found else before


def fill_in(notebook: NotebookNode, id: str) -> NotebookNode:
    """Put ``id`` into the id cell, in place."""
    for cell in notebook.cells:
        if grade_id(cell) == ID_CELL:
            cell.source = cell.source.replace(ID_CALL, f'student("{id}")')
    return notebook


def _faults(problem_set: ProblemSet) -> Iterator[str]:
    seen: set[str] = set()
    for cell in problem_set.notebook.cells:
        kind, id = cell.metadata.get("nbgrader"), grade_id(cell)
        if ("BEGIN HIDDEN" in cell.source) and not (kind and kind.grade and not kind.solution):
            yield f"hidden tests outside a test cell: {cell.source[:60]!r}"
        if kind is None:
            continue
        if id is None or not re.fullmatch(r"[a-z0-9_]+", id):
            yield f"grade_id {id!r} is not made of small letters, digits and _"
        if id in seen:
            yield f"grade_id {id} occurs twice"
        seen.add(id or "")
        if kind.grade and not kind.solution and len(HIDDEN.findall(cell.source)) != 1:
            yield f"{id} needs one region ### BEGIN HIDDEN TESTS ... ### END HIDDEN TESTS"
        elif kind.grade and not kind.solution and "\ndef check(" not in "\n" + hidden_tests(cell):
            yield f"{id}: its hidden tests define no check(me, answers, calls)"
        if id == ID_CELL and ID_CALL not in cell.source:
            yield f"{id} must contain {ID_CALL}"
    if ID_CELL not in seen:
        yield f"no cell has the grade_id {ID_CELL}"
