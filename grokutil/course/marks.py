"""Marks as tables: one line for each student and set, one for each answer that a teacher marks."""

from __future__ import annotations

import csv
import hashlib
import io
import math
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path

from grokutil.course.files import text_of
from grokutil.course.grading import BESIDE, Record
from grokutil.course.student import canonical
from grokutil.runs.storage import write_text

MARKS = "marks.csv"
MANUAL = "manual.csv"
COLUMNS = ["id", "set", "total", "out_of", "automatic", "manual", "to_be_marked", "status", "remarks"]
MANUAL_COLUMNS = ["id", "set", "part", "out_of", "mark", "comment", "page", "answer"]
UNREAD = ("not graded", "grader failed")  # statuses of notebooks that could not be looked into
FORMULA = re.compile(r"'*[=+\-@\t\r]")
WITH_APOSTROPHE = re.compile(r"^'(?='*[=+\-@\t\r])")
NEEDED = ["id", "set", "part", "mark", "comment"]


@dataclass
class Line:
    """A line of ``manual.csv``: what a teacher wrote on an answer, as text.

    ``answer`` is the digest of the answer that it was written on: empty in a line that the teacher has added. ``more``
    holds columns of the teacher's own.
    """

    id: str
    set: str
    part: str
    out_of: str = ""
    mark: str = ""
    comment: str = ""
    page: str = ""
    answer: str = ""
    more: dict[str, str] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str, str]:
        """Whom and what it is about, however it was spelled."""
        try:
            id = canonical(self.id)
        except ValueError:
            id = self.id
        return id, self.set.strip().casefold(), self.part.strip().casefold()

    @property
    def written(self) -> bool:
        """Whether a teacher wrote something: only what nobody wrote may go."""
        return bool(self.mark or self.comment or any(self.more.values()) or not self.answer)


def write_marks(records: Sequence[Record], results: Path, sets: Collection[str] = ()) -> list[str]:
    """Take in the marks that a teacher has written into ``manual.csv``, then write it and ``marks.csv`` anew.

    A line that a teacher wrote is taken in or answered with a remark, and always kept. ``sets`` names all there are.
    """
    lines = read_manual(results / MANUAL)
    kept: list[Line] = []
    remarks: list[str] = []
    for record in records:
        for part in record["parts"]:
            key = record["id"], record["set"].casefold(), part["part"].casefold()
            here = [line for line in lines if line.key == key]
            lines = [line for line in lines if line.key != key]
            here = [line for line in here if line.written] or (here if part["points"] is None else [])
            if not here and part["points"] is None and record["status"] != "grader failed":
                here = [Line(*key, answer=_digest(record, part))]
            kept += here
            about = f"{MANUAL}: {record['id']}, {record['set']}, {part['part']}"
            remarks += [f"{about}: {remark}" for remark in _take(here, record, part)]
    known = {record["id"] for record in records}
    for line in lines:
        parts = [part["part"] for record in records if line.key[:2] == _of(record) for part in record["parts"]]
        if line.key[0] not in known:
            remarks.append(f"{MANUAL}: {line.id}: no student of this id")
        elif sets and line.key[1] not in map(str.casefold, sets):
            remarks.append(f"{MANUAL}: {line.id}, {line.set}: no set of this name; there are {', '.join(sets)}")
        elif parts and line.written:
            remarks.append(f"{MANUAL}: {line.id}, {line.set}: no part {line.part!r}; there are {', '.join(parts)}")
    more = list(dict.fromkeys(name for line in [*kept, *lines] for name in line.more))
    cells = [[*(getattr(line, name) for name in MANUAL_COLUMNS), *map(line.more.get, more)] for line in [*kept, *lines]]
    write_text(results / MANUAL, table([*MANUAL_COLUMNS, *more], cells))
    write_text(results / MARKS, table(COLUMNS, list(map(row, records))))
    return remarks


def _take(lines: Sequence[Line], record: Record, part: Record) -> Iterator[str]:
    """Take in what a teacher wrote on one part, and say what could not be taken."""
    answer = _digest(record, part)
    before, marked = part["points"], [line for line in lines if line.mark]
    for line in lines:
        line.id, line.set, line.part, line.out_of = record["id"], record["set"], part["part"], _number(part["of"])
        line.page = f"feedback/{record['id']}/{record['set']}.html"
        if line.answer not in ("", answer):
            if (line.mark or line.comment) and (record["status"] in UNREAD or before is not None):
                said = f"{line.mark or line.comment!r} was written on another answer and does not count"
                yield f"{said}; to have it count, empty its cell in the column answer"
                continue
            old = [f"old {name} {text}" for name, text in (("mark", line.mark), ("comment:", line.comment)) if text]
            line.mark, line.answer = "", answer
            line.comment = "; ".join(["answer changed", *old]) if old else ""
        mark = _mark(line.mark, part["of"])
        if line.mark and mark is None:
            yield f"mark {line.mark!r} is not between 0 and {_number(part['of'])}"
        elif mark is not None:
            if len(marked) > 1 and line is marked[-1]:
                yield f"{len(marked)} lines with marks; the last one counts, {line.mark}"
            if before is not None and mark != before:
                yield f"{line.mark} by hand in place of {_number(before)}"
            part["points"], part["message"] = mark, ""
        if line.comment:
            part["message"] = line.comment
        if mark is not None or line.comment:
            line.answer = answer  # another answer is to be marked anew


def _of(record: Record) -> tuple[str, str]:
    return record["id"], record["set"].casefold()


def _digest(record: Record, part: Record) -> str:
    """A checksum of what a teacher marks: the answer's cell, or the whole notebook where it may be anywhere."""
    whole = not part["manual"] or part["message"] == BESIDE
    cells = [cell for cell in record["cells"] if whole or cell["id"] == part["part"]]
    marked = [text for cell in cells for text in (cell["source"], *cell.get("pictures", ()))]
    marked += [record["digest"]] if record["status"] in UNREAD else []
    return "a" + hashlib.sha256("\0".join(marked).encode()).hexdigest()[:12]  # no spreadsheet takes it for a number


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


def read_manual(path: Path) -> list[Line]:
    """The lines of a teacher's table. Commas, semicolons or tabs may separate the cells.

    Raises:
        ValueError: the table is in an encoding that is not known, or has lost a column.
    """
    if not path.exists():
        return []
    text = text_of(path)
    separator = max(",;\t", key=text.partition("\n")[0].count)
    names, *rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator)) or [[]]
    names = [name.strip().lower() if name.strip().lower() in MANUAL_COLUMNS else name for name in names]
    if missing := [name for name in NEEDED if name not in names]:
        raise ValueError(f"{path.name} has lost the columns {', '.join(missing)}; put them back, or remove the file")
    lines = []
    for cells in rows:
        found = {name: WITH_APOSTROPHE.sub("", cell) for name, cell in zip_longest(names, cells, fillvalue="") if name}
        if any(cell.strip() for cell in cells):
            ours = {name: found.pop(name, "") for name in MANUAL_COLUMNS}
            lines.append(Line(**ours | {"mark": ours["mark"].strip(), "answer": ours["answer"].strip()}, more=found))
    return lines


def table(columns: Sequence[str], rows: Sequence[Sequence[str | None]]) -> str:
    """CSV text. A cell that a spreadsheet would take for a formula gets an apostrophe; :func:`read_manual` takes it."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([["'" + cell if FORMULA.match(cell) else cell for cell in (c or "" for c in row)] for row in rows])
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
