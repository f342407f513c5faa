"""All mutants: formulas in the order of the book, then false statements."""

from collections.abc import Sequence

from . import (
    cross_entropy,
    depth,
    entries_errata,
    entries_formulas,
    entries_statements,
    flows,
    geometry,
    how_long,
    network,
    noise,
    price,
    readings,
    training,
)
from .mutant import Mutant

MUTANTS = (
    *readings.MUTANTS,
    *geometry.MUTANTS,
    *training.MUTANTS,
    *network.MUTANTS,
    *flows.MUTANTS,
    *price.MUTANTS,
    *cross_entropy.MUTANTS,
    *how_long.MUTANTS,
    *noise.MUTANTS,
    *depth.MUTANTS,
    *entries_formulas.MUTANTS,
    *entries_statements.MUTANTS,
    *entries_errata.MUTANTS,
)


def having(words: Sequence[str]) -> list[Mutant]:
    """Mutants of which the module, the description, a test or an entry has one of the words; all if there are none.

    The name of a test may have spaces for its underscores, as on the notation page.
    """
    texts = {m: " ".join((m.module, m.breaks, *m.tests, *m.claims)) for m in MUTANTS}
    return [m for m, text in texts.items() if not words or any(w in text or w.replace(" ", "_") in text for w in words)]
