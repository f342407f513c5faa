"""Slips of the paper's sections that no other chapter's claims cover: hypotheses, counts, step sizes."""

from __future__ import annotations

import torch
from torch import Tensor

from grokutil.claims.record import CORRECTED, EXACT, HOLDS, Claim
from grokutil.data import Task, modular_addition
from grokutil.fourier import feature_cosines, fourier_features, plane
from grokutil.isolated import FirstLayerDynamics
from grokutil.manifold import jacobian
from grokutil.model import default_weights, gaussian_embedding, hidden


def appendix_D() -> tuple[Task, Tensor, Tensor]:
    """Task and weights of Appendix D."""
    return modular_addition(11, train_size=59, seed=0), *default_weights(11, 128, 11, seed=0)


def _null_set() -> tuple[float, float]:
    """Share of states within 0.005 of the kink: of a trajectory, and of random starts in [-2, 2]^2."""
    X = torch.tensor([[1.0, 1.0], [1.0, 0.0]], dtype=torch.float64)
    y, w, eta = torch.tensor([-1.0, 1.5]).double(), torch.tensor([0.3, -0.2]).double(), 1e-3
    on_kink = 0
    for _ in range(600):
        slope = torch.where(X @ w > 0, 1.0, 0.1)
        w = w - eta * 2 * X.mT @ ((slope * (X @ w) - y) * slope)
        on_kink += abs(float(X[0] @ w)) < 0.005
    starts = 4 * torch.rand(10_000, 2, generator=torch.Generator().manual_seed(0)).double() - 2
    return on_kink / 600, float(((starts @ X[0]).abs() < 0.005).double().mean())


def _eq_2_length() -> tuple[float, float]:
    task, W1, W2 = appendix_D()
    inputs, outputs, rows = task.X_train.shape[1], task.Y_train.shape[1], len(jacobian(W1, W2, task.X_train))
    return abs(inputs * outputs - rows), abs(len(task.X_train) * outputs - rows)


def _nearest_point() -> tuple[float, float]:
    """Width of the set of nearest points of the unit circle, out of 360: for its centre, and for a point off it."""
    angles = 2 * torch.pi * torch.arange(360).double() / 360
    circle = torch.stack((angles.cos(), angles.sin()), dim=1)

    def width(x: float, y: float) -> float:
        distances = (circle - torch.tensor([x, y]).double()).norm(dim=1)
        nearest = circle[distances < distances.min() + 1e-12]
        return float(torch.cdist(nearest, nearest).max())

    return width(0.0, 0.0), width(0.5, 0.0)


def _width() -> tuple[float, float]:
    """Missing rank of H: for inputs x and 2x at width 512, and in the setting of section 7.3."""
    multiples = torch.tensor([[1.0, -2.0], [2.0, -4.0]], dtype=torch.float64)
    p37 = modular_addition(37, 0.7, seed=0).X_train
    missing = (
        len(X) - int(torch.linalg.matrix_rank(hidden(gaussian_embedding(X.shape[1], 512), X))) for X in (multiples, p37)
    )
    return next(missing), next(missing)


def _pseudo_inverses() -> tuple[float, None]:
    generator = torch.Generator().manual_seed(0)
    wide = torch.randn(3, 6, generator=generator, dtype=torch.float64)
    tall = wide.mT
    by_columns, by_rows = torch.linalg.inv(tall.mT @ tall) @ tall.mT, wide.mT @ torch.linalg.inv(wide @ wide.mT)
    gaps = (by_columns - torch.linalg.pinv(tall)).norm(), (by_rows - torch.linalg.pinv(wide)).norm()
    return float(max(gaps)), None


def _step() -> tuple[float, float]:
    """Share by which the cost falls short of its linear decrease in one Euler step, eta = 1e-3 and 1e-7."""
    task = modular_addition(37, 0.7, seed=0)
    dynamics, E = FirstLayerDynamics(task.X_train, task.Y_train), gaussian_embedding(37, 512, seed=0)
    velocity = dynamics(E)

    def shortfall(eta: float) -> float:
        predicted = 2 * eta * velocity.square().sum()  # the velocity is minus half the gradient of the cost
        return float(1 - (dynamics.cost(E) - dynamics.cost(E + eta * velocity)) / predicted)

    return shortfall(1e-3), shortfall(1e-7)


def _planes() -> tuple[float, float]:
    """Two frequencies in two columns: cosine between their planes; largest |cos(Re F_k, Im F_k)|."""
    angles = 2 * torch.pi * torch.arange(37).double() / 37

    def wave(k: int) -> Tensor:
        return torch.stack(((k * angles).cos(), (k * angles).sin()), dim=1)

    F = fourier_features(wave(1) + wave(2))[:2]
    overlap = torch.linalg.matrix_norm(plane(F[0]).mT @ plane(F[1]), ord=2)
    return float(overlap), float(feature_cosines(F).abs().max())


CLAIMS = (
    Claim(
        id="section-3.3-null-set",
        source="section 3.3",
        statement="Nonsmooth points are a null set and may be left aside (corrected: of starts; trajectories slide).",
        measure=_null_set,
        limit=0.05,
        tolerance="share of states within 0.005 of the kink: along a trajectory; corrected: of random starts",
        expected=CORRECTED,
        chapter="errata",
    ),
    Claim(
        id="eq-2-length",
        source="eqs 2 and 22",
        statement="The stacked outputs end at sample n, the number of inputs (corrected: at sample k).",
        measure=_eq_2_length,
        limit=0.5,
        tolerance="entries of F in the sizes of Appendix D; " + EXACT,
        expected=CORRECTED,
        chapter="errata",
    ),
    Claim(
        id="definition-4.13-point",
        source="Definition 4.13",
        statement="The nearest point of Z is one point (corrected: near Z and almost everywhere).",
        measure=_nearest_point,
        limit=1e-6,
        tolerance="largest distance between nearest points of a circle, from its centre; corrected: from off it",
        expected=CORRECTED,
        chapter="errata",
    ),
    Claim(
        id="section-6.3-width",
        source="section 6.3",
        statement="With more hidden units than samples H has independent rows (corrected: that is a condition).",
        measure=_width,
        limit=0.5,
        tolerance="rank that is missing: inputs x and 2x; corrected: the start of section 7.3, which meets it",
        expected=CORRECTED,
        chapter="errata",
    ),
    Claim(
        id="section-6.3-pseudo-inverses",
        source="section 6.3",
        statement="H^+ is (H^T H)^-1 H^T for independent columns, H^T (H H^T)^-1 for independent rows.",
        measure=_pseudo_inverses,
        limit=1e-12,
        tolerance="gap to the pseudo-inverse by singular values; rounding only",
        expected=HOLDS,
        chapter="errata",
    ),
    Claim(
        id="section-7.3-step",
        source="section 7.3",
        statement="A step of 1e-3 follows eq. 20 from the random start (corrected: one of 1e-7 does).",
        measure=_step,
        limit=0.1,
        tolerance="share by which the cost falls short of the decrease that its gradient predicts",
        expected=CORRECTED,
        chapter="errata",
        seconds=0.3,
    ),
    Claim(
        id="section-7.3.2-inference",
        source="section 7.3.2 and Fig. 6, bottom left",
        statement="Re F_k orthogonal to Im F_k puts circles in orthogonal planes (corrected: makes them round).",
        measure=_planes,
        limit=0.5,
        tolerance="cosine between the planes of two round circles in two columns; corrected: their |cos(Re, Im)|",
        expected=CORRECTED,
        chapter="errata",
    ),
)
