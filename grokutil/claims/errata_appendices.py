"""Slips of the paper's appendices C to E that no other chapter's claims cover: inequalities, inverses, a transpose."""

from __future__ import annotations

import torch

from grokutil.claims.errata import appendix_D
from grokutil.claims.record import CORRECTED, Claim
from grokutil.manifold import jacobian, ntk

WEIGHTS = 2 * 11 * 128  # of the network of Appendix D


def _lemma_C1() -> tuple[float, float]:
    task, W1, W2 = appendix_D()
    km, d = jacobian(W1, W2, task.X_train).shape
    return max(d - km, 0), max(km - d, 0)


def _theorem_C2() -> tuple[float, float]:
    """Growth of the difference quotients of |u|^(3/2) at 0 from h = 1e-2 to 1e-6: second, and first."""

    def quotient(h: float, order: int) -> float:
        return h**1.5 / h**order

    return quotient(1e-6, 2) / quotient(1e-2, 2), quotient(1e-6, 1) / quotient(1e-2, 1)


def _appendix_D_inverse() -> tuple[float, float]:
    """Missing rank of the matrix to be inverted, J^T J and J J^T; J has the rank of either."""
    task, W1, W2 = appendix_D()
    Theta = ntk(W1, W2, task.X_train)
    rank = int(torch.linalg.matrix_rank(Theta, hermitian=True))
    return WEIGHTS - rank, len(Theta) - rank


def _appendix_D_step() -> tuple[float, float]:
    """The step 1 over the largest stable step at the start: sum of squares, and mean over all entries."""
    task, W1, W2 = appendix_D()
    largest = float(torch.linalg.eigvalsh(ntk(W1, W2, task.X_train))[-1])
    return largest, largest / task.Y_train.numel()


def _trace_lemma() -> tuple[float, float]:
    M, P = torch.tensor([[[1.0, 2.0], [3.0, 4.0]], [[2.0, 1.0], [0.0, 3.0]]], dtype=torch.float64)
    P.requires_grad_()
    (slope,) = torch.autograd.grad(torch.trace(M @ torch.linalg.inv(P)), P)
    inverse = torch.linalg.inv(P.detach())
    printed = -inverse @ M @ inverse
    return float((slope - printed).norm()), float((slope - printed.mT).norm())


CLAIMS = (
    Claim(
        id="lemma-C.1-sizes",
        source="Lemma C.1",
        statement="km >= d (corrected: d >= km).",
        measure=_lemma_C1,
        limit=0.5,
        tolerance="by how much the inequality fails in the sizes of Appendix D",
        expected=CORRECTED,
        chapter="errata",
        seconds=0.2,
    ),
    Claim(
        id="theorem-C.2-smooth",
        source="Theorem C.2",
        statement="For F in C^1 the curves in Z are smooth (corrected: as smooth as F).",
        measure=_theorem_C2,
        limit=1.0,
        tolerance="growth of a difference quotient of the curve as h falls: second; corrected: first",
        expected=CORRECTED,
        chapter="errata",
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
        source="eq. 1 and Appendix D",
        statement="The loss is a sum, trained with step 1 (corrected: a mean over entries; the sum is unstable).",
        measure=_appendix_D_step,
        limit=1.0,
        tolerance="the step over the largest one that is stable at the start, 1 / sigma_max(J)^2 for the sum",
        expected=CORRECTED,
        chapter="errata",
        seconds=0.3,
    ),
    Claim(
        id="appendix-E-lemma",
        source="Appendix E",
        statement="The derivative of Tr(M P^-1) by P is -P^-1 M P^-1 (corrected: its transpose).",
        measure=_trace_lemma,
        limit=1e-12,
        tolerance="gap to autograd for matrices that are not symmetric",
        expected=CORRECTED,
        chapter="errata",
    ),
)
