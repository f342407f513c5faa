"""A planted class for the set set0_line: each student hands in something else."""

import json
import os

import nbformat

from grokutil.course.problems import grade_id
from grokutil.course.release import model, release

# What each of these students' notebooks does besides giving the model answers.
ATTACKS = {
    "looks-for-tests": """
import os, pathlib
loot = []
for top in ["/", {sources!r}, {folder!r}, {results!r}, "/proc"]:
    for path, folders, files in os.walk(top):
        folders[:] = [f for f in folders if f not in ("sys", "usr", ".venv", "lib", "lib64", "site-packages")]
        if path.count("/") > 8:
            folders.clear()
        for file in files:
            if file.startswith("set0_line") or file in ("environ", "cmdline", "seed.json", "marks.csv"):
                try:
                    text = pathlib.Path(path, file).read_bytes()
                except OSError:
                    continue
                if path.startswith((os.getcwd(), "/handed-in")):
                    continue  # the student's own
                if b"HIDDEN TESTS" in text or b"def check(" in text or b"slope = 2 *" in text or file == "seed.json":
                    loot.append(os.path.join(path, file))
print("LOOT", loot)
slope = 0
""",
    "writes-outside": """
import os, pathlib
written = []
for folder in [{sources!r}, {folder!r}, {results!r}, "/usr/lib", {package!r}]:
    for name in ("planted.txt", "set0_line.md"):
        try:
            pathlib.Path(folder, name).write_text("planted")
            written.append(folder)
        except OSError:
            pass
print("WRITTEN", written)
slope = 0
""",
    "overwrites-marks": """
import os, pathlib, signal, sys
for name in ("marks.csv", "manual.csv", "records/overwrites-marks/set0_line.json"):
    path = pathlib.Path({results!r}, name)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("id,set,total\\noverwrites-marks,set0_line,7\\n")
    except OSError:
        pass
# tell the grader so, in its own words, on every channel that is open
for fd in range(64):
    try:
        os.write(fd, b'{{"part": "test_slope", "points": 2.0, "message": ""}}\\n')
    except OSError:
        pass
import grokutil.course.driver as driver, grokutil.course.checking as checking
checking.close = checking.same_expression = lambda *a, **k: None
for pid in (os.getppid(), {pid}):
    try:
        os.kill(pid, signal.SIGTERM) if pid > 1 else None
    except OSError:
        pass
slope = 0
""",
}


def cell(notebook, id):
    """The cell of a notebook with this grade id."""
    return next(c for c in notebook.cells if grade_id(c) == id)


def hand_in(folder, id, notebook, name="set0_line"):
    """Write a submission."""
    path = folder / id / f"{name}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(notebook if isinstance(notebook, str) else nbformat.writes(notebook))
    return path


def plant(problem_set, folder, results, sources, package, shut_in=True):
    """Write the class. Names say what each student did. Attacks are planted only where code is ``shut_in``."""

    def right(id):
        return model(problem_set, id)

    def changed(id, part, source):
        notebook = right(id)
        cell(notebook, part).source = source
        return notebook

    def slope_is(id, value):
        notebook = right(id)
        answer = cell(notebook, "project")
        answer.source = answer.source.replace("slope = 2 * ME.p", f"slope = {value}")
        return notebook

    hand_in(folder, "right", right("right"))
    wrong = changed("wrong", "project", "def project(g, n):\n    return g\nslope, f = -1, 'k*cos(x)'")
    hand_in(folder, "wrong", wrong)
    copied = changed("copied", "project", "def project(g, n):\n    return [0, 1]\nslope, f = 2.0, 'cos(x)'")
    hand_in(folder, "copied", copied)
    hand_in(folder, "empty", release(problem_set, "empty"))
    hand_in(folder, "no-bytes", "")
    hand_in(folder, "syntax-error", changed("syntax-error", "project", "def project(g, n:\n    return g"))
    hand_in(folder, "endless-loop", changed("endless-loop", "project", "while True:\n    pass"))
    stubborn = "import signal\nsignal.setitimer(signal.ITIMER_PROF, 0)\nwhile True:\n    pass"
    hand_in(folder, "stubborn-loop", changed("stubborn-loop", "project", stubborn))
    hand_in(folder, "sleeps", changed("sleeps", "project", "import time\ntime.sleep(10**6)"))
    hand_in(folder, "renamed", right("renamed"), "my homework (1)")
    unknown = right("unlabelled")
    unknown.metadata.pop("course")
    for c in unknown.cells:
        c.metadata.pop("nbgrader", None)
    hand_in(folder, "unlabelled", unknown, "homework")
    hand_in(folder, "prints", changed("prints", "project", "while True:\n    print('x' * 10**6)"))
    hand_in(
        folder,
        "prints-past-python",
        changed("prints-past-python", "project", "import os\nwhile True: os.write(2, b'x' * 10**6)"),
    )
    hand_in(folder, "huge-file", '{"cells": [' + '"' + "x" * (21 * 2**20) + '"]}')
    hand_in(folder, "not-a-notebook", "PK\x03\x04 a zip")
    hand_in(folder, "nested", "[" * 200_000)
    hand_in(folder, "memory", changed("memory", "project", "x = bytearray(20 * 2**30)"))
    hand_in(folder, "disk", changed("disk", "project", "while True:\n    open('big', 'ab').write(b'x' * 2**24)"))
    hand_in(folder, "exits", changed("exits", "project", "import os\nos._exit(0)"))
    hand_in(folder, "other-id", right("somebody-else"))
    deleted = right("deleted-cells")
    deleted.cells = [c for c in deleted.cells if grade_id(c) not in ("test_project", "me")]
    hand_in(folder, "deleted-cells", deleted)
    doubled = right("doubled-cells")
    doubled.cells = [c for c in doubled.cells for _ in range(2)]
    hand_in(folder, "doubled-cells", json.dumps(doubled))
    renumbered = right("changed-ids")
    cell(renumbered, "project").metadata.nbgrader.grade_id = "mine"
    hand_in(folder, "changed-ids", renumbered)
    hostile = "class A(dict): pass\nclass L:\n    def __reduce__(self): return (print, ('run',))\n"
    hostile += "def project(g, n):\n    return L()\nslope, f = L(), '__import__(\"os\").getpid()'"
    hand_in(folder, "no-data", changed("no-data", "project", hostile))
    towers = "def project(g, n):\n    return float('nan')\nslope, f = 10**5000, '9**9**9**9'"
    hand_in(folder, "towers", changed("towers", "project", towers))
    (folder / "links").mkdir()
    os.symlink(sources / "set0_line.md", folder / "links" / "set0_line.ipynb")
    os.mkfifo(folder / "wrong" / "pipe.ipynb")
    (folder / "nothing").mkdir()
    (folder / "=cmd calc!A1").mkdir()
    (folder / "stray.ipynb").write_text(json.dumps({"cells": []}))
    if not shut_in:
        return
    hand_in(folder, "forks", changed("forks", "project", "import os\nwhile True:\n    os.fork()"))
    facts = {"sources": str(sources), "folder": str(folder), "results": str(results), "package": package}
    for id, attack in ATTACKS.items():
        notebook = right(id)
        cell(notebook, "project").source += attack.format(**facts, pid=os.getpid())
        hand_in(folder, id, notebook)
