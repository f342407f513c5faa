"""Keep the seconds of each cell with the executed notebook in the cache, for a test of the remarks on slow cells.

Jupyter Book cannot ask for them. They stand in the notebook's metadata, because those of a cell are part of the key
under which the cache finds a chapter again.
"""

from datetime import datetime
from typing import Any

from jupyter_cache.executors import utils
from myst_nb.core.execute import cache
from nbformat import NotebookNode
from sphinx.application import Sphinx


def execute(nb: NotebookNode, *args: Any, **kwargs: Any) -> utils.ExecutionResult:
    """Execute a notebook; its metadata get the seconds of each code cell."""
    result = utils.single_nb_execution(nb, *args, record_timing=True, **kwargs)
    times = [cell.metadata.pop("execution", {}) for cell in nb.cells if cell.cell_type == "code"]
    nb.metadata["seconds"] = [seconds(time) for time in times]
    return result


def seconds(time: dict[str, str]) -> float:
    """From the moment the kernel begins with a cell to its reply; 0 for a cell that was not run."""
    if "iopub.execute_input" not in time or "shell.execute_reply" not in time:
        return 0.0
    begin, end = (datetime.fromisoformat(time[key]) for key in ("iopub.execute_input", "shell.execute_reply"))
    return (end - begin).total_seconds()


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension with Sphinx."""
    cache.single_nb_execution = execute
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
