"""Claims of sections 3.3, 4.3 and 4.4 and Appendices A-C about the zero-loss set."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import torch
from torch import Tensor

from grokutil.claims.record import CORRECTED, FAILS, FIVE, HOLDS, Claim
from grokutil.constraints import TinyNetwork, ZeroLossManifold
from grokutil.gradient_flow import slow_flow, training_flow

SLOW_TIME = 2.0
TANH = "tanh network"  # the flow of the network below at a small weight decay


def tanh_network(seed: int) -> tuple[ZeroLossManifold, Tensor]:
    """Two inputs, four tanh units, one output, three samples; and a point of Z."""
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(3, 2)), rng.normal(size=3)
    Z = ZeroLossManifold(TinyNetwork(X, 4, "tanh").F, torch.from_numpy(y))
    return Z, Z.newton(torch.from_numpy(rng.normal(size=12)))


@cache
def trained(seed: int, ridge: float) -> Tensor:
    """States of the flow (3) of that network from the point of Z to slow time 2, early times included."""
    Z, start = tanh_network(seed)
    early = ridge * np.logspace(-1, 2, 10)
    times = np.union1d(np.linspace(0, SLOW_TIME, 21), early[early < SLOW_TIME])
    return torch.stack(training_flow(Z, start, ridge, times, rtol=1e-6).states)


def _theorem_4_8(seed: int) -> tuple[float, None]:
    Z, _ = tanh_network(seed)
    return max(float((theta - Z.nearest(theta)).norm()) for theta in trained(seed, 1e-4)), None


def _lemma_A_1(seed: int) -> tuple[float, None]:
    Z, start = tanh_network(seed)
    ridge = 1e-3
    losses = [float(Z.loss(theta)) for theta in trained(seed, ridge)]
    return max(losses) / (ridge * float(start.square().sum())), None


def _descent(seed: int) -> tuple[float, None]:
    """Largest rise of L_lambda between two records, over its value at the start."""
    Z, _ = tanh_network(seed)
    values = torch.stack([Z.loss(theta, 1e-3) for theta in trained(seed, 1e-3)])
    return max(0.0, float(values.diff().max() / values[0])), None


def _appendix_A_norm(seed: int) -> tuple[float, None]:
    norms = trained(seed, 1e-3).norm(dim=1)
    return float(norms.max() / norms[0]), None


def _start_at_zero() -> tuple[float, float]:
    """Starts in {0, e_1, e_2} on Z = {w_1 w_2 = 0} without the choice of lambda; corrected: with a loss above eps."""
    Z, eps = ZeroLossManifold(lambda w: w[:1] * w[1:], torch.zeros(1, dtype=torch.float64)), 1e-3
    without, above = 0, 0
    for start in torch.cat((torch.zeros(1, 2), torch.eye(2))).double():
        ridge = eps / start.square().sum() / 2
        without += not bool(torch.isfinite(ridge))
        ridge = ridge if torch.isfinite(ridge) else torch.ones(())
        path = training_flow(Z, start, float(ridge), [0, 0.5, 1]).states
        above += max(float(Z.loss(theta)) for theta in path) >= eps
    return float(without), float(above)


def _appendix_C_hessian(seed: int) -> tuple[float, None]:
    Z, start = tanh_network(seed)
    H = torch.func.hessian(lambda theta: (Z.F(theta) - Z.y).square().sum())(start)
    J = Z.jacobian(start)
    return float((H - 2 * J.mT @ J).norm() / H.norm()), None


def _directions(F: Callable[[Tensor], Tensor]) -> int:
    """In how many of eight directions from the origin Z = {F = 0} leaves: two for a smooth curve."""
    angles = torch.arange(8, dtype=torch.float64) * torch.pi / 4
    points = torch.stack((angles.cos(), angles.sin()), dim=1)
    return sum(abs(float(F(point))) < 1e-12 for point in points)


def _definition_4_9() -> tuple[float, float]:
    """F = a^2 and F = a b, y = 0, both critical at the origin: how many contradict the statement.

    Printed: a critical point of F on Z is a singular point of Z. Corrected: a singular point of Z is critical for F.
    """
    examples: tuple[Callable[[Tensor], Tensor], ...] = (lambda u: u[:1] ** 2, lambda u: u[:1] * u[1:])
    origin = torch.zeros(2, dtype=torch.float64)
    critical = [bool((torch.func.jacrev(F)(origin) == 0).all()) for F in examples]
    corner = [_directions(F) != 2 for F in examples]
    printed = sum(k and not c for k, c in zip(critical, corner, strict=True))
    corrected = sum(c and not k for k, c in zip(critical, corner, strict=True))
    return printed, corrected


def _smallest_singular_value(labels: list[float], slow_time: float) -> float:
    """Of J of a linear 2-2-2 network after the norm-minimising flow on its zero-loss set, over that at the start."""

    def F(theta: Tensor) -> Tensor:
        return (theta[:4].reshape(2, 2) @ theta[4:].reshape(2, 2)).flatten()

    Z = ZeroLossManifold(F, torch.tensor(labels, dtype=torch.float64))
    generator = torch.Generator().manual_seed(0)
    start = Z.newton(torch.randn(8, generator=generator, dtype=torch.float64))
    path = slow_flow(Z, start, [0.0, slow_time]).states
    first, last = (torch.linalg.svdvals(Z.jacobian(theta))[-1] for theta in path)
    return float(last / first)


def _theorem_4_10() -> tuple[float, None]:
    """Generic labels: the Jacobian stays of full rank on the way to the smallest norm."""
    return 1 / _smallest_singular_value([1.0, 0.1, 1.0, -0.1], 4.0), None


def _section_3_3() -> tuple[float, None]:
    """One-hot labels, two samples of one class."""
    return 1 / _smallest_singular_value([1.0, 0.0, 1.0, 0.0], 4.0), None


FALL = "smallest singular value of J at the start over that at slow time 4; 10 would be a fall of one decade"

CLAIMS = (
    Claim(
        id="lemma-A.1",
        source="Lemma A.1, eq. 21",
        statement="From a zero-loss start the loss stays below lambda times the squared norm of the start.",
        measure=_lemma_A_1,
        limit=1.0,
        tolerance="largest loss over that bound, on a tanh network; the statement says at most 1",
        expected=HOLDS,
        chapter="zero_loss_manifold",
        seeds=FIVE,
        seconds=4.5,
    ),
    Claim(
        id="theorem-4.8",
        source="Theorem 4.8 and section 4.3, eq. 4",
        statement="From a zero-loss start the distance to Z stays as small as one wants if lambda is small.",
        measure=_theorem_4_8,
        limit=0.01,
        tolerance="largest distance up to slow time 2 at lambda = 1e-4, for epsilon = 0.01, on a tanh network",
        expected=HOLDS,
        chapter="zero_loss_manifold",
        seeds=FIVE,
        seconds=6.0,
        shares=TANH,
    ),
    Claim(
        id="section-4.3-descent",
        source="section 4.3, sketch of the proof",
        statement="The gradient flow never increases the regularised loss.",
        measure=_descent,
        limit=1e-9,
        tolerance="largest rise between records, over the value at the start; the solver's tolerance is 1e-6 a step",
        expected=HOLDS,
        chapter="zero_loss_manifold",
        seeds=FIVE,
        seconds=0.5,
    ),
    Claim(
        id="appendix-A-norm",
        source="Appendix A, proof of Theorem 4.8",
        statement="From a zero-loss start the norm never exceeds that of the start.",
        measure=_appendix_A_norm,
        limit=1.0 + 1e-12,
        tolerance="largest norm over that of the start, which is the first record",
        expected=HOLDS,
        chapter="zero_loss_manifold",
        seeds=FIVE,
        seconds=0.5,
    ),
    Claim(
        id="lemma-A.1-origin",
        source="Lemma A.1, its proof",
        statement="The choice of lambda below epsilon / |theta(0)|^2 serves every start (corrected: every one but 0, "
        "which rests).",
        measure=_start_at_zero,
        limit=0.5,
        tolerance="how many of three starts have no such lambda; corrected: how many have a loss above epsilon",
        expected=CORRECTED,
        chapter="errata",
    ),
    Claim(
        id="appendix-C-hessian",
        source="Appendix C, Lemma C.1",
        statement="On the zero-loss set the Hessian of the loss is 2 J^T J.",
        measure=_appendix_C_hessian,
        limit=1e-10,
        tolerance="relative gap of two routes to the same matrix, float64: rounding and a residual of 1e-13",
        expected=HOLDS,
        chapter="zero_loss_manifold",
        seeds=FIVE,
    ),
    Claim(
        id="definition-4.9",
        source="Definition 4.9",
        statement="Singular points of F on Z are singular points of Z (corrected: only the converse is true).",
        measure=_definition_4_9,
        limit=0.5,
        tolerance="how many of F = a^2 and F = a b, y = 0, contradict the statement; none may",
        expected=CORRECTED,
        chapter="zero_loss_manifold",
    ),
    Claim(
        id="theorem-4.10",
        source="Theorem 4.10",
        statement="For almost every dataset the zero-loss set has no singular point.",
        measure=_theorem_4_10,
        limit=10.0,
        tolerance=FALL + ". One generic dataset is an example; the proof (Sard, Fubini) is in the chapter",
        expected=HOLDS,
        chapter="zero_loss_manifold",
        seconds=0.3,
    ),
    Claim(
        id="section-3.3-singular",
        source="section 3.3",
        statement="In training one will almost never meet a singularity (here: a smooth network, one-hot labels).",
        measure=_section_3_3,
        limit=10.0,
        tolerance=FALL + ". Linear network, two samples of one class: its limit is a singular point",
        expected=FAILS,
        chapter="zero_loss_manifold",
        seconds=0.3,
    ),
)
