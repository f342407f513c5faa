"""Claims of section 3.2 and Remark 4.15 that need other paths on Z, or other training sets, as a comparison."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

from grokutil.claims.record import FIVE, OURS, REVIEWERS, Claim
from grokutil.data import Task, modular_addition
from grokutil.manifold import TangentSpace
from grokutil.measure import learning_curves
from grokutil.model import predict
from grokutil.train import gradient_descent
from grokutil.walks import Field, Point, at_angle, norm_descent, projected_flow, retract, unit_speed

SIGMA = "quadratic"
WIDTH = 64


@cache
def _memorising_point(seed: int) -> tuple[Task, Point]:
    task = modular_addition(11, train_size=59, seed=seed)
    run = gradient_descent(
        task, activation=SIGMA, width=96, weight_decay=0.0, times=[0, 4000], seed=seed, progress=False
    )
    W1, W2 = run.states[-1]
    return task, retract(W1, W2, task.X_train, task.Y_train, SIGMA)


def _flat(point: Point) -> Tensor:
    return torch.cat([W.flatten() for W in point])


def _steepest(seed: int) -> tuple[float, None]:
    """Largest angle between ten steps of training and -P theta, in degrees."""
    task = modular_addition(7, train_size=24, seed=seed)
    run = gradient_descent(
        task, activation=SIGMA, width=WIDTH, seed=seed, times=[0, 2000, 2010, 4000, 4010, 6000, 6010], progress=False
    )
    angles = []
    for before, after in zip(run.states[1::2], run.states[2::2], strict=True):
        W1, W2 = before
        space = TangentSpace(W1, W2, task.X_train, SIGMA)
        down, move = -space.project(space.theta), _flat(after) - _flat(before)
        angles.append(float(torch.rad2deg(torch.arccos(move @ down / move.norm() / down.norm()))))
    return max(angles), None


def _walk(field: Field, X: Tensor, Y: Tensor, seed: int) -> tuple[Task, Point, Point]:
    task, start = _memorising_point(seed)
    walk = projected_flow(start, X, Y, [0, 7], field=field, activation=SIGMA, step=0.25, progress=False)
    return task, start, walk.states[-1]


def _left_of_test_loss(task: Task, start: Point, end: Point) -> float:
    before, after = learning_curves([start, end], task, SIGMA).test_loss
    return float(after / before)


def _less_steep(seed: int) -> tuple[float, None]:
    task, start = _memorising_point(seed)
    direction = torch.randn(len(_flat(start)), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return _left_of_test_loss(*_walk(at_angle(60, direction), task.X_train, task.Y_train, seed)), None


def _held_outputs(seed: int) -> tuple[float, None]:
    """Share of the squared norm left plus share of the test loss lost, on a walk that holds the test outputs."""
    task, start = _memorising_point(seed)
    X = torch.cat((task.X_train, task.X_test))
    task, start, end = _walk(unit_speed(norm_descent), X, predict(*start, X, SIGMA), seed)
    left = float(_flat(end).square().sum() / _flat(start).square().sum())
    return left + abs(1 - _left_of_test_loss(task, start, end)), None


def _fewer_pairs(seed: int) -> tuple[float, None]:
    """Test loss at s = 3 from nine tenths of the pairs, over that from one half; each in parts of the answer zero."""
    left = []
    for task in (modular_addition(11, train_size=59, seed=seed), modular_addition(11, 0.5, seed=seed)):
        run = gradient_descent(
            task, activation=SIGMA, width=WIDTH, weight_decay=1e-3, times=[0, 6000], seed=seed, progress=False
        )
        left.append(float(learning_curves(run.states[1:], task, SIGMA).test_loss[0] * task.p))
    return max(left[0], 1 / left[1]), None


CLAIMS = (
    Claim(
        id="section-3.2-steepest",
        source="section 3.2",
        statement="Training moves in the direction on Z that lowers the norm most, not in some norm-lowering one.",
        measure=_steepest,
        limit=1.0,
        tolerance="largest angle to it in degrees, ten steps at s = 0.1, 0.2, 0.3; quadratic network, wd 1e-4",
        chapter="other_paths",
        seeds=FIVE,
        seconds=1.5,
    ),
    Claim(
        id="question-4-other-paths",
        source="question 4, on section 3.2",
        statement="Other paths on Z generalise too: a walk at 60 degrees to the steepest descent of the norm does.",
        measure=_less_steep,
        limit=0.5,
        tolerance="test loss left after a walk of length 7, in parts of its start; one half",
        whose=REVIEWERS,
        chapter="other_paths",
        seeds=FIVE,
        seconds=5.0,
    ),
    Claim(
        id="norm-on-Z-generalises",
        source="section 4, our addition",
        statement="Lowering the norm on Z is not enough to generalise: with the test outputs held, the norm falls and "
        "the test loss stays.",
        measure=_held_outputs,
        limit=0.8,
        tolerance="share of the squared norm left plus share of the test loss lost; a fifth of the norm must go",
        whose=OURS,
        chapter="other_paths",
        seeds=FIVE,
        seconds=5.0,
    ),
    Claim(
        id="question-2-minimum-norm",
        source="question 2, on section 4",
        statement="Whether norm minimisation on Z ends where the network generalises depends on the training set: with "
        "nine tenths of the pairs it does, with half of them the end is worse than the answer zero.",
        measure=_fewer_pairs,
        limit=1.0,
        tolerance="test loss in parts of that of the answer zero at s = 3: of nine tenths, or one over that of a half, "
        "the larger",
        whose=REVIEWERS,
        chapter="other_paths",
        seeds=FIVE,
        seconds=5.0,
    ),
)
