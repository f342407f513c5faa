"""The NTK of the two-layer network against its dense twin, and conjugate gradients against Cholesky."""

import os
import subprocess
import sys

import pytest
import torch

from grokutil.constraints import SingularPointError
from grokutil.data import modular_addition
from grokutil.manifold import TangentSpace, jacobian, tangent_projection
from grokutil.model import default_weights
from grokutil.ntk import LARGEST_FACTOR
from grokutil.train import gradient_descent

TASK = modular_addition(11, train_size=59)
X = TASK.X_train


def randn(*size, seed=0):
    return torch.randn(*size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.fixture(scope="module", params=["relu", "quadratic", "softplus"])
def activation(request):
    return request.param


@pytest.fixture(scope="module", params=["random", "trained"])
def weights(request, activation):
    if request.param == "random":
        return default_weights(11, 128, 11)
    return gradient_descent(TASK, activation=activation, steps=3000, record_every=3000).states[-1]


@pytest.fixture(params=[False, True], ids=["free", "kinks"])
def kinks(request):
    return torch.rand(59, 128, generator=torch.Generator().manual_seed(0)) < 1 / 7 if request.param else None


def both(W1, W2, activation, kinks, inputs=X):
    return (TangentSpace(W1, W2, inputs, activation, kinks, way) for way in ("cholesky", "conjugate_gradients"))


def assert_equal(a, b, to=1e-9):
    assert float((a - b).norm()) <= to * float(b.norm())


def test_conjugate_gradients_give_what_cholesky_gives(weights, activation, kinks):
    direct, iterative = both(*weights, activation, kinks)
    v = randn(direct.theta.numel(), seed=1)
    for vector in (direct.theta, v):
        assert_equal(iterative.project(vector), direct.project(vector))
    assert_equal(iterative.multiplier(), direct.multiplier())
    assert direct.iterations == 0 < iterative.iterations < 600


def test_the_projection_by_conjugate_gradients_is_one(weights, activation, kinks):
    """J P v = 0, P P v = P v, u P v = v P u."""
    _, space = both(*weights, activation, kinks)
    u, v = randn(2, space.theta.numel(), seed=2)
    Pu, Pv = space.project(u), space.project(v)
    assert float(space.product(Pv).norm()) < 1e-11 * float(space.product(v).norm())
    assert_equal(space.project(Pv), Pv)
    assert float(u @ Pv) == pytest.approx(float(v @ Pu), abs=1e-9 * float(u.norm() * v.norm()))


def test_products_and_entries_are_those_of_the_jacobian():
    W1, W2, inputs = randn(4, 9), randn(9, 2, seed=1), randn(3, 4, seed=2)
    space, U = TangentSpace(W1, W2, inputs, "tanh"), randn(3, 2, seed=3)
    J = jacobian(W1, W2, inputs, "tanh")
    torch.testing.assert_close(space.ntk, J @ J.mT)
    torch.testing.assert_close(space._ntk.product(U).flatten(), J @ J.mT @ U.flatten())


def test_the_preconditioner_has_the_partial_traces_of_the_ntk(kinks):
    """sum_c Theta_ic,jc and sum_i Theta_ic,ie: those of the Kronecker sum that it solves with."""
    W1, W2 = default_weights(11, 128, 11)
    _, space = both(W1, W2, "relu", kinks)
    identity = torch.eye(649, dtype=torch.float64).reshape(649, 59, 11)
    inverse = torch.stack([space._ntk.precondition(e).flatten() for e in identity])
    ours, Theta = (A.reshape(59, 11, 59, 11) for A in (torch.linalg.inv(inverse), space.ntk))
    for trace in ("icjc->ij", "icie->ce"):
        torch.testing.assert_close(torch.einsum(trace, ours), torch.einsum(trace, Theta), rtol=1e-8, atol=1e-8)


def test_the_solver_is_chosen_by_the_memory_of_the_factor():
    assert 8 * 2896**2 <= LARGEST_FACTOR < 8 * 2897**2
    for d_out, solver in ((36, "cholesky"), (37, "conjugate_gradients")):  # M = 2880, 2960
        assert TangentSpace(randn(3, 90), randn(90, d_out), randn(80, 3)).solver == solver
    with pytest.raises(ValueError, match="unknown solver 'lu'; known: auto, cholesky, conjugate_gradients"):
        TangentSpace(randn(3, 90), randn(90, 2), randn(80, 3), solver="lu")


@pytest.mark.parametrize(
    ("width", "samples", "silent"),
    [(128, [*range(58), 0], 0), (20, range(59), 0), (32, range(59), 0), (50, range(59), 1)],
    ids=["a sample twice", "fewer weights than outputs", "few more", "an output without weights"],
)
def test_both_solvers_report_a_singular_point(width, samples, silent):
    W1, W2 = default_weights(11, width, 11)
    W2[:, :silent] = 0
    for space in both(W1, W2, "relu", None, X[list(samples)]):
        with pytest.raises(SingularPointError, match=r"J J\^T \(649 x 649\) is numerically singular"):
            space.project(space.theta)


def test_a_narrow_network_need_not_be_singular():
    """K has rank 50 of 59; Theta has all of its own."""
    direct, iterative = both(*default_weights(11, 50, 11), "relu", None)
    assert_equal(iterative.project(direct.theta), direct.project(direct.theta))


def test_without_a_readout_the_ntk_is_that_of_the_features():
    W1, W2 = default_weights(11, 128, 11)
    direct, iterative = both(W1, 0 * W2, "relu", None)
    v = randn(2816)
    assert_equal(iterative.project(v), direct.project(v))
    assert iterative.iterations <= 2


def test_no_convergence_is_an_error(monkeypatch):
    monkeypatch.setattr("grokutil.ntk.ITERATIONS", 5)
    W1, W2 = default_weights(11, 128, 11)
    with pytest.raises(ValueError, match=r"relative residual of .* after 5 iterations.*solver='cholesky'.* 0.0034 GB"):
        tangent_projection(W1, W2, X, randn(2816), solver="conjugate_gradients")


LARGE = """
import time, torch
from grokutil.benchmarks.memory import high_water
from grokutil.data import modular_addition
from grokutil.manifold import TangentSpace
from grokutil.model import default_weights
X, weights = modular_addition(37, train_fraction=0.7).X_train, default_weights(37, 512, 37)
kinks = torch.rand(492, 512, generator=torch.Generator().manual_seed(0)) < 1 / 7
before = high_water()
for held in (None, kinks):
    space = TangentSpace(*weights, X, "relu", held)
    P = space.project(space.theta)
    print(float(space.product(P).norm() / space.product(space.theta).norm()), high_water() - before)
"""


def test_a_projection_at_p_37_and_width_512_takes_little_memory(root):
    """The dense Jacobian takes 5.5 GB, the NTK 2.7 GB."""
    environment = os.environ | {"PYTHONPATH": str(root)}
    done = subprocess.run([sys.executable, "-c", LARGE], env=environment, capture_output=True, text=True, check=True)
    free, held = ([float(number) for number in line.split()] for line in done.stdout.splitlines())
    assert free[0] < 1e-11 and free[1] < 100
    assert held[0] < 1e-11 and held[1] < 500
