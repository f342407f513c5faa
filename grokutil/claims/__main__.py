"""Check the claims of the ledger anew: ``python -m grokutil.claims``, followed by ids or chapters for some of them.

Nothing is taken from the stored results. The exit status is 1 if a verdict differs from the one that the book reports.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import as_completed

from grokutil.claims import LEDGER, Claim, Verdict
from grokutil.claims.record import THE_PAPERS, Numbers
from grokutil.claims.stored import groups
from grokutil.runs.processes import Processes, cores
from grokutil.runs.progress import progress_bar

Unit = tuple[tuple[str, ...], int | None]  # claims to measure in one process, and the seed; None is all seeds of each
Found = dict[str, tuple[list[Numbers], float]]  # numbers and seconds by id


def selected(names: Sequence[str]) -> tuple[Claim, ...]:
    """The claims with these ids or chapters; all for none.

    Raises:
        ValueError: a name that is neither.
    """
    known = {claim.id for claim in LEDGER} | {claim.chapter for claim in LEDGER}
    if unknown := [name for name in names if name not in known]:
        near = [name for name in sorted(known) if unknown[0].lower() in name.lower()] or sorted(
            {claim.chapter for claim in LEDGER}
        )
        raise ValueError(f"{unknown[0]!r} is neither an id nor a chapter of the ledger; perhaps {', '.join(near)}")
    return tuple(claim for claim in LEDGER if not names or {claim.id, claim.chapter} & set(names))


def measure(ids: tuple[str, ...], seed: int | None) -> Found:
    """What a process does: run the checks of these claims."""
    found: Found = {}
    for claim in (claim for claim in LEDGER if claim.id in ids):
        begin = time.perf_counter()
        numbers = [claim.numbers(s) for s in (claim.seeds or (None,) if seed is None else (seed,))]
        found[claim.id] = numbers, time.perf_counter() - begin
    return found


def units(claims: Sequence[Claim]) -> list[Unit]:
    """The long groups, one seed at a time, and then the rest, by chapter."""
    tested = [claim for claim in claims if claim.measure]
    long, quick = groups(claim for claim in tested if claim.long), groups(claim for claim in tested if not claim.long)
    by_seed: list[Unit] = [
        (tuple(claim.id for claim in group), seed) for group in long.values() for seed in group[0].seeds
    ]
    return by_seed + [(tuple(claim.id for claim in group), None) for group in quick.values()]


def verdicts(claims: Sequence[Claim], workers: int) -> Iterator[tuple[Claim, Verdict]]:
    """Each claim with its verdict, in order, as soon as it and those before it are there."""
    todo, waiting = units(claims), Counter[str]()
    found: Found = {claim.id: ([], 0.0) for claim in claims}
    for ids, _ in todo:
        waiting.update(ids)
    order = list(claims)
    with Processes(max(1, min(workers, len(todo)))) as place, progress_bar("checks", len(todo), True) as bar:
        futures = [place.submit(measure, *unit) for unit in todo]
        for future in [*as_completed(futures), None]:
            for name, (numbers, seconds) in future.result().items() if future else ():
                waiting[name] -= 1
                found[name] = found[name][0] + numbers, found[name][1] + seconds
            bar.update(future is not None)
            while order and not waiting[order[0].id]:
                claim = order.pop(0)
                yield claim, claim.verdict(*found[claim.id]) if claim.measure else claim.check()


def main() -> None:
    """Check what the command line asks for, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m grokutil.claims", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="ids or chapters; default all")
    parser.add_argument("--workers", type=int, default=cores(), help="processes; as many as cores")
    options = parser.parse_args()
    try:
        claims = selected(options.names)
    except ValueError as error:
        parser.error(str(error))
    begin, counts, surprises = time.perf_counter(), Counter[str](), []
    print(f"{'claim':<36}{'verdict':<24}{'measured':>11}{'limit':>11}{'seconds':>9}", flush=True)
    for claim, verdict in verdicts(claims, max(1, options.workers)):
        counts[verdict.outcome] += claim.whose == THE_PAPERS
        row = f"{claim.id:<36}{verdict.outcome:<24}"
        if claim.measure:
            row += f"{verdict.measured:>11.2e}{claim.limit:>11.2e}{verdict.seconds:>9.1f}"
        if verdict.outcome != claim.expected:
            surprises.append(claim.id)
            row += f"   EXPECTED: {claim.expected}"
        print(row, flush=True)
    summary = ", ".join(f"{number} {outcome}" for outcome, number in counts.most_common() if number)
    print(f"{len(claims)} entries in {time.perf_counter() - begin:.0f} s; the paper's: {summary or 'none'}")
    if surprises:
        raise SystemExit(f"{len(surprises)} of them differ from what the book reports: {', '.join(surprises)}")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        raise SystemExit("stopped; the verdicts above stand") from None
