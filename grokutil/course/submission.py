"""Submissions as students hand them in: found, recognised, and put together for running. Nothing here runs them."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from grokutil.course.files import odd_files, plain_files, read_bytes, shown
from grokutil.course.problems import HIDDEN, ID_CELL, ProblemSet, fill_in, grade_id, heading
from grokutil.course.student import canonical

MOST_CELLS = 500
LONGEST_CELL = 100_000  # characters
ID_IN_CELL = re.compile(r"""student\(\s*["']([^"']{1,80})["']\s*\)""")


@dataclass
class Submission:
    """One student's notebook for one set.

    ``problem`` says why there is nothing to run, ``flags`` what the teacher should know.
    """

    id: str
    set: str
    path: Path | None = None
    digest: str = ""
    cells: list[dict[str, Any]] = field(default_factory=list)
    problem: str | None = None
    flags: list[str] = field(default_factory=list)


def submissions_of(folder: Path, sets: Sequence[ProblemSet]) -> tuple[list[Submission], list[str]]:
    """One :class:`Submission` for each set, and remarks on files that belong to none."""
    id = canonical(folder.name)
    found: dict[str, Submission] = {}
    remarks = []
    # a file under its proper name comes first, so that a renamed copy cannot take its place
    for path in sorted(plain_files(folder), key=lambda path: (path.stem not in {s.name for s in sets}, str(path))):
        if path.suffix != ".ipynb":
            continue
        name = path.relative_to(folder).as_posix()
        read = _read(id, path, sets)
        if read.set in found:
            found[read.set].flags.append(f"a second notebook of this set, not graded: {shown(name)}")
        elif read.set:
            if path.stem != read.set:
                read.flags.append(f"renamed, recognised by its metadata: {shown(name)}")
            found[read.set] = read
        else:
            remarks.append(f"{shown(name)}: {read.problem}")
    remarks += [f"{shown(name)}: a link or no plain file; passed over" for name in odd_files(folder)]
    missing = "nothing handed in" + ("; see the remarks on other files" if remarks else "")
    return [found.get(s.name) or Submission(id, s.name, problem=missing) for s in sets], remarks


def _read(id: str, path: Path, sets: Sequence[ProblemSet]) -> Submission:
    by_name = {s.name: s for s in sets}
    submission = Submission(id, path.stem if path.stem in by_name else "", path)
    try:
        content = read_bytes(path)
        submission.digest = hashlib.sha256(content).hexdigest()
        cells, label = _notebook(content)
    except ValueError as error:
        submission.problem = str(error)
        return submission
    name = label.get("set")
    ids = {grade_id_of(cell) for cell in cells} - {None}
    if not (isinstance(name, str) and name in by_name):
        shared = {s.name: len(ids & {part.id for part in s.parts}) / len(s.parts) for s in sets}
        name = max(shared, key=shared.__getitem__)
        if shared[name] < 0.5:
            name = submission.set
    if not name:
        submission.problem = "not recognised: neither its name nor its metadata nor its cells are those of a set"
        return submission
    submission.set = name
    _assemble(submission, by_name[name], cells, label)
    return submission


def _notebook(content: bytes) -> tuple[list[dict[str, Any]], Mapping[str, Any]]:
    """The cells and our label of a notebook in format 4, whatever else is wrong with it."""
    if not content.strip():
        raise ValueError("an empty file")
    try:
        notebook = json.loads(content)
        raw = notebook["cells"]
        assert isinstance(raw, list)
    except (ValueError, KeyError, TypeError, AssertionError, RecursionError) as error:
        raise ValueError("not a Jupyter notebook (format 4); open it in Jupyter and save it again") from error
    if len(raw) > MOST_CELLS:
        raise ValueError(f"{len(raw)} cells, more than {MOST_CELLS}")
    cells = []
    for cell in raw:
        if not isinstance(cell, dict) or cell.get("cell_type") not in ("code", "markdown", "raw"):
            continue
        source = cell.get("source", "")
        if isinstance(source, list):
            source = "".join(line for line in source if isinstance(line, str))
        if not isinstance(source, str):
            continue
        metadata = cell.get("metadata")
        cells.append(
            {
                "cell_type": cell["cell_type"],
                "source": source[:LONGEST_CELL].encode("utf-8", "replace").decode(),
                "metadata": metadata if isinstance(metadata, dict) else {},
            }
        )
    metadata = notebook.get("metadata")
    label = metadata.get("course") if isinstance(metadata, dict) else None
    return cells, label if isinstance(label, dict) else {}


def grade_id_of(cell: Mapping[str, Any]) -> str | None:
    """The grade id of a cell that a student handed in, or None."""
    found = cell["metadata"].get("nbgrader")
    id = found.get("grade_id") if isinstance(found, dict) else None
    return id if isinstance(id, str) else None


def _assemble(
    submission: Submission, problem_set: ProblemSet, cells: list[dict[str, Any]], label: Mapping[str, Any]
) -> None:
    """The cells to run: the student's, with the id cell and the locked cells as they were released.

    Each with the question it belongs to, and whether the student wrote it (``own``) or it was given.
    """
    given = {}
    for cell in fill_in(problem_set.copy(), submission.id).cells:
        if id := grade_id(cell):
            source = HIDDEN.sub("", cell.source)
            given[id] = (cell.cell_type, source, bool(cell.metadata.nbgrader.solution))
    claimed = {i for i in (label.get("student"),) if isinstance(i, str)}
    seen: Counter[str] = Counter()
    printed = {cell.source.strip() for cell in problem_set.notebook.cells if not grade_id(cell)}
    title = ""
    for cell in cells:
        id = grade_id_of(cell)
        if id == ID_CELL:
            claimed |= set(ID_IN_CELL.findall(cell["source"]))
        if id in given:
            seen[id] += 1
            cell_type, source, answer = given[id]
            if not answer:
                if seen[id] > 1:
                    continue
                cell = {**cell, "cell_type": cell_type, "source": source}
        own = given[id][2] if id in given else cell["source"].strip() not in printed
        if not own and cell["cell_type"] == "markdown":
            title = heading(cell["source"], title)
        submission.cells.append(
            {
                "id": id if id in given else None,
                "type": cell["cell_type"],
                "source": cell["source"],
                "title": problem_set.titles.get(id or "", title),
                "own": own,
            }
        )
    if not seen[ID_CELL]:
        submission.cells.insert(0, {"id": ID_CELL, "type": "code", "source": given[ID_CELL][1], "own": False})
    for other in sorted(claimed):
        if _differs(other, submission.id):
            submission.flags.append(f"made for the id {shown(other)}; graded with the numbers of {submission.id}")
    if missing := [id for id, (_, _, answer) in given.items() if answer and not seen[id]]:
        submission.flags.append(f"answer cells deleted or with another id: {', '.join(missing)}")
    if twice := [id for id, (_, _, answer) in given.items() if answer and seen[id] > 1]:
        submission.flags.append(f"answer cells that occur twice: {', '.join(twice)}")
    if not any(cell["type"] == "code" and given.get(cell["id"], ("", "", True))[2] for cell in submission.cells):
        submission.problem = "a notebook without code of its own" if not missing else "a notebook without answer cells"


def _differs(other: str, id: str) -> bool:
    try:
        return canonical(other) != id and other != "STUDENT_ID"
    except ValueError:
        return True
