"""The errata page: one heading for each item, a check under it, and a table that agrees with the items."""

import re
from collections import Counter

import pytest


@pytest.fixture
def page(root):
    return (root / "book" / "errata.md").read_text(encoding="utf-8")


@pytest.fixture
def items(page):
    """Label, number and text of each erratum: a heading of the second level that begins with a number."""
    found = re.findall(
        r"^\((erratum-\w+)\)=\n## (\d+)\. .+?\n(.*?)(?=^## |^\([\w-]+\)=$|\Z)", page, re.MULTILINE | re.DOTALL
    )
    assert len(found) == len(re.findall(r"^## \d", page, re.MULTILINE)) > 20
    return found


@pytest.fixture
def rows(page):
    """Number, label, effect and chapter of each line of the table."""
    line = r"^\| \{ref\}`(\d+) <(erratum-\w+)>` \| [^|]+ \| [^|]+ \| ([^|]+) \| \[[^\]]+\]\((\w+)\.md\) \|$"
    return re.findall(line, page, re.MULTILINE)


def test_each_erratum_has_a_cell_that_asserts(items):
    for label, number, text in items:
        cells = re.findall(r"^```\{code-cell\} ipython3\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
        assert any("assert " in cell for cell in cells), f"{number}, {label}: no cell asserts it"


def test_each_erratum_says_what_is_printed_what_is_right_and_what_follows(items):
    for label, number, text in items:
        for part in ("**Printed**", "**Correction.**", "**Effect.**"):
            assert text.count(part) == 1, f"{number}, {label}: {part}"


def test_errata_are_numbered_in_order_and_listed(items, rows):
    assert [int(number) for _, number, _ in items] == list(range(1, len(items) + 1))
    assert [(number, label) for label, number, _ in items] == [(number, label) for number, label, _, _ in rows]


def test_the_summary_counts_what_the_table_lists(page, rows):
    effects = Counter(effect for _, _, effect, _ in rows)
    assert effects == {"none": 11, "repaired": 10, "changes the reading": 3, "depends on the start": 1}
    summary = page.split("## Summary")[1]
    for words in (
        "Twenty-five items",
        "eleven with no effect",
        "ten that a repair mends",
        "three that change",
        "one whose",
    ):
        assert words in summary


def test_what_is_no_erratum_keeps_its_place_on_the_page(page):
    """Items that were withdrawn are remarks, points that look wrong, or ambiguities: chapters may link to them."""
    after = page.split("(not-errors)=")[1]
    assert re.findall(r"^\((erratum-\w+)\)=$", after, re.MULTILINE) == [
        "erratum-rank",
        "erratum-lemma",
        "erratum-force",
        "erratum-guessing",
        "erratum-similar",
        "erratum-planes",
    ]


def test_each_linked_chapter_exists(page, root):
    linked = set(re.findall(r"\]\((\w+)\.md\)", page))
    assert len(linked) > 5
    for chapter in sorted(linked):
        assert (root / "book" / f"{chapter}.md").exists(), f"no chapter {chapter}"
