"""Hard labels: margins, the rescaled flow and active margins. Laws, twins, limits, then a real network."""

import math

import numpy as np
import pytest
import torch

from grokutil.data import modular_addition
from grokutil.flow import integrate
from grokutil.manifold import TangentSpace, join, split
from grokutil.margins import (
    MarginFlow,
    UndecayedMarginFlow,
    active_margins,
    at_margin,
    degree,
    margin_jacobian,
    margins,
    ridge_from_scale,
    scale_from_ridge,
)  # fmt: skip
from grokutil.model import predict
from grokutil.tangent import Rows
from grokutil.train import gradient_descent


def randn(*size, seed=0):
    return torch.randn(*size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


W1, W2, X, LABELS = randn(4, 9), randn(9, 3, seed=1), randn(5, 4, seed=2), torch.tensor([2, 0, 1, 1, 2])
THETA, ACTIVATIONS = join(W1, W2), ("relu", "quadratic")


def loss(theta, activation, ridge=0.0):
    F = predict(*split(theta, W1, W2), X, activation)
    return torch.nn.functional.cross_entropy(F, LABELS, reduction="sum") + ridge * theta @ theta


def gradient(theta, activation, ridge=0.0):
    leaf = theta.clone().requires_grad_()
    return torch.autograd.grad(loss(leaf, activation, ridge), leaf)[0]


class TestMargins:
    def test_entries(self):
        q = margins(torch.tensor([[3.0, 1.0, -2.0], [0.0, 5.0, 1.0]], dtype=torch.float64), torch.tensor([0, 2]))
        assert q.tolist() == [[math.inf, 2, 5], [1, -4, math.inf]]

    def test_the_loss_is_a_function_of_them(self):
        q = margins(predict(W1, W2, X, "quadratic"), LABELS)
        assert float((1 + torch.exp(-q).sum(1)).log().sum()) == pytest.approx(
            float(loss(THETA, "quadratic")), rel=1e-12
        )

    @pytest.mark.parametrize("activation", ACTIVATIONS)
    def test_the_jacobian_is_autograds_and_eulers_identity_holds(self, activation):
        """<grad q, theta> = m q for a homogeneous network."""

        def q(theta):
            F = predict(*split(theta, W1, W2), X, activation)
            return F[torch.arange(5), LABELS, None] - F

        J = margin_jacobian(W1, W2, X, LABELS, activation)
        torch.testing.assert_close(J, torch.autograd.functional.jacobian(q, THETA))
        torch.testing.assert_close(J @ THETA, degree(activation) * q(THETA))

    def test_at_a_margin(self):
        w1, w2 = randn(3, 8, seed=4), randn(8, 3, seed=5)
        inputs = torch.eye(3).double()
        labels = predict(w1, w2, inputs, "quadratic").argmax(1)
        for activation in ACTIVATIONS:
            labels = predict(w1, w2, inputs, activation).argmax(1)
            scaled = at_margin((w1, w2), inputs, labels, activation, 2.5)
            assert float(margins(predict(*scaled, inputs, activation), labels).min()) == pytest.approx(2.5)
            assert (
                float((scaled[0] * w2[0, 0] - w1 * scaled[1][0, 0]).abs().max()) < 1e-12
            )  # one number for both layers

    def test_bad_input_says_what_is_wrong(self):
        with pytest.raises(ValueError, match="labels must be whole numbers from 0 to 2, one for each of 2 samples"):
            margins(randn(2, 3), torch.tensor([0, 3]))
        with pytest.raises(ValueError, match="a margin needs two classes"):
            margins(randn(2, 1), torch.tensor([0, 0]))
        with pytest.raises(ValueError, match="the smallest margin is -?[0-9.]+: train until"):
            at_margin((W1, W2), X, (predict(W1, W2, X, "relu").argmax(1) + 1) % 3, "relu")
        with pytest.raises(ValueError, match="a network with 'tanh' is not homogeneous.*take one of"):
            degree("tanh")
        with pytest.raises(ValueError, match="ridge 10 is so large"):
            scale_from_ridge(10.0, 3)


class TestScale:
    @pytest.mark.parametrize("m", [2, 3, 5])
    def test_it_solves_its_equation_and_is_about_log_one_over_lambda(self, m):
        for ridge in (1e-2, 1e-4, 1e-30, 1e-200):
            scale = scale_from_ridge(ridge, m)
            assert math.log(ridge) == pytest.approx((1 - 2 / m) * math.log(scale) - scale, rel=1e-12)
            assert ridge_from_scale(scale, m) == pytest.approx(ridge, rel=1e-10)
            assert abs(scale - math.log(1 / ridge)) <= (1 - 2 / m) * abs(math.log(scale)) + 1e-9


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("scale", [5.0, 12.0])
class TestMarginFlow:
    def flow(self, activation, scale, kind=MarginFlow):
        return kind(X, LABELS, 3, 9, activation, scale)

    def test_it_is_training_in_other_units(self, activation, scale):
        """d theta~ / ds = -grad L_lambda(theta) / (lambda l^{1/m}), theta = l^{1/m} theta~, by autograd."""
        m, ridge = degree(activation), ridge_from_scale(scale, degree(activation))
        unit = scale ** (1 / m)
        expected = -gradient(unit * THETA, activation, ridge) / (ridge * unit)
        torch.testing.assert_close(self.flow(activation, scale)(THETA), expected, rtol=1e-9, atol=1e-9)

    def test_its_multipliers_are_probabilities_and_give_the_velocity(self, activation, scale):
        flow = self.flow(activation, scale)
        mu, J = flow.multipliers(THETA), margin_jacobian(W1, W2, X, LABELS, activation)
        rho = torch.softmax(scale * predict(W1, W2, X, activation), 1)
        wrong = torch.ones(5, 3, dtype=torch.bool).scatter(1, LABELS[:, None], False)
        torch.testing.assert_close(mu[wrong], math.exp(scale) / 2 * rho[wrong])
        assert not mu[~wrong].any()
        torch.testing.assert_close(flow(THETA), -2 * (THETA - torch.einsum("ic,icd->d", mu, J)), rtol=1e-9, atol=1e-9)

    def test_the_kkt_residual_of_the_margin_problem_is_the_speed_of_training(self, activation, scale):
        """|theta - sum rho / (2 lambda) grad q| / |theta| = |theta'| / (2 lambda |theta|), at any weights."""
        ridge = 0.01
        rho = torch.softmax(predict(W1, W2, X, activation), 1).scatter(1, LABELS[:, None], 0.0)
        J = margin_jacobian(W1, W2, X, LABELS, activation)
        residual = (THETA - torch.einsum("ic,icd->d", rho / (2 * ridge), J)).norm()
        speed = gradient(THETA, activation, ridge).norm()
        assert float(residual) == pytest.approx(float(speed) / (2 * ridge), rel=1e-10)

    def test_without_decay_it_is_training_by_the_logarithm_of_time(self, activation, scale):
        """theta(t) = T^{1/m} theta~, T = log t, s = log(T) / 2m: d theta~ / ds by the chain rule."""
        m = degree(activation)
        flow = self.flow(activation, scale, UndecayedMarginFlow)
        velocity = flow(flow.begin(THETA))
        unit = scale ** (1 / m)
        dt_ds = 2 * m * scale * math.exp(scale)
        expected = -gradient(unit * THETA, activation) * dt_ds / unit - 2 * THETA
        torch.testing.assert_close(velocity[:-1], expected, rtol=1e-9, atol=1e-6)
        assert float(velocity[-1]) == 2 * m  # d log T / ds

    def test_a_state_that_is_changed_in_place_is_another(self, activation, scale):
        flow, state = self.flow(activation, scale), THETA.clone()
        flow(state)
        state *= 1.1
        torch.testing.assert_close(flow(state), self.flow(activation, scale)(1.1 * THETA))

    def test_steps_shrink_with_the_scale_and_where_multipliers_are_large(self, activation, scale):
        flow = self.flow(activation, scale)
        assert flow.step(0.0, 10 * THETA) <= 0.03 / scale
        outside = -THETA if activation == "quadratic" else join(W1, -W2)
        total = 2 * float(flow.multipliers(outside).sum())
        assert total > 60 and flow.step(0.0, outside) == pytest.approx(0.03 / scale * 60 / total)


@pytest.fixture(scope="module")
def memorised():
    """Addition modulo 7, a quadratic network with margins of at least one."""
    task = modular_addition(7, train_size=20, seed=0)
    run = gradient_descent(
        task, width=40, activation="quadratic", loss="cross-entropy", weight_decay=0.0, times=[0, 400], progress=False
    )
    return task, at_margin(run.states[-1], task.X_train, task.labels_train, "quadratic")


class TestActiveMargins:
    def test_no_admissible_velocity_descends_the_norm_faster(self, memorised):
        """It is the projection of -2 theta on the cone {J v >= 0}: in it, and normal to what is left."""
        task, state = memorised
        found = active_margins(*state, task.X_train, task.labels_train, "quadratic", 0.5)
        J = margin_jacobian(*state, task.X_train, task.labels_train, "quadratic")[found.near]
        theta, v, mu = join(*state), found.velocity, found.multipliers
        assert float((J @ v).min()) > -1e-8 and bool((mu >= 0).all())
        assert abs(float(mu[found.near] @ (J @ v))) < 1e-8  # what holds does not rise
        assert float(v @ theta) == pytest.approx(-float(v @ v) / 2)
        assert not mu[~found.near].any() and 0 < int((mu > 0).sum()) < int(found.near.sum())

    def test_the_held_ones_as_equalities_give_the_same_velocity(self, memorised):
        task, state = memorised
        found = active_margins(*state, task.X_train, task.labels_train, "quadratic", 0.5)
        J = margin_jacobian(*state, task.X_train, task.labels_train, "quadratic")[found.multipliers > 0]
        space = Rows(J, join(*state))
        torch.testing.assert_close(-2 * space.project(space.theta), found.velocity, rtol=1e-6, atol=1e-6)

    def test_with_all_margins_held_it_is_the_fibre_of_the_outputs_up_to_the_gauge(self, memorised):
        task, state = memorised
        q = margins(predict(*state, task.X_train, "quadratic"), task.labels_train)
        J = margin_jacobian(*state, task.X_train, task.labels_train, "quadratic")[torch.isfinite(q)]
        v = randn(J.shape[1])
        gauge = TangentSpace(*state, task.X_train, "quadratic", gauge=True)
        torch.testing.assert_close(Rows(J, v).project(v), gauge.project(v), rtol=1e-6, atol=1e-6)

    def test_the_flow_follows_it_the_better_the_larger_the_scale(self, memorised):
        task, state = memorised
        gaps = []
        for scale in (8.0, 64.0):
            flow = MarginFlow(task.X_train, task.labels_train, 7, 40, "quadratic", scale)
            end = integrate(flow, join(*state), [0, 0.5], step=flow.step, progress=False).states[-1]
            found = active_margins(*flow.layers(end), task.X_train, task.labels_train, "quadratic", 4 / scale)
            v = flow(end)
            gaps.append(1 - float(v @ found.velocity / (v.norm() * found.velocity.norm())))
        assert gaps[1] < gaps[0] / 2 and gaps[1] < 0.02


def test_plain_gradient_descent_is_the_rescaled_flow(memorised):
    """PyTorch's weight decay 1e-3 to s = 0.5: squared norm and margin to three digits."""
    task, state = memorised
    n, decay = 20, 1e-3
    scale = scale_from_ridge(n * decay / 2, 3)
    flow = MarginFlow(task.X_train, task.labels_train, 7, 40, "quadratic", scale)
    fine = integrate(flow, join(*state), [0, 0.5], step=lambda s, x: flow.step(s, x) / 3, progress=False).states[-1]
    start = flow.layers(scale ** (1 / 3) * join(*state))
    run = gradient_descent(
        task,
        activation="quadratic",
        loss="cross-entropy",
        weight_decay=decay,
        start=start,
        times=[0, 1000],
        progress=False,
    )
    coarse = join(*run.states[-1]) / scale ** (1 / 3)

    def numbers(theta):
        q = margins(predict(*flow.layers(theta), task.X_train, "quadratic"), task.labels_train)
        return float(theta @ theta), float(q.min())

    np.testing.assert_allclose(numbers(coarse), numbers(fine), rtol=1e-3)
