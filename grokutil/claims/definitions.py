"""Statements of the paper with nothing to measure: names, quotations, plans. Each says why."""

from __future__ import annotations

from grokutil.claims.record import NOT_TESTABLE, Claim


def _untested(id: str, source: str, statement: str, chapter: str, reason: str) -> Claim:
    return Claim(id=id, source=source, statement=statement, expected=NOT_TESTABLE, chapter=chapter, reason=reason)


NAME = "a definition: it gives a name and states nothing"

CLAIMS = (
    _untested(
        "section-1-earlier-work",
        "section 1",
        "Earlier work saw grokking in other tasks, circles in embeddings, and isolated single components.",
        "modular_addition",
        "quotations: the statements belong to the papers that section 1 cites; what they say of weight decay and of "
        "circles has entries of its own",
    ),
    _untested(
        "section-2-concurrent-work",
        "section 2",
        "Boursier et al. prove a fast phase to critical points, then a slow Riemannian flow that lowers the norm.",
        "slow_flow_up_close",
        "a quotation; for a smooth network with full-rank Jacobian the book proves and measures such a limit itself",
    ),
    _untested(
        "definition-4.6",
        "Definition 4.6",
        "Z is the set of parameters with zero loss.",
        "zero_loss_manifold",
        NAME,
    ),
    _untested(
        "definition-4.7",
        "Definition 4.7",
        "The distance to Z is the infimum over its points.",
        "zero_loss_manifold",
        NAME,
    ),
    _untested(
        "definition-4.11",
        "Definition 4.11",
        "A tangent direction is the velocity of a smooth curve in Z.",
        "zero_loss_manifold",
        NAME,
    ),
    _untested(
        "definition-C.3",
        "Definition C.3",
        "The normal space is the orthogonal complement of the tangent space.",
        "gradient_orthogonality",
        NAME,
    ),
    _untested(
        "eq-6",
        "eq. 6",
        "The first part of the weights follows its own part of the gradient.",
        "isolated_dynamics",
        "it is eq. 3, written for a part of the weights",
    ),
    _untested(
        "eqs-23-24",
        "eqs 23 and 24",
        "Z_y is the zero-loss set of the targets y; xi is the set of targets whose Z_y has a singular point.",
        "zero_loss_manifold",
        NAME,
    ),
    _untested(
        "section-5-brownian",
        "section 5, before eq. 8",
        "Brownian paths in four or more dimensions do not cross themselves, which suggests the same of training.",
        "errata",
        "an analogy: a gradient flow is deterministic, so a theorem on Brownian motion is no evidence for or against "
        "it; what would follow for training is question 3",
    ),
    _untested(
        "section-7.3-regression",
        "section 7.3",
        "Fitting one-hot labels by least squares is less principled for a classification task, but works well.",
        "modular_addition",
        "a judgement and a quotation (Rifkin et al.)",
    ),
    _untested(
        "section-8-cross-entropy",
        "section 8, limitations",
        "The paper does not cover cross-entropy.",
        "cross_entropy",
        "a limit that the paper names: with separable one-hot labels cross-entropy has no zero-loss set; what takes "
        "its place is among the book's own statements (ce-...)",
    ),
    _untested(
        "section-8-code",
        "section 8, reproducibility",
        "The code of the experiments is provided.",
        "simulated_grokking",
        "the book computes from the formulas and the settings in the text, and has not run that code",
    ),
)
