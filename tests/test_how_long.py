"""The chapter on time: one path for all large starts, its kernel, its time; the slow flow and training for all time."""

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp

from grokutil.constraints import TinyNetwork, ZeroLossManifold
from grokutil.gradient_flow import fall, slow_flow
from grokutil.results import load


def mirrored_problem(seed, activation="quadratic"):
    """A homogeneous network, a start with output zero, its targets."""
    draw = torch.Generator().manual_seed(seed)
    X, y = torch.randn(3, 3, generator=draw, dtype=torch.float64), torch.randn(3, generator=draw, dtype=torch.float64)
    net = TinyNetwork(X, 8, activation)
    half = net.random(seed)
    W, a = half[:24].view(3, 8)[:, :4], half[24:28]
    return net, torch.cat((torch.cat((W, W), 1).flatten(), a, -a)), y


@pytest.mark.parametrize("seed", range(3))
def test_the_slow_flow_of_a_homogeneous_network_is_its_continuation_in_the_targets(seed):
    """dv / d epsilon = J(v)^+ y from a point of Z, by SciPy and a dense pseudo-inverse, against the slow flow."""
    (net, start, y), alpha, m = mirrored_problem(seed), 3.0, 3
    Z = ZeroLossManifold(net.F, y)
    z0, s = Z.newton(alpha * start), 0.9
    end = slow_flow(Z, z0, [0, s], rtol=1e-10).states[-1]

    def slope(_, v):
        return torch.linalg.pinv(Z.jacobian(torch.from_numpy(v))).numpy() @ y.numpy()

    shares = alpha**-m, (alpha * np.exp(-2 * s)) ** -m
    run = solve_ivp(slope, shares, (z0 / alpha).numpy(), "DOP853", rtol=1e-10, atol=1e-12)
    v = torch.from_numpy(run.y[:, -1])
    torch.testing.assert_close(alpha * np.exp(-2 * s) * v, end, rtol=1e-7, atol=1e-8)
    torch.testing.assert_close(net.F(v), shares[1] * y, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_all_large_starts_run_along_one_path(seed):
    """From the point of Z beside a start without output the distance to the common path falls as alpha^-2m, m = 3."""
    net, start, y = mirrored_problem(seed)
    Z = ZeroLossManifold(net.F, y)
    ends = {a: slow_flow(Z, Z.newton(a * start), [0, np.log(a) / 2 + 0.3], rtol=1e-11).states[-1] for a in (3, 6, 48)}
    gaps = [float((ends[a] - ends[48]).norm()) for a in (3, 6)]
    assert 2**5 < gaps[0] / gaps[1] < 2**7


def test_a_start_that_speaks_falls_to_zero_first():
    """In units of alpha the fall ends near where it would end with targets zero, and the distance falls as alpha^-m."""
    net, _, y = mirrored_problem(0)
    start = 0.6 * net.random(1)
    silent = fall(ZeroLossManifold(net.F, torch.zeros_like(y)), start, [0, 300]).states[-1]
    gaps = []
    for alpha in (3.0, 6.0):
        Z = ZeroLossManifold(net.F, y)
        gaps.append(float((fall(Z, alpha * start, [0, 300 / alpha**4]).states[-1] / alpha - silent).norm()))
    assert gaps[1] < gaps[0] / 4 and gaps[1] < 0.05


def test_stored_runs_on_faces_have_room_and_an_error_of_the_order_of_lambda():
    for k in range(5):
        run = load("long_flow", f"face_{k}")[0]
        assert run["end"] >= 0.1 and run["room"][0] > 0.03 and run["kinks"] >= 1
        assert np.ptp(run["error"]) < 0.25 * run["error"].max()
