"""Numbers behind the verdicts of the ledger's long checks: one cell for each seed and each group that shares its runs.

The seconds of a claim are those after which its number was there: the first of a group pays for the shared run.
"""

from __future__ import annotations

import time
from typing import Any

from grokutil.claims import LEDGER
from grokutil.claims.record import FIVE
from grokutil.claims.stored import fingerprint, groups

GROUPS = groups(claim for claim in LEDGER if claim.long)
GRID = {"group": tuple(sorted(GROUPS)), "seed": FIVE}
FINGERPRINTS = {claim.id: fingerprint(claim) for claims in GROUPS.values() for claim in claims}  # of the code as loaded


def run(group: str, seed: int) -> dict[str, dict[str, Any]]:
    """For each claim of the group: ``measured``, ``corrected``, ``seconds`` and ``fingerprint``."""
    found = {}
    for claim in GROUPS[group]:
        begin = time.perf_counter()
        measured, corrected = claim.numbers(seed)
        seconds = round(time.perf_counter() - begin, 2)
        found[claim.id] = {
            "measured": measured,
            "corrected": corrected,
            "seconds": seconds,
            "fingerprint": FINGERPRINTS[claim.id],
        }
    return found
