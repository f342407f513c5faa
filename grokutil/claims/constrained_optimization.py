"""Claims of section 4.6, Appendix D (eqs 28 and 29) and the abstract about constrained optimization."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

from grokutil.claims.record import CORRECTED, FIVE, HOLDS, Claim
from grokutil.constraints import TinyNetwork, ZeroLossManifold

RIDGE = 0.01


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


def _minimiser_on_the_sphere(seed: int) -> tuple[ZeroLossManifold, Tensor, Tensor, Tensor]:
    """Z, theta, nearest point, and the solution of eq. 28 from an orthonormal basis of the kernel of J."""
    Z, theta = _problem(seed)
    z = Z.nearest(theta)
    J = Z.jacobian(z)
    N = torch.linalg.svd(J).Vh[len(J) :].mT
    coordinates = N.mT @ theta  # on the unit sphere of the kernel, v^T theta is least opposite to these
    return Z, theta, z, -N @ coordinates / coordinates.norm()


def _section_46_argmin(seed: int) -> tuple[float, float]:
    """By how much the minimiser of eq. 28 is undercut: by twice itself, and by vectors of its own length."""
    Z, theta, z, best = _minimiser_on_the_sphere(seed)
    generator = torch.Generator().manual_seed(seed)
    rivals = [Z.tangent(z, torch.randn(len(z), generator=generator, dtype=torch.float64)) for _ in range(200)]
    least = min(float(v @ theta / v.norm()) for v in rivals)
    value = float(best @ theta)
    return (value - float(2 * best @ theta)) / abs(value), max(0.0, (value - least) / abs(value))


def _eq_28(seed: int) -> tuple[float, None]:
    Z, theta, z, best = _minimiser_on_the_sphere(seed)
    direction = -Z.tangent(z, theta)
    return float((direction / direction.norm() - best).norm()), None


def _eq_29(seed: int) -> tuple[float, None]:
    Z, theta, z, best = _minimiser_on_the_sphere(seed)
    J = Z.jacobian(z)
    printed = -(theta - torch.linalg.pinv(J) @ (J @ theta))
    return float((printed / printed.norm() - best).norm()), None


def _end_of_training(seed: int) -> tuple[float, None]:
    """At a stationary point of the regularised loss: P theta over theta, and the gap of -r / lambda and mu."""
    Z, theta = _problem(seed)
    curvature = torch.func.hessian(lambda v: Z.loss(v, RIDGE))
    for _ in range(400):  # trust the gradient until Newton's method is safe
        gradient = Z.loss_gradient(theta, RIDGE)
        values, vectors = torch.linalg.eigh(curvature(theta))
        step = vectors @ ((vectors.mT @ gradient) / values.abs().clamp(min=0.1 * RIDGE))
        while Z.loss(theta - step, RIDGE) > Z.loss(theta, RIDGE) and step.norm() > 1e-9:
            step = step / 2
        theta = theta - step
        if step.norm() <= 1e-11:
            break
    mu = Z.multiplier(theta)
    gap = (-Z.residual(theta) / RIDGE - mu).norm() / mu.norm()
    return float(max(gap, Z.tangent(theta, theta).norm() / theta.norm())), None


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
        limit=1e-9,
        tolerance="distance from the minimiser found on a basis of the kernel of J; rounding only",
        expected=HOLDS,
        chapter="constrained_optimization",
        seeds=FIVE,
    ),
    Claim(
        id="eq-29-direction",
        source="eq. 29",
        statement="(I - J^+ J)(-theta), J at the nearest point, has the direction of the solution of eq. 28.",
        measure=_eq_29,
        limit=1e-9,
        tolerance="distance from the minimiser after scaling to unit length; rounding only",
        expected=HOLDS,
        chapter="constrained_optimization",
        seeds=FIVE,
    ),
    Claim(
        id="abstract-constrained-optimization",
        source="abstract and section 4",
        statement="Training with weight decay ends where the norm is stationary on a level set of the outputs, "
        "with the residual as -lambda times the multiplier.",
        measure=_end_of_training,
        limit=1e-9,
        tolerance="relative |P theta| and relative gap of -r/lambda and mu at the end; rounding only",
        expected=HOLDS,
        chapter="constrained_optimization",
        seeds=FIVE,
    ),
)
