"""What adding and memorising cost in squared norm: the tensor of addition, the prices, the bound."""

import numpy as np
import pytest
import torch
from scipy.optimize import linprog
from torch.nn.functional import one_hot

from grokutil.adders import adder, polygons_norm2
from grokutil.model import predict
from grokutil.price import (
    addition_tensor,
    all_pairs,
    crossing,
    network_tensor,
    pair_cost,
    price,
    price_bound,
    tensor_outputs,
)
from grokutil.units import rescaled_norm2

NORM = 3 * 2 ** (-2 / 3)


def test_all_pairs_are_those_of_the_task_in_the_order_of_the_outputs():
    X, Y = all_pairs(5)
    rows = [(a, b) for a in range(5) for b in range(a, 5)]
    assert X.shape == Y.shape == (15, 5) and X.dtype == Y.dtype == torch.float64
    for x, y, (a, b) in zip(X, Y, rows, strict=True):
        assert x.tolist() == [(j == a) + (j == b) for j in range(5)] and y.nonzero().tolist() == [[(a + b) % 5]]
    with pytest.raises(ValueError, match="p"):
        all_pairs(1)


def test_the_tensor_of_a_network_and_of_addition_by_loops():
    generator = torch.Generator().manual_seed(0)
    W1, W2 = (torch.randn(shape, generator=generator, dtype=torch.float64) for shape in ((5, 3), (3, 5)))
    T, added = network_tensor(W1, W2), addition_tensor(5)
    for a in range(5):
        for b in range(5):
            for c in range(5):
                assert T[a, b, c] == pytest.approx(float(sum(W1[a, h] * W1[b, h] * W2[h, c] for h in range(3))))
                entry = 0.5 * (c == (a + b) % 5) - 0.125 * (c == 2 * a % 5) - 0.125 * (c == 2 * b % 5)
                assert added[a, b, c] == entry


@pytest.mark.parametrize("p", [2, 5, 8, 11])
def test_the_outputs_of_a_network_are_those_of_its_tensor_and_addition_is_one_tensor(p):
    X, Y = all_pairs(p)
    assert torch.equal(tensor_outputs(addition_tensor(p)), Y)
    generator = torch.Generator().manual_seed(p)
    W1, W2 = (torch.randn(shape, generator=generator, dtype=torch.float64) for shape in ((p, 4), (4, 3)))
    assert torch.allclose(tensor_outputs(network_tensor(W1, W2)), predict(W1, W2, X, "quadratic"), atol=1e-12)


@pytest.mark.parametrize("p", [5, 7, 11])
def test_tensor_to_outputs_is_a_bijection(p):
    a, b = torch.triu_indices(p, p)
    rows = []
    for i, j in zip(a.tolist(), b.tolist(), strict=True):
        T = torch.zeros(p, p, 1, dtype=torch.float64)
        T[i, j] = T[j, i] = 1
        rows.append(tensor_outputs(T).flatten())
    matrix = torch.stack(rows)
    assert matrix.shape == (p * (p + 1) // 2,) * 2 and torch.linalg.matrix_rank(matrix) == len(matrix)


@pytest.mark.parametrize("p", [7, 11, 13])
def test_every_network_that_adds_has_the_tensor_of_addition(p):
    assert (network_tensor(*adder(p)) - addition_tensor(p)).abs().max() < 1e-13


def test_the_printed_prices():
    assert [round(price(p), 3) for p in (7, 11, 13, 17)] == [28.532, 54.269, 68.529, 99.332]
    assert round(polygons_norm2(11), 3) == 54.412
    assert [round(crossing(p), 1) for p in (7, 11, 13, 17, 19, 23, 29)] == [24.0, 45.6, 57.6, 83.4, 97.2, 126.3, 173.1]
    assert crossing(1_000_001) / 1_000_001 ** (4 / 3) == pytest.approx(1.992, abs=1e-3)


@pytest.mark.parametrize("activation", ["quadratic", "relu"])
@pytest.mark.parametrize("pair", [(1, 4), (3, 3)])
def test_one_pair_costs_what_one_unit_along_its_input_costs_and_no_unit_costs_less(activation, pair):
    x = one_hot(torch.tensor(pair), 7).sum(0).double()[:, None]
    answer = one_hot(torch.tensor([sum(pair) % 7]), 7).double()
    unit = x / x.square().sum()  # w . x = 1
    cost = pair_cost(activation, equal=pair[0] == pair[1])
    assert rescaled_norm2(unit, answer, activation) == pytest.approx(cost, rel=1e-12)
    generator = torch.Generator().manual_seed(0)
    for _ in range(50):  # several units, whose outputs add up to the answer
        W1 = torch.rand(7, 3, generator=generator, dtype=torch.float64)
        W2 = torch.rand(3, 1, generator=generator, dtype=torch.float64) * answer
        scale = float(predict(W1, W2, x.mT, activation)[0] @ answer[0])
        assert rescaled_norm2(W1, W2 / scale, activation) > cost


def test_memorising_one_pair_by_calculus():
    v = np.linspace(0.05, 2, 200_001)  # the readout's weight; the input's is along x, |x|^2 = 2
    assert (1 / (2 * v) + v**2).min() == pytest.approx(pair_cost(), rel=1e-8)  # u (w.x)^2 = 1
    assert pair_cost() == pytest.approx(3 * 2 ** (-4 / 3)) and pair_cost("relu") == pytest.approx(2**0.5)
    assert pair_cost(equal=True) == pytest.approx(0.75) and pair_cost("relu", equal=True) == pytest.approx(1)


def test_the_cost_of_a_tensor_is_at_least_that_of_its_blocks():
    """Hölder: projecting all units on one plane of frequencies per block does not raise the sum of the costs."""
    rng = np.random.default_rng(0)
    for _ in range(200):
        w, v = np.abs(rng.normal(size=(2, 6)))  # norms of the parts in each of six planes
        whole = (w @ w * np.sqrt(v @ v)) ** (2 / 3)
        assert ((w**2 * v) ** (2 / 3)).sum() <= whole * (1 + 1e-12)


def least_rest(largest, cosine):
    """How much the other units of a block weigh at least, given the largest and the cosine of its two directions."""

    def best(square, line, rest):  # the maximum of square r^2 + line r + rest over r from 0 to 1
        top = np.clip(np.where(square < 0, -line / (2 * np.minimum(square, -1e-12)), 1), 0, 1)
        inside = square * top**2 + line * top + rest
        return np.maximum(inside, np.maximum(square + line + rest, rest))

    root = np.sqrt(2)
    first = best(root - 2 * largest * cosine, root, largest * cosine)
    second = best(root * cosine - 2 * largest, root * cosine, largest)
    return np.maximum.reduce((first, second, largest + 0 * cosine, 2 * root - largest * cosine))


def test_a_block_costs_at_least_2_870():
    """The bound for one plane: a largest unit of some size, at some angle, and what is left for the others."""
    largest, cosine = np.linspace(0.4, 2.9, 12_501)[:, None], np.linspace(-1, 1, 101)
    rest = least_rest(largest, cosine)
    whole = np.floor(rest / largest + 1e-12)  # concave: units of the largest size, and what remains
    cost = largest ** (2 / 3) * (1 + whole) + np.maximum(rest - whole * largest, 0) ** (2 / 3)
    assert 2.870 < cost.min() < 2.872
    assert cosine[cost.argmin() % len(cosine)] == 1
    assert cost.min() < 2 * 3 ** (1 / 3)  # what three phases reach
    block = (price_bound(11) / (NORM * 11 ** (1 / 3)) - 4 ** (-2 / 3)) / 5  # what the bound takes for each of 5 planes
    assert cost.min() - 0.002 < block * 2 ** (2 / 3) < cost.min()
    assert 2 * np.sqrt(2) / 0.4 ** (1 / 3) > 3 and 2 * 2.9 ** (2 / 3) > 3  # smaller and larger ones cost more


def test_what_is_left_for_the_others_is_a_lower_bound_by_linear_programming():
    """The twin: the least total weight of units in 24 directions that make the rest of the block."""
    t = 2 * np.pi * np.arange(24) / 24
    x = np.array([np.cos(t), np.sin(t)])
    rows = [np.outer(x[i], x[j]).ravel() for i in (0, 1) for j in (0, 1)]
    rows += [np.outer(np.ones(24), x[j]).ravel() for j in (0, 1)]
    for largest in (0.9, 1.1, 1.5, 2.0):
        for k in (0, 2, 5, 9):
            target = np.r_[(np.sqrt(2) * np.eye(2) - largest * np.outer([1, 0], x[:, k])).ravel(), -largest * x[:, k]]
            least = linprog(np.ones(24 * 24), A_eq=np.array(rows), b_eq=target).fun
            bound = float(least_rest(np.array(largest), np.array(x[0, k])))
            assert 0.7 * least < bound <= least + 1e-9


def test_the_bound_is_below_the_price_by_a_quarter_and_a_little_more():
    for p in (7, 11, 13, 37, 97):
        assert 0.71 < price_bound(p) / price(p) < 0.745
    assert price_bound(11) == pytest.approx(NORM * 11 ** (1 / 3) * (1.808 * 5 + 0.397), rel=1e-3)


def test_errors_name_the_remedy():
    with pytest.raises(ValueError, match="p must be a whole number of at least 7, got 5"):
        price(5)
    with pytest.raises(ValueError, match="p must be odd, got 8"):
        crossing(8)
    with pytest.raises(ValueError, match="p must be odd, got 8"):
        price_bound(8)
    with pytest.raises(ValueError, match="activation must have a degree, .*; got 'tanh'"):
        pair_cost("tanh")
    with pytest.raises(ValueError, match="W1 .* and W2 .* do not match"):
        network_tensor(torch.ones(3, 2, dtype=torch.float64), torch.ones(3, 3, dtype=torch.float64))
    with pytest.raises(ValueError, match=r"T must be .* got shape \(2, 2, 1\): take"):
        tensor_outputs(torch.tensor([[[0.0], [1.0]], [[2.0], [0.0]]], dtype=torch.float64))
