"""Networks that add modulo p exactly: polygons of phases, and the one of least norm known."""

import math

import numpy as np
import pytest
import sympy as sp
import torch
from scipy.optimize import minimize

from grokutil.adders import TRIPLES, adder, adder_norm2, polygons, polygons_norm2, wave
from grokutil.model import predict
from grokutil.price import all_pairs
from grokutil.units import rescaled_norm2

NORM = 3 * 2 ** (-2 / 3)


def largest_error(network, p):
    X, Y = all_pairs(p)
    return float((predict(*network, X, "quadratic") - Y).abs().max())


def norm2(network):
    return float(sum(W.square().sum() for W in network))


def test_waves_are_unit_vectors_and_waves_of_two_frequencies_are_orthogonal():
    waves = torch.stack([wave(11, 0), *(wave(11, k, t) for k in range(1, 6) for t in (0.0, math.pi / 2))])
    assert (waves @ waves.mT - torch.eye(11, dtype=torch.float64)).abs().max() < 1e-14
    j = np.arange(11)
    assert np.allclose(wave(11, 3, 0.4).numpy(), np.sqrt(2 / 11) * np.cos(2 * np.pi * 3 * j / 11 - 0.4), atol=1e-15)
    phases = torch.tensor([0.1, 0.2], dtype=torch.float64)
    assert torch.equal(wave(11, 3, phases)[1], wave(11, 3, 0.2))


@pytest.mark.parametrize("p", [5, 7, 9, 11, 13, 15, 37, 97])
def test_five_phases_add_exactly_for_every_odd_p_and_their_norm_is_the_formula(p):
    assert largest_error(polygons(p), p) < 1e-12
    assert norm2(polygons(p)) == pytest.approx(polygons_norm2(p), rel=1e-12)
    assert polygons_norm2(p) == pytest.approx(NORM * p ** (1 / 3) * (2.509794 * (p - 1) / 2 + 0.396850), rel=1e-6)
    assert polygons(p)[0].shape == (p, 5 * (p - 1) // 2 + 1)


@pytest.mark.parametrize("p", [7, 11, 37])
def test_phases_that_divide_one_to_four_fail_and_more_than_five_cost_more(p):
    for q in (1, 2, 3, 4):
        assert largest_error(polygons(p, q), p) > 1
    for q in (6, 7, 8):
        assert largest_error(polygons(p, q), p) < 1e-12
        assert norm2(polygons(p, q)) == pytest.approx(polygons_norm2(p, q), rel=1e-12)
        assert polygons_norm2(p, q) > polygons_norm2(p, q - 1)


def test_sums_of_roots_of_unity_vanish_unless_the_phases_divide_the_order():
    z = sp.symbols("z")  # a primitive root of unity of order q: a root of the cyclotomic polynomial
    for q in range(1, 9):
        for m in range(1, 5):
            total = sp.rem(sum(z ** (m * corner % q) for corner in range(q)), sp.cyclotomic_poly(q, z), z)
            assert total == (q if m % q == 0 else 0)
    assert min(q for q in range(1, 9) if all(m % q for m in (1, 2, 3, 4))) == 5


def test_the_unwanted_terms_of_a_unit_have_the_orders_one_to_four():
    """With z = exp(i phase), and a, b, c for the exponentials of the two inputs' and half the output's angles."""
    a, b, c, z, alpha, rho, gamma = sp.symbols("a b c z alpha rho gamma")

    def cos(x):
        return (x + 1 / x) / 2

    unit = (alpha + rho * cos(a / z)) * (alpha + rho * cos(b / z)) * (gamma * cos(c**2 / z**2) - alpha * cos(c / z))
    orders = sp.Poly(sp.expand(unit * z**4), z).as_dict()
    assert {power - 4 for (power,) in orders} == set(range(-4, 5))
    wanted = rho**2 * gamma / 4 * cos(a * b / c**2) - rho * alpha**2 / 2 * (cos(a / c) + cos(b / c))
    assert sp.expand(orders[(4,)] - wanted) == 0


def test_the_wave_of_a_polygon_is_where_its_norm_is_least():
    x, q = sp.symbols("x q", positive=True)  # x = rho
    block = q * (2 / (4 * q * x) + x**2 + 2 / (q**2 * x**4))
    assert sp.simplify(sp.diff(block, x) * x**5 / (2 * q) - (x**6 - x**3 / (4 * q) - 4 / q**2)) == 0
    cube = (1 / (4 * q) + sp.sqrt(1 / (16 * q**2) + 16 / q**2)) / 2
    assert sp.simplify(cube**2 - cube / (4 * q) - 4 / q**2) == 0
    for phases in (5, 6, 7):
        searched = sp.lambdify(x, block.subs(q, phases))(np.linspace(0.5, 1, 20_001)).min()
        closed = (polygons_norm2(9, phases) - polygons_norm2(7, phases) * (9 / 7) ** (1 / 3)) / 9 ** (1 / 3)
        assert closed == pytest.approx(searched, rel=1e-6)


@pytest.mark.parametrize("p", [5, 7, 9, 11, 13, 37, 97])
def test_the_cheaper_adder_adds_exactly_and_its_norm_is_the_formula(p):
    assert largest_error(adder(p), p) < 1e-12
    assert norm2(adder(p)) == pytest.approx(adder_norm2(p), rel=1e-12)
    assert adder_norm2(p) < polygons_norm2(p)
    assert adder_norm2(p) == pytest.approx(NORM * p ** (1 / 3) * (2.509794 * (p - 3) / 2 + 2.872538), rel=1e-6)
    assert adder(p)[0].shape == (p, 5 * (p - 1) // 2 + 1)


def test_no_unit_of_an_adder_can_be_rescaled_to_a_lower_norm():
    for network in (polygons(11), adder(11)):
        W1, W2 = network
        assert rescaled_norm2(W1, W2) == pytest.approx(norm2(network), rel=1e-12)
        assert (W1.square().sum(0) / W2.square().sum(1) - 2).abs().max() < 1e-12


def test_the_two_triples_are_the_least_of_their_six_equations():
    """The twin: minimise the norm of ten numbers under the six equations, from random starts."""

    def equations(z):
        alpha, rho, delta, gamma, epsilon = z.reshape(5, 2)
        sums = (
            (alpha**2 * delta, 1 / 12), (alpha * rho * epsilon, 1 / 12), (rho**2 * gamma, 2**0.5 / 3),
            (rho**2 * delta, 0), (rho**2 * epsilon, 0), (alpha * rho * gamma, 0),
        )  # fmt: skip
        return np.array([terms.sum() - value for terms, value in sums])

    found = []
    for seed in range(6):
        start = np.random.default_rng(seed).normal(size=10) * 0.6
        end = minimize(
            lambda z: 3 * z @ z, start, method="SLSQP", constraints={"type": "eq", "fun": equations},
            options={"maxiter": 2000, "ftol": 1e-15},
        )  # fmt: skip
        if np.abs(equations(end.x)).max() < 1e-9:
            found.append((end.fun, end.x))
    least, z = min(found, key=lambda one: one[0])
    block = adder_norm2(7) / 7 ** (1 / 3) - (adder_norm2(9) / 9 ** (1 / 3) - adder_norm2(7) / 7 ** (1 / 3)) * 2
    assert block == pytest.approx(least, rel=1e-8)
    assert sorted(np.abs(z[:4])) == pytest.approx(sorted(abs(v) for pair in TRIPLES for v in pair), abs=1e-5)


def test_errors_name_the_remedy():
    with pytest.raises(ValueError, match="p must be odd, got 10: half a frequency"):
        polygons(10)
    with pytest.raises(ValueError, match="phases must be a whole number of at least 1, got 0"):
        polygons(11, 0)
    with pytest.raises(ValueError, match="p must be a whole number of at least 5, got 3"):
        adder(3)
