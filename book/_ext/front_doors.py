"""Where readers and machines come in: the bare address, an address that leads nowhere, the list of all pages.

`index.html` has the introduction's description and picture, for whoever shows a link to the book, and leads on to it.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

from sphinx.application import Sphinx

DOORS = {"index": "door.html", "404": "lost.html"}


def doors(app: Sphinx) -> Iterator[tuple[str, dict[str, Any], str]]:
    """The pages that are not in _toc.yml."""
    for page, template in DOORS.items():
        yield page, {}, template


def say_address(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any) -> None:
    """The bare address stands for the introduction."""
    if pagename == "index":
        context["title"] = app.env.titles[app.config.root_doc].astext()
        if app.config.html_baseurl:
            context["pageurl"] = urljoin(app.config.html_baseurl, f"{app.config.root_doc}.html")


def list_pages(app: Sphinx, exception: Exception | None) -> None:
    """The list of all pages, for search engines: it needs their address."""
    base = app.config.html_baseurl
    if exception or app.builder.format != "html" or not base:
        return
    pages = "".join(f"<url><loc>{urljoin(base, page)}.html</loc></url>\n" for page in sorted(app.env.found_docs))
    sitemap = f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n{pages}</urlset>\n'
    Path(app.outdir, "sitemap.xml").write_text(f'<?xml version="1.0" encoding="utf-8"?>\n{sitemap}', encoding="utf-8")
    robots = f"User-agent: *\nAllow: /\nSitemap: {urljoin(base, 'sitemap.xml')}\n"
    Path(app.outdir, "robots.txt").write_text(robots, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension with Sphinx."""
    app.connect("html-collect-pages", doors)
    app.connect("html-page-context", say_address, priority=100)  # before the others ask for it
    app.connect("build-finished", list_pages)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
