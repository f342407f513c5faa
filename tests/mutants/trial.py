"""A trial: tests and claims run against a copy of the package, in a process of their own."""

from __future__ import annotations

import gc
import importlib
import json
import os
import signal
import sys
import threading
import traceback
from dataclasses import replace
from importlib.util import find_spec, module_from_spec
from multiprocessing import parent_process
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from grokutil.claims import Claim

ROOT = Path(__file__).parents[2]


def run(copy: Path, tests: tuple[str, ...], claims: tuple[str, ...]) -> None:
    """Write ``answer.json`` beside the copy ``copy``/grokutil: what failed on an assertion, and what went wrong.

    ``tests`` and ``claims`` are those that an assertion, or another outcome than the expected one, made fail;
    ``errors`` says what ended otherwise: such a test or claim has noticed nothing. ``files`` are those of the
    package and of the tests that were imported or opened, as paths below the project's folder.
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
    answer: dict[str, list[str]] = {"tests": [], "claims": [], "errors": [], "files": []}
    opened: set[str] = set()
    homes = {name: claim_modules(copy / "grokutil", name) for name in claims}
    sys.addaudithook(lambda event, args: opened.add(str(args[0])) if event == "open" else None)
    try:
        _check(homes, answer)
        _test(copy, tests, answer)
        _must_come_from(copy)
    except BaseException:
        answer["errors"].append(traceback.format_exc())
    imported = {str(module.__file__) for module in list(sys.modules.values()) if getattr(module, "__file__", None)}
    answer["files"] = sorted({*filter(None, (_below_root(copy, Path(file)) for file in opened | imported))})
    (copy / "answer.json").write_text(json.dumps(answer))


def claim_modules(package: Path, name: str) -> list[str]:
    """Modules of ``grokutil.claims`` in which the text ``"name"`` stands: one of them has the entry."""
    found = [path.stem for path in sorted((package / "claims").glob("*.py")) if f'"{name}"' in path.read_text()]
    return sorted(found, key=lambda stem: f'id="{name}"' not in (package / "claims" / f"{stem}.py").read_text())


def _below_root(copy: Path, file: Path) -> str | None:
    """Path of a file of the copy, or of the project; None for the list of mutants, bytecode, and what is installed."""
    for root in (copy, ROOT):
        if file.is_relative_to(root):
            path = file.relative_to(root)
            mine = path.parts[0] in ("grokutil", "tests", "book") and path.parts[:2] != ("tests", "mutants")
            return path.as_posix() if mine and path.suffix != ".pyc" and file.is_file() else None
    return None


def _end_with_parent() -> None:
    parent = parent_process()
    assert parent
    parent.join()
    os._exit(1)


def _check(homes: dict[str, list[str]], answer: dict[str, list[str]]) -> None:
    if not homes:
        return
    # Without its __init__, which imports the whole ledger: then each trial would depend on all of the package.
    spec = find_spec("grokutil.claims")
    assert spec
    sys.modules["grokutil.claims"] = module_from_spec(spec)
    for name, modules in homes.items():
        try:
            claim = _entry(name, modules)
            # On its first seed, as the unbroken package: one is enough to notice.
            if replace(claim, seeds=claim.seeds[:1]).check().outcome != claim.expected:
                answer["claims"].append(name)
        except Exception:
            answer["errors"].append(f"claim {name}:\n{traceback.format_exc()}")
    del sys.modules["grokutil.claims"]


def _entry(name: str, modules: list[str]) -> Claim:
    for module in modules:
        for claim in importlib.import_module(f"grokutil.claims.{module}").CLAIMS:
            if claim.id == name:
                return claim
    raise KeyError(f"the ledger has no entry {name}")


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
            file = Path(module.__file__ or next(iter(module.__path__)))  # a folder of results has no file
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
