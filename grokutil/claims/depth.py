"""Claims about deeper networks, all ours: section 8 of the paper names them as future work."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache, partial

import numpy as np
import torch
from scipy.optimize import minimize
from torch import Tensor

from grokutil.activations import softplus
from grokutil.architectures import EXAMPLES
from grokutil.claims.record import FIVE, OURS, Claim
from grokutil.data import modular_addition
from grokutil.deep import DeepManifold, DeepNetwork
from grokutil.deep_linear import distance
from grokutil.flow import integrate
from grokutil.gradient_flow import slow_flow, training_flow, training_steps
from grokutil.heads import HeadDynamics, balanced_factors, head_cost
from grokutil.measure import accuracy
from grokutil.symmetry import follow_form

LAM, ETA = 0.05, 3e-3


def _normal(seed: int) -> Callable[..., Tensor]:
    """Draws standard normal tensors of the shapes that it is called with."""
    draw = torch.Generator().manual_seed(seed)
    return lambda *shape: torch.randn(*shape, generator=draw, dtype=torch.float64)


def _slow_flow(seed: int) -> tuple[float, None]:
    """The slope of the error in lambda less one, in size; four tanh layers with biases, to s = 0.5."""
    normal = _normal(seed)
    X, y = normal(3, 2), normal(3, 1)
    net = DeepNetwork(X, (4, 4, 4, 1), "tanh", bias=True)
    Z, s = DeepManifold(net, y), np.linspace(0, 0.5, 4)
    start = Z.newton(normal(net.size))
    limit = torch.stack(slow_flow(Z, start, s).states)
    errors = []
    for ridge in (1e-3, 2.5e-4):
        run = torch.stack(training_flow(Z, start, ridge, s).states)
        errors.append(float((run - limit).norm(dim=1).max()))
    return abs(math.log(errors[0] / errors[1]) / math.log(4) - 1), None


def _squared(F: Callable[[Tensor], Tensor], y: Tensor) -> Callable[[Tensor, int], Tensor]:
    """The gradient of the squared error of all samples, in every step."""
    gradient = torch.func.grad(lambda theta: (F(theta) - y).square().sum())
    return lambda theta, _: gradient(theta)


def _symmetry(seed: int) -> tuple[float, None]:
    """Largest gap of a form after 100 steps to the law of the step, over its start, for all architectures."""
    gaps = []
    for example in EXAMPLES:
        if not example.control:
            X, theta, y = example.draw(seed)
            symmetry, gradient = example.symmetry, _squared(example.F(X), y)
            _, form, told = follow_form(symmetry, gradient, theta, LAM, ETA, 100)
            gaps.append(abs(float((form - told) / symmetry.form(theta))))
    return max(gaps), None


def _normalised(seed: int) -> tuple[float, None]:
    """Relative gap of the squared norm below RMSNorm to exp(-4 s) of its start, gradient descent to s = 0.25."""
    task = modular_addition(5, train_size=9, seed=seed)
    net = DeepNetwork(task.X_train, (24, 5), softplus(10), normalised=True)
    Z = DeepManifold(net, task.Y_train)
    start = Z.newton(net.random(seed))
    ridge, rate = 0.2, 0.05 / float(torch.linalg.eigvalsh(Z.ntk(start))[-1])  # a twentieth of the edge's
    steps = round(0.25 / (ridge * rate))
    run = training_steps(lambda theta: net.loss_gradient(theta, task.Y_train), start, ridge, rate, [0, steps])
    before, after = (float(net.layers(theta)[0].square().sum()) for theta in run.states)
    return abs(after / before / math.exp(-1) - 1), None


def _head_cost(seed: int) -> tuple[float, None]:
    """Relative gap of the shortest head of two layers found by brute force to the formula."""
    normal = _normal(seed)
    H, Y = normal(3, 5), normal(3, 2)

    def residual(v: Tensor) -> Tensor:
        return (H @ v[:15].reshape(5, 3) @ v[15:].reshape(3, 2) - Y).flatten()

    fit = {
        "type": "eq",
        "fun": lambda v: residual(torch.from_numpy(v)).numpy(),
        "jac": lambda v: torch.func.jacrev(residual)(torch.from_numpy(v)).numpy(),
    }
    found = []
    for _ in range(3):
        options = {"maxiter": 1000, "ftol": 1e-13}
        run = minimize(
            lambda v: v @ v,
            normal(21).numpy(),
            jac=lambda v: 2 * v,
            method="SLSQP",
            constraints=fit,
            options=options,
        )
        found += [float(run.fun)] if run.success else []
    return abs(min(found) / float(head_cost(H, Y, 2)) - 1), None


def _head_velocity(seed: int) -> tuple[float, None]:
    """Largest relative gap of the velocity to minus half of autograd's gradient of the cost, m = 1, 2, 3, infinity."""
    normal, gaps = _normal(seed), []
    net, Y, w = DeepNetwork(normal(4, 5), (9, 3), "tanh"), normal(4, 3), normal(45)
    for layers in (1, 2, 3, math.inf):
        dynamics = HeadDynamics(net.features, Y, layers)
        gradient = torch.func.grad(dynamics.cost)(w)
        gaps.append(float((dynamics(w) + gradient / 2).norm() / gradient.norm()))
    return max(gaps), None


@cache
def half(seed: int, layers: float) -> float:
    """The slow time at which half of the test pairs modulo 11 are right, under a linear head of so many layers."""
    task, s = modular_addition(11, train_size=59, seed=seed), np.linspace(0, 1, 41)
    net = DeepNetwork(task.X_train, (128, 11), softplus(10))
    dynamics = HeadDynamics(net.features, task.Y_train, layers)
    start = _normal(seed)(11 * 128) / 11**0.5

    def right(theta: Tensor) -> float:
        return float(accuracy(net.features(theta, task.X_test) @ dynamics.readout(theta), task.labels_test))

    run = integrate(
        dynamics, start, 2 * s, method="rkc", rtol=1e-2, measure=lambda _, w: {"right": right(w)},
        until=lambda _, w: right(w) >= 0.5, progress=False,
    )  # fmt: skip
    return s[len(run.measured["right"]) - 1] if run.measured["right"][-1] >= 0.5 else math.inf


def _head_delay(seed: int) -> tuple[float, None]:
    """The time to half of the test pairs under one layer over that under infinitely many."""
    return half(seed, 1) / half(seed, math.inf), None


def _linear(seed: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Inputs (3, 6), a destination of length 1, a start 4 away, and targets."""
    normal = _normal(seed)
    X, y, x = normal(3, 6), normal(3, 1), normal(6, 1)
    end = torch.linalg.lstsq(X, y).solution
    end, x = end / end.norm(), x - torch.linalg.lstsq(X, X @ x).solution
    return X, end, end + 4 * x / x.norm(), X @ end


def _linear_delay(seed: int) -> tuple[float, None]:
    """Largest gap of log q along the slow flow of the factors to the law, 2, 3 and 6 layers, to s = 1.5."""
    X, end, start, y = _linear(seed)
    gaps, s = [], np.linspace(0, 1.5, 4)
    for layers in (2, 3, 6):
        net = DeepNetwork(X, (5,) * (layers - 1) + (1,), "identity")
        theta = torch.cat([T.flatten() for T in balanced_factors(start, layers, 5)])
        run = slow_flow(DeepManifold(net, y), theta, s)
        eye = torch.eye(6, dtype=torch.float64)
        q = np.array([float((net.outputs(state, eye) - end).norm()) for state in run.states])
        gaps.append(float(abs(np.log(q / distance(s, 4.0, 1.0, layers))).max()))
    return max(gaps), None


def _linear_end(seed: int) -> tuple[float, None]:
    """Relative gap of the product to the shortest one that fits, three layers, from a random start, s = 5."""
    normal = _normal(seed)
    X, Y = normal(3, 6), normal(3, 2)
    net = DeepNetwork(X, (5, 5, 2), "identity")
    Z = DeepManifold(net, Y)
    end = slow_flow(Z, Z.newton(normal(net.size)), [0, 5.0]).states[-1]
    told = torch.linalg.lstsq(X, Y).solution
    return float((net.outputs(end, torch.eye(6, dtype=torch.float64)) - told).norm() / told.norm()), None


ours = partial(Claim, chapter="depth", seeds=FIVE, whose=OURS)

CLAIMS = (
    ours(
        id="depth-slow-flow",
        source="section 8",
        statement="At four layers, too, the distance of training from norm minimisation on the zero-loss manifold is "
        "proportional to weight decay.",
        measure=_slow_flow,
        limit=0.1,
        tolerance="slope of the largest distance in lambda less 1, tanh layers of width 4 with biases, s to 0.5",
        seconds=3.0,
    ),
    ours(
        id="depth-symmetry",
        source="section 8",
        statement="Each symmetry of a network with a symmetric generator gives a law that gradient descent with weight "
        "decay obeys in every step: twelve, from ReLU units to attention and LayerNorm.",
        measure=_symmetry,
        limit=1e-12,
        tolerance="largest gap of the form after 100 steps to the law, over the form at the start; rounding only",
        seconds=4.0,
    ),
    ours(
        id="depth-normalised",
        source="section 8",
        statement="Below a normalised layer the squared norm decays as exp(-4 s), whatever is learned.",
        measure=_normalised,
        limit=0.01,
        tolerance="relative gap at s = 0.25, gradient descent below the edge of stability, addition modulo 5",
    ),
    ours(
        id="depth-head-cost",
        source="our addition to section 6.3",
        statement="A linear head of m layers that meets the targets has at least the squared norm m Tr Q^(1/m).",
        measure=_head_cost,
        limit=1e-6,
        tolerance="relative gap of the shortest of three searches over all heads of two layers",
    ),
    ours(
        id="depth-head-velocity",
        source="our addition to section 6.3",
        statement="Under a linear head of m layers eq. 20 has one more factor, the power 1/m - 1 of Q.",
        measure=_head_velocity,
        limit=1e-10,
        tolerance="relative gap to autograd of the cost, m = 1, 2, 3 and infinity",
    ),
    ours(
        id="depth-head-delay",
        source="our addition to section 7.3",
        statement="A linear head of more layers puts grokking off.",
        measure=_head_delay,
        limit=0.9,
        tolerance="time to half of the test pairs under one layer over that under infinitely many, addition modulo 11",
        seconds=4.0,
    ),
    ours(
        id="depth-linear-delay",
        source="our addition to section 3.1",
        statement="A deep linear network with one output goes from a balanced start to its destination by a law in "
        "closed form, which shortens the delay with depth.",
        measure=_linear_delay,
        limit=1e-4,
        tolerance="largest gap of the logarithm of the distance along the slow flow, 2, 3 and 6 layers",
    ),
    ours(
        id="depth-linear-end",
        source="our addition to section 3.1",
        statement="The product of a deep linear network goes to the shortest one that fits, at every depth and from "
        "every start.",
        measure=_linear_end,
        limit=0.01,
        tolerance="relative gap at s = 5, three layers, random starts",
    ),
)
