"""The door to :mod:`grokutil.runs.sweep`: ``from grokutil.sweep import sweep``."""

from grokutil.runs.sweep import *  # noqa: F403
