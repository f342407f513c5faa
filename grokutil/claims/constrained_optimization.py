"""Claims of section 4.6, Appendix D (eqs 28 and 29) and the abstract about constrained optimization."""

from __future__ import annotations

from functools import cache

import torch
from scipy.optimize import minimize
from torch import Tensor

from grokutil.claims.record import CORRECTED, FIVE, OURS, Claim
from grokutil.constraints import TinyNetwork, ZeroLossManifold
from grokutil.gradient_flow import training_flow

RIDGE = 1e-3


@cache
def _problem(seed: int) -> tuple[ZeroLossManifold, Tensor]:
    """A tanh network with 12 weights on three samples, and a point off its zero-loss manifold, but near it."""
    generator = torch.Generator().manual_seed(seed)
    X = torch.randn(3, 2, generator=generator, dtype=torch.float64)
    y = torch.randn(3, generator=generator, dtype=torch.float64)
    net = TinyNetwork(X, 4, "tanh")
    Z = ZeroLossManifold(net.F, y)
    shift = torch.randn(net.size, generator=generator, dtype=torch.float64)
    return Z, Z.newton(net.random(seed)) + 0.01 * shift


def _direction(Z: ZeroLossManifold, theta: Tensor) -> tuple[Tensor, Tensor]:
    """The nearest point of Z, and the paper's solution of eq. 28 there, -P theta / |P theta|."""
    z = Z.nearest(theta)
    descent = -Z.tangent(z, theta)
    return z, descent / descent.norm()


def _searched(J: Tensor, theta: Tensor, start: Tensor) -> Tensor:
    """The v with least v^T theta, J v = 0 and |v| = 1 that SciPy's SLSQP finds from ``start``, with no projection."""
    rows, target = J.numpy(), theta.numpy()
    found = minimize(
        lambda v: v @ target,
        start.numpy(),
        jac=lambda v: target,  # noqa: ARG005
        method="SLSQP",
        constraints=(
            {"type": "eq", "fun": lambda v: rows @ v, "jac": lambda v: rows},  # noqa: ARG005
            {"type": "eq", "fun": lambda v: [v @ v - 1], "jac": lambda v: 2 * v},
        ),
        options={"ftol": 1e-14, "maxiter": 500},
    )
    return torch.from_numpy(found.x)


def _section_46_argmin(seed: int) -> tuple[float, float]:
    """By how much the solution of eq. 28 is undercut: by twice itself, and by vectors of its own length."""
    Z, theta = _problem(seed)
    z, best = _direction(Z, theta)
    generator = torch.Generator().manual_seed(seed)
    rivals = [Z.tangent(z, torch.randn(len(z), generator=generator, dtype=torch.float64)) for _ in range(200)]
    least = min(float(v @ theta / v.norm()) for v in rivals)
    value = float(best @ theta)
    return (value - float(2 * best @ theta)) / abs(value), max(0.0, (value - least) / abs(value))


def _eq_28(seed: int) -> tuple[float, None]:
    """Largest distance from the solution to what a search finds from three random starts."""
    Z, theta = _problem(seed)
    z, best = _direction(Z, theta)
    generator = torch.Generator().manual_seed(seed)
    starts = torch.randn(3, len(z), generator=generator, dtype=torch.float64)
    return max(float((_searched(Z.jacobian(z), theta, start) - best).norm()) for start in starts), None


def _eq_29(seed: int) -> tuple[float, None]:
    Z, theta = _problem(seed)
    J = Z.jacobian(Z.nearest(theta))
    printed = -(theta - torch.linalg.pinv(J) @ (J @ theta))
    start = torch.randn(len(theta), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    found = _searched(J, theta, start)
    return float((printed / printed.norm() - found).norm()), None


@cache
def _end_of_training(seed: int) -> Tensor:
    """Training from near Z to slow time 4."""
    Z, theta = _problem(seed)
    return training_flow(Z, theta, RIDGE, [0.0, 4.0], rtol=1e-5).states[-1]


def _least_norm(seed: int) -> tuple[float, None]:
    """Squared norm where training ends, at the nearest point of Z, over the constrained minimum of SLSQP, minus 1."""
    Z, start = _problem(seed)
    reached = Z.nearest(_end_of_training(seed)).square().sum()
    least = minimize(
        lambda w: w @ w,
        start.numpy(),
        jac=lambda w: 2 * w,
        method="SLSQP",
        constraints={
            "type": "eq",
            "fun": lambda w: Z.residual(torch.from_numpy(w)).numpy(),
            "jac": lambda w: Z.jacobian(torch.from_numpy(w)).numpy(),
        },
        options={"ftol": 1e-12, "maxiter": 500},
    )
    return abs(float(reached / least.fun) - 1), None


def _multiplier(seed: int) -> tuple[float, None]:
    """Relative gap of -r / lambda and the multiplier where training ends."""
    Z, end = _problem(seed)[0], _end_of_training(seed)
    mu = Z.multiplier(end)
    return float((-Z.residual(end) / RIDGE - mu).norm() / mu.norm()), None


CLAIMS = (
    Claim(
        id="section-4.6-argmin",
        source="section 4.6",
        statement="Some tangent vector v has the least v^T theta (corrected: among those of length one).",
        measure=_section_46_argmin,
        limit=1e-9,
        tolerance="relative amount by which a rival undercuts the minimiser: twice it, then 200 of its length",
        expected=CORRECTED,
        chapter="constrained_optimization",
        seeds=FIVE,
    ),
    Claim(
        id="eq-28",
        source="eq. 28",
        statement="Eq. 28 has one solution, -P theta / |P theta|, P the tangent projection at the nearest point.",
        measure=_eq_28,
        limit=1e-5,
        tolerance="largest distance from what a constrained search (SLSQP) finds from three random starts, to about "
        "1e-7",
        chapter="constrained_optimization",
        seeds=FIVE,
        seconds=0.3,
    ),
    Claim(
        id="eq-29-direction",
        source="eq. 29",
        statement="(I - J^+ J)(-theta), J at the nearest point, has the direction of the solution of eq. 28.",
        measure=_eq_29,
        limit=1e-5,
        tolerance="distance, after scaling to unit length, from what a constrained search (SLSQP) finds",
        chapter="constrained_optimization",
        seeds=FIVE,
        seconds=0.2,
    ),
    Claim(
        id="abstract-constrained-optimization",
        source="abstract, sections 2 and 4",
        statement="Training with weight decay minimises the weight norm subject to zero loss.",
        measure=_least_norm,
        limit=0.01,
        tolerance="squared norm where training ends (lambda = 1e-3, s = 4, nearest point of Z) over the constrained "
        "minimum that SLSQP finds from the same start, minus 1; a hundredth",
        chapter="constrained_optimization",
        seeds=FIVE,
        seconds=8.0,
    ),
    Claim(
        id="training-multiplier",
        source="section 4, our addition",
        statement="Where training ends the residual is -lambda times the multiplier of the constraint.",
        measure=_multiplier,
        limit=1e-3,
        tolerance="relative gap of -r/lambda and mu at lambda = 1e-3, s = 4; it vanishes as training comes to rest",
        whose=OURS,
        chapter="constrained_optimization",
        seeds=FIVE,
        seconds=8.0,
    ),
)
