"""One submission: run, then checked in a fresh process, then written down as a record."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from grokutil.course.files import shown
from grokutil.course.parts import Part
from grokutil.course.pictures import is_picture
from grokutil.course.problems import ProblemSet, grade_id
from grokutil.course.sandbox import Sandbox
from grokutil.course.student import student
from grokutil.course.submission import Given, Submission, given_cells
from grokutil.course.values import NOT_DEFINED, encode
from grokutil.course.watch import Limits, Outcome

NOT_RUN = "nothing was run"
EMPTY = "left empty"
LATE = "not reached: the machine was busy, or the notebook only waits"
MOST_ERRORS = 2
BESIDE = "the cell for this answer is empty, but other cells of your own are not"

Record = dict[str, Any]


@dataclass(frozen=True)
class Batch:
    """What came of grading a folder: a record for each student and set, and remarks on what belongs to none."""

    records: list[Record]
    remarks: list[str]
    seconds: float
    reused: int


def grade(
    submission: Submission, problem_set: ProblemSet, sandbox: Sandbox, limits: Limits, seed: int, slot: int = 0
) -> Record:
    """Grade one submission.

    The record holds ``status`` (graded, stopped, or not graded), ``parts`` with points and messages, ``cells`` with
    what they printed, ``flags`` for the teacher and ``seconds``. Points of parts that a teacher marks are None.
    """
    record: Record = {
        "id": submission.id,
        "set": submission.set,
        "status": "graded",
        "flags": list(submission.flags),
        "cells": submission.cells,
        "file": submission.file.name if submission.file else "",
        "digest": submission.digest,
        "seconds": 0.0,
    }
    if submission.problem is not None:
        record["status"] = "not graded"
        record["flags"].insert(0, submission.problem)
        points = None if submission.look else 0.0  # what nobody could grade is not wrong
        nothing = {part.id: {"points": points, "message": NOT_RUN} for part in problem_set.parts}
        return record | {"parts": listed(problem_set, nothing)}

    automatic = [part for part in problem_set.parts if part.hidden is not None]
    calls = [(part, n, call) for part in automatic for n, call in enumerate(part.draw(student(submission.id), seed))]
    code = [cell for cell in submission.cells if cell["type"] == "code"]
    job = {
        "cells": [cell["source"] for cell in code],
        "answers": sorted({name for part in automatic for name in part.answers}),
        "calls": [(call.name, encode(call.args), encode(call.kwargs)) for _, _, call in calls],
    }
    outcome = sandbox.run("grokutil.course.driver", job, limits, submission.files, slot)
    frames = _frames(outcome, len(code), job["answers"], len(calls))
    for number, cell in enumerate(code):
        cell.update(frames["cell"].get(number, {"outputs": [], "error": "not reached"}))
    stopped = outcome.stopped or ("" if _finished(outcome) else "ended before its end, by its own code")
    if stopped:
        record["status"] = "stopped"
        stopped += _where(frames, code, job)
        stopped += f"; grade it again with AGAIN={submission.id}, or mark it by hand" if outcome.late else ""
        record["flags"].insert(0, stopped + (f" ({last})" if (last := _last_line(outcome.errors)) else ""))
    if outcome.behind:
        behind = ", ".join(map(shown, outcome.behind[:20]))
        record["flags"].append(f"files too large or too many to come along: {behind}")
    record["flags"] += _errors(submission, problem_set)

    entries: dict[str, Record] = {}
    verdicts: dict[str, Record] = {}
    for part in automatic:
        answers = {name: frames["answer"][name] for name in part.answers if name in frames["answer"]}
        made = {str(n): frames["call"][i] for i, (of, n, _) in enumerate(calls) if of is part and i in frames["call"]}
        asked = len(part.answers) + sum(of is part for of, _, _ in calls)
        if outcome.late and len(answers) + len(made) < asked:
            verdicts[part.id] = {"points": None, "message": LATE}
        else:
            entries[part.id] = {"part": asdict(part), "frames": {"answers": answers, "calls": made}}
    checked, seconds = _check(entries, submission.id, sandbox, limits, seed, slot)
    verdicts |= checked
    given = given_cells(problem_set, submission.id)
    for part in problem_set.parts:
        if part.hidden is None:
            verdicts[part.id] = _written(submission, given[part.id], part)
        elif verdicts[part.id]["points"] == 0 and _is_empty(submission, problem_set, given, part):
            if re.search(f"NotImplementedError|{NOT_DEFINED}", verdicts[part.id]["message"]):
                beside = any(cell["type"] != "code" for cell in _own(submission) if cell["title"] == part.title)
                verdicts[part.id] = {"points": None, "message": BESIDE} if beside else {"points": 0.0, "message": EMPTY}
    broken = [
        f"{id}: the hidden test itself failed, look at it: {v['broken']}" for id, v in verdicts.items() if "broken" in v
    ]
    record["flags"] += broken
    record["seconds"] = round(outcome.seconds + seconds, 2)
    return record | {"parts": listed(problem_set, verdicts)}


def _frames(outcome: Outcome, cells: int, answers: list[str], calls: int) -> dict[str, dict[Any, dict[str, Any]]]:
    """What the student's process said, by kind; of two answers to one question the first counts."""
    frames: dict[str, dict[Any, dict[str, Any]]] = {"cell": {}, "answer": {}, "call": {}}
    expected = {"cell": range(cells), "answer": answers, "call": range(calls)}
    for line in outcome.lines:
        try:
            frame = json.loads(line)
        except (ValueError, RecursionError):
            continue
        for kind in frames:
            if isinstance(frame, dict) and isinstance(frame.get(kind), (int, str)) and frame[kind] in expected[kind]:
                if kind == "cell":
                    error, shown = frame.get("error"), frame.get("outputs")
                    outputs = [_output(o) for o in shown if isinstance(o, dict)] if isinstance(shown, list) else []
                    content = {"outputs": outputs, "error": None if error is None else str(error)}
                else:
                    content = {key: frame[key] for key in ("value", "failed") if key in frame}
                frames[kind].setdefault(frame[kind], content)
    return frames


def _output(output: Mapping[str, Any]) -> dict[str, str]:
    picture = str(output.get("picture"))
    return {"picture": picture} if is_picture(picture) else {"text": str(output.get("text", ""))}


def _check(
    entries: Mapping[str, Mapping[str, Any]], id: str, sandbox: Sandbox, limits: Limits, seed: int, slot: int
) -> tuple[dict[str, dict[str, Any]], float]:
    """Run the hidden tests; one that does not come back gives no points and does not stop the others."""
    verdicts: dict[str, dict[str, Any]] = {}
    seconds = 0.0
    while left := [id for id in entries if id not in verdicts]:
        job = {"id": id, "seed": seed, "parts": [entries[name] for name in left]}
        outcome = sandbox.run("grokutil.course.checker", job, limits, slot=slot)
        seconds += outcome.seconds
        frames = [json.loads(line) for line in outcome.lines]  # said by our own code
        verdicts |= {frame.pop("part"): frame for frame in frames if "part" in frame}
        unfinished = [frame["start"] for frame in frames if "start" in frame and frame["start"] not in verdicts]
        if not frames:
            raise RuntimeError(f"the hidden tests of {id} did not start: {outcome.stopped} {outcome.errors[-500:]}")
        for name in unfinished:
            message = f"the answer could not be checked: the test was {outcome.stopped or 'cut off'}"
            verdicts[name] = {"points": None if outcome.late else 0.0, "message": message}
    return verdicts, seconds


def _written(submission: Submission, given: Given, part: Part) -> dict[str, Any]:
    """No points for an answer left empty; None, for a teacher to mark, for any other, wherever it stands."""
    answers = [cell for cell in submission.cells if cell["id"] == part.id]
    if not all(given.untouched(cell["source"]) and not cell.get("pictures") for cell in answers):
        return {"points": None, "message": ""}
    if any(cell["type"] != "code" or cell["title"] == part.title for cell in _own(submission)):
        return {"points": None, "message": BESIDE}
    return {"points": 0.0, "message": EMPTY}


def _own(submission: Submission) -> list[dict[str, Any]]:
    """Cells that the student added, with something in them that is not known to be an answer."""
    own = [cell for cell in submission.cells if cell["own"] and cell["id"] is None and "answers" not in cell]
    return [cell for cell in own if cell["source"].strip()]


def _is_empty(submission: Submission, problem_set: ProblemSet, given: Mapping[str, Given], part: Part) -> bool:
    """Whether the answer that ``part`` tests is not there, or holds still the line that a release puts in its place."""
    above = None
    for cell in problem_set.notebook.cells:
        if grade_id(cell) == part.id:
            break
        if cell.metadata.get("nbgrader", {}).get("solution"):
            above = grade_id(cell)
    answers = [cell["source"] for cell in submission.cells if cell["id"] == above]
    return not answers or any("raise NotImplementedError" in answer for answer in answers)


def listed(problem_set: ProblemSet, verdicts: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """An entry for each part, with its verdict: what a record and its reports are made of."""
    return [
        {
            "part": part.id,
            "title": part.title,
            "of": part.points,
            "manual": part.hidden is None,
            "points": verdicts[part.id]["points"],
            "message": verdicts[part.id]["message"],
        }
        for part in problem_set.parts
    ]


def _where(frames: Mapping[str, Any], code: list[dict[str, Any]], job: Mapping[str, Any]) -> str:
    """Where a process was when it was stopped: the first thing that it did not say."""
    for number, cell in enumerate(code):
        if number not in frames["cell"]:
            return f" in cell {cell['id'] or number + 1}" + (f" ({shown(cell['title'])})" if cell.get("title") else "")
    for name in job["answers"]:
        if name not in frames["answer"]:
            return f" while {name} was read"
    for number, (name, _, _) in enumerate(job["calls"]):
        if number not in frames["call"]:
            return f" in a call of {name}"
    return ""


def _finished(outcome: Outcome) -> bool:
    return bool(outcome.lines) and outcome.lines[-1] == b'{"done": true}'


def _errors(submission: Submission, problem_set: ProblemSet) -> list[str]:
    """The first errors in cells of the student's own, without those that only say that an answer is missing."""
    own = {grade_id(c) for c in problem_set.notebook.cells if c.metadata.get("nbgrader", {}).get("solution")} | {None}
    errors = [
        f"cell {cell['id'] or number}: {shown(cell['error'])}"
        for number, cell in enumerate(submission.cells, 1)
        if cell.get("error")
        and cell["id"] in own
        and not cell["error"].startswith(("NotImplementedError", "not reached"))
    ]
    return errors[:MOST_ERRORS] + (
        [f"and {len(errors) - MOST_ERRORS} more errors"] if len(errors) > MOST_ERRORS else []
    )


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return shown(lines[-1]) if lines else ""
