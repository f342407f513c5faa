"""A trial: tests and claims run against a copy of the package, in a process of their own."""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
import threading
import traceback
from dataclasses import replace
from multiprocessing import parent_process
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


def run(copy: Path, tests: tuple[str, ...], claims: tuple[str, ...]) -> None:
    """Write ``answer.json`` beside the copy ``copy``/grokutil: what failed on an assertion, and what went wrong.

    ``tests`` and ``claims`` are those that an assertion, or another outcome than the expected one, made fail;
    ``errors`` says what ended otherwise: such a test or claim has noticed nothing.
    """
    gc.freeze()  # what is there at the start need not be searched for garbage again
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the harness ends its processes itself
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with open(copy / "output.txt", "w") as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    sys.dont_write_bytecode = True  # copies share it
    os.environ["PYTHONPATH"] = str(copy)
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    os.environ.pop("PYTEST_ADDOPTS", None)
    sys.path.insert(0, str(copy))
    answer: dict[str, list[str]] = {"tests": [], "claims": [], "errors": []}
    try:
        _check(claims, answer)
        _test(copy, tests, answer)
        _must_come_from(copy)
    except BaseException:
        answer["errors"].append(traceback.format_exc())
    (copy / "answer.json").write_text(json.dumps(answer))


def _end_with_parent() -> None:
    parent = parent_process()
    assert parent
    parent.join()
    os._exit(1)


def _check(claims: tuple[str, ...], answer: dict[str, list[str]]) -> None:
    if not claims:
        return
    from grokutil.claims import LEDGER  # of the copy

    # On its first seed, as the unbroken package: one is enough to notice.
    ledger = {claim.id: replace(claim, seeds=claim.seeds[:1]) for claim in LEDGER}
    for name in claims:
        try:
            if ledger[name].check().outcome != ledger[name].expected:
                answer["claims"].append(name)
        except Exception:
            answer["errors"].append(f"claim {name}:\n{traceback.format_exc()}")


def _test(copy: Path, tests: tuple[str, ...], answer: dict[str, list[str]]) -> None:
    if not tests:
        return
    where = ["-c", str(ROOT / "pyproject.toml"), "--rootdir", str(ROOT), "-o", f"pythonpath={copy}"]
    nodes = [str(ROOT / "tests" / test) for test in tests]
    code = pytest.main(["-q", "-p", "no:cacheprovider", *where, *nodes], plugins=[_Recorder(tests, answer)])
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        answer["errors"].append(f"pytest ended with {code!r}: {(copy / 'output.txt').read_text()}")


def _must_come_from(copy: Path) -> None:
    """Every module of the package that was imported is one of the copy."""
    for name, module in sys.modules.items():
        if name.split(".")[0] == "grokutil":
            file = Path(module.__file__ or "")
            assert file.is_relative_to(copy), f"{name} was imported from {file}, not from the mutated copy {copy}"


class _Recorder:
    """A pytest plugin that tells failures on an assertion from anything else."""

    def __init__(self, tests: tuple[str, ...], answer: dict[str, list[str]]) -> None:
        self.tests, self.answer = tests, answer

    def pytest_collection(self) -> None:
        from hypothesis import Phase, settings

        first_failure = settings(derandomize=True, phases=(Phase.explicit, Phase.generate), report_multiple_bugs=False)
        settings.register_profile("first failure", first_failure)  # a smaller example would take many runs
        settings.load_profile("first failure")

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo) -> Any:
        report = yield
        if report.failed and call.excinfo is not None:
            error = call.excinfo.value
            if call.when == "call" and isinstance(error, (AssertionError, pytest.fail.Exception)):
                place = "::".join([str(item.path), *item.nodeid.split("::")[1:]])
                found = [test for test in self.tests if _below(place, str(ROOT / "tests" / test))]
                self.answer["tests"] += [test for test in found if test not in self.answer["tests"]]
            else:
                self.answer["errors"].append(f"{item.nodeid} ({call.when}): {call.excinfo.exconly()}")
        return report

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.answer["errors"].append(f"{report.nodeid} cannot be collected: {report.longrepr}")


def _below(place: str, node: str) -> bool:
    """Whether a test is that node, or one of its cases."""
    return place == node or place.startswith((f"{node}[", f"{node}::"))
