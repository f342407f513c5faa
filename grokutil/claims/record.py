"""The ledger's records: a claim, and the verdict of its check."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

HOLDS = "holds"
CORRECTED = "holds after correction"
FAILS = "does not hold"
NOT_TESTABLE = "not testable here"
EXACT = "difference of two counts; they must be equal"  # a tolerance that several chapters use
OUTCOMES = (HOLDS, CORRECTED, FAILS, NOT_TESTABLE)


@dataclass(frozen=True)
class Verdict:
    """What a check found.

    Attributes:
        outcome: one of ``OUTCOMES``.
        measured: the number that decided, in the units that the claim's ``tolerance`` names.
        seconds: how long the check took.
    """

    outcome: str
    measured: float
    seconds: float


@dataclass(frozen=True)
class Claim:
    """A statement of the paper and how it is tested.

    Attributes:
        id: short name, unique in the ledger.
        source: where the paper says it.
        statement: what it says, in our words.
        measure: runs the test and returns ``(measured, corrected)``: the number that decides for the paper's
            statement, and the same number for our correction (None where there is nothing to correct).
        limit: the statement holds when its number is at most ``limit``.
        tolerance: what the number is and why the limit is where it is.
        expected: the outcome the book reports.
        seeds: seeds used.
        seconds: about how long the check takes on two cores.
        chapter: the chapter that derives or shows it.
    """

    id: str
    source: str
    statement: str
    measure: Callable[[], tuple[float, float | None]]
    limit: float
    tolerance: str
    expected: str
    chapter: str
    seeds: tuple[int, ...] = (0,)
    seconds: float = 0.1

    def check(self) -> Verdict:
        """Run the test; nothing is looked up."""
        begin = time.perf_counter()
        measured, corrected = self.measure()
        if measured <= self.limit:
            outcome, decisive = HOLDS, measured
        elif corrected is not None and corrected <= self.limit:
            outcome, decisive = CORRECTED, corrected
        else:
            outcome, decisive = FAILS, measured
        return Verdict(outcome, decisive, time.perf_counter() - begin)
