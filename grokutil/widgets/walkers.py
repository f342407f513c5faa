"""Paths that are computed side by side and can be stopped; used by ``four_paths``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from scipy.sparse.linalg import ArpackError

from grokutil.activations import Activation
from grokutil.data import Task
from grokutil.flow import StableStep, integrate
from grokutil.isolated import FirstLayerDynamics
from grokutil.measure import accuracy
from grokutil.model import predict
from grokutil.runs.recorder import Moment
from grokutil.train import gradient_descent, ridge_from_weight_decay
from grokutil.walks import Point, projected_flow, retract
from grokutil.widgets.live import now_and_then

P, N_TRAIN, WIDTH = 11, 59, 128  # the task and the network of Appendix D; the learning rate is 1
MEMORISING_STEPS = 3000


class Walk:
    """One path on its way: its run on the clock s, and what it shows of a state.

    Args:
        run: the path, recorded at the times that it will be asked to go to.
        clock: maps s to the time of the run.
        shown: maps a state to the network (W1, W2).
    """

    def __init__(self, run: Iterator[Moment], clock: Callable[[float], float], shown: Callable[[Any], Point]) -> None:
        self.run, self.clock, self.shown = now_and_then(run), clock, shown
        self.at = next(self.run)

    def to(self, end: float) -> Iterator[float]:
        """Move to ``end``, with a yield of the share of the way that is done every now and then, for Stop."""
        begin, then = self.at.time, self.clock(end)
        while self.at.time < then:
            try:
                self.at = next(self.run)
            except ArpackError as error:
                raise ValueError(f"the sharpness was not found before s = {end:.3g}, so no step is safe") from error
            yield (self.at.time - begin) / (then - begin)

    def network(self) -> Point:
        """Where it is."""
        return self.shown(self.at.state)


def walks(
    task: Task, sigma: Activation, decay: float, start: Point, names: Sequence[str], times: np.ndarray
) -> dict[str, Walk]:
    """The paths of those names from a memorising point, ready to go to each of ``times``, on the clock s."""
    X, Y = task.X_train, task.Y_train

    def training() -> Walk:
        def steps(s: float) -> int:
            return round(2 * s / decay)

        asked = np.unique([steps(s) for s in times])
        run = gradient_descent.begin(task, activation=sigma, weight_decay=decay, times=asked, start=start)
        return Walk(run, steps, lambda point: point)

    def projected() -> Walk:
        run = projected_flow.begin(start, X, Y, times, activation=sigma, step=projected_step(sigma))
        return Walk(run, lambda s: s, lambda point: point)

    def isolated(ridge: float) -> Walk:
        dynamics = FirstLayerDynamics(X, Y, sigma, ridge)
        run = integrate.begin(dynamics, start[0], 2 * times, step=StableStep(dynamics, 0.5, longest=5e-3))
        return Walk(run, lambda s: 2 * s, lambda W1: (W1, dynamics.readout(W1)))

    every = {
        "training": training,
        "projected": projected,
        "ridge": lambda: isolated(ridge_from_weight_decay(decay, N_TRAIN, P)),
        "no ridge": lambda: isolated(0.0),
    }
    return {name: every[name]() for name in ("training", *names)}


def projected_step(sigma: Activation) -> float:
    """In s; with kinks the walk chatters, and its error is of first order."""
    return 1e-3 if sigma.kink else 0.02


def seconds_of(name: str, sigma: Activation, decay: float) -> float:
    """About how long a unit of s takes on one core."""
    if name == "training":
        return 2 / decay * 1e-4
    return 0.02 / projected_step(sigma) * (2.4 if sigma.kink else 1.0) if name == "projected" else 3.0


def memorise(task: Task, sigma: Activation, seed: int) -> Iterator[Point]:
    """Train without weight decay, with a yield of the weights now and then; the last are on the manifold Z.

    Raises:
        ValueError: the network does not memorise.
    """
    run = gradient_descent.begin(
        task, width=WIDTH, activation=sigma, weight_decay=0, seed=seed, times=[0, MEMORISING_STEPS]
    )
    for moment in now_and_then(run):
        yield moment.state
    state: Point = run.trajectory().states[-1]
    right = accuracy(predict(*state, task.X_train, sigma), task.labels_train)
    if right < 1:
        raise ValueError(
            f"With {sigma.name} and seed {seed} the network has not memorised after {MEMORISING_STEPS} steps (training "
            f"accuracy {right:.2f}): there is no point of zero loss to start from. Choose another activation."
        )
    yield retract(*state, task.X_train, task.Y_train, sigma)
