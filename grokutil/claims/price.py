"""Claims about why the shortest solution adds: what adding costs, what memorising costs; ours, to section 3.2."""

from __future__ import annotations

from grokutil.adders import polygons
from grokutil.claims.record import FIVE, OURS, Claim
from grokutil.data import modular_addition
from grokutil.least_norm import least_norm
from grokutil.measure import accuracy
from grokutil.model import predict
from grokutil.price import all_pairs, crossing, pair_cost, price
from grokutil.relu_price import relu_price_bound

WIDTH, P = 80, 11


def _pentagon() -> tuple[float, None]:
    """Largest error of the networks of five phases over all pairs, for five moduli."""
    errors = []
    for p in (7, 11, 13, 37, 97):
        X, Y = all_pairs(p)
        errors.append(float((predict(*polygons(p, 5), X, "quadratic") - Y).abs().max()))
    return max(errors), None


def _pair(seed: int) -> tuple[float, None]:
    """Relative gap of the least norm found for one pair to the formula: (0, 0) and (0, 1), quadratic and ReLU."""
    (X, Y), gaps = all_pairs(7), []
    for row, equal in ((0, True), (1, False)):
        for activation in ("quadratic", "relu"):
            one = X[row : row + 1], Y[row : row + 1]
            found = least_norm(*one, 12, activation=activation, seed=seed, ridges=(1e-2, 1e-4))
            gaps.append(abs(found.norm2 / pair_cost(activation, equal) - 1))
    return max(gaps), None


def _price() -> tuple[float, None]:
    """Relative gap of the lowest of two searches on all pairs modulo 7 to the price."""
    X, Y = all_pairs(7)
    found = min(least_norm(X, Y, 40, seed=seed, ridges=(1e-2, 1e-3, 1e-4), steps=1500).norm2 for seed in range(2))
    return abs(found / price(7) - 1), None


def _threshold(seed: int) -> tuple[float, None]:
    """The larger of the accuracy at 0.75 of n* and the errors at 1.2 of n*, in shares of the test pairs."""
    right = []
    for share in (0.75, 1.2):
        task = modular_addition(P, train_size=round(share * crossing(P)), seed=seed)
        found = least_norm(task.X_train, task.Y_train, WIDTH, seed=seed, ridges=(3e-2, 3e-3), steps=1500)
        outputs = predict(found.W1, found.W2, task.X_test, "quadratic")
        right.append(float(accuracy(outputs, task.labels_test)))
    return max(right[0], 1 - right[1]), None


def _relu_bound() -> tuple[float, None]:
    """47.7 over the bound that the positive matrix proves; infinite where the matrix is not positive."""
    proof = relu_price_bound(P)
    return (47.7 / proof.bound if proof.smallest > 0 else float("inf")), None


CLAIMS = (
    Claim(
        id="price-pair",
        source="our addition to section 3.2",
        statement="To memorise one pair costs 3 * 2^(-4/3) of squared norm, sqrt(2) for ReLU; a pair "
        "(a, a) costs 3/4 and 1.",
        measure=_pair,
        limit=1e-3,
        tolerance="relative gap of the least norm found at lambda = 1e-4",
        whose=OURS,
        chapter="price",
        seeds=FIVE,
        seconds=0.3,
    ),
    Claim(
        id="price-pentagon",
        source="our addition to section 7.3.2",
        statement="Five equally spaced phases a frequency add exactly.",
        measure=_pentagon,
        limit=1e-12,
        tolerance="largest error over all pairs, p from 7 to 97; rounding",
        whose=OURS,
        chapter="price",
    ),
    Claim(
        id="price-all-pairs",
        source="our addition to section 3.2",
        statement="The least norm found on all pairs is that of pentagons with one frequency that shares the constant.",
        measure=_price,
        limit=1e-4,
        tolerance="relative gap for p = 7, the lower of two searches",
        whose=OURS,
        chapter="price",
        seconds=3.0,
    ),
    Claim(
        id="price-threshold",
        source="our addition to section 3.2",
        statement="The network of least norm begins to generalise near the number of pairs where a list costs as much "
        "as the rule.",
        measure=_threshold,
        limit=0.5,
        tolerance="accuracy at 0.75 of that number, or errors at 1.2 of it, p = 11; one half",
        whose=OURS,
        chapter="price",
        seeds=FIVE,
        seconds=3.0,
    ),
    Claim(
        id="price-relu-bound",
        source="our addition to section 3.2",
        statement="No ReLU network of any width adds modulo 11 with a squared norm below 47.7.",
        measure=_relu_bound,
        limit=1.0,
        tolerance="47.7 over the bound that a positive matrix proves",
        whose=OURS,
        chapter="price",
        seconds=0.5,
    ),
)
