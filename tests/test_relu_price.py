"""A positive matrix that bounds the squared norm of every ReLU network that adds."""

import numpy as np
import pytest

from grokutil import results
from grokutil.least_norm import least_norm
from grokutil.relu_price import _forms, _matrix, relu_price_bound, smallest_eigenvalue
from grokutil.results.other_paths.recipe import all_pairs


def dual(p, parts):
    """The matrix U (n, p) by loops, from the first five numbers."""
    pairs = [(i, j) for i in range(p) for j in range(i, p)]
    rows = []
    for i, j in pairs:
        row = []
        for c in range(p):
            right, double = c == (i + j) % p, c in (2 * i % p, 2 * j % p)
            if i == j:
                row.append(parts[0] if right else parts[1])
            else:
                row.append(parts[2] if double else parts[3] if right else parts[4])
        rows.append(row)
    X = np.array([np.eye(p)[i] + np.eye(p)[j] for i, j in pairs])
    Y = np.eye(p)[[(i + j) % p for i, j in pairs]]
    return np.array(rows), X, Y


@pytest.mark.parametrize("p", [5, 7, 11])
def test_the_bound_holds_for_every_direction_that_was_tried(p):
    found = relu_price_bound(p)
    U, X, Y = dual(p, found.parts)
    assert found.smallest > 0 and (found.parts[5:] > 0).all()
    assert found.bound == pytest.approx(2 * (U * Y).sum(), rel=1e-12)
    w = np.random.default_rng(0).normal(size=(p, 20_000))
    w = np.concatenate((w, np.sign(w), np.abs(w), np.maximum(w, 0.01)), 1)
    reached = np.linalg.norm(U.T @ np.maximum(X @ w, 0), axis=0) / np.linalg.norm(w, axis=0)
    assert 0.5 < reached.max() <= 1


def test_the_matrix_is_the_form_it_stands_for():
    p, parts = 5, np.array([0.4, -0.2, -0.15, 0.7, 0.05, 1.1, 1.7, 0.5, 0.4])
    U, X, _ = dual(p, parts)
    pairs = [(i, j) for i in range(p) for j in range(i, p)]
    rng = np.random.default_rng(1)
    Q = _matrix(parts, *_forms(p)[:2])
    assert smallest_eigenvalue(p, parts) == pytest.approx(np.linalg.eigvalsh(Q)[0])
    for _ in range(5):
        o, w, h = rng.normal(size=p), rng.normal(size=p), rng.normal(size=len(pairs))
        v = h - X @ w
        form = o @ o + 2 * o @ U.T @ h + w @ w
        for i, (a1, b1) in enumerate(pairs):
            form += (parts[5] if a1 == b1 else parts[6]) * h[i] * v[i]
            for j, (a2, b2) in enumerate(pairs):
                if a1 == b1 and a2 != b2 and a1 in (a2, b2):
                    form -= parts[7] * h[i] * v[j] + parts[8] * h[j] * v[i]
        x = np.concatenate((o, w, h))
        assert x @ Q @ x == pytest.approx(form, rel=1e-10)


def test_bounds_of_three_moduli_and_none_is_above_a_network_that_adds():
    bounds = {p: relu_price_bound(p).bound for p in (5, 7, 11)}
    assert [round(bounds[p], 2) for p in bounds] == [20.38, 29.52, 47.76]
    _, X, Y = dual(5, np.zeros(5))
    found = least_norm(X, Y, 48, activation="relu", ridges=(1e-2, 1e-3), steps=800)
    assert found.loss < 1e-4 and bounds[5] < found.norm2 < 1.3 * bounds[5]


@pytest.mark.parametrize("p", [5, 7, 11])
def test_the_stored_bounds_by_search_withstand_other_directions(p):
    """Its own directions were tried; here those of the cheapest network known, and steps away from them."""
    found, _ = results.load("relu_price", f"dual_{p}")
    network, _ = results.load("price", f"whole_relu_{p}")
    recipe = results.recipe("relu_price")
    pairs = all_pairs(p).pairs_train.tolist()
    X = np.array([np.eye(p)[i] + np.eye(p)[j] for i, j in pairs])
    U = found["parts"][recipe.orbits(p, pairs)]
    live = network["W1"][:, np.linalg.norm(network["W1"], axis=0) > 0.1]
    _, reached = recipe.ascended(U, X, np.concatenate((live, np.random.default_rng(1).normal(size=(p, 60))), 1))
    assert 0.999 < reached.max() < 1.005
    assert relu_price_bound(p).bound < found["bound"] < network["norm2"][0]


def test_errors_name_the_remedy():
    with pytest.raises(ValueError, match="p must be a prime, got 9"):
        relu_price_bound(9)
    with pytest.raises(ValueError, match="p must be a whole number of at least 5, got 3"):
        relu_price_bound(3)
    with pytest.raises(ValueError, match="parts must be 9 numbers"):
        smallest_eigenvalue(5, np.ones(8))
    with pytest.raises(ValueError, match="the last two not negative"):
        smallest_eigenvalue(5, -np.ones(9))
