"""Stored findings of the mutants: when they count, what is tried anew, and what they show."""

import pytest
from mutants import report, stored
from mutants.harness import Finding, run
from mutants.listed import MUTANTS
from mutants.mutant import Mutant

from grokutil.claims import LEDGER
from grokutil.results.mutants import findings
from grokutil.runs.outcomes import load

ROUNDING = Mutant("data", "round(", "int(", "rounding", ("test_data.py::test_x",), ("section-7.1-count",))
FILES = ("grokutil/data.py", "grokutil/checks.py", "grokutil/claims/modular_addition.py", "tests/test_data.py")


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project of a few files; a trial of ``ROUNDING`` has read ``FILES``."""
    for file in (*FILES, *stored.ALWAYS, "grokutil/toy.py", "tests/test_toy.py"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text(f"{file}: n = round(p)\n")
    monkeypatch.setattr(stored, "ROOT", tmp_path)
    return tmp_path


def result(mutant=ROUNDING):
    found = {"outcome": "caught", "tests": list(mutant.tests), "claims": list(mutant.claims), "seconds": 1.0}
    return found | {"files": list(FILES)} | stored.fingerprints(mutant, FILES)


def counts(result, mutant=ROUNDING):
    return mutant in stored.current([mutant], {(mutant.module, mutant.breaks): result})


@pytest.mark.parametrize("file", [*FILES, *stored.ALWAYS])
def test_a_finding_counts_until_a_file_changes_that_its_trial_read(file, project):
    before = result()
    assert counts(before)
    (project / file).write_text("changed\n")
    assert not counts(before) and counts(result())
    (project / file).unlink()
    assert not counts(before) and not counts(result() | {"files": []})


@pytest.mark.parametrize("file", ["grokutil/toy.py", "tests/test_toy.py", "grokutil/new.py", "README.md"])
def test_it_counts_whatever_becomes_of_other_files(file, project):
    before = result()
    (project / file).write_text("changed\n")
    assert counts(before)


def test_it_counts_for_the_same_mutant_only(project):
    before = result()
    for name, value in {"old": "n = round(", "new": "abs(", "tests": (), "claims": (), "module": "toy"}.items():
        assert not counts(before, Mutant(**(vars(ROUNDING) | {name: value})))
    other_remark = Mutant(**vars(ROUNDING) | {"breaks": "another remark"})
    assert stored.fingerprints(ROUNDING, FILES) == stored.fingerprints(other_remark, FILES)


@pytest.mark.slow
def test_a_trial_knows_what_it_has_read(tmp_path):
    reads = tmp_path / "test_reads.py"
    reads.write_text(
        "from pathlib import Path\n"
        "import grokutil\n"
        "def test_it():\n"
        "    assert not (Path(grokutil.__file__).parent / 'py.typed').read_text()\n"
    )
    size = "test_data.py::test_the_papers_sizes"
    mutant = Mutant("data", "if c is not None and (ordered or a <= b)", "if c is not None", "pairs", (size, f"{reads}"))
    (alone,) = run([mutant], 1)
    assert alone.fingerprints == stored.fingerprints(mutant, alone.files)
    both = Mutant(**vars(mutant) | {"claims": ("section-7.1-count",)})
    (found,) = run([both], 1)
    assert found.tests == (size,) and found.claims == both.claims
    assert {"grokutil/data.py", "grokutil/checks.py", "grokutil/py.typed"} < {*alone.files}
    assert {"tests/test_data.py", "tests/conftest.py"} < {*alone.files}
    assert {*found.files} - {*alone.files} >= {"grokutil/claims/modular_addition.py", "grokutil/claims/record.py"}
    assert not {*found.files} & {"grokutil/toy.py", "grokutil/claims/__init__.py", "grokutil/claims/toy_models.py"}
    assert not any(file.startswith(("tests/mutants", "/")) or file.endswith(".pyc") for file in found.files)


def test_a_twentieth_is_drawn_and_another_seed_draws_others():
    draws = [stored.drawn(MUTANTS, str(seed)) for seed in range(400)]
    assert {len(set(draw)) for draw in draws} == {-(-len(MUTANTS) // 20)}
    assert draws[3] == stored.drawn(MUTANTS, "3") and len({*map(frozenset, draws)}) == 400
    assert {mutant for draw in draws for mutant in draw} == {*MUTANTS}  # each is missed with chance 0.95^400
    assert stored.drawn(MUTANTS, None) == [] == stored.drawn([], "3")


def test_the_seed_is_the_commit_on_main_under_ci(monkeypatch):
    monkeypatch.setattr(stored, "_git", lambda *words: {"rev-parse": "1a2b", "branch": "main"}[words[0]])
    monkeypatch.delenv("MUTANTS_SEED", raising=False)
    monkeypatch.delenv("CI", raising=False)
    assert stored.seed() is None
    monkeypatch.setenv("CI", "true")
    assert stored.seed() == "1a2b"
    monkeypatch.setattr(stored, "_git", lambda *words: {"rev-parse": "1a2b", "branch": "other"}[words[0]])
    assert stored.seed() is None
    monkeypatch.setenv("MUTANTS_SEED", "7")
    assert stored.seed() == "7"


def test_what_is_not_stored_is_due_and_the_rest_is_known_or_drawn(project, monkeypatch):
    others = [Mutant(**vars(ROUNDING) | {"breaks": str(k), "new": f"abs({k} + "}) for k in range(45)]
    results = {(mutant.module, mutant.breaks): result(mutant) for mutant in others[5:]}
    monkeypatch.setattr(stored, "stored_results", lambda: results)
    known, due, again = stored.plan(others, "seed")
    assert [*known] == others[5:] and due == others[:5] and len(again) == 2 and {*again} < {*known}
    assert all(known[mutant].claims == mutant.claims and not known[mutant].silent for mutant in known)
    assert stored.plan(others, None)[2] == []
    monkeypatch.setattr(stored, "stored_results", dict)
    assert stored.plan(others, "seed") == ({}, others, [])


def test_findings_are_stored_with_their_provenance(tmp_path):
    mutant = Mutant("data", "round(", "int(", "rounding", ("a", "b"), ("c",))
    prints = stored.fingerprints(mutant, FILES)
    report.store([Finding(mutant, ("b",), ("c",), (), FILES, prints, 1.234)], tmp_path / "new" / "mutants.jsonl")
    found = load(tmp_path / "new" / "mutants.jsonl")
    (outcome,) = found.outcomes
    assert outcome.cell == {"module": "data", "breaks": "rounding"} and outcome.seconds == 1.23
    named = {"outcome": "caught", "tests": ["b"], "claims": ["c"], "files": list(FILES)}
    assert outcome.result == named | prints
    assert findings.is_current(outcome.result)
    assert not findings.is_current(outcome.result | {"code": "0"}) and not findings.is_current(None)
    assert found.provenance[0]["command"] == report.COMMAND and {"torch", "python"} <= found.provenance[0].keys()
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["mutants.jsonl"]


def test_the_stored_findings_show_each_tested_entry_turned():
    """Where some are missing or of other code the test is skipped, and names them; trials make up for these."""
    found = findings.stored()
    assert all(result["outcome"] == "caught" for result in found.results)
    (origin,) = found.provenance
    assert origin["command"] == report.COMMAND and {"torch", "numpy", "python", "grokutil"} <= origin.keys()
    known, due, _ = stored.plan(MUTANTS, None)
    assert not [finding for finding in known.values() if finding.silent]
    unseen = {claim.id for claim in LEDGER if claim.measure}.difference(*(f.claims for f in known.values()))
    assert unseen <= {claim for mutant in due for claim in mutant.claims}
    old = {(cell["module"], cell["breaks"]) for cell in found.cells} - {(m.module, m.breaks) for m in MUTANTS}
    if stale := [(mutant.module, mutant.breaks) for mutant in due] + sorted(old):
        names = "; ".join(f"{module}: {breaks}" for module, breaks in stale) if known else "all"
        pytest.skip(f"`make mutants STORE=1` should store these {len(stale)} of {len(MUTANTS)} again: {names}")
