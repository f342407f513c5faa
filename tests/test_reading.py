"""What a chapter owes its reader: a question first, few lines of code to read, its own names for things, a way on."""

import ast
import re
from statistics import mean

import pytest
from conftest import chapters
from test_teaching_pages import TAUGHT

LINES = 110  # of visible code a chapter, on average
MENTIONS = 5  # of the paper's numbers in the running text of a chapter
ABOUT_THE_PAPER = {"book/claims": "its subject is what the paper states, number by number: a box would hold the page"}
WORDS = 90  # at the end of a chapter
PROSE = 35_000  # words in the chapters from the toy models to the four paths, apart from what is folded or set aside
SPLIT = {"book/valley_shapes", "book/slow_flow_up_close"}  # once parts of others of the fifteen

CELL = re.compile(r"^```\{code-cell\} ipython3\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BOX = re.compile(
    r"^:::\{admonition\} What this says about the paper\n:class: paper\n.*?^:::$", re.MULTILINE | re.DOTALL
)
SOLUTION = re.compile(
    r"^`{3}\{solution-start\}.*?\{solution-end\}\n`{3}$|^(`{3,4})\{solution\}.*?^\1$", re.MULTILINE | re.DOTALL
)
EXERCISE = re.compile(r"^`{3,}\{exercise\}[^\n]*\n:label: (ex-[\w-]+)\n\n(.*?)^`{3,}$", re.MULTILINE | re.DOTALL)
MARK = re.compile(r"\*(Warm-up|Easy|Medium|Hard), (\d+) minutes\.\*")
END = re.compile(
    r"\n## Now you know\n\n(.+)\n\n\*\*Still open\.\*\* (.+)\n\n\*\*Next\.\*\* (.*\]\(\w+\.md\).+)\n\Z", re.DOTALL
)
BARE = re.compile(r"(?<![\w.)\]}\\])\.\d")  # .98 for 0.98
NUMBERED = re.compile(
    r"\b(?:(?:Theorem|Lemma|Corollary|Definition|Assumption|Remark)s? (?:[3-7]|[A-E])\.\d"
    r"|(?:[Ff]ig(?:ure)?s?\.?|[Ee]q(?:uation)?s?\.?|[Ss]ections?|Appendi(?:x|ces)) (?:\d|[A-E]\b))"
)


ASIDE = {  # what is counted apart, in this order: none is in another
    "box": BOX,
    "solution": SOLUTION,
    "exercise": re.compile(r"^(`{3,})\{exercise\}.*?^\1$", re.MULTILINE | re.DOTALL),
    "folded": re.compile(r"^(:{3,}|`{3,})\{admonition\}[^\n]*\n:class: dropdown.*?^\1$", re.MULTILINE | re.DOTALL),
}


@pytest.fixture(params=TAUGHT)
def source(root, request):
    return read(root, request.param)


def read(root, page):
    return (root / f"{page}.md").read_text(encoding="utf-8")


def folded(cell):
    return "hide-input" in cell or "[explorer]" in cell


def visible_lines(source):
    """Lines of code on the open page: neither folded, nor in a solution, nor an explorer's."""
    cells = [cell for cell in CELL.findall(SOLUTION.sub("", source)) if not folded(cell)]
    return sum(bool(line.strip()) and not line.startswith(":") for cell in cells for line in cell.splitlines())


def mentions(source):
    """The paper's numbers outside its box: in prose, titles, captions and code; not in tags, labels and the index."""
    return NUMBERED.findall(re.sub(r"^```\{index\}.*?^```$", "", BOX.sub("", source), flags=re.MULTILINE | re.DOTALL))


def words(text):
    return len(re.sub(r"\$[^$]+\$", "formula", text).split())


def counted(source):
    """Words of the prose, and of what is set aside; a formula in a line is a word, code is none."""
    text = re.sub(r"\A---\n.*?\n---\n|^```\{index\}.*?^```$|\$\$.*?\$\$", "", CELL.sub("", source), flags=re.M | re.S)
    counts = {}
    for name, pattern in ASIDE.items():
        counts[name] = sum(words(found[0]) for found in pattern.finditer(text))
        text = pattern.sub("", text)
    return counts | {"prose": words(text)}


def test_the_argument_is_told_in_few_words(root):
    start, end = TAUGHT.index("book/toy_models"), TAUGHT.index("book/four_paths")
    chapters = TAUGHT[start : end + 1]
    assert len(chapters) == 15 + len(SPLIT) and SPLIT < set(chapters)
    counts = {page: counted(read(root, page)) for page in chapters}
    assert sum(count["prose"] for count in counts.values()) <= PROSE, counts
    assert all(sum(count[name] for count in counts.values()) > 200 for name in ASIDE), counts


def test_a_chapter_opens_with_a_question(source):
    opening = source.partition(":::{admonition} After this chapter you can")[0]
    assert "?" in opening and not mentions(opening)
    text = re.sub(r"\A---.*?\n# [^\n]+\n|^```\{index\}.*?^```$", "", opening, flags=re.MULTILINE | re.DOTALL)
    assert 50 <= words(text) <= 150, words(text)


def test_a_chapter_ends_with_what_one_knows_what_is_open_and_what_comes_next(source):
    end = END.search(source)
    assert end and "\n## Summary" not in source
    assert words(" ".join(end.groups())) <= WORDS


@pytest.mark.parametrize("page", [page for page in TAUGHT if page not in ABOUT_THE_PAPER])
def test_a_chapter_speaks_of_the_paper_in_one_box_at_its_end(root, page):
    source = read(root, page)
    for box in BOX.finditer(source):
        assert source[box.end() :].startswith("\n\n## Now you know\n")
    found = mentions(source)
    assert len(found) <= MENTIONS, found


@pytest.mark.parametrize("page", chapters())
def test_a_decimal_begins_with_its_zero(root, page):
    assert not [line for line in CELL.sub("", read(root, page)).splitlines() if BARE.search(line)]


def test_visible_code_is_short(root):
    lines = {page: visible_lines(read(root, page)) for page in TAUGHT}
    assert mean(lines.values()) <= LINES, lines


@pytest.mark.filterwarnings("error")
def test_strings_with_formulas_are_raw(source):
    """Neither an escape that Python does not know, nor one that it takes for a tab or a backspace."""
    for cell in CELL.findall(source):
        code = re.sub(r"\A---\n.*?\n---\n|\A(?::[^\n]*\n)+", "", cell, flags=re.DOTALL)
        texts = [node.value for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Constant)]
        assert not [text for text in texts if isinstance(text, str) and set(text) & set("\a\b\f\r\t\v")]


def test_a_folded_cell_is_closed_everywhere_and_says_what_it_does(source):
    for cell in CELL.findall(source):
        if "hide-input" in cell:
            code = re.sub(r"\A---\n.*?\n---\n|\A(?::[^\n]*\n)+\n", "", cell, flags=re.DOTALL)
            assert re.match(r"# (about \d+ s on two cores: )?\w.{15,}\n", code), code[:200]
            assert re.search(r"^:?jupyter: \{source_hidden: true\}$", cell, re.MULTILINE), code[:200]


def test_exercises_say_how_hard_and_how_long_and_one_is_a_warm_up(source):
    marks = [(label, MARK.match(text)) for label, text in EXERCISE.findall(source)]
    assert all(mark for _, mark in marks), [label for label, mark in marks if not mark]
    assert any(mark[1] == "Warm-up" and int(mark[2]) <= 3 for _, mark in marks)
    hard = [text for _, text in EXERCISE.findall(source) if text.startswith("*Hard")]
    assert all("Hint:" in text for text in hard)


def test_the_counts_count():
    cell = "```{code-cell} ipython3\n:tags: [x]\n\na = 1\n\nassert a\n```"
    hidden = cell.replace("[x]", "[hide-input]")
    solution = f"```{{solution-start}} ex-a\n:class: dropdown\n```\n\n{cell}\n\n```{{solution-end}}\n```"
    assert visible_lines(f"{cell}\n\n{hidden}\n\n{solution}\n") == 2
    index = "```{index} !theorem 4.8 (paper), figure 3 (paper)\n```"
    box = ":::{admonition} What this says about the paper\n:class: paper\n\nFig. 1 and eq. 20.\n:::"
    text = f"{index}\n\n{box}\n\nTheorem 4.8, eqs 8 to 10, Fig. 3, section 4.6, Appendix D; \\tag{{3}}, Theorem A.\n"
    assert len(mentions(text)) == 5
    assert words("one $a + b$ two") == 3
    assert BARE.search("from .98 on") and BARE.search("|.98") and not BARE.search("0.98 and F.1")
    folded = ":::{admonition} The proof\n:class: dropdown\n\nIt is so.\n:::"
    exercise = "```{exercise} A\n:label: ex-a\n\nDo it now.\n```"
    found = counted(
        f"---\na: b\n---\nSay $x$.\n\n{index}\n\n{box}\n\n{cell}\n\n{exercise}\n\n{folded}\n\n$$\na b c\n$$\n"
    )
    assert found["prose"] == 2 and all(found[name] > 2 for name in ("box", "exercise", "folded"))
