"""What a page loads before a reader does anything: few bytes, no icon missing, pictures that keep their place."""

import gzip
import re
from urllib.parse import urlsplit

import pytest
from conftest import chapters
from pages import PHONE, arrive, load, parse

KIB = 1024
LIMITS = {"words": 160, "chapter": 500, "explorer": 900}  # KiB as a server with gzip sends them
PACKED = {".woff", ".woff2", ".webp", ".png", ".jpg"}  # what gzip makes no smaller


def kind(page):
    """What there is on a page: words; formulas and figures; explorers or a film."""
    if "jupyter.widget-view" in page or "moving-picture" in page:
        return "explorer"
    return "chapter" if 'class="math' in page or "<img" in page.partition("<article")[2] else "words"


def sent(path):
    """Bytes on the way."""
    data = path.read_bytes()
    return len(data) if path.suffix in PACKED else len(gzip.compress(data, 6))


@pytest.mark.browser
def test_the_first_view_is_small(visit, server, book, chapter):
    asked = {urlsplit(url.removeprefix(server)).path for url in visit(chapter).asked if url.startswith(server)}
    sizes = {path: sent(book / path) / KIB for path in asked if (book / path).is_file()}
    limit = LIMITS[kind((book / f"{chapter}.html").read_text(encoding="utf-8"))]
    largest = sorted(sizes.items(), key=lambda item: -item[1])[:8]
    assert sum(sizes.values()) <= limit, largest


def test_every_kind_of_page_is_there(book):
    assert {kind((book / f"{page}.html").read_text(encoding="utf-8")) for page in chapters()} == LIMITS.keys()


def test_nothing_is_published_that_no_page_loads(book):
    assert not [file for file in book.rglob("*") if file.suffix in {".map", ".ttf"} or "fontawesome.js" in file.name]


def test_scripts_wait_until_the_page_is_read(book, chapter):
    page = parse(book / f"{chapter}.html")
    assert not [script["src"] for script in page.select("script[src]:not([defer])")]
    assert len(page.select("meta[name=viewport]")) == 1
    loaded = " ".join(tag.get("src") or tag.get("href") or "" for tag in page.select("script[src], link[href]"))
    assert not re.findall(r"searchindex|searchtools|language_data|thebe|sphinx-design|fontawesome", loaded)
    assert ("mathjax" in loaded) == bool(page.select(".math"))


def test_pictures_keep_their_place_and_wait(book, chapter):
    page = parse(book / f"{chapter}.html")
    pictures = page.select('article img[src*="_images/"]')
    for picture in pictures:
        assert (book / "book" / picture["src"]).resolve().is_file()
        assert picture["src"].endswith(".webp") or picture.find_parent(class_="moving-picture")
    figures = [picture for picture in pictures if not picture.find_parent(class_="moving-picture")]
    assert all(int(picture["width"]) > 0 < int(picture["height"]) for picture in figures)
    assert all(picture.get("loading") == "lazy" for picture in figures[1:])
    assert "base64" not in str(page.select_one("article"))


@pytest.mark.browser
@pytest.mark.parametrize("name", ["intro", "closed_form"])
def test_pictures_keep_their_shape_on_a_phone(browser, server, name):
    page = browser.new_page(viewport=PHONE)
    arrive(page, f"{server}book/{name}.html")
    shapes = page.evaluate("""async () => {
        const pictures = [...document.querySelectorAll("article figure img")];
        pictures.forEach((picture) => { picture.loading = "eager"; });
        await Promise.all(pictures.map((picture) => picture.decode()));
        return pictures.map((it) => [it.clientWidth / it.clientHeight, it.naturalWidth / it.naturalHeight]);
    }""")
    page.close()
    assert shapes and all(shown == pytest.approx(drawn, rel=0.02) for shown, drawn in shapes)


@pytest.mark.browser
def test_icons_are_drawn(browser, server):
    """Each icon of a page has a glyph in its font: else the browser would take another font, or draw a box."""
    page = browser.new_page()
    load(page, f"{server}book/toy_models.html")
    page.wait_for_selector(".kernel-free .widget-play i")
    page.evaluate("document.fonts.ready")
    icons = page.evaluate("""() => [...document.querySelectorAll("i[class*='fa-'], i.fa")].map((icon) => {
        const { content, fontFamily, fontWeight } = getComputedStyle(icon, "::before");
        return [icon.className, content, fontFamily, fontWeight];
    })""")
    session = page.context.new_cdp_session(page)
    session.send("DOM.enable")
    session.send("CSS.enable")
    root = session.send("DOM.getDocument")["root"]["nodeId"]
    fonts = set()
    nodes = session.send("DOM.querySelectorAll", {"nodeId": root, "selector": "i[class*='fa-'], i.fa"})["nodeIds"]
    for node in nodes:
        used = session.send("CSS.getPlatformFontsForNode", {"nodeId": node})["fonts"]
        fonts |= {(font["familyName"], font["isCustomFont"]) for font in used}
    page.close()
    assert len(icons) > 10 and all(content not in ("none", '""') for _, content, *_ in icons)
    assert fonts and all(custom for _, custom in fonts)
