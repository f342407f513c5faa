"""Execute the chapters before Sphinx reads them: as many at a time as there are cores, each with one thread.

Sphinx then finds them all in the cache. With each goes the processor time of its cells, for a test of the remarks on
slow cells: it does not depend on what else the machine does. It stands in the notebook's metadata, because those of a
cell are part of the key under which the cache finds a chapter again. Chapters that measure the machine run alone,
after the others.

The kernels draw each figure also as SVG and PDF. Both go into the cache beside the notebook, not into it, with what the
lectures say of them: `chapter_figures.py` has the names.
"""

import os
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from itertools import compress
from pathlib import Path
from typing import Any

import psutil
from chapter_figures import DRAWN, take
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from jupyter_cache.cache.main import NbArtifacts
from myst_nb.core.read import create_nb_reader
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.errors import ExtensionError
from sphinx.util import logging

from grokutil.runs.processes import ONE_THREAD, cores

log = logging.getLogger(__name__)


def execute_all(app: Sphinx, env: BuildEnvironment, docnames: Sequence[str]) -> None:
    """Execute those of the chapters that are not in the cache, and put them there."""
    config = env.mystnb_config
    if config.execution_mode != "cache":
        return
    cache, rounds = get_cache(config.execution_cache_path), ({}, {})
    for path in map(env.doc2path, docnames):
        text = Path(path).read_text(encoding="utf-8")
        if reader := create_nb_reader(path, env.myst_config, config, text):
            notebook = reader.read(text)
            try:
                cache.match_cache_notebook(notebook)
            except KeyError:
                rounds["grokutil.benchmarks" in text][path] = notebook
    os.environ.update(ONE_THREAD)
    for missing, workers in zip(rounds, (cores(), 1), strict=True):
        with ThreadPoolExecutor(workers) as pool:
            running = {pool.submit(execute, path, nb, config.execution_timeout): path for path, nb in missing.items()}
            try:
                for number, future in enumerate(as_completed(running), 1):
                    path, notebook = running[future], future.result()
                    data = {"execution_seconds": sum(notebook.metadata["seconds"])}
                    with tempfile.TemporaryDirectory() as folder:
                        figures = NbArtifacts(take(notebook, Path(path).stem, Path(folder)), folder)
                        bundle = CacheBundleIn(notebook, path, artifacts=figures, data=data)
                        cache.cache_notebook_bundle(bundle, overwrite=True)
                    log.info(f"executed {number}/{len(running)}: {Path(path).stem}")
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise


def execute(path: str, notebook: NotebookNode, timeout: int) -> NotebookNode:
    """Execute a notebook; its metadata get the seconds of processor time of each code cell."""
    used = [0.0] * len(notebook.cells)

    def begin(cell_index: int, **_: Any) -> None:
        used[cell_index] -= cpu_seconds(client.km.provisioner.pid)

    def end(cell_index: int, **_: Any) -> None:
        used[cell_index] += cpu_seconds(client.km.provisioner.pid)

    client = NotebookClient(
        notebook,
        timeout=timeout,
        record_timing=False,
        extra_arguments=[f"--InlineBackend.figure_formats={DRAWN}"],
        resources={"metadata": {"path": str(Path(path).parent)}},
        on_cell_execute=begin,
        on_cell_executed=end,
    )
    try:
        client.execute()
    except CellExecutionError as error:
        raise ExtensionError(f"{path}: {error}") from error
    code = [cell.cell_type == "code" for cell in notebook.cells]
    notebook.metadata["seconds"] = [round(seconds, 2) for seconds in compress(used, code)]
    return notebook


def cpu_seconds(pid: int) -> float:
    """Processor time so far of a process and all that it has started."""
    used, this = 0.0, psutil.Process(pid)
    for process in [this, *this.children(recursive=True)]:
        with suppress(psutil.NoSuchProcess):
            used += sum(process.cpu_times()[:4])  # its own, and of its children that have ended
    return used


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension with Sphinx."""
    app.connect("env-before-read-docs", execute_all)
    return {"version": "2", "parallel_read_safe": True, "parallel_write_safe": True}
