"""What other groups measured or proved of networks that add, and what this package finds in their setting.

``python -m grokutil.peers`` prints the comparison. Their numbers are facts with a source; ours are stored results,
made by ``python -m grokutil.results peers`` with our own code from the settings that they state.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from grokutil.price import price
from grokutil.results import load

HE = "He et al., arXiv 2602.16849"  # github.com/Y-Agent/modular-addition-feature-learning
MORWANI = "Morwani et al., arXiv 2311.07568"
TRUONG = "Truong, arXiv 2606.18465"  # github.com/ClevixLab/grokking-logit-scale

EPOCHS = (500, 2500, 4000, 4999)
NORM = (5.8459, 20.5227, 30.7734, 36.6137)  # p023_training_log.json, quad_random, one seed
LOSS = (3.1153, 1.9180, 0.2008, 0.00829)
TESTED, RIGHT, RIGHT_AT_END = 133, 98, 128  # p023_grokk_acc.json: at epochs 2400 to 5200, and at the end
VARIANCE = (0.968, 0.973)  # of log delay that the logit scale explains, p = 59 and 97: README.md
SLOPE = (0.117, 0.089)  # of log delay against the logit scale, fitted to the same stored runs (metrics/collapse)


class Comparison(NamedTuple):
    """One row: who, what, their words or numbers, ours, whether the numbers are as ``verdict`` says."""

    peer: str
    what: str
    theirs: str
    ours: str
    verdict: str
    agrees: bool


def span(values: Sequence[float] | np.ndarray, digits: int = 3) -> str:
    """Mean and range, as one reads them."""
    low, middle, high = (f"{x:.{digits}g}" for x in (np.min(values), np.mean(values), np.max(values)))
    return f"{middle} [{low}, {high}]"


def _stored(folder: str, name: str, key: str) -> np.ndarray:
    """A measurement of the five seeds, (5, ...)."""
    return np.array([load(folder, f"{name}_{seed}")[0][key] for seed in range(5)])


def adamw() -> tuple[Comparison, ...]:
    """Training modulo 23 with AdamW: norm and loss along the way, and what one learns from where it ends."""
    norm, loss, ours = (_stored("peers", "adamw", key) for key in ("norm", "loss", "price"))
    rows = []
    for name, found, theirs, digits, limit in (("norm", norm, NORM, 6, 3e-3), ("loss", loss, LOSS, 4, 0.2)):
        means, gap = found.mean(0), abs(found.mean(0) / theirs - 1).max()
        rows.append(
            Comparison(
                HE,
                f"{name} at epochs {', '.join(map(str, EPOCHS))}",
                ", ".join(f"{x:.{digits}g}" for x in theirs),
                ", ".join(f"{x:.{digits}g}" for x in means),
                f"means of five seeds within {gap:.2%}, seeds within {abs(found / theirs - 1).max():.2%}",
                gap < limit,
            )
        )
    least = price(23)
    return (
        *rows,
        Comparison(
            HE,
            "squared norm at margin one, last epoch",
            "not stated",
            span(ours[:, -1]),
            f"{ours[:, -1].mean() / least:.1f} times the {least:.0f} of a network that adds with squared error",
            bool((ours[:, -1] > 2 * least).all()),
        ),
    )


def mirrored() -> tuple[Comparison, ...]:
    """The test accuracy when the training pairs are known: pairs that are in the training set the other way round."""
    share, accuracy, seen, unseen = (
        _stored("peers", "mirrored", key) for key in ("share", "accuracy", "seen", "unseen")
    )
    chance = 396 / 528 * 22 / 23
    return (
        Comparison(
            HE,
            "test accuracy after memorising, 0.75 of ordered pairs",
            f"{RIGHT / TESTED:.3f} ({RIGHT} of {TESTED})",
            f"{chance:.3f} expected, {span(accuracy)}",
            "the pairs known the other way round, and no others",
            bool((accuracy == share).all() and (seen == 1).all() and (unseen == 0).all())
            and abs(RIGHT / TESTED - chance) < 0.04,
        ),
        Comparison(
            HE,
            "right at the end, of pairs not known either way",
            f"about {RIGHT_AT_END - RIGHT} of {TESTED - RIGHT}",
            "0 before they generalise",
            "the delay that they show is there",
            RIGHT_AT_END - RIGHT > 0.8 * (TESTED - RIGHT),
        ),
    )


def margin() -> tuple[Comparison, ...]:
    """The largest margin over the norm of their theorem, and how many units reach it."""
    arrays, notes = load("peers", "margin")
    gap = abs(arrays["reached"] - 1).max()
    return (
        Comparison(
            MORWANI,
            "largest margin, p = 7, 11, 23",
            "sqrt(2/27) / (sqrt(p) (p - 1)), from 4 (p - 1) units on",
            f"reached to {gap:.0e} with 3 (p - 1) units too",
            "reproduced; six phases are enough",
            bool(gap < 1e-6 and (arrays["units"][0] == 3 * (np.array(notes["p"]) - 1)).all()),
        ),
    )


def delay() -> tuple[Comparison, ...]:
    """The logarithm of the time to generalise against the scale of the logits, with the norm held."""
    scales = np.array(load("cross_entropy", "clamped_0")[1]["scales"], dtype=float)
    times, margins = _stored("cross_entropy", "clamped", "log_time"), _stored("cross_entropy", "clamped", "margin")
    slopes, explained = [], []
    for y, q in zip(times, margins, strict=True):
        x, y, q = scales[np.isfinite(y)], y[np.isfinite(y)], q[np.isfinite(y)]
        slopes.append(np.polyfit(x, y, 1)[0] / q.mean())
        explained.append(np.corrcoef(x, y)[0, 1] ** 2)
    theirs = " and ".join(map(str, VARIANCE))
    return (
        Comparison(
            TRUONG,
            "log of the delay, linear in the logit scale: R^2",
            f"{theirs} (p = 59, 97, AdamW)",
            f"{span(explained, 4)} (p = 17, gradient flow)",
            "reproduced, and derived",
            min(explained) > 0.96,
        ),
        Comparison(
            TRUONG,
            "its slope",
            " and ".join(map(str, SLOPE)),
            f"{span(slopes)} times the smallest margin, 1 predicted",
            "ours as predicted; AdamW, which rescales gradients, has another",
            0.85 < min(slopes) and max(slopes) < 1.05,
        ),
    )


def comparisons() -> tuple[Comparison, ...]:
    """All rows."""
    return (*adamw(), *mirrored(), *margin(), *delay())


def main() -> int:
    """Print the comparison; 1 if a verdict does not hold."""
    rows = comparisons()
    for row in rows:
        print(f"{row.peer}: {row.what}\n    theirs  {row.theirs}\n    ours    {row.ours}")
        print(f"    {'holds' if row.agrees else 'DOES NOT HOLD'}: {row.verdict}")
    return int(not all(row.agrees for row in rows))


if __name__ == "__main__":
    sys.exit(main())
