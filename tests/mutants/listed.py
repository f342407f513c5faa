"""All mutants, in the order of the book."""

from . import flows, geometry, network, readings, training

MUTANTS = (*readings.MUTANTS, *geometry.MUTANTS, *training.MUTANTS, *network.MUTANTS, *flows.MUTANTS)
