"""Paths that are computed side by side, in pieces short enough to be stopped between them; used by ``four_paths``."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from scipy.sparse.linalg import ArpackError
from torch import Tensor

from grokutil.activations import Activation
from grokutil.data import Task
from grokutil.flow import StableStep, integrate
from grokutil.isolated import FirstLayerDynamics
from grokutil.measure import accuracy
from grokutil.model import default_weights, predict
from grokutil.train import gradient_descent, ridge_from_weight_decay
from grokutil.walks import Point, projected_flow, retract

P, N_TRAIN, WIDTH = 11, 59, 128  # the task and the network of Appendix D; the learning rate is 1
MEMORISING_STEPS = 3000
PATIENCE = 0.15  # seconds between two answers to Stop


class Walk:
    """One path on its way: a state, and how to move it from one time to another.

    Args:
        move: maps (state, from, to) to the next state.
        state: where it begins; ``shown`` maps a state to the network (W1, W2).
        seconds: how long a unit of s takes, as a first guess; measured as it goes.
        least: the shortest piece worth a call, in s.
    """

    def __init__(
        self,
        move: Callable[[Any, float, float], Any],
        state: Any,
        shown: Callable[[Any], Point],
        seconds: float,
        least: float = 1e-9,
    ) -> None:
        self.move, self.state, self.shown, self.seconds, self.least = move, state, shown, seconds, least

    def to(self, now: float, end: float) -> Iterator[float]:
        """Move from ``now`` to ``end``, with a yield of the time reached about every 0.15 s."""
        while now < end:
            pieces = math.ceil((end - now) / max(PATIENCE / self.seconds, self.least) * (1 - 1e-9))
            then = end if pieces <= 1 else now + (end - now) / pieces
            begin = time.perf_counter()
            self.state = self.move(self.state, now, then)
            self.seconds = (time.perf_counter() - begin) / (then - now)
            now = then
            yield now


def walks(task: Task, sigma: Activation, decay: float, start: Point, names: Sequence[str]) -> dict[str, Walk]:
    """The paths of those names from a memorising point, ready to go; all move on the clock s."""
    X, Y = task.X_train, task.Y_train

    def training(state: Point, begin: float, end: float) -> Point:
        steps = [round(2 * s / decay) for s in (begin, end)]
        if steps[0] == steps[1]:
            return state
        options: dict[str, Any] = {"weight_decay": decay, "times": steps, "start": state, "progress": False}
        return gradient_descent(task, activation=sigma, **options).states[-1]

    def projected(state: Point, begin: float, end: float) -> Point:
        options: dict[str, Any] = {"activation": sigma, "step": projected_step(sigma), "progress": False}
        return projected_flow(state, X, Y, [begin, end], **options).states[-1]

    def isolated(ridge: float) -> Walk:
        dynamics = FirstLayerDynamics(X, Y, sigma, ridge)
        rule = StableStep(dynamics, 0.5, longest=5e-3)

        def move(state: Tensor, begin: float, end: float) -> Tensor:
            try:
                return integrate(dynamics, state, [2 * begin, 2 * end], step=rule, progress=False).states[-1]
            except ArpackError as error:
                raise ValueError(f"the sharpness was not found near s = {begin:.3g}, so no step is safe") from error

        return Walk(move, start[0], lambda W1: (W1, dynamics.readout(W1)), seconds_of("ridge", sigma, decay))

    every = {
        "training": lambda: Walk(training, start, lambda point: point, seconds_of("training", sigma, decay)),
        "projected": lambda: Walk(
            projected, start, lambda point: point, seconds_of("projected", sigma, decay), projected_step(sigma)
        ),
        "ridge": lambda: isolated(ridge_from_weight_decay(decay, N_TRAIN, P)),
        "eq. 20": lambda: isolated(0.0),
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
    """Train without weight decay, with a yield of the weights about every 0.15 s; the last are on the manifold Z.

    Raises:
        ValueError: the network does not memorise.
    """
    state, step, seconds = default_weights(P, WIDTH, P, seed), 0, math.inf
    while step < MEMORISING_STEPS:
        then = min(MEMORISING_STEPS, step + max(1, int(PATIENCE / seconds)))
        begin = time.perf_counter()
        options: dict[str, Any] = {"weight_decay": 0, "times": [step, then], "start": state, "progress": False}
        state = gradient_descent(task, activation=sigma, **options).states[-1]
        seconds, step = (time.perf_counter() - begin) / (then - step), then
        yield state
    right = accuracy(predict(*state, task.X_train, sigma), task.labels_train)
    if right < 1:
        raise ValueError(
            f"With {sigma.name} and seed {seed} the network has not memorised after {MEMORISING_STEPS} steps (training "
            f"accuracy {right:.2f}): there is no point of zero loss to start from. Choose another activation."
        )
    yield retract(*state, task.X_train, task.Y_train, sigma)
