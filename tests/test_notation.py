"""The notation page: every function and test it names exists, and it names every function with an equation."""

import importlib
import inspect
import pkgutil
import re
from types import ModuleType

import pytest

import grokutil


@pytest.fixture
def rows(root):
    """(function, test) of each row of the tables that names a function."""
    lines = [line for line in (root / "book" / "notation.md").read_text().splitlines() if line.startswith("| ")]
    return re.findall(r"\| `([\w.]+)`: ([\w ]+) \|$", "\n".join(lines), re.MULTILINE)


def named(path: str):
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(f"grokutil.{module}"), name)


def test_functions_and_tests_exist(rows, root):
    assert len(rows) > 20
    for function, test in rows:
        assert callable(named(function))
        module, _ = function.split(".")
        source = (root / "tests" / f"test_{module}.py").read_text()
        name = "test_" + test.replace(" ", "_")
        assert re.search(rf"^ *def {name}\(", source, re.MULTILINE), f"{name} is not in tests/test_{module}.py"


def test_every_function_with_a_source_in_the_paper_has_a_row(rows):
    listed = {function for function, _ in rows}
    public = {
        f"{module.__name__.removeprefix('grokutil.')}.{name}"
        for module in modules()
        for name, thing in vars(module).items()
        if not name.startswith("_") and getattr(thing, "__module__", None) == module.__name__
        if (inspect.isfunction(thing) or inspect.isclass(thing)) and re.search("Source: ", thing.__doc__ or "")
    }
    assert len(public) > 10
    assert public - listed == set(), "functions with a source in the paper that the notation page does not list"


def modules() -> list[ModuleType]:
    return [importlib.import_module(f"grokutil.{m.name}") for m in pkgutil.iter_modules(grokutil.__path__)]
