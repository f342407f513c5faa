"""The ledger: quick claims are tested anew, stored verdicts are fresh, no number of the paper is left out, and the
chapters say what the ledger says."""

import math
import re
from dataclasses import replace

import pytest
from conftest import built_after, chapters, notebook_of

from grokutil.claims import (
    ABOUT,
    CORRECTED,
    FAILS,
    HOLDS,
    LEDGER,
    NOT_REPRODUCED,
    NOT_TESTABLE,
    OURS,
    OUTCOMES,
    PAPER,
    REPRODUCED,
    REVIEWERS,
    THE_PAPERS,
    WHOSE,
    Claim,
    Verdict,
    about,
    figure_6,
    fourier_circles,
    numbers,
    simulated_grokking,
)
from grokutil.claims import __main__ as command
from grokutil.claims.page import (
    Verdicts,
    anchor,
    claims_table,
    counts_table,
    escape,
    numbers_tables,
    readable,
    reasons_table,
    seeds,
    untested,
)
from grokutil.claims.stored import StaleError, fingerprint, group, groups, stored, stored_verdict
from grokutil.measure import crossing_time
from grokutil.results import load

TESTED = [claim for claim in LEDGER if claim.measure]
QUICK = [claim for claim in TESTED if not claim.long]
LONG = [claim for claim in TESTED if claim.long]
BY_ID = {claim.id: claim for claim in LEDGER}
BY_ANCHOR = {anchor(claim): claim for claim in LEDGER}
LINK = re.compile(r"\[\*?([^\]*]+)\*?\]\(#(claim-[\w-]+)\)")
WORDS = "|".join(sorted(set(OUTCOMES) - {NOT_TESTABLE}, key=len, reverse=True))
UNLINKED = re.compile(rf"(?<!\[)\*({WORDS})\*(?!\])|\| ({WORDS})\b")
EXPLAINED = {"book/intro": 5, "book/claims": 6}  # where verdicts are only named


@pytest.fixture(scope="module")
def sweep():
    return stored()


@pytest.fixture(scope="module")
def checked(root):
    """What the chapter found in the build, by id; nothing if it was not built, or if anything changed since."""
    if not built_after(root, root / "grokutil", root / "book" / "claims.md"):
        return {}
    outputs = [output.get("data", {}) for cell in notebook_of(root, "book/claims").cells for output in cell.outputs]
    (found,) = (data[Verdicts.MIME] for data in outputs if Verdicts.MIME in data)
    return {
        name: Verdict(outcome, math.nan if number is None else number, 0.0) for name, (outcome, number) in found.items()
    }


@pytest.mark.parametrize("claim", QUICK, ids=lambda c: c.id)
def test_a_quick_claim_has_the_verdict_the_book_reports(claim, checked):
    verdict = checked.get(claim.id) or claim.check()
    assert verdict.outcome == claim.expected
    assert (verdict.measured <= claim.limit) == (claim.expected not in (FAILS, NOT_REPRODUCED))


@pytest.mark.parametrize("claim", LONG, ids=lambda c: c.id)
def test_a_stored_verdict_is_that_of_the_check_as_it_is(claim, sweep):
    assert stored_verdict(claim, sweep).outcome == claim.expected


def test_the_stored_numbers_of_fig_6_are_those_of_the_stored_runs(sweep):
    """The runs of simulated_grokking were made by another program, with other records."""
    for seed in range(5):
        (cell,) = sweep.where(group=figure_6.SHARED, seed=seed).results
        run, _ = load("simulated_grokking", f"published_{seed}")
        tau, accuracy = run["times"], run["test_accuracy"]
        most = crossing_time(tau, accuracy, 0.95)
        assert cell["figure-6a-generalises"]["measured"] == pytest.approx(abs(math.log2(most / 2)), abs=0.06)
        assert cell["figure-6a-chance"]["measured"] <= accuracy[tau <= 0.5].max() + 0.01
        between = run["between"][-1] / run["between"][0]
        assert cell["figure-6d-between"]["measured"] == pytest.approx(between, rel=0.02)


@pytest.mark.slow
def test_a_stored_number_is_computed_again(sweep):
    for name in ("section-4.4-gap", "theorem-4.8"):
        claim = BY_ID[name]
        (cell,) = sweep.where(group=group(claim), seed=1).results
        assert claim.numbers(1)[0] == pytest.approx(cell[name]["measured"], rel=0.02)


def test_a_stored_verdict_of_another_check_is_refused(sweep):
    claim = LONG[0]
    with pytest.raises(StaleError, match="older check: `python -m grokutil.results claims` makes it again"):
        stored_verdict(replace(claim, limit=2 * claim.limit + 1), sweep)
    with pytest.raises(StaleError, match="is missing"):
        stored_verdict(replace(claim, id="no-such-claim"), sweep)


def test_a_fingerprint_changes_with_all_that_the_check_consists_of(monkeypatch):
    chance, order, other = (BY_ID[name] for name in ("figure-6a-chance", "section-7.3.2-order", "eq-18"))
    before = [fingerprint(claim) for claim in (chance, order, other)]
    assert len(set(before)) == 3
    assert fingerprint(replace(chance, limit=0.2)) != before[0]
    assert fingerprint(replace(chance, seeds=(0,))) != before[0]
    assert fingerprint(replace(chance, statement="in other words")) == before[0]
    with monkeypatch.context() as patch:
        patch.setattr(figure_6, "TIMES", (0.0, 1.0))  # a constant of the shared run
        assert fingerprint(chance) != before[0] and fingerprint(order) != before[1]
        assert fingerprint(other) == before[2]
    with monkeypatch.context() as patch:
        patch.setattr(simulated_grokking, "_test_accuracy", fourier_circles._features)  # a function that it calls
        assert fingerprint(chance) != before[0] and fingerprint(order) == before[1]


def test_records_are_complete(root):
    assert len(BY_ID) == len(BY_ANCHOR) == len(LEDGER)
    assert {claim.expected for claim in LEDGER} >= {HOLDS, CORRECTED, REPRODUCED, NOT_REPRODUCED, NOT_TESTABLE}
    for claim in LEDGER:
        assert claim.expected in OUTCOMES and claim.seconds > 0
        assert (root / "book" / f"{claim.chapter}.md").exists(), f"{claim.id}: no chapter {claim.chapter}"
    assert all(claim.seeds == (0, 1, 2, 3, 4) for claim in LONG), "the stored results have five seeds of each"


def test_each_claim_about_fig_6_is_checked_over_five_seeds():
    about = [claim for claim in TESTED if "Fig. 6" in numbers(claim.source) and claim.shares]
    assert len(about) > 8 and all(len(claim.seeds) == 5 for claim in about)


def test_entries_say_whose_statement_they_test():
    assert {claim.whose for claim in LEDGER} == set(WHOSE)
    assert all(claim.whose == THE_PAPERS for claim in LEDGER if claim.expected in (FAILS, NOT_TESTABLE))
    for claim in LEDGER:
        assert (claim.whose == REVIEWERS) == claim.source.startswith("question "), claim.id


def test_what_describes_a_picture_is_reproduced_or_not():
    for claim in LEDGER:
        if claim.measure:
            assert claim.figure == (claim.expected in (REPRODUCED, NOT_REPRODUCED)), claim.id
        if claim.figure:
            assert claim.whose == THE_PAPERS and "Fig" in claim.source, claim.id


def claim(**changes):
    return Claim(**dict(id="x", source="eq. 1", statement="s", expected=HOLDS, chapter="errata") | changes)


def test_a_claim_has_a_measure_or_a_reason():
    measured = dict(measure=lambda: (0.0, None), limit=1.0, tolerance="why")
    assert claim(**measured).check().outcome == HOLDS
    untested = claim(expected=NOT_TESTABLE, reason="a name").check()
    assert untested.outcome == NOT_TESTABLE and math.isnan(untested.measured)
    for changes in (
        {},
        measured | {"reason": "both"},
        measured | {"expected": NOT_TESTABLE},
        measured | {"tolerance": ""},
        measured | {"limit": math.nan},
        measured | {"expected": "maybe"},
        measured | {"whose": "nobody's"},
        measured | {"expected": FAILS, "whose": OURS},
        measured | {"figure": True},
        measured | {"expected": REPRODUCED},
        {"reason": "a name"},
    ):
        with pytest.raises(ValueError, match="x: "):
            claim(**changes)
    with pytest.raises(ValueError, match="x is not tested: a name"):
        claim(expected=NOT_TESTABLE, reason="a name").numbers()


def test_a_verdict_follows_the_number():
    one = claim(measure=lambda: (0.5, None), limit=1.0, tolerance="why")
    assert one.check().outcome == HOLDS
    assert replace(one, measure=lambda: (2.0, None)).check().outcome == FAILS
    assert replace(one, measure=lambda: (2.0, 0.5)).check().outcome == CORRECTED
    assert replace(one, measure=lambda: (2.0, 3.0)).check().outcome == FAILS
    assert replace(one, measure=lambda: (float("nan"), None)).check().outcome == FAILS
    picture = replace(one, figure=True, expected=REPRODUCED)
    assert picture.check().outcome == REPRODUCED
    assert replace(picture, measure=lambda: (2.0, None)).check().outcome == NOT_REPRODUCED
    assert replace(picture, measure=lambda: (float("nan"), None)).check().outcome == NOT_REPRODUCED


def test_about_is_within_a_factor_of_two():
    assert about(1000, 1000) == 0 and about(2000, 1000) == about(500, 1000) == ABOUT
    assert about(3, 2, 5) == 0 and about(10, 2, 5) == about(1, 2, 5) == ABOUT < about(10.1, 2, 5)
    assert about(math.inf, 1) == about(0, 1) == about(math.nan, 1) == math.inf
    for wrong in ((0, 1), (2, 1), (-1, None)):
        with pytest.raises(ValueError, match="least and most must be positive and in order"):
            about(1, *wrong)


def test_the_worst_seed_decides():
    numbers_of = {0: (0.1, 0.2), 1: (2.0, 0.3), 2: (0.2, 0.1)}
    one = claim(measure=numbers_of.__getitem__, limit=1.0, tolerance="why", seeds=(0, 2))
    assert one.check().outcome == HOLDS and one.check().measured == 0.2
    worse = replace(one, seeds=(0, 1, 2)).check()
    assert worse.outcome == CORRECTED and worse.measured == 0.3
    for bad in ((math.nan, None), (2.0, 3.0), (2.0, None)):
        assert replace(one, measure=(numbers_of | {1: bad}).__getitem__, seeds=(0, 1)).check().outcome == FAILS


@pytest.mark.parametrize(
    "source, expected",
    [
        ("eqs 8-11", {"eq. 8", "eq. 9", "eq. 10", "eq. 11"}),
        ("Theorem 4.8, eq. 4", {"Theorem 4.8", "eq. 4"}),
        ("Figs 5 and 7, abstract", {"Fig. 5", "Fig. 7", "abstract"}),
        ("Assumption 4.5 and section 4.6", {"Assumption 4.5", "section 4.6"}),
        ("Defs 4.11-4.13", {"Definition 4.11", "Definition 4.12", "Definition 4.13"}),
        ("section 6.1, eqs 1, 12, and 13", {"section 6.1", "eq. 1", "eq. 12", "eq. 13"}),
        ("Appendices A-C, caption of Fig. 6, left", {"Appendix A", "Appendix B", "Appendix C", "Fig. 6"}),
        ("question 3, on section 5", {"question 3", "section 5"}),
        ("our solution", set()),
    ],
)
def test_numbers_reads_a_source(source, expected):
    assert numbers(source) == expected <= set(PAPER)


def test_numbers_refuses_what_the_paper_does_not_have():
    for source, unknown in (("eq. 30", "eq. 30"), ("Theorem 4.9", "Theorem 4.9"), ("Figs 5-8", "Fig. 8")):
        with pytest.raises(ValueError, match=f"the paper has no {unknown}"):
            numbers(source)


def test_every_number_of_the_paper_has_an_entry():
    covered = set().union(*(numbers(claim.source) for claim in LEDGER))
    assert len(PAPER) > 90
    assert not set(PAPER) - covered
    assert all(numbers(claim.source) for claim in LEDGER)


def test_every_number_is_tested_or_has_a_reason():
    """By an entry of the paper's own; a definition or a quotation says why not."""
    reasoned = set().union(*(numbers(claim.source) for claim in LEDGER if not claim.measure))
    assert set(untested(LEDGER)) <= reasoned
    assert {label.split()[0] for label in untested(LEDGER)} <= {"eq.", "Definition", "section"}
    assert {label for label in untested(LEDGER) if label.startswith("eq.")} == {"eq. 6", "eq. 23", "eq. 24"}
    assert "eq. 15" in untested(claim for claim in LEDGER if "eq. 15" not in numbers(claim.source))
    assert "eq. 15" in untested(replace(c, whose=OURS) for c in LEDGER if c.expected != FAILS)


def test_the_questions_of_the_reviewers_are_entries():
    for k in range(1, 9):
        (claim,) = [claim for claim in LEDGER if claim.id.startswith(f"question-{k}-")]
        assert f"question {k}" in numbers(claim.source) and claim.measure


@pytest.fixture
def page(root, chapter):
    return (root / f"{chapter}.md").read_text(encoding="utf-8")


def verdicts_in(text):
    """Word and claim of each link to the ledger: the link's own word, or the last verdict before it in its block."""
    for block in re.split(r"\n\s*\n|\n(?=[|\d-])", text):
        word = None
        for said, target in LINK.findall(block):
            word = said if said in OUTCOMES else word
            yield word, target


def test_a_chapter_says_what_the_ledger_says(page, chapter):
    for word, target in verdicts_in(page):
        assert target in BY_ANCHOR, f"{chapter}: the ledger has no {target}"
        assert word == BY_ANCHOR[target].expected, f"{chapter}: {word}, but the ledger on {target}: {BY_ANCHOR[target]}"


def test_a_chapter_links_its_verdicts_to_the_ledger(page, chapter):
    assert len(UNLINKED.findall(page)) == EXPLAINED.get(chapter, 0), "a verdict without a link to its entry"


def test_chapters_have_verdicts(root):
    pages = {page: (root / f"{page}.md").read_text(encoding="utf-8") for page in chapters()}
    linked = {page for page, text in pages.items() if LINK.search(text)}
    assert len(linked) > 12
    assert sum(len(LINK.findall(text)) for text in pages.values()) > 60


def test_each_erratum_has_an_entry(root):
    page = (root / "book" / "errata.md").read_text(encoding="utf-8")
    items = re.split(r"^\(erratum-(\w+)\)=$", page.split("(not-errors)=")[0], flags=re.MULTILINE)[1:]
    assert len(items) == 2 * 25
    for label, text in zip(items[::2], items[1::2], strict=True):
        assert LINK.search(text), f"erratum-{label} has no entry in the ledger"


def test_agreement_would_be_missed():
    """The two searches do find a verdict that disagrees, or has no link."""
    assert list(
        verdicts_in("Verdict: [*holds*](#claim-eq-15), also [its clock](#claim-eq-20-clock).\n\n[x](#claim-y)")
    ) == [
        ("holds", "claim-eq-15"),
        ("holds", "claim-eq-20-clock"),
        (None, "claim-y"),
    ]
    assert UNLINKED.findall("Verdict: *holds*.") and UNLINKED.findall("| measured | holds |")
    assert UNLINKED.findall("Fig. 2: *not reproduced as described*.")
    assert not UNLINKED.findall("[*holds*](#claim-eq-15) | [holds](#claim-eq-15) |")


def test_the_tables_of_the_page_have_every_entry():
    verdicts = {claim.id: Verdict(claim.expected, 0.25, 1.0) for claim in LEDGER}
    tested, untested = claims_table("All", TESTED, verdicts), reasons_table(c for c in LEDGER if not c.measure)
    for claim in LEDGER:
        row = f"{{#{anchor(claim)} "
        assert (row in tested) == bool(claim.measure) and (row in untested) == (not claim.measure)
    linked = set(re.findall(r"\(#(claim-[\w-]+)\)", numbers_tables(LEDGER)))
    assert linked == set(BY_ANCHOR)


def test_the_counts_tell_the_paper_the_reviewers_and_the_book_apart():
    verdicts = {claim.id: Verdict(claim.expected, 0.25, 1.0) for claim in LEDGER}
    lines = counts_table("All", LEDGER, verdicts).splitlines()
    rows = [line.strip("| ").split(" | ") for line in lines if line.startswith("| ")][2:]
    assert [row[0] for row in rows] == list(WHOSE)
    for whose, *cells, total in rows:
        found = [claim for claim in LEDGER if claim.whose == whose]
        assert int(total) == len(found) > 7
        assert [0 if cell == "–" else int(cell) for cell in cells] == [
            sum(claim.expected == outcome for claim in found) for outcome in OUTCOMES
        ]


def test_an_executed_page_gives_its_verdicts_to_programs():
    verdicts = {"a": Verdict(HOLDS, 0.25, 1.0), "b": Verdict(NOT_TESTABLE, math.nan, 0.0)}
    data = Verdicts(verdicts)._repr_mimebundle_(include=None, exclude=None)
    assert data[Verdicts.MIME] == {"a": [HOLDS, 0.25], "b": [NOT_TESTABLE, None]} and data["text/plain"] == ""


def test_the_page_writes_numbers_and_text_for_readers():
    assert [readable(x) for x in (0.0, 1.0, 0.0123, 5000.0, 1e-12, 2.5e6, math.nan)] == [
        "0", "1", "0.0123", "5000", "1e-12", "2.5e6", "none",
    ]  # fmt: skip
    assert seeds((0, 1, 2, 3, 4)) == "0 to 4" and seeds((2,)) == "2" and seeds((0, 2)) == "0, 2"
    assert escape("|F_k|^2 [a]") == r"\|F\_k\|\^2 \[a\]"


def test_the_command_selects_by_id_and_chapter():
    assert command.selected([]) == LEDGER
    assert [claim.id for claim in command.selected(["eq-18"])] == ["eq-18"]
    assert {claim.chapter for claim in command.selected(["four_paths", "eq-18"])} == {"four_paths", "closed_form"}
    with pytest.raises(ValueError, match="'eq-99' is neither an id nor a chapter"):
        command.selected(["eq-99"])
    with pytest.raises(ValueError, match="perhaps .*eq-20-clock"):
        command.selected(["eq-20"])


def test_the_command_measures_each_seed_of_each_claim_once():
    asked = [(name, seed) for ids, seed in command.units(LEDGER) for name in ids]
    assert len(set(asked)) == len(asked)
    assert {(name, seed) for name, seed in asked if BY_ID[name].long} == {(c.id, s) for c in LONG for s in c.seeds}
    assert {name for name, seed in asked if seed is None} == {claim.id for claim in QUICK}
    assert all(
        len(ids) == len(group) for (ids, _), group in zip(command.units(LONG)[::5], groups(LONG).values(), strict=True)
    )


def test_the_command_prints_a_table_and_fails_on_a_surprise(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["claims", "section-7.1-count", "definition-4.6", "--workers", "1"])
    command.main()
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["claim", "section-7.1-count", "definition-4.6", "2"]
    assert lines[-1].endswith("the paper's: 1 holds, 1 not testable here")
    ledger = tuple(replace(claim, expected=FAILS) if claim.id == "section-7.1-count" else claim for claim in LEDGER)
    monkeypatch.setattr(command, "LEDGER", ledger)
    with pytest.raises(SystemExit, match="1 of them differ from what the book reports: section-7.1-count"):
        command.main()
    assert "EXPECTED: does not hold" in capsys.readouterr().out
