"""Each broken formula is noticed, each entry was turned; the harness takes no crash, no crooked list for that."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from functools import partial
from multiprocessing.util import get_temp_dir
from pathlib import Path

import pytest
from mutants import harness, report
from mutants.harness import run
from mutants.listed import MUTANTS, having
from mutants.mutant import Mutant, MutantError
from mutants.stored import plan, seed

from grokutil.claims import LEDGER

FORMULAS = """activations chebyshev constraints data flow fourier gradient_flow inputs isolated kinks linalg manifold
figures/mechanism measure model ntk symbolic toy train units walks""".split()
SIZES, COUNT = "test_data.py::test_the_papers_sizes", "section-7.1-count"


TESTED = {claim.id for claim in LEDGER if claim.measure}


@pytest.fixture(scope="module")
def findings(request):
    """What became of the mutants asked for: stored where it counts, else tried now; on main a twentieth anew."""
    items = [item for item in request.session.items if "findings" in item.fixturenames]
    asked = [item.callspec.params["mutant"] for item in items if hasattr(item, "callspec")]
    known, due, again = plan(asked if len(asked) == len(items) else MUTANTS, seed())
    with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        text = f"\nmutants: {len(known)} findings are stored, {len(due)} are due"
        text += f", {len(again)} drawn again with MUTANTS_SEED={seed()}" if again else ""
        print(text, *(f"  {mutant.module}: {mutant.breaks}" for mutant in again), sep="\n", file=sys.stderr)
    workers = 1 if "PYTEST_XDIST_WORKER" in os.environ else 2
    return known | {finding.mutant: finding for finding in run(due + again, workers)} if due + again else known


@pytest.mark.slow
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: f"{m.module}: {m.breaks}")
def test_a_broken_formula_is_noticed_by_all_that_should(mutant, findings):
    finding = findings[mutant]
    assert finding.outcome == "caught" and not finding.silent, report.table([finding])


@pytest.mark.slow
def test_each_tested_entry_was_turned(findings):
    assert TESTED == {claim for finding in findings.values() for claim in finding.claims}


def test_each_tested_entry_is_one_that_a_mutant_should_turn():
    assert TESTED == {claim for mutant in MUTANTS for claim in mutant.claims}


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: f"{m.module}: {m.breaks}")
def test_the_text_of_a_mutant_stands_once_in_its_module(mutant, tmp_path):
    copy = tmp_path / f"{mutant.module}.py"
    copy.parent.mkdir(exist_ok=True)
    shutil.copy(harness.PACKAGE / f"{mutant.module}.py", copy)
    mutant.apply(tmp_path)
    changed = copy.read_text()
    assert changed != (harness.PACKAGE / f"{mutant.module}.py").read_text()
    compile(changed, mutant.module, "exec")


def test_the_list_covers_each_module_with_formulas():
    assert all(mutant.claims if mutant.false_statement else mutant.tests or mutant.claims for mutant in MUTANTS)
    assert min(Counter(mutant.module for mutant in MUTANTS)[module] for module in FORMULAS) >= 2
    assert len({(mutant.module, mutant.breaks) for mutant in MUTANTS}) == len(MUTANTS)


def test_a_sentence_of_the_notation_page_finds_the_mutants_of_its_test():
    found = having(["eq 12 against loops"])
    assert found == having(["eq_12_against_loops"]) and {mutant.module for mutant in found} == {"model"}
    assert having(["no such word", "appendix-C-hessian"]) == having(["J counts twice"]) and not having(["no such word"])
    assert having([]) == list(MUTANTS)


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
    process = subprocess.Popen(
        command,
        **{"cwd": root, "env": os.environ | {"TMPDIR": str(temporary)}, "start_new_session": True},
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # what nohup and & have taken away
    )
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
