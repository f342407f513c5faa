"""Try the mutants: ``python -m tests.mutants [--stale] [--output FILE] [WORD ...]``."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

from .listed import having
from .report import follow, store, table


def main() -> None:
    """Try the mutants, print a table, and exit with an error unless each is caught by all that its record names."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=main.__doc__)
    parser.add_argument(
        "words",
        nargs="*",
        help="only mutants of which the module, the description, a test or an entry has one of these",
    )
    parser.add_argument("--stale", action="store_true", help="try only those of which no finding is stored that counts")
    parser.add_argument("--output", type=Path, help="store the findings in this file, in JSON lines")
    parser.add_argument("--workers", type=int, default=2, help="processes at a time (default 2)")
    chosen = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # as for Ctrl-C: copies are removed
    mutants = having(chosen.words)
    if not mutants:
        parser.error(f"no mutant has {' or '.join(map(repr, chosen.words))}")
    known = {}
    if chosen.stale:
        from .stored import current, stored_results  # a trial imports this module, and must not import grokutil

        known = current(mutants, stored_results())
    findings = follow([m for m in mutants if m not in known], chosen.workers)
    print(table(findings))
    findings = sorted([*findings, *known.values()], key=lambda finding: mutants.index(finding.mutant))
    if chosen.output:
        store(findings, chosen.output)
    if bad := [finding for finding in findings if finding.outcome != "caught" or finding.silent]:
        raise SystemExit(f"{len(bad)} of {len(findings)} mutants are not caught by all that should")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        raise SystemExit("stopped") from None
