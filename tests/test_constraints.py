"""Section 4: the geometry of a zero-loss manifold. Laws first, then points and limits."""

import math

import pytest
import torch

from grokutil.constraints import SingularPointError, TinyNetwork, ZeroLossManifold


def randn(*size, seed=0):
    return torch.randn(*size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def problem(seed=0):
    """A tanh network with 12 parameters and 3 constraints, and a point on its manifold."""
    net = TinyNetwork(randn(3, 2, seed=seed), 4)
    Z = ZeroLossManifold(net.F, randn(3, seed=seed + 1))
    return Z, Z.newton(net.random(seed + 2))


def circle():
    return ZeroLossManifold(lambda theta: theta.square().sum(0, keepdim=True), torch.ones(1, dtype=torch.float64))


class TestZeroLossManifold:
    @pytest.mark.parametrize("seed", range(5))
    def test_projection_is_symmetric_idempotent_and_kills_the_rows_of_J(self, seed):
        Z, theta = problem(seed)
        P = torch.stack([Z.tangent(theta, e) for e in torch.eye(len(theta), dtype=torch.float64)])
        J = Z.jacobian(theta)
        torch.testing.assert_close(P, P.mT, rtol=0, atol=1e-10)
        torch.testing.assert_close(P @ P, P, rtol=0, atol=1e-10)
        torch.testing.assert_close(P, torch.eye(len(theta)).double() - torch.linalg.pinv(J) @ J, rtol=0, atol=1e-9)
        assert float((J @ P).abs().max()) < 1e-10 * float(J.abs().max())
        assert round(float(P.trace())) == len(theta) - 3

    def test_jacobian_is_the_derivative_and_the_ntk_its_gram_matrix(self):
        Z, theta = problem()
        J, h = Z.jacobian(theta), 1e-6
        columns = [(Z.F(theta + h * e) - Z.F(theta - h * e)) / (2 * h) for e in torch.eye(len(theta)).double()]
        torch.testing.assert_close(J, torch.stack(columns, dim=1), rtol=1e-7, atol=1e-8)
        torch.testing.assert_close(Z.ntk(theta), J @ J.mT)

    def test_gradient_is_autograds_and_its_tangent_part_is_only_weight_decay(self):
        """P grad L = 0 everywhere, on Z and off it."""
        Z, theta = problem()
        theta = theta + 0.3
        leaf = theta.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(Z.loss(leaf, 0.1), leaf)
        torch.testing.assert_close(Z.loss_gradient(theta, 0.1), gradient)
        assert float(Z.tangent(theta, Z.loss_gradient(theta)).norm()) < 1e-10 * float(gradient.norm())

    def test_multiplier_splits_theta_in_a_normal_and_a_tangent_part(self):
        Z, theta = problem()
        normal = Z.jacobian(theta).mT @ Z.multiplier(theta)
        torch.testing.assert_close(normal + Z.tangent(theta, theta), theta)

    def test_newton_ends_on_Z_and_nearest_is_no_further(self):
        for seed in range(5):
            Z, point = problem(seed)
            theta = point + 0.05 * randn(len(point), seed=seed + 9)
            found, nearest = Z.newton(theta), Z.nearest(theta)
            for z in (found, nearest):
                assert float(Z.residual(z).norm()) < 1e-12
            assert float((theta - nearest).norm()) <= float((theta - found).norm()) + 1e-12
            assert float(Z.tangent(nearest, theta - nearest).norm()) < 1e-10

    @pytest.mark.parametrize("seed", range(8))
    def test_nearest_point_far_off_is_stationary(self, seed):
        """Where the distance is large for the curvature, a plain fixed-point iteration does not converge."""
        Z, point = problem(seed)
        theta = point + 0.7 * randn(len(point), seed=seed + 20)
        z = Z.nearest(theta)
        assert float(Z.residual(z).norm()) < 1e-11 and float(Z.tangent(z, theta - z).norm()) < 1e-9
        assert float((theta - z).norm()) <= float((theta - Z.newton(theta)).norm())

    def test_nearest_point_of_a_circle(self):
        theta = torch.tensor([3.0, 4.0], dtype=torch.float64)
        torch.testing.assert_close(circle().nearest(theta), theta / 5)

    def test_slow_velocity_stays_on_Z_and_lowers_the_norm(self):
        Z, theta = problem()
        v = Z.slow_velocity(theta)
        assert float((Z.jacobian(theta) @ v).norm()) < 1e-10 and float(theta @ v) < 0
        assert float(theta @ v) == pytest.approx(-float(v @ v) / 2)  # d|theta|^2/ds = -4 |P theta|^2

    def test_slow_velocity_of_w1_w2_has_the_closed_form(self):
        """Fig. 3, left: N(s) = sqrt(B0^2 e^{-8s} + 4 c^2) solves dN/ds = -4 B^2 / N."""
        Z = ZeroLossManifold(lambda w: w[:1] * w[1:], torch.tensor([0.5], dtype=torch.float64))
        w = torch.tensor([2.0, 0.25], dtype=torch.float64)
        B, N = float(w[0] ** 2 - w[1] ** 2), float(w @ w)
        assert float(2 * w @ Z.slow_velocity(w)) == pytest.approx(-4 * B**2 / N)

    @pytest.mark.parametrize("seed", range(5))
    def test_slow_velocity_with_speeds_is_the_plain_one_in_stretched_coordinates(self, seed):
        """With theta = D^(1/2) eta it is -2 P grad_eta |theta|^2 / 2, with the projection of the map eta -> F."""
        Z, theta = problem(seed)
        D = 10 ** randn(len(theta), seed=seed + 30)
        J = Z.jacobian(theta) * D.sqrt()  # of eta -> F(D^(1/2) eta)
        P = torch.eye(len(theta)).double() - torch.linalg.pinv(J) @ J
        v = Z.slow_velocity(theta, D)
        torch.testing.assert_close(v, -2 * D.sqrt() * (P @ (D.sqrt() * theta)), rtol=1e-8, atol=1e-8)
        assert float((Z.jacobian(theta) @ v).norm()) < 1e-8 * float(v.norm()) and float(theta @ v) < 0
        plain = -2 * Z.tangent(theta, theta)
        torch.testing.assert_close(Z.slow_velocity(theta), plain)
        torch.testing.assert_close(Z.slow_velocity(theta, torch.ones_like(theta)), plain)

    @pytest.mark.parametrize("seed", range(3))
    def test_slow_velocity_with_decoupled_decay_descends_the_norm_of_the_metric(self, seed):
        """theta = D^(1/2) x: it is D^(1/2) times the plain slow velocity of the map x -> F(D^(1/2) x)."""
        Z, theta = problem(seed)
        D = 10 ** randn(len(theta), seed=seed + 30)
        stretched = ZeroLossManifold(lambda x: Z.F(D.sqrt() * x), Z.y)
        v = Z.slow_velocity(theta, D, decoupled=True)
        torch.testing.assert_close(v, D.sqrt() * stretched.slow_velocity(theta / D.sqrt()), rtol=1e-8, atol=1e-8)
        assert float((Z.jacobian(theta) @ v).norm()) < 1e-8 * float(v.norm()) and float((theta / D) @ v) < 0
        torch.testing.assert_close(Z.slow_velocity(theta, decoupled=True), Z.slow_velocity(theta))
        torch.testing.assert_close(Z.slow_velocity(theta, 5 * D, decoupled=True), v)
        torch.testing.assert_close(Z.slow_velocity(theta, 5 * D), 5 * Z.slow_velocity(theta, D))

    def test_a_singular_point_is_named(self):
        Z = ZeroLossManifold(lambda w: w[:1] * w[1:], torch.zeros(1, dtype=torch.float64))
        with pytest.raises(SingularPointError, match="singular point .Def. 4.9.*use more parameters"):
            Z.tangent(torch.zeros(2, dtype=torch.float64), torch.ones(2, dtype=torch.float64))

    def test_no_zero_loss_point_is_an_error(self):
        empty = ZeroLossManifold(lambda w: 1 + w[:1] ** 2 + w[1:] ** 2, torch.zeros(1, dtype=torch.float64))
        with pytest.raises(ValueError, match="no zero-loss point found|singular point"):
            empty.newton(torch.tensor([0.3, 0.1], dtype=torch.float64))

    def test_bad_input_says_what_is_wrong(self):
        with pytest.raises(ValueError, match=r"y must be a float64 tensor with one axis, got torch.float32 \(1,\)"):
            ZeroLossManifold(lambda w: w, torch.ones(1))
        with pytest.raises(ValueError, match="theta has 1 entries that are not finite"):
            circle().residual(torch.tensor([math.nan, 1.0], dtype=torch.float64))


def test_outputs_that_would_broadcast_are_refused():
    y, theta = torch.arange(3.0).double(), torch.ones(3).double()
    for F, shape in ((lambda w: w[:, None], r"\(3, 1\)"), (lambda w: w[:1], r"\(1,\)"), (lambda w: w.sum(), r"\(\)")):
        Z = ZeroLossManifold(F, y)
        for call in (Z.residual, Z.loss, Z.loss_gradient):
            with pytest.raises(ValueError, match=rf"F\(theta\) has shape {shape}, but y has \(3,\)"):
                call(theta)


class TestTinyNetwork:
    @pytest.mark.parametrize("activation", ["tanh", "relu", "quadratic"])
    def test_gradient_for_a_stack_is_that_of_the_manifold(self, activation):
        net, y = TinyNetwork(randn(3, 2), 4, activation), randn(3, seed=1)
        stack = torch.stack([torch.stack([net.random(2 * i + j) for j in range(2)]) for i in range(3)])
        gradients, Z = net.loss_gradient(stack, y), ZeroLossManifold(net.F, y)
        assert gradients.shape == (3, 2, net.size)
        for i in range(3):
            for j in range(2):
                torch.testing.assert_close(gradients[i, j], Z.loss_gradient(stack[i, j]))


@pytest.mark.parametrize("scale", [2.0**-20, 2.0**20])
def test_points_of_the_manifold_commute_with_scaling(scale):
    """On w1 w2 = c^2 y they are c times those on w1 w2 = y, in the same bits: no tolerance has units of its own."""

    def points(c):
        Z = ZeroLossManifold(lambda w: w[:1] * w[1:], c**2 * torch.tensor([0.5], dtype=torch.float64))
        theta = c * torch.tensor([1.5, 0.7], dtype=torch.float64)
        return Z.newton(theta), Z.nearest(theta)

    for one, scaled in zip(points(1.0), points(scale), strict=True):
        assert torch.equal(scaled, scale * one) and abs(float(one.prod()) - 0.5) < 1e-12


def test_on_a_face_it_is_the_network_and_its_rows_span_those_of_every_choice_of_gates():
    net = TinyNetwork(randn(4, 3), 5, "relu")
    theta = net.random(3)
    kinks = torch.zeros(4, 5, dtype=torch.bool)
    kinks[1, 2] = kinks[3, 0] = True
    W = theta[:-5].view(3, 5)
    W[:, 2] *= torch.sign(net.X[1] @ W[:, 2])
    W[:, 0] *= torch.sign(net.X[3] @ W[:, 0])  # open before they are moved onto their kinks
    F = net.face(theta, kinks)
    for i, h in kinks.nonzero().tolist():
        W[:, h] -= net.X[i] * (net.X[i] @ W[:, h]) / net.X[i].square().sum()  # a view: theta moves onto the face
    torch.testing.assert_close(F(theta), torch.cat((net.F(theta), torch.zeros(2).double())), rtol=0, atol=1e-12)
    off = theta + 0.01 * net.random(4)
    closed = (net.X @ W > 0) & ~kinks
    torch.testing.assert_close(F(off)[:4], ((net.X @ off[:-5].view(3, 5)) * closed) @ off[-5:])  # beside it, too
    J = torch.func.jacrev(F)(theta)
    for gate in (0.0, 0.4, 1.0):
        gates = torch.where(kinks, gate, (net.X @ W > 0).double())
        other = torch.func.jacrev(lambda w: ((net.X @ w[:-5].view(3, 5)) * gates) @ w[-5:])(theta)  # noqa: B023
        assert torch.linalg.matrix_rank(torch.cat((J, other)), rtol=1e-10) == len(J) == 6
