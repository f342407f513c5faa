"""Imports point one way, CONTRIBUTING shows how, and who lacks a package is told which extra brings it."""

import re
import subprocess
import sys
import tomllib
from graphlib import TopologicalSorter

import pytest
from packaging.requirements import Requirement

from tests.house import imports, picture, rooms


def test_no_module_imports_itself_round_about():
    graph = imports()
    order = list(TopologicalSorter(graph).static_order())  # raises CycleError, which names the circle
    assert set(order) == set(graph) and len(order) > 150
    assert graph["course.report"] >= {"course.marks"} and "checks" in graph["runs.sweep"]


def test_rooms_import_downwards_only():
    graph = rooms(imports())
    assert graph["checks"] == graph["extras"] == set()
    assert graph["runs"] == {"checks", "extras"}
    assert not graph["mathematics"] & {"figures", "widgets", "claims", "course", "benchmarks", "recipes"}
    assert "widgets" in graph and not any("widgets" in targets for targets in graph.values())


def test_who_goes_through_a_door_is_seen_in_the_room_behind_it():
    graph = imports()
    graph["least_norm"] = graph["least_norm"] | {"plot"}
    assert "figures" in rooms(graph)["mathematics"]


def test_contributing_shows_the_house_as_it_is(root):
    assert picture() in (root / "CONTRIBUTING.md").read_text(), "python -m tests.house prints it for CONTRIBUTING"


def extras(root):
    return tomllib.loads((root / "pyproject.toml").read_text())["project"]["optional-dependencies"]


IMPORTED = {"pillow": "PIL"}  # where a package is imported by another name than it is installed by
WITHOUT = """
import sys
for name in {missing!r}:
    sys.modules[name] = None
import {module}
"""


def without(missing, module):
    """A process that cannot import these packages imports the module."""
    code = WITHOUT.format(missing=missing, module=module)
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)


def test_the_mathematics_needs_no_extra(root):
    missing = [IMPORTED.get(r.name, r.name) for lines in extras(root).values() for r in map(Requirement, lines)]
    missing = [name for name in missing if name not in ("grokutil", "ipython")] + ["matplotlib", "IPython"]
    ground = sorted(n for n in imports() if n and "." not in n and n not in ("plot", "sweep", "symbolic", "figures"))
    ground = [n for n in ground if n not in ("widgets", "claims", "course", "benchmarks")]
    assert len(ground) > 35
    done = without(missing, ", ".join(f"grokutil.{name}" for name in ground))
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("extra", "package", "module"),
    [
        ("figures", "matplotlib", "grokutil.plot"),
        ("figures", "PIL", "grokutil.figures.film"),
        ("symbolic", "sympy", "grokutil.symbolic"),
        ("sweeps", "cloudpickle", "grokutil.sweep"),
        ("sweeps", "filelock", "grokutil.sweep"),
        ("widgets", "ipywidgets", "grokutil.widgets.explorers"),
        ("course", "nbgrader", "grokutil.course.__main__"),
        ("course", "jupytext", "grokutil.course.__main__"),
    ],
)
def test_a_missing_extra_is_named(root, extra, package, module):
    assert any(IMPORTED.get(r.name, r.name) == package for r in map(Requirement, extras(root)[extra]))
    done = without([package], module)
    last = done.stderr.strip().splitlines()[-1]
    assert re.match(rf"ModuleNotFoundError: this part of grokutil needs {package}: .*\[{extra}\]", last), done.stderr
