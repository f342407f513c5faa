"""Mutants of the package's formulas: each is broken in one place, and a test or a claim of the ledger must notice.

``python -m tests.mutants`` (or ``make mutants``) tries them all and prints what caught each. The list stands in
``readings``, ``geometry``, ``training``, ``network`` and ``flows``. A trial imports a mutated copy of grokutil; so
nothing here imports grokutil itself, except to show and to store what was found.
"""
