"""Two weights on a parabola: the closed forms are where training ends."""

import numpy as np
import pytest
import torch
from scipy.optimize import minimize_scalar

from grokutil.destinations import PARABOLA, START, destination, trained


def least(cost):
    """The x = w_1^2 at which a cost is least, by search."""
    grid = np.linspace(0, 2.5, 2501)
    best = grid[np.argmin([cost(x) for x in grid])]
    return minimize_scalar(cost, bounds=(max(0, best - 2e-3), best + 2e-3), method="bounded", options={"xatol": 1e-9}).x


def norm2(x):
    return x + (x - 2) ** 2


@pytest.mark.parametrize("strength", [0.0, 0.1, 0.5, 0.7, 1.0])
@pytest.mark.parametrize("eta", [0.01, 0.05, 0.2])
def test_label_noise_ends_where_norm_and_potential_are_least(strength, eta):
    def cost(x):
        left = 1 - eta * (1 + 4 * x)
        return norm2(x) - strength / eta * np.log(left) if left > 0 else np.inf

    if strength or eta < 1 / 7:
        assert destination("label noise", strength, eta) == pytest.approx(least(cost), abs=2e-6)


def test_for_small_steps_label_noise_ends_at_three_halves_minus_twice_the_ratio():
    for ratio in (0.0, 0.3, 0.7):
        assert destination("label noise", ratio, 1e-9) == pytest.approx(1.5 - 2 * ratio, abs=1e-6)
    assert destination("label noise", 2.0) == 0


def test_a_large_learning_rate_ends_at_the_shortest_stable_point():
    for eta in (0.1, 0.15, 0.2, 0.5):
        stable = [x for x in np.linspace(0, 2.5, 25_001) if eta * (1 + 4 * x) <= 1]
        assert destination("learning rate", eta) == pytest.approx(min(stable, key=norm2), abs=2e-4)


def test_speeds_end_where_the_norm_in_their_metric_is_least():
    for a in (0.1, 0.5, 1.0, 4.0):
        assert destination("speeds", a) == pytest.approx(least(lambda x, a=a: x / a + (x - 2) ** 2), abs=1e-5)
    rest = torch.tensor([1.0, -1.0], dtype=torch.float64)  # a = 1/2
    velocity = PARABOLA.slow_velocity(rest, torch.tensor([0.5, 1.0], dtype=torch.float64), decoupled=True)
    assert velocity.abs().max() < 1e-12


@pytest.mark.parametrize(
    ("practice", "strength"),
    [
        ("label noise", 0.0),
        ("label noise", 0.3),
        ("label noise", 1.0),
        ("learning rate", 0.25),
        ("speeds", 0.5),
        ("speeds", 2.0),
    ],
)
def test_training_ends_there(practice, strength):
    run = trained(practice, strength, records=8)
    assert float(run.states[-1][0] ** 2) == pytest.approx(destination(practice, strength), abs=0.02)
    assert run.clock == "s" and run.times[-1] == 4 and run.states[0].tolist() == pytest.approx(START)


def test_the_seed_is_that_of_the_noise():
    first, again, other = (trained("label noise", 0.5, 0.5, 2, seed=seed).states[-1] for seed in (0, 0, 1))
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_errors_name_the_argument():
    with pytest.raises(ValueError, match="unknown practice 'dropout'; known: label noise, learning rate, speeds"):
        destination("dropout", 1.0)
    with pytest.raises(ValueError, match="strength must be at least 0 for label noise, got -1"):
        destination("label noise", -1)
    with pytest.raises(ValueError, match="no point of the parabola is stable"):
        destination("learning rate", 1.0)
    with pytest.raises(ValueError, match="strength"):
        destination("speeds", 0.0)
