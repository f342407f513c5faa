"""Speed and memory, side by side in one run: ``make benchmark``.

The package may import the mathematics, ``grokutil.runs`` and ``grokutil.results``.
"""
