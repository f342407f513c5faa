"""Eqs 14-20: the closed form against autograd, central differences and SymPy; its symmetries, limits and errors."""

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from grokutil.activations import ACTIVATIONS, Activation
from grokutil.data import modular_addition
from grokutil.isolated import (
    FirstLayerDynamics,
    SingularKernelError,
    first_layer_velocity,
    optimal_readout,
    reduced_cost,
)
from grokutil.model import gaussian_embedding, hidden
from grokutil.symbolic import velocity_by_entries

RIDGES = (0.0, 0.3)


@st.composite
def problems(draw, ridges=RIDGES):
    """Random W1, X, Y, activation and ridge, well conditioned and away from kinks."""
    n, d_out = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    d_in, d_h = draw(st.integers(n, 4)), draw(st.integers(n, 6))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    W1, X, Y = (torch.from_numpy(rng.normal(size=s)) for s in ((d_in, d_h), (n, d_in), (n, d_out)))
    activation, ridge = draw(st.sampled_from(sorted(ACTIVATIONS))), draw(st.sampled_from(ridges))
    if ACTIVATIONS[activation].kink:
        assume((X @ W1).abs().min() > 0.02)
    K = (lambda H: H @ H.mT)(hidden(W1, X, activation)) + ridge * torch.eye(n, dtype=torch.float64)
    assume(torch.linalg.matrix_rank(K) == n and torch.linalg.cond(K) < 200)
    return W1, X, Y, activation, ridge


def close(actual, expected, tolerance=1e-8):
    actual, expected = (torch.as_tensor(v) for v in (actual, expected))
    assert float((actual - expected).abs().max()) <= tolerance * float(expected.abs().max().clamp(min=1.0))


def autograd(W1, *rest):
    W1 = W1.clone().requires_grad_()
    return -0.5 * torch.autograd.grad(reduced_cost(W1, *rest), W1)[0]


def central_differences(W1, *rest, h=2e-4):
    """Fourth-order stencil, entry by entry."""
    gradient = torch.zeros_like(W1)
    for index in np.ndindex(*W1.shape):
        step = torch.zeros_like(W1)
        step[index] = h
        near = reduced_cost(W1 + step, *rest) - reduced_cost(W1 - step, *rest)
        far = reduced_cost(W1 + 2 * step, *rest) - reduced_cost(W1 - 2 * step, *rest)
        gradient[index] = (8 * near - far) / (12 * h)
    return -0.5 * gradient


class TestEquation20:
    @settings(deadline=None, max_examples=150)
    @given(problems())
    def test_closed_form_is_autograd(self, problem):
        close(first_layer_velocity(*problem), autograd(*problem))

    @settings(deadline=None, max_examples=60)
    @given(problems())
    def test_closed_form_is_central_differences(self, problem):
        close(first_layer_velocity(*problem), central_differences(*problem))

    @settings(deadline=None, max_examples=60)
    @given(problems())
    def test_closed_form_is_sympys_entries(self, problem):
        W1, X, Y, activation, ridge = problem
        close(first_layer_velocity(*problem), velocity_by_entries(W1.numpy(), X.numpy(), Y.numpy(), activation, ridge))

    @pytest.mark.parametrize("activation", ACTIVATIONS)
    @pytest.mark.parametrize("ridge", RIDGES)
    def test_every_activation_all_four_ways(self, activation, ridge):
        generator = torch.Generator().manual_seed(5)
        W1, X, Y = (torch.randn(s, generator=generator, dtype=torch.float64) for s in ((4, 6), (3, 4), (3, 2)))
        problem = (W1, X, Y, activation, ridge)
        velocity = first_layer_velocity(*problem)
        close(velocity, autograd(*problem))
        close(velocity, central_differences(*problem))
        close(velocity, velocity_by_entries(W1.numpy(), X.numpy(), Y.numpy(), activation, ridge))

    def test_the_printed_formula_in_the_papers_setting(self):
        """Eq. 20 as printed, with the inverse, at p = 37 and d_h = 512: cond(H H^T) is near 1e6."""
        task = modular_addition(37, 0.7, seed=0)
        X, Y, E = task.X_train, task.Y_train, gaussian_embedding(37, 512, seed=0)
        H = torch.relu(X @ E)
        A = torch.linalg.inv(H @ H.mT)
        printed = X.mT @ ((A @ Y @ Y.mT @ A @ H) * (X @ E > 0)) - E
        velocity = first_layer_velocity(E, X, Y)
        assert float((velocity - printed).norm() / printed.norm()) < 1e-8

    @settings(deadline=None)
    @given(problems(), st.randoms(use_true_random=False))
    def test_permuting_hidden_units_permutes_the_velocity(self, problem, random):
        W1, *rest = problem
        order = list(range(W1.shape[1]))
        random.shuffle(order)
        close(first_layer_velocity(W1[:, order], *rest), first_layer_velocity(W1, *rest)[:, order], 1e-10)

    @settings(deadline=None)
    @given(problems(), st.integers(0, 10**6))
    def test_rotating_outputs_changes_nothing(self, problem, seed):
        W1, X, Y, *rest = problem
        d_out = Y.shape[1]
        G = torch.randn(d_out, d_out, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        Q, _ = torch.linalg.qr(G)
        close(first_layer_velocity(W1, X, Y @ Q, *rest), first_layer_velocity(W1, X, Y, *rest), 1e-10)
        close(reduced_cost(W1, X, Y @ Q, *rest), reduced_cost(W1, X, Y, *rest), 1e-10)

    @settings(deadline=None)
    @given(problems(ridges=(0.0,)))
    def test_small_ridge_tends_to_eq_20_linearly(self, problem):
        W1, X, Y, activation, _ = problem
        limit = first_layer_velocity(W1, X, Y, activation)
        K = (lambda H: H @ H.mT)(hidden(W1, X, activation))
        ridge = 1e-4 * float(torch.linalg.eigvalsh(K)[0])
        gap = [first_layer_velocity(W1, X, Y, activation, r) - limit for r in (ridge, ridge / 2)]
        assume(float(gap[0].norm()) > 1e-7 * float(limit.norm()))  # some problems have no first-order term
        assert float((gap[0] - 2 * gap[1]).norm()) < 1e-3 * float(gap[0].norm())

    def test_the_velocity_descends_the_cost(self):
        task = modular_addition(7, 0.7)
        dynamics, E = FirstLayerDynamics(task.X_train, task.Y_train, "tanh"), gaussian_embedding(7, 40)
        assert dynamics.cost(E + 1e-6 * dynamics(E)) < dynamics.cost(E)


class TestReadout:
    @settings(deadline=None)
    @given(problems())
    def test_eqs_15_and_18_against_normal_equations_and_pinv(self, problem):
        W1, X, Y, activation, ridge = problem
        H = hidden(W1, X, activation)
        if ridge:
            expected = torch.linalg.solve(H.mT @ H + ridge * torch.eye(H.shape[1], dtype=torch.float64), H.mT @ Y)
        else:
            expected = torch.linalg.pinv(H) @ Y
        close(optimal_readout(H, Y, ridge), expected)

    @settings(deadline=None)
    @given(problems())
    def test_eq_19_is_the_loss_at_the_optimal_readout(self, problem):
        """R / lambda of eq. 16 by its definition: loss / lambda + both norms."""
        W1, X, Y, activation, ridge = problem
        H = hidden(W1, X, activation)
        W2 = optimal_readout(H, Y, ridge)
        loss = (H @ W2 - Y).square().sum()
        if ridge:
            close(reduced_cost(*problem), loss / ridge + W1.square().sum() + W2.square().sum())
        else:
            assert float(loss) < 1e-20 * float(Y.square().sum()) * 1e4
            close(reduced_cost(*problem), W1.square().sum() + W2.square().sum())

    @settings(deadline=None)
    @given(problems(), st.integers(0, 10**6))
    def test_eq_14_no_other_readout_is_better(self, problem, seed):
        W1, X, Y, activation, ridge = problem
        ridge = ridge or 0.1
        H = hidden(W1, X, activation)
        W2 = optimal_readout(H, Y, ridge)
        D = torch.randn(W2.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)

        def cost(W):
            return float((H @ W - Y).square().sum() + ridge * W.square().sum())

        assert cost(W2) < cost(W2 + 1e-2 * D)

    def test_a_ridge_allows_a_narrow_network(self):
        H, Y = torch.ones(5, 2, dtype=torch.float64), torch.ones(5, 1, dtype=torch.float64)
        close(optimal_readout(H, Y, 0.5), torch.full((2, 1), 5 / 10.5))


class TestPreparedDynamics:
    def setup_method(self):
        self.task, self.E = modular_addition(7, 0.6), gaussian_embedding(7, 30)
        self.dynamics = FirstLayerDynamics(self.task.X_train, self.task.Y_train)

    def test_it_is_the_same_velocity(self):
        expected = first_layer_velocity(self.E, self.task.X_train, self.task.Y_train)
        assert torch.equal(self.dynamics(self.E), expected)

    def test_results_are_fresh_and_inputs_untouched(self):
        before = self.E.clone()
        first = self.dynamics(self.E)
        kept = first.clone()
        self.dynamics(2 * self.E)
        assert torch.equal(first, kept) and torch.equal(self.E, before)
        first.zero_()
        assert torch.equal(self.dynamics(self.E), kept)

    def test_numpy_arrays_are_as_good_as_tensors(self):
        X, Y, E = (v.numpy() for v in (self.task.X_train, self.task.Y_train, self.E))
        assert torch.equal(first_layer_velocity(E, X, Y), self.dynamics(self.E))
        read_only = np.broadcast_to(E[0], E.shape)
        assert first_layer_velocity(read_only, X, Y, ridge=1.0).shape == E.shape

    def test_an_activation_object_is_as_good_as_a_name(self):
        sine = Activation("sine", torch.sin, torch.cos)
        problem = (self.E, self.task.X_train, self.task.Y_train, sine)
        close(first_layer_velocity(*problem), autograd(*problem))

    def test_its_clock_is_tau(self):
        assert self.dynamics.clock == "tau"


ONE = torch.ones(3, 3, dtype=torch.float64)
GOOD = {"W1": torch.eye(3, dtype=torch.float64), "X": torch.eye(3, dtype=torch.float64), "Y": ONE}


@pytest.mark.parametrize("function", [reduced_cost, first_layer_velocity])
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"W1": ONE.float()}, ["W1", "float64", "float32", "condition number", "double()"]),
        ({"W1": np.ones((3, 3), dtype=np.float32)}, ["W1", "float64", "float32"]),
        ({"X": ONE.long()}, ["X", "float64", "int64"]),
        ({"Y": [[1.0]]}, ["Y", "tensor or a NumPy array", "list"]),
        ({"W1": ONE[0]}, ["W1", "matrix", "(3,)"]),
        ({"X": ONE[:0]}, ["X", "at least one row", "(0, 3)"]),
        ({"Y": ONE[:2]}, ["X (3, 3)", "Y (2, 3)", "rows"]),
        ({"W1": ONE[:2]}, ["X (3, 3)", "W1 (2, 3)", "columns of X", "rows of W1"]),
        ({"W1": ONE * torch.nan}, ["W1", "9 entries", "not finite"]),
        ({"Y": ONE / 0}, ["Y", "not finite"]),
        ({"activation": "swish"}, ["swish", "relu, leaky_relu"]),
        ({"ridge": -1e-3}, ["ridge", "negative", "-0.001"]),
        ({"ridge": float("inf")}, ["ridge", "finite", "inf"]),
        ({"ridge": "small"}, ["ridge", "number", "small"]),
    ],
)
def test_bad_input_says_what_to_do(function, change, words):
    with pytest.raises(ValueError) as error:
        function(**(GOOD | change))
    assert all(word in str(error.value) for word in words), error.value


def test_bad_readout_input_says_what_to_do():
    with pytest.raises(ValueError, match=r"H \(3, 3\) and Y \(2, 3\) do not match"):
        optimal_readout(ONE, ONE[:2])
    with pytest.raises(ValueError, match="ridge must not be negative"):
        optimal_readout(ONE, ONE, -1.0)


def test_too_little_width_names_the_sizes_and_the_remedy():
    with pytest.raises(SingularKernelError) as error:
        first_layer_velocity(GOOD["W1"][:, :2], GOOD["X"], GOOD["Y"])
    assert all(w in str(error.value) for w in ("d_h=2", "n=3", "width of at least 3", "positive ridge"))
    assert torch.isfinite(first_layer_velocity(GOOD["W1"][:, :2], GOOD["X"], GOOD["Y"], ridge=0.1)).all()


@pytest.mark.parametrize("ridge", [0.0, 1e-20])
def test_dependent_rows_are_noticed_whatever_cholesky_says(ridge):
    X = GOOD["X"].clone()
    X[2] = X[1]
    with pytest.raises(SingularKernelError) as error:
        first_layer_velocity(torch.rand(3, 50, dtype=torch.float64), X, GOOD["Y"], ridge=ridge)
    assert all(w in str(error.value) for w in ("n=3", "d_h=50", "dependent", "larger ridge"))


def test_an_overflow_is_not_called_singular():
    with pytest.raises(ValueError, match="matrix to factorise has .* not finite") as error:
        first_layer_velocity(1e200 * GOOD["W1"], GOOD["X"], GOOD["Y"])
    assert not isinstance(error.value, SingularKernelError)
