"""The tangent space of the two-layer network against dense twins."""

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from grokutil.activations import ACTIVATIONS
from grokutil.constraints import SingularPointError
from grokutil.manifold import jacobian, norm_minimizing_direction, ntk, tangent_projection
from grokutil.model import predict


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
        with pytest.raises(ValueError, match=r"vector has 3 entries, but W1 \(4, 9\) and W2 \(9, 2\) have 54 weights"):
            tangent_projection(W1, W2, X, randn(3))
        with pytest.raises(SingularPointError, match="drop repeated samples"):
            tangent_projection(W1, W2, X[[0, 0]], randn(54))
