"""One visit to a page: it is opened once, and all that the tests of pages ask for is seen in all its forms."""

import functools
import importlib.resources
from dataclasses import dataclass, field

from bs4 import BeautifulSoup

DESK, PHONE, NARROW = ({"width": width, "height": 900} for width in (1280, 390, 320))
FORMS = [(DESK, "light"), (DESK, "dark"), (PHONE, "dark"), (PHONE, "light")]
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
GRAVE = {"serious", "critical"}
# What a control is called has in it what it shows: axe looks for that only when told.
NAMES_NOT_CONTRAST = {"color-contrast": {"enabled": False}, "label-content-name-mismatch": {"enabled": True}}

# access.js notes the width for which it has set the stops of the Tab key, after the theme; then nothing moves any more.
SETTLED = "(width) => document.documentElement.dataset.stops === String(width)"
AT_REST = """() => document.getAnimations()
    .filter((animation) => Number.isFinite(animation.effect.getComputedTiming().endTime))
    .forEach((animation) => animation.finish())"""
VIEW = "script[type='application/vnd.jupyter.widget-view+json']"
FRAMES = "() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(() => drawn())))"
UNTYPESET = """() => [...document.querySelectorAll(".math")]
    .filter((formula) => !formula.querySelector("mjx-container"))
    .concat([...document.querySelectorAll("mjx-merror")])
    .map((formula) => formula.textContent)"""
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
# What scrolls sideways in its own box, and cannot be reached with the Tab key, nor by anything in it.
UNREACHED = """() => [...document.querySelectorAll("article *")]
    .filter((box) => box.clientWidth && box.scrollWidth > box.clientWidth
        && ["auto", "scroll"].includes(getComputedStyle(box).overflowX))
    .filter((box) => box.tabIndex < 0 && ![...box.querySelectorAll("a[href], button, input, select, [tabindex='0']")]
        .some((stop) => stop.checkVisibility({ visibilityProperty: true })))
    .map((box) => box.outerHTML.slice(0, 120))"""
# Boxes that show a scroll bar, with what it takes of their height.
BARS = """() => [...document.querySelectorAll("article *")]
    .filter((box) => box.checkVisibility() && ["auto", "scroll"].includes(getComputedStyle(box).overflowX))
    .filter((box) => {
        const { borderTopWidth, borderBottomWidth } = getComputedStyle(box);
        return box.offsetHeight - box.clientHeight - parseFloat(borderTopWidth) - parseFloat(borderBottomWidth) > 2;
    })
    .map((box) => [box.className, box.scrollWidth - box.clientWidth, box.textContent.slice(0, 60)])"""
# Formulas in a line that are stops of the Tab key, with what is too wide of them.
FORMULA_STOPS = """() => [...document.querySelectorAll("article span.math[tabindex='0']")]
    .filter((box) => box.checkVisibility())
    .map((box) => [box.scrollWidth - box.clientWidth, box.textContent.slice(0, 60)])"""
# All stops of the Tab key in the text but links: controls, what unfolds, what scrolls, what copies.
STOPS = """() => [...document.querySelectorAll("article :is(button, input, select, summary, [tabindex='0'])")]
    .filter((stop) => stop.tabIndex >= 0 && !stop.disabled && stop.checkVisibility({ visibilityProperty: true }))
    .length"""
# Pictures are drawn on white: what their corner is, and how they are dimmed.
ON_DARK = """() => [...document.querySelectorAll("article img")].filter((img) => img.checkVisibility()).map((image) => {
    const canvas = new OffscreenCanvas(1, 1), pen = canvas.getContext("2d");
    pen.drawImage(image, 0, 0, 1, 1, 0, 0, 1, 1);
    const [red, green, blue, alpha] = pen.getImageData(0, 0, 1, 1).data;
    return [image.alt.slice(0, 80), alpha, Math.min(red, green, blue), getComputedStyle(image).filter];
})"""
# A formula has thousands of elements, each built as the others. Four of each kind stay, the rest is a letter.
FEW_FORMULAS = """() => ["div.math", "span.math"].forEach((kind) => [...document.querySelectorAll(kind)].slice(4)
    .forEach((formula) => { formula.textContent = "x"; }))"""
# Contrast is a matter of colours and sizes, and a page has the same few a thousand times: what looks in both themes as
# something before it goes.
FEW_LOOKS = """() => {
    document.querySelectorAll("mjx-container").forEach((formula) => { formula.textContent = "x"; });
    const texts = [], words = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (words.nextNode()) if (words.currentNode.data.trim()) texts.push(words.currentNode.parentElement);
    const look = new Map(texts.map((element) => [element, element.tagName]));
    const ground = (element) => {
        for (; element; element = element.parentElement) {
            const { backgroundColor: color, backgroundImage: image } = getComputedStyle(element);
            if (image !== "none" || !color.endsWith(", 0)")) return color + image;
        }
    };
    for (const theme of ["light", "dark"]) {
        Object.assign(document.documentElement.dataset, { theme, mode: theme });
        for (const element of look.keys()) {
            const { color, opacity, fontSize, fontWeight } = getComputedStyle(element);
            look.set(element, [look.get(element), color, opacity, fontSize, fontWeight, ground(element)].join());
        }
    }
    const seen = new Set();
    const shows = (box) => {  // something new: itself, or something in it
        const own = look.get(box), rest = [...box.children].filter(shows);
        const fresh = rest.length > 0 || (own !== undefined && !seen.has(own));
        [...box.children].filter((child) => !rest.includes(child)).forEach((child) => child.remove());
        seen.add(own);
        return fresh;
    };
    shows(document.querySelector("article"));
}"""
AUDIT = """async (options) => {
    // Without preload: of what axe would fetch for it, nothing is asked here.
    const { violations } = await axe.run(document, { resultTypes: ["violations"], preload: false, ...options });
    return violations.flatMap(({ id, impact, nodes }) => nodes.map((node) =>
        [impact, id, node.html.slice(0, 200), node.failureSummary]));
}"""


@functools.cache
def parse(path):
    """The built page, for reading only: the tests of a process share it."""
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


@dataclass
class Visit:
    """What was seen on a page; by widths, where it depends on them."""

    failed: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)  # before anything is scrolled or touched
    formula_stops: list[list] = field(default_factory=list)
    stops: int = 0
    foreign: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    untypeset: list[str] = field(default_factory=list)
    broken_images: list[str] = field(default_factory=list)
    cut_off_on_phone: list[str] = field(default_factory=list)
    overhang: dict[int, int] = field(default_factory=dict)
    unreached: dict[int, list[str]] = field(default_factory=dict)
    pictures_on_dark: list[list] = field(default_factory=list)
    violations: list[list] = field(default_factory=list)


def visit(browser, server, name):
    """Open a page and see it in all its forms."""
    seen, asked, page = Visit(), [], browser.new_page(viewport=DESK)
    listen(page, server, seen)
    page.on("request", lambda request: asked.append(request.url))
    arrive(page, f"{server}{name}.html")
    page.wait_for_load_state("networkidle")
    seen.asked = list(asked)
    draw_explorers(page)
    settle(page)
    seen.formula_stops = page.evaluate(FORMULA_STOPS)
    seen.stops = page.evaluate(STOPS)
    seen.untypeset = page.evaluate(UNTYPESET)
    seen.broken_images = page.evaluate(BROKEN_IMAGES)
    prepare(page)
    for size in (NARROW, PHONE):
        shape(page, (size, "light"))
        seen.overhang[size["width"]] = page.evaluate(OVERHANG)
        seen.unreached[size["width"]] = page.evaluate(UNREACHED)
    seen.cut_off_on_phone = page.evaluate(CUT_OFF)
    page.evaluate(FEW_FORMULAS)
    shape(page, (DESK, "dark"))
    seen.pictures_on_dark = page.evaluate(ON_DARK)
    for form in FORMS[1:3]:  # the structure depends on the width, colours on the theme too
        shape(page, form)
        seen.violations += [[form, *fault] for fault in audit(page, runOnly=TAGS, rules=NAMES_NOT_CONTRAST)]
    page.evaluate(FEW_LOOKS)
    for form in FORMS:
        shape(page, form)
        seen.violations += [[form, *fault] for fault in audit(page, runOnly=["color-contrast"])]
    page.close()
    return seen


def listen(page, server, seen):
    """Note what a page asks for and what goes wrong, for as long as it is open."""

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


def arrive(page, address):
    """Open a page, until it is typeset."""
    page.goto(address, wait_until="load")
    page.evaluate("async () => { await window.MathJax?.startup?.promise; await document.fonts.ready; }")


def load(page, address):
    """Open a page, until it is typeset, its widgets are drawn, and nothing moves any more."""
    arrive(page, address)
    draw_explorers(page)
    settle(page)


def draw_explorers(page):
    """Go near an explorer, if there is one, and back: then they are all drawn."""
    if page.locator(VIEW).count():
        page.evaluate("(view) => document.querySelector(view).closest('.cell').scrollIntoView()", VIEW)
        page.wait_for_selector(".kernel-free img.frame", timeout=60_000)
        page.evaluate("() => scrollTo(0, 0)")


def settle(page):
    """Wait until the page is laid out for its width."""
    page.evaluate(AT_REST)
    page.wait_for_function(SETTLED, arg=page.viewport_size["width"])
    page.evaluate(FRAMES)


def prepare(page):
    """Bring axe, and stop what moves."""
    page.emulate_media(reduced_motion="reduce")
    page.add_script_tag(content=(importlib.resources.files("axe_playwright_python") / "axe.min.js").read_text())


def shape(page, form):
    """Give the page a size and a theme."""
    size, theme = form
    if page.viewport_size != size:
        page.set_viewport_size(size)
        settle(page)
    page.evaluate("(theme) => Object.assign(document.documentElement.dataset, { theme, mode: theme })", theme)
    page.evaluate(AT_REST)


def audit(page, **options):
    """Grave violations."""
    return [fault for fault in page.evaluate(AUDIT, options) if fault[0] in GRAVE]
