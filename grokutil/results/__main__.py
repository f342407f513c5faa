"""Make the stored results of the book again: ``python -m grokutil.results``, followed by folders for some of them.

Each folder beside this module holds the results of one chapter and the ``recipe.py`` that makes them. A recipe has
either ``CELLS``, the names of its files, and ``make(cell)``, which returns the arrays of a file and notes on its
setting; or ``GRID`` and ``run(...)``, for a sweep that is stored as one file of lines. Command, seconds and versions
are added here. What is done waits in ``_build/results`` until the folder is complete, so a run that was stopped goes
on where it was.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from grokutil.results import HERE, folders, recipe
from grokutil.runs.storage import provenance, replacing, save_npz
from grokutil.runs.sweep import sweep

WAITING = Path("_build/results")  # under the working folder
COMMAND = "make results"


def make_all(folder: str, workers: int | None) -> None:
    """Run what a recipe asks for, and store it once all of it is there."""
    made, waiting = recipe(folder), WAITING / folder
    lines = waiting / "sweep.jsonl"

    def make(cell: str) -> dict[str, str]:
        """Compute one file and store it in the waiting folder."""
        begin = time.perf_counter()
        arrays, notes = made.make(cell)
        seconds = round(time.perf_counter() - begin, 1)
        path = save_npz(waiting / f"{cell}.npz", arrays, notes | {"seconds": seconds} | provenance(COMMAND))
        return {"file": path.name}

    if hasattr(made, "GRID"):
        found = sweep(made.run, made.GRID, lines, workers=workers, command=COMMAND)
        files = [lines.name]
    else:
        found = sweep(make, {"cell": made.CELLS}, lines, workers=workers, command=COMMAND)
        files = [f"{cell}.npz" for cell in made.CELLS]
    if None in found.results:
        sys.exit(f"{folder} is not complete; the same command goes on from here")
    for file in files:
        with replacing(HERE / folder / file) as target:
            target.write((waiting / file).read_bytes())
        (waiting / file).unlink()
    lines.unlink(missing_ok=True)
    print(f"{folder}: {len(found)} results stored in {HERE / folder}", flush=True)


def main() -> None:
    """Read the command line and make what it asks for."""
    known = folders()
    parser = argparse.ArgumentParser(
        prog="python -m grokutil.results", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folders", nargs="*", metavar="FOLDER", help=f"one or more of {', '.join(known)}; default all")
    parser.add_argument("--workers", type=int, help="processes, one thread each; as many as cores by default")
    options = parser.parse_args()
    if unknown := set(options.folders) - set(known):
        parser.error(f"no recipe in {', '.join(sorted(unknown))}; there is one in {', '.join(known)}")
    for folder in options.folders or known:
        make_all(folder, options.workers)


if __name__ == "__main__":
    main()
