"""Numbers, ranges and labels as one says them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import numpy as np

LETTERS = dict(
    zip(
        "alpha beta gamma delta varepsilon epsilon eta theta kappa lambda mu nu xi pi rho sigma tau phi psi chi omega "
        "Gamma Delta Theta Lambda Sigma Phi Omega".split(),
        "αβγδεεηθκλμνξπρστφψχωΓΔΘΛΣΦΩ",
        strict=True,
    )
)
SIGNS = dict(
    zip(
        "circ times cdot to infty pm approx | leq geq le ge partial nabla perp top dots ldots cdots sqrt".split(),
        "∘ × · → ∞ ± ≈ ‖ ≤ ≥ ≤ ≥ ∂ ∇ ⊥ T ... ... ... √".split(),
        strict=True,
    )
)
MARKS = r"\\(?:mathrm|text|mathbf|mathcal|operatorname|bar|hat|dot|left|right|frac)(?![A-Za-z])|\\[,;!: ]"


def rounded(x: float) -> str:
    """A number with three digits: 0.05, 1230, 1.2e−7."""
    text = f"{float(x):.3g}"
    if "e" in text and 1e-4 <= abs(x) < 1e6:
        text = f"{float(text):.0f}"
    elif "e" in text:
        digits, power = text.split("e")
        text = f"{digits}e{int(power)}"
    return "0" if text == "-0" else text.replace("-", "−")


def without_tex(text: str) -> str:
    r"""A label without the marks of TeX: ``$\tau_{i}$`` is τ_i."""

    def formula(match: re.Match[str]) -> str:
        inner = re.sub(MARKS, " ", match[1]).replace("-", "−")
        inner = re.sub(r"\\([A-Za-z]+|\|)", lambda m: LETTERS.get(m[1]) or SIGNS.get(m[1], m[1]), inner)
        return re.sub(r"[{}\\]", "", re.sub(r"\^\{([^{}]{2,})\}", r"^(\1)", inner))

    return " ".join(re.sub(r"\$([^$]*)\$", formula, text).split())


def finite_values(parts: Iterable[Any]) -> np.ndarray:
    """The finite numbers of several arrays in one row."""
    together = np.concatenate([np.ravel(np.asarray(part, float)) for part in parts] or [np.empty(0)])
    return together[np.isfinite(together)]


def span(values: Any) -> str:
    """From the least to the greatest."""
    found = finite_values([values])
    return f"{rounded(found.min())} to {rounded(found.max())}" if len(found) else "no finite value"


def between(values: np.ndarray) -> str:
    """Where several numbers lie."""
    low, high = rounded(values.min()), rounded(values.max())
    return f"at {low}" if low == high else f"between {low} and {high}"


def point(place: Iterable[Any]) -> str:
    """The coordinates of a point."""
    return "(" + ", ".join(rounded(float(x)) for x in place) + ")"


def count(n: int, noun: str) -> str:
    """How many of them: 1 arrow, 2 arrows."""
    return f"{n} {noun}{'s' * (n != 1)}"
