"""Findings as they come, as a table, and as a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .harness import Finding, run
from .mutant import Mutant

COMMAND = "make mutants STORE=1"


def follow(mutants: Sequence[Mutant], workers: int = 2) -> list[Finding]:
    """Try the mutants under a progress bar; the findings in the order of the list."""
    from grokutil.runs.progress import progress_bar

    findings = []
    with progress_bar("mutants", len(mutants), True) as bar:
        for finding in run(mutants, workers):
            findings.append(finding)
            bar.update()
    return sorted(findings, key=lambda finding: mutants.index(finding.mutant))


def table(findings: Sequence[Finding]) -> str:
    """A line a mutant: module, what is broken, what caught it; and below it what did not, and why."""
    lines = []
    for f in findings:
        lines.append(f"{f.mutant.module:<15}{f.mutant.breaks:<72}{f.outcome:<9}{f.seconds:5.1f} s")
        lines += [f"{'':<15}  test {test}" for test in f.tests] + [f"{'':<15}  claim {claim}" for claim in f.claims]
        lines += [f"{'':<15}  DID NOT NOTICE: {name}" for name in f.silent]
        lines += [f"{'':<15}  ERROR: {error.strip().splitlines()[-1]}" for error in f.errors]
    caught, by_claims = sum(f.outcome == "caught" for f in findings), sum(bool(f.claims) for f in findings)
    lines.append(f"{caught} of {len(findings)} mutants caught, {by_claims} of them by the ledger")
    return "\n".join(lines)


def store(findings: Sequence[Finding], path: Path) -> None:
    """Write the findings, with their provenance, to a file that :func:`grokutil.runs.outcomes.load` reads."""
    from grokutil.runs.outcomes import Outcome, write_lines
    from grokutil.runs.storage import provenance

    lines = [{"run": "tests.mutants", "arguments": ["breaks", "module"]}, {"provenance": provenance(COMMAND)}]
    for f in findings:
        cell = {"module": f.mutant.module, "breaks": f.mutant.breaks}
        found = {"outcome": f.outcome, "tests": list(f.tests), "claims": list(f.claims), "files": list(f.files)}
        lines.append(Outcome(cell, found | f.fingerprints, round(f.seconds, 2))._asdict())
    write_lines(path, lines)
