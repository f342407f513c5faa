"""A class: every submission graded, marks and feedback written by this process alone."""

from __future__ import annotations

import hashlib
import json
import secrets
import threading
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict
from pathlib import Path

from filelock import FileLock, Timeout

import grokutil
from grokutil.course import marks, report
from grokutil.course.files import is_junk, shown
from grokutil.course.grading import Batch, Record, grade, listed
from grokutil.course.problems import ProblemSet
from grokutil.course.sandbox import Sandbox
from grokutil.course.student import canonical
from grokutil.course.submission import NOTHING, Submission, submissions_of
from grokutil.course.watch import Limits
from grokutil.runs.processes import cores
from grokutil.runs.storage import write_text

RECORDS = "records"


def grade_folder(
    folder: Path,
    results: Path,
    sets: Sequence[ProblemSet],
    sandbox: Sandbox,
    reached: Sequence[str] = (),
    ids: Iterable[str] = (),
    limits: Limits | None = None,
    workers: int | None = None,
    tell: Callable[[str], None] = print,
    only: Iterable[str] = (),
    again: Iterable[str] = (),
) -> Batch:
    """Grade ``folder/ID/SET.ipynb`` for all students and sets into ``results``.

    Each record is stored as soon as it is there: an interrupted run goes on where it was, and a submission is graded
    again only when it, its problem set, ``grokutil`` or the sandbox has changed, or its student is named
    in ``again``. ``ids`` are students who should have handed in; ``only`` names the sets that are graded: without it,
    those of which somebody has handed in a notebook.

    Raises:
        ValueError: no such folder or set, a table of marks that cannot be read, or somebody else is grading it now.
    """
    started, limits = time.monotonic(), limits or Limits()
    submissions, remarks = handed_in(folder, sets, ids)
    only, again = list(only), {canonical(id) for id in again}
    if unknown := set(only) - {s.name for s in sets}:
        raise ValueError(f"no set {', '.join(sorted(unknown))}; there are {', '.join(s.name for s in sets)}")
    results.mkdir(parents=True, exist_ok=True)
    results.chmod(0o700)
    try:
        with FileLock(results / ".lock", timeout=0):
            seed = _seed(results)
            marks.read_manual(results / marks.MANUAL)  # before the work, so that a broken table is heard of at once
            wanted = set(only) or {s.set for s in submissions if s.file} or {s.name for s in sets}
            submissions = [s for s in submissions if s.set in wanted]
            records, reused = _graded(submissions, results, sets, sandbox, limits, seed, workers, tell, again)
            remarks += marks.write_marks(records, results, [s.name for s in sets])
            for record in records:
                write_text(results / "feedback" / record["id"] / f"{record['set']}.html", report.page(record))
            seconds = time.monotonic() - started
            batch = Batch(records, remarks, seconds, reused)
            write_text(results / "report.txt", report.summary(batch, sandbox, reached))
            return batch
    except Timeout as error:
        raise ValueError(f"{results} is in use: another grading is under way") from error


def handed_in(folder: Path, sets: Sequence[ProblemSet], ids: Iterable[str] = ()) -> tuple[list[Submission], list[str]]:
    """What students handed in, and remarks on what belongs to none.

    Raises:
        ValueError: no such folder, a folder of results, or one in which nothing was handed in.
    """
    if not folder.is_dir():
        raise ValueError(f"{folder} is no folder; name one with a folder for each student: ID/SET.ipynb")
    if (folder / marks.MARKS).exists() and (folder / RECORDS).is_dir():
        raise ValueError(f"{folder} holds the results of a grading; name the folder with what was handed in")
    submissions: list[Submission] = []
    remarks: list[str] = []
    seen: dict[str, str] = {}
    expected = list(map(canonical, ids))
    for entry in sorted(folder.iterdir()):
        if is_junk(entry.name):
            remarks.append(f"{shown(entry.name)}: left by a system; passed over")
            continue
        if entry.is_symlink() or not entry.is_dir():
            remarks.append(f"{shown(entry.name)}: not in a folder of a student; passed over")
            continue
        try:
            id = canonical(entry.name)
            if id in seen:
                raise ValueError(f"a second folder of {id}, besides {seen[id]}; passed over")
            seen[id] = entry.name
            theirs, others = submissions_of(entry, sets)
        except ValueError as error:
            remarks.append(f"{shown(entry.name)}: {error}")
            continue
        submissions += theirs
        remarks += [f"{id}: {other}" for other in others]
        if expected and id not in expected:
            remarks.append(f"{shown(entry.name)}: not in the list of ids; graded all the same")
    if not any(s.file or s.look for s in submissions):
        raise ValueError("\n".join([f"nothing was handed in below {folder}; it must hold ID/SET.ipynb", *remarks[:20]]))
    for id in expected:
        if id not in seen:
            submissions += [Submission(id, s.name, problem=f"{NOTHING}: no folder of this id") for s in sets]
    return submissions, remarks


def _graded(
    submissions: Sequence[Submission],
    results: Path,
    sets: Sequence[ProblemSet],
    sandbox: Sandbox,
    limits: Limits,
    seed: int,
    workers: int | None,
    tell: Callable[[str], None],
    again: Collection[str],
) -> tuple[list[Record], int]:
    by_name = {s.name: s for s in sets}
    common = [_code(), sandbox.kind, asdict(limits), seed]
    workers = workers or max(1, min(cores(), 16))
    slots, lock, stop = list(range(workers)), threading.Lock(), threading.Event()

    def one(submission: Submission) -> tuple[Record, bool]:
        path = results / RECORDS / submission.id / f"{submission.set}.json"
        key = _key(submission, by_name[submission.set], common)
        if submission.id not in again and (stored := _stored(path, key)) is not None:
            return stored, True
        if stop.is_set():
            raise InterruptedError
        with lock:
            slot = slots.pop()
        try:
            record = grade(submission, by_name[submission.set], sandbox, limits, seed, slot)
            write_text(path, json.dumps({"key": key, **record}))
        except Exception as error:  # ours, not the student's: say it and go on with the class
            unmarked = {part.id: {"points": None, "message": ""} for part in by_name[submission.set].parts}
            record = {"id": submission.id, "set": submission.set, "status": "grader failed", "cells": [], "digest": ""}
            record["flags"] = [f"the grader failed, nothing is marked: {error!r}"[:500]]
            record |= {"parts": listed(by_name[submission.set], unmarked), "seconds": 0.0}
        finally:
            with lock:
                slots.append(slot)
        return record, False

    records, reused = {}, 0
    with ThreadPoolExecutor(workers) as pool:
        futures = [pool.submit(one, submission) for submission in submissions]
        try:
            for count, future in enumerate(as_completed(futures), 1):
                record, from_before = future.result()
                records[record["id"], record["set"]] = record
                reused += from_before
                if not from_before:
                    tell(f"{count}/{len(futures)}  {report.line(record)}")
        except BaseException:
            stop.set()
            sandbox.kill_all()
            pool.shutdown(cancel_futures=True)
            raise
    return [records[s.id, s.set] for s in submissions], reused


def _seed(results: Path) -> int:
    """The number that decides what hidden tests ask: drawn once for a folder of results, unknown to students."""
    path = results / RECORDS / "seed.json"
    if not path.exists():
        write_text(path, json.dumps(secrets.randbits(63)))
    return int(json.loads(path.read_text()))


def _code() -> str:
    """A checksum of grokutil's code."""
    digest = hashlib.sha256()
    for root in grokutil.__path__:
        for path in sorted(Path(root).rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _key(submission: Submission, problem_set: ProblemSet, common: Sequence[object]) -> str:
    """A checksum of all that decides the record. Not of the ids of cells: each reading of a set draws them anew."""
    cells = [(cell.cell_type, cell.source, cell.metadata) for cell in problem_set.notebook.cells]
    theirs = {name: value for name, value in vars(submission).items() if name not in ("file", "files")}
    theirs["name"] = submission.file and submission.file.name
    digest = hashlib.sha256(json.dumps([*common, cells, theirs], default=str).encode())
    for name, file in submission.files.items():
        try:
            digest.update(name.encode() + b"\0" + file.read())
        except ValueError as error:
            digest.update(str(error).encode())
    return digest.hexdigest()


def _stored(path: Path, key: str) -> Record | None:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) and record.pop("key", None) == key else None
