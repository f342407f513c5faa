"""A folded cell is named by its first line: what it checks or draws.

In JupyterLab and in downloads that line is what a closed cell shows; `source_hidden` in its metadata closes it. In
print all cells are open, and the line is a heading.
"""

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx


def name(app: Sphinx, doctree: nodes.document) -> None:
    """Give each folded cell of a page the comment in its first line, in place of "Show code cell source"."""
    for cell in list(doctree.findall(nodes.container)):
        code = next(cell.findall(nodes.literal_block), None) if cell.get("hide_mode") == "input" else None
        if code is not None and code.astext().startswith("# "):
            title, _, rest = code.astext().removeprefix("# ").partition("\n")
            cell["prompt_show"] = cell["prompt_hide"] = title
            if app.builder.format == "latex":
                code.rawsource, code.children = rest, [nodes.Text(rest)]
                cell.insert(0, nodes.paragraph("", "", nodes.strong("", title)))


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension with Sphinx."""
    app.connect("doctree-read", name)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
