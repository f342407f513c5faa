"""Figures: the plots of the book, drawings of mechanisms, films, and the words that describe each figure.

Numbers go in, axes come out. The package imports the mathematics and ``grokutil.runs``; neither imports it.
"""

from grokutil.extras import extra

with extra("figures"):
    import matplotlib  # noqa: F401
    import PIL  # noqa: F401
