"""Claims of sections 3.1, 4 and Appendix D about training both layers: memorisation, delay, the loss that is left.

The runs have the sizes of Appendix D (addition modulo 11, 59 pairs, width 128) and larger weight decay than its 1e-4,
which shortens them.
"""

from __future__ import annotations

import numpy as np

from grokutil.claims.record import FIVE, Claim
from grokutil.data import modular_addition
from grokutil.measure import LearningCurves, crossing_time, learning_curves
from grokutil.train import gradient_descent, slow_time

LEVEL = 0.06  # of the test loss; the answer zero has 1/11


def _run(
    activation: str, learning_rate: float, weight_decay: float, steps: int, seed: int, every: int = 0
) -> tuple[np.ndarray, LearningCurves]:
    """Recorded steps, ``every`` so many or a hundred in all, and the learning curves there."""
    task = modular_addition(11, train_size=59, seed=seed)
    run = gradient_descent(
        task,
        activation=activation,
        learning_rate=learning_rate,
        weight_decay=weight_decay,
        steps=steps,
        seed=seed,
        record_every=every or steps // 100,
        progress=False,
    )
    return run.times, learning_curves(run.states, task, activation)


def _memorised(activation: str, learning_rate: float, weight_decay: float, seed: int) -> float:
    """Step at which all training pairs are right, to ten steps."""
    times, curves = _run(activation, learning_rate, weight_decay, 1000, seed, every=10)
    return crossing_time(times, curves.train_accuracy, 1.0)


def _delay(activation: str, learning_rate: float, weight_decay: float, steps: int, seed: int) -> float:
    """Steps to the level of the test loss, over steps to training accuracy 1."""
    times, curves = _run(activation, learning_rate, weight_decay, steps, seed)
    memorised = _memorised(activation, learning_rate, weight_decay, seed)
    return crossing_time(times, -curves.test_loss, -LEVEL) / memorised


def _memorises_first(seed: int) -> tuple[float, None]:
    return 1 / _delay("relu", 2.0, 4e-4, 4200, seed), None


def _later(seed: int) -> tuple[float, None]:
    """Spread of the slow times at which four pairs of learning rate and weight decay reach the level."""
    found = []
    for pair in ((1.0, 4e-4), (2.0, 4e-4), (2.0, 2e-4), (2.0, 1e-4)):
        times, curves = _run("quadratic", *pair, round(2.1 / np.prod(pair)), seed)
        found.append(slow_time(crossing_time(times, -curves.test_loss, -LEVEL), *pair))
    return max(found) / min(found) - 1, None


def _lower(seed: int) -> tuple[float, None]:
    """Power of the weight decay to which the training loss is proportional, minus 2."""
    decays = np.array([4e-4, 2e-4, 1e-4])
    left = [_run("quadratic", 2.0, wd, round(0.6 / wd), seed)[1].train_loss[-1] for wd in decays]
    return abs(float(np.polyfit(np.log(decays), np.log(left), 1)[0]) - 2), None


def _essential(seed: int) -> tuple[float, None]:
    """Delay at twenty times the weight decay of Appendix D, over that at four times."""
    strong, weak = _delay("quadratic", 1.0, 2e-3, 1800, seed), _delay("quadratic", 1.0, 4e-4, 5400, seed)
    return strong / weak, None


CLAIMS = (
    Claim(
        id="fig-7-memorises",
        source="abstract and section 1, on the network of Appendix D",
        statement="The network generalises only long after it has memorised the training pairs.",
        measure=_memorises_first,
        limit=0.1,
        tolerance="steps to training accuracy 1, over steps to a test loss of 0.06; long is ten times (learning rate "
        "2, weight decay 4e-4)",
        chapter="two_layer_network",
        seeds=FIVE,
        seconds=2.3,
    ),
    Claim(
        id="training-delay",
        source="section 3.1 and Assumption 4.5, on the network of Appendix D",
        statement="Smaller weight decay generalises later (here, quadratic: at s* = learning rate * wd * steps / 2).",
        measure=_later,
        limit=0.06,
        tolerance="spread, max / min - 1, of s over four pairs; the law's error is of order lambda",
        chapter="two_layer_network",
        seeds=FIVE,
        seconds=12.0,
    ),
    Claim(
        id="training-loss-left",
        source="section 3.1 and Theorem 4.8, on the network of Appendix D",
        statement="Smaller weight decay reaches a lower training loss (here, quadratic: as its square).",
        measure=_lower,
        limit=0.1,
        tolerance="power of the weight decay at s = 0.6, minus 2, over a factor of four",
        chapter="two_layer_network",
        seeds=FIVE,
        seconds=5.0,
    ),
    Claim(
        id="training-small-decay",
        source="Assumption 4.5",
        statement="A small weight decay is essential for the delay of generalisation.",
        measure=_essential,
        limit=0.5,
        tolerance="steps to test loss 0.06 over steps to memorise, at wd = 2e-3 in parts of that at 4e-4 (quadratic); "
        "one half",
        chapter="two_layer_network",
        seeds=FIVE,
        seconds=4.0,
    ),
)
