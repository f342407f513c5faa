"""Theorem C on small problems: training on margins against its limit, and the limit against its conditions."""

import math

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp

from grokutil.sweeping import MarginProblem, caught_up, margin_training, sweeping_flow, undecayed_margin_training

CORNER = MarginProblem(lambda w: torch.stack((w[0] * w[1], w[0] ** 2 / 2.25)), 2)
START = torch.tensor([3.0, 0.8], dtype=torch.float64)
TIMES = np.linspace(0, 1.5, 16)


def path(run):
    return torch.stack(run.states)


@pytest.fixture(scope="module")
def limit():
    return path(sweeping_flow(CORNER, START, TIMES, 5e-4))


class TestSweepingFlow:
    def test_inside_it_shrinks_then_slides_on_one_margin_then_rests_on_two(self, limit):
        """Free to s = log(2.4) / 4; on w1 w2 = 1 the slow flow, w1^2 - w2^2 falling as e^{-4s}; rest at (3/2, 2/3)."""
        q = torch.stack([CORNER.q(w) for w in limit])
        assert float(q.min()) > 1 - 1e-9
        hit = math.log(2.4) / 4
        free = TIMES < hit
        torch.testing.assert_close(limit[free], START * torch.exp(-2 * torch.from_numpy(TIMES[free]))[:, None])
        at_hit = START * math.exp(-2 * hit)
        beta0 = float(at_hit[0] ** 2 - at_hit[1] ** 2)
        corner = 1.5**2 - (2 / 3) ** 2
        arrive = hit + math.log(beta0 / corner) / 4
        sliding = (hit < TIMES) & (arrive > TIMES)
        assert sliding.sum() >= 1 and (arrive < TIMES).sum() >= 3
        beta = limit[sliding, 0] ** 2 - limit[sliding, 1] ** 2
        np.testing.assert_allclose(beta, beta0 * np.exp(-4 * (TIMES[sliding] - hit)), rtol=2e-3)
        np.testing.assert_allclose(q[sliding, 0], 1, atol=1e-6)  # a step overshoots by its square
        np.testing.assert_allclose(limit[arrive < TIMES], [[1.5, 2 / 3]] * int((arrive < TIMES).sum()), atol=1e-6)

    def test_it_is_of_first_order_in_the_step(self, limit):
        gaps = [
            float((path(sweeping_flow(CORNER, START, TIMES[:6], h)) - limit[:6]).norm(dim=1).max())
            for h in (8e-3, 4e-3)
        ]
        assert 1.6 < gaps[0] / gaps[1] < 2.6

    def test_a_start_outside_is_refused(self):
        with pytest.raises(ValueError, match="start has a margin of 0.6"):
            sweeping_flow(CORNER, START / 2, TIMES)

    def test_a_point_that_is_caught_up_is_inside_and_one_inside_stays(self):
        assert torch.equal(caught_up(CORNER, START), START)
        back = caught_up(CORNER, torch.tensor([1.45, 0.6], dtype=torch.float64))
        assert float(CORNER.q(back).min()) > 1 - 1e-11


class TestMarginTraining:
    def test_one_weight_against_scipy(self):
        """q = w^2, m = 2, lambda = e^{-l}: dw/ds = 2 w e^l / (1 + e^{l w^2}) - 2 w, by another solver."""
        problem, scale = MarginProblem(lambda w: w**2, 2), 12.0
        run = margin_training(problem, torch.tensor([1.4], dtype=torch.float64), scale, TIMES)

        def velocity(s, w):
            return 2 * w * math.exp(scale) / (1 + np.exp(scale * w**2)) - 2 * w

        twin = solve_ivp(velocity, (0, 1.5), [1.4], "LSODA", TIMES, rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(path(run)[:, 0], twin.y[0], atol=1e-6)
        assert float(run.states[-1]) ** 2 == pytest.approx(math.log(math.exp(scale) - 1) / scale, abs=1e-5)

    def test_it_is_the_gradient_flow_of_the_logistic_loss(self):
        """theta = l^{1/m} theta~ on the clock s = lambda t, by autograd at a point."""
        scale, m, w = 7.0, 2, torch.tensor([1.1, 0.9], dtype=torch.float64)
        ridge, unit = scale ** (1 - 2 / m) * math.exp(-scale), scale ** (1 / m)
        leaf = (unit * w).requires_grad_()
        cost = torch.nn.functional.softplus(-CORNER.q(leaf)).sum() + ridge * leaf @ leaf
        expected = -torch.autograd.grad(cost, leaf)[0] / (ridge * unit)
        h = 1e-6
        states = path(margin_training(CORNER, w, scale, [0, h, 2 * h], rtol=1e-10))
        slope = (-3 * states[0] + 4 * states[1] - states[2]) / (2 * h)
        np.testing.assert_allclose(slope, expected, rtol=1e-3)

    def test_theorem_c_the_distance_to_the_limit_is_of_order_one_over_the_scale(self, limit):
        products = [
            scale * float((path(margin_training(CORNER, START, scale, TIMES)) - limit).norm(dim=1).max())
            for scale in (20.0, 80.0, 320.0)
        ]
        assert max(products) / min(products) < 1.25 and max(products) < 1

    def test_without_decay_directions_follow_the_same_path_on_their_own_clock(self, limit):
        gaps = []
        for scale in (20.0, 80.0):
            run = path(undecayed_margin_training(CORNER, START, scale, TIMES[:11]))
            np.testing.assert_allclose(run[:, -1], math.log(scale) + 4 * TIMES[:11], rtol=1e-6)  # log T
            unit = [w / w.norm(dim=1, keepdim=True) for w in (run[:, :-1], limit[:11])]
            gaps.append(float((unit[0] - unit[1]).norm(dim=1).max()))
        assert gaps[1] < gaps[0] / 2.5

    def test_a_degree_below_two_is_refused(self):
        with pytest.raises(ValueError, match="degree must be a whole number of at least 2, got 1"):
            MarginProblem(lambda w: w, 1)
