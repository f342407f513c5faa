"""The claim ledger: each statement of the paper that the book tests, with the check that tests it.

``LEDGER`` holds the records, one module a chapter; ``python -m grokutil.claims`` runs them all and prints a table.
"""

from grokutil.claims import (
    along_the_manifold,
    appendices,
    appendix_D,
    assumptions,
    closed_form,
    constrained_optimization,
    definitions,
    errata,
    errata_appendices,
    formulas,
    four_paths,
    fourier_circles,
    gradient_orthogonality,
    isolated_dynamics,
    modular_addition,
    other_paths,
    questions,
    simulated_grokking,
    slow_flow,
    toy_models,
    two_layer_network,
    zero_loss_manifold,
)
from grokutil.claims.labels import PAPER, numbers
from grokutil.claims.record import CORRECTED, FAILS, HOLDS, NOT_TESTABLE, OUTCOMES, Claim, Verdict

LEDGER: tuple[Claim, ...] = (
    *toy_models.CLAIMS,
    *assumptions.CLAIMS,
    *zero_loss_manifold.CLAIMS,
    *appendices.CLAIMS,
    *gradient_orthogonality.CLAIMS,
    *constrained_optimization.CLAIMS,
    *slow_flow.CLAIMS,
    *modular_addition.CLAIMS,
    *two_layer_network.CLAIMS,
    *along_the_manifold.CLAIMS,
    *appendix_D.CLAIMS,
    *other_paths.CLAIMS,
    *isolated_dynamics.CLAIMS,
    *closed_form.CLAIMS,
    *formulas.CLAIMS,
    *simulated_grokking.CLAIMS,
    *fourier_circles.CLAIMS,
    *four_paths.CLAIMS,
    *errata.CLAIMS,
    *errata_appendices.CLAIMS,
    *questions.CLAIMS,
    *definitions.CLAIMS,
)

__all__ = [
    "CORRECTED",
    "FAILS",
    "HOLDS",
    "LEDGER",
    "NOT_TESTABLE",
    "OUTCOMES",
    "PAPER",
    "Claim",
    "Verdict",
    "numbers",
]
