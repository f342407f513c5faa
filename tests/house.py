"""The house in one picture: what lives on which floor of the package, and who imports whom.

It is made from the imports. ``python -m tests.house`` prints it, for CONTRIBUTING.
"""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "grokutil"
MATHEMATICS = "mathematics"  # the modules on the ground floor
BASE = ("checks", "extras")  # modules of the ground floor that know no mathematics
DOORS = ("plot", "sweep", "trajectory")  # they open onto a package and hold nothing

Graph = dict[str, set[str]]


def modules() -> dict[str, Path]:
    """File by dotted name below ``grokutil``; a package's own file has the package's name."""
    files = {path.relative_to(PACKAGE).with_suffix(""): path for path in sorted(PACKAGE.rglob("*.py"))}
    return {".".join(part for part in name.parts if part != "__init__"): path for name, path in files.items()}


def imports() -> Graph:
    """For each module the modules of the package that it imports, anywhere in its file."""
    files = modules()
    graph: Graph = {}
    for name, path in files.items():
        home = name.split(".") if path.stem == "__init__" else name.split(".")[:-1]
        found: set[str] = set()
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name.removeprefix("grokutil.") for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                parts = (node.module or "").split(".")
                if node.level:
                    parts = home[: len(home) - node.level + 1] + [part for part in parts if part]
                elif parts[0] == "grokutil":
                    parts = parts[1:]
                else:
                    continue
                inside = {".".join([*parts, alias.name]) for alias in node.names}
                found |= {each if each in files else ".".join(parts) for each in inside}
        graph[name] = {each for each in found if each in files} - {name, ""}
    return graph


def rooms(graph: Graph) -> Graph:
    """The same between rooms: packages, the mathematics of the ground floor, and what lies below it."""

    def room(name: str) -> str:
        first, dot, _ = name.partition(".")
        if first == "results" and dot:
            return "recipes"  # they make the results, and stand beside them
        return first if dot or (PACKAGE / first).is_dir() or first in BASE else MATHEMATICS

    between: Graph = {}
    for name, targets in graph.items():
        if name and name not in DOORS:
            through = targets.union(*(graph[door] for door in targets & set(DOORS))) - set(DOORS)
            between.setdefault(room(name), set()).update(map(room, through))
    return {name: targets - {name} for name, targets in between.items()}


def picture() -> str:
    """A Mermaid drawing of the rooms; an arrow leads to what is imported, and stands for those behind it too."""
    graph = rooms(imports())
    order = list(TopologicalSorter(graph).static_order())  # raises if rooms import each other in a circle
    behind: Graph = {}
    for name in order:
        behind[name] = set().union(graph[name], *(behind[each] for each in graph[name]))
    lines = ["```mermaid", "flowchart TD"]
    for name in reversed(order):
        direct = {each for each in graph[name] if not any(each in behind[other] for other in graph[name])}
        lines += [f"    {name} --> {each}" for each in sorted(direct)]
    return "\n".join([*lines, "```"])


if __name__ == "__main__":
    print(picture())
