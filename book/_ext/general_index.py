"""The directive `general-index`: every index entry of the book, with the chapters that treat it.

Sphinx's own index page numbers its links and sorts "20" before "3". Here each link is the title of a chapter, and
numbers are sorted as numbers. The printed book has an index with page numbers instead.
"""

import re
from collections.abc import Iterable
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment.adapters.indexentries import IndexEntries
from sphinx.util.docutils import SphinxDirective
from sphinx.util.nodes import make_refnode


class general_index(nodes.General, nodes.Element):  # noqa: N801  (docutils names nodes so)
    """Where the index goes."""


class GeneralIndex(SphinxDirective):
    """Put the index here."""

    def run(self) -> list[nodes.Node]:
        """One node, filled in when all chapters are read."""
        return [general_index()]


def in_order(name: str) -> list[tuple[int, float, str]]:
    """Sort key: without regard to case, and numbers by their size, the parts of 4.14 one by one."""
    parts = re.findall(r"\d+|[^\d]+", name.lower())
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts]


def of_notions(targets: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """The places without the names of the package, which have a page and the search."""
    return [found for found in targets if "#grokutil." not in found[1] and "#module-grokutil" not in found[1]]


def fill(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Put the entries, letter by letter, where the directive stands."""
    for spot in list(doctree.findall(general_index)):
        if app.builder.format != "html":
            spot.replace_self([])
            continue

        def links(targets: Iterable[tuple[str, str]]) -> list[nodes.Node]:
            shown: list[nodes.Node] = []
            chapters: set[str] = set()
            for _, target in sorted(targets, key=lambda found: found[0] != "main"):  # the main places first
                docname, anchor = target.split(".html#")
                if docname not in chapters:  # the first place in each chapter
                    chapters.add(docname)
                    title = nodes.Text(app.env.titles[docname].astext())
                    shown += [nodes.Text(", "), make_refnode(app.builder, page, docname, anchor, title)]
            return shown[1:]

        def item(name: str, targets: Iterable[tuple[str, str]]) -> nodes.list_item:
            found = links(targets)
            return nodes.list_item("", nodes.paragraph("", name + (": " if found else ""), *found))

        letters: list[nodes.Node] = []
        for letter, entries in IndexEntries(app.env).create_index(app.builder):
            listed = nodes.bullet_list()
            for name, (all_targets, all_below, _) in sorted(entries, key=lambda entry: in_order(entry[0])):
                targets = of_notions(all_targets)
                below = [(word, found) for word, where in all_below if (found := of_notions(where))]
                if targets or below:
                    listed += item(name, targets)
                if below:
                    subentries = sorted(below, key=lambda entry: in_order(entry[0]))
                    listed[-1] += nodes.bullet_list("", *(item(*entry) for entry in subentries))
            if listed.children:
                letters += [nodes.rubric("", letter), listed]
        spot.replace_self(nodes.container("", *letters, classes=["general-index"]))


def help_search(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any) -> None:
    """Let the search page find the paper's numbers, which are entries of the index, in their short forms too."""
    if pagename == "search":
        app.add_js_file("search.js", loading_method="defer")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension with Sphinx."""
    app.add_node(general_index)
    app.add_directive("general-index", GeneralIndex)
    app.connect("doctree-resolved", fill)
    app.connect("html-page-context", help_search, priority=400)  # before first_view copies the list of scripts
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
