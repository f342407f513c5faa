"""Each figure that a cell draws: its description in the alternative text, and in full below the figure.

The description is the plain text of the cell's output, which `grokutil.plot.use_style` puts there; it comes from the
drawn data. An alternative text is read in one breath and cannot be walked through, so it has the author's sentence and
the summary only; the rest is a list that unfolds, for all readers.
"""

from html import escape
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging

log = logging.getLogger(__name__)


class FigureText(SphinxPostTransform):
    """Runs before MyST-NB chooses among the forms of an output."""

    default_priority = 3

    def run(self, **kwargs: Any) -> None:
        """Complete all pictures of a page."""
        for bundle in list(self.document.findall(is_output)):
            forms = {form["mime_type"]: form for form in bundle.children}
            if "text/html" in forms:  # it brings its own text
                continue
            image = next((found for form in forms.values() for found in form.findall(nodes.image)), None)
            if image is None:
                continue
            said = forms["text/plain"].astext() if "text/plain" in forms else ""
            if not said or said.startswith("<"):
                log.warning("a figure has no description: call grokutil.plot.use_style() before it", location=bundle)
                continue
            summary, *rest = said.splitlines()
            for each in bundle.findall(nodes.image):
                each["alt"] = f"{each.get('alt', '')} {summary}".strip()
            bundle.parent.insert(bundle.parent.index(bundle) + 1, nodes.raw("", details(rest), format="html"))


def is_output(node: nodes.Node) -> bool:
    """Whether this holds the forms of one output."""
    return isinstance(node, nodes.container) and node.get("nb_element") == "mime_bundle"


def details(lines: list[str]) -> str:
    """The panels as paragraphs, what is in each as a list, behind a line that unfolds."""
    html, items = "", ""
    for line in [*lines, ""]:
        if line.startswith("- "):
            items += f"<li>{escape(line[2:])}</li>"
            continue
        html, items = html + (f"<ul>{items}</ul>" if items else ""), ""
        html += f"<p>{escape(line)}</p>" if line else ""
    return f'<details class="figure-text"><summary>This figure in words</summary>{html}</details>'


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension with Sphinx."""
    app.add_post_transform(FigureText)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
