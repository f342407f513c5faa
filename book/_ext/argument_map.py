"""The directive `argument-map`: the argument of `map.yml`, or of the file it names, in a picture and in words.

Picture and words come from one file, and every label in it is looked up: a label that no chapter has is a warning,
which fails the build. The picture is drawn where there is HTML or LaTeX; the words are everywhere.
"""

import functools
from pathlib import Path
from typing import Any

import yaml
from argument_picture import picture
from argument_print import picture as printed_picture
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective
from sphinx.util.nodes import make_refnode
from sphinx.util.texescape import escape as latex_escape

FOLDER = Path(__file__).parent.parent
KINDS = {
    "paper": "The paper's, as it stands",
    "repaired": "The paper's, after a correction",
    "ours": "Not in the paper",
    "measured": "Measured",
}
LINKS = {"uses": "Uses", "assumes": "A hypothesis can come from", "tests": "Held against"}

log = logging.getLogger(__name__)


class argument_map(nodes.General, nodes.Element):  # noqa: N801  (docutils names nodes so)
    """Where the map goes."""


class ArgumentMap(SphinxDirective):
    """Put the map here: that of the file in the book's folder which it names."""

    optional_arguments = 1

    def run(self) -> list[nodes.Node]:
        """One node, filled in when all chapters are read."""
        file = (self.arguments or ["map.yml"])[0]
        self.env.note_dependency(str(FOLDER / file))
        return [argument_map(file=file)]


def read(file: str) -> list[dict[str, Any]]:
    """The entries of a map, in the order of the argument."""
    return yaml.safe_load((FOLDER / file).read_text(encoding="utf-8"))


def place(env: Any, label: str) -> tuple[str, str] | None:
    """The page and the anchor of a label: of a theorem, of an equation, or of anything with a name."""
    if label in getattr(env, "proof_list", {}):
        return env.proof_list[label]["docname"], label
    if label in (equations := env.get_domain("math").equations):
        return equations[label][0], f"equation-{label}"
    if label in (anything := env.get_domain("std").anonlabels):
        return anything[label]
    return None


def latex_target(docname: str, anchor: str) -> str:
    """LaTeX's name for a place that has an anchor on a page."""
    if anchor.startswith("equation-"):
        return rf"\detokenize{{equation:{docname}:{anchor.removeprefix('equation-')}}}"
    return rf"\detokenize{{{docname}:{anchor}}}"


def fill(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Put the picture and the words where the directive stands."""
    for spot in list(doctree.findall(argument_map)):
        entries = read(spot["file"])
        titles = {entry["label"]: entry["title"] for entry in entries}
        places = {}
        for label in [*titles, *(entry["measured"] for entry in entries if "measured" in entry)]:
            if found := place(app.env, label):
                places[label] = found
            else:
                log.warning("a map: no chapter has the label %r", label, location=page)

        targets = {label: latex_target(*found) for label, found in places.items()}

        def link(
            label: str,
            text: str,
            places: dict[str, tuple[str, str]] = places,
            targets: dict[str, str] = targets,
        ) -> nodes.Node:
            if label not in places:
                return nodes.Text(text)
            if app.builder.format == "latex":  # its names for equations have another form
                return nodes.raw("", rf"\hyperref[{targets[label]}]{{{latex_escape(text)}}}", format="latex")
            return make_refnode(app.builder, page, *places[label], nodes.Text(text))

        replacement: list[nodes.Node] = []
        if app.builder.format == "html" and places.keys() >= titles.keys():
            uri = functools.partial(app.builder.get_relative_uri, page)
            urls = {label: f"{uri(to)}#{anchor}" for label, (to, anchor) in places.items()}
            replacement.append(nodes.raw("", picture(entries, urls), format="html"))
        elif app.builder.format == "latex" and places.keys() >= titles.keys():
            replacement.append(nodes.raw("", printed_picture(entries, targets), format="latex"))
        spot.replace_self([*replacement, words(entries, titles, link)])


def words(entries: list[dict[str, Any]], titles: dict[str, str], link: Any) -> nodes.enumerated_list:
    """The argument as an ordered list: what each entry says, and what leads to it and why."""
    numbers = {entry["label"]: number for number, entry in enumerate(entries, 1)}
    steps = nodes.enumerated_list(classes=["argument"], enumtype="arabic", prefix="", suffix=".")
    for entry in entries:
        item = nodes.list_item()
        head = nodes.paragraph("", "", nodes.strong("", "", link(entry["label"], entry["title"])))
        head += nodes.Text(f". {entry['says']} ")
        head += nodes.emphasis("", f"{KINDS[entry['kind']]}.")
        if "measured" in entry:
            head += [nodes.Text(" "), link(entry["measured"], "The measurement"), nodes.Text(".")]
        item += head
        reasons = nodes.bullet_list()
        for kind, start in LINKS.items():
            for label, reason in entry.get(kind, {}).items():
                line = nodes.paragraph("", f"{start} ")
                line += [link(label, titles[label]), nodes.Text(f" ({numbers[label]}): {reason}.")]
                reasons += nodes.list_item("", line)
        item += [reasons] if len(reasons) else []
        steps += item
    return steps


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension with Sphinx."""
    app.add_node(argument_map)
    app.add_directive("argument-map", ArgumentMap)
    app.connect("doctree-resolved", fill)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
