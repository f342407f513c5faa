"""Claims of section 4.5 and Appendix C: Theorem 4.14, its sketch, Remark 4.15, Proposition C.4."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from grokutil.claims.record import CORRECTED, FIVE, OURS, Claim, about
from grokutil.constraints import TinyNetwork, ZeroLossManifold

PAIRS = 60


def _draw(generator: torch.Generator, *size: int) -> Tensor:
    return torch.randn(*size, generator=generator, dtype=torch.float64)


def _network(seed: int) -> tuple[ZeroLossManifold, Tensor, Tensor]:
    """A tanh network with three samples, a point of Z, and a unit normal there."""
    generator = torch.Generator().manual_seed(seed)
    net = TinyNetwork(_draw(generator, 3, 2), width=4)
    Z = ZeroLossManifold(net.F, _draw(generator, 3))
    z, alpha = Z.newton(net.random(seed)), _draw(generator, net.size)
    alpha = alpha - Z.tangent(z, alpha)
    return Z, z, alpha / alpha.norm()


def _largest_cosine(Z: ZeroLossManifold, theta: Tensor, z: Tensor) -> float:
    """Of the gradient at theta with a tangent direction at z."""
    gradient = Z.loss_gradient(theta)
    return float(Z.tangent(z, gradient).norm() / gradient.norm())


def _theorem_414_bound(seed: int) -> tuple[float, None]:
    generator, worst = torch.Generator().manual_seed(seed), 0.0
    for _ in range(PAIRS):
        net = TinyNetwork(_draw(generator, 3, 2), width=4)
        z, alpha = _draw(generator, net.size), _draw(generator, net.size)
        Z = ZeroLossManifold(net.F, net.F(z))
        theta = z + 10 ** float(4 * torch.rand(1, generator=generator) - 4) * alpha / alpha.norm()
        J = Z.jacobian(theta)
        bound = torch.linalg.matrix_norm(J - Z.jacobian(z), 2) / torch.linalg.svdvals(J)[-1]
        worst = max(worst, _largest_cosine(Z, theta, z) / float(bound))
    return worst, None


def _theorem_414_everywhere() -> tuple[float, float]:
    """The ellipse F = a^2 / 4 + b^2 = 1 and a disc around it: Lambda = 2, sigma = 1, so C = 4; the centre included.

    Points lie on normals, within the least radius of curvature 1/2: the foot of the normal is the nearest point. Of the
    centre (0, 1) is one. |J| changes along the ellipse, so the cosine is not 0 as it is around a circle.
    """
    Z = ZeroLossManifold(lambda theta: (theta[0] ** 2 / 4 + theta[1] ** 2)[None], torch.ones(1, dtype=torch.float64))
    turns = torch.linspace(0, math.pi / 2, 9, dtype=torch.float64)
    feet = [torch.stack((2 * turn.cos(), turn.sin())) for turn in turns]
    centre = (feet[-1], -1.0)
    printed, corrected = 0, 0
    for z, distance in (*((z, x) for z in feet for x in (-0.4, -1e-3, 1e-3, 1.0)), centre):
        normal = Z.jacobian(z)[0] / Z.jacobian(z).norm()
        v, gradient = torch.stack((-normal[1], normal[0])), Z.loss_gradient(z + distance * normal)
        undefined = float(gradient.norm()) < 1e-12  # rounding
        cosine = math.nan if undefined else float(v @ gradient / gradient.norm())
        breaks = not abs(cosine) <= 4 * abs(distance)
        printed += breaks
        corrected += breaks and not undefined
    return float(printed), float(corrected)


def _leading_order(seed: int) -> tuple[float, None]:
    Z, z, alpha = _network(seed)
    J, dJ = Z.jacobian(z), torch.func.jvp(Z.jacobian, (z,), (alpha,))[1]  # dJ = D^2 F[., alpha]
    normal = J.mT @ (J @ alpha)
    predicted = float(Z.tangent(z, dJ.mT @ (J @ alpha)).norm() / normal.norm())
    return abs(_largest_cosine(Z, z + 1e-4 * alpha, z) / 1e-4 / predicted - 1), None


def _size_of_the_gradient(seed: int) -> tuple[float, None]:
    """Octaves by which |grad L| / |x| leaves its bounds, along the singular directions of J, distances 1e-2 to 1e-6.

    The bounds are twice the squares of the smallest and the largest singular value.
    """
    Z, z, _ = _network(seed)
    _, sizes, normals = torch.linalg.svd(Z.jacobian(z), full_matrices=False)
    least, most = 2 * float(sizes[-1]) ** 2, 2 * float(sizes[0]) ** 2
    worst = 0.0
    for normal in normals:
        for distance in (1e-2, 1e-4, 1e-6):
            size = float(Z.loss_gradient(z + distance * normal).norm()) / distance
            worst = max(worst, about(size, least, most))
    return worst, None


def _remark_415(seed: int) -> tuple[float, float]:
    """Forces of the loss against weight decay along Z, where the normal forces balance: r = -lambda mu."""
    Z, z, _ = _network(seed)
    ridge = 1e-6
    J = Z.jacobian(z)
    theta = z - ridge * J.mT @ torch.linalg.solve(J @ J.mT, Z.multiplier(z))
    loss, decay = Z.loss_gradient(theta), 2 * ridge * Z.tangent(z, theta)
    return float(loss.norm() / decay.norm()), float(Z.tangent(z, loss).norm() / decay.norm())


def _proposition_c4(seed: int) -> tuple[float, None]:
    Z, z, _ = _network(seed)
    theta = z + 0.05 * _draw(torch.Generator().manual_seed(seed), len(z))
    nearest = Z.nearest(theta)
    gap = theta - nearest
    return float(Z.tangent(nearest, gap).norm() / gap.norm()), None


CLAIMS = (
    Claim(
        id="theorem-4.14",
        source="Theorem 4.14 and section 4.5, eq. 5",
        statement="Inequality (5) holds for all theta in S off Z (corrected: wherever the gradient is not zero).",
        measure=_theorem_414_everywhere,
        limit=0.5,  # a count
        tolerance="points near an ellipse with axes 2 and 1, its centre among them, that break (5) with C = 2 Lambda / "
        "sigma = 4",
        expected=CORRECTED,
        chapter="gradient_orthogonality",
    ),
    Claim(
        id="theorem-4.14-constant",
        source="Theorem 4.14, our constant",
        statement="The cosine is at most |J(theta) - J(z)| / sigma_min(J(theta)), so a constant C exists.",
        measure=_theorem_414_bound,
        limit=1.0,
        tolerance=f"largest ratio of the cosine to the bound over {PAIRS} random tanh networks and pairs",
        whose=OURS,
        chapter="gradient_orthogonality",
        seeds=FIVE,
        seconds=0.7,
    ),
    Claim(
        id="theorem-4.14-order",
        source="Theorem 4.14, sketch of the proof",
        statement="The cosine is of first order in the distance.",
        measure=_leading_order,
        limit=1e-3,
        tolerance="relative gap to the exact leading coefficient at distance 1e-4; the next term has that size",
        chapter="gradient_orthogonality",
        seeds=FIVE,
    ),
    Claim(
        id="theorem-4.14-size",
        source="Theorem 4.14, sketch of the proof",
        statement="Near Z the size of the gradient is of the order of the distance, from below and from above.",
        measure=_size_of_the_gradient,
        limit=0.1,
        tolerance="octaves by which |grad L| / |x| leaves 2 sigma_min(J)^2 to 2 sigma_max(J)^2, at distances of 1e-2 "
        "to 1e-6; the next order is felt at the first",
        chapter="gradient_orthogonality",
        seeds=FIVE,
    ),
    Claim(
        id="remark-4.15",
        source="Remark 4.15",
        statement="The loss gradient induces no movement near Z (corrected: none along Z, in the limit; across Z it "
        "supplies the normal force).",
        measure=_remark_415,
        limit=0.01,
        tolerance="force of the loss (corrected: its part along Z) over that of weight decay along Z, at lambda = 1e-6",
        expected=CORRECTED,
        chapter="gradient_orthogonality",
        seeds=FIVE,
    ),
    Claim(
        id="proposition-C.4",
        source="Proposition C.4, Definition C.3",
        statement="The displacement from the nearest zero-loss point is normal to Z.",
        measure=_proposition_c4,
        limit=1e-9,
        tolerance="tangential part of the displacement, relative: rounding",
        chapter="gradient_orthogonality",
        seeds=FIVE,
    ),
)
