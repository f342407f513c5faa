"""How to cite: CITATION.cff as a line, as BibTeX, and as data for search engines.

The directive `citation` shows the two entries of the file, the book and the paper.
"""

import json
import textwrap
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import page_summaries
import yaml
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

FILE = Path(__file__).parent.parent.parent / "CITATION.cff"
CARD = "_static/card.png"
CARD_SHOWS = "Right answers of a network: early on the sums it has seen, very much later on new ones."
CC_BY = "https://creativecommons.org/licenses/by/4.0/"


def read() -> dict[str, Any]:
    """The file."""
    return yaml.safe_load(FILE.read_text(encoding="utf-8"))


def authors(work: dict[str, Any]) -> str:
    """Names as a reader wants them."""
    return ", ".join(a.get("name") or f"{a['given-names']} {a['family-names']}" for a in work["authors"])


def plain(work: dict[str, Any], year: str, url: str = "") -> str:
    """A work in one line."""
    place = work.get("journal") or f"Version {work['version']}"
    link = f"https://doi.org/{work['doi']}" if "doi" in work else url
    return f"{authors(work)} ({year}). {work['title']}. {place}.{' ' if link else ''}{link}"


def bibtex(work: dict[str, Any], year: str, url: str = "") -> str:
    """A work as a BibTeX entry."""
    # A group's name in braces of its own, so that BibTeX does not look for a family name in it.
    names = [f"{{{a['name']}}}" if "name" in a else f"{a['family-names']}, {a['given-names']}" for a in work["authors"]]
    fields = {"title": work["title"], "author": " and ".join(names), "year": year}
    if "journal" in work:
        kind, key = "article", work["authors"][0]["family-names"].lower()
        fields |= {"journal": work["journal"], "doi": work["doi"]}
    else:
        kind, key = "misc", "grokutil"
        fields |= {"note": f"Version {work['version']}"} | ({"url": url} if url else {})
    inside = "".join(f"  {field} = {{{value}}},\n" for field, value in fields.items())
    return f"@{kind}{{{key}{year}geometry,\n{inside}}}"


def year_of(work: dict[str, Any], config: Any) -> str:
    """When a work came out; of the book, as long as it is not released, the year of its copyright."""
    return str(work.get("year") or work.get("date-released") or config.copyright)[:4]


def address(config: Any) -> str:
    """Where the book is to be found: its pages, or else its repository; "" if neither has an address yet."""
    return config.html_baseurl or config.html_theme_options.get("repository_url", "")


class Citation(SphinxDirective):
    """Show how to cite the book and the paper."""

    def run(self) -> list[nodes.Node]:
        """A heading line, the plain text and the BibTeX entry of each."""
        self.env.note_dependency(str(FILE))
        book = read()
        shown: list[nodes.Node] = []
        for what, work in (("This book", book), ("The paper", book["references"][0])):
            year, url = year_of(work, self.config), address(self.config)
            line = "\n".join(textwrap.wrap(plain(work, year, url), 72, break_long_words=False, break_on_hyphens=False))
            entry = bibtex(work, year, url)
            shown += [
                nodes.paragraph("", "", nodes.strong("", f"{what}:")),
                nodes.literal_block(line, line, language="text"),
                nodes.literal_block(entry, entry, language="bibtex"),
            ]
        return shown


def add_metadata(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any) -> None:
    """Tell search engines and previews what the page is: Open Graph, and schema.org as JSON."""
    summaries = page_summaries.read()
    page_name = app.config.root_doc if pagename == "index" else pagename  # the bare address stands for the introduction
    if page_name not in summaries:
        return
    book = read()
    title = app.env.titles[page_name].astext()
    whole = {
        "@type": "Book",
        "name": book["title"],
        "version": book["version"],
        "author": {"@type": "Organization", "name": authors(book)},
        "license": CC_BY,
        "isBasedOn": f"https://doi.org/{book['references'][0]['doi']}",
    }
    page = {"description": summaries[page_name], "inLanguage": app.config.language or "en"}
    if page_name == app.config.root_doc:
        data = {"@context": "https://schema.org", **whole, **page}
    else:
        data = {"@context": "https://schema.org", "@type": "Chapter", "name": title, **page, "isPartOf": whole}
    graph = {
        "og:title": title,
        "og:description": summaries[page_name],
        "og:type": "article",
        "og:site_name": book["title"],
    }
    if context.get("pageurl"):  # Sphinx knows it, and writes the canonical address, once html_baseurl is set
        data["url"] = graph["og:url"] = context["pageurl"]
        graph |= {"og:image": urljoin(app.config.html_baseurl, CARD), "og:image:alt": CARD_SHOWS}
    tags = "".join(f'<meta property="{name}" content="{escape(said)}" />\n' for name, said in graph.items())
    tags += f'<meta name="description" content="{escape(summaries[page_name])}" />\n'
    tags += '<meta name="twitter:card" content="summary_large_image" />\n'
    script = json.dumps(data, ensure_ascii=False).replace("</", "<\\/")
    tags += f'<script type="application/ld+json">{script}</script>\n'
    context["metatags"] = context.get("metatags", "") + tags


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension with Sphinx."""
    app.add_directive("citation", Citation)
    app.connect("html-page-context", add_metadata)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
