"""Stabilised steps: the stability polynomial by NumPy's Chebyshev series, orders, error control, cost."""

import math

import numpy as np
import pytest
import torch
from numpy.polynomial import Chebyshev as Series

from grokutil.chebyshev import DAMPING, MOST_STAGES, SAFETY, Chebyshev
from grokutil.data import modular_addition
from grokutil.flow import integrate, linearize
from grokutil.isolated import FirstLayerDynamics
from grokutil.model import gaussian_embedding


def draw(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def one_step(velocity, state, h, stages):
    solver = Chebyshev(velocity, lambda W: linearize(velocity, W), state, 0.0, 1.0, 1e-3)
    return solver._step(velocity(state), h, stages)


def fixed_steps(velocity, state, length, count, stages):
    for _ in range(count):
        state = one_step(velocity, state, length / count, stages)
    return state


def polynomial(z, stages):
    """The published stability function 1 - b T(w0) + b T(w0 + w1 z), by NumPy's series and its derivatives."""
    T = Series.basis(stages)
    w0 = 1 + DAMPING / stages**2
    w1, b = T.deriv()(w0) / T.deriv(2)(w0), T.deriv(2)(w0) / T.deriv()(w0) ** 2
    return 1 - b * T(w0) + b * T(w0 + w1 * z)


@pytest.mark.parametrize("stages", [2, 3, 7, 20])
class TestOneStep:
    def test_on_a_linear_flow_it_is_the_stability_polynomial(self, stages):
        z = np.linspace(-0.64 * (stages**2 - 1), 0.5, 40)
        rate = torch.from_numpy(z)[None]
        W = one_step(lambda W: rate * W, torch.ones(1, 40).double(), 1.0, stages)
        np.testing.assert_allclose(W[0].numpy(), polynomial(z, stages), rtol=1e-9, atol=1e-11)

    def test_it_is_stable_as_far_as_the_stage_count_supposes(self, stages):
        """The solver takes m = sqrt(1 + 1.54 h rho) stages."""
        z = np.linspace(-(stages**2 - 1) / 1.54, 0, 2000)
        assert np.abs(polynomial(z, stages)).max() <= 1 + 1e-12

    def test_it_is_of_second_order_on_a_smooth_flow(self, stages):
        def velocity(W):
            return torch.stack((W[1], -W[0] - W[0] ** 3))

        start = torch.tensor([[1.0], [0.5]]).double()
        exact = integrate(velocity, start, [0, 1], method="rk45", rtol=1e-12).states[-1]
        errors = [float((fixed_steps(velocity, start, 1.0, k, stages) - exact).norm()) for k in (32, 64, 128)]
        assert math.log2(errors[0] / errors[1]) == pytest.approx(2, abs=0.15)
        assert math.log2(errors[1] / errors[2]) == pytest.approx(2, abs=0.1)

    def test_first_order_survives_a_kink(self, stages):
        """A velocity that jumps from 1 to 2 at W = 0; the largest error over the places where a step may meet it."""
        starts = -torch.linspace(0.4, 0.6, 2001).double()[None]
        exact = 2 * (1 + starts)

        def worst(count):
            W = fixed_steps(lambda W: 1 + (W > 0).double(), starts, 1.0, count, stages)
            return float((W - exact).abs().max())

        assert worst(16) / worst(128) == pytest.approx(8, rel=0.01)


def small_problem(activation):
    task = modular_addition(7, 0.6)
    dynamics = FirstLayerDynamics(task.X_train, task.Y_train, activation, ridge=0.1)
    return dynamics, gaussian_embedding(7, 30), np.linspace(0, 1, 6)


def largest_error(states, exact):
    return max(float((a - b).norm() / b.norm()) for a, b in zip(states, exact, strict=True))


RATES = torch.logspace(0, 4, 30).double()[None]


def stiff(W):
    return -RATES * (W - 1)


class TestARun:
    def test_a_stiff_flow_takes_a_small_part_of_the_evaluations(self):
        start, times = torch.zeros(1, 30).double(), [0.0, 0.3, 1.0]
        exact = 1 - torch.exp(-RATES)
        ours, explicit = (integrate(stiff, start, times, method=m, rtol=1e-4) for m in ("rkc", "rk45"))
        for run in (ours, explicit):
            assert float((run.states[-1] - exact).norm() / exact.norm()) < 1e-3
        assert ours.evaluations + ours.settings["products"] < explicit.evaluations / 10

    @pytest.mark.parametrize("method", ["rkc", "rk45"])
    def test_the_error_of_a_smooth_flow_follows_the_tolerance(self, method):
        dynamics, E, times = small_problem("tanh")
        exact = integrate(dynamics, E, times, method="rk45", rtol=1e-10).states
        evaluations = []
        for rtol in (1e-2, 1e-3, 1e-4):
            run = integrate(dynamics, E, times, method=method, rtol=rtol)
            assert run.clock == "tau" and run.times.tolist() == times.tolist()
            assert 0 < largest_error(run.states, exact) < 10 * rtol
            evaluations.append(run.evaluations)
        assert evaluations[2] < 4 * evaluations[0]

    def test_with_kinks_the_error_follows_too_but_each_digit_costs_ten_times_more(self):
        """First order: the reference is Euler's method with steps that are short enough for three digits."""
        dynamics, E, times = small_problem("relu")
        exact = integrate(dynamics, E, times, step=2e-4).states
        runs = [integrate(dynamics, E, times, method="rkc", rtol=rtol) for rtol in (1e-1, 1e-2, 1e-3)]
        for run, rtol in zip(runs, (1e-1, 1e-2, 1e-3), strict=True):
            assert 0 < largest_error(run.states, exact) < 4 * rtol
        assert 4 < runs[1].evaluations / runs[0].evaluations < 20
        assert 5 < runs[2].evaluations / runs[1].evaluations < 20

    def test_between_steps_it_interpolates(self):
        """Many asked times cost nothing, and the states there are as good as those at the ends of steps."""
        few = integrate(lambda W: -W, torch.ones(1, 1).double(), [0, 2], method="rkc", rtol=1e-5)
        times = np.linspace(0, 2, 101)
        many = integrate(lambda W: -W, torch.ones(1, 1).double(), times, method="rkc", rtol=1e-5)
        assert many.evaluations == few.evaluations < 300
        W = torch.stack(many.states).ravel().numpy()
        assert np.abs(W * np.exp(times) - 1).max() < 1e-3 and torch.equal(many.states[-1], few.states[-1])

    def test_every_velocity_is_counted(self):
        calls = 0

        def velocity(W):
            nonlocal calls
            calls += 1
            return -W

        velocity.linearize = lambda W: (velocity(W), lambda V: -V)
        run = integrate(velocity, torch.ones(1, 2).double(), [0, 1], method="rkc")
        assert run.evaluations == calls and run.settings["products"] >= 20

    def test_an_interrupted_run_keeps_what_it_has(self):
        calls = 0

        def velocity(W):
            nonlocal calls
            calls += 1
            if calls == 60:
                raise KeyboardInterrupt
            return -W

        velocity.linearize = lambda W: (velocity(W), lambda V: -V)
        with pytest.warns(RuntimeWarning, match="interrupted at t = "):
            part = integrate(velocity, torch.ones(1, 1).double(), [0.0, 0.01, 5.0], method="rkc", rtol=1e-5)
        assert not part.complete and len(part) == 3 and 0.01 < part.times[-1] < 5
        assert float(part.states[-1]) == pytest.approx(math.exp(-part.times[-1]), rel=1e-3)

    def test_a_trial_step_on_which_the_velocity_fails_is_taken_back(self):
        def decay(fails_at):
            calls = 0

            def velocity(W):
                nonlocal calls
                calls += 1
                if calls == fails_at:
                    raise ValueError("not defined so far away")
                return -W

            velocity.linearize = lambda W: (velocity(W), lambda V: -V)
            return integrate(velocity, torch.ones(1, 1).double(), [0, 1], method="rkc", rtol=1e-5)

        smooth, broken = decay(fails_at=None), decay(fails_at=30)
        assert broken.settings["rejected"] == smooth.settings["rejected"] + 1
        assert float(broken.states[-1]) == pytest.approx(math.exp(-1), rel=1e-3)

    def test_a_velocity_may_return_its_argument(self):
        run = integrate(lambda W: W, torch.ones(1, 1).double(), [-2, -1], method="rkc", rtol=1e-4)
        assert float(run.states[-1]) == pytest.approx(math.e, rel=1e-2)

    def test_steps_that_shrink_to_nothing_say_so(self):
        """W' = W^2 ends at t = 1."""
        with pytest.raises(ValueError, match=r"the step fell to .* near 1"):
            integrate(lambda W: W**2, torch.ones(1, 1).double(), [0, 2], method="rkc", rtol=1e-2)
        with pytest.raises(ValueError, match=r"RK45 stopped at (1|0\.99)"):
            integrate(lambda W: W**2, torch.ones(1, 1).double(), [0, 2], method="rk45", rtol=1e-2)

    def test_a_step_has_at_most_so_many_stages(self):
        """So a flow that has come to rest takes steps of a fixed length."""
        run = integrate(lambda W: -1e6 * W, torch.ones(1, 1).double(), [0, 1], method="rkc")
        steps = 1.54 * SAFETY * 1e6 / MOST_STAGES**2
        assert abs(float(run.states[-1])) < 1e-6
        assert steps * MOST_STAGES < run.evaluations < 1.3 * steps * MOST_STAGES


def test_a_start_at_rest_and_a_flow_that_stands_still():
    still = integrate(torch.zeros_like, draw(2, 2), [0, 1], method="rkc")
    assert torch.equal(still.states[-1], draw(2, 2))
    rise = integrate(lambda W: 1 - W, torch.zeros(1, 1).double(), [0, 1], method="rkc", rtol=1e-4)
    assert float(rise.states[-1]) == pytest.approx(1 - math.exp(-1), rel=1e-3)


def test_the_spectral_radius_is_followed_as_it_grows():
    """A rate that grows 10000-fold along the run, W' = -10^(4t) (W - 1): with too few stages steps would be short."""
    products = 0

    def velocity(state):
        return torch.stack((-(10 ** (4 * state[1])) * (state[0] - 1), torch.ones_like(state[1])))

    def linearize(state):
        def product(V):
            nonlocal products
            products += 1
            return torch.func.jvp(velocity, (state,), (V,))[1]

        return velocity(state), product

    velocity.linearize = linearize
    start = torch.tensor([0.0, 0.0]).double()
    run = integrate(velocity, start, [0, 1], method="rkc", rtol=1e-4)
    assert run.settings["products"] == products > 100 and run.evaluations < 600
    assert float(run.states[-1][0]) == pytest.approx(1, abs=1e-3)
