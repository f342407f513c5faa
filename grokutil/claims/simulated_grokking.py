"""Claims of section 7.3.1 and Fig. 6, top left."""

from __future__ import annotations

from grokutil.claims.figure_6 import figure_6
from grokutil.claims.record import HOLDS, Claim
from grokutil.measure import accuracy, relative_residual
from grokutil.model import predict


def _test_accuracy(tau: float) -> float:
    task, dynamics, states = figure_6()
    E = states[tau]
    return accuracy(predict(E, dynamics.readout(E), task.X_test), task.labels_test)


def _figure_6a_chance() -> tuple[float, None]:
    return max(_test_accuracy(tau) for tau in (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)), None


def _figure_6a_generalises() -> tuple[float, None]:
    return 1 - min(_test_accuracy(tau) for tau in (2.5, 3.0, 5.0)), None


def _zero_loss_throughout() -> tuple[float, None]:
    task, dynamics, states = figure_6()
    outputs = (predict(E, dynamics.readout(E), task.X_train) for E in states.values())
    return max(relative_residual(output, task.Y_train) for output in outputs), None


CLAIMS = (
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
)
