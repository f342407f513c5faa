"""Explorers: one for each idea, with two faces. See :mod:`grokutil.widgets.explorers`.

The package imports the mathematics, ``grokutil.runs`` and ``grokutil.figures``; nothing else of the package imports it.
"""

from grokutil.extras import extra

with extra("widgets"):
    import ipywidgets  # noqa: F401
