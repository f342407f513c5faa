"""Claims of section 7.3.1 and Fig. 6, top left: five runs, the worst of which decides."""

from __future__ import annotations

import math

from grokutil.claims.figure_6 import SECONDS, SHARED, figure_6
from grokutil.claims.record import CORRECTED, FIVE, HOLDS, Claim
from grokutil.measure import accuracy, relative_residual
from grokutil.model import predict

CHANCE = (0.1, 0.2, 0.3, 0.4, 0.5)  # tau of the records in the first 500 steps, after the start


def _test_accuracy(tau: float, seed: int) -> float:
    task, dynamics, states = figure_6(seed)
    E = states[tau]
    return accuracy(predict(E, dynamics.readout(E), task.X_test), task.labels_test)


def _figure_6a_chance(seed: int) -> tuple[float, None]:
    return max(_test_accuracy(tau, seed) for tau in (0.0, *CHANCE)), None


def _worse_than_chance(seed: int) -> tuple[float, None]:
    return 37 * sum(_test_accuracy(tau, seed) for tau in CHANCE) / len(CHANCE), None


def _figure_6a_emerges(seed: int) -> tuple[float, None]:
    """Octaves between step 1000 and the first record with a tenth of the test pairs right."""
    later = (tau for tau in figure_6(seed)[2] if _test_accuracy(tau, seed) >= 0.1)
    return abs(math.log2(next(later, math.inf) / 1.0)), None


def _figure_6a_generalises(seed: int) -> tuple[float, float]:
    """Test error at step 2000, and the largest from step 2500 on."""
    return 1 - _test_accuracy(2.0, seed), 1 - min(_test_accuracy(tau, seed) for tau in (2.5, 3.0, 5.0))


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
        tolerance="largest relative training residual at fifteen records; rounding only",
        expected=HOLDS,
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
        tolerance="largest accuracy at six records; chance is 1/37, and 0.1 is 6.5 standard deviations above it",
        expected=HOLDS,
        chapter="simulated_grokking",
        seeds=FIVE,
        seconds=SECONDS,
        shares=SHARED,
    ),
    Claim(
        id="section-7.3.1-worse",
        source="section 7.3.1, our addition",
        statement="Before it generalises the network does worse than guessing.",
        measure=_worse_than_chance,
        limit=1.0,
        tolerance="mean test accuracy at steps 100 to 500, in parts of chance, 1/37",
        expected=HOLDS,
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
        limit=1.0,
        tolerance="octaves from step 1000 to the first record with a tenth of the test pairs right; about is a factor "
        "of two",
        expected=HOLDS,
        chapter="simulated_grokking",
        seeds=FIVE,
        seconds=SECONDS,
        shares=SHARED,
    ),
    Claim(
        id="figure-6a-generalises",
        source="section 7.3.1 and Fig. 6, top left",
        statement="The network generalises perfectly after about 2000 steps (corrected: after 2500, for all seeds).",
        measure=_figure_6a_generalises,
        limit=0.05,
        tolerance="test error at step 2000; corrected: the largest from step 2500 on. Perfect allows one in twenty",
        expected=CORRECTED,
        chapter="simulated_grokking",
        seeds=FIVE,
        seconds=SECONDS,
        shares=SHARED,
    ),
)
