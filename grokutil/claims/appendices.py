"""Claims of section 4.5 and of Appendices A to C that stand on their own: sets, curves, constants."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from scipy.optimize import brentq
from torch import Tensor

from grokutil.claims.record import CORRECTED, FIVE, OURS, Claim
from grokutil.claims.zero_loss_manifold import tanh_network
from grokutil.constraints import ZeroLossManifold
from grokutil.toy import parabola_gradient


def _proposition_B1() -> tuple[float, None]:
    """F = (u, v^3 - 3 u v): gap of the two sets of eq. 25 on the lines y_1 = u, each found without the other.

    Where Z_y gets or loses points is read off the number of real roots v; Crit(F) is where det J changes its sign.
    """
    map_ = ZeroLossManifold(lambda w: torch.stack((w[0], w[1] ** 3 - 3 * w[0] * w[1])), torch.zeros(2).double())

    def determinant(u: float, v: float) -> float:
        return float(torch.linalg.det(map_.jacobian(torch.tensor([u, v], dtype=torch.float64))))

    def points(u: float, y: float) -> int:
        return int((np.abs(np.roots([1, 0, -3 * u, -y]).imag) < 1e-12).sum())

    gap = 0.0
    for u in (0.25, 0.5, 1.0, 1.5, 2.0):
        low, high = 0.0, 8.0
        while high - low > 1e-10:  # three points below, one above
            middle = (low + high) / 2
            low, high = (middle, high) if points(u, middle) == 3 else (low, middle)
        v = brentq(lambda v: determinant(u, v), -3, 0)  # noqa: B023
        gap = max(gap, abs(v**3 - 3 * u * v - low))
    return gap, None


def _sard(seed: int) -> tuple[float, None]:
    """Area of the boxes that critical values of a random quadratic map of the plane meet: side 1/256 over side 1/16."""
    rng = np.random.default_rng(seed)
    Q, L = rng.normal(size=(2, 2, 2)), rng.normal(size=(2, 2))
    Q = Q + Q.transpose(0, 2, 1)  # F_i = x^T Q_i x / 2 + L_i x, row i of J is Q_i x + L_i

    def determinant(x: np.ndarray) -> np.ndarray:
        J = np.einsum("iab,...b->...ia", Q, x) + L
        return J[..., 0, 0] * J[..., 1, 1] - J[..., 0, 1] * J[..., 1, 0]

    a = np.linspace(-1, 1, 20_001)
    values = np.stack([determinant(np.stack((a, np.full_like(a, b)), axis=-1)) for b in (-1.0, 0.0, 1.0)])
    c0, c1, c2 = values[1], (values[2] - values[0]) / 2, (values[2] + values[0]) / 2 - values[1]
    with np.errstate(invalid="ignore"):  # no critical point at this a
        roots = [(-c1 + sign * np.sqrt(c1**2 - 4 * c0 * c2)) / (2 * c2) for sign in (1, -1)]
    x = np.concatenate([np.stack((a, b), axis=-1)[np.abs(b) <= 1] for b in roots])
    F = np.einsum("na,iab,nb->ni", x, Q, x) / 2 + x @ L.T
    area = {side: len(np.unique(np.floor(F / side), axis=0)) * side**2 for side in (1 / 16, 1 / 256)}
    return area[1 / 256] / area[1 / 16], None


def _tangent_space(seed: int) -> tuple[float, None]:
    """Distance to Z over h at z + h v, for v in the null space of the Hessian; off by how much from h for normals."""
    Z, z = tanh_network(seed)
    H, h = torch.func.hessian(Z.loss)(z), 1e-5
    values, vectors = torch.linalg.eigh(H)
    flat = values < 1e-9 * values[-1]

    def distance(v: Tensor) -> float:
        theta = z + h * v
        return float((theta - Z.nearest(theta)).norm()) / h

    along = max(distance(v) for v in vectors.mT[flat])
    return max(along, *(abs(distance(v) - 1) for v in vectors.mT[~flat])), None


def _curve_for_all_times() -> tuple[float, None]:
    """The curve gamma(tanh(2 t) / 2) on the circle, gamma(u) = (u, sqrt(1 - u^2)): off it, and off gamma'(0)."""

    def s(t: Tensor) -> Tensor:
        u = torch.tanh(2 * t) / 2
        return torch.stack((u, (1 - u**2).sqrt()))

    times = torch.linspace(-100, 100, 2001).double()
    off = (s(times).square().sum(0) - 1).abs().max()
    velocity = torch.func.jacfwd(s)(torch.zeros((), dtype=torch.float64))
    return float(max(off, (velocity - torch.tensor([1.0, 0.0]).double()).norm())), None


def _contains_its_projection(seed: int) -> tuple[float, None]:
    """How many of three expectations fail of sets made of points and their nearest points.

    For a tanh network the set contains its projection, with no singular point; for the cusp y^2 = x^3 and the point
    (-1, 0), which is not on it, the nearest point is singular.
    """
    Z, z = tanh_network(seed)
    generator = torch.Generator().manual_seed(seed)
    nearest = [Z.nearest(z + 0.05 * torch.randn(len(z), generator=generator, dtype=torch.float64)) for _ in range(5)]
    moved = max(float((Z.nearest(point) - point).norm()) for point in nearest)
    least = min(float(torch.linalg.svdvals(Z.jacobian(point))[-1]) for point in nearest)
    cusp = ZeroLossManifold(lambda w: (w[1] ** 2 - w[0] ** 3)[None], torch.zeros(1, dtype=torch.float64))
    t = torch.linspace(-1, 1, 2001, dtype=torch.float64)
    curve = torch.stack((t**2, t**3), dim=1)
    tip = curve[(curve - torch.tensor([-1.0, 0.0]).double()).norm(dim=1).argmin()]
    return float((moved > 1e-10) + (least < 1e-3) + (float(cusp.jacobian(tip).norm()) > 1e-12)), None


def _second_derivative() -> tuple[float, None]:
    """Left side of eq. 26 on the curve (e^t, e^-t) of w_1 w_2 = 1, relative to its largest factor."""
    Z, worst = ZeroLossManifold(lambda w: w[:1] * w[1:], torch.ones(1, dtype=torch.float64)), 0.0
    hessian = torch.func.hessian(Z.loss)
    for t in np.linspace(-2, 2, 9):
        s, ds = np.exp([t, -t]), np.array([1, -1]) * np.exp([t, -t])
        theta, first, second = (torch.from_numpy(v) for v in (s, ds, s))  # s'' = s
        H = hessian(theta)
        worst = max(worst, abs(float(first @ H @ first + Z.loss_gradient(theta) @ second)) / float(H.norm()))
    return worst, None


def _remainder(a: np.ndarray, distance: float) -> np.ndarray:
    """|h| / x of the paper's expansion of the gradient of (y - x^2)^2 at (a, a^2), on both sides: (2, N)."""
    n = np.stack((-2 * a, np.ones_like(a)), axis=-1) / np.sqrt(1 + 4 * a**2)[:, None]
    H_n = 2 * np.sqrt(1 + 4 * a**2)[:, None] * np.stack((-2 * a, np.ones_like(a)), axis=-1)  # 2 J^T J n
    z = np.stack((a, a**2), axis=-1)
    sides = [parabola_gradient(z + side * distance * n) / distance - side * H_n for side in (1, -1)]
    return np.linalg.norm(sides, axis=-1) / distance


def _pointwise_constants() -> tuple[float, float]:
    """Growth of the largest pointwise constant M as the points get denser: h_phi(x) = x phi / (x + phi^2); Fig. 4."""

    def growth(M: Callable[[np.ndarray], np.ndarray]) -> float:
        return float(M(np.linspace(0, 1, 10_001)).max() / M(np.linspace(0, 1, 101)).max())

    x = 1e-12
    return growth(lambda phi: phi / (x + phi**2)), growth(lambda a: _remainder(a, 1e-3).max(axis=0))


def _equation_27() -> tuple[float, None]:
    """Largest |cosine| / distance on Fig. 4 for a in [-1, 1] and distance up to 1, over C of eq. 27."""
    a, distances = np.linspace(-1, 1, 101), np.geomspace(1e-3, 1, 60)
    M = max(float(_remainder(a, distance).max()) for distance in distances)
    least = 2.0  # of |H n| = 2 (1 + 4 a^2)
    C = max(1 / min(distances[-1], least / (2 * M)), 2 * M / least)
    n = np.stack((-2 * a, np.ones_like(a)), axis=-1) / np.sqrt(1 + 4 * a**2)[:, None]
    v = np.stack((np.ones_like(a), 2 * a), axis=-1) / np.sqrt(1 + 4 * a**2)[:, None]
    worst = 0.0
    for x in np.concatenate((distances, -distances)):
        g = parabola_gradient(np.stack((a, a**2), axis=-1) + x * n)
        size = np.linalg.norm(g, axis=-1)
        cosine = np.abs((g * v).sum(-1)) / np.where(size > 0, size, 1)
        worst = max(worst, float(cosine.max() / abs(x)))
    return worst / C, None


CLAIMS = (
    Claim(
        id="definition-4.11-curve",
        source="Definition 4.11, our remark",
        statement="It costs nothing that a tangent direction asks for a curve in Z for all times.",
        whose=OURS,
        measure=_curve_for_all_times,
        limit=1e-12,
        tolerance="how far a local curve, run through in tanh, leaves the circle in 200 units of time, or has another "
        "velocity; rounding only",
        chapter="errata",
    ),
    Claim(
        id="theorem-4.14-set",
        source="Theorem 4.14, our remark on its hypothesis",
        statement="A compact set together with its nearest points is a set S of Theorem 4.14, unless one of these is "
        "singular, which happens for sets off Z too.",
        measure=_contains_its_projection,
        limit=0.5,
        tolerance="expectations that fail, of three: five points near Z of a tanh network and their nearest points; "
        "the cusp y^2 = x^3 from (-1, 0)",
        whose=OURS,
        chapter="errata",
        seeds=FIVE,
        seconds=1.0,
    ),
    Claim(
        id="proposition-B.1",
        source="Proposition B.1, eq. 25",
        statement="The targets with a singular zero-loss point are the values of F at critical points.",
        measure=_proposition_B1,
        limit=1e-6,
        tolerance="gap of the target at which Z_y changes its number of points and of F at the critical point, "
        "F = (u, v^3 - 3uv), five lines",
        chapter="zero_loss_manifold",
        seconds=0.2,
    ),
    Claim(
        id="theorem-B.2",
        source="Theorem B.2 and Appendix B",
        statement="Critical values of a smooth map have measure zero.",
        measure=_sard,
        limit=0.125,
        tolerance="area of boxes met by critical values, side 1/256 over side 1/16: 1/16 for a curve, 1 for an area; "
        "random quadratic maps of the plane",
        chapter="zero_loss_manifold",
        seeds=FIVE,
        seconds=0.5,
    ),
    Claim(
        id="lemma-C.1-null-space",
        source="Lemma C.1, Definition 4.12",
        statement="At a regular point of Z the tangent space is the null space of the Hessian of the loss.",
        measure=_tangent_space,
        limit=1e-3,
        tolerance="distance to Z over h after a step of h = 1e-5 in the null space; for normals, its gap to 1; both "
        "are of order h",
        chapter="zero_loss_manifold",
        seeds=FIVE,
        seconds=0.5,
    ),
    Claim(
        id="eq-26",
        source="eq. 26",
        statement="Along a curve in Z the second derivative of the loss vanishes in the form of eq. 26.",
        measure=_second_derivative,
        limit=1e-12,
        tolerance="left side relative to the norm of the Hessian, nine points of a hyperbola; rounding only",
        chapter="zero_loss_manifold",
    ),
    Claim(
        id="appendix-C-pointwise",
        source="Appendix C, proof of Theorem 4.14",
        statement="Constants chosen point by point have a finite supremum on a compact set (corrected: those of a loss "
        "whose J is Lipschitz have).",
        measure=_pointwise_constants,
        limit=1.1,
        tolerance="growth of the largest constant from 101 to 10001 points: x phi / (x + phi^2); corrected: Fig. 4",
        expected=CORRECTED,
        chapter="errata",
    ),
    Claim(
        id="eq-27",
        source="eq. 27",
        statement="With constants that serve all points, C of eq. 27 bounds the cosine.",
        measure=_equation_27,
        limit=1.0,
        tolerance="largest cosine over distance on Fig. 4, in parts of C with M and lambda_inf measured there",
        chapter="gradient_orthogonality",
    ),
)
