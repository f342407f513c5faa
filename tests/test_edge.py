"""The edge of stability: the sharpness and its gradient, the multiplier, the flow with a cap, and real training."""

import itertools

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from grokutil.constraints import TinyNetwork, ZeroLossManifold
from grokutil.destinations import PARABOLA, parabola
from grokutil.edge import edge, edge_flow, edge_multiplier, sharpest
from grokutil.gradient_flow import slow_flow
from grokutil.optimisers import SGD, descend


def small(seed):
    draw = torch.Generator().manual_seed(seed)
    X, y = (torch.randn(*shape, generator=draw, dtype=torch.float64) for shape in ((3, 2), (3,)))
    network = TinyNetwork(X, 4)
    Z = ZeroLossManifold(network.F, y)
    return Z, Z.newton(network.random(seed))


def on_parabola(x):
    return torch.tensor([x**0.5, x - 2], dtype=torch.float64)


def test_the_sharpness_is_the_largest_eigenvalue_of_the_hessian_of_the_loss():
    Z, z = small(5)
    hessian = torch.func.hessian(Z.loss)(z)
    expected = torch.linalg.eigvalsh(hessian).flip(0)[:3]
    torch.testing.assert_close(sharpest(Z, z, 3).values, expected, rtol=1e-9, atol=1e-9)


def test_the_gradients_are_those_of_finite_differences():
    Z, z = small(5)
    found, h = sharpest(Z, z, 2).gradients, 1e-5
    for k in range(len(z)):
        step = h * torch.eye(len(z), dtype=torch.float64)[k]
        slope = (sharpest(Z, z + step, 2).values - sharpest(Z, z - step, 2).values) / (2 * h)
        torch.testing.assert_close(found[:, k], slope, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
def test_heavy_ball_on_a_parabola_is_stable_up_to_the_edge(momentum):
    for share, grows in ((0.99, False), (1.01, True)):
        S = share * edge(0.1, momentum)
        steps = descend(SGD(0.1, momentum=momentum), lambda w: S * w, torch.ones((), dtype=torch.float64))  # noqa: B023
        assert (abs(float(next(itertools.islice(steps, 3000, None))[0])) > 1) == grows


@pytest.mark.parametrize("x", [0.25, 1.0, 1.4, 1.7])
def test_the_multiplier_on_the_parabola_is_three_minus_2x_over_eight_and_not_negative(x):
    assert edge_multiplier(PARABOLA, on_parabola(x)) == pytest.approx(max(0, (3 - 2 * x) / 8), abs=1e-12)


def test_on_the_parabola_the_flow_stops_at_the_cap():
    run = edge_flow(PARABOLA, on_parabola(0.3), [0, 0.05, 3.0], cap=10.0, step=0.05)
    assert sharpest(PARABOLA, run.states[1]).values[0] < 10
    torch.testing.assert_close(run.states[2], on_parabola(1.0), rtol=1e-9, atol=0)


def test_without_a_cap_it_is_the_slow_flow():
    Z, z = small(28)
    times = [0.0, 0.2]
    free = slow_flow(Z, z, times).states[-1]
    errors = [float((edge_flow(Z, z, times, 1e9, step).states[-1] - free).norm()) for step in (0.02, 0.01)]
    assert errors[1] < 1e-3 and 3 < errors[0] / errors[1] < 5  # second order


def test_at_the_cap_it_is_the_slow_flow_with_one_more_row():
    """The twin: once the cap holds, the sharpness is one more output that is held."""
    Z, z = small(28)
    begin, end = (edge_flow(Z, z, [0, s], 14.9, 0.02).states[-1] for s in (0.3, 0.5))

    def with_sharpness(theta):
        J = torch.func.jacrev(Z.F)(theta)
        return torch.cat((Z.F(theta), 2 * torch.linalg.eigvalsh(J @ J.T)[-1:]))

    S = sharpest(Z, begin).values
    assert float(S[0]) == pytest.approx(14.9, rel=1e-9)
    held = slow_flow(ZeroLossManifold(with_sharpness, torch.cat((Z.y, S))), begin, [0.3, 0.5], rtol=1e-6).states[-1]
    free = slow_flow(Z, begin, [0.3, 0.5]).states[-1]
    assert float((end - held).norm()) < 0.002 * float((free - held).norm())


def test_the_end_is_the_shortest_point_within_the_cap():
    """Three weights with a bowl for a manifold: against SciPy's minimiser under the same constraint."""
    bowl = ZeroLossManifold(
        lambda w: (w[2] - w[0] ** 2 - w[1] ** 2 / 2)[None], torch.tensor([-4.0], dtype=torch.float64)
    )
    start = bowl.newton(torch.tensor([0.3, 0.6, -3.5], dtype=torch.float64))
    end = edge_flow(bowl, start, [0, 5.0], cap=8.0, step=0.1).states[-1].numpy()
    norm = lambda v: v @ v + (v[0] ** 2 + v[1] ** 2 / 2 - 4) ** 2  # noqa: E731
    cap = {"type": "ineq", "fun": lambda v: 8 - 2 * (1 + 4 * v[0] ** 2 + v[1] ** 2)}
    best = minimize(norm, [0.3, 0.6], constraints=[cap], method="SLSQP", options={"ftol": 1e-14}).x
    np.testing.assert_allclose(end[:2], best, atol=1e-4)


@pytest.mark.parametrize("eta", [0.2, 0.3])
def test_training_on_the_parabola_ends_at_the_cap_with_the_loss_of_its_multiplier(eta):
    x, ridge = (1 / eta - 1) / 4, 2e-3

    runs = descend(SGD(eta, 2 * ridge), PARABOLA.loss_gradient, on_parabola(0.4))
    late = torch.stack([w for w, _ in itertools.islice(runs, 8000, 9000)])
    assert float(late[:, 0].mean() ** 2) == pytest.approx(x, rel=0.05)
    loss = (parabola(late)[:, 0] + 2).square().mean()
    expected = ridge * edge_multiplier(PARABOLA, on_parabola(x)) * edge(eta)
    assert float(loss) == pytest.approx(expected, rel=0.02)


def test_errors_name_the_argument():
    Z, z = small(5)
    with pytest.raises(ValueError, match="count 4 is larger than the number of constraints, 3"):
        sharpest(Z, z, 4)
    with pytest.raises(ValueError, match="the start has sharpness 12.*above the cap 1"):
        edge_flow(Z, z, [0, 1], 1.0)
    with pytest.raises(ValueError, match="momentum"):
        edge(0.1, 1.0)
