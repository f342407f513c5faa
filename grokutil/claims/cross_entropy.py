"""Claims about cross-entropy, all ours: the paper names it as a limit (``definitions``)."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from torch import Tensor

from grokutil.claims.record import FIVE, OURS, Claim
from grokutil.data import Task, modular_addition
from grokutil.flow import integrate
from grokutil.gradient_flow import slow_flow, training_flow
from grokutil.losses import smoothed
from grokutil.manifold import TangentSpace, join
from grokutil.margins import MarginFlow, active_margins, at_margin, margin_jacobian
from grokutil.model import predict
from grokutil.soft_labels import SoftLabelManifold
from grokutil.sweeping import MarginProblem, margin_training, sweeping_flow, undecayed_margin_training
from grokutil.train import gradient_descent, ridge_from_weight_decay

P, TRAIN, WIDTH, SIGMA = 7, 20, 40, "quadratic"
SCALES = (16.0, 64.0)
CORNER = MarginProblem(lambda w: torch.stack((w[0] * w[1], w[0] ** 2 / 2.25)), 2)
START, TIMES = torch.tensor([3.0, 0.8], dtype=torch.float64), np.linspace(0, 1.2, 13)


def _task(seed: int) -> Task:
    return modular_addition(P, train_size=TRAIN, seed=seed)


def _cosine(a: Tensor, b: Tensor) -> float:
    return float(a @ b / (a.norm() * b.norm()))


def _tangent_part(seed: int) -> tuple[float, None]:
    """Largest relative gap of P step = -eta wd P theta, hard and soft labels, after 100 steps."""
    task, gaps = _task(seed), []
    for smoothing in (0.0, 0.1):
        before, after = gradient_descent(
            task, width=WIDTH, activation=SIGMA, loss="cross-entropy", smoothing=smoothing, seed=seed,
            times=[0, 100, 101], progress=False,
        ).states[1:]  # fmt: skip
        W1, W2 = before
        space = TangentSpace(W1, W2, task.X_train, SIGMA, gauge=True)
        decay = -1e-4 * space.project(space.theta)
        gaps.append(float((space.project(join(*after) - space.theta) - decay).norm() / decay.norm()))
    return max(gaps), None


@cache
def _state(seed: int, scale: float) -> tuple[Task, MarginFlow, Tensor]:
    """The rescaled flow from a memorising start, at s = 0.5."""
    task = _task(seed)
    run = gradient_descent(
        task,
        width=WIDTH,
        activation=SIGMA,
        loss="cross-entropy",
        weight_decay=0.0,
        seed=seed,
        times=[0, 400],
        progress=False,
    )
    start = join(*at_margin(run.states[-1], task.X_train, task.labels_train, SIGMA))
    flow = MarginFlow(task.X_train, task.labels_train, P, WIDTH, SIGMA, scale)
    return task, flow, integrate(flow, start, [0, 0.5], step=flow.step, progress=False).states[-1]


def _share(seed: int) -> tuple[float, None]:
    """Length of the part of the velocity with the outputs held, over its length; the larger of two scales."""
    shares = []
    for scale in SCALES:
        task, flow, state = _state(seed, scale)
        space = TangentSpace(*flow.layers(state), task.X_train, SIGMA, gauge=True)
        shares.append(float(space.project(flow(state)).norm() / flow(state).norm()))
    return max(shares), None


def _active(seed: int) -> tuple[float, None]:
    """One minus the cosine of the velocity at scale 64 with the rule of active margins."""
    task, flow, state = _state(seed, SCALES[1])
    found = active_margins(*flow.layers(state), task.X_train, task.labels_train, SIGMA, 4 / SCALES[1])
    return 1 - _cosine(flow(state), found.velocity), None


def _theorem_c() -> tuple[float, None]:
    """Largest over smallest product of error and scale, minus one, from 20 to 320, two weights with two margins."""
    limit = torch.stack(sweeping_flow(CORNER, START, TIMES, 1e-3).states)
    runs = {scale: torch.stack(margin_training(CORNER, START, scale, TIMES).states) for scale in (20.0, 80.0, 320.0)}
    products = [scale * float((run - limit).norm(dim=1).max()) for scale, run in runs.items()]
    return max(products) / min(products) - 1, None


def _three_clocks() -> tuple[float, None]:
    """Largest distance of directions without weight decay, log t from 80, from the limit on its own clock."""
    limit = torch.stack(sweeping_flow(CORNER, START, TIMES, 1e-3).states)
    run = torch.stack(undecayed_margin_training(CORNER, START, 80.0, TIMES).states)[:, :-1]
    units = [states / states.norm(dim=1, keepdim=True) for states in (run, limit)]
    return float((units[0] - units[1]).norm(dim=1).max() / (units[1][-1] - units[1][0]).norm()), None


def _kkt_speed(seed: int) -> tuple[float, None]:
    """Relative gap of the KKT residual of the margin problem and the length of a step over eta wd |theta|."""
    task, decay = _task(seed), 1e-3
    before, after = gradient_descent(
        task, width=WIDTH, activation="relu", loss="cross-entropy", weight_decay=decay, seed=seed, times=[0, 500, 501],
        progress=False,
    ).states[1:]  # fmt: skip
    theta, ridge = join(*before), ridge_from_weight_decay(decay, TRAIN, P, "cross-entropy")
    W1, W2 = before
    rho = torch.softmax(predict(W1, W2, task.X_train, "relu"), 1).scatter(1, task.labels_train[:, None], 0.0)
    J = margin_jacobian(W1, W2, task.X_train, task.labels_train, "relu")
    residual = (theta - torch.einsum("ic,icd->d", rho / (2 * ridge), J)).norm()
    return float((residual - (join(*after) - theta).norm() / decay).abs() / residual), None


def _soft_labels(seed: int) -> tuple[float, None]:
    """One minus the cosine of 100 steps with -P theta after 5000, smoothing 0.3."""
    task = _task(seed)
    before, after = gradient_descent(
        task, width=WIDTH, activation=SIGMA, loss="cross-entropy", smoothing=0.3, weight_decay=3e-4, seed=seed,
        times=[0, 5000, 5100], progress=False,
    ).states[1:]  # fmt: skip
    W1, W2 = before
    space = TangentSpace(W1, W2, task.X_train, SIGMA, gauge=True)
    return 1 - _cosine(join(*after) - space.theta, -space.project(space.theta)), None


def _soft_limit(seed: int) -> tuple[float, None]:
    """One minus the power of lambda in the distance of training from the slow flow, small networks, to s = 0.2."""
    draw = torch.Generator().manual_seed(seed)
    X, theta = (torch.randn(*size, generator=draw, dtype=torch.float64) for size in ((3, 3), (48,)))
    Y = smoothed(torch.eye(3, dtype=torch.float64), 0.3)
    Z = SoftLabelManifold(lambda w: torch.tanh(X @ w[:24].reshape(3, 8)) @ w[24:].reshape(8, 3), Y)
    start, s, ridges = Z.newton(theta), [0, 0.1, 0.2], (2e-4, 5e-5)
    limit = torch.stack(slow_flow(Z, start, s).states)
    runs = (torch.stack(training_flow(Z, start, ridge, s).states) for ridge in ridges)
    errors = [float((run - limit).norm(dim=1).max()) for run in runs]
    return abs(float(np.log(errors[0] / errors[1]) / np.log(ridges[0] / ridges[1])) - 1), None


CLAIMS = (
    Claim(
        id="ce-tangent-part",
        source="section 8",
        statement="With cross-entropy too, hard or soft, weight decay acts alone along the outputs, taken up to a "
        "constant for each sample.",
        measure=_tangent_part,
        limit=1e-9,
        tolerance="relative gap of P step and -eta wd P theta; rounding only",
        chapter="cross_entropy",
        seeds=FIVE,
        whose=OURS,
    ),
    Claim(
        id="ce-share",
        source="section 8",
        statement="With hard labels norm minimisation with the outputs held is a part of the motion only, and not all "
        "of it as weight decay falls.",
        measure=_share,
        limit=0.95,
        tolerance="length of the part of the velocity that holds the outputs, over its length, the larger at scales 16 "
        "and 64 (lambda = 1e-6 and 1e-27), s = 0.5, addition modulo 7; all of it is 1",
        chapter="cross_entropy",
        seeds=FIVE,
        seconds=3.0,
        whose=OURS,
    ),
    Claim(
        id="ce-active-margins",
        source="section 8",
        statement="With hard labels the motion is norm minimisation with the margins held that non-negative least "
        "squares picks from the weights alone.",
        measure=_active,
        limit=0.03,
        tolerance="one minus the cosine with the velocity, scale 64, s = 0.5, addition modulo 7",
        chapter="cross_entropy",
        seeds=FIVE,
        seconds=3.0,
        whose=OURS,
    ),
    Claim(
        id="ce-theorem-c",
        source="section 8",
        statement="Training on hard labels tends to steepest descent of the norm with all margins at least one, with "
        "an error of order 1 / log(1 / lambda) where it was measured.",
        measure=_theorem_c,
        limit=0.25,
        tolerance="largest over smallest product of error and scale, minus 1, scales 20 to 320, two weights with two "
        "margins",
        chapter="cross_entropy",
        seconds=3.0,
        whose=OURS,
    ),
    Claim(
        id="ce-three-clocks",
        source="section 8",
        statement="Without weight decay the direction of the weights follows the same path, on the clock log(log t) / "
        "2m.",
        measure=_three_clocks,
        limit=0.05,
        tolerance="largest distance of the directions over that from start to end, log t from 80, two weights with two "
        "margins",
        chapter="three_clocks",
        seconds=3.0,
        whose=OURS,
    ),
    Claim(
        id="ce-soft-limit",
        source="section 8",
        statement="Training on soft labels tends to the slow flow of their zero-loss manifold, with an error of the "
        "order of weight decay.",
        measure=_soft_limit,
        limit=0.1,
        tolerance="power of lambda, from 2e-4 to 5e-5, in the largest distance to s = 0.2, minus 1; three samples, "
        "smoothing 0.3, 48 weights",
        chapter="three_clocks",
        seeds=FIVE,
        seconds=4.0,
        whose=OURS,
    ),
    Claim(
        id="ce-kkt-speed",
        source="section 8",
        statement="The residual of the conditions for shortest weights with margins, with softmax as multipliers, is "
        "the length of a step over eta wd |theta|.",
        measure=_kkt_speed,
        limit=1e-9,
        tolerance="relative gap, ReLU network after 500 steps; rounding only",
        chapter="cross_entropy",
        seeds=FIVE,
        whose=OURS,
    ),
    Claim(
        id="ce-soft-labels",
        source="section 8",
        statement="With soft labels training descends the norm on the manifold of outputs that are log y up to a "
        "constant.",
        measure=_soft_labels,
        limit=0.02,
        tolerance="one minus the cosine of 100 steps with -P theta after 5000, smoothing 0.3, addition modulo 7",
        chapter="cross_entropy",
        seeds=FIVE,
        seconds=3.0,
        whose=OURS,
    ),
)
