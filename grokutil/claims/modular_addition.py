"""Claims of section 7.1 and Appendix D about the dataset."""

from __future__ import annotations

from grokutil.claims.record import CORRECTED, EXACT, Claim
from grokutil.data import modular_addition


def _pairs(p: int) -> int:
    task = modular_addition(p)
    return len(task.pairs_train) + len(task.pairs_test)


def _section_71_count() -> tuple[float, None]:
    return max(abs(_pairs(p) - p * (p + 1) / 2) for p in range(2, 40)), None


def _appendix_D_count() -> tuple[float, float]:
    return abs(_pairs(11) - 77), abs(_pairs(11) - 66)


CLAIMS = (
    Claim(
        id="section-7.1-count",
        source="section 7.1",
        statement="There are p(p+1)/2 samples.",
        measure=_section_71_count,
        limit=0.5,
        tolerance=EXACT,
        chapter="modular_addition",
    ),
    Claim(
        id="appendix-D-count",
        source="Appendix D",
        statement="For addition modulo 11 there are 77 pairs (corrected: 66).",
        measure=_appendix_D_count,
        limit=0.5,
        tolerance=EXACT,
        expected=CORRECTED,
        chapter="modular_addition",
    ),
)
