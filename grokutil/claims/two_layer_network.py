"""Claims of sections 3.1, 4 and Appendix D about training both layers: memorisation, delay, the loss that is left.

The runs have the sizes of Appendix D (addition modulo 11, 59 pairs, width 128) and larger weight decay than its 1e-4,
which shortens them.
"""

from __future__ import annotations

import numpy as np

from grokutil.claims.record import HOLDS, Claim
from grokutil.data import modular_addition
from grokutil.measure import LearningCurves, crossing_time, learning_curves
from grokutil.train import gradient_descent, slow_time

LEVEL = 0.06  # of the test loss; the answer zero has 1/11


def _run(activation: str, learning_rate: float, weight_decay: float, steps: int) -> tuple[np.ndarray, LearningCurves]:
    task = modular_addition(11, train_size=59, seed=0)
    run = gradient_descent(
        task,
        activation=activation,
        learning_rate=learning_rate,
        weight_decay=weight_decay,
        steps=steps,
        record_every=steps // 100,
        progress=False,
    )
    return run.times, learning_curves(run.states, task, activation)


def _delay(activation: str, learning_rate: float, weight_decay: float, steps: int) -> float:
    """Steps to the level of the test loss, over steps to training accuracy 1."""
    times, curves = _run(activation, learning_rate, weight_decay, steps)
    return crossing_time(times, -curves.test_loss, -LEVEL) / crossing_time(times, curves.train_accuracy, 1.0)


def _memorises_first() -> tuple[float, None]:
    return 1 / _delay("relu", 2.0, 4e-4, 3750), None


def _later() -> tuple[float, None]:
    """Spread of the slow times at which four pairs of learning rate and weight decay reach the level."""
    found = []
    for pair in ((1.0, 4e-4), (2.0, 4e-4), (2.0, 2e-4), (2.0, 1e-4)):
        times, curves = _run("quadratic", *pair, round(1.2 / np.prod(pair)))
        found.append(slow_time(crossing_time(times, -curves.test_loss, -LEVEL), *pair))
    return max(found) / min(found) - 1, None


def _lower() -> tuple[float, None]:
    """Power of the weight decay to which the training loss is proportional, minus 2."""
    decays = np.array([4e-4, 2e-4, 1e-4])
    left = [_run("quadratic", 2.0, wd, round(0.6 / wd))[1].train_loss[-1] for wd in decays]
    return abs(float(np.polyfit(np.log(decays), np.log(left), 1)[0]) - 2), None


def _essential() -> tuple[float, None]:
    """Delay at twenty times the weight decay of Appendix D, over the delay at four times."""
    return _delay("quadratic", 1.0, 2e-3, 1000) / _delay("quadratic", 1.0, 4e-4, 3000), None


CLAIMS = (
    Claim(
        id="fig-7-memorises",
        source="Figs 5 and 7, abstract",
        statement="The network generalises only long after it has memorised the training pairs.",
        measure=_memorises_first,
        limit=0.1,
        tolerance="steps to training accuracy 1, over steps to a test loss of 0.06; long is ten times",
        expected=HOLDS,
        chapter="two_layer_network",
        seconds=0.6,
    ),
    Claim(
        id="training-delay",
        source="section 3.1 and Assumption 4.5, on the network of Appendix D",
        statement="Smaller weight decay generalises later (here, quadratic: at s* = learning rate * wd * steps / 2).",
        measure=_later,
        limit=0.06,
        tolerance="spread, max / min - 1, of s over four pairs; the law's error is of order lambda",
        expected=HOLDS,
        chapter="two_layer_network",
        seconds=1.2,
    ),
    Claim(
        id="training-loss-left",
        source="section 3.1 and Theorem 4.8, on the network of Appendix D",
        statement="Smaller weight decay reaches a lower training loss (here, quadratic: as its square).",
        measure=_lower,
        limit=0.1,
        tolerance="power of the weight decay at s = 0.6, minus 2, over a factor of four",
        expected=HOLDS,
        chapter="two_layer_network",
        seconds=0.9,
    ),
    Claim(
        id="training-small-decay",
        source="Assumption 4.5",
        statement="A small weight decay is essential for the delay of generalisation.",
        measure=_essential,
        limit=0.2,
        tolerance="steps to test loss 0.06 over steps to memorise: at wd = 2e-3, relative to wd = 4e-4 (quadratic)",
        expected=HOLDS,
        chapter="two_layer_network",
        seconds=0.5,
    ),
)
