"""Claims of sections 1, 4.1 and 4.2: the assumptions, as far as one can test them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from scipy.integrate import solve_ivp

from grokutil.claims.record import CORRECTED, FIVE, Claim
from grokutil.data import modular_addition
from grokutil.isolated import optimal_readout
from grokutil.measure import learning_curves, relative_residual
from grokutil.model import default_weights, hidden
from grokutil.train import gradient_descent


def _unique_flow() -> tuple[float, float]:
    """Distance at t = 1 of two flows of (F - 1)^2 that start 1e-12 apart: F in C^1, and F with Lipschitz slope."""

    def apart(F: Callable, slope: Callable) -> float:
        ends = [
            solve_ivp(lambda t, w: -2 * (F(w) - 1) * slope(w), (0, 1), [start], rtol=1e-9, atol=1e-15).y[0, -1]
            for start in (0.0, 1e-12)
        ]
        return float(abs(ends[1] - ends[0]))

    return apart(lambda w: 2 / 3 * np.sign(w) * abs(w) ** 1.5, lambda w: abs(w) ** 0.5), apart(np.sinh, np.cosh)


def _gradient_flow(seed: int) -> tuple[float, None]:
    """Distance of two runs of Appendix D at equal time, learning rates 1 and 1/4, over how far the second has gone."""
    task = modular_addition(11, train_size=59, seed=seed)
    ends = []
    for eta in (1.0, 0.25):
        run = gradient_descent(task, learning_rate=eta, times=[0, round(1000 / eta)], seed=seed, progress=False)
        start, end = (torch.cat([W.flatten() for W in state]) for state in run.states)
        ends.append(end)
    return float((ends[0] - ends[1]).norm() / (ends[1] - start).norm()), None


def _a_point_of_Z(seed: int) -> tuple[float, None]:
    """Relative residual of Appendix D's network with its random first layer and the readout of eq. 18."""
    task = modular_addition(11, train_size=59, seed=seed)
    H = hidden(default_weights(11, 128, 11, seed=seed)[0], task.X_train)
    return relative_residual(H @ optimal_readout(H, task.Y_train), task.Y_train), None


def _weight_decay_drives(seed: int) -> tuple[float, None]:
    """Test loss after training with weight decay, over that without."""
    task = modular_addition(11, train_size=59, seed=seed)
    left = []
    for decay in (4e-4, 0.0):
        run = gradient_descent(
            task, activation="quadratic", learning_rate=2.0, weight_decay=decay, times=[0, 3000], seed=seed,
            progress=False,
        )  # fmt: skip
        left.append(learning_curves(run.states[1:], task, "quadratic").test_loss[-1])
    return float(left[0] / left[1]), None


CLAIMS = (
    Claim(
        id="section-1-weight-decay",
        source="section 1, after Liu et al.",
        statement="Weight decay drives the delayed generalisation.",
        measure=_weight_decay_drives,
        limit=0.5,
        tolerance="test loss after 3000 steps with weight decay 4e-4 over that without (quadratic); one half",
        chapter="two_layer_network",
        seeds=FIVE,
        seconds=3.0,
    ),
    Claim(
        id="assumption-4.2-flow",
        source="Assumption 4.2 and section 4.2",
        statement="With d - km + 1 derivatives eq. 3 has one path from each point, as is taken for granted "
        "(corrected: with J Lipschitz, too).",
        measure=_unique_flow,
        limit=1e-6,
        tolerance="distance at t = 1 of two flows that start 1e-12 apart, d = km = 1: F in C^1; corrected: F = sinh",
        expected=CORRECTED,
        chapter="errata",
    ),
    Claim(
        id="assumption-4.3",
        source="Assumption 4.3, eq. 3",
        statement="Gradient descent at Appendix D's learning rate of 1 is close to a gradient flow.",
        measure=_gradient_flow,
        limit=0.1,
        tolerance="distance from a run with a quarter of the rate at step 1000, over the way gone; a tenth. "
        "One seed of five has 0.04, the others less than 0.005",
        chapter="two_layer_network",
        seeds=FIVE,
        seconds=3.0,
    ),
    Claim(
        id="assumption-4.4",
        source="Assumptions 4.1 and 4.4, section 4.1",
        statement="Appendix D's network can memorise its training pairs with its first layer as it started: the "
        "zero-loss set is not empty.",
        measure=_a_point_of_Z,
        limit=1e-8,
        tolerance="relative residual of the readout of eq. 18 on a random first layer; rounding only",
        chapter="two_layer_network",
        seeds=FIVE,
    ),
)
