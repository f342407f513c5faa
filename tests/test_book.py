"""What every page of the built book must have."""

import functools
import gzip
import re
from urllib.parse import unquote, urldefrag, urlsplit

import pytest
from pages import parse

MAX_COMPRESSED_BYTES = 1.5e6
MOVED = {  # places that were on a page and now are on another
    "book/cross_entropy": {
        "the-splitting-for-soft-labels", "prop-soft-splitting", "thm-soft", "one-path-three-clocks", "fig-ce-clocks",
        "ex-ce-double", "what-was-known-of-margins", "what-others-measured",
    },
}  # fmt: skip


@functools.cache
def anchors(path):
    """All places of a page that a link can lead to."""
    return {element["id"] for element in parse(path).find_all(id=True)}


@pytest.fixture
def page(book, chapter):
    return parse(book / f"{chapter}.html")


def test_the_front_page_leads_to_the_introduction(book):
    target = parse(book / "index.html").find("meta", attrs={"http-equiv": "refresh"})["content"]
    assert (book / target.split("url=")[1]).exists()


def test_every_figure_has_alternative_text_a_caption_and_a_label(page):
    for picture in page.select("article img, article video"):
        name = picture.get("src", "video")[:80]
        alternative = picture.get("alt") or picture.get("aria-label") or ""
        assert alternative.strip(), f"{name}: no alternative text"
        assert alternative != picture.get("src"), f"{name}: its file name as alternative text"
        figure = picture.find_parent("figure")
        assert figure, f"{name}: not in a figure"
        assert figure.get("id"), f"{name}: no label"
        caption = figure.find("figcaption")
        assert caption and caption.get_text(strip=True), f"{name}: no caption"


def test_alternative_text_ends_with_what_the_kernel_said_of_the_data(executed, page):
    """The summary in the alternative text, all of it below the figure."""
    data = [output.get("data", {}) for cell in executed.cells for output in cell.outputs]
    said = [forms["text/plain"].splitlines() for forms in data if "image/png" in forms and "text/html" not in forms]
    figures = [figure for figure in page.select("article figure") if figure.select_one("details.figure-text")]
    assert len(said) == len(figures) == len(page.select("article .cell_output > figure > img"))
    for (summary, *lines), figure in zip(said, figures, strict=True):
        alternative = figure.find("img")["alt"]
        assert alternative.endswith(f" {summary}") and len(alternative) > len(summary) + 40  # after the author's words
        assert re.match(r"Ranges.* from [−\d]", summary)
        shown = [part.get_text() for part in figure.select("details p, details li")]
        assert shown == [line.removeprefix("- ") for line in lines] and len(shown) > 1


def test_films_and_drawings_have_numbers_in_their_words_too(page):
    for picture in page.select("article .moving-picture img"):
        assert re.search(r"\d", picture["alt"]), picture["alt"]
    for drawing in page.select("article svg[viewBox]:not([aria-hidden])"):
        assert drawing.find_parent(attrs={"aria-label": True}), "a drawing without a name"


def test_no_cell_shows_a_traceback_or_a_warning(page):
    assert not [cell.get_text() for cell in page.select(".output.traceback, .output.stderr")]


def test_a_page_is_light(book, chapter):
    compressed = gzip.compress((book / f"{chapter}.html").read_bytes())
    assert len(compressed) < MAX_COMPRESSED_BYTES


def test_internal_links_resolve(book, chapter, page):
    here = book / f"{chapter}.html"
    for element in page.select("[href], [src]"):
        link = element.get("href") or element.get("src") or ""
        if link == "#" or urlsplit(link).scheme or link.startswith("//"):
            continue
        path, anchor = urldefrag(link)
        target = (here.parent / unquote(urlsplit(path).path)).resolve() if path else here
        assert target.exists(), f"{link}: no such file"
        if anchor:
            assert unquote(anchor) in anchors(target), f"{link}: no such anchor"


@pytest.mark.parametrize(("old", "places"), MOVED.items())
def test_the_address_of_what_has_moved_leads_on(book, old, places):
    page = parse(book / f"{old}.html")
    for place in places:
        (link,) = page.find(id=place).find_parent("li").select("a.reference.internal")
        path, anchor = urldefrag(link["href"])
        target = anchors((book / f"{old}.html").parent / path)
        assert path and anchor in target and place in target


def test_links_to_chapters_have_their_titles_and_lead_there_without_sphinx_too(root):
    """As Markdown writes them: JupyterLab, which shows the sources, knows no other pages by name."""
    sources = {path.name: path.read_text(encoding="utf-8") for path in (root / "book").glob("*.md")}
    titles = {name: re.search(r"^# (.+)$", text, re.MULTILINE)[1] for name, text in sources.items()}
    assert not [name for name, text in sources.items() if "{doc}" in text]
    links = [link for text in sources.values() for link in re.findall(r"\[([^\]]*)\]\((\w+\.md)\)", text)]
    assert len(links) > 300 and not [(shown, name) for shown, name in links if shown != titles[name]]
