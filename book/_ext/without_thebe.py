"""Leave Thebe (live code on a page) out of every page.

Jupyter Book always adds Thebe's scripts, twice, and the second one is a JavaScript error:
"Identifier 'THEBE_JS_URL' has already been declared". The book has no Thebe button.
"""

from typing import Any

from sphinx.application import Sphinx


def drop_scripts(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any) -> None:
    """Remove Thebe's scripts from the page that is about to be written."""
    context["script_files"] = [
        script
        for script in context["script_files"]
        if "sphinx-thebe" not in str(script.filename) and "THEBE_JS_URL" not in script.attributes.get("body", "")
    ]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension with Sphinx."""
    app.connect("html-page-context", drop_scripts)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
