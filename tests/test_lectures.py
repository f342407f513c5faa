"""The lectures: every slide opened, plans complete, numbers those of the chapters, sheets of a page, figures packed."""

import csv
import io
import re
import xml.etree.ElementTree as ET
import zipfile

import pytest
import yaml
from bs4 import BeautifulSoup
from conftest import notebook_of
from pages import NAMES_NOT_CONTRAST, TAGS, Visit, arrive, audit, listen, prepare

LECTURES = [
    "01_two_weights", "02_valley", "03_forces", "04_slow_flow", "05_addition", "06_along", "07_price", "08_one_layer",
    "09_without_training", "10_beyond",
]  # fmt: skip
WIDE, OLD = {"width": 1280, "height": 720}, {"width": 1024, "height": 768}  # 16:9, 4:3
LEAST, IN_CHARTS = 24, 18  # pixels of a letter on a slide of 1280 x 720
LETTERS = re.compile(r"scale\(([\d.]+) -")  # of a text in Matplotlib's SVG, in hundredths of its points
PARTS = ("See it", "Prove it", "Build it", "Decouple it", "Beyond it")
TOLD = {"book/fifteen_minutes", "book/why"}  # summaries, without a sheet of their own
MISCONCEPTIONS = (
    "small loss means near zero loss",
    "a circle means learning",
    "a lower norm tests better",
    "a cosine of 0.3 means that the theory fails",
)
NUMBER = re.compile(r"(?<![\w.])\d+(?:[.,]\d+)*(?![\w])")
# The boxes of a slide that leave it. What is written for those who hear the slides has no size.
CUT = """() => {
    const slide = Reveal.getCurrentSlide(), edge = slide.getBoundingClientRect();
    return [...slide.querySelectorAll("*")]
        .filter((part) => !part.closest("aside, style, mjx-assistive-mml, .visually-hidden, svg *"))
        .filter((part) => {
            const { left, right, top, bottom, width } = part.getBoundingClientRect();
            const across = left > edge.left - 1 && right < edge.right + 1;
            return width && !(across && top > edge.top - 1 && bottom < edge.bottom + 1);
        })
        .map((part) => part.outerHTML.slice(0, 90));
}"""
SMALL = """(least) => {
    const NOT_TEXT = "mjx-container, svg, .key, .title, option, .visually-hidden";
    const texts = document.createTreeWalker(Reveal.getCurrentSlide(), NodeFilter.SHOW_TEXT), small = [];
    while (texts.nextNode()) {
        const { parentElement: element, data } = texts.currentNode;
        if (!data.trim() || !element.checkVisibility() || element.closest(NOT_TEXT)) continue;
        if (parseFloat(getComputedStyle(element).fontSize) < least) small.push(data.trim().slice(0, 40));
    }
    return small;
}"""
# The pixels of the letters in an explorer's charts, and those of a point in each figure.
IN_EXPLORER = """() => [...Reveal.getCurrentSlide().querySelectorAll(".live-face svg text")]
    .filter((text) => text.textContent.trim() && text.checkVisibility())
    .map((text) => parseFloat(getComputedStyle(text).fontSize) * text.getScreenCTM().a / Reveal.getScale())"""
POINTS = """async () => Promise.all([...Reveal.getCurrentSlide().querySelectorAll("img.figure")].map(async (image) => {
    await image.decode();
    const { width, height } = image.getBoundingClientRect(), { naturalWidth, naturalHeight } = image;
    const [top, right, bottom, left] = (image.getAttribute("style")?.match(/\\d+(?=%)/g) ?? [0, 0, 0, 0]).map(Number);
    const pixel = Math.min(
        width / (naturalWidth * (1 - (left + right) / 100)), height / (naturalHeight * (1 - (top + bottom) / 100)));
    return [image.getAttribute("src"), pixel / Reveal.getScale() * 4 / 3];
}))"""
EXPLORER = """async () => {
    const slide = Reveal.getCurrentSlide(), place = slide.querySelector(".live-place");
    if (!place) return "none";
    for (let tries = 0; tries < 1200 && !place.querySelector(".live-face svg text"); tries++)
        await new Promise((soon) => setTimeout(soon, 50));
    const buttons = [...place.querySelectorAll("button")];
    buttons.filter((button) => button.textContent === "Stop").forEach((stop) => stop.click());
    await new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)));
    place.querySelector("input, select").focus();
    return place.querySelector(".live-face svg") && !slide.querySelector("img.figure") ? "runs" : "missing";
}"""
PICTURES = "() => [...document.images].filter(({ naturalWidth, alt }) => !naturalWidth || !alt).map(({ src }) => src)"
FORMULAS = "() => [...document.querySelectorAll('mjx-merror')].map((formula) => formula.textContent)"
FEW_FORMULAS = "() => document.querySelectorAll('mjx-container').forEach((formula) => { formula.textContent = 'x'; })"


@pytest.fixture(scope="module")
def lectures(book):
    folder = book / "lectures"
    if not (folder / "index.html").exists():
        pytest.fail("The lectures are not built: run `make lectures` first.")
    return folder


@pytest.fixture(params=LECTURES)
def lecture(request):
    return request.param


@pytest.fixture
def source(root, lecture):
    return (root / "book" / "lectures" / f"{lecture}.md").read_text(encoding="utf-8")


def taught(root):
    """The chapters that are taught, as the table of contents has them."""
    toc = yaml.safe_load((root / "_toc.yml").read_text())
    files = [entry["file"] for part in toc["parts"] if part["caption"] in PARTS for entry in part["chapters"]]
    return [file.removeprefix("book/") for file in files if file not in TOLD]


def parsed(path):
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


def least(picture):
    """The smallest letters of a figure, in points."""
    return 100 * min(map(float, LETTERS.findall(picture.read_text(encoding="utf-8"))))


@pytest.mark.browser
def test_every_slide_is_whole_legible_and_at_home(browser, server, lectures, lecture):
    seen, page = Visit(), browser.new_page(viewport=WIDE)
    listen(page, server, seen)
    arrive(page, f"{server}lectures/{lecture}.html")
    faults, explorers = {}, []
    count = page.evaluate("() => Reveal.getTotalSlides()")
    for _ in range(count):
        explorers.append(page.evaluate(EXPLORER))
        where = page.evaluate("() => Reveal.getIndices().h + 1")
        page.set_viewport_size(WIDE)
        faults[where, "16:9"] = page.evaluate(CUT)
        faults[where, "small"] = page.evaluate(SMALL, LEAST)
        faults[where, "charts"] = [size for size in page.evaluate(IN_EXPLORER) if size < IN_CHARTS - 0.05]
        points = {file: point * least(lectures / file) for file, point in page.evaluate(POINTS)}
        faults[where, "figures"] = {file: size for file, size in points.items() if not size >= IN_CHARTS}
        page.set_viewport_size(OLD)
        faults[where, "4:3"] = page.evaluate(CUT)
        page.keyboard.press("PageDown")  # as a remote control does
    assert {place: fault for place, fault in faults.items() if fault} == {}
    assert page.evaluate("() => Reveal.getTotalSlides()") == count, "an explorer is counted as a slide"
    assert len({where for where, _ in faults}) == count == len(parsed(lectures / f"{lecture}.html").select("h1, h2"))
    assert explorers.count("runs") == len(explorers) - explorers.count("none")
    assert page.evaluate(PICTURES) == [] and page.evaluate(FORMULAS) == []
    assert (seen.foreign, seen.failed, seen.errors) == ([], [], [])
    page.close()


@pytest.mark.browser
@pytest.mark.parametrize("page_name", ["index", "plan_04_slow_flow", "sheet_price", "03_forces", "06_along"])
def test_axe_finds_nothing_grave(browser, server, lectures, page_name):
    page = browser.new_page(viewport=WIDE)
    arrive(page, f"{server}lectures/{page_name}.html")
    prepare(page)
    page.evaluate(FEW_FORMULAS)
    slides = range(1, 7) if page_name[0].isdigit() else [0]  # a picture, a definition, a question, a theorem, text
    found = []
    for slide in slides:
        if page_name[0].isdigit():
            page.evaluate("(slide) => Reveal.slide(slide)", slide)
        found += audit(page, runOnly=TAGS, **({} if slide in (0, 3, 5) else {"rules": NAMES_NOT_CONTRAST}))
    assert found == []
    page.close()


@pytest.mark.browser
def test_slides_open_from_a_disk(browser, lectures):
    seen, page = Visit(), browser.new_page(viewport=WIDE)
    listen(page, "file:", seen)
    arrive(page, (lectures / "04_slow_flow.html").as_uri())
    page.evaluate("() => Reveal.slide(5)")
    page.evaluate("async () => { await Reveal.getCurrentSlide().querySelector('img.figure').decode(); }")
    assert page.evaluate(FORMULAS) == [] and page.locator("mjx-container").count() > 20
    assert (seen.foreign, seen.failed, seen.errors) == ([], [], [])
    page.close()


@pytest.mark.browser
def test_a_sheet_is_one_page(browser, server, root, lectures):
    page, heights = browser.new_page(viewport=WIDE), {}
    page.emulate_media(media="print")
    for name in [*taught(root), "book"]:
        arrive(page, f"{server}lectures/sheet_{name}.html")
        page.evaluate(
            "() => Promise.all([...document.images].map((image) => image.complete || image.decode().catch(() => 0)))"
        )
        heights[name] = page.evaluate("() => document.querySelector('main').getBoundingClientRect().height / 96 * 25.4")
    assert {name: height for name, height in heights.items() if height > 297.5} == {}
    page.close()


def test_a_plan_is_complete(root, lectures, lecture, source):
    told, page = yaml.safe_load(source.split("---\n")[1]), parsed(lectures / f"plan_{lecture}.html")
    assert all(told[key] for key in ("chapters", "needs", "goal", "hand_out", "read"))
    rows = [[cell.get_text(" ", strip=True) for cell in row.select("td")] for row in page.select("tbody tr")]
    assert sum(int(minutes) for _, minutes, _, _ in rows) == 90
    spent = {way: sum(int(minutes) for _, minutes, how, _ in rows if how == way) for way in ("board", "room", "break")}
    assert spent["board"] >= 12 and spent["room"] >= 8 and spent["break"] == 5
    assert len(rows) == len(parsed(lectures / f"{lecture}.html").select("h1, h2")), "a slide without words"
    assert all("\\" not in cell.get_text() for cell in page.select("h1, h3, dd, td > a") if not cell.select(".math"))
    assert [words for _, _, how, words in rows if how == "break" and "Answer: " not in words] == []
    sheets = [link.get_text().removesuffix(" on one page") for link in page.select("dd a[href^=sheet_]")]
    handed = " ".join(told["hand_out"])
    assert any(sheet in handed for sheet in sheets), "hand out a sheet of the lecture"
    for number in re.findall(r"Problem set (\d)", handed):
        assert list((root / "book" / "assignments").glob(f"set{number}_*.md"))
    assert all(row.select("small a") for row in page.select("tr.board")), "say where the proof is: :see: label"
    questions = page.select("h3")
    assert len(questions) == 2
    for question in questions:
        answers = question.find_next("ol").select("li")
        letter = re.match(r"Right: ([A-D])\. \S", question.find_next("p").get_text())[1]
        assert len(answers) > "ABCD".index(letter)
        assert "It catches: " in question.find_next("strong").get_text()


def test_the_questions_catch_what_students_believe(root):
    text = "".join((root / "book" / "lectures" / f"{name}.md").read_text() for name in LECTURES)
    assert [belief for belief in MISCONCEPTIONS if f":catches: {belief}\n" not in text] == []
    assert len(set(re.findall(r"^:catches: (.+)$", text, re.M))) >= 18


def test_every_number_on_a_slide_stands_in_a_chapter(book, root, lecture, lectures, source):
    chapters = yaml.safe_load(source.split("---\n")[1])["chapters"]
    known = {number.replace(",", "") for name in chapters for number in numbers(root, book, name)}
    for section in parsed(lectures / f"{lecture}.html").select(".slides > section"):
        for part in section.select("style, .statement, .part, .live-place, img"):  # notes too are results
            part.decompose()
        text = re.sub(r"From minute \d+: \d+ min|[Ll]ectures?( \d+)( and \d+)?|[Ss]et \d", "", section.get_text(" "))
        found = {number.replace(",", "") for number in NUMBER.findall(text)}
        assert {number for number in found if len(number) > 1} <= known, section.select_one("h1, h2").get_text()


def numbers(root, book, name):
    """The numbers of a chapter: of its page, and of its source, for what formulas are written with."""
    texts = parsed(book / "book" / f"{name}.html").select_one("article").get_text(" ")
    return NUMBER.findall(texts + (root / "book" / f"{name}.md").read_text(encoding="utf-8"))


def test_every_taught_chapter_has_a_lecture_and_a_sheet(root, lectures):
    sources = [(root / "book" / "lectures" / f"{name}.md").read_text() for name in LECTURES]
    used = {chapter for source in sources for chapter in yaml.safe_load(source.split("---\n")[1])["chapters"]}
    assert set(taught(root)) <= used, "it needs a slide, and its name above a lecture in book/lectures"
    for name in taught(root):
        sheet = parsed(lectures / f"sheet_{name}.html")
        assert sheet.select_one("h1").get_text() and sheet.select_one(".claim p") and sheet.select_one(".exercise p")
        assert (lectures / sheet.select_one("figure img")["src"]).is_file() and sheet.select_one("figure img")["alt"]
        assert sheet.select_one(".formula, .statement"), name


def test_all_links_lead_somewhere(lectures):
    for path in [*lectures.glob("*.html")]:
        for link in parsed(path).select("a[href], img[src], script[src], link[href]"):
            target = (link.get("href") or link.get("src")).partition("?")[0].partition("#")[0]
            assert not re.match(r"\w+:", target), (path.name, target)
            assert not target or (lectures / target).resolve().is_file(), (path.name, target)


def test_the_pack_has_every_figure_with_its_words(root, lectures):
    drawn = set()
    for chapter in (root / "book").glob("*.md"):
        notebook = notebook_of(root, f"book/{chapter.stem}")
        for cell in notebook.cells if notebook else ():
            name = cell.metadata.get("mystnb", {}).get("figure", {}).get("name")
            forms = [output.get("data", {}) for output in cell.get("outputs", ())] if name else []
            if any("image/png" in data and "text/html" not in data for data in forms):  # a film is no drawing
                drawn.add((chapter.stem, name))
    with zipfile.ZipFile(lectures / "figures.zip") as pack:
        rows = list(csv.DictReader(io.StringIO(pack.read("figures/figures.csv").decode())))
        assert {(row["chapter"], row["name"]) for row in rows} == drawn and len(drawn) > 70
        for row in rows:
            assert ET.fromstring(pack.read(row["SVG"])).tag.endswith("svg")
            assert pack.read(row["PDF"])[:5] == b"%PDF-" and pack.read(row["cell"]).strip()
            assert len(row["alternative text"]) > 40 and row["licence"] == "CC BY 4.0"
            assert row["title"].startswith("Fig.") and row["caption"], row["name"]
        assert "CC BY 4.0" in pack.read("figures/README.txt").decode()


def test_kept_notebooks_hold_no_vector_pictures(root, book):
    outputs = [output for cell in notebook_of(root, "book/toy_models").cells for output in cell.get("outputs", ())]
    forms = {form for output in outputs for form in output.get("data", ())}
    assert "image/png" in forms and not forms & {"image/svg+xml", "application/pdf"}


def test_a_part_of_a_figure_keeps_its_shape(lectures):
    for image in parsed(lectures / "09_without_training.html").select("img[style]"):
        inset = re.search(r"inset\((\d+)% (\d+)% (\d+)% (\d+)%\)", image["style"])
        top, right, bottom, left = map(int, inset.groups())
        wide, high = map(int, re.search(r"width: (\d+)px; height: (\d+)px", image["style"]).groups())
        root = ET.fromstring((lectures / image["src"]).read_bytes())
        width, height = (float(root.get(side).removesuffix("pt")) for side in ("width", "height"))
        shown = width * (100 - left - right) / (height * (100 - top - bottom))
        assert abs(wide / high / shown - 1) < 0.01 and wide <= 1240 and high <= 570


def test_the_teachers_chapter_leads_there(book):
    assert '"../lectures/index.html"' in (book / "book" / "teaching.html").read_text(encoding="utf-8")
