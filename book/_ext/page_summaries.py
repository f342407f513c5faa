"""Each page's line of `summaries.yml` in its neighbours' previous and next boxes; `citation.py` describes it with it.

The boxes are drawn by `templates/components/prev-next.html`, which stands in for the theme's.
"""

from pathlib import Path
from typing import Any

import yaml
from sphinx.application import Sphinx

FILE = Path(__file__).parent.parent / "summaries.yml"


def read() -> dict[str, str]:
    """The line of each page, by its name in `_toc.yml`."""
    return yaml.safe_load(FILE.read_text(encoding="utf-8"))


def add_summaries(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any) -> None:
    """Give the page that is about to be written the lines of its neighbours."""
    lines = read()
    _, previous, following = app.builder.relations.get(pagename) or (None, None, None)
    context["prev_summary"] = lines.get(previous, "")
    context["next_summary"] = lines.get(following, "")


def add_templates(app: Sphinx, config: Any) -> None:
    """Let the templates beside this file come before the theme's."""
    config.templates_path.insert(0, str(Path(__file__).parent / "templates"))


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension with Sphinx."""
    app.connect("config-inited", add_templates)
    app.connect("html-page-context", add_summaries)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
