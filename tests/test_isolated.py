"""Eqs 14-20: the closed form against autograd, central differences and SymPy; its symmetries, limits and errors."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from grokutil.activations import ACTIVATIONS, Activation
from grokutil.data import modular_addition
from grokutil.flow import integrate
from grokutil.isolated import (
    FeatureDynamics,
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
        """In each call, whatever was asked before."""
        for E in (self.E, 2 * self.E, self.E):
            problem = E, self.task.X_train, self.task.Y_train
            assert torch.equal(self.dynamics(E), first_layer_velocity(*problem))
            close(self.dynamics(E), autograd(*problem, "relu", 0.0))

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
        """Without targets weight decay is alone: dW1/dt = -2 lambda W1, which is -W1 for tau = 2 lambda t."""
        assert self.dynamics.clock == "tau"
        nothing = FirstLayerDynamics(self.task.X_train, 0 * self.task.Y_train)
        assert torch.equal(nothing(self.E), -self.E)


def stacked(seeds, p=7, fraction=0.6, width=30):
    """Tasks and first layers of several seeds, side by side."""
    tasks = [modular_addition(p, fraction, seed=seed) for seed in seeds]
    X, Y = (torch.stack([getattr(task, name) for task in tasks]) for name in ("X_train", "Y_train"))
    return X, Y, torch.stack([gaussian_embedding(p, width, seed=seed) for seed in seeds])


class TestManyProblemsAtOnce:
    @pytest.mark.parametrize("ridge", RIDGES)
    def test_a_stack_is_a_loop(self, ridge):
        X, Y, E = stacked(range(3))
        many, one = (
            FirstLayerDynamics(X, Y, ridge=ridge),
            [FirstLayerDynamics(X[i], Y[i], ridge=ridge) for i in range(3)],
        )
        for method in (FirstLayerDynamics.__call__, FirstLayerDynamics.cost, FirstLayerDynamics.readout):
            close(method(many, E), torch.stack([method(one[i], E[i]) for i in range(3)]), 1e-9)
        product = many.linearize(E)[1]
        close(product(E + 1), torch.stack([one[i].linearize(E[i])[1](E[i] + 1) for i in range(3)]), 1e-9)

    def test_one_singular_problem_in_a_stack_is_noticed(self):
        X, Y, E = stacked(range(3))
        E[1] = 0
        with pytest.raises(SingularKernelError, match="dependent"):
            FirstLayerDynamics(X, Y)(E)

    def test_stacks_that_do_not_fit_say_so(self):
        X, Y, E = stacked(range(3))
        with pytest.raises(ValueError, match="both stacks of as many"):
            FirstLayerDynamics(X, Y)(E[:2])
        with pytest.raises(ValueError, match="both must be matrices"):
            FirstLayerDynamics(X, Y[0])


class TestLinearization:
    @settings(deadline=None, max_examples=60)
    @given(problems(), st.integers(0, 10**6))
    def test_product_is_the_hessian_of_the_cost(self, problem, seed):
        """Autograd twice through eq. 16 or 19; no formula of ours but the cost."""
        W1, *rest = problem
        V = torch.randn(W1.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        velocity, product = FirstLayerDynamics(*rest).linearize(W1)
        _, expected = torch.autograd.functional.hvp(lambda w: reduced_cost(w, *rest), W1, V)
        close(velocity, first_layer_velocity(W1, *rest), 1e-12)
        close(product(V), -expected / 2)

    def test_product_is_the_difference_of_velocities_in_the_papers_setting(self):
        task, E = modular_addition(37, 0.7), gaussian_embedding(37, 512)
        dynamics = FirstLayerDynamics(task.X_train, task.Y_train, "gelu")
        V, h = torch.randn(E.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64), 1e-7
        difference = (dynamics(E + h * V) - dynamics(E - h * V)) / (2 * h)
        close(dynamics.linearize(E)[1](V), difference, 1e-4)


class ThreeLayers:
    """Features tanh(tanh(X V1) V2) of one flat vector, and L_lambda of the whole network."""

    def __init__(self, seed=0, n=4, widths=(3, 5, 7), d_out=2):
        rng = np.random.default_rng(seed)
        self.sizes = list(zip(widths, widths[1:], strict=False))
        self.X, self.Y = (torch.from_numpy(rng.normal(size=(n, d))) for d in (widths[0], d_out))
        self.theta = torch.from_numpy(rng.normal(size=sum(a * b for a, b in self.sizes)))

    def features(self, theta):
        H = self.X
        for V, size in zip(theta.split([a * b for a, b in self.sizes]), self.sizes, strict=True):
            H = torch.tanh(H @ V.reshape(size))
        return H

    def cost(self, theta, W2, ridge):
        return (self.features(theta) @ W2 - self.Y).square().sum() + ridge * (theta.square().sum() + W2.square().sum())


class TestAnyDepth:
    @settings(deadline=None)
    @given(problems())
    def test_two_layers_are_the_first_layer_dynamics(self, problem):
        W1, X, Y, activation, ridge = problem
        first = FirstLayerDynamics(X, Y, activation, ridge)
        deep = FeatureDynamics(lambda w: hidden(w.reshape(W1.shape), X, activation), Y, ridge)
        close(deep(W1.flatten()), first(W1).flatten())
        close(deep.cost(W1.flatten()), first.cost(W1))
        close(deep.readout(W1.flatten()), first.readout(W1))

    @pytest.mark.parametrize("seed", range(3))
    def test_velocity_is_autograds_of_the_full_loss_at_its_minimum(self, seed):
        """Theorem 5.1: autograd sees the whole of L_lambda; the readout comes from the normal equations."""
        net, ridge = ThreeLayers(seed), 0.03
        dynamics, leaf = FeatureDynamics(net.features, net.Y, ridge), net.theta.clone().requires_grad_()
        H = net.features(leaf)
        W2 = torch.linalg.solve(H.mT @ H + ridge * torch.eye(7).double(), H.mT @ net.Y)
        L = net.cost(leaf, W2, ridge)
        close(dynamics.cost(net.theta), L.detach() / ridge)
        close(dynamics.readout(net.theta), W2.detach())
        through, partial = torch.autograd.grad(L, leaf)[0], torch.func.grad(net.cost)(net.theta, W2.detach(), ridge)
        close(dynamics(net.theta), -through / (2 * ridge))
        close(dynamics(net.theta), -partial / (2 * ridge))  # the envelope: phi held fixed

    @pytest.mark.parametrize("seed", range(3))
    def test_without_ridge_it_is_autograds_of_the_norm_on_zero_loss(self, seed):
        net = ThreeLayers(seed)
        leaf = net.theta.clone().requires_grad_()
        W2 = torch.linalg.pinv(net.features(leaf)) @ net.Y
        N = leaf.square().sum() + W2.square().sum()
        dynamics = FeatureDynamics(net.features, net.Y)
        close(dynamics.cost(net.theta), N.detach())
        close(dynamics(net.theta), -torch.autograd.grad(N, leaf)[0] / 2)
        assert float((net.features(net.theta) @ dynamics.readout(net.theta) - net.Y).abs().max()) < 1e-9

    def test_small_ridge_lowers_the_cost_by_its_first_order(self):
        """Eq. 19 over eq. 16: R_19 - R = lambda^2 Tr Y^T K^-2 Y + O(lambda^3)."""
        net = ThreeLayers()
        H, limit = net.features(net.theta), FeatureDynamics(net.features, net.Y).cost(net.theta)
        first_order = torch.linalg.solve(H @ H.mT, net.Y).square().sum()
        kappa = float(torch.linalg.eigvalsh(H @ H.mT)[0])
        for ratio in (1e-2, 1e-3):
            gap = (limit - FeatureDynamics(net.features, net.Y, ratio * kappa).cost(net.theta)) / (ratio * kappa)
            assert 1 - ratio <= float(gap / first_order) <= 1

    def test_the_cost_has_a_hessian(self):
        """By torch.func, which maps over directions, against differences of the velocity."""
        net, h = ThreeLayers(), 1e-6
        dynamics = FeatureDynamics(net.features, net.Y, 0.1)
        directions = torch.eye(len(net.theta)).double() * h
        columns = [(dynamics(net.theta - d) - dynamics(net.theta + d)) / h for d in directions]
        close(torch.func.hessian(dynamics.cost)(net.theta), torch.stack(columns), 1e-6)

    def test_a_column_of_ones_is_a_penalised_bias(self):
        net = ThreeLayers()

        def with_bias(theta):
            return torch.cat((net.features(theta), torch.ones(4, 1).double()), 1)

        H = net.features(net.theta)
        dynamics, K = FeatureDynamics(with_bias, net.Y, 0.1), H @ H.mT + 1 + 0.1 * torch.eye(4)
        close(dynamics.cost(net.theta), net.theta.square().sum() + (net.Y * torch.linalg.solve(K, net.Y)).sum())

    def test_its_clock_is_tau_and_bad_input_says_what_to_do(self):
        net = ThreeLayers()
        dynamics = FeatureDynamics(net.features, net.Y)
        assert dynamics.clock == "tau"
        with pytest.raises(ValueError, match="theta must be a float64 tensor with one axis"):
            dynamics(net.theta[:, None])
        with pytest.raises(ValueError, match=r"features\(theta\) \(4, 7\) and Y \(3, 2\) do not match"):
            FeatureDynamics(net.features, net.Y[:3])(net.theta)
        with pytest.raises(SingularKernelError, match="width of at least 4"):
            FeatureDynamics(lambda theta: net.features(theta)[:, :3], net.Y)(net.theta)


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
@pytest.mark.parametrize("width", [50, 512, 4096])
def test_dependent_rows_are_noticed_whatever_cholesky_says(ridge, width):
    for n, seed in itertools.product((2, 3, 20), range(5)):
        generator = torch.Generator().manual_seed(seed)
        X, W1 = (torch.randn(s, generator=generator, dtype=torch.float64) for s in ((n, 3), (3, width)))
        X[-1] = 2 * X[0]  # ReLU then doubles its row of H
        with pytest.raises(SingularKernelError) as error:
            first_layer_velocity(W1, X, X, ridge=ridge)
        assert all(w in str(error.value) for w in (f"n={n}", f"d_h={width}", "dependent", "larger ridge"))


def test_an_overflow_is_not_called_singular():
    with pytest.raises(ValueError, match="matrix to factorise has .* not finite") as error:
        first_layer_velocity(1e200 * GOOD["W1"], GOOD["X"], GOOD["Y"])
    assert not isinstance(error.value, SingularKernelError)


def draw(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


class TestNarrow:
    """Fewer hidden units than samples: everything by the d_h x d_h matrix, and the same to rounding."""

    @pytest.mark.parametrize("activation", ["relu", "tanh"])
    @pytest.mark.parametrize("ridge", [1e-6, 0.1, 1e3])
    def test_both_forms_agree(self, activation, ridge):
        X, Y, W1 = (draw(*shape, seed=k) for k, shape in enumerate(((30, 4), (30, 3), (4, 8))))
        dynamics = FirstLayerDynamics(X, Y, activation, ridge)
        H = hidden(W1, X, activation)
        A = torch.linalg.inv(H @ H.mT + ridge * torch.eye(30, dtype=torch.float64))
        G = A @ Y @ Y.mT @ A @ H
        slope = ACTIVATIONS[activation].slope(X @ W1)
        expected = X.mT @ (G * slope) - W1
        rounding = 1e3 * 2**-52 * float((H @ H.mT).norm()) / ridge  # what either form may lose to the inverse
        torch.testing.assert_close(dynamics(W1), expected, rtol=0, atol=max(rounding, 1e-12) * float(expected.norm()))
        torch.testing.assert_close(dynamics.readout(W1), H.mT @ A @ Y, rtol=1e-6, atol=1e-9)
        torch.testing.assert_close(optimal_readout(H, Y, ridge), dynamics.readout(W1))
        assert float(dynamics.cost(W1)) == pytest.approx(float(W1.square().sum() + torch.trace(Y.mT @ A @ Y)), rel=1e-7)
        v, product = dynamics.linearize(W1)
        torch.testing.assert_close(v, dynamics(W1))
        V = draw(4, 8, seed=9)
        slow = torch.func.jvp(dynamics, (W1,), (V,))[1]
        torch.testing.assert_close(product(V), slow, rtol=1e-6, atol=1e-5 * float(slow.abs().max()))

    def test_a_ridge_below_rounding_takes_the_large_matrix(self):
        X, W1 = draw(30, 4), draw(4, 8, seed=2)
        H = hidden(W1, X, "tanh")
        Y = H @ draw(8, 3, seed=3)  # in the range of H: the difference of the small form would lose all digits
        for ridge in (1e-12, 1e-3):
            R = H @ optimal_readout(H, Y, ridge) - Y
            assert float(R.norm()) < 2 * ridge * float(torch.linalg.pinv(H).norm()) ** 2 * float(Y.norm()) + 1e-9

    def test_a_stack_is_each_problem(self):
        X, Y, W1 = draw(2, 30, 4), draw(2, 30, 3, seed=1), draw(2, 4, 8, seed=2)
        both = FirstLayerDynamics(X, Y, "tanh", 0.1)
        for k in range(2):
            one = FirstLayerDynamics(X[k], Y[k], "tanh", 0.1)
            torch.testing.assert_close(both(W1)[k], one(W1[k]))
            torch.testing.assert_close(both.cost(W1)[k], one.cost(W1[k]))


@pytest.mark.parametrize(
    ("activation", "words"),
    [
        (Activation("root", lambda Z: Z.abs().sqrt(), lambda Z: Z.sign() / Z.abs().sqrt() / 2), "the slope of 'root'"),
        (Activation("logarithm", lambda Z: Z.abs().log()), "the activation 'logarithm'"),
    ],
)
def test_an_activation_without_a_value_or_a_slope_somewhere_is_named(activation, words):
    """Not taken for a step that was too large; where every pre-activation has both, nothing is said."""
    task, E = modular_addition(5, 0.6, seed=0), gaussian_embedding(5, 20, seed=0)
    dynamics = FirstLayerDynamics(task.X_train, task.Y_train, activation)
    assert torch.isfinite(dynamics(E)).all()
    E[:, 0] = 0
    for call in (dynamics, dynamics.linearize, lambda E: integrate(dynamics, E, [0, 0.1], progress=False)):
        with pytest.raises(ValueError, match=f"{words} at X W1 has .* not finite .*: the activation must have"):
            call(E)
