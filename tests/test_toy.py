"""Figs 1-4: every closed form against a slow twin (autograd, numerical integration, SymPy), its limits and errors."""

import numpy as np
import pytest
import sympy as sp
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

from grokutil import toy
from grokutil.toy import LinearToy

RNG = np.random.default_rng(0)
RIDGES = (0.01, 0.1, 0.2)  # the paper's
PLANE = LinearToy(start=(2.0, -1.0, 0.5), sample=(1.0, 1.0, 1.0), target=3.0, ridge=0.05)
SKEW = LinearToy(start=(0.3, 2.0), sample=(0.5, -1.5), target=-1.0, ridge=0.3)
LINEAR = [*(LinearToy(ridge=ridge) for ridge in RIDGES), PLANE, SKEW]


def flow(gradient, start, times, max_step=np.inf):
    """The gradient flow, numerically."""
    solution = solve_ivp(
        lambda t, w: -gradient(w), (0, times[-1]), start, "DOP853", times, rtol=1e-11, atol=1e-12, max_step=0.5
    )
    assert solution.success
    return solution.y.T


def autograd(loss, w):
    w = torch.tensor(w, dtype=torch.float64, requires_grad=True)
    return torch.autograd.grad(loss(w), w)[0].numpy()


# losses and gradients


def torch_leaky(w, sample, target, ridge, slope):
    z = torch.nn.functional.leaky_relu(w @ torch.tensor(sample, dtype=torch.float64), slope)
    return (z - target) ** 2 + ridge * (w**2).sum()


@pytest.mark.parametrize("slope", [0.1, 1.0])
def test_fig_3_right_against_pytorch(slope):
    setting = ((1.0, -2.0, 0.5), 1.5, 0.3, slope)
    for w in RNG.normal(size=(10, 3)):
        np.testing.assert_allclose(
            toy.leaky_loss(w, *setting), float(torch_leaky(torch.tensor(w), *setting)), rtol=1e-12
        )
        np.testing.assert_allclose(
            toy.leaky_gradient(w, *setting), autograd(lambda v: torch_leaky(v, *setting), w), rtol=1e-12
        )


def test_fig_3_left_against_autograd():
    def loss(v):
        return (v[0] * v[1] - 0.7) ** 2 + 0.2 * (v**2).sum()

    for w in RNG.normal(size=(10, 2)):
        np.testing.assert_allclose(toy.product_loss(w, 0.7, 0.2), float(loss(torch.tensor(w))), rtol=1e-12)
        np.testing.assert_allclose(toy.product_gradient(w, 0.7, 0.2), autograd(loss, w), rtol=1e-12)


def test_fig_4_against_autograd():
    def loss(v):
        return (v[1] - v[0] ** 2) ** 2

    for w in RNG.normal(size=(10, 2)):
        np.testing.assert_allclose(toy.parabola_loss(w), float(loss(torch.tensor(w))), rtol=1e-12)
        np.testing.assert_allclose(toy.parabola_gradient(w), autograd(loss, w), rtol=1e-12)


def test_many_points_at_once():
    points = RNG.normal(size=(4, 5, 2))
    for function in (
        toy.leaky_loss,
        toy.leaky_gradient,
        lambda w: toy.product_loss(w, 1.0, 0.1),
        lambda w: toy.product_gradient(w, 1.0, 0.1),
        toy.parabola_loss,
        toy.parabola_gradient,
    ):
        one_by_one = np.array([[function(w) for w in row] for row in points])
        np.testing.assert_allclose(function(points), one_by_one, rtol=1e-12, atol=1e-15)


# Figs 1 and 2


@pytest.mark.parametrize("model", LINEAR, ids=str)
def test_the_linear_flow_is_the_integrated_flow(model):
    times = np.linspace(0, 3 / model.ridge, 40)
    np.testing.assert_allclose(model.weights(times), flow(model.gradient, model.start, times, 0.5), atol=1e-8)


@pytest.mark.parametrize("model", LINEAR, ids=str)
def test_weights_after_steps_are_those_of_the_loop(model):
    run = toy.descend(model.gradient, model.start, 0.07, 50)
    np.testing.assert_allclose(model.weights_after(np.arange(51), 0.07), run, atol=1e-12)


@pytest.mark.parametrize("model", LINEAR, ids=str)
def test_losses_are_means_over_samples(model):
    """The test loss by Gauss-Hermite quadrature, exact for the squares that it averages."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(4)
    grid = np.stack(np.meshgrid(*[nodes] * len(model.start), indexing="ij"), -1)
    density = np.prod(np.stack(np.meshgrid(*[weights] * len(model.start), indexing="ij"), -1), -1) / weights.sum() ** (
        len(model.start)
    )
    w = np.array(model.start) + 0.3
    expected = (density * (grid @ w - grid @ model.solution) ** 2).sum()
    np.testing.assert_allclose(model.test_loss(w), expected, rtol=1e-12)
    np.testing.assert_allclose(model.train_loss(w), toy.leaky_loss(w, model.sample, model.target, 0, 1), rtol=1e-12)


@pytest.mark.parametrize("ridge", RIDGES)
def test_times_are_those_of_the_integrated_flow(ridge):
    model, threshold = LinearToy(ridge=ridge), 0.05

    def excess(loss):
        return lambda t: float(loss(flow(model.gradient, model.start, [0, t])[-1])) - threshold

    memorised, grokked = model.memorisation_time(threshold), model.grokking_time(threshold)
    assert abs(brentq(excess(model.train_loss), 0.1, 2) - memorised) < 1e-8
    assert abs(brentq(excess(model.test_loss), 0.5 * grokked, 2 * grokked) - grokked) < 1e-5  # fast terms


@given(st.floats(-3, 3), st.floats(0.1, 3), st.floats(-3, 3), st.floats(0, 0.5))
def test_the_training_loss_at_the_memorisation_time_is_the_threshold(start, size, target, ridge):
    model = LinearToy((start, 0.5), (size, 0.3), target, ridge)
    floor = float(model.train_loss(model.weights(1e6)))
    threshold = 1.5 * floor + 1e-3
    time = model.memorisation_time(threshold)
    at_that_time = float(model.train_loss(model.weights(time)))
    if time == 0:
        assert at_that_time <= threshold * (1 + 1e-9)
    else:
        np.testing.assert_allclose(at_that_time, threshold, rtol=1e-6)


def test_without_weight_decay_the_limit_is_the_nearest_zero_loss_point():
    model = LinearToy((2.0, -1.0, 0.5), (1.0, 1.0, 1.0), 3.0, ridge=0.0)
    end, x = model.weights(1e3), np.ones(3)
    np.testing.assert_allclose(end @ x, 3.0)
    step = end - np.array(model.start)
    np.testing.assert_allclose(step - step.mean(), 0, atol=1e-12)


# Fig. 3


@pytest.mark.parametrize("start", [(2.5, 0.4), (-0.3, -2.0), (0.5, -1.5), (1.0, 1.0)])
def test_norm_on_the_curved_set_is_the_integrated_flow(start):
    def uphill(w):  # minus the velocity -2 P w
        J = w[::-1]
        return 2 * (w - J * (J @ w) / (J @ J))

    s = np.linspace(0, 2, 9)
    path = flow(uphill, start, s)
    np.testing.assert_allclose(toy.product_norm(s, start), (path**2).sum(1), rtol=1e-9)
    np.testing.assert_allclose(path.prod(1), np.prod(start), rtol=1e-9)


@pytest.mark.parametrize("ridge", [0.0, 1e-9, 0.1])
def test_the_output_at_the_singular_point_is_the_integrated_flow(ridge):
    times, w = np.linspace(0, 20, 11), np.sqrt(1.7)
    path = flow(lambda v: toy.product_gradient(v, 0.0, ridge), [w, w], times)
    np.testing.assert_allclose(toy.product_at_singularity(times, 1.7, ridge), path.prod(1), rtol=1e-6)


# Fig. 4


def test_theorem_4_14_coefficient_is_the_derivative_of_the_cosine():
    a, x = sp.symbols("a x", real=True)
    ell = sp.sqrt(1 + 4 * a**2)
    X, Y = a - 2 * a * x / ell, a**2 + x / ell
    slope = sp.Matrix([-2 * X, 1])  # the gradient is 2 (Y - X^2) times this
    assert sp.simplify((Y - X**2).diff(x).subs(x, 0) - ell) == 0  # positive: same direction
    cosine = (slope[0] + 2 * a * slope[1]) / ell / sp.sqrt(slope.dot(slope))
    coefficient = sp.lambdify(a, cosine.diff(x).subs(x, 0))
    points = np.linspace(-2, 2, 9)
    np.testing.assert_allclose(toy.parabola_coefficient(points), coefficient(points), rtol=1e-12, atol=1e-15)


# bad input


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: LinearToy((1.0, 2.0, 3.0)), r"start \(3,\) and sample \(2,\) do not match"),
        (lambda: LinearToy(sample=(0.0, 0.0)), "sample must not be zero"),
        (lambda: LinearToy(ridge=-0.1), "ridge must not be negative, got -0.1"),
        (lambda: LinearToy(target=float("nan")), "target must be finite"),
        (lambda: LinearToy(start=(1.0, float("inf"))), "start must be finite"),
        (lambda: LinearToy(start=()), "start must be a list of numbers"),
        (lambda: LinearToy(ridge=0.2).memorisation_time(0.01), "ridge 0.2 the training loss tends to 0.0330579"),
        (lambda: LinearToy(ridge=0.2).grokking_time(0.01), "ridge 0.2 the test loss tends to 0.0165289"),
        (lambda: LinearToy().grokking_time(5.0), "passed before the slow phase"),
        (lambda: LinearToy(ridge=0.0).grokking_time(0.1), "ridge is 0: without weight decay nothing moves"),
        (lambda: LinearToy().memorisation_time(0.0), "threshold must be positive"),
        (lambda: LinearToy().weights_after(3, 0.0), "learning_rate must be positive"),
        (lambda: toy.descend(LinearToy().gradient, (-1, 1), 0.9, 5000), "diverged within 5000 steps; use a smaller"),
        (lambda: toy.descend(LinearToy().gradient, (-1, 1), 0.1, -1), "steps must be a whole number of at least 0"),
        (lambda: toy.product_norm(1.0, (1, 2, 3)), r"start must be 2 numbers, got shape \(3,\)"),
        (lambda: toy.product_at_singularity(1.0, -1.0, 0.1), "start must be positive"),
    ],
)
def test_bad_input_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()
