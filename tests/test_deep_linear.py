"""Deep linear networks: destination, path and delay against the slow flow of the factors."""

import numpy as np
import pytest
import torch

from grokutil.deep import DeepManifold, DeepNetwork
from grokutil.deep_linear import delay, distance, invariant, product_velocity
from grokutil.gradient_flow import slow_flow
from grokutil.heads import balanced_factors, head_cost


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def one_output(layers, seed=0, away=4.0):
    """Inputs, the destination of length 1, and a product at a distance from it."""
    X = normal(3, 6, seed=seed)
    end = torch.linalg.pinv(X) @ normal(3, 1, seed=seed + 1)
    end = end / end.norm()
    side = normal(6, 1, seed=seed + 2)
    side = side - torch.linalg.pinv(X) @ (X @ side)
    return X, end, end + away * side / side.norm()


def factors(net, W, layers):
    return torch.cat([T.flatten() for T in balanced_factors(W, layers, net.shapes[0][1] if layers > 1 else None)])


class TestPath:
    @pytest.mark.parametrize("layers", [1, 2, 3, 4])
    def test_the_velocity_of_the_product_is_that_of_the_factors(self, layers):
        X = normal(3, 5)
        net = DeepNetwork(X, (4,) * (layers - 1) + (2,), "identity")
        W = normal(5, 2, seed=3)
        theta = factors(net, W, layers)
        velocity = DeepManifold(net, X @ W).slow_velocity(theta)

        def product(v):
            Ws = net.layers(v)
            return torch.linalg.multi_dot(Ws) if layers > 1 else Ws[0]

        moved = torch.func.jvp(product, (theta,), (velocity,))[1]
        torch.testing.assert_close(product_velocity(W, X, layers), moved, rtol=0, atol=1e-10)

    @pytest.mark.parametrize("layers", [1, 2, 3, 6])
    def test_the_distance_is_that_of_the_slow_flow(self, layers):
        X, end, start = one_output(layers)
        net, s = DeepNetwork(X, (5,) * (layers - 1) + (1,), "identity"), np.linspace(0, 1.5, 6)
        run = slow_flow(DeepManifold(net, X @ end), factors(net, start, layers), s)
        eye = torch.eye(6, dtype=torch.float64)
        found = [float((net.outputs(state, eye) - end).norm()) for state in run.states]
        np.testing.assert_allclose(found, distance(s, 4.0, 1.0, layers), rtol=1e-5)

    def test_one_layer_is_the_exponential_and_far_away_depth_is_its_own_speed(self):
        s = np.linspace(0, 2, 5)
        np.testing.assert_allclose(distance(s, 3.0, 1.0, 1), 3 * np.exp(-2 * s))
        near, far = (np.log(distance(np.array([0, 0.01]), q0, 1.0, 5)) for q0 in (1e-4, 1e4))
        assert (near[0] - near[1]) / 0.02 == pytest.approx(1, rel=1e-3)
        assert (far[0] - far[1]) / 0.02 == pytest.approx(5, rel=1e-3)

    @pytest.mark.parametrize("layers", [1, 2, 3, 6, 50])
    def test_distance_and_delay_are_inverses_and_the_derivative_is_the_printed_one(self, layers):
        s = np.linspace(0, 3, 13)
        q = distance(s, 4.0, 1.3, layers)
        np.testing.assert_allclose(delay(4.0, q, 1.3, layers), s, atol=1e-12)
        np.testing.assert_allclose(invariant(q, 1.3, layers) - invariant(4.0, 1.3, layers), -2 * s, atol=1e-12)
        h = 1e-5
        slope = (distance(s + h, 4.0, 1.3, layers) - distance(s - h, 4.0, 1.3, layers)) / (2 * h)
        told = -2 * layers * q * (1.3**2 + q**2) / (layers * 1.3**2 + q**2)
        np.testing.assert_allclose(slope, told, rtol=1e-7)


class TestDestination:
    @pytest.mark.parametrize("layers", [2, 3])
    @pytest.mark.parametrize("seed", range(2))
    def test_from_any_start_the_product_goes_to_the_shortest_one_that_fits(self, layers, seed):
        X, Y = normal(3, 6, seed=seed), normal(3, 2, seed=seed + 1)
        net = DeepNetwork(X, (5,) * (layers - 1) + (2,), "identity")
        Z = DeepManifold(net, Y)
        end = slow_flow(Z, Z.newton(net.random(seed)), [0, 5.0]).states[-1]
        product = net.outputs(end, torch.eye(6, dtype=torch.float64))
        torch.testing.assert_close(product, torch.linalg.pinv(X) @ Y, rtol=0, atol=2e-3)
        assert float(end @ end) == pytest.approx(float(head_cost(X, Y, layers)), rel=1e-3)

    def test_the_multiplier_at_rest_is_the_printed_one(self):
        X, Y, layers = normal(3, 6), normal(3, 2, seed=1), 3
        net = DeepNetwork(X, (4, 4, 2), "identity")
        theta = factors(net, torch.linalg.pinv(X) @ Y, layers)
        Z = DeepManifold(net, Y)
        assert float(Z.tangent(theta, theta).norm()) < 1e-12
        B = torch.linalg.solve(X @ X.mT, Y)
        w, V = torch.linalg.eigh(Y.mT @ B)
        told = B @ (V * w ** (1 / layers - 1)) @ V.mT
        torch.testing.assert_close(Z.multiplier(theta), told.flatten())


@pytest.mark.parametrize(
    ("options", "words"), [((4.0, 1.0, 0.0, 2), "a must"), ((4.0, 0.0, 1.0, 2), "q"), ((4.0, 1.0, 1.0, 0), "layers")]
)
def test_bad_input_says_what_to_do(options, words):
    with pytest.raises(ValueError, match=words):
        delay(*options)
