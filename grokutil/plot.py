"""The door to :mod:`grokutil.figures.plot`: ``from grokutil import plot``."""

from grokutil.figures.plot import *  # noqa: F403
