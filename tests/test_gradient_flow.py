"""Training and its slow limit on a toy with closed forms: F = w1 w2, Fig. 3, left."""

import numpy as np
import pytest
import torch

from grokutil.constraints import ZeroLossManifold
from grokutil.gradient_flow import slow_flow, training_flow

Z = ZeroLossManifold(lambda w: w[:1] * w[1:], torch.tensor([0.5], dtype=torch.float64))
START = torch.tensor([2.0, 0.25], dtype=torch.float64)
TIMES = np.linspace(0, 1, 11)


def test_slow_flow_has_the_closed_form_and_stays_on_Z():
    run = slow_flow(Z, START, TIMES)
    W = torch.stack(run.states).numpy()
    B0 = 2.0**2 - 0.25**2
    np.testing.assert_allclose((W**2).sum(1), np.sqrt(B0**2 * np.exp(-8 * TIMES) + 4 * 0.5**2), rtol=1e-7)
    np.testing.assert_allclose(W.prod(1), 0.5, rtol=1e-7)
    assert run.clock == "s" and np.array_equal(run.times, TIMES)


@pytest.mark.parametrize("ridge", [1.0, 1e-2, 1e-5])
def test_training_keeps_the_balance_law_exactly(ridge):
    """B = w1^2 - w2^2 decays as e^{-4 s}, whatever the loss does."""
    W = torch.stack(training_flow(Z, START, ridge, TIMES).states).numpy()
    np.testing.assert_allclose(W[:, 0] ** 2 - W[:, 1] ** 2, (2.0**2 - 0.25**2) * np.exp(-4 * TIMES), rtol=1e-6)


def test_training_ends_at_the_known_stationary_point():
    """w1 = w2, w^2 = c - lambda."""
    w = training_flow(Z, START, 0.1, [0.0, 8.0]).states[-1]
    np.testing.assert_allclose(w.numpy(), [0.4**0.5] * 2, rtol=1e-6)


def test_training_is_an_explicit_euler_run_with_tiny_steps():
    """The slow twin: 200000 steps of gradient descent."""
    w, ridge, steps = START.clone(), 0.05, 200_000
    for _ in range(steps):
        r = w[0] * w[1] - 0.5
        w = w - (0.5 / ridge / steps) * (2 * r * w.flip(0) + 2 * ridge * w)
    end = training_flow(Z, START, ridge, [0.0, 0.5]).states[-1]
    np.testing.assert_allclose(end.numpy(), w.numpy(), rtol=1e-4)


def test_training_tends_to_the_slow_flow_in_proportion_to_ridge():
    limit = torch.stack(slow_flow(Z, START, TIMES).states)
    gaps = [float((torch.stack(training_flow(Z, START, r, TIMES).states) - limit).norm()) for r in (1e-3, 1e-4)]
    assert gaps[0] / gaps[1] == pytest.approx(10, rel=0.05)


SPEED = torch.tensor([1.0, 5.0], dtype=torch.float64)


def test_slow_flow_with_layer_speeds_has_the_closed_form():
    """On w1 w2 = c with v = w1^2 and speed 1/eps of w2: (v^2 - c^2)^(1 + eps) / v^(2 eps) decays as e^{-8 s}."""
    W, eps, c = torch.stack(slow_flow(Z, START, TIMES, speed=SPEED).states).numpy(), 1 / float(SPEED[1]), 0.5
    v = W[:, 0] ** 2
    invariant = (v**2 - c**2) ** (1 + eps) / v ** (2 * eps)
    np.testing.assert_allclose(invariant, invariant[0] * np.exp(-8 * TIMES), rtol=1e-6)
    np.testing.assert_allclose(W.prod(1), c, rtol=1e-7)


def test_speeds_of_one_change_nothing_and_equal_speeds_change_the_clock():
    ones = torch.ones(2, dtype=torch.float64)
    torch.testing.assert_close(slow_flow(Z, START, TIMES, speed=ones).states, slow_flow(Z, START, TIMES).states)
    fast, plain = slow_flow(Z, START, TIMES, speed=3 * ones), slow_flow(Z, START, 3 * TIMES)
    torch.testing.assert_close(fast.states, plain.states, rtol=1e-6, atol=1e-9)


def test_training_with_layer_speeds_tends_to_the_slow_flow_with_them():
    limit = torch.stack(slow_flow(Z, START, TIMES, speed=SPEED).states)
    gaps = [
        float((torch.stack(training_flow(Z, START, r, TIMES, speed=SPEED).states) - limit).norm()) for r in (1e-3, 1e-4)
    ]
    assert gaps[0] / gaps[1] == pytest.approx(10, rel=0.05)


def test_bad_input_says_what_is_wrong():
    with pytest.raises(ValueError, match="speed must be one positive number for each of the 2 parameters, got 1 numb"):
        training_flow(Z, START, 0.1, TIMES, speed=SPEED[:1])
    with pytest.raises(ValueError, match="1 of them not positive"):
        slow_flow(Z, START, TIMES, speed=SPEED - 1)
    with pytest.raises(ValueError, match="ridge must be positive, got 0"):
        training_flow(Z, START, 0, TIMES)
    with pytest.raises(ValueError, match="times must increase"):
        slow_flow(Z, START, [1.0, 0.0])
    with pytest.raises(ValueError, match="rtol must be positive"):
        slow_flow(Z, START, TIMES, rtol=-1.0)


def test_starts_and_times_are_checked():
    Z = ZeroLossManifold(lambda w: (w[1] - w[0] ** 2)[None], torch.zeros(1, dtype=torch.float64))
    start = torch.ones(2, dtype=torch.float64)
    flows = (lambda theta, s: slow_flow(Z, theta, s), lambda theta, s: training_flow(Z, theta, 0.1, s))
    for flow in flows:
        with pytest.raises(ValueError, match=r"slow_times must be at least two, got \[0.0\]"):
            flow(start, [0])
        with pytest.raises(ValueError, match="start must be float64"):
            flow(start.float(), [0, 0.1])
        data = flow(torch.nn.Parameter(start), [0, 0.1])
        assert torch.equal(flow(start.numpy(), [0, 0.1]).states[-1], data.states[-1])
        assert not any(state.requires_grad for state in data.states)
