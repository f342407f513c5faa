"""Chapters as notebooks: a download for plain Jupyter, and a button that opens the chapter on Binder.

Both are for pages with cells. The buttons that lead elsewhere need the public address (address.py); without one, there
are none.
"""

from importlib.metadata import version
from pathlib import Path
from typing import Any

import jupytext
import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell
from plain_markdown import Name, names_of, plain
from sphinx.application import Sphinx

BINDER = "https://mybinder.org"
FIRST = "import grokutil  # before PyTorch: it says how PyTorch's threads wait for each other"
BUTTONS = ("use_repository_button", "use_issues_button", "use_edit_page_button")


def use_address(app: Sphinx, config: Any) -> None:
    """With an address, switch on the theme's buttons; on Binder, a chapter opens in JupyterLab."""
    theme = config.html_theme_options
    if theme.get("repository_url"):
        theme |= dict.fromkeys(BUTTONS, True)
        theme["launch_buttons"] = {"binderhub_url": BINDER, "notebook_interface": "jupyterlab"}


def has_cells(app: Sphinx, pagename: str) -> bool:
    """Whether a page is a notebook."""
    return "kernelspec" in app.env.metadata.get(pagename, {})


def offer(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any) -> None:
    """Let the theme's download menu have `.ipynb`."""
    if has_cells(app, pagename):
        context["ipynb_source"] = f"{pagename}.ipynb"


def write(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any) -> None:
    """Write the notebook beside the page's source, where the menu looks for it."""
    if has_cells(app, pagename):
        target = Path(app.outdir, "_sources", f"{pagename}.ipynb")
        target.parent.mkdir(parents=True, exist_ok=True)
        theme = app.config.html_theme_options
        source = Path(app.env.doc2path(pagename)).read_text(encoding="utf-8")
        found = notebook(source, how_to_install(theme), app.config.html_title, names_of(app.env))
        nbformat.write(found, target)


def how_to_install(theme: dict[str, Any]) -> str:
    """How a reader gets grokutil, with the address or without."""
    if address := theme.get("repository_url"):
        return f"`pip install 'grokutil[book] @ git+{address}@{theme.get('repository_branch') or 'main'}'`"
    return "`pip install '.[book]'` in a copy of the book's repository"


def notebook(source: str, install: str, title: str, name: Name) -> nbformat.NotebookNode:
    """The notebook of a chapter: its cells, without outputs, after a cell that says what it needs and one that has it.

    Jupytext's metadata say that the chapter is kept as Markdown. Beside an `.ipynb` alone they would be wrong, so only
    the kernel's name stays.
    """
    found = jupytext.reads(source, fmt="md:myst")
    found.metadata = nbformat.from_dict({"kernelspec": found.metadata["kernelspec"]})
    for cell in found.cells:
        cell.source = plain(cell.source, name) if cell.cell_type == "markdown" else cell.source
    found.cells = [cell for cell in found.cells if cell.source.strip()]
    found.cells[:0] = [
        new_markdown_cell(
            f"*A chapter of “{title}”. It needs Python 3.11 or newer and `grokutil` {version('grokutil')}: {install}.*"
        ),
        new_code_cell(FIRST),
    ]
    for number, cell in enumerate(found.cells):
        cell["id"] = f"cell-{number}"  # the same in each build
    found.nbformat_minor = 5
    nbformat.validate(found)
    return found


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension with Sphinx."""
    app.connect("config-inited", use_address)
    app.connect("html-page-context", offer)
    app.connect("html-page-context", write, priority=502)  # the theme writes its own at 501, as it was executed
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
