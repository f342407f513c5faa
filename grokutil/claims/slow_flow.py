"""Claims of section 4 about what training follows after memorisation, most on the loss (y - x^2)^2 of Fig. 4.

There all constants of Theorems A and B are exact: the smallest singular value of J is at least 1 and the Lipschitz
constant of J is 2, in the whole plane. The others run on a pair of crossing lines and on a small tanh network.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from grokutil.claims.record import CORRECTED, FIVE, OURS, Claim
from grokutil.claims.zero_loss_manifold import tanh_network
from grokutil.constraints import TinyNetwork, ZeroLossManifold
from grokutil.gradient_flow import fall, slow_flow, training_flow, training_steps

TOY = ZeroLossManifold(lambda theta: (theta[1] - theta[0] ** 2)[None], torch.zeros(1, dtype=torch.float64))
START = torch.ones(2, dtype=torch.float64)  # on Z
LIPSCHITZ, SIGMA, R = 2.0, 1.0, float(START.norm())
SLOW_TIMES = [0.0, 0.25]


def _trained(ridge: float) -> Tensor:
    return training_flow(TOY, START, ridge, SLOW_TIMES).states[-1]


def _one_minus_cosine(a: Tensor, b: Tensor) -> float:
    return 1 - float(a @ b / (a.norm() * b.norm()))


def _off_by(power: float, ridges: list[float], values: list[float]) -> float:
    """How far the slope of log values against log ridges is from that power."""
    x, y = np.log(ridges) - np.log(ridges).mean(), np.log(values)
    return abs(float(x @ y / (x @ x)) - power)


def _limit() -> tuple[float, None]:
    """Slope of log error against log lambda, over two decades."""
    end, ridges = slow_flow(TOY, START, SLOW_TIMES).states[-1], [1e-2, 1e-3, 1e-4]
    return _off_by(1, ridges, [float((_trained(ridge) - end).norm()) for ridge in ridges]), None


def _local() -> tuple[float, None]:
    """The same on (u - 1)(v - 3) = 0 from (1, -5): the crossing (1, 3) is singular and nearer to the origin."""
    lines = ZeroLossManifold(lambda a: ((a[0] - 1) * (a[1] - 3))[None], torch.zeros(1, dtype=torch.float64))
    start, times = torch.tensor([1.0, -5.0], dtype=torch.float64), [0.0, 0.25, 0.5]
    limit, ridges = torch.stack(slow_flow(lines, start, times).states), [1e-2, 1e-3, 1e-4]
    paths = [torch.stack(training_flow(lines, start, ridge, times, rtol=1e-9).states) for ridge in ridges]
    return _off_by(1, ridges, [float((path - limit).norm(dim=1).max()) for path in paths]), None


def _off_manifold(seed: int) -> tuple[float, None]:
    """From a random start off the parabola: how much error / lambda changes between lambda = 1e-2 and 1e-4."""
    generator = torch.Generator().manual_seed(seed)
    start = torch.randn(2, generator=generator, dtype=torch.float64)
    entry = TOY.newton(fall(TOY, start, [0, 20], rtol=1e-7).states[-1])
    shares = []
    for ridge in (1e-2, 1e-4):
        times = np.concatenate(([0], ridge * np.geomspace(0.01, 10, 10), [0.25]))
        slow = torch.stack(slow_flow(TOY, entry, times).states)
        fast = torch.stack(fall(TOY, start, times / ridge, rtol=1e-7).states) - entry
        path = torch.stack(training_flow(TOY, start, ridge, times, rtol=1e-7).states)
        shares.append(float((path - slow - fast).norm(dim=1).max()) / ridge)
    return max(shares) / min(shares) - 1, None


def _steps(seed: int) -> tuple[float, None]:
    """The slope for gradient descent of one learning rate on a tanh network, from a random start off Z."""
    generator = torch.Generator().manual_seed(2)
    X = torch.randn(3, 2, generator=generator, dtype=torch.float64)
    y = torch.randn(3, generator=generator, dtype=torch.float64)
    net, eta, ridges = TinyNetwork(X, 4), 0.06, [10**-2.5, 1e-3]
    Z, start = ZeroLossManifold(net.F, y), net.random(seed + 10)

    def run(ridge: float, steps: np.ndarray) -> Tensor:
        return torch.stack(training_steps(lambda theta: net.loss_gradient(theta, y), start, ridge, eta, steps).states)

    entry, errors = Z.newton(run(0.0, np.array([0, 3000]))[-1]), []
    for ridge in ridges:
        steps = np.unique(np.rint(np.concatenate(([0], np.geomspace(1, 500, 12), [0.125 / (eta * ridge)]))))
        slow = torch.stack(slow_flow(Z, entry, eta * ridge * steps).states)
        errors.append(float((run(ridge, steps) - slow - run(0.0, steps) + entry).norm(dim=1).max()))
    return _off_by(1, ridges, errors), None


def _orders() -> tuple[float, float]:
    """Bound of the tangential loss force over weight decay: from the energy, and from Theorem A."""
    ridge = 1e-4
    z = TOY.nearest(_trained(ridge))
    decay = 2 * ridge * float(TOY.tangent(z, z).norm())
    energy = 2 * LIPSCHITZ * R**2 * ridge / SIGMA
    theorem_a = 2 * LIPSCHITZ * R**2 * ridge**2 / SIGMA**3
    return energy / decay, theorem_a / decay


def _tangential_velocity(seed: int) -> tuple[float, None]:
    """Largest relative gap of P grad L_lambda = 2 lambda P theta, at points far from Z too."""
    ridge, gap = 0.3, 0.0
    generator = torch.Generator().manual_seed(seed)
    for theta in 2 * torch.randn(100, 2, generator=generator, dtype=torch.float64):
        decay = 2 * ridge * TOY.tangent(theta, theta)
        pull = TOY.loss_gradient(theta, ridge)
        gap = max(gap, float((TOY.tangent(theta, pull) - decay).norm() / pull.norm()))
    return gap, None


def _base_point(seed: int) -> tuple[float, None]:
    """Slope of 1 - cosine of the velocity with -P theta, P at the nearest point, between two weight decays."""
    (Z, start), ridges, gaps = tanh_network(seed), [1e-3, 1e-4], []
    for ridge in ridges:
        theta = training_flow(Z, start, ridge, [0.0, 0.5]).states[-1]
        gaps.append(_one_minus_cosine(-Z.loss_gradient(theta, ridge), Z.slow_velocity(Z.nearest(theta))))
    return _off_by(2, ridges, gaps), None


CLAIMS = (
    Claim(
        id="slow-flow-limit",
        source="section 4, Assumption 4.5 and section 4.6",
        statement="With vanishing weight decay, training after memorisation follows norm minimisation on Z.",
        measure=_limit,
        limit=0.1,
        tolerance="slope of log error against log lambda, minus 1; Theorem B proves an error of order lambda",
        chapter="slow_flow",
        seconds=1.0,
    ),
    Claim(
        id="slow-flow-orders",
        source="Theorems 4.8 and 4.14, Remark 4.15",
        statement=(
            "Staying near Z and orthogonality make the loss force along Z negligible beside weight decay (the energy "
            "bound of 4.8 leaves both of one order; corrected: with the rate of Theorem A)."
        ),
        measure=_orders,
        limit=0.01,
        tolerance="bound of the loss force over weight decay at lambda = 1e-4; negligible is one hundredth",
        expected=CORRECTED,
        chapter="slow_flow_up_close",
        seconds=0.5,
    ),
    Claim(
        id="slow-flow-tangential-velocity",
        source="Remark 4.15",
        statement="Along the level set of F through theta the velocity is weight decay alone, on Z or off it.",
        measure=_tangential_velocity,
        limit=1e-12,
        tolerance="largest gap relative to the gradient at 100 random points, float64: rounding only",
        chapter="slow_flow",
        seeds=FIVE,
        whose=OURS,
    ),
    Claim(
        id="slow-flow-local",
        source="section 4.6",
        statement="Full rank along the slow flow is enough; the ball may hold singular points of Z elsewhere.",
        measure=_local,
        limit=0.05,
        tolerance="slope of log error against log lambda, minus 1, on two crossing lines; a limit alone has no slope",
        chapter="slow_flow_up_close",
        seconds=0.6,
        whose=OURS,
    ),
    Claim(
        id="slow-flow-off-manifold",
        source="section 4, Assumption 4.4",
        statement="From a start off Z, training is the slow flow from the entry point plus the fall, to order lambda.",
        measure=_off_manifold,
        limit=0.1,
        tolerance="change of error / lambda from lambda = 1e-2 to 1e-4; a factor log(1 / lambda) would change it by 1",
        chapter="slow_flow",
        seeds=FIVE,
        seconds=7.0,
        whose=OURS,
    ),
    Claim(
        id="slow-flow-steps",
        source="Assumption 4.3",
        statement="Gradient descent with a fixed stable learning rate follows the slow flow to order lambda.",
        measure=_steps,
        limit=0.1,
        tolerance="slope of log error against log lambda, minus 1, on a tanh network from a start off Z",
        chapter="slow_flow_up_close",
        seeds=FIVE,
        seconds=4.0,
        whose=OURS,
    ),
    Claim(
        id="slow-flow-base-point",
        source="section 4.6, eq. 28",
        statement="The norm-minimising direction at the projection approximates the update of the weights.",
        measure=_base_point,
        limit=0.1,
        tolerance="slope of log(1 - cosine) against log lambda, minus 2, between 1e-3 and 1e-4, on a tanh network; a "
        "direction that is off by a fixed angle has slope 0",
        chapter="slow_flow_up_close",
        seeds=FIVE,
        seconds=6.0,
    ),
)
