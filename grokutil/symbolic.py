r"""The formulas of eqs 14-20 in SymPy, entry by entry: slow twins, for small sizes.

Nothing here uses matrix calculus, Cholesky or autograd. The cost is written out as an expression in the entries of
:math:`W_1, X, Y`, and SymPy differentiates that expression.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np

from grokutil.extras import extra

with extra("symbolic"):
    import mpmath
    import sympy as sp

RIDGE = sp.Symbol("lambda", nonnegative=True)

SIGMA: dict[str, Callable[[sp.Expr], sp.Expr]] = {
    "relu": lambda z: sp.Piecewise((z, z > 0), (0, True)),
    "leaky_relu": lambda z: sp.Piecewise((z, z > 0), (z / 10, True)),
    "softplus": lambda z: sp.log(1 + sp.exp(z)),
    "gelu": lambda z: z * (1 + sp.erf(z / sp.sqrt(2))) / 2,
    "tanh": sp.tanh,
    "quadratic": lambda z: z**2,
    "identity": lambda z: z,
}


def matrix(name: str, rows: int, columns: int) -> sp.Matrix:
    """A matrix of real symbols ``name_ij``, indices from 1."""
    return sp.Matrix(rows, columns, lambda i, j: sp.Symbol(f"{name}_{i + 1}{j + 1}", real=True))


def inverse(K: sp.Matrix) -> sp.Matrix:
    """Inverse as adjugate over determinant: a rational function of the entries, with no case distinctions."""
    return K.adjugate() / K.det()


def is_zero(expression: sp.Matrix | sp.Expr) -> bool:
    """True if every entry is the zero rational function: the numerators expand to 0."""
    entries = list(expression) if isinstance(expression, sp.MatrixBase) else [expression]
    return all(sp.expand(sp.fraction(sp.together(e))[0]) == 0 for e in entries)


def reduced_cost(
    W1: sp.Matrix, X: sp.Matrix, Y: sp.Matrix, sigma: Callable[[sp.Expr], sp.Expr], ridge: sp.Expr = RIDGE
) -> sp.Expr:
    r""":math:`\|W_1\|_F^2 + \operatorname{Tr} Y^\top (H H^\top + \lambda I)^{-1} Y` by entries: eqs 16 and 19.

    Args:
        W1: (d_in, d_h) matrix of expressions.
        X: (n, d_in).
        Y: (n, d_out).
        sigma: the activation, from an expression to an expression; may be an undefined ``sympy.Function``.
        ridge: :math:`\lambda`.
    """
    H = (X * W1).applyfunc(sigma)
    K = H * H.T + ridge * sp.eye(H.rows)
    return sum(w**2 for w in W1) + (Y.T * inverse(K) * Y).trace()


def velocity_by_entries(
    W1: np.ndarray, X: np.ndarray, Y: np.ndarray, activation: str = "relu", ridge: float = 0.0, digits: int = 30
) -> np.ndarray:
    r"""Eq. 20 as :math:`-\frac12 \partial / \partial W_{1,ab}` of the cost, summed entry by entry.

    The slow twin of :func:`grokutil.isolated.first_layer_velocity`. SymPy differentiates
    :math:`\operatorname{Tr} Y^\top K^{-1} Y` by each entry of K, and :math:`\sigma` by its argument; the chain rule
    through :math:`K_{ij} = \sum_b H_{ib} H_{jb}` and :math:`H_{ib} = \sigma(\sum_a X_{ia} W_{1,ab})` is a sum.

    Args:
        W1: (d_in, d_h) array.
        X: (n, d_in) array, n at most 4.
        Y: (n, d_out) array.
        activation: a name in ``SIGMA``.
        ridge: :math:`\lambda`.
        digits: decimal digits of mpmath's arithmetic.

    Returns:
        (d_in, d_h) float64 array.
    """
    trace_slopes, (sigma, slope) = _trace_slopes(*Y.shape), _sigma_and_slope(activation)
    with mpmath.workdps(digits):
        w, x, y = (mpmath.matrix(M.tolist()) for M in (W1, X, Y))
        z = x * w
        h = z.apply(sigma)
        k = h * h.T + ridge * mpmath.eye(len(X))
        by_k = mpmath.matrix(trace_slopes(*k, *y)).T  # d Tr / d K_ij, row-major
        samples, inputs, units = range(z.rows), range(w.rows), range(w.cols)
        g = mpmath.matrix(w.rows, w.cols)
        for a, b in ((a, b) for a in inputs for b in units):
            g[a, b] = 2 * w[a, b]
            for i, j in ((i, j) for i in samples for j in samples):
                by_h = (by_k[i * z.rows + j] + by_k[j * z.rows + i]) * h[j, b]
                g[a, b] += by_h * slope(z[i, b]) * x[i, a]
        return np.array([[float(-g[a, b] / 2) for b in units] for a in inputs])


@cache
def _trace_slopes(n: int, d_out: int) -> Callable:
    K, Y = matrix("K", n, n), matrix("Y", n, d_out)
    trace = (Y.T * inverse(K) * Y).trace()
    return sp.lambdify([*K, *Y], [sp.diff(trace, k) for k in K], "mpmath", cse=True)


@cache
def _sigma_and_slope(activation: str) -> tuple[Callable, Callable]:
    z = sp.Symbol("z", real=True)
    sigma = SIGMA[activation](z)
    return sp.lambdify(z, sigma, "mpmath"), sp.lambdify(z, sp.diff(sigma, z), "mpmath")
