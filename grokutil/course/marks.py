"""Marks as tables: one line for each student and set, one for each answer that a teacher marks."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from pathlib import Path

from grokutil.course.files import write
from grokutil.course.grading import Record

MARKS = "marks.csv"
MANUAL = "manual.csv"
COLUMNS = ["id", "set", "total", "out_of", "automatic", "manual", "to_be_marked", "status", "remarks"]
MANUAL_COLUMNS = ["id", "set", "part", "out_of", "mark", "comment"]


def write_marks(records: Sequence[Record], results: Path) -> None:
    """Take in the marks that a teacher has written into ``manual.csv``, then write it and ``marks.csv`` anew."""
    given = read_manual(results / MANUAL)
    rows, manual_rows = [], []
    for record in records:
        for part in record["parts"]:
            if not part["manual"] or (part["points"] is not None and part["message"]):
                continue
            mark, comment = given.get((record["id"], record["set"], part["part"]), ("", ""))
            points = _mark(mark, part["of"])
            if points is not None:
                part["points"] = points
            part["message"] = comment
            manual_rows.append([record["id"], record["set"], part["part"], _number(part["of"]), mark, comment])
        rows.append(row(record))
    write(results / MANUAL, table(MANUAL_COLUMNS, manual_rows))
    write(results / MARKS, table(COLUMNS, rows))


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


def read_manual(path: Path) -> dict[tuple[str, str, str], tuple[str, str]]:
    """Mark and comment, as text, by student, set and part.

    Raises:
        ValueError: the table has lost a column.
    """
    if not path.exists():
        return {}
    with open(path, encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        if missing := [name for name in MANUAL_COLUMNS if name not in (reader.fieldnames or [])]:
            raise ValueError(
                f"{path.name} has lost the columns {', '.join(missing)}; put them back, or remove the file"
            )
        return {(r["id"], r["set"], r["part"]): ((r["mark"] or "").strip(), r["comment"] or "") for r in reader}


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
