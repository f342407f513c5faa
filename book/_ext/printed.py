"""The printed book: what the LaTeX builder must change, because paper has no controls and no side to scroll to.

- An explorer becomes two of the pictures that it holds, the first and the last, each with its alternative text.
- The chapters stand in the parts of `_toc.yml` and have the numbers that they have on the pages.
- Wide tables share the line among their columns; code that a page hides is left out.
"""

import base64
import html
import io
import json
import re
from pathlib import Path
from typing import Any

from docutils import nodes
from myst_nb.sphinx_ import NbMetadataCollector
from PIL import Image
from printed_preamble import latex_elements
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging

VIEW = "application/vnd.jupyter.widget-view+json"
FRAME = re.compile(r'<img class="frame" .*?alt="([^"]*)" src="data:image/webp;base64,([^"]*)"', re.DOTALL)
INDEX_PAGE = "book/genindex"
PAPERS_NUMBER = re.compile(r"(\w+) ([\w.]+) \(paper\)")
EXERCISES = {"exercise_node", "exercise_enumerable_node"}
WIDE = 80  # characters: a table with wider rows does not fit on a line as it is
LONG = 15  # rows: a longer table may break across pages
FORMULA = 0.6  # characters on paper for one of LaTeX source

log = logging.getLogger(__name__)


def docname_of(node: nodes.Node, env: Any) -> str:
    """The chapter that a node of the joined document comes from."""
    while node is not None:
        if isinstance(node, nodes.section) and "docname" in node:  # see mark_parts
            return node["docname"]
        node = node.parent
    return env.docname


def latex(text: str) -> nodes.raw:
    """A line of LaTeX."""
    return nodes.raw("", text, format="latex")


class Explorers(SphinxPostTransform):
    """Put two pictures of its kernel-free face in the place of each widget."""

    default_priority = 3  # before MyST-NB chooses among the forms of an output
    formats = ("latex",)

    def run(self, **kwargs: Any) -> None:
        """Look for outputs with a widget among their forms."""
        for bundle in [n for n in self.document.findall(nodes.container) if n.get("nb_element") == "mime_bundle"]:
            for form in bundle.children:
                if form.get("mime_type") == VIEW:
                    docname = docname_of(bundle, self.env)
                    model = re.search(r'"model_id": "(\w+)"', form.astext())
                    bundle.replace_self(self.printed(docname, model[1] if model else ""))
                    break

    def printed(self, docname: str, model: str) -> list[nodes.Node]:
        """The explanation, and the pictures with what they show."""
        name = docname.rpartition("/")[2]
        try:
            controls, frames = first_and_last(widgets(self.env, docname), model)
        except LookupError as error:
            log.warning("The explorer of %s has no pictures for print: %s", docname, error)
            return []
        told = f"On its page this picture moves: {' and '.join(controls)}. Printed are the first and the last."
        printed: list[nodes.Node] = [nodes.paragraph("", "", nodes.emphasis("", told))]
        for which, (alternative, data) in zip(("first", "last"), frames, strict=True):
            file = Path(self.app.outdir) / "explorers" / f"{name}-{model[:8]}-{which}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.open(io.BytesIO(base64.b64decode(data))).save(file, dpi=(125, 125))
            self.env.images.add_file(docname, str(file))
            picture = nodes.image("", uri=str(file), candidates={"*": str(file)}, alt=alternative, align="center")
            printed += [picture, nodes.paragraph("", "", nodes.emphasis("", f"{which.capitalize()}: {alternative}"))]
        return [nodes.container("", *printed, classes=["explorer-printed"])]


def widgets(env: Any, docname: str) -> dict[str, dict[str, Any]]:
    """State of each widget of a chapter, by its id."""
    files = NbMetadataCollector.get_js_files(env, docname)
    if "ipywidgets_state" not in files:
        raise LookupError("the chapter has no widgets")
    body = html.unescape(files["ipywidgets_state"][1]["body"])
    return {model: entry["state"] for model, entry in json.loads(body)["state"].items()}


def first_and_last(states: dict[str, dict[str, Any]], root: str) -> tuple[list[str], list[tuple[str, str]]]:
    """What the controls of an explorer choose among; alternative text and data of its first and its last picture.

    Of an explorer with a menu, the pictures of the menu's first entry.

    Raises:
        LookupError: the widget holds no pictures.
    """

    def below(model: str) -> list[str]:
        children = [child.removeprefix("IPY_MODEL_") for child in states[model].get("children", [])]
        return [model, *(found for child in children for found in below(child))]

    inside = below(root)
    stack = next((model for model in inside if states[model]["_model_name"] == "StackModel"), None)
    if stack is None:
        raise LookupError("no stack of pictures")
    while states[stack]["children"] and "StackModel" == states[below(stack)[1]]["_model_name"]:
        stack = below(stack)[1]
    frames = [FRAME.search(states[model]["value"]) for model in below(stack)[1:]]
    if len(frames) < 2 or None in frames:
        raise LookupError("fewer than two pictures in its stack")
    controls = []
    for model in inside[: inside.index(stack)]:
        options = states[model].get("_options_labels")
        if options:
            label = states[model]["description"].rstrip(":")
            controls.append(f"“{label}” has {len(options)} values, from {options[0]} to {options[-1]}")
    return controls, [(html.unescape(found[1]), found[2]) for found in (frames[0], frames[-1]) if found]


class Chapters(SphinxPostTransform):
    """Make the introduction a chapter, put parts before the others, and number those that have a number online."""

    default_priority = 900  # when all references are resolved
    formats = ("latex",)

    def run(self, **kwargs: Any) -> None:
        """Wrap the first page in a section, whose title is the book's; then one wrapper of chapters after the other."""
        front = next(iter(self.document.findall(nodes.section)))
        parts = [node for node in front.findall(nodes.compound) if "part" in node]
        for part in parts:
            part.parent.remove(part)
        book = nodes.section("", nodes.title("", self.config.html_title))
        front.replace_self(book)
        book += [latex(r"\loosechapters"), front]
        for part in parts:
            number = r"\numberedchapters" if part["numbered"] else r"\loosechapters"
            book += [latex(rf"\part*{{{part['part']}}}\addcontentsline{{toc}}{{part}}{{{part['part']}}}{number}"), part]
        for page in [n for n in self.document.findall(addnodes.start_of_file) if n["docname"] == INDEX_PAGE]:
            page.parent.remove(page)  # LaTeX makes an index of its own


class Layout(SphinxPostTransform):
    """Leave out the code that a page hides; let wide tables and long names wrap; keep the paper's equation numbers."""

    default_priority = 400
    formats = ("latex",)

    def run(self, **kwargs: Any) -> None:
        """Cells, tables, formulas."""
        for cell in list(self.document.findall(nodes.container)):
            if {"tag_hide-input", "tag_explorer"} & set(cell["classes"]):
                for code in [n for n in cell.children if "cell_input" in n.get("classes", [])]:
                    cell.remove(code)
        for table in self.document.findall(nodes.table):
            fit(table)
        for place in [n for n in self.document.findall(nodes.inline) if n["ids"]]:  # an entry of the ledger
            names = (f"{docname_of(place, self.env)}:{anchor}" for anchor in place["ids"])
            place[:0] = [latex("".join(rf"\phantomsection\label{{\detokenize{{{name}}}}}" for name in names))]
        for exercise in [n for n in self.document.findall(nodes.Element) if n.tagname in EXERCISES]:
            # where references from other chapters lead to
            name = f"{docname_of(exercise, self.env)}:{exercise['label']}"
            exercise.parent.insert(exercise.parent.index(exercise), latex(rf"\phantomsection\label{{{name}}}"))
        for index in self.document.findall(addnodes.index):  # LaTeX sorts a number that stands alone by its size
            index["entries"] = [
                (kind, PAPERS_NUMBER.sub(r"\1 of the paper; \2", entry), *rest)
                for kind, entry, *rest in index["entries"]
            ]
        for formula in self.document.findall(nodes.math_block):
            if r"\tag{" in formula.astext() and not formula.get("nowrap"):
                formula["nowrap"] = True
                formula.children = [nodes.Text(f"\\begin{{equation*}}\n{formula.astext().strip()}\n\\end{{equation*}}")]


def fit(table: nodes.table) -> None:
    """Give the columns of a table that is too wide their shares of the line; let a long one break across pages."""
    columns = list(table.findall(nodes.colspec))
    rows = [[cell_width(entry) for entry in row.findall(nodes.entry)] for row in table.findall(nodes.row)]
    if len(rows) > LONG:
        table["classes"].append("longtable")
    longest = [max(row[i] for row in rows) for i in range(len(columns))]
    if sum(longest) <= WIDE and len(rows) <= LONG:
        return
    for column, width in zip(columns, longest, strict=True):
        column["colwidth"] = round(min(max(width, 6), 45) ** 0.75 * 10)
    table["classes"].append("colwidths-given")
    for code in table.findall(nodes.literal):
        code.children = [nodes.Text(re.sub(r"([._])", "\\1\u200b", code.astext()))]


def cell_width(entry: nodes.entry) -> float:
    """How many characters a table's cell would take on one line, about."""
    formulas = sum(len(formula.astext()) for formula in entry.findall(nodes.math))
    return len(entry.astext()) - (1 - FORMULA) * formulas


def mark_parts(app: Sphinx, doctree: nodes.document) -> None:
    """Keep what the joined document forgets: captions of parts, and the page of each section."""
    for toctree in doctree.findall(addnodes.toctree):
        if toctree.get("caption"):
            toctree.parent["part"] = toctree["caption"]
            toctree.parent["numbered"] = bool(toctree.get("numbered"))
    for section in doctree.findall(nodes.section):
        section["docname"] = app.env.docname  # sphinx-proof looks for it


def set_up_latex(app: Sphinx, config: Any) -> None:
    """Engine, fonts, title page."""
    config["latex_engine"] = "xelatex"
    config["latex_use_xindy"] = False
    config["latex_elements"] = latex_elements()


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension with Sphinx."""
    app.connect("config-inited", set_up_latex)
    app.connect("doctree-read", mark_parts)
    for transform in (Explorers, Chapters, Layout):
        app.add_post_transform(transform)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
