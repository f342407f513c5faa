"""Claims of section 5 about one part of a network followed alone, on a tanh network with one output."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from grokutil.claims.record import FIVE, OURS, Claim
from grokutil.constraints import TinyNetwork, ZeroLossManifold
from grokutil.flow import integrate
from grokutil.gradient_flow import slow_flow, training_flow
from grokutil.isolated import FeatureDynamics

RIDGE, SLOW_TIMES = 0.1, np.linspace(0, 0.5, 11)


def _example(seed: int) -> tuple[TinyNetwork, ZeroLossManifold, Tensor, Tensor]:
    """Network, constraints, a random first layer and a unit vector in the kernel of H there."""
    generator = torch.Generator().manual_seed(seed)
    X, y = (torch.randn(*size, generator=generator, dtype=torch.float64) for size in ((3, 4), (3,)))
    net = TinyNetwork(X, 12)
    W1, W2 = net.random(100 + seed)[:-12], net.random(200 + seed)[-12:]
    H = net.features(W1)
    kernel = W2 - torch.linalg.pinv(H) @ (H @ W2)
    return net, ZeroLossManifold(net.F, y), W1, kernel / kernel.norm()


def _dynamics(net: TinyNetwork, Z: ZeroLossManifold, ridge: float) -> FeatureDynamics:
    return FeatureDynamics(net.features, Z.y[:, None], ridge)


def _first_layers(Z: ZeroLossManifold, W1: Tensor, W2: Tensor, ratio: float) -> Tensor:
    """The first layer along the slow flow whose readout learns 1 / ratio times as fast, (T, d_1)."""
    speed = torch.cat((torch.ones_like(W1), torch.ones_like(W2) / ratio))
    run = slow_flow(Z, torch.cat((W1, W2)), SLOW_TIMES, speed=speed)
    return torch.stack(run.states)[:, : len(W1)]


def _isolated(dynamics: FeatureDynamics, W1: Tensor) -> Tensor:
    """The isolated flow at the same times, tau = 2 s."""
    path = integrate(dynamics, W1, 2 * SLOW_TIMES, method="rk45", rtol=1e-9, progress=False)
    return torch.stack(path.states)


def _apart(a: Tensor, b: Tensor) -> float:
    """Largest distance of two paths over the largest displacement of the second."""
    return float((a - b).norm(dim=1).max() / (b - b[0]).norm(dim=1).max())


def _theorem_5_1(seed: int) -> tuple[float, None]:
    """Partial gradient of L_lambda at the optimal readout against autograd through the whole minimum."""
    net, Z, W1, _ = _example(seed)
    leaf = W1.clone().requires_grad_()
    H = net.features(leaf)
    W2 = torch.linalg.solve(H.mT @ H + RIDGE * torch.eye(12, dtype=H.dtype), H.mT @ Z.y)
    (gradient,) = torch.autograd.grad(Z.loss(torch.cat((leaf, W2)), RIDGE), leaf)
    partial = Z.loss_gradient(torch.cat((W1, W2.detach())), RIDGE)[: len(W1)]
    return float((gradient - partial).norm() / gradient.norm()), None


def _endpoint(seed: int) -> tuple[float, None]:
    """Where training stops, the isolated velocity vanishes and the readout is optimal."""
    net = TinyNetwork(torch.tensor([[0.7, 0.3], [0.1, 0.6]], dtype=torch.float64), 3)
    Z = ZeroLossManifold(net.F, torch.tensor([-0.9, -0.3], dtype=torch.float64))
    end = training_flow(Z, net.random(seed), RIDGE, [0, 40]).states[-1]
    W1, W2, dynamics = end[:-3], end[-3:], _dynamics(net, Z, RIDGE)
    return max(
        float(dynamics(W1).norm() / W1.norm()), float((dynamics.readout(W1)[:, 0] - W2).norm() / W2.norm())
    ), None


def _small_weight_decay(seed: int) -> tuple[float, None]:
    """Distance of training at lambda = 1e-4 from the isolated flow: a readout 1000 times as fast over equal speeds."""
    net, Z, W1, _ = _example(seed)
    ridge, gaps = 1e-4, []
    dynamics = _dynamics(net, Z, ridge)
    W2, path = dynamics.readout(W1)[:, 0], _isolated(dynamics, W1)
    for ratio in (1.0, 1e-3):
        speed = torch.cat((torch.ones_like(W1), torch.ones_like(W2) / ratio))
        run = training_flow(Z, torch.cat((W1, W2)), ridge, SLOW_TIMES, 1e-6, speed)
        gaps.append(_apart(torch.stack(run.states)[:, : len(W1)], path))
    return gaps[1] / gaps[0], None


def _speed_ratio(seed: int) -> tuple[float, None]:
    """Slope of log error against log epsilon from a start off the graph of phi, minus 1."""
    net, Z, W1, kernel = _example(seed)
    dynamics = _dynamics(net, Z, 0.0)
    W2, path, ratios = dynamics.readout(W1)[:, 0] + kernel, _isolated(dynamics, W1), (3e-2, 3e-3)
    errors = [_apart(_first_layers(Z, W1, W2, ratio), path) for ratio in ratios]
    return abs(float(np.polyfit(np.log(ratios), np.log(errors), 1)[0]) - 1), None


def _non_crossing(seed: int) -> tuple[float, None]:
    """Distance of two runs through one first layer, with two readouts: one 100 times as fast over equal speeds."""
    net, Z, W1, kernel = _example(seed)
    W2 = _dynamics(net, Z, 0.0).readout(W1)[:, 0]
    gaps = [_apart(*(_first_layers(Z, W1, a, ratio) for a in (W2 + kernel, W2))) for ratio in (1.0, 1e-2)]
    return gaps[1] / gaps[0], None


def _passes_once(seed: int) -> tuple[float, None]:
    """Largest quotient of arc and chord of the first layer's path in training, for arcs of a fiftieth and more.

    It is infinite for a path that meets itself.
    """
    net, Z, W1, _ = _example(seed)
    times = [0.0, *np.geomspace(1e-5, 3, 200)]
    states = torch.stack(training_flow(Z, net.random(300 + seed), 0.01, times, 1e-5).states)[:, : len(W1)]
    arc = torch.cat((states.new_zeros(1), states.diff(dim=0).norm(dim=1).cumsum(0)))
    arcs, chords = arc - arc[:, None], torch.cdist(states, states)
    return float((arcs / chords)[arcs > arc[-1] / 50].max()), None


OF_TWO = "largest distance of two paths of the first layer, {} over that at equal speeds; a tenth"

CLAIMS = (
    Claim(
        id="thm-5.1",
        source="Theorem 5.1, eqs 8-11",
        statement="With the second part at its optimum, the first follows the gradient flow of the reduced cost.",
        measure=_theorem_5_1,
        limit=1e-12,
        tolerance="relative gap of the partial gradient and autograd through the minimum, float64: rounding only",
        chapter="isolated_dynamics",
        seeds=FIVE,
    ),
    Claim(
        id="isolated-endpoints",
        source="section 5.1, eq. 10",
        statement="Optimising the reduced cost is equivalent to optimising the whole: training stops where it stops.",
        measure=_endpoint,
        limit=1e-4,
        tolerance="relative isolated velocity, and distance of the readout from its optimum, at the end of training",
        chapter="isolated_dynamics",
        seeds=FIVE,
        seconds=2.7,
    ),
    Claim(
        id="isolated-small-weight-decay",
        source="eq. 9 with section 6.3, our addition",
        statement="A readout that learns fast makes training follow the isolated flow; a small weight decay does not.",
        measure=_small_weight_decay,
        limit=0.1,
        tolerance=OF_TWO.format("with a readout 1000 times as fast") + " (lambda = 1e-4)",
        whose=OURS,
        chapter="isolated_dynamics",
        seeds=FIVE,
        seconds=8.0,
    ),
    Claim(
        id="isolated-speed-ratio",
        source="section 5.1, the remark on slow and fast components",
        statement="With a fast second part the isolated flow is right, with an error in proportion to the speed ratio.",
        measure=_speed_ratio,
        limit=0.1,
        tolerance="slope of log error against log epsilon, minus 1; the chapter proves an error of order epsilon",
        chapter="isolated_dynamics",
        seeds=FIVE,
        seconds=10.0,
    ),
    Claim(
        id="isolated-non-crossing",
        source="eqs 7 and 8, our addition",
        statement="Two runs through the same first layer, with different readouts, go on alike if the readout learns "
        "fast, and not at equal speeds.",
        measure=_non_crossing,
        limit=0.1,
        tolerance=OF_TWO.format("with a readout 100 times as fast"),
        whose=OURS,
        chapter="isolated_dynamics",
        seeds=FIVE,
        seconds=8.0,
    ),
    Claim(
        id="section-5-first-layer",
        source="section 5, eq. 7",
        statement="It is highly unlikely that training passes through the same first part twice, here the first layer "
        "of a network. (If it does not, the second part is a function of it.)",
        measure=_passes_once,
        limit=10.0,
        tolerance="largest quotient of arc and chord of the first layer's path in training from a random start, 48 "
        "weights; infinite where it meets itself",
        chapter="isolated_dynamics",
        seeds=FIVE,
        seconds=4.0,
    ),
)
