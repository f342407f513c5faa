"""Training and its slow limit on toys with closed forms: F = w1 w2, Fig. 3, left; and F = y - x^2, Fig. 4."""

import numpy as np
import pytest
import torch
from scipy.special import lambertw

from grokutil.constraints import TinyNetwork, ZeroLossManifold
from grokutil.gradient_flow import fall, slow_flow, training_flow, training_steps

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


def test_fall_keeps_the_balance_and_ends_on_Z():
    run = fall(Z, torch.tensor([2.0, 1.0], dtype=torch.float64), [0, 0.1, 1, 20])
    W = torch.stack(run.states).numpy()
    np.testing.assert_allclose(W[:, 0] ** 2 - W[:, 1] ** 2, 3, rtol=1e-8)
    assert abs(W[-1].prod() - 0.5) < 1e-9 and run.clock == "t"


@pytest.mark.parametrize("seed", range(5))
def test_fall_on_the_parabola_ends_where_lamberts_function_says(seed):
    """x e^(2y) is constant along it, so q = 4 x^2 at the end solves q e^q = 4 x^2 e^(4y) at the start."""
    parabola = ZeroLossManifold(lambda u: u[1:] - u[:1] ** 2, torch.zeros(1, dtype=torch.float64))
    start = torch.randn(2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    q = lambertw(4 * float(start[0]) ** 2 * np.exp(4 * float(start[1]))).real
    end = fall(parabola, start, [0, 30]).states[-1].numpy()
    np.testing.assert_allclose(end, [np.sign(float(start[0])) * q**0.5 / 2, q / 4], rtol=1e-7)


def test_steps_are_gradient_descent_in_a_loop():
    run = training_steps(Z.loss_gradient, START, 0.05, 0.02, [0, 1, 30])
    w = START.numpy().copy()
    for k in range(1, 31):
        w = w - 0.02 * (2 * (w[0] * w[1] - 0.5) * w[::-1] + 2 * 0.05 * w)
        if k in (1, 30):
            np.testing.assert_allclose(run.at([k]).states[0].numpy(), w, rtol=1e-13)
    assert run.clock == "steps" and run.evaluations == 30 and run.states[0] is START


def test_runs_in_a_stack_are_the_runs_one_by_one():
    """Each with its own start, weight decay and learning rate."""
    generator = torch.Generator().manual_seed(0)
    X, y = torch.randn(3, 2, generator=generator).double(), torch.randn(3, generator=generator).double()
    net = TinyNetwork(X, 4)
    starts = torch.stack([net.random(0), net.random(1)])
    ridges, etas = torch.tensor([[0.0], [0.1]]).double(), torch.tensor([[0.01], [0.02]]).double()
    both = training_steps(lambda theta: net.loss_gradient(theta, y), starts, ridges, etas, [0, 20]).states[-1]
    alone = ZeroLossManifold(net.F, y).loss_gradient
    for end, start, ridge, eta in zip(both, starts, ridges, etas, strict=True):
        torch.testing.assert_close(end, training_steps(alone, start, float(ridge), float(eta), [0, 20]).states[-1])


def test_short_steps_tend_to_the_flow():
    """At the same slow time, in proportion to the learning rate."""
    end, gaps = training_flow(Z, START, 0.1, [0.0, 0.2]).states[-1], []
    for eta in (0.02, 0.002):
        gaps.append(float((training_steps(Z.loss_gradient, START, 0.1, eta, [0, 2 / eta]).states[-1] - end).norm()))
    assert gaps[0] / gaps[1] == pytest.approx(10, rel=0.1)


def test_steps_follow_the_slow_flow_in_proportion_to_ridge_up_to_the_limit_of_stability():
    """The largest curvature on the way is 2 |w|^2 = 8.125 at the start; a learning rate of 1.9 / 8.125 is stable."""
    limit, gaps = slow_flow(Z, START, [0.0, 0.2]).states[-1], []
    for ridge in (1e-3, 1e-4):
        run = training_steps(Z.loss_gradient, START, ridge, 0.2, [0, 1 / ridge])
        gaps.append(float((run.states[-1] - limit).norm()))
    assert gaps[0] / gaps[1] == pytest.approx(10, rel=0.05)
    jumped = training_steps(Z.loss_gradient, START, 1e-4, 0.3, [0, round(0.2 / 3e-5)]).states[-1]
    assert float((jumped - limit).norm()) > 0.1


def test_bad_steps_say_what_is_wrong():
    with pytest.raises(ValueError, match="ridge must be at least 0, got -1"):
        training_steps(Z.loss_gradient, START, -1, 0.1, [0, 1])
    with pytest.raises(ValueError, match="learning_rate must be positive, got 0"):
        training_steps(Z.loss_gradient, START, 0.1, 0, [0, 1])
    with pytest.raises(ValueError, match="records must be whole steps from 0 on, got 1 to 2"):
        training_steps(Z.loss_gradient, START, 0.1, 0.1, [1, 2])
    with pytest.raises(ValueError, match="records must be whole steps"):
        training_steps(Z.loss_gradient, START, 0.1, 0.1, [0, 1.5])
    with pytest.raises(ValueError, match="diverged before step 50: take a learning_rate below 2 / sharpness"):
        training_steps(lambda w: 2 * w**3, START, 0.1, 9.0, [0, 50])


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


def test_fall_is_an_explicit_euler_run_with_tiny_steps():
    """The slow twin, on the way and not only at the end: it fixes the clock."""
    w, steps = START.numpy() + 0.5, 100_000
    middle = fall(Z, START + 0.5, [0, 0.2]).states[-1].numpy()
    for _ in range(steps):
        w = w - 0.2 / steps * 2 * (w[0] * w[1] - 0.5) * w[::-1]
    np.testing.assert_allclose(middle, w, rtol=1e-4)


@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_flows_commute_with_scaling_their_state(scale):
    """On w1 w2 = c^2 y they are c times those on w1 w2 = y; tolerances are relative, whatever the units."""
    scaled_Z = ZeroLossManifold(lambda w: w[:1] * w[1:], scale**2 * torch.tensor([0.5], dtype=torch.float64))

    def flows(Z, c):
        yield slow_flow(Z, c * START, TIMES)
        yield training_flow(Z, c * START, 0.1 * c**2, TIMES)
        yield fall(Z, 1.5 * c * START, TIMES / c**2)

    for one, scaled in zip(flows(Z, 1.0), flows(scaled_Z, scale), strict=True):
        assert scaled.evaluations == pytest.approx(one.evaluations, rel=0.1)  # rounding may move a step
        torch.testing.assert_close(torch.stack(scaled.states), scale * torch.stack(one.states), rtol=1e-6, atol=0)


def test_what_decays_keeps_its_digits():
    """w1 is free on w2 = 1, so it decays as e^{-2 s}: with an absolute tolerance of rtol / 1000 to a millionth."""
    line = ZeroLossManifold(lambda w: w[1:], torch.ones(1, dtype=torch.float64))
    times, start = np.linspace(0, 7, 8), torch.ones(2, dtype=torch.float64)
    for run in (slow_flow(line, start, times, 1e-6), training_flow(line, start, 0.5, times, 1e-6)):
        w = torch.stack(run.states)[:, 0].numpy()
        np.testing.assert_allclose(w, np.exp(-2 * times), rtol=2e-3)
