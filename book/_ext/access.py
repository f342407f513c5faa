"""What a page needs so that it can be read without a mouse and without eyes, and that the theme leaves out."""

from typing import Any

from sphinx.application import Sphinx

# A list of `doc-biblioentry`, a role that is no more, is not a list to a screen reader.
UNTRUE = {'<div role="list" class="citation-list">': '<div class="citation-list">', ' role="doc-biblioentry"': ""}


def correct(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any) -> None:
    """Take untrue roles out of the page that is about to be written."""
    for said, meant in UNTRUE.items():
        context["body"] = context.get("body", "").replace(said, meant)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension with Sphinx."""
    app.connect("html-page-context", correct)
    app.add_js_file("access.js", loading_method="defer")
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
