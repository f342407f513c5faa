"""What a page needs so that it can be read without a mouse and without eyes, and that the theme leaves out."""

import re
from typing import Any

from sphinx.application import Sphinx

# A list of `doc-biblioentry`, a role that is no more, is not a list to a screen reader. A folded cell has a title. The
# reader mode of browsers leaves out what a script calls hidden, as folded boxes, unless something calls it text.
UNTRUE = {
    '<div role="list" class="citation-list">': '<div class="citation-list">',
    ' role="doc-biblioentry"': "",
    ' aria-label="Toggle hidden content"': "",
    'dropdown admonition"': 'dropdown admonition text"',
}
# All boxes of a kind get this one; nothing leads there.
REPEATED = re.compile(r' id="(?:proof|(?:proof|exercise|solution)-content)"')


def correct(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any) -> None:
    """Take untrue roles and repeated names out of the page that is about to be written."""
    body = context.get("body", "")
    for said, meant in UNTRUE.items():
        body = body.replace(said, meant)
    context["body"] = REPEATED.sub("", body)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension with Sphinx."""
    app.connect("html-page-context", correct)
    app.add_js_file("access.js", loading_method="defer")
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
