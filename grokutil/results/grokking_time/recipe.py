"""When training groks, over activation, modulus p, training fraction and seed.

The squared error of a pair weighs the same against weight decay in every run, lambda = n / 800, and a step is a tenth
of the gradient of its mean over the pairs. So 32000 steps end at s = 4 for every task.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from grokutil.data import modular_addition
from grokutil.measure import learning_curves
from grokutil.train import gradient_descent, weight_decay_from_ridge

GRID = {
    "activation": ("quadratic", "relu"),
    "p": (11, 17, 23),
    "fraction": (0.4, 0.5, 0.6, 0.7, 0.8, 0.9),
    "seed": range(5),
}
STEPS = np.unique(np.rint(np.geomspace(40, 32_000, 120)).astype(int))  # of the records
S = STEPS / 8000  # the slow clock


def run(
    activation: str, p: int, fraction: float, seed: int, decay: float = 1.0, steps: Sequence[int] | np.ndarray = STEPS
) -> dict[str, object]:
    """Train once, with ``decay`` times the usual weight decay and as many times fewer steps.

    Returns:
        ``right`` (T,), the test pairs with the right answer at each record, out of ``of``; ``memorised``, the first
        record from which on every training pair is right, on the clock s, None if there is none; ``residual``, the
        final training loss relative to that of the answer zero.
    """
    task = modular_addition(p, fraction, seed=seed)
    n, d_out = task.Y_train.shape
    states = gradient_descent(
        task,
        activation=activation,
        learning_rate=p / 10,
        weight_decay=weight_decay_from_ridge(decay * n / 800, n, d_out),
        times=[0, *np.rint(np.asarray(steps) / decay).astype(int)],
        seed=seed,
        progress=False,
    ).states[1:]
    curves = learning_curves(states, task, activation)
    wrong = np.flatnonzero(curves.train_accuracy < 1)
    first = wrong[-1] + 1 if wrong.size else 0
    return {
        "right": np.rint(curves.test_accuracy * len(task.X_test)).astype(int),
        "of": len(task.X_test),
        "memorised": steps[first] / 8000 if first < len(steps) else None,
        "residual": round(float(curves.train_loss[-1] * d_out), 6),
    }
