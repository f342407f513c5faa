"""The ledger: each quick claim is tested anew, and each record is complete."""

from dataclasses import replace

import pytest

from grokutil.claims import CORRECTED, FAILS, HOLDS, LEDGER, OUTCOMES

QUICK = [claim for claim in LEDGER if claim.seconds < 5]


@pytest.mark.parametrize("claim", QUICK, ids=lambda c: c.id)
def test_a_quick_claim_has_the_verdict_the_book_reports(claim):
    verdict = claim.check()
    assert verdict.outcome == claim.expected
    assert (verdict.measured <= claim.limit) == (claim.expected != FAILS)


def test_records_are_complete(root):
    assert len({claim.id for claim in LEDGER}) == len(LEDGER)
    for claim in LEDGER:
        assert claim.expected in OUTCOMES and claim.seconds > 0 and claim.limit >= 0
        assert (root / "book" / f"{claim.chapter}.md").exists(), f"{claim.id}: no chapter {claim.chapter}"


def test_a_verdict_follows_the_number():
    claim = replace(LEDGER[0], limit=1.0)
    assert replace(claim, measure=lambda: (0.5, None)).check().outcome == HOLDS
    assert replace(claim, measure=lambda: (2.0, None)).check().outcome == FAILS
    assert replace(claim, measure=lambda: (2.0, 0.5)).check().outcome == CORRECTED
    assert replace(claim, measure=lambda: (2.0, 3.0)).check().outcome == FAILS
    assert replace(claim, measure=lambda: (float("nan"), None)).check().outcome == FAILS
