"""Claims of section 4 about what training follows after memorisation, on the loss (y - x^2)^2 of Fig. 4.

There all constants of Theorems A and B are exact: the smallest singular value of J is at least 1 and the Lipschitz
constant of J is 2, in the whole plane.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from grokutil.claims.record import CORRECTED, FIVE, HOLDS, Claim
from grokutil.constraints import ZeroLossManifold
from grokutil.gradient_flow import slow_flow, training_flow

TOY = ZeroLossManifold(lambda theta: (theta[1] - theta[0] ** 2)[None], torch.zeros(1, dtype=torch.float64))
START = torch.ones(2, dtype=torch.float64)  # on Z
LIPSCHITZ, SIGMA, R = 2.0, 1.0, float(START.norm())
SLOW_TIMES = [0.0, 0.25]


def _trained(ridge: float) -> Tensor:
    return training_flow(TOY, START, ridge, SLOW_TIMES).states[-1]


def _one_minus_cosine(a: Tensor, b: Tensor) -> float:
    return 1 - float(a @ b / (a.norm() * b.norm()))


def _limit() -> tuple[float, None]:
    """Slope of log error against log lambda, over two decades."""
    end, ridges = slow_flow(TOY, START, SLOW_TIMES).states[-1], [1e-2, 1e-3, 1e-4]
    errors = [float((_trained(ridge) - end).norm()) for ridge in ridges]
    return abs(float(np.polyfit(np.log(ridges), np.log(errors), 1)[0]) - 1), None


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


def _base_point() -> tuple[float, None]:
    """1 - cosine of the velocity with -P theta, P at the nearest point."""
    ridge = 1e-3
    theta = _trained(ridge)
    z = TOY.nearest(theta)
    return _one_minus_cosine(-TOY.loss_gradient(theta, ridge), TOY.slow_velocity(z)), None


CLAIMS = (
    Claim(
        id="slow-flow-limit",
        source="section 4, Assumption 4.5 and section 4.6",
        statement="With vanishing weight decay, training after memorisation follows norm minimisation on Z.",
        measure=_limit,
        limit=0.1,
        tolerance="slope of log error against log lambda, minus 1; Theorem B proves an error of order lambda",
        expected=HOLDS,
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
        chapter="slow_flow",
        seconds=0.5,
    ),
    Claim(
        id="slow-flow-tangential-velocity",
        source="Remark 4.15",
        statement="Along the level set of F through theta the velocity is weight decay alone, on Z or off it.",
        measure=_tangential_velocity,
        limit=1e-12,
        tolerance="largest gap relative to the gradient at 100 random points, float64: rounding only",
        expected=HOLDS,
        chapter="slow_flow",
        seeds=FIVE,
    ),
    Claim(
        id="slow-flow-base-point",
        source="section 4.6, eq. 28",
        statement="The norm-minimising direction at the projection approximates the update of the weights.",
        measure=_base_point,
        limit=1e-5,
        tolerance="1 - cosine at lambda = 1e-3, which is of order lambda^2 = 1e-6",
        expected=HOLDS,
        chapter="slow_flow",
        seconds=0.3,
    ),
)
