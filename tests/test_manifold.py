"""The tangent space of the two-layer network against dense twins."""

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from grokutil.activations import ACTIVATIONS, Activation
from grokutil.constraints import SingularPointError
from grokutil.data import modular_addition
from grokutil.kinks import kink_rows
from grokutil.manifold import TangentSpace, jacobian, norm_minimizing_direction, ntk, tangent_projection
from grokutil.model import default_weights, predict


def randn(*size, seed=0):
    return torch.randn(*size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@st.composite
def networks(draw):
    """Weights and inputs of a two-layer network with more weights than outputs, away from kinks."""
    n, d_in, d_out = draw(st.integers(1, 3)), draw(st.integers(1, 3)), draw(st.integers(1, 3))
    d_h = draw(st.integers(n, 6))
    seed = draw(st.integers(0, 10**6))
    W1, W2, X = randn(d_in, d_h, seed=seed), randn(d_h, d_out, seed=seed + 1), randn(n, d_in, seed=seed + 2)
    assume(float((X @ W1).abs().min()) > 1e-6)
    return W1, W2, X, draw(st.sampled_from(sorted(ACTIVATIONS)))


class TestTwoLayerNetwork:
    @settings(deadline=None, max_examples=60)
    @given(networks())
    def test_jacobian_is_autograds_in_the_promised_order(self, network):
        W1, W2, X, activation = network

        def outputs(theta):
            first, second = theta[: W1.numel()].reshape(W1.shape), theta[W1.numel() :].reshape(W2.shape)
            return predict(first, second, X, activation).flatten()

        theta = torch.cat((W1.flatten(), W2.flatten()))
        expected = torch.autograd.functional.jacobian(outputs, theta)
        torch.testing.assert_close(jacobian(*network), expected, rtol=1e-10, atol=1e-10)

    @settings(deadline=None, max_examples=60)
    @given(networks())
    def test_ntk_is_the_gram_matrix_of_the_jacobian(self, network):
        J = jacobian(*network)
        torch.testing.assert_close(ntk(*network), J @ J.mT, rtol=1e-10, atol=1e-10)

    @settings(deadline=None, max_examples=60)
    @given(networks(), st.integers(0, 99))
    def test_projection_is_that_of_the_dense_pseudo_inverse(self, network, seed):
        J = jacobian(*network)
        assume(float(torch.linalg.cond(J @ J.mT)) < 1e6)
        v = randn(J.shape[1], seed=seed)
        W1, W2, X, activation = network
        projected = tangent_projection(W1, W2, X, v, activation)
        torch.testing.assert_close(projected, v - torch.linalg.pinv(J) @ (J @ v), rtol=1e-7, atol=1e-7)

    @settings(deadline=None, max_examples=30)
    @given(networks())
    def test_certificate_smallest_singular_value(self, network):
        """sigma_min(J)^2 >= lambda_min(H H^T): a linear readout contains H (x) I."""
        W1, _, X, activation = network
        H = ACTIVATIONS[activation].value(X @ W1)
        smallest = torch.linalg.svdvals(jacobian(*network))[-1] if H.shape[1] else 0
        assert float(smallest) ** 2 >= float(torch.linalg.eigvalsh(H @ H.mT)[0]) - 1e-9

    def test_direction_is_tangent_unit_and_descends(self):
        W1, W2, X = randn(4, 9), randn(9, 2, seed=1), randn(3, 4, seed=2)
        v = norm_minimizing_direction(W1, W2, X, "tanh")
        theta = torch.cat((W1.flatten(), W2.flatten()))
        assert float(v.norm()) == pytest.approx(1.0) and float(v @ theta) < 0
        assert float((jacobian(W1, W2, X, "tanh") @ v).norm()) < 1e-10

    def test_no_other_tangent_unit_vector_descends_faster(self):
        """Eqs 28 and 29."""
        W1, W2, X = randn(4, 9), randn(9, 2, seed=1), randn(3, 4, seed=2)
        theta = torch.cat((W1.flatten(), W2.flatten()))
        best = float(norm_minimizing_direction(W1, W2, X, "tanh") @ theta)
        for seed in range(200):
            v = tangent_projection(W1, W2, X, randn(len(theta), seed=seed), "tanh")
            assert best <= float(v @ theta / v.norm())

    def test_a_stationary_norm_has_no_direction(self):
        """One sample, one unit, identity: w1 w2 = 1 at w1 = w2."""
        one = torch.ones(1, 1, dtype=torch.float64)
        with pytest.raises(ValueError, match="P theta = 0"):
            norm_minimizing_direction(one, one, one, "identity")

    def test_bad_input_says_what_is_wrong(self):
        W1, W2, X = randn(4, 9), randn(9, 2), randn(3, 4)
        with pytest.raises(ValueError, match=r"W1 \(4, 9\) and W2 \(2, 9\) do not match"):
            jacobian(W1, W2.mT, X)
        with pytest.raises(ValueError, match=r"shape \(3,\), but W1 \(4, 9\) and W2 \(9, 2\) have 54 weights"):
            tangent_projection(W1, W2, X, randn(3))
        with pytest.raises(SingularPointError, match="drop repeated samples"):
            tangent_projection(W1, W2, X[[0, 0]], randn(54))


class TestTangentSpace:
    def test_right_hand_sides_of_another_shape_are_refused_by_both_solvers(self):
        W1, W2, X, U = randn(4, 9), randn(9, 2), randn(3, 4), randn(3, 2)
        for solver in ("cholesky", "conjugate_gradients"):
            space = TangentSpace(W1, W2, X, "tanh", solver=solver)
            for wrong in (U.mT, U.flatten(), U.numpy()):
                with pytest.raises(ValueError, match=r"U must have a row a sample and a column an output, \(3, 2\)"):
                    space.solve(wrong)
                with pytest.raises(ValueError, match="U must have a row a sample"):
                    space.transposed_product(wrong)
            for wrong in (randn(3), randn(54, 1)):
                with pytest.raises(ValueError, match="vector has shape"):
                    space.project(wrong)

    def test_weights_of_a_module_are_data(self):
        W1, W2 = (torch.nn.Parameter(W) for W in (randn(4, 9), randn(9, 2)))
        for solver in ("cholesky", "conjugate_gradients"):
            space = TangentSpace(W1, W2, randn(3, 4), "tanh", solver=solver)
            assert not space.project(space.theta).requires_grad

    @settings(deadline=None, max_examples=60)
    @given(networks(), st.integers(0, 99))
    def test_products_are_those_of_the_dense_jacobian(self, network, seed):
        J, space = jacobian(*network), TangentSpace(*network)
        v, U = randn(J.shape[1], seed=seed), randn(*(len(network[2]), network[1].shape[1]), seed=seed + 1)
        torch.testing.assert_close(space.product(v).flatten(), J @ v, rtol=1e-10, atol=1e-10)
        torch.testing.assert_close(space.transposed_product(U), J.mT @ U.flatten(), rtol=1e-10, atol=1e-10)

    @settings(deadline=None, max_examples=80)
    @given(networks(), st.integers(0, 99), st.floats(0, 1))
    def test_with_kink_rows_it_is_the_projection_of_a_truncated_svd(self, network, seed, share):
        """[J; C] may lack rank by its kink rows, never by what is left of J."""
        W1, W2, X, activation = network
        kinks = torch.rand(len(X), W1.shape[1], generator=torch.Generator().manual_seed(seed)) < share
        J = torch.cat((jacobian(*network), kink_rows(kinks, X, W2.shape[1])))
        space = TangentSpace(*network, kinks)
        assume(float(torch.linalg.cond(space.ntk)) < 1e8)
        _, sizes, rows = torch.linalg.svd(J, full_matrices=False)
        rows = rows[sizes > 1e-7 * sizes[0]]
        v = randn(J.shape[1], seed=seed)
        torch.testing.assert_close(space.project(v), v - rows.mT @ (rows @ v), rtol=1e-6, atol=1e-6)
        assert float((J @ space.project(v)).norm()) < 1e-8 * float(J.norm() * v.norm())

    def test_multiplier_splits_theta_in_a_normal_and_a_tangent_part(self):
        network = randn(4, 9), randn(9, 2, seed=1), randn(3, 4, seed=2), "softplus"
        space = TangentSpace(*network)
        normal = space.transposed_product(space.multiplier())
        torch.testing.assert_close(normal + space.project(space.theta), space.theta)

    @pytest.mark.slow
    def test_real_size_agrees_with_the_dense_svd(self):
        """p = 11, width 128, a third of the pre-activations held: hundreds of dependent rows."""
        W1, W2 = default_weights(11, 128, 11)
        X = modular_addition(11, train_size=59).X_train
        kinks = torch.rand(59, 128, generator=torch.Generator().manual_seed(0)) < 0.2
        J = torch.cat((jacobian(W1, W2, X), kink_rows(kinks, X, 11)))
        _, sizes, rows = torch.linalg.svd(J, full_matrices=False)
        rows = rows[sizes > 1e-9 * sizes[0]]
        assert len(rows) < len(J) - 100
        v = randn(J.shape[1])
        projected = tangent_projection(W1, W2, X, v, "relu", kinks)
        torch.testing.assert_close(projected, v - rows.mT @ (rows @ v), rtol=0, atol=1e-8)

    def test_bad_kinks_say_what_is_needed(self):
        network = randn(4, 9), randn(9, 2), randn(3, 4), "relu"
        with pytest.raises(ValueError, match=r"kinks must be a bool tensor.*\(3, 9\); got torch.bool \(9, 3\)"):
            TangentSpace(*network, torch.zeros(9, 3, dtype=torch.bool))


@pytest.mark.parametrize(
    ("value", "words"), [(lambda Z: Z.abs().sqrt(), "the slope of 'mine'"), (torch.log, "the activation 'mine'")]
)
def test_an_activation_without_a_value_or_a_slope_somewhere_is_named(value, words):
    W1, W2, X = randn(2, 3), randn(3, 1), randn(4, 2)
    X[0] = 0
    for of in (jacobian, TangentSpace):
        with pytest.raises(ValueError, match=f"{words} at X W1 has .* not finite .*: the activation must have"):
            of(W1, W2, X, Activation("mine", value))
