"""The claim ledger: each statement of the paper that the book tests, with the check that tests it.

``LEDGER`` holds the records, one module a chapter; ``python -m grokutil.claims`` runs them all and prints a table.
"""

from grokutil.claims import closed_form, fourier_circles, modular_addition, simulated_grokking
from grokutil.claims.record import CORRECTED, FAILS, HOLDS, NOT_TESTABLE, OUTCOMES, Claim, Verdict

LEDGER: tuple[Claim, ...] = (
    *modular_addition.CLAIMS,
    *closed_form.CLAIMS,
    *simulated_grokking.CLAIMS,
    *fourier_circles.CLAIMS,
)

__all__ = ["CORRECTED", "FAILS", "HOLDS", "LEDGER", "NOT_TESTABLE", "OUTCOMES", "Claim", "Verdict"]
