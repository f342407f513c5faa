"""Claims of section 7.3.2 and Fig. 6, top right and bottom row: five runs, the worst of which decides."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from grokutil.claims.figure_6 import SECONDS, SHARED, figure_6
from grokutil.claims.record import CORRECTED, FIVE, REPRODUCED, Claim
from grokutil.fourier import (
    circle,
    feature_cosines,
    feature_norms,
    fourier_features,
    plane,
    unit_correlation,
    unit_similarity,
    within_and_between,
)


def _features(tau: float, seed: int) -> Tensor:
    return fourier_features(figure_6(seed)[2][tau])


def _figure_6b(seed: int) -> tuple[float, None]:
    def spread(F: Tensor) -> float:
        norms = feature_norms(F)
        return float((norms[:, 0] / norms[:, 1]).log().std())

    return spread(_features(5.0, seed)) / spread(_features(0.0, seed)), None


def _sizes(seed: int) -> tuple[float, None]:
    def variation(F: Tensor) -> float:
        radii = feature_norms(F).square().sum(dim=1).sqrt()
        return float(radii.std() / radii.mean())

    return variation(_features(5.0, seed)), None


def _figure_6c(seed: int) -> tuple[float, None]:
    start, end = (float(feature_cosines(_features(tau, seed)).abs().mean()) for tau in (0.0, 5.0))
    return end / start, None


def _figure_6d_between(seed: int) -> tuple[float, None]:
    start, end = (within_and_between(unit_similarity(_features(tau, seed)))[1] for tau in (0.0, 5.0))
    return end / start, None


def _figure_6d_within(seed: int) -> tuple[float, None]:
    """The larger of two correlations, over the one within a frequency at the end: within at the start, between."""
    (first, _), (within, between) = (within_and_between(unit_correlation(_features(tau, seed))) for tau in (0.0, 5.0))
    return max(abs(first), abs(between)) / within, None


def _planes(seed: int) -> tuple[float, None]:
    def mean_cosine(F: Tensor) -> float:
        """Largest cosine between vectors of two planes, mean over pairs of frequencies."""
        axes = torch.stack([plane(F_k) for F_k in F])  # (K, d_h, 2)
        overlaps = torch.einsum("khx,lhy->klxy", axes, axes)
        different = ~torch.eye(len(F), dtype=torch.bool)
        return float(torch.linalg.matrix_norm(overlaps, ord=2)[different].mean())

    return mean_cosine(_features(5.0, seed)) / mean_cosine(_features(0.0, seed)), None


def _order(seed: int) -> tuple[float, float]:
    """Printed: a walk along circle k goes in steps of k. Corrected: in steps of its inverse modulo p."""
    task, _, states = figure_6(seed)
    frequencies = range(1, (task.p + 1) // 2)

    def share_out_of_order(step: dict[int, int]) -> float:
        wrong = 0
        for k in frequencies:
            x, y = circle(states[5.0], k).T
            met = torch.atan2(y, x).argsort()
            steps = set(((met.roll(-1) - met) % task.p).tolist())
            wrong += steps not in ({step[k]}, {task.p - step[k]})
        return wrong / len(frequencies)

    return share_out_of_order({k: k for k in frequencies}), share_out_of_order(
        {k: pow(k, -1, task.p) for k in frequencies}
    )


claim = partial(Claim, chapter="fourier_circles", seeds=FIVE, shares=SHARED, seconds=SECONDS)

CLAIMS = (
    claim(
        id="figure-6b",
        source="section 7.3.2 and Fig. 6, top right",
        statement="Norms of the real and imaginary parts of the Fourier features equalise.",
        measure=_figure_6b,
        limit=0.5,
        tolerance="spread of log(|Re F_k| / |Im F_k|) over k, end over start",
        expected=REPRODUCED,
        figure=True,
    ),
    claim(
        id="section-7.3.2-sizes",
        source="section 7.3.2 and Fig. 6, top right",
        statement="The circles of different frequencies are equally large.",
        measure=_sizes,
        limit=0.1,
        tolerance="standard deviation of |F_k| over k at the end, over its mean; a tenth counts as equal",
    ),
    claim(
        id="figure-6c",
        source="section 7.3.2 and Fig. 6, bottom left",
        statement="Real and imaginary parts of the Fourier features become orthogonal.",
        measure=_figure_6c,
        limit=0.5,
        tolerance="mean |cos(Re F_k, Im F_k)|, end over start",
        expected=REPRODUCED,
        figure=True,
    ),
    claim(
        id="figure-6d-between",
        source="section 7.3.2 and Fig. 6, bottom right",
        statement="Absolute values of features of different frequencies become dissimilar.",
        measure=_figure_6d_between,
        limit=0.5,
        tolerance="mean cosine of absolute values between frequencies, end over start",
        expected=REPRODUCED,
        figure=True,
    ),
    claim(
        id="figure-6d-within",
        source="section 7.3.2 and Fig. 6, bottom right",
        statement="Absolute values of Re F_k and Im F_k become similar, those of different frequencies do not.",
        measure=_figure_6d_within,
        limit=0.5,
        tolerance="correlation within a frequency at the start, or between frequencies at the end, the larger, over "
        "that within a frequency at the end; a half",
        expected=REPRODUCED,
        figure=True,
    ),
    claim(
        id="section-7.3.2-planes",
        source="section 7.3.2 and Fig. 6, bottom left",
        statement="Circles of different frequencies lie in orthogonal planes.",
        measure=_planes,
        limit=0.5,
        tolerance="mean over pairs of the largest cosine between two planes, end over start",
    ),
    claim(
        id="section-7.3.2-order",
        source="section 7.3.2",
        statement="Along circle k the numbers appear in the order 0, k, 2k, ... (corrected: 0, 1/k, 2/k, ... mod p).",
        measure=_order,
        limit=0.12,
        tolerance="share of the 18 circles in another order at the end; two may be",
        expected=CORRECTED,
    ),
)
