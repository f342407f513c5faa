"""Section 6.1: the two-layer network."""

import pytest
import torch

from grokutil.activations import ACTIVATIONS
from grokutil.model import default_weights, gaussian_embedding, hidden, loss, loss_gradient, mirrored, predict


def test_eq_12_against_loops():
    generator = torch.Generator().manual_seed(0)
    W1, W2, X = (torch.randn(s, generator=generator, dtype=torch.float64) for s in ((3, 4), (4, 2), (5, 3)))
    output = predict(W1, W2, X, "tanh")
    for i in range(5):
        for c in range(2):
            z = [sum(X[i, a] * W1[a, b] for a in range(3)) for b in range(4)]
            assert float(output[i, c]) == pytest.approx(float(sum(torch.tanh(z[b]) * W2[b, c] for b in range(4))))
    assert torch.equal(hidden(W1, X), torch.relu(X @ W1))


def test_the_embedding_has_standard_deviation_one_over_root_p():
    E = gaussian_embedding(37, 4096, seed=0)
    assert E.shape == (37, 4096) and E.dtype == torch.float64
    assert float(E.std()) == pytest.approx(37**-0.5, rel=5 / (2 * E.numel()) ** 0.5)  # five standard errors
    assert torch.equal(E, gaussian_embedding(37, 4096, seed=0)) and not torch.equal(E, gaussian_embedding(37, 4096, 1))


@pytest.mark.parametrize("p", [5, 37])
def test_the_readings_of_the_start_are_one_draw_times_a_power_of_p(p):
    """Section 7.3: p^(-1/2) as a standard deviation, and as a variance."""
    normal = torch.randn(p, 64, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    by_deviation, by_variance = (gaussian_embedding(p, 64, seed=3, reading=r) for r in ("deviation", "variance"))
    assert torch.equal(by_deviation, gaussian_embedding(p, 64, seed=3))
    torch.testing.assert_close(by_deviation, normal / p**0.5)
    torch.testing.assert_close(by_variance, normal / p**0.25)
    wide = gaussian_embedding(p, 40_000, reading="variance")
    assert float(wide.var()) == pytest.approx(p**-0.5, rel=5 * (2 / wide.numel()) ** 0.5)  # five standard errors


def test_default_weights_have_the_law_of_nn_linear():
    """Same range and same spread as torch.nn.Linear without bias, for both layers."""
    for mine, (inputs, outputs) in zip(default_weights(11, 512, 7, seed=1), ((11, 512), (512, 7)), strict=True):
        theirs = torch.nn.Linear(inputs, outputs, bias=False, dtype=torch.float64).weight.detach().T
        assert mine.shape == theirs.shape and mine.dtype == torch.float64
        assert float(mine.abs().max()) <= inputs**-0.5 and float(theirs.abs().max()) <= inputs**-0.5
        assert float(mine.std()) == pytest.approx(float((3 * inputs) ** -0.5), rel=0.05)
        assert float(theirs.std()) == pytest.approx(float(mine.std()), rel=0.08)
    assert torch.equal(default_weights(3, 4, 2, seed=5)[1], default_weights(3, 4, 2, seed=5)[1])
    with pytest.raises(ValueError, match="d_out must be a whole number of at least 1, got 0"):
        default_weights(3, 4, 0)


def test_bad_input_says_what_to_do():
    E, X, W2 = (torch.ones(s, dtype=torch.float64) for s in ((3, 4), (5, 3), (2, 2)))
    with pytest.raises(ValueError, match=r"width must be a whole number of at least 1, got 0"):
        gaussian_embedding(37, 0)
    with pytest.raises(
        ValueError, match=r"unknown reading 'spread' of N\(0, p\^\(-1/2\)\); known: deviation, variance"
    ):
        gaussian_embedding(37, 4, reading="spread")
    with pytest.raises(ValueError, match=r"H \(5, 4\) and W2 \(2, 2\) do not match"):
        predict(E, W2, X)
    with pytest.raises(ValueError, match=r"X \(5, 3\) and W1 \(2, 2\) do not match"):
        hidden(W2, X)


def test_eq_13_against_loops():
    generator = torch.Generator().manual_seed(0)
    W1, W2, X, Y = (torch.randn(s, generator=generator, dtype=torch.float64) for s in ((3, 4), (4, 2), (5, 3), (5, 2)))
    error = sum(float(predict(W1, W2, X)[i, c] - Y[i, c]) ** 2 for i in range(5) for c in range(2))
    norm = sum(float(w) ** 2 for W in (W1, W2) for w in W.flatten())
    assert float(loss(W1, W2, X, Y)) == pytest.approx(error)
    assert float(loss(W1, W2, X, Y, ridge=0.3)) == pytest.approx(error + 0.3 * norm)
    with pytest.raises(ValueError, match=r"output \(5, 2\) and Y \(4, 2\) do not match"):
        loss(W1, W2, X, Y[:4])


@pytest.mark.parametrize("name", ["relu", "softplus", "quadratic"])
def test_gradient_of_eq_12_is_autograds(name):
    generator = torch.Generator().manual_seed(0)
    W1, W2, X, Y = (torch.randn(s, generator=generator, dtype=torch.float64) for s in ((3, 4), (4, 2), (5, 3), (5, 2)))
    expected = torch.autograd.grad(loss(W1.requires_grad_(), W2.requires_grad_(), X, Y, name), (W1, W2))
    torch.testing.assert_close(loss_gradient(W1, W2, X, Y, ACTIVATIONS[name]), expected)


@pytest.mark.parametrize("seed", [-1, 2**32, 2**70, 1.0, True, "0"])
def test_a_seed_that_is_none_says_so(seed):
    for make in (lambda: gaussian_embedding(5, 3, seed), lambda: default_weights(5, 3, 5, seed)):
        with pytest.raises(ValueError, match="seed must be"):
            make()


@pytest.mark.parametrize(("activation", "degree"), [("relu", 2), ("quadratic", 3), ("tanh", None)])
def test_a_mirrored_start_says_nothing_and_scales(activation, degree):
    generator = torch.Generator().manual_seed(1)
    W1, W2, X = (torch.randn(s, generator=generator, dtype=torch.float64) for s in ((3, 4), (4, 2), (5, 3)))
    first, second = mirrored(W1, W2, scale=3.0)
    assert first.shape == (3, 8) and second.shape == (8, 2)
    assert float(predict(first, second, X, activation).abs().max()) < 1e-13 * float(predict(W1, W2, X).abs().max()) * 99
    torch.testing.assert_close(first[:, :4], 3 * W1)
    torch.testing.assert_close(second[:4], 3 * W2)
    if degree:  # one half alone says alpha^m times what it said
        torch.testing.assert_close(
            predict(first[:, 4:], -second[4:], X, activation), 3.0**degree * predict(W1, W2, X, activation)
        )
    with pytest.raises(ValueError, match="scale must be"):
        mirrored(W1, W2, scale=0.0)
