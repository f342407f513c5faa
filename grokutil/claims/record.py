"""The ledger's records: a claim, and the verdict of its check."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from grokutil.runs.processes import one_thread

HOLDS = "holds"
CORRECTED = "holds after correction"
FAILS = "does not hold"
NOT_TESTABLE = "not testable here"
REPRODUCED = "reproduced"
NOT_REPRODUCED = "not reproduced as described"
EXACT = "difference of two counts; they must be equal"  # a tolerance that several chapters use
OUTCOMES = (HOLDS, CORRECTED, FAILS, REPRODUCED, NOT_REPRODUCED, NOT_TESTABLE)
THE_PAPERS, REVIEWERS, OURS = WHOSE = ("the paper's", "the reviewers'", "ours")  # whose statement an entry tests
FIVE = (0, 1, 2, 3, 4)  # seeds of a claim about random runs
LONG = 5.0  # seconds from which on the book takes a verdict from the stored results
ABOUT = 1.0  # octaves: "about N" is within a factor of two of N, in every entry
A_FEW_HUNDRED = (200.0, 500.0)  # "a few" is two to five

Numbers = tuple[float, float | None]


@dataclass(frozen=True)
class Verdict:
    """What a check found.

    Attributes:
        outcome: one of ``OUTCOMES``.
        measured: the number that decided, in the units that the claim's ``tolerance`` names; NaN if nothing did.
        seconds: how long the check took.
    """

    outcome: str
    measured: float
    seconds: float


@dataclass(frozen=True)
class Claim:
    """A statement and how it is tested, or why it is not.

    Attributes:
        id: short name, unique in the ledger.
        source: where the paper says it, or what of the paper it is about; ``grokutil.claims.numbers`` reads the
            paper's numbers from it.
        statement: what it says, in our words.
        expected: the outcome the book reports.
        chapter: the chapter that derives or shows it.
        measure: runs the test and returns ``(measured, corrected)``: the number that decides for the paper's
            statement, and the same number for our correction (None where there is nothing to correct). It takes a
            seed if the claim has ``seeds``.
        limit: the statement holds when its number is at most ``limit``.
        tolerance: what the number is and why the limit is where it is.
        seeds: seeds used, each in a test of its own; the worst number decides.
        seconds: about how long the check takes, on one core.
        whose: whose statement it is, one of ``WHOSE``; the published counts are of the paper's alone.
        figure: whether it describes a picture of the paper. The pictures are known from text and captions, not from
            sight; so the outcome is ``REPRODUCED`` or ``NOT_REPRODUCED``.
        shares: name of a long run that several claims share, if it does.
        reason: why there is nothing to measure; instead of ``measure``.
    """

    id: str
    source: str
    statement: str
    expected: str
    chapter: str
    measure: Callable[..., Numbers] | None = None
    limit: float = math.nan
    tolerance: str = ""
    seeds: tuple[int, ...] = ()
    seconds: float = 0.1
    whose: str = THE_PAPERS
    figure: bool = False
    shares: str = ""
    reason: str = ""

    def __post_init__(self) -> None:
        tested = self.measure is not None
        if tested == bool(self.reason):
            raise ValueError(f"{self.id}: a claim has either a measure or a reason why there is none")
        if tested == (self.expected == NOT_TESTABLE) or self.expected not in OUTCOMES:
            raise ValueError(f"{self.id}: expected is {self.expected!r}, and measure is {self.measure}")
        if tested and self.figure != (self.expected in (REPRODUCED, NOT_REPRODUCED)):
            raise ValueError(f"{self.id}: a picture is {REPRODUCED!r} or {NOT_REPRODUCED!r}, not {self.expected!r}")
        if self.expected == FAILS and self.whose != THE_PAPERS:
            raise ValueError(f"{self.id}: {FAILS!r} is said of the paper's statements only; state what is true")
        if self.whose not in WHOSE:
            raise ValueError(f"{self.id}: whose is {self.whose!r}, not one of {', '.join(WHOSE)}")
        if tested and not (self.limit >= 0 and self.tolerance):
            raise ValueError(f"{self.id}: a measure needs a limit, and a tolerance that says why it is there")

    @property
    def long(self) -> bool:
        """Whether the book takes the verdict from the stored results."""
        return self.seconds >= LONG

    def numbers(self, seed: int | None = None) -> Numbers:
        """Run the test once, with one thread; nothing is looked up."""
        if self.measure is None:
            raise ValueError(f"{self.id} is not tested: {self.reason}")
        with one_thread():
            return self.measure() if seed is None else self.measure(seed)

    def verdict(self, found: Sequence[Numbers], seconds: float = 0.0) -> Verdict:
        """The verdict on the numbers of all seeds: the worst decides."""
        measured = _worst([number for number, _ in found])
        corrected = _worst([number for _, number in found])
        if self.figure:
            return Verdict(REPRODUCED if measured <= self.limit else NOT_REPRODUCED, measured, seconds)
        if measured <= self.limit:
            return Verdict(HOLDS, measured, seconds)
        if corrected <= self.limit:
            return Verdict(CORRECTED, corrected, seconds)
        return Verdict(FAILS, measured, seconds)

    def check(self) -> Verdict:
        """Run the test, for each seed, and judge."""
        if self.measure is None:
            return Verdict(NOT_TESTABLE, math.nan, 0.0)
        begin = time.perf_counter()
        found = [self.numbers(seed) for seed in self.seeds or (None,)]
        return self.verdict(found, time.perf_counter() - begin)


def about(measured: float, least: float, most: float | None = None) -> float:
    r"""Octaves from a measured number to the one that a text names, :math:`|\log_2 (\text{measured} / N)|`.

    The one rule for "about N", "after N steps", "a few hundred": it holds if this is at most ``ABOUT``, a factor of
    two. Where the words name a range (``A_FEW_HUNDRED``), it is the distance from the range, 0 inside. Each of two
    such numbers may be off by that factor, so their quotient by four, ``2 * ABOUT``.

    Raises:
        ValueError: ``least`` is not positive, or ``most`` is below it.
    """
    most = least if most is None else most
    if not 0 < least <= most:
        raise ValueError(f"least and most must be positive and in order, not {least} and {most}")
    if not 0 < measured < math.inf:
        return math.inf
    return max(0.0, math.log2(least / measured), math.log2(measured / most))


def _worst(numbers: Sequence[float | None]) -> float:
    """The largest; NaN, which is below no limit, if there is none or one of them is NaN."""
    known = [number for number in numbers if number is not None]
    complete = len(known) == len(numbers) > 0 and not any(map(math.isnan, known))
    return max(known) if complete else math.nan
