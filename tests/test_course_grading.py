"""A planted class graded: marks, clear reports, and attacks that gain nothing."""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from types import MappingProxyType

import nbformat
import pytest
from course.planted import cell, hand_in, plant

import grokutil
from grokutil.course import batch, choice, marks, report
from grokutil.course.batch import grade_folder, handed_in
from grokutil.course.problems import read_set, read_sets
from grokutil.course.release import model, release
from grokutil.course.sandbox import KINDS, Sandbox
from grokutil.course.watch import Limits

LIMITS = Limits(seconds=8, cell=3, call=3, clock=10, memory=2**30)
ALL, NONE = 5.0, 0.0  # automatic points; two more are a teacher's to give


class Patient(Sandbox):
    """A sandbox where the clock stops none but the one who sleeps, and in his sleep, however busy this machine is."""

    def run(self, module, job, limits, files=MappingProxyType({}), slot=0):
        cells = job.get("cells", ())
        sleeps = next((number for number, source in enumerate(cells) if "time.sleep(" in source), None)
        outcome = super().run(module, job, replace(limits, clock=1200) if sleeps is None else limits, files, slot)
        if sleeps is not None and outcome.late and len(outcome.lines) < sleeps:  # the cells before it took so long
            return self.run(module, job, replace(limits, clock=2 * limits.clock), files, slot)
        return outcome


class Remembering(Patient):
    """A sandbox that runs a job once: the same job again has the same outcome."""

    outcomes = {}

    def run(self, module, job, limits, files=MappingProxyType({}), slot=0):
        # the cells of a notebook are in its job
        others = [(name, file.read()) for name, file in files.items() if not name.endswith(".ipynb")]
        key = self.kind, module, json.dumps(job), limits, repr(others)
        if key not in self.outcomes:
            self.outcomes[key] = super().run(module, job, limits, files, slot)
        return self.outcomes[key]


class Class:
    """A class that was graded."""

    def __init__(self, top, sources, kind=None, sandbox=None):
        self.sources, self.folder, self.results = top / "sources", top / "in", top / "out"
        for folder in (self.sources, self.folder, self.results):
            folder.mkdir(parents=True)
        shutil.copy(sources / "set0_line.md", self.sources)
        self.sets = read_sets(self.sources)
        self.kinds, self.sandbox, self.reached = [kind] if kind else KINDS, sandbox, []

    def grade(self, **options):
        if not isinstance(self.sandbox, Remembering):
            chosen, self.reached = choice.choose(self.sources, self.folder, self.results, self.kinds)
            self.sandbox = Patient(chosen.kind)
        options = {"limits": LIMITS, "workers": 2, "tell": lambda text: None} | options
        return grade_folder(self.folder, self.results, self.sets, self.sandbox, self.reached, **options)

    def marks(self):
        with open(self.results / "marks.csv", newline="") as file:
            return {row["id"]: row for row in csv.DictReader(file)}


@pytest.fixture(scope="session")
def kind(tmp_path_factory):
    """The kind of sandbox that this machine has."""
    top = tmp_path_factory.mktemp("probe")
    kind = choice.choose(top, top, top, KINDS)[0].kind
    if kind == "none" and os.environ.get("CI"):
        pytest.fail("no sandbox on this machine; install bubblewrap")
    return kind


@pytest.fixture(scope="session")
def shut_in(kind):
    """Whether this machine can shut students' code in."""
    return kind != "none"


@pytest.fixture(scope="session")
def planted(tmp_path_factory, root, shut_in):
    top = tmp_path_factory.mktemp("class")
    top.chmod(0o711)
    class_ = Class(top, root / "tests" / "course")
    class_.sources.chmod(0o700)
    class_.folder.chmod(0o700)
    plant(class_.sets[0], class_.folder, class_.results, class_.sources, grokutil.__path__[0], shut_in)
    class_.temporary = top / "temporary"
    class_.temporary.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(class_.temporary))
        class_.batch = class_.grade(ids=["right", "absent"])
    return class_


EXPECTED = {
    "right": (ALL, "graded", ""),
    "wrong": (NONE, "graded", ""),
    "copied": (NONE, "graded", ""),
    "empty": (NONE, "graded", ""),
    "no-bytes": (NONE, "not graded", "an empty file"),
    "syntax-error": (NONE, "graded", "SyntaxError"),
    "endless-loop": (NONE, "graded", "more than 3 seconds of processor time"),
    "stubborn-loop": (NONE, "stopped", "stopped after 8 seconds of processor time in cell project (1. Project)"),
    "sleeps": (NONE, "stopped", "0 seconds by the clock, though it hardly used the processor in cell project"),
    "renamed": (ALL, "graded", "renamed, recognised by its metadata"),
    "unlabelled": (NONE, "not graded", "nothing handed in; see the remarks"),
    "prints": (NONE, "graded", "more than 3 seconds of processor time"),
    "prints-past-python": (NONE, "stopped", "printed more than 16 MB"),
    "huge-file": (NONE, "not graded", "larger than 20 MB"),
    "not-a-notebook": (NONE, "not graded", "not a Jupyter notebook"),
    "nested": (NONE, "not graded", "not a Jupyter notebook"),
    "memory": (NONE, "graded", "MemoryError"),
    "disk": (NONE, "graded", "OSError"),
    "exits": (NONE, "stopped", "ended before its end, by its own code in cell project"),
    "other-id": (ALL, "graded", "made for the id somebody-else"),
    "deleted-cells": (ALL, "graded", ""),
    "doubled-cells": (ALL, "graded", "occur twice: project"),
    "changed-ids": (ALL, "graded", "deleted or with another id: project"),
    "no-data": (NONE, "graded", ""),
    "towers": (NONE, "graded", ""),
    "links": (NONE, "not graded", "see the remarks"),
    "nothing": (NONE, "not graded", "nothing handed in"),
    "absent": (NONE, "not graded", "no folder of this id"),
}
ATTACKS = {
    "forks": (NONE, "stopped", ""),
    "looks-for-tests": (3.0, "graded", ""),
    "writes-outside": (3.0, "graded", ""),
    "overwrites-marks": (3.0, "graded", ""),
}


@pytest.mark.parametrize("id", EXPECTED)
def test_every_submission_gets_its_mark_and_a_clear_report(planted, id):
    automatic, status, remark = EXPECTED[id]
    row = planted.marks()[id]
    assert (float(row["automatic"]), row["status"]) == (automatic, status)
    assert remark in row["remarks"]
    if not remark:
        assert not row["remarks"] or id in ("no-data", "towers")


@pytest.mark.parametrize("id", ATTACKS)
def test_attacks_gain_nothing(planted, shut_in, id):
    if not shut_in:
        pytest.skip("no sandbox on this machine: attacks would succeed, and grading says so")
    automatic, status, _ = ATTACKS[id]
    row = planted.marks()[id]
    assert (float(row["automatic"]), row["status"], row["total"]) == (automatic, status, "")
    printed = (planted.results / "feedback" / id / "set0_line.html").read_text()
    if id == "looks-for-tests":
        assert "LOOT []" in printed
    if id == "writes-outside":
        assert "WRITTEN []" in printed
        assert "planted" not in {p.name for p in planted.sources.iterdir()}


def test_the_class_is_complete_and_nobody_else_is_in_it(planted, shut_in):
    expected = set(EXPECTED) | (set(ATTACKS) if shut_in else set())
    assert set(planted.marks()) == expected
    assert len(planted.batch.records) == len(expected)
    remarks = "\n".join(planted.batch.remarks)
    for remark in (
        "=cmd calc!A1: a student's id",
        "stray.ipynb",
        "homework.ipynb: not recognised",
        "wrong: pipe.ipynb: a link",
        "wrong: not in the list of ids",
    ):
        assert remark in remarks
    assert "right: not in the list" not in remarks


def test_nothing_is_left_behind(planted):
    assert not list(planted.temporary.iterdir())
    shown = subprocess.run(["ps", "-eo", "args"], check=True, capture_output=True, text=True).stdout
    assert str(planted.temporary) not in shown


def test_the_report_says_how_code_was_shut_in(planted, shut_in):
    text = (planted.results / "report.txt").read_text()
    if planted.sandbox.kind == "bubblewrap":
        assert "Sandbox: bubblewrap. No network" in text and not planted.reached
    assert ("NO SANDBOX" in text) is (not shut_in)
    assert f"{len(planted.batch.records)} submissions" in text and "stray.ipynb" in text


def test_without_a_sandbox_the_report_says_what_code_can_reach(tmp_path, root):
    class_ = Class(tmp_path, root / "tests" / "course", kind="none")
    hand_in(class_.folder, "right", model(class_.sets[0], "right"))
    class_.grade()
    assert float(class_.marks()["right"]["automatic"]) == ALL
    text = (class_.results / "report.txt").read_text()
    assert "NO SANDBOX" in text
    for reached in ("hidden tests and model answers", "marks", "the network", "other students"):
        assert reached in text.splitlines()[1]


def test_feedback_shows_students_text_as_text(planted):
    page = (planted.results / "feedback" / "right" / "set0_line.html").read_text()
    assert "default-src 'none'" in page and "<script" not in page and "hidden" not in page.lower()
    assert "5 points by tests, 0 by hand; 2 of 7 are still to be marked" in page and "right</td>" in page
    assert '<th scope="row">1. Project (slope)</th>' in page and "<h3>1. Project</h3>" in page
    assert "def project" in page and "Write <code>" not in page and "Write `project" not in page
    record = {"id": "a", "set": "s", "status": "graded", "flags": ["<b>"], "seconds": 1.0}
    cell = {"type": "code", "own": True, "title": "<s>", "source": "<script>1</script>", "error": "</p><i>"}
    record["cells"] = [cell | {"outputs": [{"text": "<img>"}, {"picture": "<q>"}]}]
    record["parts"] = [{"part": "t", "title": "<s>", "of": 1.0, "points": 0.0, "message": "<u>", "manual": False}]
    shown = report.page(record)
    assert not {"<script>", "<img>", "<i>", "<u>", "<b>", "<s>", "<q>"} & set(shown.replace(">", "> ").split())
    assert 'alt="figure of question &lt;s&gt;"' in shown
    record["cells"][0]["own"] = False  # of a given cell its error alone
    shown = report.page(record)
    assert "script" not in shown and "In a cell that was given: &lt;/p&gt;" in shown


def test_a_second_run_takes_up_what_is_there_and_grades_what_is_new(planted):
    planted.sets = read_sets(planted.sources)  # as the command line does each time
    again = planted.grade(ids=["right", "absent"])
    assert again.reused == len(again.records) == len(planted.batch.records)
    hand_in(planted.folder, "late", model(planted.sets[0], "late"))
    try:
        later = planted.grade(ids=["right", "absent"])
        assert later.reused == len(later.records) - 1
        assert float(planted.marks()["late"]["automatic"]) == ALL
    finally:
        shutil.rmtree(planted.folder / "late")


@pytest.fixture
def two(tmp_path, root, kind):
    """A class of two who gave the model answers; all tests ask their questions with the same seed."""
    class_ = Class(tmp_path, root / "tests" / "course", sandbox=Remembering(kind))
    (class_.results / "records").mkdir()
    (class_.results / "records" / "seed.json").write_text("5")
    for id in ("ada", "ben"):
        hand_in(class_.folder, id, model(class_.sets[0], id))
    return class_


def test_marks_of_a_teacher_are_taken_in_and_kept(two):
    two.grade()
    path = two.results / "manual.csv"
    assert two.marks()["ada"]["total"] == "" and two.marks()["ada"]["to_be_marked"] == "2"
    assert "feedback/ada/set0_line.html" in path.read_text()
    enter(two, "1.5", '"short, clear"')
    two.grade()
    assert two.marks()["ada"]["total"] == "6.5" and two.marks()["ben"]["total"] == ""
    assert "short, clear" in (two.results / "feedback" / "ada" / "set0_line.html").read_text()
    two.grade()
    assert two.marks()["ada"]["total"] == "6.5"
    enter(two, "99")  # more than there is
    remark = "manual.csv: ada, set0_line, explain: mark '99' is not between 0 and 2"
    assert two.grade().remarks == [remark] and remark in (two.results / "report.txt").read_text()
    assert two.marks()["ada"]["total"] == ""
    rows = [line.split(",")[:6] for line in path.read_text().splitlines()]
    path.write_text("\n".join(";".join(row) for row in rows).replace(";99;", ";1,5;"))  # as spreadsheets save it
    two.grade()
    assert two.marks()["ada"]["total"] == "6.5"
    path.write_text("id,set\n")
    with pytest.raises(ValueError, match="lost the columns part"):
        two.grade(again=["ada"], tell=pytest.fail)
    path.write_bytes(",".join(marks.MANUAL_COLUMNS).encode() + b"\n\xe9")
    with pytest.raises(ValueError, match="not in UTF-8"):
        two.grade()


def enter(class_, mark, comment=None, id="ada"):
    """Write into ``manual.csv``."""
    path = class_.results / "manual.csv"
    lines = path.read_text().splitlines()
    (number,) = (n for n, line in enumerate(lines) if line.startswith(f"{id},set0_line,explain,"))
    row = next(csv.reader([lines[number]]))
    comment = f'"{row[5]}"' if comment is None else comment
    lines[number] = ",".join([*row[:4], mark, comment, *row[6:]])
    path.write_text("\n".join(lines) + "\n")


def test_a_mark_by_hand_does_not_pass_to_another_answer(two):
    two.grade()
    enter(two, "1.5", "good")
    notebook = model(two.sets[0], "ada")
    cell(notebook, "project").source += "\n# a word"
    hand_in(two.folder, "ada", notebook)
    two.grade()
    assert two.marks()["ada"]["total"] == "6.5"  # another cell, the same answer
    cell(notebook, "explain").source = "another answer"
    hand_in(two.folder, "ada", notebook)
    two.grade()
    assert two.marks()["ada"]["total"] == ""
    assert "answer changed; old mark 1.5; old comment: good" in (two.results / "manual.csv").read_text()
    enter(two, "0.5")
    two.grade()
    assert two.marks()["ada"]["total"] == "5.5"
    path = two.results / "manual.csv"
    path.write_text(path.read_text().replace("\nada,", "\n0ada,"))
    assert two.grade().remarks == ["manual.csv: 0ada: no student of this id"]


def test_marks_by_hand_survive_a_notebook_that_is_not_graded_now(two, monkeypatch):
    two.grade()
    enter(two, "1.5", "good")
    path = two.folder / "ada" / "set0_line.ipynb"
    whole = path.read_text()
    path.write_text("damaged")
    two.grade()
    row = two.marks()["ada"]
    assert (row["status"], row["total"], row["to_be_marked"]) == ("not graded", "", "7")  # not graded is not wrong
    path.write_text(whole)
    two.grade()
    assert two.marks()["ada"]["total"] == "6.5"


def test_who_is_named_again_is_run_again(two):
    two.grade()
    two.sets = read_sets(two.sources)  # as the command line does each time
    assert two.grade(again=["ADA"]).reused == 1


def test_sets_that_nobody_handed_in_have_no_mark_unless_asked_for(two):
    source = (two.sources / "set0_line.md").read_text()
    (two.sources / "set9_later.md").write_text(source.replace("# Set 0: a line", "# Set 9"))
    two.sets = read_sets(two.sources)
    ids = ["ada", "ben", "carol"]
    assert {(r["id"], r["set"]) for r in two.grade(ids=ids).records} == {(id, "set0_line") for id in ids}
    assert {r["set"] for r in two.grade(ids=ids, only=["set9_later"]).records} == {"set9_later"}
    with pytest.raises(ValueError, match="no set set1; there are set0_line, set9_later"):
        two.grade(only=["set1"])


def test_an_endless_loop_costs_its_own_questions_alone(two):
    notebook = model(two.sets[0], "ada")
    answer = cell(notebook, "project")
    answer.source = answer.source.replace("return g", "while True: pass\n    return g")
    notebook.cells.insert(-1, nbformat.v4.new_code_cell("project(1, 1)"))
    for _ in range(9):  # each would take 2 seconds
        notebook.cells.insert(-1, nbformat.v4.new_code_cell("project(1, 1)"))
    hand_in(two.folder, "ada", notebook)
    (ada, _) = two.grade(limits=Limits(seconds=15, cells=5, cell=2, call=2)).records
    points = {part["part"]: part["points"] for part in ada["parts"]}
    assert points == {"test_project": 0, "test_slope": 2, "explain": None} and ada["status"] == "graded"
    assert any(
        "not run: the cells before it took 5 seconds" in (c["error"] or "") for c in ada["cells"] if "error" in c
    )


def test_what_the_clock_cut_off_is_to_be_marked_not_wrong(planted):
    (record,) = (record for record in planted.batch.records if record["id"] == "sleeps")
    assert {part["points"] for part in record["parts"]} == {None}
    row = planted.marks()["sleeps"]
    assert row["total"] == "" and re.match(r"stopped after \d+ seconds by the clock", row["remarks"])
    assert "AGAIN=sleeps" in row["remarks"]
    assert "sleeps,set0_line,test_slope,2,," in (planted.results / "manual.csv").read_text()
    assert planted.marks()["right"]["automatic"] == "5"


def test_messages_name_the_question_and_what_is_empty(two):
    notebook = release(two.sets[0], "ada")
    answer = cell(notebook, "project")
    answer.source = answer.source.replace("raise NotImplementedError()", "return None", 1)
    hand_in(two.folder, "ada", notebook)
    hand_in(two.folder, "ben", release(two.sets[0], "ben"))
    gone = model(two.sets[0], "carol")
    cell(gone, "project").source = "slope = 0"
    hand_in(two.folder, "carol", gone)
    records = {record["id"]: record for record in two.grade().records}
    said = {id: {part["part"]: part["message"] for part in record["parts"]} for id, record in records.items()}
    assert said["ben"] == dict.fromkeys(["test_project", "test_slope", "explain"], "left empty")
    assert said["ada"]["test_project"] == "project(g, n) is not a number or an array of numbers"
    assert said["ada"]["test_slope"] == "left empty"
    assert (said["carol"]["test_project"], said["carol"]["test_slope"]) == (
        "project: not defined",
        "slope is not right",
    )
    assert {part["title"] for part in records["ada"]["parts"]} == {"1. Project"}


def test_without_a_sandbox_nothing_is_run_unless_asked_for_and_the_reasons_are_named(tmp_path, monkeypatch):
    said = []
    bwrap = tmp_path / "bwrap"
    bwrap.write_text("#!/bin/sh\necho 'bwrap: no namespaces here' >&2\necho more >&2\nexit 1\n")
    bwrap.chmod(0o755)
    monkeypatch.setattr("grokutil.course.sandbox.bubblewrap", lambda home: [str(bwrap)])
    monkeypatch.setattr(choice.shutil, "which", lambda name: str(bwrap))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(RuntimeError) as error:
        choice.choose(tmp_path, tmp_path, tmp_path, tell=said.append)
    assert "bwrap: no namespaces here" in said[0] and "more" not in said[0] and "only root" in said[1]
    assert "no namespaces here" in str(error.value) and "SANDBOX=none" in str(error.value)
    assert choice.choose(tmp_path, tmp_path, tmp_path, ["none"])[0].kind == "none"


def test_an_interrupted_run_goes_on_where_it_was(two):
    def stop(text):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        two.grade(workers=1, tell=stop)
    assert not (two.results / "marks.csv").exists()
    assert two.grade(workers=1).reused >= 1
    assert {row["automatic"] for row in two.marks().values()} == {"5"}


def test_a_killed_run_leaves_whole_files_and_no_lock(two, root, kind):
    command = [
        sys.executable,
        "-m",
        "grokutil.course",
        "grade",
        two.folder,
        "--sources",
        two.sources,
        "--to",
        two.results,
        "--sandbox",
        kind,
    ]
    two.results.joinpath("temporary").mkdir()
    environment = os.environ | {"TMPDIR": str(two.results / "temporary")}
    process = subprocess.Popen(command, cwd=root, stdout=subprocess.DEVNULL, env=environment)
    while not list(two.results.glob("records/*/*.json")) and process.poll() is None:
        time.sleep(0.05)
    process.kill()
    process.wait()
    for path in two.results.glob("records/*/[!.]*.json"):
        json.loads(path.read_text())
    batch = two.grade()
    assert {row["automatic"] for row in two.marks().values()} == {"5"} and len(batch.records) == 2


def test_two_gradings_of_one_folder_at_a_time_are_refused(two):
    def another(text):
        with pytest.raises(ValueError, match="another grading is under way"):
            two.grade()
        another.tried = True

    two.grade(tell=another)
    assert another.tried


def test_a_failing_grader_says_so_and_goes_on(two, monkeypatch):
    whole = Remembering.run

    def fails_for_ada(self, module, job, *arguments, **options):
        if job.get("id") == "ada":
            raise RuntimeError("planted")
        return whole(self, module, job, *arguments, **options)

    monkeypatch.setattr(Remembering, "run", fails_for_ada)
    two.grade()
    assert two.marks()["ben"]["automatic"] == "5"
    assert two.marks()["ada"]["status"] == "grader failed" and "planted" in two.marks()["ada"]["remarks"]
    assert two.marks()["ada"]["total"] == ""
    monkeypatch.undo()
    two.grade()
    assert two.marks()["ada"]["automatic"] == "5"


def test_a_hidden_test_that_hangs_or_breaks_costs_its_part_alone(tmp_path, root):
    class_ = Class(tmp_path, root / "tests" / "course")
    source = class_.sources / "set0_line.md"
    text = source.read_text()
    hangs = text.replace("    for c in calls:\n", "    while True:\n        pass\n    for c in calls:\n")
    source.write_text(hangs.replace('close(answers["slope"]', 'answers.no_such_thing\n    close(answers["slope"]'))
    class_.sets = read_sets(class_.sources)
    hand_in(class_.folder, "ada", model(class_.sets[0], "ada"))
    (record,) = class_.grade(limits=Limits(seconds=5)).records
    by_part = {part["part"]: part for part in record["parts"]}
    assert "could not be checked: the test was stopped after 5 seconds" in by_part["test_project"]["message"]
    assert "unexpected form" in by_part["test_slope"]["message"]
    assert any("look at it" in flag and "no_such_thing" in flag for flag in record["flags"])


def test_partial_points_are_kept_within_bounds(tmp_path, root):
    class_ = Class(tmp_path, root / "tests" / "course")
    source = class_.sources / "set0_line.md"
    text = source.read_text().replace(
        '    close(answers["slope"]', '    return answers["slope"] / 100\n    close(answers["slope"]'
    )
    source.write_text(text)
    class_.sets = read_sets(class_.sources)
    for id, slope in {"some": "50", "many": "1e9", "less": "-1e9", "nan": "float('nan')"}.items():
        notebook = model(class_.sets[0], id)
        cell(notebook, "project").source += f"\nslope = {slope}"
        hand_in(class_.folder, id, notebook)
    class_.grade()
    points = {id: float(row["automatic"]) for id, row in class_.marks().items()}
    assert points == {"some": 3.5, "many": 5.0, "less": 3.0, "nan": 3.0}


def test_a_files_neighbours_come_along_and_stay_unchanged(tmp_path, root):
    class_ = Class(tmp_path, root / "tests" / "course")
    notebook = model(class_.sets[0], "ada")
    cell(notebook, "project").source += "\nfrom helper import slope\nopen('helper.py', 'w').write('')"
    path = hand_in(class_.folder, "ada", notebook)
    helper = path.with_name("helper.py")
    helper.write_text("from grokutil.course import student\nslope = 2 * student('ada').p\n")
    before = helper.read_text()
    class_.grade()
    assert class_.marks()["ada"]["automatic"] == "5" and helper.read_text() == before


def test_an_answer_left_as_released_gets_no_points_and_no_work(tmp_path, root):
    class_ = Class(tmp_path, root / "tests" / "course")
    hand_in(class_.folder, "ada", release(class_.sets[0], "ada"))
    class_.grade()
    assert class_.marks()["ada"]["total"] == "0"
    assert (class_.results / "manual.csv").read_text().splitlines() == [",".join(marks.MANUAL_COLUMNS)]


def test_tables_hold_no_formulas():
    assert marks.table(["a"], [["=1+1"], ["@x"], ["plain"]]).splitlines() == ["a", "'=1+1", "'@x", "plain"]


@pytest.mark.slow
def test_released_notebooks_run_as_students_get_them_and_earn_nothing(root, tmp_path):
    sources = root / "book" / "assignments"
    folder, results = tmp_path / "in", tmp_path / "out"
    sets = [read_set(path) for path in sorted(sources.glob("set*.md"))]
    for problem_set in sets:
        path = folder / "ada" / f"{problem_set.name}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(release(problem_set, "ada"), path)
    results.mkdir()
    sandbox, reached = choice.choose(sources, folder, results, KINDS)
    batch = grade_folder(folder, results, sets, sandbox, reached, tell=lambda text: None)
    for record in batch.records:
        assert record["status"] == "graded" and not record["flags"], record["set"]
        assert [part["points"] for part in record["parts"]] == [0.0] * len(record["parts"]), record["set"]


def test_a_record_is_that_of_all_that_decides_it(two):
    """Whatever changes, the key does; another reading of the same changes nothing."""
    (set0,) = two.sets
    theirs = handed_in(two.folder, two.sets)[0][0]
    common = ["code", "bubblewrap", {"seconds": 8}, 5]
    key = batch._key(theirs, set0, common)
    assert key == batch._key(handed_in(two.folder, read_sets(two.sources))[0][0], read_sets(two.sources)[0], common)
    other_set = replace(set0, notebook=set0.copy())
    other_set.notebook.cells[-1].source += " "
    changes = {"id": "eve", "set": "x", "digest": "d", "cells": [], "problem": "p", "look": not theirs.look}
    changes |= {"flags": ["f"], "answered": 99, "file": None, "files": {"data.csv": theirs.file}}
    keys = [batch._key(replace(theirs, **{name: value}), set0, common) for name, value in changes.items()]
    keys += [batch._key(theirs, set0, [*common[:k], "other", *common[k + 1 :]]) for k in range(len(common))]
    keys += [batch._key(theirs, other_set, common), key]
    assert set(changes) == set(vars(theirs)) and len(set(keys)) == len(keys)
