"""Hidden units as things of their own: alive, padded, merged, and what they cost."""

import math

import pytest
import sympy as sp
import torch

from grokutil.manifold import jacobian
from grokutil.model import predict
from grokutil.units import live_units, merge, pad, rescaled_norm2


def random_network(width=5, seed=0):
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    return draw(3, width), draw(width, 2), draw(6, 3)


def norm2(W1, W2):
    return float(W1.square().sum() + W2.square().sum())


def test_a_unit_lives_by_its_share_of_the_largest():
    W1 = torch.tensor([[3.0, 0.0, 2.0, 0.0], [4.0, 1.0, 0.0, 0.0]], dtype=torch.float64)
    W2 = torch.tensor([[2.0], [1.0], [0.01], [5.0]], dtype=torch.float64)  # sizes 10, 1, 0.02 and 0
    assert live_units(W1, W2).tolist() == [True, True, True, False]
    assert live_units(W1, W2, 0.05).tolist() == [True, True, False, False]
    assert live_units(W1, W2, 0.095).tolist() == [True, True, False, False]  # of the largest, not of all together
    assert live_units(W1, W2, 0.1).tolist() == [True, False, False, False]  # above the share, not at it
    assert live_units(W1.numpy(), 7 * W2.numpy(), 0.05).tolist() == [True, True, False, False]


@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "quadratic", "tanh", "softplus"])
def test_padding_keeps_the_outputs_and_adds_no_column_but_those_of_a_bias(activation):
    W1, W2, X = random_network()
    wide = pad(W1, W2, 9)
    assert [tuple(W.shape) for W in wide] == [(3, 9), (9, 2)]
    assert torch.equal(predict(*wide, X, activation), predict(W1, W2, X, activation))
    J, padded = jacobian(W1, W2, X, activation), jacobian(*wide, X, activation)
    rank = int(torch.linalg.matrix_rank(J))
    if activation == "softplus":
        bias = torch.eye(2, dtype=torch.float64).repeat(6, 1)  # one column for each output
        assert torch.linalg.matrix_rank(padded) == torch.linalg.matrix_rank(torch.cat((J, bias), 1)) <= rank + 2
    else:
        assert torch.linalg.matrix_rank(padded) == rank
        columns = padded.norm(dim=0)
        assert int((columns > 0).sum()) <= W1.numel() + W2.numel()


@pytest.mark.parametrize(("activation", "k"), [("relu", 1), ("quadratic", 2)])
def test_rescaled_norm_is_the_least_over_all_rescalings(activation, k):
    W1, W2, X = random_network()
    a = torch.linspace(0.05, 5, 20_001, dtype=torch.float64)[:, None]
    searched = (a**2 * W1.square().sum(0) + a ** (-2 * k) * W2.square().sum(1)).min(0).values.sum()
    assert rescaled_norm2(W1, W2, activation) == pytest.approx(float(searched), rel=1e-6)
    u, v = W1.norm(dim=0), W2.norm(dim=1)
    best = (math.sqrt(k) * v / u) ** (1 / (k + 1))  # a_h
    point = best * W1, W2 / best[:, None] ** k
    assert torch.allclose(predict(*point, X, activation), predict(W1, W2, X, activation))
    assert norm2(*point) == pytest.approx(rescaled_norm2(W1, W2, activation))
    assert torch.allclose(point[0].square().sum(0), k * point[1].square().sum(1))
    assert rescaled_norm2(*point, activation) == pytest.approx(rescaled_norm2(W1, W2, activation))


def test_rescaled_norm_is_sympys_minimum():
    A, B, x = sp.symbols("A B x", positive=True)
    for activation, k in (("relu", 1), ("quadratic", 2)):
        (least,) = sp.solve(sp.diff(x * A + x**-k * B, x), x)
        value = (x * A + x**-k * B).subs(x, least).subs({A: 9, B: 4})
        W1, W2 = torch.tensor([[3.0]], dtype=torch.float64), torch.tensor([[2.0]], dtype=torch.float64)
        assert rescaled_norm2(W1, W2, activation) == pytest.approx(float(value))


@pytest.mark.parametrize(("activation", "factor"), [("relu", 1.0), ("quadratic", 4 ** (1 / 3))])
def test_a_unit_split_into_four_copies_costs_the_cube_root_of_four_or_nothing(activation, factor):
    W1, W2, X = random_network(width=1)
    split = W1.repeat(1, 4), W2.repeat(4, 1) / 4
    assert torch.allclose(predict(*split, X, activation), predict(W1, W2, X, activation))
    assert rescaled_norm2(*split, activation) == pytest.approx(factor * rescaled_norm2(W1, W2, activation))


@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "quadratic"])
def test_merging_keeps_the_outputs_and_does_not_raise_the_rescaled_norm(activation):
    for seed in range(5):
        W1, W2, X = random_network(seed=seed)
        sign = -1 if activation == "quadratic" else 1
        copies = W1[:, [0, 0, 1]] * torch.tensor([0.5, 2.0 * sign, 3.0], dtype=torch.float64)
        more, extra = torch.cat((W1, copies), 1), torch.cat((W2, W2[[3, 4, 2]]))
        merged = merge(more, extra, activation)
        assert merged[0].shape == W1.shape and torch.equal(merged[0], W1)  # in the order of first occurrence
        assert torch.allclose(predict(*merged, X, activation), predict(more, extra, X, activation))
        assert rescaled_norm2(*merged, activation) < rescaled_norm2(more, extra, activation) * (1 - 1e-3)


def test_units_that_are_not_parallel_stay_as_they_are():
    W1, W2, _ = random_network()
    for activation in ("relu", "quadratic"):
        assert all(map(torch.equal, merge(W1, W2, activation), (W1, W2)))
    opposite = torch.cat((W1, -W1), 1), torch.cat((W2, W2))
    assert merge(*opposite, "relu")[0].shape == (3, 10) and merge(*opposite, "quadratic")[0].shape == (3, 5)
    assert merge(*pad(W1, W2, 8))[0].shape == W1.shape  # units without incoming weights go


def test_bad_input_says_what_to_do():
    W1, W2, _ = random_network()
    with pytest.raises(ValueError, match=r"W1 \(3, 5\) and W2 \(4, 2\) do not match"):
        live_units(W1, W2[:4])
    with pytest.raises(ValueError, match="share must be below 1, got 1.5"):
        live_units(W1, W2, 1.5)
    with pytest.raises(ValueError, match="width must be a whole number of at least 5, got 4"):
        pad(W1, W2, 4)
    with pytest.raises(ValueError, match="activation must have a degree.*relu.*quadratic; got 'tanh'"):
        rescaled_norm2(W1, W2, "tanh")
    with pytest.raises(ValueError, match="W1 is zero: no unit has incoming weights"):
        merge(0 * W1, W2)


@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_which_units_live_does_not_depend_on_the_scale_of_the_weights(scale):
    W1, W2, _ = random_network(width=40)
    one, scaled = live_units(W1, W2, 0.3), live_units(scale * W1, scale * W2, 0.3)
    assert torch.equal(one, scaled) and 0 < int(one.sum()) < 40
