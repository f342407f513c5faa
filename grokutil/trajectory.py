"""The door to :mod:`grokutil.runs.trajectory`: ``from grokutil.trajectory import Trajectory``."""

from grokutil.runs.trajectory import *  # noqa: F403
