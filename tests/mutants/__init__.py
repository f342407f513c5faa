"""Mutants of the package's formulas: each is broken in one place, and a test or a claim of the ledger must notice.

``python -m tests.mutants`` (or ``make mutants``) tries them all and prints what caught each. ``listed`` has the list:
formulas by subject, more formulas for entries of the ledger, and false statements for entries that run no formula.
What was found is stored; ``stored`` tells which findings still count. A trial imports a mutated copy of grokutil; so
nothing here imports grokutil itself, except to show, to store and to look up what was found.
"""
