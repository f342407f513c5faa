"""Every page for every reader: axe-core, light and dark, on a desk and on a phone; figures in words; narrow screens."""

import re
from collections import Counter

import pytest
from conftest import chapters, launched
from pages import (
    BARS,
    DESK,
    FEW_LOOKS,
    FORMS,
    NAMES_NOT_CONTRAST,
    OVERHANG,
    PHONE,
    TAGS,
    UNREACHED,
    arrive,
    audit,
    load,
    parse,
    prepare,
    settle,
    shape,
)

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


def test_a_formula_in_a_line_is_a_stop_only_where_it_is_too_wide(visit, chapter):
    stops = visit(chapter).formula_stops
    assert len(stops) <= 2 and all(too_wide > 2 for too_wide, _ in stops)


def test_a_page_is_gone_through_in_not_too_many_steps(visit, chapter):
    """Each figure in words, each code cell to copy or unfold is one; the chapter with the most has 93."""
    assert visit(chapter).stops <= 110


@pytest.fixture(scope="module")
def classic_browser(browser):
    """A browser whose scroll bars take place, as with a mouse; Playwright hides them."""
    classic = launched(browser.browser_type, ignore_default_args=["--hide-scrollbars"])
    yield classic
    classic.close()


@pytest.mark.parametrize("name", ["closed_form", "slow_flow", "notation"])  # those with the most formulas
def test_scroll_bars_stand_only_under_what_is_too_wide(classic_browser, server, name):
    page = classic_browser.new_page(viewport=DESK)
    load(page, f"{server}book/{name}.html")
    formulas, bars = page.locator("article span.math").count(), page.evaluate(BARS)
    page.add_style_tag(content="article span.math { overflow: scroll !important }")
    everywhere = page.evaluate(BARS)
    page.close()
    assert all(too_wide > 2 for _, too_wide, _ in bars)
    assert len([box for box, *_ in bars if box.startswith("math")]) <= 2
    assert len(everywhere) > formulas / 2  # the browser does show them


def test_pictures_on_dark_pages_keep_their_paper_and_do_not_glare(visit, chapter):
    for alt, alpha, darkest, dimmed in visit(chapter).pictures_on_dark:
        assert alpha == 255 and darkest > 230, f"{alt}: its ground is not light"
        assert 0.7 < float(re.search(r"brightness\(([\d.]+)\)", dimmed)[1]) < 1, f"{alt}: not dimmed"


@pytest.mark.parametrize("name", ["search"])
def test_axe_finds_nothing_grave_on_the_pages_that_sphinx_writes(opened, name):
    page = opened(name)
    found = []
    for form in FORMS:
        shape(page, form)
        found += [[form, *fault] for fault in audit(page, runOnly=TAGS)]
    page.close()
    assert found == []


def test_axe_finds_nothing_grave_where_an_address_leads_nowhere(browser, server):
    for scheme in ("light", "dark"):
        page = browser.new_page(color_scheme=scheme)
        page.goto(f"{server}404.html")
        prepare(page)
        found = audit(page, runOnly=TAGS)
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
    assert "aria-input-field-name" in {rule for _, rule, *_ in audit(page, runOnly=TAGS, rules=NAMES_NOT_CONTRAST)}
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
    moving, shown = film.evaluate("(image) => [image.src, image.currentSrc]")
    assert shown != moving and shown == page.locator(".moving-picture .rests").evaluate("(still) => still.src")
    page.close()


def test_a_page_has_each_name_once(book, chapter):
    page = parse(book / f"{chapter}.html")
    names = Counter(element["id"] for element in page.select("article [id]"))
    assert [name for name, times in names.items() if times > 1] == []


def test_reader_mode_keeps_what_is_folded(book, chapter):
    """Mozilla's Readability drops a box with a class like "hidden", which folding gives it, but not one of "text"."""
    assert not parse(book / f"{chapter}.html").select("article .admonition.dropdown:not(.text)")


UNFOLDED = """(name) => {
    const place = document.getElementById(name), { top } = place.getBoundingClientRect();
    return place.checkVisibility({ visibilityProperty: true }) && top >= 0 && top < innerHeight;
}"""


def test_a_link_into_a_folded_part_unfolds_it(browser, server):
    page = browser.new_page()
    arrive(page, f"{server}book/closed_form.html")
    settle(page)
    place = page.evaluate("""() => {
        const inside = document.querySelector("article .toggle-hidden p:not(.admonition-title)");
        const cell = document.querySelector("article details.hide pre");
        inside.id = "in-a-solution";
        cell.id = "in-a-cell";
        return [inside, cell].map((box) => box.checkVisibility({ visibilityProperty: true }));
    }""")
    assert place == [False, False]
    for name in ("in-a-solution", "in-a-cell"):
        page.evaluate("(name) => { location.hash = name; }", name)
        page.wait_for_function(UNFOLDED, arg=name)
    page.goto(f"{server}book/slow_flow.html#equation-eq-fast-decay")  # in the proof of Theorem B
    page.wait_for_function(UNFOLDED, arg="equation-eq-fast-decay")
    rest = page.evaluate("""() => [...document.querySelectorAll("article .admonition.toggle-hidden")]
        .map((box) => box.offsetHeight - box.querySelector(".admonition-title").offsetHeight)""")
    assert rest and max(rest) <= 16, "a folded part takes the room of its title, and its own padding"
    page.close()


def test_a_tap_on_a_phone_shows_a_figure_in_its_own_size(browser, server):
    page = browser.new_page(viewport=PHONE)
    arrive(page, f"{server}book/intro.html")
    settle(page)
    figure = page.locator("article figure img").first
    figure.click()
    large = page.locator("dialog.enlarged img")
    large.wait_for()
    assert large.bounding_box()["width"] > 2 * figure.bounding_box()["width"]
    page.keyboard.press("Escape")
    page.wait_for_function("() => !document.querySelector('dialog.enlarged')")
    figure.click()
    large.click()
    page.wait_for_function("() => !document.querySelector('dialog.enlarged')")
    page.close()


def test_what_goes_on_to_the_right_says_so(browser, server):
    page = browser.new_page(viewport=PHONE)
    arrive(page, f"{server}book/closed_form.html")
    settle(page)
    wide = "article pre[data-more]"
    assert page.locator(wide).count() > 3
    page.locator(wide).first.evaluate("(box) => { box.id = 'wide'; box.scrollLeft = box.scrollWidth; }")
    page.wait_for_function("() => !document.getElementById('wide').hasAttribute('data-more')")
    page.close()


def test_who_reads_in_the_dark_gets_the_dark_page(browser, server):
    for scheme in ("dark", "light"):
        page = browser.new_page(color_scheme=scheme)
        page.goto(f"{server}book/references.html", wait_until="commit")
        page.wait_for_selector("article", state="attached")
        assert page.evaluate("document.documentElement.dataset.theme") == scheme
        page.close()


def test_forced_colours_leave_controls_visible(browser, server):
    page = browser.new_page(viewport=DESK, forced_colors="active")
    load(page, f"{server}book/toy_models.html")
    ground, rail, border = page.evaluate("""() => {
        const of = (css, name) => getComputedStyle(document.querySelector(css))[name];
        return [of("body", "backgroundColor"), of(".kernel-free .noUi-connects", "backgroundColor"),
            of(".kernel-free .noUi-handle", "borderTopColor")];
    }""")
    page.close()
    assert rail != ground and border != ground


ON_PAPER = """() => [...document.querySelectorAll("article *")].filter((box) => box.checkVisibility())
    .filter((box) => box.scrollWidth > box.clientWidth + 2)
    .filter((box) => ["auto", "scroll"].includes(getComputedStyle(box).overflowX))
    .map((box) => box.outerHTML.slice(0, 120))"""


OFFERS = """() => [...document.querySelectorAll(
    "article :is(details:not([open]) > summary, .toggle-button, .kernel-hint)")]
    .filter((offer) => offer.checkVisibility()).length"""


@pytest.mark.parametrize("name", ["closed_form", "claims", "slow_flow"])
def test_on_paper_nothing_is_cut_off(browser, server, name):
    page = browser.new_page(viewport={"width": 718, "height": 1000}, color_scheme="dark")  # as wide as A4's text
    load(page, f"{server}book/{name}.html")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    assert page.evaluate("document.documentElement.dataset.theme") == "light"
    assert page.evaluate(ON_PAPER) == [] and page.evaluate(OVERHANG) <= 0
    assert page.evaluate(OFFERS) == 0
    page.close()
