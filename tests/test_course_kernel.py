"""A student's code in the grader and in Jupyter: the same runs, and the same is shown."""

import json
import os
import re
import subprocess
import sys
from importlib.util import find_spec

import nbformat
import pytest
from nbclient import NotebookClient
from test_course_grading import kind  # noqa: F401

from grokutil.course.driver import error, shown
from grokutil.course.sandbox import Sandbox
from grokutil.course.watch import Limits

SNIPPETS = [
    "%matplotlib inline\n1 + 1",
    "import asyncio\nawait asyncio.sleep(0)\n_ + 1",
    "async def later(x):\n    return x\nawait later(_) + __",
    "(len(In) > 2, sorted(Out)[:2], _i != '', _2)",
    "%%capture held\nprint('not seen')",
    "held.stdout",
    "%time x = 1",
    "%env HOME_OF_NOBODY=1\n!echo shell",
    "!no-such-program",
    "%no_such_magic",
    "files = !echo one two\nfiles",
    "import sys\n(sys.stdout.isatty(), sys.stdout.encoding, sys.stdout.writable(), sys.stdin.isatty())",
    "(sys.stdout.fileno() > 2, hasattr(sys.stdout, 'buffer'), sys.stdout.errors, sys.stdout.name)",
    "print('out'); print('err', file=sys.stderr)\nsys.stdout.write('four')",
    "print('a', end='\\r'); print('b')",
    "import subprocess\nsubprocess.run(['echo', 'from below'], capture_output=True, text=True).stdout",
    "x;",
    "x",
    "None",
    "from IPython.display import display, HTML, Markdown, Latex, Image, clear_output\ndisplay(1, 'two')\n3",
    "display(Markdown('*m*')); display(HTML('<b>bold</b> text')); Latex('$x$')",
    "handle = display('first', display_id=True); handle.update('second')",
    "print('gone'); clear_output(); print('stays')",
    "import matplotlib.pyplot as plt\nplt.plot([1, 2]);",
    "fig, ax = plt.subplots()\nax.plot([1, 3])\nplt.show()\nprint('after')",
    "fig",
    "display(fig); fig.savefig('kept.png'); plt.close('all')",
    "Image('kept.png')",
    "figs = [plt.figure() for _ in range(6)]\nfor f in figs: f.gca().plot([0, 1])",
    "f, _ax = plt.subplots(); plt.close(f)\n'closed'",
    "%config InlineBackend.figure_format = 'svg'\nplt.plot([1, 2]);",
    "import numpy as np; np.arange(3)",
    "class Both:\n    def _repr_html_(self): return '<i>h</i>'\n    def __repr__(self): return 'plain'\nBoth()",
    "1 / 0",
    "def f(",
    "raise SystemExit",
    "input('?')",
    "get_ipython().__class__.__mro__[1].__name__ != ''",
    "from multiprocessing import get_context\nwith get_context('fork').Pool(1) as pool: print(pool.map(abs, [-1]))",
    "__name__, '__file__' in globals()",
    "import os; os.environ['GOMP_SPINCOUNT']",
    "import os; sorted(name for name in os.listdir() if not name.startswith('.'))",
    "open('note.txt', 'w').write('abc')",
    "%%writefile other.txt\nabc",
    "%cat other.txt",
    "%who_ls int",
    "?len",
]


def in_jupyter(folder):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in SNIPPETS])
    replies = {}
    client = NotebookClient(
        notebook,
        allow_errors=True,
        timeout=None,
        resources={"metadata": {"path": str(folder)}},
        on_cell_executed=lambda cell, cell_index, execute_reply: replies.update({cell_index: execute_reply["content"]}),
    )
    outside = {k: v for k, v in os.environ.items() if k != "PYTEST_CURRENT_TEST"}  # as outside of a test
    client.execute(env=outside | ({"SHELL": "/bin/bash"} if os.path.exists("/bin/bash") else {}))  # as the grader has
    return [(shown(cell.outputs, 10_000, 2**23), error(replies.get(n))) for n, cell in enumerate(notebook.cells)]


def alike(outputs, error):
    """What is shown, without what differs between two runs: figures by their kind and size, addresses, times."""
    text = "".join(o["text"] for o in outputs if "text" in o)
    text = re.sub(r"0x[0-9a-f]+|\d+(\.\d+)?(e[+-]\d+)? (ns|µs|μs|us|ms|s)\b|ipykernel_\d+/\d+", "...", text)
    pictures = [(o["picture"][:22], round(len(o["picture"]), -3)) for o in outputs if "picture" in o]
    return text, pictures, re.sub(r"\(\d+\.py, |\(<ipython-input[^,]*, ", "(", error or "")


@pytest.fixture(scope="module")
def both(tmp_path_factory, kind):  # noqa: F811
    job = {"cells": SNIPPETS, "answers": [], "calls": []}
    outcome = Sandbox(kind).run("grokutil.course.driver", job, Limits())
    frames = [json.loads(line) for line in outcome.lines]
    assert not outcome.stopped and frames.pop() == {"done": True}, outcome
    here = [alike(frame["outputs"], frame["error"]) for frame in frames]
    there = [alike(*cell) for cell in in_jupyter(tmp_path_factory.mktemp("jupyter"))]
    return list(zip(here, there, strict=True))


@pytest.mark.parametrize("number", range(len(SNIPPETS)), ids=lambda n: SNIPPETS[n].splitlines()[0][:40])
def test_the_grader_shows_what_jupyter_shows(both, number):
    here, there = both[number]
    assert here == there


def test_snippets_show_what_they_are_here_for(both):
    shown_by = dict(zip(SNIPPETS, (here for here, _ in both), strict=True))
    assert shown_by["%matplotlib inline\n1 + 1"] == ("2", [], "")
    assert shown_by["fig"][1] and shown_by["Image('kept.png')"][1]
    assert len(next(s for c, s in shown_by.items() if c.startswith("figs"))[1]) == 6
    assert shown_by["1 / 0"][2] == "ZeroDivisionError: division by zero (line 1 of its cell)"


def test_a_run_does_not_wait_for_a_grammar_of_addresses(kind):  # noqa: F811
    """To build the parsers of ``rfc3987_syntax`` takes longer than to grade a notebook; who wants them finds them."""
    source = "import sys\nfrom importlib.util import find_spec\n"
    source += "'nbformat' in sys.modules, 'lark' in sys.modules, find_spec('rfc3987_syntax') is None"
    job = {"cells": [source], "answers": [], "calls": []}
    told, _ = map(json.loads, Sandbox(kind).run("grokutil.course.driver", job, Limits()).lines)
    assert told["outputs"] == [{"text": f"(True, False, {find_spec('rfc3987_syntax') is None})"}]
    command = "import sys, grokutil.course.__main__, grokutil.course.release; sys.exit('lark' in sys.modules)"
    subprocess.run([sys.executable, "-c", command], check=True)
