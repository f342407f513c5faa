"""A folded cell is named by its first line: what it checks or draws.

In JupyterLab and in downloads that line is what a closed cell shows; `source_hidden` in its metadata closes it.
"""

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx


def name(app: Sphinx, doctree: nodes.document) -> None:
    """Give each folded cell of a page the comment in its first line, in place of "Show code cell source"."""
    for cell in doctree.findall(nodes.container):
        code = next(cell.findall(nodes.literal_block), None) if cell.get("hide_mode") == "input" else None
        if code is not None and code.astext().startswith("# "):
            cell["prompt_show"] = cell["prompt_hide"] = code.astext().partition("\n")[0].removeprefix("# ")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension with Sphinx."""
    app.connect("doctree-read", name)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
