"""Make the stored results of the book again: ``make results``, or ``make_results.py FOLDER ...`` for some of them.

Each folder beside this script holds the results of one chapter and the ``recipe.py`` that makes them. A recipe has
``CELLS``, the names of its files, and ``make(cell)``, which returns the arrays of a file and notes on its setting.
Command, seconds and versions are added here. Finished cells wait in ``_build/results`` until the folder is complete,
so a run that was stopped goes on where it was.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from types import ModuleType

import torch

from grokutil.storage import provenance, save_npz

HERE = Path(__file__).parent
WAITING = HERE.parents[1] / "_build" / "results"


def recipe(folder: str) -> ModuleType:
    """The module ``folder/recipe.py``."""
    spec = importlib.util.spec_from_file_location(f"{folder}_recipe", HERE / folder / "recipe.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def make(folder: str, cell: str) -> str:
    """Compute one file and store it in the waiting folder."""
    torch.set_num_threads(1)
    begin = time.perf_counter()
    arrays, notes = recipe(folder).make(cell)
    seconds = round(time.perf_counter() - begin, 1)
    save_npz(WAITING / folder / f"{cell}.npz", arrays, notes | {"seconds": seconds} | provenance("make results"))
    return f"{folder}/{cell}: {seconds:.0f} s"


def main() -> None:
    folders = sorted(path.parent.name for path in HERE.glob("*/recipe.py"))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "folders", nargs="*", metavar="FOLDER", help=f"one or more of {', '.join(folders)}; default all"
    )
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="processes, one BLAS thread each")
    options = parser.parse_args()
    if unknown := set(options.folders) - set(folders):
        parser.error(f"no recipe in {', '.join(sorted(unknown))}; there is one in {', '.join(folders)}")
    for folder in options.folders or folders:
        cells = recipe(folder).CELLS
        todo = [cell for cell in cells if not (WAITING / folder / f"{cell}.npz").exists()]
        print(f"{folder}: {len(todo)} of {len(cells)} files to make, {options.workers} at a time", flush=True)
        with ProcessPoolExecutor(options.workers, mp_context=get_context("spawn")) as pool:
            for future in as_completed([pool.submit(make, folder, cell) for cell in todo]):
                print(future.result(), flush=True)
        for cell in cells:
            os.replace(WAITING / folder / f"{cell}.npz", HERE / folder / f"{cell}.npz")
        print(f"stored in {HERE / folder}")


if __name__ == "__main__":
    main()
