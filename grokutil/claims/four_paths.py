"""Claims of the abstract and of sections 4 and 7 about whole paths, on short runs from one memorising point."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from grokutil.activations import softplus
from grokutil.claims.record import FIVE, Claim
from grokutil.data import Task, modular_addition
from grokutil.flow import integrate
from grokutil.fourier import unit_concentration
from grokutil.isolated import FirstLayerDynamics
from grokutil.measure import accuracy
from grokutil.model import predict
from grokutil.train import gradient_descent
from grokutil.walks import Point, projected_flow, retract

SIGMA = softplus(10)  # smooth, close to ReLU


@lru_cache(maxsize=5)
def _start(seed: int) -> tuple[Task, FirstLayerDynamics, Point]:
    """Appendix D's task, eq. 20 on it, and a memorising point."""
    task = modular_addition(11, train_size=59, seed=seed)
    run = gradient_descent(task, activation=SIGMA, weight_decay=0, times=[0, 2000], seed=seed, progress=False)
    X, Y = task.X_train, task.Y_train
    W1, W2 = run.states[-1]
    return task, FirstLayerDynamics(X, Y, SIGMA), retract(W1, W2, X, Y, SIGMA)


@lru_cache(maxsize=5)
def _eq_20(seed: int) -> tuple[Tensor, Tensor]:
    """The first layer at tau = 0 and 1.4 under eq. 20; sharpness stays below 200 there, so Euler is stable."""
    _, dynamics, (W1, _) = _start(seed)
    first, last = integrate(dynamics, W1, [0, 1.4], step=5e-3, progress=False).states
    return first, last


def _delayed_generalisation(seed: int) -> tuple[float, None]:
    task, dynamics, _ = _start(seed)
    before, after = (
        accuracy(predict(W1, dynamics.readout(W1), task.X_test, SIGMA), task.labels_test) for W1 in _eq_20(seed)
    )
    return max(before, 1 - after), None


def _representation(seed: int) -> tuple[float, None]:
    before, after = map(unit_concentration, _eq_20(seed))
    return (1 - after) / (1 - before), None


def _test_outputs(task: Task, states: Sequence[Point]) -> Tensor:
    return torch.stack([predict(W1, W2, task.X_test, SIGMA) for W1, W2 in states])


def _whole_path(seed: int) -> tuple[float, None]:
    task, _, start = _start(seed)
    s = np.linspace(0, 0.2, 5)
    walked = projected_flow(start, task.X_train, task.Y_train, s, activation=SIGMA, step=0.025, progress=False)
    gaps = []
    for decay in (1e-4, 4e-4):
        steps = np.round(2 * s / decay).astype(int)
        trained = gradient_descent(task, activation=SIGMA, weight_decay=decay, times=steps, start=start, progress=False)
        gaps.append(
            float((_test_outputs(task, trained.states) - _test_outputs(task, walked.states)).norm(dim=(1, 2)).max())
        )
    return gaps[0] / gaps[1], None


CLAIMS = (
    Claim(
        id="section-4-whole-path",
        source="abstract and section 4.6",
        statement="After memorisation a smooth network (softplus) follows norm minimisation on Z as a whole path.",
        measure=_whole_path,
        limit=0.35,
        tolerance="largest distance of the whole paths in test outputs, at one weight decay over that at four times "
        "it: 1/4 if it is proportional to lambda, 1/2 if to its square root; the limit is between",
        chapter="four_paths",
        seeds=FIVE,
        seconds=10.0,
    ),
    Claim(
        id="abstract-delayed-generalisation",
        source="abstract and section 7.3",
        statement="Simulating with the predicted gradients reproduces delayed generalisation.",
        measure=_delayed_generalisation,
        limit=0.2,
        tolerance="test accuracy at the memorising point, or one minus that at tau = 1.4, the larger; one of seven "
        "test pairs may be an exception",
        chapter="four_paths",
        seeds=FIVE,
        seconds=2.5,
    ),
    Claim(
        id="abstract-representation",
        source="abstract and section 7.3",
        statement="Simulating with the predicted gradients reproduces representation learning.",
        measure=_representation,
        limit=0.5,
        tolerance="share of Fourier power outside the strongest frequency of each unit, at tau = 1.4 over that at 0; "
        "one half",
        chapter="four_paths",
        seeds=FIVE,
        seconds=1.0,
    ),
)
