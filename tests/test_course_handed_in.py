"""What students hand in: nothing is passed over in silence, and an answer in the wrong place is still an answer."""

import base64
import io
import json
import os
import stat
import subprocess
import sys
import zipfile

import nbformat
import pytest
from course.planted import cell, hand_in
from test_course_grading import Class, Remembering, kind  # noqa: F401

from grokutil.course import files, report
from grokutil.course.batch import handed_in
from grokutil.course.problems import read_set
from grokutil.course.release import model, release
from grokutil.course.student import read_ids
from grokutil.course.submission import submissions_of

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n and more").decode()
JPEG = base64.b64encode(b"\xff\xd8\xff and more").decode()


@pytest.fixture(scope="module")
def line(root):
    return read_set(root / "tests" / "course" / "set0_line.md")


@pytest.fixture
def ada(tmp_path):
    folder = tmp_path / "in" / "ada"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def notebook(line):
    return model(line, "ada")


def text(notebook):
    return nbformat.writes(notebook)


def look(folder, line):
    (submission,), remarks = submissions_of(folder, [line])
    return submission, "\n".join(remarks)


@pytest.mark.parametrize(
    "name",
    [
        "set0_line.ipynb.json",
        "set0_line.ipynb.txt",
        "set0_line.IPYNB",
        "set0_line.json",
        "homework.txt",
        "homework",
        "Homework (2).IpynB",
        "a/b/c/d/e/f/g/set0_line.ipynb",
        "Übung 1/mein Blatt.ipynb",
    ],
)
def test_a_notebook_by_another_name_is_graded(ada, line, notebook, name):
    (ada / name).parent.mkdir(parents=True, exist_ok=True)
    (ada / name).write_text(text(notebook))
    submission, _ = look(ada, line)
    assert submission.problem is None and submission.answered == 2
    assert name.endswith("set0_line.ipynb") or any(name in flag for flag in submission.flags)


@pytest.mark.parametrize(
    "name", ["set0_line.py", "set0 answers.pdf", "Set-0.docx", "notes.md", "set0.tar.gz", "set0.7z"]
)
def test_what_is_no_notebook_is_named_and_to_be_looked_at(ada, line, name):
    (ada / name).write_bytes(b"words")
    submission, remarks = look(ada, line)
    assert name in remarks and name in submission.problem and submission.look


def test_a_file_that_belongs_to_another_set_leaves_this_one_alone(ada, line, notebook):
    other = type(line)("set1_other", line.notebook)
    (ada / "set0_line.ipynb").write_text(text(notebook))
    (ada / "set1.pdf").write_bytes(b"words")
    (ada / "data.csv").write_bytes(b"1")
    zero, one = submissions_of(ada, [line, other])[0]
    assert zero.problem is None and one.look and "set1.pdf" in one.problem and "data.csv" not in one.problem
    (ada / "set1.pdf").unlink()
    _, one = submissions_of(ada, [line, other])[0]
    assert not one.look


def test_files_among_hundreds_are_found_and_none_is_hidden(ada, line, notebook):
    for number in range(files.MOST_FILES + 300):
        (ada / f"a{number:04}.dat").write_bytes(b"")
    (ada / "zz.ipynb").write_text(text(notebook))
    submission, remarks = look(ada, line)
    assert submission.problem is None and "301 more files" in remarks
    deep = ada
    for number in range(files.DEEPEST + 2):
        deep = deep / str(number)
    deep.mkdir(parents=True)
    assert f"a folder more than {files.DEEPEST} deep" in look(ada, line)[1]


def test_junk_is_named_and_never_taken_for_a_notebook(ada, line, notebook):
    (ada / "set0_line.ipynb").write_text(text(notebook))
    for name in (".DS_Store", "Thumbs.db", "desktop.ini", "._set0_line.ipynb"):
        (ada / name).write_bytes(b"\0")
    for name in ("__MACOSX", ".ipynb_checkpoints", "__pycache__"):
        (ada / name).mkdir()
        (ada / name / "set0_line.ipynb").write_text("junk")
    submission, remarks = look(ada, line)
    assert not submission.flags and submission.answered == 2
    for name in (".DS_Store", "Thumbs.db", "desktop.ini", "__MACOSX", ".ipynb_checkpoints", "__pycache__", "._set0"):
        assert name in remarks


def zipped(entries):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return content.getvalue()


@pytest.mark.parametrize("name", ["hand in.zip", "set0_line.ipynb", "set0.ZIP"])
def test_a_zip_is_looked_into(ada, line, notebook, name):
    (ada / name).write_bytes(zipped({"a/set0_line.ipynb": text(notebook), "a/helper.py": "x = 1", "b.csv": "1"}))
    submission, remarks = look(ada, line)
    assert submission.problem is None and submission.answered == 2
    assert submission.files["helper.py"].read() == b"x = 1" and "b.csv" not in submission.files and "b.csv" in remarks


def test_a_zip_can_do_no_harm(ada, line, notebook, tmp_path, monkeypatch):
    link = zipfile.ZipInfo("link.ipynb")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    entries = {"../../set0_line.ipynb": "{}", "/etc/set0_line.ipynb": "{}", link: "/etc/passwd", "__MACOSX/._x": ""}
    (ada / "evil.zip").write_bytes(zipped(entries | {"big/set0_line.ipynb": b" " * (files.LARGEST_NOTEBOOK + 1)}))
    (ada / "inner.zip").write_bytes(zipped({"again.zip": zipped({"set0_line.ipynb": text(notebook)})}))
    (ada / "broken.zip").write_bytes(zipped({"set0_line.ipynb": text(notebook)})[:-40])
    before = {path for path in tmp_path.rglob("*")}
    submission, remarks = look(ada, line)
    assert submission.look and "larger than 20 MB" in submission.problem
    assert {path for path in tmp_path.rglob("*")} == before
    assert remarks.count("leads out of the archive") == 2 and "link.ipynb: a link" in remarks
    assert "again.zip" in remarks and "broken.zip" in remarks and "__MACOSX" in remarks


def age(path, days):
    moment = path.stat().st_mtime - days * 86400
    os.utime(path, (moment, moment))


def put(ada, name, content, days):
    path = ada / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(content if isinstance(content, str) else text(content))
    age(path, days)


def test_of_several_copies_the_newest_complete_one_counts(ada, line, notebook):
    first = model(line, "ada")
    cell(first, "explain").source = "first"
    put(ada, "set0_line.ipynb", first, 3)
    put(ada, "later/set0_line (1).ipynb", notebook, 2)
    put(ada, "set0_line-Copy1.ipynb", release(line, "ada"), 1)
    put(ada, "set0_line (2).ipynb", "damaged", 0)
    submission, _ = look(ada, line)
    assert submission.file.name == "later/set0_line (1).ipynb" and submission.answered == 2
    named = "; ".join(submission.flags)
    for remark in (
        "set0_line.ipynb (older)",
        "set0_line-Copy1.ipynb (fewer answers)",
        "set0_line (2).ipynb (not a Jupyter notebook",
    ):
        assert f"another copy, not graded: {remark}" in named
    put(ada, "set0_line-Copy1.ipynb", first, 1)
    assert look(ada, line)[0].file.name == "set0_line-Copy1.ipynb"


def test_of_copies_of_one_moment_the_one_with_the_proper_name_counts(ada, line, notebook):
    for name in ("set0_line (1).ipynb", "set0_line.ipynb", "zz.ipynb"):
        put(ada, name, notebook, 0)
        os.utime(ada / name, (10**9, 10**9))
    submission, _ = look(ada, line)
    assert submission.file.name == "set0_line.ipynb" and sum("the same" in flag for flag in submission.flags) == 2


def code(source):
    return nbformat.v4.new_code_cell(source)


def words(source):
    return nbformat.v4.new_markdown_cell(source)


def below(notebook, id, new):
    notebook.cells.insert(notebook.cells.index(cell(notebook, id)) + 1, new)


def seen(ada, line, notebook):
    (ada / "set0_line.ipynb").write_text(json.dumps(notebook))
    return look(ada, line)[0]


def test_code_in_a_cell_for_text_is_code(ada, line, notebook):
    for kind_ in ("markdown", "raw"):  # noqa: B007
        cell(notebook, "project").cell_type = kind_
        submission = seen(ada, line, notebook)
        assert [c["type"] for c in submission.cells if c["id"] == "project"] == ["code"]
        assert "code answers in cells for text, graded as code: project" in submission.flags
    source = cell(notebook, "project").source
    cell(notebook, "project").source = f"```python\n{source}\n```"
    assert [c["source"] for c in seen(ada, line, notebook).cells if c["id"] == "project"] == [source]


def test_words_in_a_cell_for_code_stay_words(ada, line, notebook):
    cell(notebook, "explain").cell_type = "code"
    submission = seen(ada, line, notebook)
    assert [c["type"] for c in submission.cells if c["id"] == "explain"] == ["markdown"]


def test_cells_that_lost_their_metadata_are_known_by_id_or_text(ada, line, notebook):
    for c in notebook.cells:
        c.metadata = {}
    notebook.metadata = {}
    submission = seen(ada, line, notebook)
    assert submission.problem is None and submission.answered == 2
    assert any("deleted or with another id: project, explain" in flag for flag in submission.flags)


def test_an_answer_above_an_empty_cell_is_not_replaced_by_it(ada, line):
    notebook = release(line, "ada")
    answer = cell(model(line, "ada"), "project").source
    notebook.cells.insert(notebook.cells.index(cell(notebook, "project")), code(answer))
    submission = seen(ada, line, notebook)
    order = [c["source"] for c in submission.cells if "def project" in c["source"]]
    assert "NotImplementedError" in order[0] and order[1] == answer
    assert "answered above the cell that was given for it: project" in submission.flags


def test_what_a_student_wrote_into_a_locked_cell_is_run_before_the_given_one(ada, line, notebook):
    given = cell(notebook, "test_slope").source
    cell(notebook, "test_slope").source = "slope = 7\n" + given
    submission = seen(ada, line, notebook)
    own, again = [c for c in submission.cells if "isfinite(slope)" in c["source"]]
    assert (
        own["own"]
        and own["source"].startswith("slope = 7")
        and not again["own"]
        and again["source"].split() == given.split()
    )
    assert any("locked cells changed" in flag and "test_slope" in flag for flag in submission.flags)


def test_cells_beyond_the_sixtieth_count(ada, line, notebook):
    cells = notebook.cells
    notebook.cells = [*cells[:2], *(code(f"x{n} = {n}") for n in range(300)), *cells[2:]]
    submission = seen(ada, line, notebook)
    assert len(submission.cells) == 300 + len(cells) and submission.answered == 2


def test_pictures_in_answers_are_shown_wherever_they_lie(ada, line, notebook):
    answer = cell(notebook, "explain")
    answer.source = (
        f"one ![a](attachment:a%20b.png) two <img src='data:image/jpeg;base64,{JPEG}'> three ![c](plots/c.png)"
    )
    answer.source += " four ![d](http://host/d.png) five ![e](../e.png) six ![f](missing.png) the end"
    answer.attachments = {
        "a b.png": {"image/png": PNG},
        "unused.png": {"image/png": JPEG},
        "x.pdf": {"application/pdf": ""},
    }
    (ada / "plots").mkdir()
    (ada / "plots" / "c.png").write_bytes(b"GIF89a")
    (ada.parent / "e.png").write_bytes(base64.b64decode(PNG))
    submission = seen(ada, line, notebook)
    (shown,) = (c for c in submission.cells if c["id"] == "explain")
    kinds = [picture.partition(";")[0] for picture in shown["pictures"]]
    assert kinds == ["data:image/png", "data:image/jpeg", "data:image/gif"]
    assert (
        "one [picture 1] two [picture 2] three [picture 3]" in shown["text"] and shown["text"].count("not shown") == 5
    )
    record = {"id": "ada", "set": "s", "status": "graded", "flags": [], "cells": [shown], "parts": [], "seconds": 1}
    page = report.page(record)
    assert all(f'src="{picture}"' in page for picture in shown["pictures"]) and "the end" in page


def test_where_a_page_cuts_it_says_what_and_where_the_rest_is():
    shown = {"type": "markdown", "own": True, "title": "", "source": "w" * (report.LONGEST + 7)}
    record = {"id": "ada", "set": "s", "status": "graded", "flags": [], "cells": [shown], "parts": [], "seconds": 1}
    page = report.page(record | {"file": "set0_line.ipynb"})
    assert "7 more characters of this cell are not shown here; they are in set0_line.ipynb" in page
    whole = report.page(record | {"cells": [shown | {"source": "w" * 150_000}]})
    assert "w" * 150_000 in whole and "not shown" not in whole


@pytest.mark.parametrize("wrong", ["missing", "a file", "empty", "one student", "results", "flat"])
def test_a_wrong_folder_is_refused_and_nothing_is_made(root, tmp_path, ada, line, notebook, wrong):
    folder = tmp_path / "in"
    if wrong == "missing":
        folder = tmp_path / "no"
    elif wrong == "a file":
        folder = tmp_path / "file"
        folder.write_text("")
    elif wrong == "results":
        (folder / "records").mkdir()
        (folder / "marks.csv").write_text("")
    elif wrong == "flat":
        (folder / "set0_line.ipynb").write_text(text(notebook))
    elif wrong == "one student":
        hand_in(folder, "ada", notebook)
        folder = folder / "ada"
    before = sorted(tmp_path.rglob("*"))
    command = [sys.executable, "-m", "grokutil.course", "grade", folder, "--sources", root / "tests" / "course"]
    done = subprocess.run([*command, "--sandbox", "none"], cwd=root, capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr.startswith("grade: ") and str(folder) in done.stderr
    assert sorted(tmp_path.rglob("*")) == before
    with pytest.raises(ValueError):
        handed_in(folder, [line])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_list_of_ids_in_another_encoding_is_read(tmp_path, encoding):
    path = tmp_path / "ids.txt"
    path.write_bytes("# course\r\nZoë\r\nada\r\n".encode(encoding))
    assert read_ids(path) == ["zoë", "ada"]


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-16-le", "utf-32"])
def test_or_named_with_the_remedy(tmp_path, encoding):
    path = tmp_path / "ids.txt"
    path.write_bytes("ada\nZoë\n".encode(encoding))
    with pytest.raises(ValueError, match="ids.txt is not .*save it again .*in UTF-8"):
        read_ids(path)


def answer_below(line, id):
    notebook = release(line, id)
    below(notebook, "explain", words("The projection removes what points along n."))
    return notebook


def retyped(line, id):
    """All answers typed anew into cells of the student's own, the given ones deleted."""
    notebook, right = release(line, id), model(line, id)
    for name, new in (("project", code), ("explain", words)):
        below(notebook, name, new(cell(right, name).source))
        notebook.cells.remove(cell(notebook, name))
    return notebook


def above(line, id):
    notebook = release(line, id)
    at = notebook.cells.index(cell(notebook, "project"))
    notebook.cells.insert(at, code(cell(model(line, id), "project").source))
    return notebook


def as_text(line, id):
    notebook = release(line, id)
    below(notebook, "project", words("```python\n" + cell(model(line, id), "project").source + "\n```"))
    return notebook


def only_words(line, id):
    notebook = release(line, id)
    below(notebook, "project", words("I project by subtracting the part along n, and slope is 2 p."))
    return notebook


def by_eigh(line, id):
    notebook = model(line, id)
    answer = cell(notebook, "project")
    answer.source = answer.source.replace("slope = 2 * ME.p", "slope = np.uint8(2 * ME.p)")
    answer.source = answer.source.replace("return g - n * (g @ n) / (n @ n)", "return list(g - n * (g @ n) / (n @ n))")
    return notebook


def setup(line, id):
    notebook = model(line, id)
    notebook.cells.insert(1, code("%matplotlib inline\nimport numpy as np\nTWO = 2"))
    answer = cell(notebook, "project")
    answer.source = "%time X = 1\n" + answer.source.replace("slope = 2 *", "slope = TWO *")
    return notebook


HOW = {f.__name__: f for f in (answer_below, retyped, above, as_text, only_words, by_eigh, setup)}
POINTS = {  # automatic points, to be marked
    "answer_below": ("0", "7"),
    "retyped": ("5", "2"),
    "above": ("5", "0"),
    "as_text": ("5", "0"),
    "only_words": ("0", "7"),
    "by_eigh": ("5", "2"),
    "setup": ("5", "2"),
    "zipped": ("5", "2"),
    "pdf": ("0", "7"),
}


@pytest.fixture(scope="module")
def class_(tmp_path_factory, root, kind, line):  # noqa: F811
    class_ = Class(tmp_path_factory.mktemp("class"), root / "tests" / "course", sandbox=Remembering(kind))
    for id, how in HOW.items():
        hand_in(class_.folder, id, how(line, id))
    for id, name in (("zipped", "all.zip"), ("pdf", "set0.pdf")):
        (class_.folder / id).mkdir()
        (class_.folder / id / name).write_bytes(zipped({"x/set0_line.ipynb": text(model(line, id))}))
    class_.batch = class_.grade()
    return class_


@pytest.mark.parametrize("id", POINTS)
def test_an_answer_counts_wherever_it_stands_or_goes_to_the_teacher(class_, id):
    row = class_.marks()[id]
    assert (row["automatic"], row["to_be_marked"]) == POINTS[id], row
    assert (row["total"] == "") is (POINTS[id][1] != "0")
    page = (class_.results / "feedback" / id / "set0_line.html").read_text()
    if id in ("answer_below", "only_words", "pdf"):
        assert f"\n{id},set0_line,explain,2,,," in (class_.results / "manual.csv").read_text()
    assert id != "answer_below" or "removes what points along n" in page


def test_marks_are_made_anew_when_the_graders_code_changed(class_, tmp_path, monkeypatch):
    assert class_.grade().reused == len(POINTS)
    changed = tmp_path / "grokutil"
    changed.mkdir()
    (changed / "__init__.py").write_text("")
    from grokutil.course import batch

    monkeypatch.setattr(batch.grokutil, "__path__", [str(changed)])
    first = batch._code()
    (changed / "course.py").write_text("x = 1")
    second = batch._code()
    (changed / "course.py").write_text("x = 2")
    assert len({first, second, batch._code()}) == 3
    monkeypatch.undo()
    monkeypatch.setattr(batch, "_code", lambda: "other code")
    assert class_.grade().reused == 0
