"""Each chapter as a small machine runs it: one core, one thread for the linear algebra; its seconds and its memory.

``python -m grokutil.benchmarks.chapters`` in a clone of the repository, on Linux, with the packages of
requirements.txt. The other benchmarks compare formulas; this one runs whole notebooks, as `make lab` and Binder do.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from grokutil.benchmarks.__main__ import machine
from grokutil.results import HERE
from grokutil.runs.storage import write_text

TARGET = HERE / "performance" / "chapters.json"


@dataclass(frozen=True)
class Chapter:
    """What one chapter takes, its kernel and the kernel's children together.

    Seconds by the clock from the start of the kernel to the end of the last cell; CPU seconds of each code cell; the
    peak of the memory in MiB. On a busy machine the clock counts what others do too.
    """

    name: str
    seconds: float
    cells: list[float]
    megabytes: float

    @property
    def cpu_seconds(self) -> float:
        """CPU seconds of all cells."""
        return sum(self.cells)


def main() -> None:
    """Measure the chapters one after the other; print and write as it comes."""
    parser = argparse.ArgumentParser(prog="python -m grokutil.benchmarks.chapters", description=__doc__)
    parser.add_argument("names", nargs="*", help="chapters, for example closed_form; default: all that have cells")
    parser.add_argument("--book", type=Path, default=Path("book"), help="the folder of the chapters (default book)")
    parser.add_argument("--store", action="store_true", help=f"put what was measured into {TARGET.name}")
    options = parser.parse_args()
    from grokutil.benchmarks.one_chapter import measure  # with packages that readers of the table need not have

    for number, path in enumerate(chapters(options.book, options.names)):
        row = Chapter(*measure(path))
        print_chapters([row], head=number == 0)
        if options.store:
            store(row, TARGET)


def chapters(book: Path, names: Sequence[str] = ()) -> list[Path]:
    """The files of these chapters, or of all that have cells.

    Raises:
        FileNotFoundError: there is no such folder or chapter.
    """
    paths = [book / f"{name}.md" for name in names] or sorted(book.glob("*.md"))
    missing = [str(path) for path in paths if not path.exists()] or ([] if paths else [str(book / "*.md")])
    if missing:
        raise FileNotFoundError(f"no chapter {', '.join(missing)}: say --book FOLDER, in a clone of the book")
    return [path for path in paths if "{code-cell}" in path.read_text(encoding="utf-8")]


def print_chapters(rows: Sequence[Chapter], head: bool = True) -> None:
    """A line for each chapter."""
    if head:
        print(f"{'chapter':26}{'seconds':>9}{'CPU s':>8}{'slowest cell':>14}{'MiB':>7}")
    for row in rows:
        print(
            f"{row.name:26}{row.seconds:9.1f}{row.cpu_seconds:8.1f}{max(row.cells):14.1f}{row.megabytes:7.0f}",
            flush=True,
        )


def read(file: Path = TARGET) -> list[Chapter]:
    """The chapters of a stored table."""
    return [Chapter(**row) for row in json.loads(file.read_text())["rows"]]


def store(row: Chapter, file: Path = TARGET) -> None:
    """Put a chapter into the table, in place of its row if it has one.

    Raises:
        ValueError: the table is of another machine or of other versions.
    """
    notes = machine("python -m grokutil.benchmarks.chapters --store") | {"cores": 1, "threads": 1}
    table: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {"notes": notes, "rows": []}
    names = (notes.keys() | table["notes"].keys()) - {"grokutil"}
    changed = sorted(name for name in names if notes.get(name) != table["notes"].get(name))
    if changed:
        raise ValueError(f"{file.name} is of another {', '.join(changed)}: delete it and measure all chapters again")
    rows = {one["name"]: one for one in table["rows"]} | {row.name: asdict(row)}
    write_text(file, json.dumps({"notes": notes, "rows": [rows[name] for name in sorted(rows)]}, indent=1) + "\n")


if __name__ == "__main__":
    main()
