"""Statements of the paper's sections that no other chapter's claims cover: hypotheses, indices, readings."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from grokutil.claims.record import CORRECTED, FIVE, Claim
from grokutil.claims.slow_flow import TOY
from grokutil.data import Task, modular_addition
from grokutil.fourier import feature_cosines, fourier_features, plane
from grokutil.gradient_flow import training_flow
from grokutil.isolated import FirstLayerDynamics
from grokutil.model import READINGS, default_weights, gaussian_embedding, hidden, loss, predict


def appendix_D() -> tuple[Task, Tensor, Tensor]:
    """Task and weights of Appendix D."""
    return modular_addition(11, train_size=59, seed=0), *default_weights(11, 128, 11, seed=0)


def _draw(seed: int, *sizes: int) -> Tensor:
    return torch.randn(*sizes, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def _null_set(seed: int) -> tuple[float, None]:
    """Slope minus 1 of log share of the gates that a move of length epsilon flips against log epsilon."""
    X, W1 = modular_addition(11, train_size=59, seed=0).X_train, default_weights(11, 20_000, 11, seed=seed)[0]
    direction, lengths = _draw(seed, *W1.shape), (1e-2, 1e-3)
    gates = hidden(W1, X) > 0
    shares = [float(((hidden(W1 + length * direction, X) > 0) != gates).double().mean()) for length in lengths]
    return abs(float(np.polyfit(np.log(lengths), np.log(shares), 1)[0]) - 1), None


def _stacked_outputs() -> tuple[float, float]:
    """Relative gap of |F - y|^2 to the loss of eq. 1: F and y stacked to sample n, and to sample k."""
    task, W1, W2 = appendix_D()
    X, Y = task.X_train, task.Y_train
    k, n = X.shape
    whole = float(loss(W1, W2, X, Y))

    def gap(last: int) -> float:
        F, y = (torch.cat(rows) for rows in (tuple(predict(W1, W2, X[:last])), tuple(Y[:last])))
        return abs(float((F - y).square().sum()) / whole - 1)

    return gap(n), gap(k)


def _without_representations(seed: int) -> tuple[float, float]:
    """Relative residual of the best readout on a random first layer: 30 units, d = 660 >= km = 649; and 128 units."""
    task = modular_addition(11, train_size=59, seed=seed)

    def left(width: int) -> float:
        H = hidden(default_weights(11, width, 11, seed=seed)[0], task.X_train)
        return float((H @ torch.linalg.pinv(H) @ task.Y_train - task.Y_train).norm() / task.Y_train.norm())

    return left(30), left(128)


def _nearest_points() -> tuple[float, float]:
    """Distance of the nearest points on v = u^2 of two points 0.002 apart: beside (0, 2), and beside (0, 0.4)."""

    def apart(height: float) -> float:
        left, right = (TOY.nearest(torch.tensor([u, height], dtype=torch.float64)) for u in (-1e-3, 1e-3))
        return float((left - right).norm())

    return apart(2.0), apart(0.4)


def _start_on_Z() -> tuple[float, float]:
    """The residual at s = 0.5 of training from off Z, over lambda |mu|: its size, and its distance from -lambda mu."""
    ridge, start = 1e-3, torch.tensor([0.3, 1.5], dtype=torch.float64)
    theta = training_flow(TOY, start, ridge, [0.0, 0.5]).states[-1]
    r, pull = TOY.residual(theta), ridge * TOY.multiplier(theta)
    return float(r.norm() / pull.norm()), float((r + pull).norm() / pull.norm())


def _same_first_part() -> tuple[float, float]:
    """What the rank of theta(0) -> theta_1(t_1) - theta_1(t_2) lacks to 3, linear flows in R^6: d_1 = 1, and 3."""

    def missing(d_1: int) -> int:
        ranks = []
        for seed in range(50):
            A, (t_1, t_2) = _draw(seed, 6, 6), torch.rand(2, generator=torch.Generator().manual_seed(seed)).double()
            H = A @ A.mT / 6
            ranks.append(int(torch.linalg.matrix_rank((torch.matrix_exp(-t_1 * H) - torch.matrix_exp(-t_2 * H))[:d_1])))
        return max(0, 3 - min(ranks))

    return float(missing(1)), float(missing(3))


def _width() -> tuple[float, None]:
    """Share of 200 random first layers for which H misses rank n, one hidden unit more than samples, n = 46."""
    misses = 0
    for seed in range(200):
        X = modular_addition(11, 0.7, seed=seed).X_train
        H = hidden(gaussian_embedding(11, len(X) + 1, seed=seed), X)
        misses += int(torch.linalg.matrix_rank(H)) < len(X)
    return misses / 200, None


def _pseudo_inverses() -> tuple[float, None]:
    wide = _draw(0, 3, 6)
    tall = wide.mT
    by_columns, by_rows = torch.linalg.inv(tall.mT @ tall) @ tall.mT, wide.mT @ torch.linalg.inv(wide @ wide.mT)
    gaps = (by_columns - torch.linalg.pinv(tall)).norm(), (by_rows - torch.linalg.pinv(wide)).norm()
    return float(max(gaps)), None


def _shortfall(dynamics: FirstLayerDynamics, E: Tensor, velocity: Tensor, eta: float) -> float:
    """Share by which the cost falls short of its linear decrease in one Euler step."""
    predicted = 2 * eta * velocity.square().sum()  # the velocity is minus half the gradient of the cost
    return float(1 - (dynamics.cost(E) - dynamics.cost(E + eta * velocity)) / predicted)


def _step(seed: int) -> tuple[float, float]:
    """Shortfall of the first step: of 1e-3 under the better reading of N(0, p^-1/2), of 1e-8 under the worse."""
    task = modular_addition(37, 0.7, seed=seed)
    dynamics = FirstLayerDynamics(task.X_train, task.Y_train)
    starts = [gaussian_embedding(37, 512, seed=seed, reading=reading) for reading in READINGS]
    found = [[_shortfall(dynamics, E, dynamics(E), eta) for eta in (1e-3, 1e-8)] for E in starts]
    return min(long for long, _ in found), max(short for _, short in found)


def _orthogonal_features(seed: int) -> tuple[float, None]:
    """Largest cosine of Re F_k and Im F_k, or of two planes, if all Re F_k and Im F_k are orthogonal."""
    p, K = 11, 5
    parts = torch.linalg.qr(_draw(seed, 40, 2 * K)).Q.mT.reshape(K, 2, 40)
    wave = torch.exp(2j * torch.pi * torch.outer(torch.arange(p), torch.arange(1, K + 1)).double() / p)
    F = fourier_features(2 * (wave @ torch.complex(parts[:, 0], parts[:, 1])).real)
    axes = torch.stack([plane(F_k) for F_k in F])  # (K, d_h, 2)
    overlaps = torch.linalg.matrix_norm(torch.einsum("khx,lhy->klxy", axes, axes), ord=2)
    return float(torch.cat((overlaps[~torch.eye(K, dtype=torch.bool)], feature_cosines(F).abs())).max()), None


CLAIMS = (
    Claim(
        id="section-3.3-null-set",
        source="section 3.3",
        statement="The points where a ReLU network is not smooth form a null set.",
        measure=_null_set,
        limit=0.05,
        tolerance="slope of log share of gates that a move flips against log length, minus 1: a null set is met in "
        "proportion to the length",
        chapter="errata",
        seeds=FIVE,
        seconds=0.5,
    ),
    Claim(
        id="eq-2-length",
        source="eqs 1, 2 and 22",
        statement="|F - y|^2 is the loss, with outputs stacked to sample n, the number of inputs (corrected: to k).",
        measure=_stacked_outputs,
        limit=1e-12,
        tolerance="relative gap of the two losses in the sizes of Appendix D; rounding only",
        expected=CORRECTED,
        chapter="errata",
    ),
    Claim(
        id="assumption-4.1-representations",
        source="Assumption 4.1",
        statement="With d >= km a network can memorise without learning representations (corrected: with rank H = k).",
        measure=_without_representations,
        limit=1e-8,
        tolerance="relative residual of the best readout on a random first layer, Appendix D's data: d = 660, "
        "km = 649; corrected: rank H = 59",
        expected=CORRECTED,
        chapter="errata",
        seeds=FIVE,
    ),
    Claim(
        id="definition-4.13-point",
        source="Definition 4.13",
        statement="The nearest point of Z is one point (corrected: near Z and almost everywhere).",
        measure=_nearest_points,
        limit=0.1,
        tolerance="distance of the nearest points of two points 0.002 apart, v = u^2: at (0, 2); corrected: at "
        "(0, 0.4), below the radius of curvature 1/2, where it is 0.01",
        expected=CORRECTED,
        chapter="errata",
    ),
    Claim(
        id="section-2-start",
        source="section 2, Theorem 4.8",
        statement="After memorisation training is on Z, where the theorems start (corrected: beside it, with the "
        "residual -lambda mu).",
        measure=_start_on_Z,
        limit=0.1,
        tolerance="residual on Fig. 4's loss from a start off Z, lambda = 1e-3, over lambda |mu|; corrected: its "
        "distance from -lambda mu, of order lambda",
        expected=CORRECTED,
        chapter="errata",
    ),
    Claim(
        id="section-5-once",
        source="section 5, eq. 7",
        statement="A trajectory hardly ever passes one theta_1 twice (corrected: for d_1 >= 3, by a count of "
        "dimensions).",
        measure=_same_first_part,
        limit=0.5,
        tolerance="linear flows in R^6: what the codimension of the starts that pass one theta_1 at two given times "
        "lacks to 3, for d_1 = 1; corrected: 3. Two times are two dimensions, so codimension 3 makes a null set",
        expected=CORRECTED,
        chapter="errata",
    ),
    Claim(
        id="section-6.3-width",
        source="section 6.3",
        statement="With more hidden units than samples the second layer can fit the outputs almost always.",
        measure=_width,
        limit=0.05,
        tolerance="share of 200 random first layers for which the rows of H are dependent, p = 11, d_h = n + 1 = 47",
        chapter="errata",
        seconds=0.7,
    ),
    Claim(
        id="section-6.3-pseudo-inverses",
        source="section 6.3",
        statement="H^+ is (H^T H)^-1 H^T for independent columns, H^T (H H^T)^-1 for independent rows.",
        measure=_pseudo_inverses,
        limit=1e-12,
        tolerance="gap to the pseudo-inverse by singular values; rounding only",
        chapter="errata",
    ),
    Claim(
        id="section-7.3-step",
        source="section 7.3",
        statement="A step of 1e-3 follows eq. 20 from the random start, under either reading (corrected: 1e-8 does).",
        measure=_step,
        limit=0.1,
        tolerance="share by which the cost falls short of the decrease that its gradient predicts",
        expected=CORRECTED,
        chapter="errata",
        seeds=FIVE,
        seconds=2.5,
    ),
    Claim(
        id="section-7.3.2-inference",
        source="section 7.3.2 and Fig. 6, bottom left",
        statement="If all Fourier features are orthogonal, the circles lie in orthogonal planes.",
        measure=_orthogonal_features,
        limit=1e-12,
        tolerance="largest cosine of Re F_k and Im F_k, or of the planes of two frequencies; rounding only",
        chapter="errata",
        seeds=FIVE,
    ),
)
