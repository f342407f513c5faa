"""The claim ledger: each statement of the paper that the book tests, with the check that tests it.

``LEDGER`` holds the records; ``python -m grokutil.claims`` runs them all and prints a table.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import cast

import torch
from torch import Tensor

from grokutil.data import Task, modular_addition
from grokutil.flow import integrate
from grokutil.fourier import feature_cosines, feature_norms, fourier_features, unit_similarity, within_and_between
from grokutil.isolated import FirstLayerDynamics, first_layer_velocity, optimal_readout, reduced_cost
from grokutil.measure import accuracy, relative_residual
from grokutil.model import gaussian_embedding, hidden, predict

HOLDS = "holds"
CORRECTED = "holds after correction"
FAILS = "does not hold"
NOT_TESTABLE = "not testable here"
OUTCOMES = (HOLDS, CORRECTED, FAILS, NOT_TESTABLE)


@dataclass(frozen=True)
class Verdict:
    """What a check found.

    Attributes:
        outcome: one of ``OUTCOMES``.
        measured: the number that decided, in the units that the claim's ``tolerance`` names.
        seconds: how long the check took.
    """

    outcome: str
    measured: float
    seconds: float


@dataclass(frozen=True)
class Claim:
    """A statement of the paper and how it is tested.

    Attributes:
        id: short name, unique in the ledger.
        source: where the paper says it.
        statement: what it says, in our words.
        measure: runs the test and returns ``(measured, corrected)``: the number that decides for the paper's
            statement, and the same number for our correction (None where there is nothing to correct).
        limit: the statement holds when its number is at most ``limit``.
        tolerance: what the number is and why the limit is where it is.
        expected: the outcome the book reports.
        seeds: seeds used.
        seconds: about how long the check takes on two cores.
        chapter: the chapter that derives or shows it.
    """

    id: str
    source: str
    statement: str
    measure: Callable[[], tuple[float, float | None]]
    limit: float
    tolerance: str
    expected: str
    chapter: str
    seeds: tuple[int, ...] = (0,)
    seconds: float = 0.1

    def check(self) -> Verdict:
        """Run the test; nothing is looked up."""
        begin = time.perf_counter()
        measured, corrected = self.measure()
        if measured <= self.limit:
            outcome, decisive = HOLDS, measured
        elif corrected is not None and corrected <= self.limit:
            outcome, decisive = CORRECTED, corrected
        else:
            outcome, decisive = FAILS, measured
        return Verdict(outcome, decisive, time.perf_counter() - begin)


# --- eqs 14-20 on a small task: p = 7, width 40, tanh -------------------------------------------------------------

RIDGE = 0.1


def _small() -> tuple[Tensor, Tensor, Tensor]:
    task = modular_addition(7, 0.7, seed=0)
    return gaussian_embedding(7, 40, seed=0), task.X_train, task.Y_train


def _gap(actual: Tensor, expected: Tensor) -> float:
    return float((actual - expected).norm() / expected.norm())


def _primal_readout(H: Tensor, Y: Tensor, ridge: float) -> Tensor:
    return torch.linalg.solve(H.mT @ H + ridge * torch.eye(H.shape[1], dtype=H.dtype), H.mT @ Y)


def _eq_15() -> tuple[float, None]:
    E, X, Y = _small()
    H = hidden(E, X, "tanh")
    W2 = _primal_readout(H, Y, RIDGE).requires_grad_()
    cost = (H @ W2 - Y).square().sum() + RIDGE * W2.square().sum()
    (gradient,) = torch.autograd.grad(cost, W2)
    return float(gradient.norm() / (H.mT @ Y).norm()), None


def _eq_18() -> tuple[float, None]:
    E, X, Y = _small()
    H = hidden(E, X, "tanh")
    return max(
        _gap(optimal_readout(H, Y), torch.linalg.pinv(H) @ Y), relative_residual(H @ optimal_readout(H, Y), Y)
    ), None


def _eq_19() -> tuple[float, None]:
    E, X, Y = _small()
    W2 = torch.linalg.pinv(hidden(E, X, "tanh")) @ Y
    norms = E.square().sum() + W2.square().sum()
    return _gap(reduced_cost(E, X, Y, "tanh"), norms), None


def _eq_16() -> tuple[float, None]:
    E, X, Y = _small()
    H = hidden(E, X, "tanh")
    W2 = _primal_readout(H, Y, RIDGE)
    L_lambda = (H @ W2 - Y).square().sum() + RIDGE * (E.square().sum() + W2.square().sum())
    return _gap(reduced_cost(E, X, Y, "tanh", RIDGE), L_lambda / RIDGE), None


def _gradient_of_R_over_lambda() -> Tensor:
    E, X, Y = _small()
    E.requires_grad_()
    return torch.autograd.grad(reduced_cost(E, X, Y, "tanh"), E)[0]


def _bracket() -> Tensor:
    """X^T ((A Y Y^T A H) o sigma'), as printed, with the inverse."""
    E, X, Y = _small()
    H = hidden(E, X, "tanh")
    A = torch.linalg.inv(H @ H.mT)
    return X.mT @ ((A @ Y @ Y.mT @ A @ H) * (1 - H**2))


def _eq_20_direction() -> tuple[float, None]:
    E, _, _ = _small()
    printed, descent = _bracket() - E, -_gradient_of_R_over_lambda()
    return 1 - float((printed * descent).sum() / (printed.norm() * descent.norm())), None


def _eq_20_clock() -> tuple[float, float]:
    """Printed: dW1/dt = -grad R, in units of lambda. Corrected: dW1/dtau = -grad R / (2 lambda)."""
    E, _, _ = _small()
    descent = -_gradient_of_R_over_lambda()
    return _gap(_bracket() - E, descent), _gap(_bracket() - E, descent / 2)


def _appendix_E_sign() -> tuple[float, float]:
    E, _, _ = _small()
    gradient = _gradient_of_R_over_lambda()
    printed = -2 * E + 2 * _bracket()
    return _gap(printed, gradient), _gap(-printed, gradient)


def _ridge_velocity() -> tuple[float, None]:
    E, X, Y = _small()
    E.requires_grad_()
    (gradient,) = torch.autograd.grad(reduced_cost(E, X, Y, "tanh", RIDGE), E)
    return _gap(first_layer_velocity(E.detach(), X, Y, "tanh", RIDGE), -gradient / 2), None


# --- section 7.3 and Fig. 6: p = 37, width 512, seed 0 ------------------------------------------------------------


@cache
def _figure_6() -> tuple[Task, FirstLayerDynamics, dict[float, Tensor]]:
    """The run of section 7.3 as published; states by tau."""
    task = modular_addition(37, 0.7, seed=0)
    dynamics = FirstLayerDynamics(task.X_train, task.Y_train)
    times = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 1.0, 2.0, 2.5, 3.0, 5.0]
    run = integrate(dynamics, gaussian_embedding(37, 512, seed=0), times, step=1e-3)
    states = cast(Sequence[Tensor], run.states)
    return task, dynamics, dict(zip(times, states, strict=True))


def _section_73_inverse() -> tuple[float, float]:
    """Smallest over largest singular value, inverted: how many digits each inverse costs."""
    task = modular_addition(37, 0.7, seed=0)
    H = hidden(gaussian_embedding(37, 512, seed=0), task.X_train)
    return float(torch.linalg.cond(H.mT @ H)), float(torch.linalg.cond(H @ H.mT))


def _test_accuracy(tau: float) -> float:
    task, dynamics, states = _figure_6()
    E = states[tau]
    return accuracy(predict(E, dynamics.readout(E), task.X_test), task.labels_test)


def _figure_6a_chance() -> tuple[float, None]:
    return max(_test_accuracy(tau) for tau in (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)), None


def _figure_6a_generalises() -> tuple[float, None]:
    return 1 - min(_test_accuracy(tau) for tau in (2.5, 3.0, 5.0)), None


def _zero_loss_throughout() -> tuple[float, None]:
    task, dynamics, states = _figure_6()
    outputs = (predict(E, dynamics.readout(E), task.X_train) for E in states.values())
    return max(relative_residual(output, task.Y_train) for output in outputs), None


def _features(tau: float) -> Tensor:
    return fourier_features(_figure_6()[2][tau])


def _figure_6b() -> tuple[float, None]:
    def spread(F: Tensor) -> float:
        norms = feature_norms(F)
        return float((norms[:, 0] / norms[:, 1]).log().std())

    return spread(_features(5.0)) / spread(_features(0.0)), None


def _figure_6c() -> tuple[float, None]:
    start, end = (float(feature_cosines(_features(tau)).abs().mean()) for tau in (0.0, 5.0))
    return end / start, None


def _figure_6d_between() -> tuple[float, None]:
    start, end = (within_and_between(unit_similarity(_features(tau)))[1] for tau in (0.0, 5.0))
    return end / start, None


def _figure_6d_within() -> tuple[float, float]:
    """Printed: the end is very similar (1 - similarity small). Corrected: it stays at 2 / pi, as at the start."""
    within = [within_and_between(unit_similarity(_features(tau)))[0] for tau in (0.0, 5.0)]
    return 1 - within[1], max(abs(w - 2 / math.pi) for w in within)


ROUNDING = "relative gap of two routes to the same matrix, float64: rounding only"

LEDGER: tuple[Claim, ...] = (
    Claim(
        id="eq-15",
        source="eqs 14 and 15",
        statement="The optimal readout for fixed hidden activations is the ridge solution.",
        measure=_eq_15,
        limit=1e-12,
        tolerance="gradient of the cost at the solution, relative to that at zero",
        expected=HOLDS,
        chapter="closed_form",
    ),
    Claim(
        id="eq-16",
        source="eq. 16",
        statement="The reduced cost is the regularised loss at the optimal readout.",
        measure=_eq_16,
        limit=1e-12,
        tolerance=ROUNDING,
        expected=HOLDS,
        chapter="closed_form",
    ),
    Claim(
        id="eq-17-ridge",
        source="eq. 17",
        statement="The ridge form of the velocity is the gradient of the reduced cost.",
        measure=_ridge_velocity,
        limit=1e-12,
        tolerance=ROUNDING,
        expected=HOLDS,
        chapter="closed_form",
    ),
    Claim(
        id="eq-18",
        source="eq. 18",
        statement="Without ridge the readout is the pseudo-inverse solution and interpolates.",
        measure=_eq_18,
        limit=1e-9,
        tolerance=ROUNDING + "; cond(H H^T) digits are lost",
        expected=HOLDS,
        chapter="closed_form",
    ),
    Claim(
        id="eq-19",
        source="eq. 19",
        statement="In the limit the reduced cost is lambda times the squared norm of both layers.",
        measure=_eq_19,
        limit=1e-9,
        tolerance=ROUNDING,
        expected=HOLDS,
        chapter="closed_form",
    ),
    Claim(
        id="eq-20-direction",
        source="eq. 20",
        statement="The closed form points along the negative gradient of the reduced cost.",
        measure=_eq_20_direction,
        limit=1e-12,
        tolerance="one minus the cosine with autograd's gradient",
        expected=HOLDS,
        chapter="closed_form",
    ),
    Claim(
        id="eq-20-clock",
        source="eq. 20",
        statement="The closed form is the velocity on the clock t of eq. 17 (corrected: on tau = 2 lambda t).",
        measure=_eq_20_clock,
        limit=1e-9,
        tolerance=ROUNDING,
        expected=CORRECTED,
        chapter="closed_form",
    ),
    Claim(
        id="appendix-E-sign",
        source="Appendix E, last line",
        statement="The printed expression is the gradient of the reduced cost (corrected: minus the gradient).",
        measure=_appendix_E_sign,
        limit=1e-9,
        tolerance=ROUNDING,
        expected=CORRECTED,
        chapter="closed_form",
    ),
    Claim(
        id="section-7.3-inverse",
        source="section 7.3",
        statement="The readout of the simulation is (H^T H)^-1 H^T Y (corrected: H^T (H H^T)^-1 Y).",
        measure=_section_73_inverse,
        limit=1e12,
        tolerance="condition number of the inverted matrix; float64 carries 16 digits, four must be left",
        expected=CORRECTED,
        chapter="closed_form",
        seconds=0.5,
    ),
    Claim(
        id="section-7.3-zero-loss",
        source="section 7.3 and Fig. 6, top left",
        statement="The training loss is zero throughout the simulation.",
        measure=_zero_loss_throughout,
        limit=1e-8,
        tolerance="largest relative training residual at eleven records; rounding only",
        expected=HOLDS,
        chapter="simulated_grokking",
        seconds=40,
    ),
    Claim(
        id="figure-6a-chance",
        source="section 7.3.1 and Fig. 6, top left",
        statement="Test accuracy is no better than guessing for the first 500 steps.",
        measure=_figure_6a_chance,
        limit=0.1,
        tolerance="largest accuracy at six records; chance is 1/37, and 0.1 is 6.5 standard deviations above it",
        expected=HOLDS,
        chapter="simulated_grokking",
        seconds=40,
    ),
    Claim(
        id="figure-6a-generalises",
        source="section 7.3.1 and Fig. 6, top left",
        statement="The network generalises perfectly (seeds differ: by step 2500 rather than 2000).",
        measure=_figure_6a_generalises,
        limit=0.05,
        tolerance="largest test error from step 2500 on",
        expected=HOLDS,
        chapter="simulated_grokking",
        seconds=40,
    ),
    Claim(
        id="figure-6b",
        source="section 7.3.2 and Fig. 6, top right",
        statement="Norms of the real and imaginary parts of the Fourier features equalise.",
        measure=_figure_6b,
        limit=0.5,
        tolerance="spread of log(|Re F_k| / |Im F_k|) over k, end over start",
        expected=HOLDS,
        chapter="fourier_circles",
        seconds=40,
    ),
    Claim(
        id="figure-6c",
        source="section 7.3.2 and Fig. 6, bottom left",
        statement="Real and imaginary parts of the Fourier features become orthogonal.",
        measure=_figure_6c,
        limit=0.5,
        tolerance="mean |cos(Re F_k, Im F_k)|, end over start",
        expected=HOLDS,
        chapter="fourier_circles",
        seconds=40,
    ),
    Claim(
        id="figure-6d-between",
        source="section 7.3.2 and Fig. 6, bottom right",
        statement="Absolute values of features of different frequencies become dissimilar.",
        measure=_figure_6d_between,
        limit=0.5,
        tolerance="mean cosine of absolute values between frequencies, end over start",
        expected=HOLDS,
        chapter="fourier_circles",
        seconds=40,
    ),
    Claim(
        id="figure-6d-within",
        source="section 7.3.2",
        statement="Absolute values of Re F_k and Im F_k become very similar (corrected: they stay at 2/pi).",
        measure=_figure_6d_within,
        limit=0.05,
        tolerance="one minus the mean cosine within a frequency; corrected: its distance from 2/pi at start and end",
        expected=CORRECTED,
        chapter="fourier_circles",
        seconds=40,
    ),
)


def main() -> None:
    """Run every claim and print its verdict; exit with an error if one differs from what the book reports."""
    surprises = 0
    for claim in LEDGER:
        verdict = claim.check()
        surprises += verdict.outcome != claim.expected
        mark = "" if verdict.outcome == claim.expected else f"   EXPECTED: {claim.expected}"
        print(f"{claim.id:<24}{verdict.outcome:<26}{verdict.measured:<12.2e}{verdict.seconds:6.1f} s{mark}", flush=True)
    if surprises:
        raise SystemExit(f"{surprises} of {len(LEDGER)} claims differ from what the book reports")


if __name__ == "__main__":
    main()
