"""All mutants: formulas in the order of the book, then false statements."""

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
