"""Label noise: its potential and the trace of the NTK, with their limits and slow twins."""

import numpy as np
import pytest
import torch

from grokutil.activations import softplus
from grokutil.constraints import TinyNetwork, ZeroLossManifold
from grokutil.manifold import TangentSpace, jacobian, join, ntk
from grokutil.model import default_weights
from grokutil.noise import noise_potential, noisy_descent, ntk_trace
from grokutil.walks import projected_flow, retract


def randn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


A = randn(4, 6)
THETA = A @ A.T
EDGE = 1 / float(torch.linalg.eigvalsh(THETA)[-1])  # eta at which eta lambda_max(Theta) = 1


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_the_potential_is_a_sum_over_eigenvalues(momentum):
    eta, b = 0.7 * EDGE, momentum
    each = [-np.log(1 - eta / (1 + b) * h) * (1 + b) / (1 - b) for h in torch.linalg.eigvalsh(THETA).tolist()]
    assert float(noise_potential(THETA, eta, 0.3, b)) == pytest.approx(0.09 * sum(each), rel=1e-12)


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
def test_for_small_steps_the_potential_is_the_trace_and_beyond_the_edge_it_is_infinite(momentum):
    eta = 1e-6 * EDGE
    trace = eta / (1 - momentum) * 0.04 * float(THETA.trace())
    assert float(noise_potential(THETA, eta, 0.2, momentum)) == pytest.approx(trace, rel=1e-5)
    assert np.isfinite(float(noise_potential(THETA, 0.999 * (1 + momentum) * EDGE, 0.2, momentum)))
    assert np.isinf(float(noise_potential(THETA, 1.001 * (1 + momentum) * EDGE, 0.2, momentum)))
    assert float(noise_potential(THETA, eta, 0.0, momentum)) == 0


def test_one_weight_with_noise_has_the_variance_of_the_derivative_of_the_potential():
    """The residual's variance over Theta is the derivative of the potential by Theta, by 400000 steps of training."""
    Theta, eta, delta, momentum = 2.0, 0.1, 0.5, 0.5
    draw, r, velocity, total = np.random.default_rng(0), 0.0, 0.0, 0.0
    for xi in delta * draw.standard_normal(400_000):
        velocity = momentum * velocity + 2 * Theta * (r + xi)
        r = r - eta * velocity
        total += r * r
    h = 1e-5
    at = [float(noise_potential(torch.tensor([[Theta + s]]).double(), eta, delta, momentum)) for s in (-h, h)]
    assert total / 400_000 / Theta == pytest.approx((at[1] - at[0]) / (2 * h), rel=0.03)


@pytest.mark.parametrize("activation", ["tanh", "relu", softplus(10)])
def test_the_trace_is_that_of_the_ntk(activation):
    W1, W2, X = randn(3, 5), randn(5, 2, seed=1), randn(4, 3, seed=2)
    expected = float(ntk(W1, W2, X, activation).trace())
    assert float(ntk_trace(W1, W2, X, activation)) == pytest.approx(expected, rel=1e-12)


def test_the_field_is_the_gradient_of_norm_and_trace():
    W1, W2, X = randn(3, 5), randn(5, 2, seed=1), randn(4, 3, seed=2)
    field = noisy_descent("tanh", 0.7, 0.2)(TangentSpace(W1, W2, X, "tanh"))

    def both(theta):
        J = jacobian(theta[:15].reshape(3, 5), theta[15:].reshape(5, 2), X, "tanh")
        return 0.7 * theta.square().sum() + 0.2 * J.square().sum()

    theta, h = join(W1, W2), 1e-5
    for k, slope in enumerate(field):
        step = h * torch.eye(25, dtype=torch.float64)[k]
        expected = float(both(theta - step) - both(theta + step)) / (2 * h)
        assert float(slope) == pytest.approx(expected, rel=1e-6, abs=1e-7)


def test_the_flow_of_the_trace_lowers_it_on_the_manifold():
    X, Y = randn(4, 3, seed=2), randn(4, 2, seed=3)
    start = retract(*default_weights(3, 12, 2, 0), X, Y, "tanh")
    field = noisy_descent("tanh", 0.0, 1.0)
    walk = projected_flow(start, X, Y, np.linspace(0, 0.1, 6), field=field, activation="tanh", step=0.01)
    traces = [float(ntk_trace(*state, X, "tanh")) for state in walk.states]
    assert all(b < a for a, b in zip(traces, traces[1:], strict=False))


def test_training_with_noise_follows_the_flow_of_the_potential():
    """A small network, 200 runs, against the flow of the logarithm to four standard errors."""
    draw = torch.Generator().manual_seed(5)
    X, y = randn(3, 2, seed=5), torch.randn(3, generator=draw, dtype=torch.float64)
    network = TinyNetwork(X, 4, "tanh")
    Z = ZeroLossManifold(network.F, y)
    start = Z.newton(network.random(5))
    eta = 0.6 / float(2 * torch.linalg.eigvalsh(Z.ntk(start))[-1])
    steps, delta = 6000, 0.1
    theta = start.expand(200, -1)
    for _ in range(steps):
        noisy = y + delta * torch.randn(200, 3, generator=draw, dtype=torch.float64)
        theta = theta - eta * network_gradient(network, theta, noisy)
    mean = theta.mean(0)
    error = float((theta.var(0) / 200).sum().sqrt())

    def flow(potential):
        zeta, h = start, eta * steps / 60
        slope = torch.func.grad(lambda t: potential(Z.F, t))
        for _ in range(60):
            middle = zeta - h / 2 * Z.tangent(zeta, slope(zeta))
            zeta = Z.newton(zeta - h * Z.tangent(middle, slope(middle)))
        return zeta

    def ntk_of(F, theta):
        J = torch.func.jacrev(F)(theta)
        return J @ J.T

    exact = flow(lambda F, t: noise_potential(ntk_of(F, t), eta, delta))
    assert float((exact - start).norm()) > 0.05
    assert float((mean - exact).norm()) < 4 * error + 0.005


def network_gradient(network, theta, y):
    """The gradient for a stack of parameters, each with its own targets (R, n)."""
    W, a = theta[:, : -network.width].unflatten(1, (-1, network.width)), theta[:, -network.width :, None]
    H = torch.tanh(network.X @ W)
    r = H @ a - y[:, :, None]
    by_W = network.X.T @ (r * (1 - H * H) * a.mT)
    return 2 * torch.cat((by_W.flatten(1), (H.mT @ r)[:, :, 0]), 1)


def test_errors_name_the_argument():
    with pytest.raises(ValueError, match="momentum must be at least 0 and below 1, got 1"):
        noise_potential(THETA, 0.1, 0.1, 1)
    with pytest.raises(ValueError, match="noise"):
        noise_potential(THETA, 0.1, -0.1)
    with pytest.raises(ValueError, match="jumps at the kinks of 'relu': take a smooth activation"):
        noisy_descent("relu", 1.0, 1.0)
    with pytest.raises(ValueError, match="trace"):
        noisy_descent("tanh", 1.0, -1.0)
