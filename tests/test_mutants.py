"""Each broken formula is noticed; and the harness takes no crash, no crooked list and no other package for that."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from multiprocessing.util import get_temp_dir
from pathlib import Path

import pytest
from mutants import harness, report
from mutants.harness import Finding, run
from mutants.listed import MUTANTS
from mutants.mutant import Mutant, MutantError

from grokutil.outcomes import load

FORMULAS = """activations chebyshev constraints data flow fourier gradient_flow inputs isolated kinks linalg manifold
measure model ntk symbolic toy train walks""".split()
SIZES, COUNT = "test_data.py::test_the_papers_sizes", "section-7.1-count"


@pytest.fixture(scope="module")
def findings(request):
    """What became of the mutants that are asked for, all in one run on two processes."""
    asked = [item.callspec.params["mutant"] for item in request.session.items if "findings" in item.fixturenames]
    return {finding.mutant: finding for finding in run(asked)}


@pytest.mark.slow
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: f"{m.module}: {m.breaks}")
def test_a_broken_formula_is_noticed_by_all_that_should(mutant, findings):
    finding = findings[mutant]
    assert finding.outcome == "caught" and not finding.silent, report.table([finding])


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: f"{m.module}: {m.breaks}")
def test_the_text_of_a_mutant_stands_once_in_its_module(mutant, tmp_path):
    shutil.copy(harness.PACKAGE / f"{mutant.module}.py", tmp_path)
    mutant.apply(tmp_path)
    changed = (tmp_path / f"{mutant.module}.py").read_text()
    assert changed != (harness.PACKAGE / f"{mutant.module}.py").read_text()
    compile(changed, mutant.module, "exec")


def test_the_list_covers_each_module_with_formulas():
    assert len(MUTANTS) >= 30 and sum(bool(mutant.claims) for mutant in MUTANTS) >= 20
    assert all(mutant.tests for mutant in MUTANTS)
    assert min(Counter(mutant.module for mutant in MUTANTS)[module] for module in FORMULAS) >= 2
    assert len({(mutant.module, mutant.breaks) for mutant in MUTANTS}) == len(MUTANTS)


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """The folder in which copies are made; it must be empty again after a run. Its name is short, for sockets."""
    get_temp_dir()  # the fork server's own folder lies elsewhere, and so does tmp_path
    with tempfile.TemporaryDirectory() as name:
        monkeypatch.setattr(tempfile, "tempdir", name)
        yield Path(name)
        assert not list(Path(name).iterdir())


@pytest.mark.slow
def test_only_a_failed_assertion_counts(temporary, tmp_path):
    mine = tmp_path / "test_mine.py"
    mine.write_text(
        "import pytest\n"
        "from grokutil.data import modular_addition\n"
        "@pytest.fixture\n"
        "def task():\n"
        "    return modular_addition(5, seed=0)\n"
        "def test_its_default_share(task):\n"
        "    assert len(task.X_train) == 10\n"
    )
    share = f"{mine}::test_its_default_share"
    comment = Mutant("data", "# Task's fields alternate", "# The fields alternate", "nothing", (SIZES,), (COUNT,))
    renamed = Mutant("activations", "lambda Z: Z * Z", "lambda z: z * z", "nothing", ("test_activations.py",))
    broken_import = Mutant("data", "import torch\n", "import torsch\n", "import", (SIZES,), (COUNT,))
    syntax = Mutant("data", "import torch\n", "import import\n", "syntax", (SIZES,))
    crash = Mutant("data", "p = integer(", "p = 1 / 0 + integer(", "crash", (SIZES, share), (COUNT,))
    value = Mutant(
        "data", "0.7 if fraction is None", "0.5 if fraction is None", "the default", (share, SIZES), (COUNT,)
    )
    found = {finding.mutant: finding for finding in run([comment, renamed, broken_import, syntax, crash, value])}

    for harmless in (comment, renamed):
        assert found[harmless].outcome == "survived" and not found[harmless].errors
        assert found[harmless].silent == harmless.tests + harmless.claims
    for harmful, word in ((broken_import, "torsch"), (syntax, "SyntaxError"), (crash, "ZeroDivisionError")):
        assert found[harmful].outcome == "error" and word in "".join(found[harmful].errors)
        assert not found[harmful].tests and not found[harmful].claims
    assert found[value].outcome == "caught" and found[value].tests == (share,)
    assert found[value].silent == (SIZES, COUNT)
    assert "DID NOT NOTICE: section-7.1-count" in report.table([found[value]])
    assert "1 of 2 mutants caught, 0 of them by the ledger" in report.table([found[value], found[comment]])


@pytest.mark.slow
def test_a_package_from_elsewhere_is_an_error(temporary):
    """Without a copy in its folder the trial imports the installed package: the answer says so."""
    folder = temporary / "no-copy"
    folder.mkdir()
    ((_, answer, _),) = harness._trials([(folder, (SIZES,), (COUNT,))], workers=1)
    assert not answer["tests"] and not answer["claims"]
    assert "not from the mutated copy" in "".join(answer["errors"])
    shutil.rmtree(folder)


@pytest.mark.slow
def test_a_crooked_list_is_an_error(temporary, tmp_path):
    good = {"module": "data", "old": "n = round(", "new": "n = int(", "breaks": "rounding", "tests": (SIZES,)}
    failing = tmp_path / "test_failing.py"
    failing.write_text("def test_never():\n    assert False\n")
    for changes, words in (
        ({"old": "no such text"}, "'no such text' occurs 0 times in data.py, not once"),
        ({"old": "return "}, "'return ' occurs [0-9]+ times in data.py, not once"),
        ({"new": "n = round("}, "the new text is the old one"),
        ({"module": "date"}, "the package has no module date.py"),
        ({"tests": (f"{failing}::test_never",)}, "without any mutant, these fail: .*test_never"),
        ({"tests": ("test_data.py::test_nothing",)}, "without any mutant, these fail: (.|\n)*not found"),
        ({"claims": ("eq-0",)}, "without any mutant, these fail: claim eq-0(.|\n)*KeyError"),
    ):
        with pytest.raises(MutantError, match=words):
            list(run([Mutant(**(good | changes))]))


@pytest.mark.slow
def test_a_trial_that_hangs_is_an_error(temporary, tmp_path, monkeypatch):
    hangs = tmp_path / "test_hangs.py"
    hangs.write_text("import time\ndef test_it():\n    time.sleep(600)\n")
    monkeypatch.setattr(harness, "LIMIT", 3.0)
    with pytest.raises(MutantError, match="its process ended after .* s without an answer"):
        list(run([Mutant("data", "n = round(", "n = int(", "rounding", (f"{hangs}::test_it",))]))


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "kill"])
def test_a_stopped_run_leaves_nothing(how, temporary, root):
    command = [sys.executable, "-m", "tests.mutants", "Fig."]
    process = subprocess.Popen(command, cwd=root, env=os.environ | {"TMPDIR": str(temporary)}, start_new_session=True)
    deadline = time.monotonic() + 120
    while not list(temporary.glob("*/copy-unbroken-*/output.txt")) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert list(temporary.glob("*/copy-*")) and process.poll() is None
    process.send_signal(how)
    assert process.wait(timeout=60) != 0
    while _alive(process.pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _alive(process.pid)


def _alive(group: int) -> bool:
    """Whether a process of the group is there."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_findings_are_stored_with_their_provenance(tmp_path):
    mutant = Mutant("data", "round(", "int(", "rounding", ("a", "b"), ("c",))
    report.store([Finding(mutant, ("b",), ("c",), (), 1.234)], tmp_path / "new" / "mutants.jsonl")
    stored = load(tmp_path / "new" / "mutants.jsonl")
    (outcome,) = stored.outcomes
    assert outcome.cell == {"module": "data", "breaks": "rounding"} and outcome.seconds == 1.23
    assert outcome.result == {"outcome": "caught", "tests": ["b"], "claims": ["c"]}
    assert stored.provenance[0]["command"] == report.COMMAND and {"torch", "python"} <= stored.provenance[0].keys()
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["mutants.jsonl"]
