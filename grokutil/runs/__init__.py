"""Running: recorded runs and their trajectories, sweeps over grids, worker processes, progress, files.

Nothing here knows a formula. The package may import ``grokutil.checks`` and ``grokutil.extras``; the mathematics
imports it, to record what it integrates.
"""
