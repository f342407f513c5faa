"""Submissions as students hand them in: found, recognised, and put together for running. Nothing here runs them."""

from __future__ import annotations

import ast
import hashlib
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from grokutil.course.files import File, look, shown
from grokutil.course.pictures import in_answer
from grokutil.course.problems import HIDDEN, ID_CELL, ProblemSet, fill_in, grade_id, heading
from grokutil.course.student import canonical

MOST_CELLS = 2000
NOTHING = "nothing handed in"
ID_IN_CELL = re.compile(r"""student\(\s*["']([^"']{1,80})["']\s*\)""")
SOLUTION = re.compile(r"^[ \t]*### BEGIN SOLUTION.*?^[ \t]*### END SOLUTION[ \t]*$", re.M | re.S)
STUB = re.compile(r"YOUR ANSWER HERE|# YOUR CODE HERE|raise NotImplementedError\(\)")
FENCED = re.compile(r"\s*```\w*\n(.*?)\n?```\s*", re.S)
NUMBER = re.compile(r"set[ _-]*(\d+)", re.I)


@dataclass
class Submission:
    """One student's notebook for one set.

    ``problem`` says why there is nothing to run, ``flags`` what the teacher should know, ``files`` what lies beside the
    notebook. Where there is something to look at, but nothing that could be graded, ``look`` is true.
    """

    id: str
    set: str
    file: File | None = None
    digest: str = ""
    cells: list[dict[str, Any]] = field(default_factory=list)
    problem: str | None = None
    look: bool = False
    flags: list[str] = field(default_factory=list)
    files: dict[str, File] = field(default_factory=dict)
    answered: int = 0


def submissions_of(folder: Path, sets: Sequence[ProblemSet]) -> tuple[list[Submission], list[str]]:
    """One :class:`Submission` for each set, and remarks on files that belong to none."""
    id = canonical(folder.name)
    there = look(folder)
    copies: dict[str, list[Submission]] = {s.name: [] for s in sets}
    remarks, unplaced, others = [], [], []
    for file in there.files:
        read = _read(id, file, sets, there.files) if _may_be_a_notebook(file) else None
        if read is None:
            others.append(file)
        elif read.set:
            copies[read.set].append(read)
        else:
            unplaced.append(file)
            remarks.append(f"{shown(file.name)}: {read.problem}")
    if others:
        remarks.append(f"no notebooks, but beside them when they run: {_named([file.name for file in others])}")
    if there.junk:
        remarks.append(f"left by a system, passed over: {_named(there.junk)}")
    remarks += [f"{shown(name)}; passed over" for name in there.passed]
    found = {name: _newest(there) for name, there in copies.items() if there}
    submissions = []
    for s in sets:
        named = [file for file in [*unplaced, *others] if _is_named_after(file.name, s.name)]
        here = named or ([] if found else [*unplaced, *others])  # these may belong to any set
        missing = NOTHING + ("; see the remarks on other files" if remarks else "")
        names = f": {_named([file.name for file in here])}" if here else ""
        digest = hashlib.sha256(repr([(file.name, file.time) for file in here]).encode()).hexdigest()
        theirs = Submission(id, s.name, next(iter(named), None), digest, problem=missing + names, look=bool(here))
        submissions.append(found.get(s.name) or theirs)
    return submissions, remarks


def _may_be_a_notebook(file: File) -> bool:
    """Whether a file calls itself a notebook, or is one whatever it calls itself."""
    if ".ipynb" in file.name.rpartition("/")[2].lower():
        return True
    if PurePosixPath(file.name).suffix.lower() not in (".json", ".txt", ""):
        return False
    try:
        content = file.read()
    except ValueError:
        return False
    begins = content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{")
    return begins and b'"cells"' in content and b'"nbformat"' in content


def _newest(copies: Sequence[Submission]) -> Submission:
    """Of several copies the newest in which nothing is missing; else the one with most answers. It names the others."""

    def rank(copy: Submission) -> tuple[object, ...]:
        assert copy.file
        natural = [n.zfill(9) if n.isdigit() else n for n in re.split(r"(\d+)", copy.file.name)]
        return copy.problem is None, copy.answered, copy.file.time, _proper(copy), natural

    *others, best = sorted(copies, key=rank)
    assert best.file
    for other in others:
        assert other.file
        why = "fewer answers" if other.answered < best.answered else "older"
        why = other.problem or ("the same" if other.digest == best.digest else why)
        best.flags.append(f"another copy, not graded: {shown(other.file.name)} ({why})")
    if not _proper(best):
        best.flags.append(f"renamed, recognised by its metadata: {shown(best.file.name)}")
    return best


def _proper(copy: Submission) -> bool:
    return copy.file is not None and PurePosixPath(copy.file.name).name == f"{copy.set}.ipynb"


def _read(id: str, file: File, sets: Sequence[ProblemSet], there: Sequence[File]) -> Submission:
    by_name = {s.name: s for s in sets}
    stem = PurePosixPath(file.name).name.partition(".")[0]
    submission = Submission(id, stem if stem in by_name else "", file)
    try:
        content = file.read()
        submission.look = bool(content.strip())
        submission.digest = hashlib.sha256(content).hexdigest()
        cells, label = _notebook(content)
    except ValueError as error:
        submission.look |= not submission.digest  # there is something, and it could not be read
        submission.problem = str(error)
        submission.set = submission.set or next((s.name for s in sets if _is_named_after(file.name, s.name)), "")
        return submission
    name = label.get("set")
    ids = {grade_id(cell) for cell in cells} - {None}
    if not (isinstance(name, str) and name in by_name):
        shared = {s.name: len(ids & {part.id for part in s.parts}) / len(s.parts) for s in sets}
        name = max(shared, key=shared.__getitem__)
        if shared[name] < 0.5:
            name = submission.set
    if not name:
        submission.problem = "not recognised: neither its name nor its metadata nor its cells are those of a set"
        return submission
    submission.set = name
    above = file.name.rpartition("/")[0]
    beside = {f.name.removeprefix(above).lstrip("/"): f for f in there if f.name.startswith(above and above + "/")}
    submission.files = beside
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
        cells.append(
            {
                "cell_type": cell["cell_type"],
                "source": source.encode("utf-8", "replace").decode(),
                "id": cell.get("id"),
                "metadata": _mapping(cell.get("metadata")),
                "attachments": _mapping(cell.get("attachments")),
            }
        )
    return cells, _mapping(_mapping(notebook.get("metadata")).get("course"))


def _mapping(found: Any) -> Mapping[str, Any]:
    return found if isinstance(found, dict) else {}


@dataclass(frozen=True)
class Given:
    """A cell of a set that has a grade id, as it is handed out; ``answer``: students write it, and define ``names``."""

    type: str
    source: str
    answer: bool
    names: Set[str]

    def untouched(self, source: str) -> bool:
        """Whether a student left the cell as it was handed out, or empty."""
        return not source.strip() or STUB.sub("", source).split() == self.source.split()


def given_cells(problem_set: ProblemSet, id: str) -> dict[str, Given]:
    """The cells of a set by their grade ids, for one student."""
    given, asked = {}, {name for part in problem_set.parts for name in part.answers}
    for cell in fill_in(problem_set.copy(), id).cells:
        if name := grade_id(cell):
            answer = bool(cell.metadata.nbgrader.solution)
            source = SOLUTION.sub("", cell.source) if answer else HIDDEN.sub("", cell.source)
            names = _names(cell.source) & asked | _names(cell.source, functions=True) if answer else set()
            given[name] = Given(cell.cell_type, source, answer, names)
    return given


def _assemble(
    submission: Submission, problem_set: ProblemSet, cells: list[dict[str, Any]], label: Mapping[str, Any]
) -> None:
    """The cells to run: the student's, with the id cell and the locked cells as they were released.

    Each with the question it belongs to, and whether the student wrote it (``own``) or it was given. A cell that has
    lost its grade id is known again by its own id or its text; a locked cell that the student changed is run too,
    before the given one.
    """
    given = given_cells(problem_set, submission.id)
    flags = submission.flags
    ids = [grade_id(cell) for cell in cells]
    known = {id for id in ids if id in given}
    by_text = {g.source.strip(): id for id, g in given.items() if not g.answer}
    for number, cell in enumerate(cells):
        if ids[number] not in given:
            id = cell["id"] if cell["id"] in given else by_text.get(cell["source"].strip())
            ids[number] = id if id not in known else None
    claimed = {i for i in (label.get("student"),) if isinstance(i, str)}
    seen: Counter[str] = Counter()
    printed = {cell.source.strip() for cell in problem_set.notebook.cells if not grade_id(cell)}
    title, changed, turned = "", [], []
    for id, cell in zip(ids, cells, strict=True):
        kind, source = cell["cell_type"], cell["source"]
        if id == ID_CELL:
            claimed |= set(ID_IN_CELL.findall(source))
        if id is None and kind == "markdown":
            there = heading(source, title)
            title = there if source.strip() in printed or there in problem_set.titles.values() else title
        title = problem_set.titles.get(id or "", title)
        entry = {"id": id, "title": title, "own": True}
        if id is None:
            entry["own"] = source.strip() not in printed
        else:
            seen[id] += 1
            g = given[id]
            if g.answer:
                if kind != g.type and g.type == "code" or kind == "code" != g.type and not _is_code(source):
                    turned += [id] if g.type == "code" else []
                    fenced = FENCED.fullmatch(source)
                    kind, source = g.type, fenced[1] if fenced and g.type == "code" else source
            else:
                same = _words(source, submission.id) == _words(g.source, submission.id)
                if not same:
                    changed.append(id)
                    submission.cells.append({**entry, "id": None, "type": kind, "source": source})
                elif seen[id] > 1:
                    continue
                kind, source, entry["own"] = g.type, g.source, False
        entry |= {"type": kind, "source": source}
        if entry["own"]:
            entry |= _with_pictures(kind, source, cell["attachments"], submission.files)
        submission.cells.append(entry)
    if not seen[ID_CELL]:
        me = given[ID_CELL]
        submission.cells.insert(0, {"id": ID_CELL, "type": me.type, "source": me.source, "own": False, "title": ""})
    for other in sorted(claimed):
        if _differs(other, submission.id):
            flags.append(f"made for the id {shown(other)}; graded with the numbers of {submission.id}")
    if missing := [id for id, g in given.items() if g.answer and id not in known]:
        flags.append(f"answer cells deleted or with another id: {', '.join(missing)}")
    if twice := [id for id, g in given.items() if g.answer and seen[id] > 1]:
        flags.append(f"answer cells that occur twice: {', '.join(twice)}")
    if turned:
        flags.append(f"code answers in cells for text, graded as code: {', '.join(dict.fromkeys(turned))}")
    if changed:
        flags.append(f"locked cells changed; run as changed, then as given: {', '.join(dict.fromkeys(changed))}")
    answered = {
        cell["id"]
        for cell in submission.cells
        if cell["id"] in given and given[cell["id"]].answer and not given[cell["id"]].untouched(cell["source"])
    }
    submission.answered = len(answered)
    empty = {id: g for id, g in given.items() if g.answer and g.type == "code" and id not in answered}
    _find_answers(submission, empty, {problem_set.titles[id] for id in empty})
    own = [cell for cell in submission.cells if cell["own"]]
    submission.look = any(cell["source"].strip() for cell in own)
    if not any(cell["type"] == "code" for cell in own):
        submission.problem = "a notebook without answer cells" if missing else "a notebook without code of its own"


def _find_answers(submission: Submission, empty: Mapping[str, Given], asks: Set[str]) -> None:
    """Answers that stand in cells of the student's own: code in cells for text, and code above an ``empty`` cell.

    Looked for under the titles ``asks``, where a cell for code is empty.
    """
    cells, turned, elsewhere = submission.cells, [], []
    for cell in cells:
        if cell["id"] is None and cell["own"] and cell["type"] != "code" and cell.get("title") in asks:
            fenced = FENCED.fullmatch(cell["source"])
            source = fenced[1] if fenced else cell["source"]
            if _is_code(source) and _names(source):
                turned.append(cell["title"])
                cell |= {"type": "code", "source": source}
    for id, given in empty.items():
        own = [c for c in cells if c["own"] and c["id"] is None and c["type"] == "code"]
        own = [c for c in own if given.names & _names(c["source"])]
        for cell in own:
            cell["answers"] = id
        for cell in [c for c in cells if own and c["id"] == id and cells.index(c) > cells.index(own[0])]:
            cells.remove(cell)  # else its empty definition would replace the student's
            cells.insert(cells.index(own[0]), cell)
            elsewhere.append(id)
    if turned:
        submission.flags.append(f"code in cells for text, run as code: {', '.join(map(shown, dict.fromkeys(turned)))}")
    if elsewhere:
        submission.flags.append(f"answered above the cell that was given for it: {', '.join(elsewhere)}")


def _with_pictures(kind: str, source: str, attachments: Mapping[str, Any], files: Mapping[str, File]) -> dict[str, Any]:
    """What is shown of an answer in words: its text, and the pictures in it."""
    if kind == "code" and not attachments:
        return {}

    def content(name: str) -> bytes | None:
        try:
            return files[name.removeprefix("./")].read()
        except (KeyError, ValueError):
            return None

    text, pictures = in_answer(source, attachments, content)
    return {"text": text, "pictures": pictures} if kind != "code" else {"pictures": pictures}


def _is_code(source: str) -> bool:
    try:
        return bool(ast.parse(source).body)
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return False


def _names(source: str, functions: bool = False) -> set[str]:
    """The names that a cell of code defines at its top level, or those of functions alone."""
    try:
        body = ast.parse(re.sub(r"^[ \t]*[%!].*$", "", source, flags=re.M)).body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return set()
    found = {node.name for node in body if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))}
    if functions:
        return found
    targets = [t for node in body if isinstance(node, ast.Assign) for t in node.targets]
    targets += [node.target for node in body if isinstance(node, ast.AnnAssign)]
    return found | {n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name)}


def _words(source: str, id: str) -> list[str]:
    return ID_IN_CELL.sub(f'student("{id}")', source).split()


def _differs(other: str, id: str) -> bool:
    try:
        return canonical(other) != id and other != "STUDENT_ID"
    except ValueError:
        return True


def _named(names: Sequence[str], most: int = 20) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(map(shown, names[:most])) + more


def _is_named_after(name: str, problem_set: str) -> bool:
    """Whether a file's name tells that it belongs to a set: it holds the set's name, or its number."""
    numbers = NUMBER.findall(problem_set)
    return problem_set.lower() in name.lower() or bool(numbers) and numbers[0] in NUMBER.findall(name)
