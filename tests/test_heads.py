"""A linear head of several layers: its least norm against brute force, the velocity against autograd and SymPy."""

import math

import numpy as np
import pytest
import sympy as sp
import torch
from scipy.optimize import minimize

from grokutil.constraints import ZeroLossManifold
from grokutil.deep import DeepNetwork
from grokutil.flow import integrate
from grokutil.heads import HeadDynamics, balanced_factors, head_cost, optimal_head, power
from grokutil.isolated import FeatureDynamics, FirstLayerDynamics, SingularKernelError, optimal_readout

LAYERS = (1, 2, 3, 7, math.inf)


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def problem(seed=0, activation="tanh", width=9):
    """Features below the head, targets, and weights of the first layer."""
    net = DeepNetwork(normal(4, 5, seed=seed), (width, 3), activation)
    return net, normal(4, 3, seed=seed + 1), normal(5 * width, seed=seed + 2)


class TestPower:
    @pytest.mark.parametrize("exponent", [1.0, 0.5, -0.5, -1.0])
    def test_powers_are_those_of_products_and_inverses(self, exponent):
        Q = normal(4, 4) @ normal(4, 4).mT
        root, known = power(Q, 0.5), {1.0: Q, -1.0: torch.linalg.inv(Q)}
        torch.testing.assert_close(root @ root, Q)
        found = power(Q, exponent)
        torch.testing.assert_close(
            known.get(2 * exponent, known.get(exponent)), found @ found if exponent % 1 else found
        )

    @pytest.mark.parametrize("spread", [1.0, 1e-7, 0.0])
    def test_the_derivative_is_that_of_differences_also_for_equal_eigenvalues(self, spread):
        V = torch.linalg.qr(normal(4, 4)).Q
        Q = (V * (2 + spread * torch.arange(4.0, dtype=torch.float64))) @ V.mT
        D = normal(4, 4, seed=1) + normal(4, 4, seed=1).mT
        for exponent in (-0.5, 1 / 3):
            ahead = torch.func.jvp(lambda M, a=exponent: power(M, a), (Q,), (D,))[1]
            h = 1e-5
            torch.testing.assert_close(
                ahead, (power(Q + h * D, exponent) - power(Q - h * D, exponent)) / (2 * h), rtol=0, atol=1e-8
            )
            weight = normal(4, 4, seed=2) + normal(4, 4, seed=2).mT
            back = torch.func.grad(lambda M, a=exponent, w=weight: (w * power(M, a)).sum())(Q)  # noqa: B023
            assert float((back * D).sum()) == pytest.approx(float((weight * ahead).sum()))

    def test_what_is_not_in_the_range_stays_zero(self):
        B = normal(4, 2)
        Q = B @ B.mT
        torch.testing.assert_close(power(Q, -1), torch.linalg.pinv(Q))


class TestCost:
    @pytest.mark.parametrize("layers", [2, 3])
    def test_no_head_found_by_brute_force_is_shorter(self, layers):
        H, Y, sizes = normal(3, 5), normal(3, 2, seed=1), [5] + [3] * (layers - 1) + [2]
        shapes = list(zip(sizes, sizes[1:], strict=False))

        def outputs(v):
            product, start = H, 0
            for a, b in shapes:
                product, start = product @ v[start : start + a * b].reshape(a, b), start + a * b
            return (product - Y).flatten()

        def row(v):
            return outputs(torch.from_numpy(v)).numpy()

        def slope(v):
            return torch.func.jacrev(outputs)(torch.from_numpy(v)).numpy()

        found = []
        for seed in range(3):
            start = normal(sum(a * b for a, b in shapes), seed=seed).numpy()
            run = minimize(
                lambda v: v @ v, start, jac=lambda v: 2 * v, method="SLSQP", options={"maxiter": 1000, "ftol": 1e-13},
                constraints={"type": "eq", "fun": row, "jac": slope},
            )  # fmt: skip
            found.append(run.fun if run.success else np.inf)
        cost = float(head_cost(H, Y, layers))
        assert min(found) == pytest.approx(cost, rel=1e-6) and min(found) > cost * (1 - 1e-7)

    @pytest.mark.parametrize("layers", [1, 2, 3, 4])
    def test_the_optimal_head_meets_the_targets_is_balanced_and_has_that_norm(self, layers):
        H, Y = normal(4, 9), normal(4, 3, seed=1)
        Ts = optimal_head(H, Y, layers, width=5, seed=2)
        product = torch.linalg.multi_dot(Ts) if layers > 1 else Ts[0]
        torch.testing.assert_close(product, optimal_readout(H, Y))
        assert float(sum(T.square().sum() for T in Ts)) == pytest.approx(float(head_cost(H, Y, layers)))
        for below, above in zip(Ts, Ts[1:], strict=False):
            torch.testing.assert_close(below.mT @ below, above @ above.mT, rtol=0, atol=1e-12)
        assert [T.shape[1] for T in Ts] == [5] * (layers - 1) + [3]

    def test_many_layers_tend_to_the_logarithm_of_the_determinant(self):
        H, Y = normal(4, 9), normal(4, 3, seed=1)
        product = optimal_readout(H, Y)
        limit = float(head_cost(H, Y, math.inf))
        assert limit == pytest.approx(float(torch.logdet(product.mT @ product)))
        gaps = [float(head_cost(H, Y, m)) - m * 3 - limit for m in (100, 1000)]
        assert gaps[0] / gaps[1] == pytest.approx(10, rel=0.05) and abs(gaps[1]) < 0.05

    @pytest.mark.parametrize("seed", range(5))
    def test_where_the_isolated_flow_rests_the_whole_network_is_stationary_on_its_zero_loss_manifold(self, seed):
        m, (net, Y, w) = 2, problem(seed, width=12)
        dynamics = HeadDynamics(net.features, Y, m)

        def value(v):
            theta = torch.from_numpy(v)
            return float(dynamics.cost(theta)), -2 * dynamics(theta).numpy()

        run = minimize(
            value,
            0.3 * w.numpy(),
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": 20_000, "ftol": 1e-16, "gtol": 1e-9},
        )
        below = torch.from_numpy(run.x)
        theta = torch.cat((below, *(T.flatten() for T in optimal_head(net.features(below), Y, m, width=3))))

        def F(v):
            return (net.features(v[:60]) @ v[60:96].reshape(12, 3) @ v[96:].reshape(3, 3)).flatten()

        Z = ZeroLossManifold(F, Y.flatten())
        assert float(Z.residual(theta).norm()) < 1e-10
        assert float(Z.tangent(theta, theta).norm() / theta.norm()) < 1e-3
        assert float(theta @ theta) == pytest.approx(run.fun, rel=1e-10)


class TestVelocity:
    @pytest.mark.parametrize("layers", LAYERS)
    @pytest.mark.parametrize("seed", range(3))
    def test_it_is_autograds_of_the_cost(self, layers, seed):
        net, Y, w = problem(seed)
        dynamics = HeadDynamics(net.features, Y, layers)
        v = dynamics(w)
        leaf = w.clone().requires_grad_()
        (found,) = torch.autograd.grad(dynamics.cost(leaf), leaf)
        assert float((v + found / 2).norm() / v.norm()) < 1e-10

    def test_one_layer_is_eq_20(self):
        net, Y, w = problem()
        dynamics = HeadDynamics(net.features, Y, 1)
        torch.testing.assert_close(dynamics(w), FirstLayerDynamics(net.X, Y, "tanh")(w.reshape(5, 9)).flatten())
        torch.testing.assert_close(dynamics.cost(w), FeatureDynamics(net.features, Y).cost(w))

    def test_it_is_sympys_derivative_by_entries(self):
        """Two samples, two outputs, two layers: Tr Q^(1/2) = sqrt(Tr Q + 2 sqrt(det Q))."""
        entries = sp.Matrix(2, 2, sp.symbols("h1:5", positive=True))
        Y = sp.Matrix([[1, sp.Rational(1, 3)], [-sp.Rational(1, 2), 2]])
        K = entries * entries.T
        Q = Y.T * (K.adjugate() / K.det()) * Y
        cost = 2 * sp.sqrt(Q.trace() + 2 * sp.sqrt(Q.det()))
        at = dict(zip(entries, (1.1, 0.3, 0.4, 0.9), strict=True))
        slope = [float(cost.diff(h).subs(at)) for h in entries]
        H, Yt = (
            torch.tensor([[1.1, 0.3], [0.4, 0.9]], dtype=torch.float64),
            torch.tensor(Y.tolist(), dtype=torch.float64),
        )
        dynamics = HeadDynamics(lambda theta: theta.reshape(2, 2), Yt, 2)
        np.testing.assert_allclose((dynamics(H.flatten()) + H.flatten()).numpy(), -np.array(slope) / 2, rtol=1e-10)

    @pytest.mark.parametrize(("activation", "degree"), [("relu", 1), ("quadratic", 2)])
    def test_with_infinitely_many_layers_the_norm_has_a_law_whatever_the_data(self, activation, degree):
        net, Y, w = problem(3, activation, width=20)
        times = np.array([0.0, 0.1, 0.3])
        run = integrate(HeadDynamics(net.features, Y, math.inf), w, times, method="rk45", rtol=1e-5, progress=False)
        norm2 = np.array([float(state @ state) for state in run.states])
        told = degree * 3 + (norm2[0] - degree * 3) * np.exp(-2 * times)
        np.testing.assert_allclose(norm2, told, rtol=1e-3)

    def test_its_derivative_is_that_of_differences(self):
        net, Y, w = problem()
        d = normal(45, seed=9)
        for layers in LAYERS:
            dynamics, h = HeadDynamics(net.features, Y, layers), 1e-5
            ahead = torch.func.jvp(dynamics, (w,), (d,))[1]
            torch.testing.assert_close(
                ahead, (dynamics(w + h * d) - dynamics(w - h * d)) / (2 * h), rtol=1e-6, atol=1e-6
            )


def test_factors_of_least_norm_have_the_sum_of_powers_of_the_singular_values():
    W = normal(4, 3)
    for m in (1, 2, 5):
        Ts = balanced_factors(W, m)
        told = m * float((torch.linalg.svdvals(W) ** (2 / m)).sum())
        assert float(sum(T.square().sum() for T in Ts)) == pytest.approx(told)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (lambda: head_cost(normal(4, 9), normal(4, 3), 0), ValueError, "layers"),
        (lambda: head_cost(normal(4, 9), normal(4, 3), 1.5), ValueError, "layers"),
        (lambda: head_cost(normal(4, 3), normal(4, 3), 2), SingularKernelError, "width"),
        (lambda: optimal_head(normal(4, 9), normal(4, 3), 2, width=2), ValueError, "width"),
        (lambda: optimal_head(normal(4, 9), normal(4, 3), math.inf), ValueError, "layers"),
    ],
)
def test_bad_input_says_what_to_do(change, error, words):
    with pytest.raises(error, match=words):
        change()
