"""Marks as tables: what a teacher writes is taken in or answered, comes back as written, and is never lost."""

import csv
import io

import pytest

from grokutil.course import marks

SETS = ["set0_line"]


def record(id="ada", explain=None, project=3.0, status="graded", source="words"):
    parts = [
        {"part": "test_project", "title": "1", "of": 3.0, "manual": False, "points": project, "message": ""},
        {"part": "explain", "title": "1", "of": 2.0, "manual": True, "points": explain, "message": ""},
    ]
    cells = [{"id": "explain", "source": source}] if status == "graded" else []
    return {"id": id, "set": SETS[0], "status": status, "flags": [], "cells": cells, "digest": source, "parts": parts}


def table(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def write(path, rows, columns=marks.MANUAL_COLUMNS, encoding="utf-8", delimiter=","):
    text = io.StringIO()
    writer = csv.DictWriter(text, [*columns, *(k for k in rows[0] if k not in columns)], delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    path.write_bytes(text.getvalue().encode(encoding))


def mark(tmp_path, records, **changes):
    """Mark as a teacher does: write the table, change the first line, take it in twice."""
    marks.write_marks(records(), tmp_path, SETS)
    rows = table(tmp_path / "manual.csv")
    rows[0] |= changes
    write(tmp_path / "manual.csv", rows)
    for _ in range(3):
        now = records()
        remarks = marks.write_marks(now, tmp_path, SETS)
    return now, remarks


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1 for the missing unit", "@ben helped", "\tin", "'quoted'", "'=x", "a,b\nc"]
)
@pytest.mark.parametrize("id", ["ada", "@ada", "+ada", "=ada"])
def test_what_a_teacher_writes_comes_back_as_written(tmp_path, id, text):
    (now,), remarks = mark(tmp_path, lambda: [record(id)], mark="1,5", comment=text)
    explain = now["parts"][1]
    assert explain["points"] == 1.5 and not remarks
    assert explain["message"] == text or text == "'=x"  # what begins so was meant for the spreadsheet
    (row,) = table(tmp_path / "manual.csv")
    assert not row["comment"].startswith(("=", "+", "-", "@", "\t")) and not row["id"].startswith(("=", "+", "-", "@"))


def test_tables_hold_no_formulas_and_are_read_back():
    cells = ["=1+1", "@x", "-1", "'=1", "''+", "plain", "'plain", ""]
    text = marks.table(["a"], [[cell] for cell in cells])
    written = [row[0] if row else "" for row in csv.reader(io.StringIO(text))][1:]
    assert not any(cell.startswith(("=", "@", "-")) for cell in written)
    assert [marks.WITH_APOSTROPHE.sub("", cell) for cell in written] == cells


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_tables_are_read_as_spreadsheets_save_them(tmp_path, encoding, delimiter):
    marks.write_marks([record()], tmp_path, SETS)
    rows = table(tmp_path / "manual.csv")
    rows[0] |= {"mark": "1.5", "comment": "schön; gut, kurz"}
    write(tmp_path / "manual.csv", rows, encoding=encoding, delimiter=delimiter)
    now = record()
    assert not marks.write_marks([now], tmp_path, SETS)
    assert (now["parts"][1]["points"], now["parts"][1]["message"]) == (1.5, "schön; gut, kurz")


def test_another_encoding_is_named_with_the_remedy(tmp_path):
    marks.write_marks([record()], tmp_path, SETS)
    rows = table(tmp_path / "manual.csv")
    write(tmp_path / "manual.csv", [rows[0] | {"comment": "schön"}], encoding="latin-1")
    with pytest.raises(ValueError, match="manual.csv is not in UTF-8 .line 2.; save it again in UTF-8"):
        marks.read_manual(tmp_path / "manual.csv")


ADDED = {"id": "Ada ", "set": "set0_line", "part": "Explain", "mark": "2"}


@pytest.mark.parametrize(
    ("points", "status"), [(0.0, "graded"), (None, "graded"), (0.0, "not graded"), (None, "not graded")]
)
def test_a_line_that_a_teacher_adds_is_honoured(tmp_path, points, status):
    write(tmp_path / "manual.csv", [dict.fromkeys(marks.MANUAL_COLUMNS, "") | ADDED | {"mine": "x"}])
    for _ in range(2):
        now = record(explain=points, status=status)
        remarks = marks.write_marks([now], tmp_path, SETS)
        assert now["parts"][1]["points"] == 2
        assert [r for r in remarks if "by hand in place of 0" in r] == remarks and bool(remarks) == (points == 0)
    (row,) = [row for row in table(tmp_path / "manual.csv") if row["mark"]]
    assert (row["id"], row["mine"]) == ("ada", "x")


def test_a_mark_by_hand_goes_before_the_tests(tmp_path):
    added = dict.fromkeys(marks.MANUAL_COLUMNS, "") | ADDED | {"part": "test_project", "mark": "1", "comment": "copied"}
    write(tmp_path / "manual.csv", [added])
    now = record(explain=2.0)
    assert marks.write_marks([now], tmp_path, SETS) == [
        "manual.csv: ada, set0_line, test_project: 1 by hand in place of 3"
    ]
    assert (now["parts"][0]["points"], now["parts"][0]["message"]) == (1, "copied")
    assert table(tmp_path / "marks.csv")[0]["total"] == "3"


@pytest.mark.parametrize(
    ("change", "remark"),
    [
        ({"id": "zoe"}, "zoe: no student of this id"),
        ({"id": ""}, ": no student of this id"),
        ({"set": "set7"}, "ada, set7: no set of this name; there are set0_line"),
        ({"part": "essay"}, "ada, set0_line: no part 'essay'; there are test_project, explain"),
        ({"mark": "9"}, "mark '9' is not between 0 and 2"),
        ({"mark": "good"}, "mark 'good' is not between 0 and 2"),
        ({"mark": "-1"}, "mark '-1' is not between 0 and 2"),
    ],
)
def test_a_line_that_cannot_be_taken_in_is_answered_and_kept(tmp_path, change, remark):
    line = dict.fromkeys(marks.MANUAL_COLUMNS, "") | {"id": "ada"} | ADDED | {"id": "ada"} | change
    write(tmp_path / "manual.csv", [line])
    for _ in range(2):
        (said,) = marks.write_marks([record(explain=0.0)], tmp_path, SETS)
        assert remark in said
        (row,) = table(tmp_path / "manual.csv")
        assert row["mark"].lstrip("'") == line["mark"]


def test_of_two_lines_on_one_answer_the_last_mark_counts_and_both_stay(tmp_path):
    line = dict.fromkeys(marks.MANUAL_COLUMNS, "") | ADDED
    write(tmp_path / "manual.csv", [line | {"mark": "1"}, line | {"mark": "2"}])
    now = record()
    (remark,) = marks.write_marks([now], tmp_path, SETS)
    assert "2 lines with marks; the last one counts, 2" in remark and now["parts"][1]["points"] == 2
    assert [row["mark"] for row in table(tmp_path / "manual.csv")] == ["1", "2"]


def test_a_mark_on_another_answer_does_not_count_and_is_not_lost(tmp_path):
    mark(tmp_path, lambda: [record()], mark="1.5", comment="good")
    gone = record(explain=0.0, source="")
    (remark,) = marks.write_marks([gone], tmp_path, SETS)
    assert "'1.5' was written on another answer" in remark and gone["parts"][1]["points"] == 0
    back = record()
    assert not marks.write_marks([back], tmp_path, SETS) and back["parts"][1]["points"] == 1.5
    other = record(source="other words")
    marks.write_marks([other], tmp_path, SETS)
    assert other["parts"][1]["points"] is None
    assert table(tmp_path / "manual.csv")[0]["comment"] == "answer changed; old mark 1.5; old comment: good"


def test_lines_of_sets_that_are_not_graded_now_are_kept(tmp_path):
    mark(tmp_path, lambda: [record()], mark="1.5")
    other = record() | {"set": "set1"}
    marks.write_marks([other], tmp_path, [*SETS, "set1"])
    assert {(row["set"], row["mark"]) for row in table(tmp_path / "manual.csv")} == {("set0_line", "1.5"), ("set1", "")}


def test_an_empty_line_that_nobody_needs_any_more_goes(tmp_path):
    marks.write_marks([record()], tmp_path, SETS)
    assert len(table(tmp_path / "manual.csv")) == 1
    marks.write_marks([record(explain=0.0, source="")], tmp_path, SETS)
    assert not table(tmp_path / "manual.csv")
