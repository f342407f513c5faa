"""Networks of any depth: their tangent space against autograd, and the laws of training, which never ask for layers."""

import numpy as np
import pytest
import torch

from grokutil.activations import softplus
from grokutil.constraints import ZeroLossManifold
from grokutil.data import modular_addition
from grokutil.deep import DeepManifold, DeepNetwork, DeepTangent
from grokutil.gradient_flow import slow_flow, training_flow, training_steps
from grokutil.manifold import TangentSpace
from grokutil.model import default_weights, loss_gradient, predict
from grokutil.tangent import SingularPointError

KINDS = [(bias, normalised) for bias in (False, True) for normalised in (False, True)]


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def network(bias=False, normalised=False, widths=(6, 5, 2), activation="tanh"):
    net = DeepNetwork(normal(4, 3), widths, activation, bias, normalised)
    return net, net.random(1)


class TestTangentSpace:
    @pytest.mark.parametrize(("bias", "normalised"), KINDS)
    @pytest.mark.parametrize("widths", [(7, 2), (6, 5, 2), (4, 5, 6, 2)])
    def test_products_ntk_and_jacobian_are_autograds(self, bias, normalised, widths):
        net, theta = network(bias, normalised, widths)
        J, at = torch.func.jacrev(net.F)(theta), net.at(theta)
        v, U = normal(net.size, seed=2), normal(8, seed=3)
        for mine, theirs in ((at.J, J), (at.product(v), J @ v), (at.transposed_product(U), J.T @ U), (at.ntk, J @ J.T)):
            torch.testing.assert_close(mine, theirs, rtol=0, atol=1e-12)

    @pytest.mark.parametrize(("bias", "normalised"), KINDS)
    def test_projection_is_symmetric_idempotent_and_holds_the_outputs(self, bias, normalised):
        net, theta = network(bias, normalised)
        at, u, v = net.at(theta), normal(net.size, seed=4), normal(net.size, seed=5)
        Pv = at.project(v)
        torch.testing.assert_close(at.project(Pv), Pv, rtol=0, atol=1e-12)
        assert float(u @ Pv) == pytest.approx(float(at.project(u) @ v), abs=1e-12)
        assert float(at.product(Pv).norm()) < 1e-12 * float(v.norm())
        normal_part = theta - at.project(theta)
        torch.testing.assert_close(at.transposed_product(at.multiplier()), normal_part, rtol=0, atol=1e-11)

    def test_two_layers_are_the_two_layer_network(self):
        task = modular_addition(5, train_size=9, seed=0)
        net, (W1, W2) = DeepNetwork(task.X_train, (20, 5), "softplus"), default_weights(5, 20, 5, seed=3)
        theta = torch.cat((W1.flatten(), W2.flatten()))
        torch.testing.assert_close(net.outputs(theta), predict(W1, W2, task.X_train, "softplus"))
        space, at, v = TangentSpace(W1, W2, task.X_train, "softplus"), net.at(theta), normal(200, seed=1)
        torch.testing.assert_close(at.ntk, space.ntk)
        torch.testing.assert_close(at.project(v), space.project(v))
        by_layer = loss_gradient(W1, W2, task.X_train, task.Y_train, softplus(1))
        torch.testing.assert_close(net.loss_gradient(theta, task.Y_train), torch.cat([G.flatten() for G in by_layer]))

    @pytest.mark.parametrize(("bias", "normalised"), KINDS)
    def test_the_gradient_is_autograds(self, bias, normalised):
        net, theta = network(bias, normalised)
        Y = normal(4, 2, seed=6)
        found = torch.func.grad(lambda w: (net.outputs(w) - Y).square().sum())(theta)
        torch.testing.assert_close(net.loss_gradient(theta, Y), found)


class TestNetwork:
    def test_outputs_are_those_of_a_loop_over_samples(self):
        net, theta = network(bias=True, normalised=True)
        W1, W2, W3 = net.layers(theta)
        for x, out in zip(net.X, net.outputs(theta), strict=True):
            for W in (W1, W2):
                z = x @ W[:-1] + W[-1]
                x = torch.tanh(z / (z @ z / len(z)) ** 0.5)
            torch.testing.assert_close(out, x @ W3[:-1] + W3[-1])

    def test_random_weights_have_the_law_of_nn_linear(self):
        net = DeepNetwork(normal(3, 4), (1000, 900, 5), bias=True)
        for W, fan_in in zip(net.layers(net.random(0)), (4, 1000, 900), strict=True):
            assert float(W.abs().max()) <= fan_in**-0.5
            assert float(W.var()) == pytest.approx(1 / (3 * fan_in), rel=0.06)
        assert torch.equal(net.random(3), net.random(3)) and not torch.equal(net.random(3), net.random(4))

    def test_features_are_what_the_readout_sees(self):
        for bias in (False, True):
            net, theta = network(bias)
            W3 = net.layers(theta)[-1]
            below = theta[: -W3.numel()]
            torch.testing.assert_close(net.features(below) @ W3, net.outputs(theta))
            other = normal(2, 3, seed=9)
            torch.testing.assert_close(net.features(below, other) @ W3, net.outputs(theta, other))

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            (lambda: DeepNetwork(normal(4, 3), ()), "widths must name .* one number a layer"),
            (lambda: DeepNetwork(normal(4, 3), (3, 0)), "each of widths"),
            (lambda: DeepNetwork(normal(4, 3).float(), (3, 2)), "float64"),
            (lambda: network()[0].layers(torch.zeros(5, dtype=torch.float64)), "theta has 5 entries.*58"),
            (lambda: DeepTangent(network()[0], network()[1][:48]), "48 entries, but the network has 58"),
            (lambda: DeepManifold(network()[0], normal(4, 3)), "Y has 3 columns.*2"),
            (lambda: DeepManifold(network()[0], normal(5, 2)), "X.*4.*Y.*5"),
        ],
    )
    def test_bad_input_says_what_to_do(self, change, words):
        with pytest.raises(ValueError, match=words):
            change()

    def test_a_singular_point_is_called_so(self):
        net = DeepNetwork(torch.ones(3, 2, dtype=torch.float64), (4, 1))
        with pytest.raises(SingularPointError, match="singular point"):
            net.at(net.random(0)).multiplier()


class TestManifold:
    def test_it_is_the_generic_manifold(self):
        net, theta = network(bias=True)
        Y = normal(4, 2, seed=7)
        mine, generic = DeepManifold(net, Y), ZeroLossManifold(net.F, Y.flatten())
        z = mine.newton(theta)
        torch.testing.assert_close(z, generic.newton(theta), rtol=0, atol=1e-10)
        torch.testing.assert_close(mine.loss_gradient(theta, 0.3), generic.loss_gradient(theta, 0.3))
        torch.testing.assert_close(mine.slow_velocity(z), generic.slow_velocity(z), rtol=0, atol=1e-11)

    @pytest.mark.parametrize("depth", [2, 3, 4])
    def test_the_error_of_the_slow_flow_is_proportional_to_weight_decay_at_any_depth(self, depth):
        net = DeepNetwork(normal(3, 2, seed=0), (4,) * (depth - 1) + (1,), bias=True)
        Z = DeepManifold(net, normal(3, 1, seed=10))
        start, s = Z.newton(net.random(depth)), np.linspace(0, 0.5, 4)
        limit = torch.stack(slow_flow(Z, start, s).states)
        gaps = []
        for ridge in (2e-3, 5e-4):
            run = torch.stack(training_flow(Z, start, ridge, s).states)
            gaps.append(float((run - limit).norm(dim=1).max()))
        assert np.log(gaps[0] / gaps[1]) / np.log(4) == pytest.approx(1, abs=0.03)

    @pytest.mark.parametrize("seed", range(5))
    def test_the_tangent_part_of_a_step_is_weight_decay_alone(self, seed):
        task = modular_addition(5, train_size=9, seed=seed)
        net = DeepNetwork(task.X_train, (12, 12, 5), softplus(10))
        states = training_steps(lambda w: net.loss_gradient(w, task.Y_train), net.random(seed), 1e-3, 1e-2, [0, 20, 21])
        at = net.at(states.states[1])
        step, decay = states.states[2] - at.theta, -2e-5 * at.project(at.theta)
        assert float((at.project(step) - decay).norm() / decay.norm()) < 1e-9
