"""Every page of the built book, opened in a browser at desktop and at phone width."""

import functools
from dataclasses import dataclass, field

import pytest

pytestmark = pytest.mark.browser

DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}

UNTYPESET = """async () => {
    if (window.MathJax) await MathJax.startup.promise;
    return [...document.querySelectorAll(".math")]
        .filter((formula) => !formula.querySelector("mjx-container"))
        .concat([...document.querySelectorAll("mjx-merror")])
        .map((formula) => formula.textContent);
}"""
BROKEN_IMAGES = """async () => {
    const images = [...document.images];
    images.forEach((image) => { image.loading = "eager"; });
    const loaded = await Promise.allSettled(images.map((image) => image.decode()));
    return images.filter((_, i) => loaded[i].status === "rejected").map((image) => image.src);
}"""
# A formula that begins left of its box cannot be scrolled to.
CUT_OFF = """() => [...document.querySelectorAll("div.math mjx-container")]
    .filter((formula) => {
        const left = (element) => element.getBoundingClientRect().left;
        return left(formula) < left(formula.closest("div.math")) - 1;
    })
    .map((formula) => formula.textContent)"""
OVERHANG = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


@dataclass
class Visit:
    """What was seen on a page."""

    failed: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    untypeset: list[str] = field(default_factory=list)
    broken_images: list[str] = field(default_factory=list)
    cut_off_on_phone: list[str] = field(default_factory=list)
    overhang_on_phone: int = 0


@pytest.fixture(scope="module")
def visit(browser, server):
    @functools.cache
    def visit(chapter):
        seen = Visit()
        page = browser.new_page(viewport=DESKTOP)

        def on_request(request):
            if not request.url.startswith((server, "data:", "blob:")):
                seen.foreign.append(request.url)

        def on_response(response):
            if response.status >= 400:
                seen.failed.append(f"{response.status} {response.url}")

        def on_console(message):
            if message.type == "error":
                seen.errors.append(message.text)

        page.on("request", on_request)
        page.on("response", on_response)
        page.on("requestfailed", lambda request: seen.failed.append(request.url))
        page.on("pageerror", lambda error: seen.errors.append(str(error)))
        page.on("console", on_console)
        page.goto(f"{server}{chapter}.html", wait_until="networkidle")
        seen.untypeset = page.evaluate(UNTYPESET)
        seen.broken_images = page.evaluate(BROKEN_IMAGES)
        page.set_viewport_size(PHONE)
        seen.cut_off_on_phone = page.evaluate(CUT_OFF)
        seen.overhang_on_phone = page.evaluate(OVERHANG)
        page.close()
        return seen

    return visit


def test_page_loads_without_an_error(visit, chapter):
    assert visit(chapter).failed == []
    assert visit(chapter).errors == []


def test_page_asks_no_third_party(visit, chapter):
    assert visit(chapter).foreign == []


def test_formulas_are_typeset(visit, chapter):
    assert visit(chapter).untypeset == []


def test_formulas_on_a_phone_begin_in_their_box(visit, chapter):
    assert visit(chapter).cut_off_on_phone == []


def test_images_load(visit, chapter):
    assert visit(chapter).broken_images == []


def test_phone_needs_no_sideways_scrolling(visit, chapter):
    assert visit(chapter).overhang_on_phone <= 0
