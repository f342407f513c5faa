"""Statements of the paper's appendices C to E that no other chapter's claims cover: inequalities, inverses."""

from __future__ import annotations

import torch
from torch import Tensor

from grokutil.claims.appendix_D import ACTIVATIONS, cosine, fallen, run, space, task, vector
from grokutil.claims.errata import appendix_D
from grokutil.claims.record import CORRECTED, FIVE, Claim
from grokutil.claims.slow_flow import TOY
from grokutil.constraints import ZeroLossManifold
from grokutil.data import modular_addition
from grokutil.manifold import jacobian, ntk, split
from grokutil.model import default_weights, predict

WEIGHTS = 2 * 11 * 128  # of the network of Appendix D


def _tangent_directions(seed: int) -> tuple[float, float]:
    """One minus the dimension of the tangent space of Z at a regular point: km = 5, d = 3, and km = 3, d = 5."""

    def lacking(km: int, d: int) -> float:
        generator = torch.Generator().manual_seed(seed)
        A, theta = (torch.randn(*size, generator=generator, dtype=torch.float64) for size in ((km, d), (d,)))
        Z = ZeroLossManifold(lambda w: torch.tanh(A @ w), torch.tanh(A @ theta))
        null = torch.linalg.eigvalsh(torch.func.hessian(Z.loss)(theta)) < 1e-10
        return float(max(0, 1 - int(null.sum())))

    return lacking(5, 3), lacking(3, 5)


def _smooth_curve() -> tuple[float, float]:
    """Growth of the second difference of Z at the origin from h = 1e-2 to 1e-4: v = |u|^(3/2), and v = u^2."""

    def growth(Z: ZeroLossManifold) -> float:
        sizes = []
        for h in (1e-2, 1e-4):
            left, right = (Z.newton(torch.tensor([u, 0.0], dtype=torch.float64)) for u in (-h, h))
            sizes.append(float((left + right).norm()) / h**2)  # twice the origin is 0
        return sizes[1] / sizes[0]

    power = ZeroLossManifold(lambda w: (w[1] - w[0].abs() ** 1.5)[None], torch.zeros(1, dtype=torch.float64))
    return growth(power), growth(TOY)


def _projected_direction(seed: int) -> tuple[float, float]:
    """1 - cosine of the directions at theta' and at the nearest point that Newton's method finds: ReLU, softplus."""

    def gap(activation: str) -> float:
        pairs, sigma = task(seed), ACTIVATIONS[activation]
        state = run(activation, seed, 3000).states[20]
        theta = vector(state)

        def tangent(w: Tensor, v: Tensor) -> Tensor:
            return space(split(w, *state), pairs.X_train, sigma).project(v)

        def to_Z(w: Tensor) -> Tensor:
            for _ in range(8):
                layers = split(w, *state)
                J = jacobian(*layers, pairs.X_train, sigma)
                r = (predict(*layers, pairs.X_train, sigma) - pairs.Y_train).flatten()
                w = w - J.mT @ torch.linalg.solve(J @ J.mT, r)
            return w

        z = to_Z(theta)
        for _ in range(10):
            nearer = to_Z(z + tangent(z, theta - z))
            if (theta - nearer).norm() >= (theta - z).norm():
                break
            z = nearer
        return 1 - cosine(tangent(vector(fallen(pairs, state, sigma)), theta), tangent(z, theta))

    return gap("relu"), gap("softplus")


def _appendix_D_inverse() -> tuple[float, float]:
    """Missing rank of the matrix to be inverted, J^T J and J J^T; J has the rank of either."""
    task, W1, W2 = appendix_D()
    Theta = ntk(W1, W2, task.X_train)
    rank = int(torch.linalg.matrix_rank(Theta, hermitian=True))
    return WEIGHTS - rank, len(Theta) - rank


def _appendix_D_step(seed: int) -> tuple[float, None]:
    """The step 1 over the largest stable step at the start, for the mean over all entries."""
    task = modular_addition(11, train_size=59, seed=seed)
    W1, W2 = default_weights(11, 128, 11, seed=seed)
    largest = float(torch.linalg.eigvalsh(ntk(W1, W2, task.X_train))[-1])
    return largest / task.Y_train.numel(), None


def _trace_lemma() -> tuple[float, None]:
    """Gap of d Tr(M P^-1) = -Tr(P^-1 M P^-1 dP) to autograd, for matrices that are not symmetric."""
    M, P, dP = torch.randn(3, 4, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    inverse = torch.linalg.inv(P)
    change = torch.func.jvp(lambda Q: torch.trace(M @ torch.linalg.inv(Q)), (P,), (dP,))[1]
    return float((change + torch.trace(inverse @ M @ inverse @ dP)).abs() / change.abs()), None


CLAIMS = (
    Claim(
        id="lemma-C.1-sizes",
        source="Lemma C.1",
        statement="With km >= d and full rank there are tangent directions of Z (corrected: with d > km).",
        measure=_tangent_directions,
        limit=0.5,
        tolerance="what the null space of the Hessian lacks to one dimension: km = 5, d = 3; corrected: km = 3, d = 5",
        expected=CORRECTED,
        chapter="errata",
        seeds=FIVE,
    ),
    Claim(
        id="theorem-C.2-smooth",
        source="Theorem C.2",
        statement="For F in C^1 the curves in Z are smooth (corrected: as smooth as F).",
        measure=_smooth_curve,
        limit=1.5,
        tolerance="growth of the second difference of Z as h falls from 1e-2 to 1e-4, 1 if it has a limit: "
        "v = |u|^(3/2); corrected: v = u^2",
        expected=CORRECTED,
        chapter="errata",
    ),
    Claim(
        id="appendix-D-projection",
        source="Appendix D, eqs 28 and 29",
        statement="P at theta', 100 steps on, estimates the direction at the nearest point (corrected: for a smooth "
        "network).",
        measure=_projected_direction,
        limit=0.01,
        tolerance="1 - cosine of the directions at theta' and at the nearest point found, step 3000: ReLU; corrected: "
        "softplus",
        expected=CORRECTED,
        chapter="errata",
        seeds=FIVE,
        seconds=60.0,
    ),
    Claim(
        id="appendix-D-inverse",
        source="Appendix D, after eq. 29",
        statement="J^+ is (J^T J)^-1 J^T (corrected: J^T (J J^T)^-1).",
        measure=_appendix_D_inverse,
        limit=0.5,
        tolerance="rank that the inverted matrix misses",
        expected=CORRECTED,
        chapter="errata",
        seconds=0.5,
    ),
    Claim(
        id="appendix-D-loss",
        source="Appendix D",
        statement="With a learning rate of 1 the mean-squared error, over samples and outputs, starts stable.",
        measure=_appendix_D_step,
        limit=1.0,
        tolerance="the step over the largest one that is stable at the start, km / sigma_max(J)^2",
        seeds=FIVE,
        chapter="errata",
        seconds=0.3,
    ),
    Claim(
        id="appendix-E-lemma",
        source="Appendix E",
        statement="The derivative of Tr(M P^-1) by P is -P^-1 M P^-1: d Tr(M P^-1) = -Tr(P^-1 M P^-1 dP).",
        measure=_trace_lemma,
        limit=1e-12,
        tolerance="relative gap to autograd in a random direction dP, matrices that are not symmetric; rounding only",
        chapter="errata",
    ),
)
