"""Explorers: one for each idea, with two faces. See :mod:`grokutil.widgets.explorers`."""
