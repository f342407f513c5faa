"""Numbers and labels in words."""

import numpy as np
import pytest

from grokutil.figures.wording import between, count, finite_values, point, rounded, span, without_tex


@pytest.mark.parametrize(
    ("x", "said"),
    [
        (0, "0"),
        (-0.0, "0"),
        (1.23456, "1.23"),
        (-0.5, "−0.5"),
        (12345, "12300"),
        (999_999, "1000000"),
        (0.00012, "0.00012"),
        (1.2345e-7, "1.23e−7"),
        (7.3e7, "7.3e7"),
        (-4e-12, "−4e−12"),
        (np.float32(2), "2"),
    ],
)
def test_a_number_has_three_digits(x, said):
    assert rounded(x) == said


@pytest.mark.parametrize(
    ("label", "said"),
    [
        ("loss", "loss"),
        ("a - b", "a - b"),
        ("$\\tau$ = 5", "τ = 5"),
        ("$\\lambda\\, /\\, \\kappa_{\\min}$", "λ / κ_min"),
        ("$e^{-4\\lambda t}$", "e^(−4λ t)"),
        ("$\\|W_1\\|_F^2$", "‖W_1‖_F^2"),
        ("$X^\\top$", "X^T"),
        ("cost $5", "cost $5"),
    ],
)
def test_a_label_is_without_marks(label, said):
    assert without_tex(label) == said


def test_ranges_leave_out_what_is_not_finite():
    assert span([3, np.nan, -1, np.inf]) == "−1 to 3" and span([]) == span([np.nan]) == "no finite value"
    assert finite_values([[1, np.nan], np.array([[2.0], [3.0]])]).tolist() == [1, 2, 3]
    assert between(np.array([1.0, 2.0])) == "between 1 and 2" and between(np.ones(3)) == "at 1"
    assert point((1, -2.5)) == "(1, −2.5)" and (count(1, "arrow"), count(2, "arrow")) == ("1 arrow", "2 arrows")
