"""The search for the least norm: laws at its end, prices it must find, and what it may not beat."""

import pytest
import torch

from grokutil.activations import get_activation
from grokutil.adders import adder, adder_norm2
from grokutil.data import modular_addition
from grokutil.least_norm import least_norm
from grokutil.model import loss_gradient, predict
from grokutil.price import all_pairs, pair_cost, price
from grokutil.results import load
from grokutil.units import live_units


@pytest.mark.parametrize("activation", ["quadratic", "relu"])
def test_one_pair_costs_what_the_formula_says(activation):
    X, Y = all_pairs(7)
    for row, equal in ((0, True), (1, False)):
        found = least_norm(X[row : row + 1], Y[row : row + 1], 12, activation=activation, ridges=(1e-2, 1e-4))
        assert found.norm2 == pytest.approx(pair_cost(activation, equal), rel=1e-4)


@pytest.mark.slow
def test_all_pairs_modulo_7_cost_the_price_of_the_explicit_adder():
    X, Y = all_pairs(7)
    found = min(
        (least_norm(X, Y, 40, seed=seed, ridges=(1e-2, 1e-3, 1e-4)) for seed in range(3)), key=lambda f: f.norm2
    )
    assert found.norm2 == pytest.approx(price(7), rel=1e-4)
    assert found.norm2 > price(7) * (1 - 1e-6)
    assert int(live_units(found.W1, found.W2).sum()) == adder(7)[0].shape[1]


def test_modulo_5_a_search_goes_below_the_formula():
    X, Y = all_pairs(5)
    found = min(least_norm(X, Y, 24, seed=seed, ridges=(1e-2, 1e-3, 1e-4), steps=1500).norm2 for seed in range(4))
    assert 16.70 < found < 16.73 and adder_norm2(5) == pytest.approx(17.394, abs=1e-3)


@pytest.mark.parametrize("p", [7, 11, 13, 17])
def test_stored_searches_find_the_price_and_nothing_below_it(p):
    found, notes = load("price", f"whole_quadratic_{p}")
    assert found["norm2"][0] == pytest.approx(price(p), rel=1e-4)
    assert (found["norm2"] > price(p) * (1 - 1e-5)).all() and (found["loss"] < 1e-8).all()


def test_the_end_is_stationary_and_its_norm_is_that_of_the_nearest_point():
    """Nearest up to the second order in lambda: a search that goes on to a tiny lambda ends at that norm."""
    task, ridge = modular_addition(7, train_size=10, seed=0), 1e-2
    X, Y = task.X_train, task.Y_train
    found = least_norm(X, Y, 20, ridges=(3e-2, ridge), steps=4000)
    gradients = loss_gradient(found.W1, found.W2, X, Y, get_activation("quadratic"))
    for W, G in zip((found.W1, found.W2), gradients, strict=True):
        assert (G + 2 * ridge * W).abs().max() < 1e-3 * ridge
    assert found.loss == pytest.approx(float((predict(found.W1, found.W2, X, "quadratic") - Y).square().sum()))
    on_Z = least_norm(X, Y, start=(found.W1, found.W2), ridges=(1e-3, 1e-4, 1e-5), steps=4000)
    plain = sum(float(W.square().sum()) for W in (found.W1, found.W2))
    assert on_Z.loss < 1e-9 and plain < on_Z.norm2
    assert abs(found.norm2 - on_Z.norm2) < 0.2 * (on_Z.norm2 - plain)  # half the correction leaves a half


def test_a_search_goes_on_from_a_start_and_is_the_same_for_the_same_seed():
    X, Y = all_pairs(5)
    first = least_norm(X, Y, 12, seed=3, ridges=(1e-2,), steps=50)
    again = least_norm(X, Y, 12, seed=3, ridges=(1e-2,), steps=50)
    assert torch.equal(first.W1, again.W1) and first.norm2 == again.norm2
    on = least_norm(X, Y, start=(first.W1, first.W2), ridges=(1e-2,), steps=200)
    cost = [f.loss / 1e-2 + float(f.W1.square().sum() + f.W2.square().sum()) for f in (first, on)]
    assert cost[1] < cost[0]


def test_errors_name_the_remedy():
    X, Y = all_pairs(5)
    with pytest.raises(ValueError, match="ridges is empty"):
        least_norm(X, Y, 4, ridges=())
    with pytest.raises(ValueError, match="each of ridges must be"):
        least_norm(X, Y, 4, ridges=(0.0,))
    with pytest.raises(ValueError, match="X .* and Y .* do not match"):
        least_norm(X, Y[1:], 4)
    with pytest.raises(ValueError, match="steps must be a whole number of at least 1"):
        least_norm(X, Y, 4, steps=0)
