"""Gathering rows is multiplying with X, and only where X is made of two unit vectors a row."""

import pytest
import torch

from grokutil.data import modular_addition
from grokutil.inputs import Inputs
from grokutil.isolated import reduced_cost

TASKS = [modular_addition(7, 0.6, seed=seed).X_train for seed in range(3)]


def draw(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize("X", [TASKS[0], torch.stack(TASKS)], ids=["one", "stack"])
def test_gathered_products_are_products(X):
    inputs, V, G = Inputs(X), draw(*X.shape[:-2], 7, 5), draw(*X.shape[:-1], 5)
    assert inputs.pairs is not None
    torch.testing.assert_close(inputs.product(V), X @ V, rtol=1e-14, atol=1e-14)
    torch.testing.assert_close(inputs.transposed_product(G), X.mT @ G, rtol=1e-14, atol=1e-14)


@pytest.mark.parametrize("row", [[1.0, 0, 0], [1.5, 0.5, 0], [3.0, -1.0, 0], [1.0, 1.0, 1.0]])
def test_other_inputs_are_multiplied(row):
    X = torch.tensor([[2.0, 0, 0], row, [0, 1.0, 1.0]]).double()
    inputs, V = Inputs(X), draw(3, 4)
    assert inputs.pairs is None and Inputs(X[::2]).pairs is not None
    assert torch.equal(inputs.product(V), X @ V) and torch.equal(inputs.transposed_product(V), X.mT @ V)


def test_derivatives_pass_through():
    inputs, V = Inputs(TASKS[0]), draw(7, 5).requires_grad_()
    assert torch.autograd.gradcheck(lambda V: inputs.transposed_product(inputs.product(V)), V, check_forward_ad=True)


def test_a_derivative_by_the_inputs_is_not_lost():
    """One-hot pairs are multiplied when their derivative is asked for; gathering rows has none."""
    X = TASKS[0].clone().requires_grad_()
    Y = torch.eye(len(X), dtype=torch.float64)
    cost = reduced_cost(draw(7, 40), X, Y, "tanh", ridge=0.1)
    (slope,) = torch.autograd.grad(cost, X)
    dense = (TASKS[0] + 0).requires_grad_()
    W1, H = draw(7, 40), torch.tanh(dense @ draw(7, 40))
    A = torch.linalg.inv(H @ H.mT + 0.1 * torch.eye(len(X)).double())
    (slow,) = torch.autograd.grad(W1.square().sum() + torch.trace(Y.mT @ A @ Y), dense)
    torch.testing.assert_close(slope, slow, rtol=1e-8, atol=1e-8)
