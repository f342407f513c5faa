"""The slow twins are themselves right."""

import numpy as np
import sympy as sp

from grokutil import symbolic
from grokutil.isolated import reduced_cost


def test_the_written_out_cost_is_the_cost():
    rng = np.random.default_rng(0)
    W, X, Y = (rng.normal(size=s) for s in ((2, 4), (2, 2), (2, 2)))
    written = symbolic.reduced_cost(sp.Matrix(W), sp.Matrix(X), sp.Matrix(Y), sp.tanh, sp.Float(0.25))
    assert abs(float(written) - float(reduced_cost(W, X, Y, "tanh", 0.25))) < 1e-12


def test_velocity_by_entries_is_the_derivative_of_the_written_out_cost():
    """The chain rule by sums against SymPy differentiating the whole expression."""
    W, X, Y = symbolic.matrix("W", 2, 3), symbolic.matrix("X", 2, 2), symbolic.matrix("Y", 2, 1)
    cost = symbolic.reduced_cost(W, X, Y, sp.tanh)
    rng = np.random.default_rng(1)
    values = [rng.normal(size=M.shape) for M in (W, X, Y)]
    symbols = [*W, *X, *Y, symbolic.RIDGE]
    point = dict(zip(symbols, [*(v for M in values for v in M.flat), 0.2], strict=True))
    expected = [-float(sp.lambdify(symbols, sp.diff(cost, w), "mpmath")(*point.values())) / 2 for w in W]
    actual = symbolic.velocity_by_entries(*values, "tanh", 0.2)
    np.testing.assert_allclose(actual.ravel(), expected, rtol=1e-10)


def test_inverse_and_zero():
    K = symbolic.matrix("K", 3, 3)
    assert symbolic.is_zero(K * symbolic.inverse(K) - sp.eye(3))
    assert not symbolic.is_zero(K - sp.eye(3))


def test_the_digits_of_the_arithmetic_are_those_asked_for():
    """Two samples that are nearly one: K has a condition number of 1e16."""
    rng = np.random.default_rng(2)
    W, Y = rng.normal(size=(2, 3)), rng.normal(size=(2, 1))
    X = np.array([[1.0, 0.5], [1.0, 0.5 + 1e-8]])
    few, many, more = (symbolic.velocity_by_entries(W, X, Y, "tanh", digits=digits) for digits in (15, 40, 60))
    np.testing.assert_allclose(many, more, rtol=1e-12)
    assert not np.allclose(few, more, rtol=1e-12)
