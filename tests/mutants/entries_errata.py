"""False statements: entries of the errata, the appendices and Fig. 6, each with its nearest wrong form."""

from .mutant import Mutant

MUTANTS = (
    Mutant(
        "claims/errata",
        "hidden(W1 + length * direction, X)",
        "hidden(W1 + length**0.5 * direction, X)",
        "the set of kinks is met in proportion to the root of the length",
        claims=("section-3.3-null-set",),
    ),
    Mutant(
        "claims/errata",
        "max(0, 3 - min(ranks))",
        "max(0, 1 - min(ranks))",
        "starts of codimension 1 are a null set for two free times",
        claims=("section-5-once",),
    ),
    Mutant(
        "claims/errata",
        "wide.mT @ torch.linalg.inv(wide @ wide.mT)",
        "wide.mT @ (wide @ wide.mT)",
        "H^+ is H^T (H H^T) for independent rows",
        claims=("section-6.3-pseudo-inverses",),
    ),
    Mutant(
        "claims/errata_appendices",
        "return lacking(5, 3), ",
        "return lacking(2, 3), ",
        "no tangent directions for km = 2, d = 3",
        claims=("lemma-C.1-sizes",),
    ),
    Mutant(
        "claims/errata_appendices",
        "w[0].abs() ** 1.5",
        "w[0].abs() ** 2.5",
        "the curve v = |u|^(5/2) has no second derivative",
        claims=("theorem-C.2-smooth",),
    ),
    Mutant(
        "claims/errata_appendices",
        "inverse @ M @ inverse @ dP",
        "inverse @ M @ inverse @ dP.mT",
        "the derivative of Tr(M P^-1) with its transpose",
        claims=("appendix-E-lemma",),
    ),
    Mutant(
        "claims/errata_appendices",
        "largest / task.Y_train.numel()",
        "largest / len(task.Y_train)",
        "with a learning rate of 1 the mean over samples only starts stable",
        claims=("appendix-D-loss",),
    ),
    Mutant(
        "claims/figure_6",
        "seed=seed), TIMES, step=1e-3",
        "seed=seed), [tau / 10 for tau in TIMES], step=1e-3",
        "Fig. 6 on a clock ten times as slow",
        claims=(
            "figure-6a-emerges",
            "figure-6a-generalises",
            "figure-6b",
            "figure-6c",
            "figure-6d-between",
            "figure-6d-within",
            "section-7.3.2-planes",
            "section-7.3.2-order",
        ),
    ),
)
