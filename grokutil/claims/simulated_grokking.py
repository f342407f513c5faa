"""Claims of section 7.3.1 and Fig. 6, top left: five runs, the worst of which decides."""

from __future__ import annotations

import math

from grokutil.claims.figure_6 import EARLY, SECONDS, SHARED, figure_6
from grokutil.claims.record import ABOUT, FIVE, OURS, REPRODUCED, Claim, about
from grokutil.measure import accuracy, relative_residual
from grokutil.model import predict


def _test_accuracy(tau: float, seed: int) -> float:
    task, dynamics, states = figure_6(seed)
    E = states[tau]
    return accuracy(predict(E, dynamics.readout(E), task.X_test), task.labels_test)


def _first(level: float, seed: int) -> float:
    """The first record, in steps, with this test accuracy; infinite if there is none."""
    return 1000 * next((tau for tau in figure_6(seed)[2] if _test_accuracy(tau, seed) >= level), math.inf)


def _figure_6a_chance(seed: int) -> tuple[float, None]:
    return max(_test_accuracy(tau, seed) for tau in (0.0, *EARLY)), None


def _worse_than_chance(seed: int) -> tuple[float, None]:
    return 37 * sum(_test_accuracy(tau, seed) for tau in EARLY) / len(EARLY), None


def _figure_6a_emerges(seed: int) -> tuple[float, None]:
    return about(_first(0.1, seed), 1000), None


def _figure_6a_generalises(seed: int) -> tuple[float, None]:
    """From where the test accuracy is 0.95, and 0.99 at the end; infinite if it is not."""
    return about(_first(0.95, seed), 2000) if _test_accuracy(5.0, seed) >= 0.99 else math.inf, None


def _zero_loss_throughout(seed: int) -> tuple[float, None]:
    task, dynamics, states = figure_6(seed)
    outputs = (predict(E, dynamics.readout(E), task.X_train) for E in states.values())
    return max(relative_residual(output, task.Y_train) for output in outputs), None


CLAIMS = (
    Claim(
        id="section-7.3-zero-loss",
        source="section 7.3 and Fig. 6, top left",
        statement="The training loss is zero throughout the simulation.",
        measure=_zero_loss_throughout,
        limit=1e-8,
        tolerance="largest relative training residual at all records; rounding only",
        chapter="simulated_grokking",
        seeds=FIVE,
        seconds=SECONDS,
        shares=SHARED,
    ),
    Claim(
        id="figure-6a-chance",
        source="section 7.3.1 and Fig. 6, top left",
        statement="Test accuracy is no better than guessing for the first 500 steps.",
        measure=_figure_6a_chance,
        limit=0.1,
        tolerance="largest accuracy at 26 records; chance is 1/37, and 0.1 is 6.5 standard deviations above it",
        expected=REPRODUCED,
        figure=True,
        chapter="simulated_grokking",
        seeds=FIVE,
        seconds=SECONDS,
        shares=SHARED,
    ),
    Claim(
        id="section-7.3.1-worse",
        source="section 7.3.1",
        statement="Before it generalises the network does worse than guessing.",
        measure=_worse_than_chance,
        limit=1.0,
        tolerance="mean test accuracy at 25 records, steps 20 to 500, in parts of chance, 1/37; one more right answer "
        "at one record adds 0.007",
        whose=OURS,
        chapter="modular_addition",
        seeds=FIVE,
        seconds=SECONDS,
        shares=SHARED,
    ),
    Claim(
        id="figure-6a-emerges",
        source="caption of Fig. 6, top left",
        statement="Generalisation emerges after about 1000 steps.",
        measure=_figure_6a_emerges,
        limit=ABOUT,
        tolerance="octaves from step 1000 to the first record, every 50 steps, with a tenth of the test pairs right",
        expected=REPRODUCED,
        figure=True,
        chapter="simulated_grokking",
        seeds=FIVE,
        seconds=SECONDS,
        shares=SHARED,
    ),
    Claim(
        id="figure-6a-generalises",
        source="section 7.3.1 and Fig. 6, top left",
        statement="The network generalises perfectly after about 2000 steps.",
        measure=_figure_6a_generalises,
        limit=ABOUT,
        tolerance="octaves from step 2000 to the first record, every 50 steps, with test accuracy 0.95; it must end at "
        "0.99 or more",
        expected=REPRODUCED,
        figure=True,
        chapter="simulated_grokking",
        seeds=FIVE,
        seconds=SECONDS,
        shares=SHARED,
    ),
)
