"""Every page for every reader: axe-core, light and dark, on a desk and on a phone; figures in words; narrow screens.

A page is loaded once and seen in all its forms; the next one loads meanwhile.
"""

import functools
import importlib.resources
import re

import pytest
from conftest import chapters

pytestmark = pytest.mark.browser

AXE = importlib.resources.files("axe_playwright_python") / "axe.min.js"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
GRAVE = {"serious", "critical"}
DESK, PHONE, NARROW = ({"width": width, "height": 900} for width in (1280, 390, 320))
FORMS = [(DESK, "light"), (DESK, "dark"), (PHONE, "dark"), (PHONE, "light")]
NO_CONTRAST = {"color-contrast": {"enabled": False}}
NO_SCROLLING = {"scrollable-region-focusable": {"enabled": False}}  # asked of the whole page, not of the shortened one
SETTLE = 700  # ms, until the theme and access.js have looked at the new size

# A formula has thousands of elements, and a page of code has the same few colours a thousand times. Contrast is
# measured with one letter for each formula, and one piece of code for each of its styles.
SHORTEN = """() => {
    document.querySelectorAll("mjx-container").forEach((formula) => { formula.textContent = "x"; });
    for (const theme of ["light", "dark"]) {
        document.documentElement.dataset.theme = theme;
        document.querySelectorAll("pre span").forEach((span) => {
            const style = getComputedStyle(span);
            const look = [style.color, style.backgroundColor, style.fontSize, style.fontWeight].join();
            span.dataset.look = (span.dataset.look || span.closest("pre").parentElement.className) + look;
        });
    }
    const seen = new Set();
    document.querySelectorAll("pre span").forEach((span) => {
        if (seen.has(span.dataset.look)) span.replaceWith(...span.childNodes);
        seen.add(span.dataset.look);
    });
}"""
AUDIT = """async (options) => {
    const ends = (animation) => Number.isFinite(animation.effect.getComputedTiming().endTime);
    document.getAnimations().filter(ends).forEach((animation) => animation.finish());
    const { violations } = await axe.run(document, { resultTypes: ["violations"], ...options });
    return violations.flatMap(({ id, impact, nodes }) => nodes.map((node) =>
        [impact, id, node.html.slice(0, 200), node.failureSummary]));
}"""
OVERHANG = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
# What scrolls sideways in its own box, and cannot be reached with the Tab key, nor by anything in it.
UNREACHED = """() => [...document.querySelectorAll("article *")]
    .filter((box) => box.clientWidth && box.scrollWidth > box.clientWidth
        && ["auto", "scroll"].includes(getComputedStyle(box).overflowX))
    .filter((box) => box.tabIndex < 0 && ![...box.querySelectorAll("a[href], button, input, select, [tabindex='0']")]
        .some((stop) => stop.checkVisibility({ visibilityProperty: true })))
    .map((box) => box.outerHTML.slice(0, 120))"""
# Pictures are drawn on white: what their corner is, and how they are dimmed.
ON_DARK = """() => [...document.querySelectorAll("article img")].filter((img) => img.checkVisibility()).map((image) => {
    const canvas = new OffscreenCanvas(1, 1), pen = canvas.getContext("2d");
    pen.drawImage(image, 0, 0, 1, 1, 0, 0, 1, 1);
    const [red, green, blue, alpha] = pen.getImageData(0, 0, 1, 1).data;
    return [image.alt.slice(0, 80), alpha, Math.min(red, green, blue), getComputedStyle(image).filter];
})"""


@pytest.fixture(scope="module")
def opened(browser, server):
    """A page, loaded and typeset; the one after it in the book starts loading."""
    waiting = {}

    def start(name):
        page = browser.new_page(viewport=DESK, reduced_motion="reduce")
        page.goto(f"{server}{name}.html", wait_until="commit")
        return page

    def opened(name, following=None):
        page = waiting.pop(name, None) or start(name)
        if following:
            waiting[following] = start(following)
        page.wait_for_load_state("load")
        page.evaluate("async () => { await window.MathJax?.startup?.promise; }")
        if page.locator("script[type='application/vnd.jupyter.widget-view+json']").count():
            page.wait_for_selector(".kernel-free img.frame", timeout=60_000)
        page.add_script_tag(content=AXE.read_text())
        return page

    yield opened
    for page in waiting.values():
        page.close()


def shape(page, form):
    """Give the page a size and a theme."""
    size, theme = form
    if page.viewport_size != size:
        page.set_viewport_size(size)
        page.wait_for_timeout(SETTLE)
    page.evaluate("(theme) => Object.assign(document.documentElement.dataset, { theme, mode: theme })", theme)


def audit(page, **options):
    """Grave violations."""
    return [fault for fault in page.evaluate(AUDIT, options) if fault[0] in GRAVE]


@pytest.fixture(scope="module")
def seen(opened):
    """What is wrong with a page, in all its forms."""
    order = chapters()

    @functools.cache
    def seen(name):
        after = order.index(name) + 1
        page = opened(name, order[after] if after < len(order) else None)
        found = {"violations": audit(page, runOnly=TAGS, rules=NO_CONTRAST), "overhang": {}, "unreached": {}}
        for size in (PHONE, NARROW):
            shape(page, (size, "light"))
            found["overhang"][size["width"]] = page.evaluate(OVERHANG)
            found["unreached"][size["width"]] = page.evaluate(UNREACHED)
        shape(page, (DESK, "dark"))
        found["pictures"] = page.evaluate(ON_DARK)
        page.evaluate(SHORTEN)
        for form in FORMS:
            shape(page, form)
            rules = {"runOnly": ["color-contrast"]} if form[0] == DESK else {"runOnly": TAGS, "rules": NO_SCROLLING}
            found["violations"] += [[form, *fault] for fault in audit(page, **rules)]
        page.close()
        return found

    return seen


def test_axe_finds_nothing_grave(seen, chapter):
    assert seen(chapter)["violations"] == []


def test_narrow_screens_need_no_sideways_scrolling(seen, chapter):
    assert seen(chapter)["overhang"] == {390: 0, 320: 0}


def test_what_scrolls_in_its_box_is_reached_by_keyboard(seen, chapter):
    assert seen(chapter)["unreached"] == {390: [], 320: []}


def test_pictures_on_dark_pages_keep_their_paper_and_do_not_glare(seen, chapter):
    for alt, alpha, darkest, dimmed in seen(chapter)["pictures"]:
        assert alpha == 255 and darkest > 230, f"{alt}: its ground is not light"
        assert 0.7 < float(re.search(r"brightness\(([\d.]+)\)", dimmed)[1]) < 1, f"{alt}: not dimmed"


@pytest.mark.parametrize("name", ["search", "prf-prf"])
def test_axe_finds_nothing_grave_on_the_pages_that_sphinx_writes(opened, name):
    page = opened(name)
    found = []
    for form in FORMS:
        shape(page, form)
        found += [[form, *fault] for fault in audit(page, runOnly=TAGS)]
    page.close()
    assert found == []


def test_axe_would_find_what_is_wrong(opened):
    """A pale word in code, a slider without a name, a box that only a mouse can scroll."""
    page = opened(chapters()[0])
    page.evaluate("""() => document.querySelector("article").insertAdjacentHTML("beforeend", `
        <pre><span style="color: #888; background: #999">pale</span></pre>
        <div role="slider" tabindex="0" aria-valuenow="1" style="width: 9em; height: 2em"></div>
        <div style="overflow-x: scroll; width: 9em"><div style="width: 99em; height: 3em">wide</div></div>`)""")
    assert len(page.evaluate(UNREACHED)) == 1
    page.evaluate(SHORTEN)
    assert {rule for _, rule, *_ in audit(page, runOnly=TAGS)} >= {"color-contrast", "aria-input-field-name"}
    page.close()


FOCUS = """() => {
    const at = document.activeElement, style = getComputedStyle(at);
    const ring = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
    return { tag: at.tagName, text: (at.getAttribute("aria-label") || at.textContent).trim().slice(0, 60),
        classes: at.className.toString(), href: at.getAttribute("href"), ring: ring || style.boxShadow !== "none" };
}"""


def press_until(page, wanted, key="Tab", at_most=80):
    """Press a key until the focus is where it is wanted; the stops on the way."""
    stops = []
    for _ in range(at_most):
        page.keyboard.press(key)
        stops.append(page.evaluate(FOCUS))
        if wanted(stops[-1]):
            return stops
    pytest.fail(f"the focus never came there: {[stop['text'] for stop in stops]}")


def test_the_page_around_the_text_is_worked_by_keyboard(opened):
    """Skip link, sidebar, search, theme and sidebar switches, with Tab, Enter and Escape."""
    page = opened(chapters()[1])
    page.keyboard.press("Tab")
    skip = page.evaluate(FOCUS)
    assert "Skip to main content" in skip["text"] and skip["ring"]
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('main') !== null")
    page.evaluate("document.activeElement.blur()")
    page.reload(wait_until="load")
    stops = press_until(page, lambda stop: stop["href"] == "references.html")
    shown = page.evaluate("[...document.querySelectorAll('#site-navigation a, .bd-sidebar-primary nav a')].length")
    assert all(stop["ring"] for stop in stops) and len([stop for stop in stops if stop["href"]]) >= shown > 15
    assert press_until(page, lambda stop: "theme-switch-button" in stop["classes"])[-1]["ring"]
    themes = []
    for _ in range(3):  # light, dark, and what the system says
        page.keyboard.press("Enter")
        page.wait_for_timeout(200)
        themes.append(page.evaluate("document.documentElement.dataset.theme"))
        assert "theme-switch-button" in page.evaluate(FOCUS)["classes"]
    assert set(themes) == {"light", "dark"}
    press_until(page, lambda stop: "search-button" in stop["classes"], "Shift+Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.type") == "search"
    page.keyboard.type("Clarke")
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.type") != "search"
    page.close()


def test_formulas_are_no_stops_and_headings_lead_on(opened):
    """A reader with a keyboard gets through a chapter's top in a few steps, not in one for each formula."""
    page = opened("book/closed_form")
    page.wait_for_timeout(SETTLE)
    formulas, stops = page.evaluate("""() => [document.querySelectorAll("article mjx-container").length,
        document.querySelectorAll("article mjx-container[tabindex='0']").length]""")
    assert formulas > 100 and stops == 0
    page.close()


def test_nothing_moves_for_readers_who_ask_for_rest(browser, server):
    page = browser.new_page(reduced_motion="reduce")
    page.goto(f"{server}{chapters()[0]}.html", wait_until="load")
    film = page.locator(".moving-picture .plays img")
    assert film.evaluate("(image) => image.currentSrc").startswith("data:image/png")
    page.close()
