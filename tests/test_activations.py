"""Activations and their slopes, against autograd and against SymPy."""

import pickle

import numpy as np
import pytest
import sympy as sp
import torch

from grokutil.activations import ACTIVATIONS, Activation, get_activation, softplus
from grokutil.isolated import FirstLayerDynamics
from grokutil.symbolic import SIGMA

Z = torch.linspace(-4.1, 4.3, 50, dtype=torch.float64)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_slope_is_autograds(name):
    a, z = ACTIVATIONS[name], Z.clone().requires_grad_()
    (slope,) = torch.autograd.grad(a.value(z).sum(), z)
    torch.testing.assert_close(a.slope(Z), slope, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_value_and_slope_are_sympys(name):
    z = sp.Symbol("z", real=True)
    expression = SIGMA[name](z)
    for mine, theirs in ((ACTIVATIONS[name].value, expression), (ACTIVATIONS[name].slope, sp.diff(expression, z))):
        expected = [float(theirs.subs(z, sp.Float(v, 30))) for v in Z.tolist()]
        np.testing.assert_allclose(mine(Z).numpy(), expected, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("name", ["relu", "leaky_relu"])
def test_a_kink_is_marked_and_takes_the_lower_slope(name):
    zero = torch.zeros(1, dtype=torch.float64)
    below = torch.full_like(zero, -1.0)
    assert ACTIVATIONS[name].kink
    assert torch.equal(ACTIVATIONS[name].slope(zero), ACTIVATIONS[name].slope(below))


def test_an_object_is_as_good_as_a_name():
    sine = Activation("sine", torch.sin, torch.cos)
    assert get_activation(sine) is sine and get_activation("relu") is ACTIVATIONS["relu"]


@pytest.mark.parametrize("unknown", ["swish", None, 3, ["relu"]])
def test_an_unknown_name_lists_the_known(unknown):
    with pytest.raises(ValueError) as error:
        get_activation(unknown)
    assert repr(unknown) in str(error.value)
    assert all(name in str(error.value) for name in ACTIVATIONS)


def test_softplus_of_any_sharpness_has_its_slope_and_becomes_relu():
    for beta in (1.0, 10.0):
        z = Z.clone().requires_grad_()
        (slope,) = torch.autograd.grad(softplus(beta).value(z).sum(), z)
        torch.testing.assert_close(softplus(beta).slope(Z), slope, rtol=1e-12, atol=1e-12)
    assert float((softplus(1000).value(Z) - torch.relu(Z)).abs().max()) < 1e-3
    assert softplus(1).name == "softplus" and softplus(10).name == "softplus, beta 10"
    with pytest.raises(ValueError, match="beta must be positive"):
        softplus(0)


def test_a_slope_that_is_not_given_is_that_of_the_value():
    for value in (torch.sin, torch.nn.SiLU(), lambda z: z**3):
        own = get_activation(value)
        z = Z.clone().requires_grad_()
        (slope,) = torch.autograd.grad(value(z).sum(), z)
        torch.testing.assert_close(own.slope(Z), slope, rtol=1e-12, atol=1e-12)
    assert get_activation(torch.nn.SiLU()).name == "SiLU" and get_activation(torch.sin).name == "sin"


def test_the_sides_of_a_kink():
    assert ACTIVATIONS["relu"].sides(Z) == (0, 1) and ACTIVATIONS["leaky_relu"].sides(Z) == (0.1, 1)
    assert Activation("abs", torch.abs, torch.sign, kink=True).sides(Z) == (-1, 1)
    assert get_activation("tanh").sides(Z) == (1, 1)


def test_an_activation_and_what_holds_one_go_through_a_process():
    """Those of the package, softplus of any sharpness, and one of one's own; a flow with it is the same flow."""
    Z = torch.linspace(-2, 2, 9, dtype=torch.float64)
    for sigma in (*ACTIVATIONS.values(), softplus(3), Activation("sine", torch.sin)):
        again = pickle.loads(pickle.dumps(sigma))
        assert (again.name, again.kink) == (sigma.name, sigma.kink)
        assert torch.equal(again.value(Z), sigma.value(Z)) and torch.equal(again.slope(Z), sigma.slope(Z))
        dynamics = FirstLayerDynamics(torch.eye(3).double(), torch.eye(3).double(), sigma, ridge=0.1)
        W = torch.sin(torch.arange(24, dtype=torch.float64)).reshape(3, 8)
        assert torch.equal(pickle.loads(pickle.dumps(dynamics))(W), dynamics(W))
