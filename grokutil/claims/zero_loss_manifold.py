"""Claims of sections 3.3, 4.3 and 4.4 and Appendices A-C about the zero-loss set."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
import torch
from scipy.optimize import least_squares
from torch import Tensor

from grokutil.claims.record import CORRECTED, FIVE, OURS, Claim
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


ONE_HOT = [1.0, 0.0, 1.0, 0.0]  # targets of the linear network below: two samples, both in class 0


def linear_network(targets: list[float]) -> ZeroLossManifold:
    """Z of a linear 2-2-2 network, W1 W2 = Y, whose two inputs are the unit vectors; parameters (8,)."""

    def F(theta: Tensor) -> Tensor:
        return (theta[:4].reshape(2, 2) @ theta[4:].reshape(2, 2)).flatten()

    return ZeroLossManifold(F, torch.tensor(targets, dtype=torch.float64))


def singular_values(Z: ZeroLossManifold, path: Sequence[Tensor]) -> np.ndarray:
    """The smallest singular value of J at each state."""
    return np.array([float(torch.linalg.svdvals(Z.jacobian(theta))[-1]) for theta in path])


def nearest_to_singular(targets: list[float] | np.ndarray, rng: np.random.Generator) -> float:
    """How nearly a search solves the equations of a singular point of Z, W1 W2 = Y, J^T u = 0, |u| = 1.

    For the linear network J^T u is U W2^T and W1^T U. Five random starts, all entries between -5 and 5; the norm of
    what is left of the equations at the best end.
    """

    def equations(unknowns: np.ndarray) -> np.ndarray:
        W1, W2, U = unknowns.reshape(3, 2, 2)
        return np.concatenate([(W1 @ W2).ravel() - targets, (U @ W2.T).ravel(), (W1.T @ U).ravel(), [(U**2).sum() - 1]])

    fine = {"xtol": 1e-12, "ftol": 1e-12, "gtol": 1e-12, "bounds": (-5, 5)}
    return min(float(2 * least_squares(equations, rng.normal(size=12), **fine).cost) ** 0.5 for _ in range(5))


def _theorem_4_10(seed: int) -> tuple[float, None]:
    """For how many of three random targets a search finds a singular point; it must find one for one-hot labels."""
    rng = np.random.default_rng(seed)
    if nearest_to_singular(ONE_HOT, rng) > FOUND:
        return math.inf, None  # the search is too weak to tell
    return sum(nearest_to_singular(rng.normal(size=4), rng) <= FOUND for _ in range(3)), None


def _section_3_3(seed: int) -> tuple[float, None]:
    """Training from two random starts with random targets: the larger fall of the smallest singular value."""
    rng, falls = np.random.default_rng(seed), []
    for _ in range(2):
        Z = linear_network(rng.normal(size=4).tolist())
        path = training_flow(Z, torch.from_numpy(rng.normal(size=8)), 1e-3, np.linspace(0, 4, 21), rtol=1e-6).states
        values = singular_values(Z, path)
        falls.append(values[0] / values.min())
    return max(falls), None


def _one_hot_limit(seed: int) -> tuple[float, None]:
    """The rate at which the smallest singular value falls along the slow flow between s = 2 and 3, minus 2."""
    Z, rng = linear_network(ONE_HOT), np.random.default_rng(seed)
    start = Z.newton(torch.from_numpy(rng.normal(size=8)))
    values = singular_values(Z, slow_flow(Z, start, [0.0, 2.0, 3.0], rtol=1e-9).states)
    return abs(float(np.log(values[1] / values[2])) - 2), None


FOUND = 1e-8  # a solution of the equations in float64; random targets leave 0.02 or more

CLAIMS = (
    Claim(
        id="lemma-A.1",
        source="Lemma A.1, eq. 21",
        statement="From a zero-loss start the loss stays below lambda times the squared norm of the start.",
        measure=_lemma_A_1,
        limit=1.0,
        tolerance="largest loss over that bound, on a tanh network; the statement says at most 1",
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
        limit=0.5,
        tolerance="how many of three random targets of a linear network have a singular point that a search finds; it "
        "finds one for one-hot labels. The proof (Sard, Fubini) is in the chapter",
        chapter="zero_loss_manifold",
        seeds=FIVE,
        seconds=4.0,
    ),
    Claim(
        id="section-3.3-singular",
        source="section 3.3, on Theorem 4.10",
        statement="A smooth network will almost never encounter a singularity during training (here: random targets).",
        measure=_section_3_3,
        limit=10.0,
        tolerance="smallest singular value of J at the start over the least up to slow time 4, in training of a linear "
        "network; 10 is a fall of one decade, one-hot labels give thousands",
        chapter="zero_loss_manifold",
        seeds=FIVE,
        seconds=4.5,
    ),
    Claim(
        id="one-hot-singular-limit",
        source="section 3.3",
        statement="With one-hot labels norm minimisation can lead to a singular point (linear network, one class).",
        measure=_one_hot_limit,
        limit=0.01,
        tolerance="rate of fall of the smallest singular value of J, minus 2, between slow times 2 and 3: it is |z| / "
        "sqrt 2 up to a higher order, and |z| decays as e^(-2s)",
        chapter="zero_loss_manifold",
        seeds=FIVE,
        seconds=2.0,
        whose=OURS,
    ),
)
