"""Cross-entropy with soft labels: its manifold, the splitting, the inequalities of Theorems A and B, and the limit."""

import numpy as np
import pytest
import torch

from grokutil.gradient_flow import slow_flow, training_flow
from grokutil.losses import smoothed
from grokutil.manifold import TangentSpace, join, split
from grokutil.soft_labels import SoftLabelManifold


def randn(*size, seed=0):
    return torch.randn(*size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def problem(seed=0, width=8):
    """Three samples, three soft labels, a tanh network with 48 weights, and a point of its manifold."""
    X, W1, W2 = randn(3, 3, seed=seed), randn(3, width, seed=seed + 1), randn(width, 3, seed=seed + 2)
    Y = smoothed(torch.eye(3).double()[[0, 1, 1]], 0.3)

    def F(theta):
        V1, V2 = split(theta, W1, W2)
        return torch.tanh(X @ V1) @ V2

    Z = SoftLabelManifold(F, Y)
    return Z, Z.newton(join(W1, W2)), X


def softmax_slope(rho):
    """Derivative of the softmax by the outputs, (n, p, p)."""
    return torch.diag_embed(rho) - rho[:, :, None] * rho[:, None, :]


class TestSoftLabelManifold:
    def test_on_it_the_loss_is_least_and_its_second_derivative_is_that_of_the_softmax(self):
        Z, theta, _ = problem()
        entropy = -(Z.Y * Z.Y.log()).sum()
        torch.testing.assert_close(Z.loss(theta), entropy)
        assert float(Z.gap(theta).abs().max()) < 1e-12
        assert all(Z.loss(theta + randn(len(theta), seed=k) / 10) > entropy for k in range(5))
        J, slope = torch.func.jacrev(Z.logits)(theta), softmax_slope(Z.Y)
        torch.testing.assert_close(
            torch.func.hessian(Z.loss)(theta), torch.einsum("icx,icd,idy->xy", J, slope, J), rtol=1e-9, atol=1e-10
        )

    def test_the_gradient_is_autograds_and_its_tangent_part_is_only_weight_decay(self):
        Z, theta, _ = problem()
        theta = theta + 0.1
        leaf = theta.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(Z.loss(leaf, 0.1), leaf)
        torch.testing.assert_close(Z.loss_gradient(theta, 0.1), gradient)
        assert float(Z.tangent(theta, Z.loss_gradient(theta)).norm()) < 1e-12 * float(gradient.norm())

    def test_it_is_the_tangent_space_with_the_gauge(self):
        """The same projection and multiplier as the two-layer network's, which never forms a Jacobian."""
        Z, theta, X = problem()
        W1, W2 = split(theta, randn(3, 8), randn(8, 3))
        space = TangentSpace(W1, W2, X, "tanh", gauge=True)
        v = randn(len(theta), seed=9)
        torch.testing.assert_close(Z.tangent(theta, v), space.project(v))
        mu = Z.fast_variable(theta, 0.5) - Z.gap(theta)
        torch.testing.assert_close(mu, space.multiplier())

    def test_training_is_norm_descent_and_a_part_that_relaxes(self):
        """The splitting, and the law of e, against automatic differentiation along the velocity."""
        Z, theta, _ = problem(3)
        theta, ridge = theta + 0.05, 0.02
        J = torch.func.jacrev(Z.logits)(theta).flatten(0, 1)
        e, velocity = Z.fast_variable(theta, ridge), -Z.loss_gradient(theta, ridge)
        torch.testing.assert_close(velocity, -2 * ridge * Z.tangent(theta, theta) - J.mT @ e.flatten())
        _, change = torch.func.jvp(lambda w: Z.fast_variable(w, ridge), (theta,), (velocity,))
        _, moving = torch.func.jvp(lambda w: Z.multiplier(w), (theta,), (velocity,))
        seen = torch.einsum("icd,id->ic", softmax_slope(Z.gap(theta) + Z.Y), (J @ J.mT @ e.flatten()).reshape(3, 3))
        torch.testing.assert_close(change, -seen + 2 * ridge * moving.reshape(3, 2) @ Z.basis.mT)

    def test_training_tends_to_the_slow_flow_with_an_error_of_the_order_of_weight_decay(self):
        """And e is of the order of its square."""
        Z, theta, _ = problem(1)
        s, ridges = np.linspace(0, 0.3, 4), (1e-3, 2.5e-4)
        limit = torch.stack(slow_flow(Z, theta, s).states)
        runs = [torch.stack(training_flow(Z, theta, ridge, s, rtol=1e-8).states) for ridge in ridges]
        errors = [float((run - limit).norm(dim=1).max()) for run in runs]
        fast = [float(Z.fast_variable(run[-1], ridge).norm()) for run, ridge in zip(runs, ridges, strict=True)]
        assert 3.3 < errors[0] / errors[1] < 4.5 and 11 < fast[0] / fast[1] < 20

    def test_labels_that_are_hard_or_do_not_sum_to_one_are_refused(self):
        Y = torch.eye(3).double()
        for wrong in (Y, smoothed(Y, 0.1) * 2):
            with pytest.raises(ValueError, match=r"Y must have positive entries and rows of sum one.*smoothed"):
                SoftLabelManifold(lambda theta: theta.reshape(3, 3), wrong)


def draws(seed, n=4, p=5, far=1.0):
    """Targets of sum one, smallest alpha, and probabilities some way from them."""
    log = randn(n, p, seed=seed)
    return torch.softmax(log, 1), torch.softmax(log + far * randn(n, p, seed=seed + 100), 1)


@pytest.mark.parametrize("seed", range(20))
class TestInequalitiesOfTheProof:
    def test_the_slope_of_the_softmax_on_vectors_of_sum_zero_lies_between_the_smallest_target_and_one(self, seed):
        y, _ = draws(seed)
        for one, slope in zip(y, softmax_slope(y), strict=True):
            sizes = torch.linalg.eigvalsh(slope)[1:]  # the first belongs to constants
            assert float(one.min()) <= float(sizes.min()) + 1e-15 and float(sizes.max()) <= 1

    def test_it_moves_by_at_most_five_times_the_probabilities(self, seed):
        y, rho = draws(seed, far=2.0)
        moved = torch.linalg.matrix_norm(softmax_slope(rho) - softmax_slope(y), 2)
        assert (moved <= 5 * (rho - y).norm(dim=1)).all()

    def test_the_loss_above_its_least_is_between_two_multiples_of_the_square(self, seed):
        y, rho = draws(seed)
        above, square = (y * (y / rho).log()).sum(), (rho - y).square().sum()
        assert square / 2 <= above <= square / rho.min()

    def test_outputs_near_their_targets_are_as_near_as_probabilities_over_the_smallest(self, seed):
        y, rho = draws(seed)
        u = (rho - y) * float(y.min() / 2 / (rho - y).norm())  # as far as the inequality reaches
        apart = (y + u).log() - y.log()
        apart = apart - apart.mean(1, keepdim=True)
        assert float(apart.norm()) <= 2 * float(u.norm()) / float(y.min())
