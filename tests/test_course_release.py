"""Problem sets and what students get of them: no solution, no hidden test."""

import re
import subprocess
import sys

import nbformat
import pytest

from grokutil.course import student
from grokutil.course.problems import HIDDEN, from_text, grade_id, read_set, read_sets
from grokutil.course.release import GENERIC, model, release, write_releases
from grokutil.course.student import read_ids

SETS = ["set1_toys", "set2_tangent_space", "set3_isolated_dynamics", "set4_investigation"]
SOLUTION = re.compile(r"### BEGIN SOLUTION.*?\n(.*?)\s*### END SOLUTION", re.S)


@pytest.fixture(scope="module")
def line(root):
    return (root / "tests" / "course" / "set0_line.md").read_text()


@pytest.fixture(scope="module")
def sources(root):
    return root / "book" / "assignments"


@pytest.fixture(scope="module")
def sets(sources):
    return read_sets(sources)


def secrets(problem_set):
    """Lines of model answers and hidden tests that stand nowhere else in the set."""
    whole = "\n".join(cell.source for cell in problem_set.notebook.cells)
    kept = SOLUTION.sub("", HIDDEN.sub("", whole))
    lines = {
        line.strip()
        for region in SOLUTION.findall(HIDDEN.sub("", whole)) + HIDDEN.findall(whole)
        for line in region.splitlines()
    }
    return {line for line in lines if len(line) > 8 and line not in kept}


def test_the_sets_are_there_and_keep_the_rules(sets):
    assert [problem_set.name for problem_set in sets] == SETS
    for problem_set in sets:
        assert len(problem_set.parts) >= 4, problem_set.name


def test_no_release_holds_a_hidden_test_or_a_model_answer(sets, tmp_path):
    written = write_releases(sets, tmp_path, ["ada", "ben"]) + write_releases(sets, tmp_path)
    assert len(written) == 3 * len(sets)
    for path in written:
        problem_set = next(s for s in sets if s.name == path.stem)
        raw = path.read_text()
        text = "\n".join(cell.source for cell in nbformat.read(path, 4).cells)
        assert not re.search("HIDDEN|BEGIN SOLUTION|END SOLUTION|def check|def draw|grokutil.course.checking", raw)
        searched = secrets(problem_set)
        assert len(searched) > 20
        found = [line for line in searched if line in text]
        assert not found, f"{path.stem}: {found[:3]}"


def test_the_search_finds_what_is_left_in(line):
    leaky = from_text(
        "set0_line", line.replace("### END SOLUTION", "### END SOLUTION\n    g - n * (g @ n) / (n @ n)", 1)
    )
    text = "\n".join(cell.source for cell in release(leaky).cells)
    assert [s for s in secrets(from_text("set0_line", line)) if s.removeprefix("return ") in text]


def test_the_release_for_an_id_says_so_in_its_cell_and_its_metadata(line):
    notebook = release(from_text("set0_line", line), " Ada ")
    (cell,) = (c for c in notebook.cells if grade_id(c) == "me")
    assert 'student("ada")' in cell.source and "STUDENT_ID" not in str(notebook)
    assert notebook.metadata.course == {"set": "set0_line", "student": "ada"}
    assert cell.metadata.editable is False


def test_in_the_generic_release_the_student_writes_the_id(line):
    notebook = release(from_text("set0_line", line))
    (cell,) = (c for c in notebook.cells if grade_id(c) == "me")
    assert 'student("STUDENT_ID")' in cell.source and cell.metadata.editable is True


def test_two_releases_differ_in_the_id_alone(sets):
    for problem_set in sets:
        ada, ben = (str(release(problem_set, id)) for id in ("ada", "ben"))
        assert ada != ben and ada.replace("'ada'", "'ben'").replace('"ada"', '"ben"') == ben
    assert student("ada").task().seed != student("ben").task().seed


def test_model_notebooks_hold_the_answers_and_no_hidden_tests(line):
    notebook = model(from_text("set0_line", line), "ada")
    text = "\n".join(cell.source for cell in notebook.cells)
    assert "slope = 2 * ME.p" in text and "HIDDEN" not in text and 'student("ada")' in text


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("grade_id: test_slope", "grade_id: test_project", "test_project occurs twice"),
        ("grade_id: test_slope", "grade_id: Test Slope", "not made of small letters"),
        ("### BEGIN HIDDEN TESTS", "# hidden", "needs one region"),
        ("def check(me", "def checks(me", "define no check"),
        ('student("STUDENT_ID")', 'student("ada")', "must contain"),
        ("grade_id: me", "grade_id: you", "no cell has the grade_id me"),
        ("locked: true, task: false, grade_id: me}", "locked: true, grade_id: me}", None),
        ("import numpy as np", "### BEGIN HIDDEN TESTS\n### END HIDDEN TESTS", "outside a test cell"),
    ],
)
def test_a_set_that_breaks_a_rule_is_refused_with_the_rule(line, old, new, message):
    assert old in line
    if message is None:  # nbgrader fills in what is missing, and complains where it cannot
        release(from_text("set0_line", line.replace(old, new, 1)))
    else:
        with pytest.raises(ValueError, match=message):
            from_text("set0_line", line.replace(old, new, 1))


def test_a_folder_without_sets_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no problem sets"):
        read_sets(tmp_path)


def test_ids_are_read_from_a_file(tmp_path):
    path = tmp_path / "ids.txt"
    path.write_text("# course\nAda\n\n ben \n")
    assert read_ids(path) == ["ada", "ben"]
    path.write_text("ada\nADA\n")
    with pytest.raises(ValueError, match="twice: ada"):
        read_ids(path)
    path.write_text("ada\na b\n-x\n")
    with pytest.raises(ValueError, match="1 to 64 letters.*not so: 'a b', '-x'"):
        read_ids(path)
    path.write_text("\n")
    with pytest.raises(ValueError, match="no ids"):
        read_ids(path)


def test_the_command_writes_the_releases(root, tmp_path):
    ids = tmp_path / "ids.txt"
    ids.write_text("ada\nben\n")
    command = [sys.executable, "-m", "grokutil.course", "assignments", "--to", tmp_path / "out", "--ids", ids]
    shown = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout
    assert "8 notebooks for 2 students" in shown
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["ada", "ben"]
    assert (tmp_path / "out" / "ben" / "set1_toys.ipynb").exists() and GENERIC not in shown


def test_sources_are_no_pages_of_the_book(root, sources):
    assert "assignments" not in (root / "_toc.yml").read_text()
    assert "only_build_toc_files: true" in (root / "_config.yml").read_text()
    assert read_set(sources / "set1_toys.md").name == "set1_toys"
