"""Evaluations that the resolved flow of Fig. 6 takes to tau = 2.5: read from ``grokutil/results/performance``.

The runs take minutes; ``make results`` makes them again.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from grokutil import results
from grokutil.runs.storage import load_npz


@dataclass(frozen=True)
class Cost:
    """The first run of a method that stays within 2 % of the reference in ||E||^2.

    ``total`` counts evaluations and products with Dv. It is a lower bound where ``reached`` is below the end.
    """

    activation: str
    seed: int
    method: str
    rtol: float
    gap: float
    evaluations: int
    products: int
    reached: float
    end: float

    @property
    def total(self) -> int:
        """Evaluations and products."""
        return self.evaluations + self.products

    @property
    def bound(self) -> str:
        """The sign in front of a lower bound."""
        return "> " if self.reached < self.end else ""


def resolved_flow(folder: Path = results.HERE / "performance") -> list[tuple[Cost, Cost]]:
    """For each stored setting the cost of the stabilised steps, and that of RK45."""
    pairs = []
    for file in sorted(folder.glob("*.npz")):
        arrays, notes = load_npz(file)
        ours, explicit = (_cost(method, arrays, notes) for method in ("rkc", "rk45"))
        pairs.append((ours, explicit))
    return pairs


def _cost(method: str, arrays: dict[str, np.ndarray], notes: dict) -> Cost:
    names = ("rtol", "gap", "evaluations", "products", "reached")
    rtol, gap, evaluations, products, reached = (float(arrays[f"{method}_{name}"][-1]) for name in names)
    who = (notes["activation"], notes["seed"], method)
    return Cost(*who, rtol, gap, int(evaluations), int(products), reached, float(arrays["times"][-1]))
