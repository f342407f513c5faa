"""Every page for every reader: axe-core, light and dark, on a desk and on a phone; figures in words; narrow screens."""

import re

import pytest
from conftest import chapters
from pages import DESK, FEW_LOOKS, FORMS, NO_CONTRAST, TAGS, UNREACHED, audit, load, prepare, shape

pytestmark = pytest.mark.browser


@pytest.fixture
def opened(browser, server):
    """A page, loaded and typeset; it is closed after the test."""
    page = browser.new_page(viewport=DESK, reduced_motion="reduce")

    def opened(name):
        load(page, f"{server}{name}.html")
        prepare(page)
        return page

    yield opened
    page.close()


def test_axe_finds_nothing_grave(visit, chapter):
    assert visit(chapter).violations == []


def test_narrow_screens_need_no_sideways_scrolling(visit, chapter):
    assert visit(chapter).overhang == {390: 0, 320: 0}


def test_what_scrolls_in_its_box_is_reached_by_keyboard(visit, chapter):
    assert visit(chapter).unreached == {390: [], 320: []}


def test_pictures_on_dark_pages_keep_their_paper_and_do_not_glare(visit, chapter):
    for alt, alpha, darkest, dimmed in visit(chapter).pictures_on_dark:
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
        <pre><span style="color: #888; background: #999">pale</span></pre><p style="color: #222">pale in the dark</p>
        <div role="slider" tabindex="0" aria-valuenow="1" style="width: 9em; height: 2em"></div>
        <div style="overflow-x: scroll; width: 9em"><div style="width: 99em; height: 3em">wide</div></div>`)""")
    assert len(page.evaluate(UNREACHED)) == 1
    assert "aria-input-field-name" in {rule for _, rule, *_ in audit(page, runOnly=TAGS, rules=NO_CONTRAST)}
    page.evaluate(FEW_LOOKS)
    assert any(">pale<" in html for _, _, html, _ in audit(page, runOnly=["color-contrast"]))
    shape(page, (DESK, "dark"))
    assert any("pale in the dark" in html for _, _, html, _ in audit(page, runOnly=["color-contrast"]))
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
        page.wait_for_function("document.activeElement.matches('.theme-switch-button')")  # access.js gives it back
        themes.append(page.evaluate("document.documentElement.dataset.theme"))
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
    formulas, stops = page.evaluate("""() => [document.querySelectorAll("article mjx-container").length,
        document.querySelectorAll("article mjx-container[tabindex='0']").length]""")
    assert formulas > 100 and stops == 0
    page.close()


def test_nothing_moves_for_readers_who_ask_for_rest(browser, server):
    page = browser.new_page(reduced_motion="reduce")
    page.goto(f"{server}book/simulated_grokking.html", wait_until="load")
    film = page.locator(".moving-picture .plays img")
    assert film.evaluate("(image) => image.currentSrc").startswith("data:image/png")
    page.close()
