"""Explorers of the built pages, moved by keyboard and by mouse with no kernel and no network but the book's own."""

import gzip
import re

import pytest
from pages import FRAMES, OVERHANG, load, settle
from playwright.sync_api import TimeoutError as NothingHappened

pytestmark = pytest.mark.browser

PAGE_BUDGET, EXPLORE_BUDGET, SHARED_BUDGET = 1.5e6, 3e6, 6e6  # bytes, gzipped; shared assets together
HANDLE, MENU, PLAY = ".noUi-handle", "select", ".widget-play button"
QUIET = 1200  # milliseconds, four times as long as a player shows a picture
AT_REST = "(element) => Promise.all(element.getAnimations({ subtree: true }).map((animation) => animation.finished))"
SHOWN = """(box) => [...box.querySelectorAll("img.frame")]
    .filter((image) => image.checkVisibility())
    .map((image) => image.alt + image.src.slice(-80))
    .join()"""
CHANGED = f"([box, before]) => ({SHOWN})(box) !== before"


def explorer_pages(root):
    """Chapters with a cell tagged explorer."""
    return [
        path
        for path in sorted((root / "book").glob("*.md"))
        if re.search(r"^:?tags: .*explorer", path.read_text(), re.M)
    ]


@pytest.fixture(scope="module")
def open_page(browser, server):
    """Open a chapter with everything but the book cut off; what went wrong is in ``page.faults``."""
    pages = {}

    def open_page(name):
        if name not in pages:
            page = browser.new_page(viewport={"width": 1300, "height": 1000})
            page.faults = []
            page.route(lambda url: not url.startswith((server, "data:", "blob:")), lambda route: route.abort())
            page.on("requestfailed", lambda request: page.faults.append(request.url))
            page.on("pageerror", lambda error: page.faults.append(str(error)))
            load(page, f"{server}book/{name}.html")
            pages[name] = page
        return pages[name]

    yield open_page
    for page in pages.values():
        page.close()


def pytest_generate_tests(metafunc):
    if "explorer_page" in metafunc.fixturenames:
        metafunc.parametrize("explorer_page", [path.stem for path in explorer_pages(metafunc.config.rootpath)])


def shown(box):
    return box.evaluate(SHOWN)


def changes(page, box, act, patience=60_000):
    """Whether ``act`` changes the picture that is shown."""
    before = shown(box)
    act()
    try:
        page.wait_for_function(CHANGED, arg=[box.element_handle(), before], timeout=patience)
        return True
    except NothingHappened:
        return False


def stands(page, box):
    """Whether the picture stays the same on its own."""
    return not changes(page, box, lambda: None, QUIET)


def resized(page, width, height):
    page.set_viewport_size({"width": width, "height": height})
    settle(page)


def boxes(page):
    return page.locator(".kernel-free").all()


def test_there_are_explorers(root):
    assert len(explorer_pages(root)) >= 6


def test_every_control_moves_the_picture_by_keyboard(open_page, explorer_page):
    page = open_page(explorer_page)
    for box in boxes(page):
        handle = box.locator(HANDLE)
        handle.focus()
        assert changes(page, box, lambda: page.keyboard.press("ArrowRight"))
        assert changes(page, box, lambda: page.keyboard.press("ArrowLeft"))
        for menu in box.locator(MENU).all():
            menu.focus()
            assert changes(page, box, lambda: page.keyboard.press("ArrowDown"))
            assert changes(page, box, lambda: page.keyboard.press("ArrowUp"))
    assert page.faults == []


def test_every_control_moves_the_picture_by_mouse(open_page, explorer_page):
    page = open_page(explorer_page)
    for box in boxes(page):
        box.evaluate("(box) => box.scrollIntoView({block: 'center', behavior: 'instant'})")  # below the top bar
        for share in (0.99, 0.01):
            box.locator(".noUi-target").evaluate(AT_REST)  # the handle glides to where the last click was
            rail = box.locator(".noUi-target").bounding_box()
            x, y = rail["x"] + share * rail["width"], rail["y"] + rail["height"] / 2
            assert changes(page, box, lambda x=x, y=y: page.mouse.click(x, y))
        for menu in box.locator(MENU).all():
            opening = menu.evaluate("(menu) => menu.selectedIndex")
            for option in (int(opening == 0), opening):
                assert changes(page, box, lambda menu=menu, option=option: menu.select_option(index=option))
    assert page.faults == []


def test_play_advances(open_page, explorer_page):
    page = open_page(explorer_page)
    for box in boxes(page):
        start, stop = box.locator(PLAY).first, box.locator(PLAY).nth(1)
        start.focus()
        assert changes(page, box, lambda: page.keyboard.press("Enter"))
        stop.click()
    assert page.faults == []


AT = """() => {
    const at = document.activeElement, style = getComputedStyle(at);
    return { box: [...document.querySelectorAll(".kernel-free")].findIndex((box) => box.contains(at)),
        kind: at.getAttribute("role") || at.tagName.toLowerCase(),
        name: at.getAttribute("aria-label") || at.labels?.[0]?.textContent,
        ring: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2 };
}"""
CONTROLS = """(box) => [...box.querySelectorAll("select, button, [role=slider]")]
    .filter((control) => control.checkVisibility())
    .map((control) => control.getAttribute("role") || control.tagName.toLowerCase())"""


def test_the_keyboard_alone_runs_an_explorer(open_page, explorer_page):
    """From the skip link on, with Tab: each control in order, its focus seen, its picture changed, and out again."""
    page, met = open_page(explorer_page), {}
    page.evaluate("() => { document.activeElement.blur(); scrollTo(0, 0); }")
    page.locator("#pst-skip-link a").focus()
    page.keyboard.press("Enter")
    everything = boxes(page)
    for _ in range(600):
        page.keyboard.press("Tab")
        at = page.evaluate(AT)
        if at["box"] < 0:
            if len(met) == len(everything):  # past the last one: no trap
                break
            continue
        box, kinds = everything[at["box"]], met.setdefault(at["box"], [])
        assert at["ring"] and at["name"], f"{at}: no name, or its focus is not seen"
        kinds.append(at["kind"])
        if at["kind"] == "slider":
            assert changes(page, box, lambda: page.keyboard.press("ArrowRight"))
            assert changes(page, box, lambda: page.keyboard.press("ArrowLeft"))
        elif at["kind"] == "select":
            assert changes(page, box, lambda: page.keyboard.press("ArrowDown"))
            assert changes(page, box, lambda: page.keyboard.press("ArrowUp"))
        elif kinds.count("button") == 1:
            assert changes(page, box, lambda: page.keyboard.press("Enter"))
            page.keyboard.press("Space")  # pause
            page.evaluate(FRAMES)
            assert stands(page, box)
        elif kinds.count("button") == 2:
            page.keyboard.press("Enter")  # stop, and back to the start
            page.keyboard.press("Shift+Tab")
            assert page.evaluate(AT)["kind"] == "button"
            page.keyboard.press("Tab")
    assert [met[i] for i in range(len(everything))] == [box.evaluate(CONTROLS) for box in everything]
    assert page.faults == []


def test_controls_are_wide_enough_for_a_thumb(open_page, explorer_page):
    """WCAG 2.2, 2.5.8: 24 pixels, on a phone."""
    page = open_page(explorer_page)
    resized(page, 390, 844)
    small = page.evaluate("""() => [...document.querySelectorAll(".kernel-free :is(select, button, .noUi-handle)")]
        .map((control) => [control.className, control.getBoundingClientRect()])
        .filter(([, { width, height }]) => width && (width < 24 || height < 24))""")
    resized(page, 1300, 1000)
    assert small == []


TOLD = """(box) => box.querySelector("[role=status]").textContent
    === [...box.querySelectorAll("img.frame")].find((image) => image.checkVisibility()).alt"""


def test_nothing_plays_on_its_own_and_a_picture_that_stands_is_told(open_page, explorer_page):
    page = open_page(explorer_page)
    box = boxes(page)[0]
    assert stands(page, box)
    box.locator(HANDLE).focus()
    assert changes(page, box, lambda: page.keyboard.press("ArrowRight"))
    page.wait_for_function(TOLD, arg=box.element_handle())
    alt = box.evaluate("(box) => [...box.querySelectorAll('img.frame')].find((i) => i.checkVisibility()).alt")
    assert box.locator("[role=status]").inner_text() == alt != ""
    page.keyboard.press("ArrowLeft")


def test_every_frame_is_reached_and_has_its_text(open_page, book, explorer_page):
    """As many pictures as the page holds, all different; a few where the explorer has a live face besides."""
    page, seen = open_page(explorer_page), set()
    for box in boxes(page):
        menu, handle = box.locator(MENU), box.locator(HANDLE)
        for option in range(menu.locator("option").count()) if menu.count() else [None]:
            if option is not None:
                menu.select_option(index=option)
            handle.focus()
            page.keyboard.press("Home")
            page.evaluate(FRAMES)
            seen.add(shown(box))
            while advances(page, box):
                seen.add(shown(box))
    held = (book / "book" / f"{explorer_page}.html").read_text().count('class=\\"frame\\"')
    most = 7 if page.locator(".live-place").count() else 20
    assert len(seen) == held and 3 <= held <= most and all(len(picture) > 150 for picture in seen)


def advances(page, box):
    """Press the right arrow; False at the end of the slider."""
    handle = box.locator(HANDLE)
    if handle.get_attribute("aria-valuenow") == handle.get_attribute("aria-valuemax"):
        return False
    return changes(page, box, lambda: page.keyboard.press("ArrowRight"))


def test_live_controls_say_how_to_get_a_kernel(open_page, explorer_page):
    page = open_page(explorer_page)
    live = page.locator(".needs-kernel").count()
    hints = page.locator(".kernel-hint")
    assert live > 0 and hints.count() + page.locator(".live-place").count() == live  # the others compute in the page
    for hint in hints.all():
        assert "More controls, which compute, need a kernel" in hint.inner_text()
    assert not any(box.is_visible() for box in page.locator(".needs-kernel").all())


def test_phone_needs_no_sideways_scrolling(open_page, explorer_page):
    page = open_page(explorer_page)
    resized(page, 390, 844)
    overhang = page.evaluate(OVERHANG)
    resized(page, 1300, 1000)
    assert overhang <= 0


def test_pages_are_light(book, chapter):
    page = book / f"{chapter}.html"
    size = len(gzip.compress(page.read_bytes()))
    print(f"{chapter}: {size / 1e3:.0f} kB gzipped")
    assert size <= (EXPLORE_BUDGET if page.stem == "explore" else PAGE_BUDGET)


def test_shared_files_are_light(book):
    files = [path for path in (book / "_static").rglob("*") if path.is_file()]
    assert sum(len(gzip.compress(path.read_bytes())) for path in files) <= SHARED_BUDGET
