"""Marks as tables: one line for each student and set, one for each answer that a teacher marks."""

from __future__ import annotations

import csv
import hashlib
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from grokutil.course.grading import Record
from grokutil.storage import write_text

MARKS = "marks.csv"
MANUAL = "manual.csv"
COLUMNS = ["id", "set", "total", "out_of", "automatic", "manual", "to_be_marked", "status", "remarks"]
MANUAL_COLUMNS = ["id", "set", "part", "out_of", "mark", "comment", "page", "answer"]
NOTHING_TO_MARK = ("not graded", "grader failed")
NEEDED = ["id", "set", "part", "mark", "comment"]


@dataclass(frozen=True)
class Given:
    """What a teacher wrote on an answer, as text, and the digest of the answer that it was written on (or "")."""

    mark: str = ""
    comment: str = ""
    answer: str = ""


def write_marks(records: Sequence[Record], results: Path) -> list[str]:
    """Take in the marks that a teacher has written into ``manual.csv``, then write it and ``marks.csv`` anew.

    Gives remarks on marks that could not be taken. Lines of notebooks that were not graded now are kept.
    """
    given = read_manual(results / MANUAL)
    rows, manual_rows, remarks = [], [], []
    for record in records:
        id, set = record["id"], record["set"]
        for part in record["parts"]:
            if part["points"] is not None or record["status"] in NOTHING_TO_MARK:
                continue
            answer = _digest(record, part)
            by_hand = _on_this(given.get((id, set, part["part"]), Given()), answer)
            part["points"] = _mark(by_hand.mark, part["of"])
            if by_hand.mark and part["points"] is None:
                of = _number(part["of"])
                remarks.append(
                    f"{MANUAL}: {id}, {set}, {part['part']}: mark {by_hand.mark!r} is not between 0 and {of}"
                )
            part["message"] = by_hand.comment or (part["message"] if part["points"] is None else "")
            manual_rows.append(_line(id, set, part["part"], _number(part["of"]), by_hand, answer))
        rows.append(row(record))
    graded = {(record["id"], record["set"]) for record in records if record["status"] not in NOTHING_TO_MARK}
    known = {record["id"] for record in records}
    remarks += [f"{MANUAL}: {key[0]}: no student of this id" for key, kept in given.items() if key[0] not in known]
    manual_rows += [_line(*key, "", kept, kept.answer) for key, kept in given.items() if key[:2] not in graded]
    write_text(results / MANUAL, table(MANUAL_COLUMNS, manual_rows))
    write_text(results / MARKS, table(COLUMNS, rows))
    return remarks


def _line(id: str, set: str, part: str, of: str, given: Given, answer: str) -> list[str]:
    return [id, set, part, of, given.mark, given.comment, f"feedback/{id}/{set}.html", answer]


def _digest(record: Record, part: Record) -> str:
    """A checksum of what a teacher marks: the answer's cell, or the whole notebook where the grader was to decide."""
    marked = [cell["source"] for cell in record["cells"] if cell["id"] == part["part"] or not part["manual"]]
    return "a" + hashlib.sha256("\0".join(marked).encode()).hexdigest()[:12]  # no spreadsheet takes it for a number


def _on_this(given: Given, answer: str) -> Given:
    """What was given, without the mark when the answer is another one now."""
    if given.answer in ("", answer):
        return given
    old = [f"old {name} {text}" for name, text in (("mark", given.mark), ("comment:", given.comment)) if text]
    return Given(comment="; ".join(["answer changed", *old])) if old else Given()


def row(record: Record) -> list[str]:
    """One line of marks. ``total`` stays empty while something is to be marked."""
    parts = record["parts"]
    automatic = sum(part["points"] or 0.0 for part in parts if not part["manual"])
    manual = sum(part["points"] or 0.0 for part in parts if part["manual"])
    pending = sum(part["of"] for part in parts if part["points"] is None)
    return [
        record["id"],
        record["set"],
        "" if pending else _number(automatic + manual),
        _number(sum(part["of"] for part in parts)),
        _number(automatic),
        _number(manual),
        _number(pending),
        record["status"],
        "; ".join(record["flags"]),
    ]


def read_manual(path: Path) -> dict[tuple[str, str, str], Given]:
    """What a teacher wrote, by student, set and part. Commas, semicolons or tabs may separate the cells.

    Raises:
        ValueError: the table is not in UTF-8, or has lost a column.
    """
    if not path.exists():
        return {}
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path.name} is not in UTF-8; save it as CSV in UTF-8") from error
    separator = max(",;\t", key=text.partition("\n")[0].count)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=separator)
    if missing := [name for name in NEEDED if name not in (reader.fieldnames or [])]:
        raise ValueError(f"{path.name} has lost the columns {', '.join(missing)}; put them back, or remove the file")
    return {
        (r["id"], r["set"], r["part"]): Given((r["mark"] or "").strip(), r["comment"] or "", r.get("answer") or "")
        for r in reader
    }


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """CSV text. A cell that a spreadsheet would take for a formula gets an apostrophe in front."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([["'" + cell if cell[:1] in ("=", "+", "-", "@", "\t") else cell for cell in row] for row in rows])
    return file.getvalue()


def _mark(text: str, of: float) -> float | None:
    """The mark a teacher wrote, between 0 and ``of``; None if there is none, or none that can be read."""
    try:
        mark = float(text.replace(",", "."))
    except ValueError:
        return None
    return mark if math.isfinite(mark) and 0 <= mark <= of else None


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
