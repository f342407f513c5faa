"""What a course needs of each page: goals, prerequisites, exercises with solutions, a summary, the map."""

import re

import pytest
import yaml
from conftest import chapters
from pages import load, parse

FRONT = "book/intro"  # says under "How to read" what the book needs
LOOKED_UP = {  # pages that teach nothing new about grokking, and have no exercises
    "book/fifteen_minutes": "it tells in pictures what the chapters teach",
    "book/why": "it says in one place what the chapters show",
    "book/explore": "its table says what to try",
    "book/teaching": "for teachers; its exercises are the problem sets",
    "book/map": "it repeats what the chapters prove",
    "book/notation": "a table",
    "book/glossary": "a list of words",
    "book/genindex": "a list of places",
    "book/api": "docstrings",
    "book/references": "a list",
}
REPEATS = {"book/errata"}  # has exercises, and sends to the chapters for the rest
TAUGHT = [page for page in chapters() if page not in {FRONT, *LOOKED_UP, *REPEATS}]
VERBS = {
    "check", "choose", "compare", "compute", "construct", "convert", "count", "decide", "derive", "estimate",
    "explain", "find", "implement", "measure", "name", "predict", "prove", "read", "run", "split",
}  # fmt: skip
GOALS = re.compile(
    r"^:::\{admonition\} After this chapter you can\n:class: goals\n\n((?:- .+\n)+)\nIt needs (.+)\.\n:::$",
    re.MULTILINE,
)
EXERCISE = re.compile(r"^`{3,}\{exercise\}.*\n:label: (ex-[\w-]+)$", re.MULTILINE)
SOLUTION = re.compile(r"^`{3,}\{solution(?:-start)?\} (ex-[\w-]+)\n:class: dropdown$", re.MULTILINE)
SOLUTION_WITH_CELLS = re.compile(r"\{solution-start\} ex-.*?\{solution-end\}", re.DOTALL)
# A theorem or the like, and the proof that stands right after it.
RESULT = re.compile(
    r"^```\{prf:(theorem|proposition|lemma|corollary|conjecture)\}.*?^:label: ([\w-]+)$.*?^```$"
    r"(?:\n+```\{prf:proof\}.*?^```$)?",
    re.MULTILINE | re.DOTALL,
)
SAME_THEOREM = {"thm-orthogonality-stated", "cor-orthogonality"}  # on the map as thm-orthogonality
TEXT_HEIGHTS = """() => [...document.querySelectorAll(".argument-map tspan")]
    .map((text) => parseFloat(getComputedStyle(text).fontSize) * text.ownerSVGElement.getScreenCTM().a)"""
CUT_TITLES = """() => [...document.querySelectorAll(".argument-map tspan.title")].filter((title) => {
    const box = title.closest("a"), mark = box.nextElementSibling?.querySelector("circle");
    const edge = mark ? mark.getBoundingClientRect().left : box.querySelector("rect").getBoundingClientRect().right;
    return !(title.getBoundingClientRect().right < edge);
}).map((title) => title.textContent)"""


@pytest.fixture
def source(root, chapter):
    return (root / f"{chapter}.md").read_text(encoding="utf-8")


@pytest.fixture
def sources(root):
    return "\n".join((root / f"{chapter}.md").read_text(encoding="utf-8") for chapter in chapters())


@pytest.fixture
def summaries(root):
    return yaml.safe_load((root / "book" / "summaries.yml").read_text(encoding="utf-8"))


@pytest.fixture
def entries(root):
    return yaml.safe_load((root / "book" / "map.yml").read_text(encoding="utf-8"))


def parsed(book, page):
    return parse(book / f"{page}.html")


def leads(entry):
    """The labels that lead to an entry of the map."""
    return {label for kind in ("uses", "assumes", "tests") for label in entry.get(kind, {})}


def test_goals_can_be_tested_and_prerequisites_are_named(source, chapter):
    if chapter not in TAUGHT:
        assert "You need " in source if chapter == FRONT else "It needs " in source or chapter == "book/references"
        return
    block = GOALS.search(source)
    assert block, f"{chapter}.md: no block of goals and prerequisites"
    assert source.count(":class: goals") == 1
    assert block.start() < source.index("```{code-cell}"), "it stands before the imports"
    goals = block[1].strip().splitlines()
    assert 2 <= len(goals) <= 4
    assert {goal.split()[1].rstrip(",") for goal in goals} <= VERBS
    assert ".md)" in block[2] or "{prf:ref}" in block[2] or "no other chapter" in block[2]


def test_exercises_have_solutions_that_unfold(source, chapter):
    exercises = EXERCISE.findall(source)
    assert sorted(exercises) == sorted(SOLUTION.findall(source))
    assert len(set(exercises)) == len(exercises)
    if chapter in TAUGHT:
        assert 2 <= len(exercises) <= 6
        assert any("{code-cell}" in text for text in SOLUTION_WITH_CELLS.findall(source)), "no solution runs"
    if chapter in LOOKED_UP:
        assert not exercises, f"{chapter} has exercises now: take it out of LOOKED_UP"


def test_solutions_are_closed_on_the_page(book, chapter, source):
    page, written = parsed(book, chapter), EXERCISE.findall(source)
    assert len(page.select("div.exercise")) == len(page.select("div.solution.dropdown")) == len(written)


def test_every_page_has_a_summary(summaries):
    assert list(summaries) == chapters(), "book/summaries.yml: one line for each page of _toc.yml, in its order"
    assert len(set(summaries.values())) == len(summaries)
    for page, line in summaries.items():
        assert re.fullmatch(r"[A-Z][^$`*_{}\n]{20,115}\.", line), f"{page}: {line}"


def test_the_introduction_lists_the_chapters_with_their_summaries(root, summaries):
    text = (root / "book" / "intro.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\[[^\]]+\]\((\w+)\.md\)\n: ((?:.+\n)+)", text, re.MULTILINE)
    assert {f"book/{name}": " ".join(line.split()) for name, line in listed} == {
        page: line for page, line in summaries.items() if page != FRONT
    }
    assert [f"book/{name}" for name, _ in listed] == [page for page in chapters() if page != FRONT]


def test_the_boxes_at_the_foot_of_a_page_say_what_comes_next(book, chapter, summaries):
    page, order = parsed(book, chapter), chapters()
    here = order.index(chapter)
    for side, neighbour in (("left-prev", here - 1), ("right-next", here + 1)):
        shown = [element.get_text() for element in page.select(f".prev-next-area .{side} .prev-next-summary")]
        assert shown == ([summaries[order[neighbour]]] if 0 <= neighbour < len(order) else [])


def test_a_page_describes_itself(book, chapter, summaries):
    (description,) = parsed(book, chapter).select('meta[name="description"]')
    assert description["content"] == summaries[chapter]


def test_every_label_on_the_map_is_in_a_chapter(entries, sources):
    for entry in entries:
        for label in {entry["label"], entry.get("measured", entry["label"])}:
            written = rf"^:label: {label}$|^ *name: {label}$|^\({label}\)=$|^\$\$ \({label}\)$"
            assert len(re.findall(written, sources, re.MULTILINE)) == 1, label


def test_every_theorem_is_on_the_map(entries, sources):
    results = {label for _, label in RESULT.findall(sources)}
    assert len(results) > 25
    assert results - SAME_THEOREM <= {entry["label"] for entry in entries}


def test_what_a_theorem_or_its_proof_cites_leads_to_it(entries, sources):
    known = {entry["label"]: entry for entry in entries}
    seen = 0
    for result in RESULT.finditer(sources):
        cited = set(re.findall(r"\{(?:prf:ref|eq)\}`(?:[^`<]*<)?([\w-]+)>?`", result[0])) & known.keys() - {result[2]}
        if result[2] in known:
            assert cited <= leads(known[result[2]]), f"{result[2]} cites {cited}"
            seen += len(cited)
    assert seen > 5


def test_the_map_leads_downwards_and_no_box_hides_another(entries):
    row = {entry["label"]: entry["at"][1] for entry in entries}
    assert len({tuple(entry["at"]) for entry in entries}) == len(row) == len(entries)
    for entry in entries:
        assert entry["kind"] in {"paper", "repaired", "ours", "measured"}
        assert all(row[label] < row[entry["label"]] for label in leads(entry)), entry["label"]


def test_the_map_at_the_front_has_six_boxes_of_the_whole_map(root, entries):
    front = yaml.safe_load((root / "book" / "map_front.yml").read_text(encoding="utf-8"))
    assert len(front) == 6 and {entry["label"] for entry in front} <= {entry["label"] for entry in entries}
    kinds = {entry["label"]: entry["kind"] for entry in entries}
    assert all(entry["kind"] == kinds[entry["label"]] for entry in front)
    test_the_map_leads_downwards_and_no_box_hides_another(front)
    assert "```{argument-map} map_front.yml\n```" in (root / f"{FRONT}.md").read_text(encoding="utf-8")


def test_the_map_is_there_as_a_picture_and_in_words(book, entries):
    page = parsed(book, "book/map")
    lines = sum(len(leads(entry)) for entry in entries)
    assert len(page.select(".argument-map a:not(.mark)[href] rect")) == len(entries)
    assert len(page.select(".argument-map g path")) == lines
    items = page.select("ol.argument > li")
    assert [item.select_one("strong a").get_text() for item in items] == [entry["title"] for entry in entries]
    assert len(page.select("ol.argument > li > ul > li")) == lines


@pytest.mark.browser
@pytest.mark.parametrize("width", [390, 1300])
def test_the_map_is_legible(browser, server, width):
    page = browser.new_page(viewport={"width": width, "height": 900})
    load(page, f"{server}book/map.html")
    sizes, cut = page.evaluate(TEXT_HEIGHTS), page.evaluate(CUT_TITLES)
    page.close()
    assert len(sizes) > 80 and min(sizes) >= 9
    assert not cut  # each title ends inside its box, before the mark
