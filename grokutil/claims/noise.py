"""Claims about mini-batches, label noise, the edge of stability and AdamW; ours, to the paper's limits of section 8."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor

from grokutil.activations import softplus
from grokutil.claims.record import FIVE, OURS, Claim
from grokutil.data import modular_addition
from grokutil.destinations import PARABOLA, destination, trained
from grokutil.edge import edge, edge_multiplier
from grokutil.manifold import TangentSpace, jacobian, join, split
from grokutil.model import default_weights, loss_gradient
from grokutil.optimisers import SGD, Adam, descend
from grokutil.tangent import metric_projection
from grokutil.train import gradient_descent

SOFT, WIDTH = softplus(10), 128
NOISES = (0.25, 0.6)  # eta delta^2 / lambda
ETA, RIDGE = 0.2, 2e-3  # at the edge
ADAMW, SLOW, AHEAD = Adam(1e-3, 0.3), 0.35, 0.02


def _batches(seed: int) -> tuple[float, None]:
    """Relative gap of P of a step to weight decay: batches of one sample, and noisy labels on top."""
    task, gaps = modular_addition(11, train_size=59, seed=seed), []
    for noise in (0.0, 0.5):
        (W1, W2), after = gradient_descent(
            task, activation=SOFT, learning_rate=0.5, weight_decay=1e-3, batch_size=1, label_noise=noise, seed=seed,
            times=[0, 300, 301], progress=False,
        ).states[1:]  # fmt: skip
        space = TangentSpace(W1, W2, task.X_train, SOFT)
        decay = -0.5 * 1e-3 * space.project(space.theta)
        gaps.append(float((space.project(join(*after) - space.theta) - decay).norm() / decay.norm()))
    return max(gaps), None


def _noise(seed: int) -> tuple[float, None]:
    """Distance of the square of the first weight from where norm and potential are least, on the parabola."""
    ends = ((ratio, trained("label noise", ratio, seed=seed).states[-1]) for ratio in NOISES)
    return max(abs(float(w[0] ** 2) - destination("label noise", ratio)) for ratio, w in ends), None


def _edge() -> tuple[float, None]:
    """Relative gap of the mean loss at the edge to lambda nu S_max, on the parabola at the cap."""
    x = destination("learning rate", ETA)
    cap = torch.tensor([x**0.5, x - 2], dtype=torch.float64)

    start = torch.tensor([0.7, 0.7**2 - 2], dtype=torch.float64)
    steps = descend(SGD(ETA, 2 * RIDGE), PARABOLA.loss_gradient, start)
    late = [float(PARABOLA.loss(w)) for w, _ in itertools.islice(steps, 8000, 9000)]
    return abs(sum(late) / len(late) / (RIDGE * edge_multiplier(PARABOLA, cap) * edge(ETA)) - 1), None


def _adamw(seed: int) -> tuple[float, None]:
    """One minus the cosine of AdamW's displacement over a fiftieth of s with -P_D theta, D from its own moments."""
    task = modular_addition(11, train_size=59, seed=seed)
    X, Y, like = task.X_train, task.Y_train, default_weights(11, WIDTH, 11, seed)

    def gradient(theta: Tensor) -> Tensor:
        return join(*loss_gradient(*split(theta, *like), X, Y, SOFT)) / Y.numel()

    begin, ahead = (round(2 * s / ADAMW.learning_rate / ADAMW.weight_decay) for s in (SLOW, AHEAD))
    mean = ahead // 2
    steps = itertools.islice(descend(ADAMW, gradient, join(*like)), begin - 1, begin - 1 + ahead + mean)
    taken = list(steps)
    a, b = (torch.stack([theta for theta, _ in part]).mean(0) for part in (taken[:mean], taken[ahead:]))
    speed = torch.stack([ADAMW.speeds(memory) for _, memory in taken[:mean]]).mean(0)
    law, moved = -metric_projection(jacobian(*split(a, *like), X, SOFT), a, speed), b - a
    return 1 - float(law @ moved / law.norm() / moved.norm()), None


CLAIMS = (
    Claim(
        id="noise-batches",
        source="section 8, limitations; our addition",
        statement="With mini-batches, and with noisy labels, the part of a step along the zero-loss manifold is that "
        "of weight decay.",
        measure=_batches,
        limit=1e-9,
        tolerance="relative gap in one step, batches of one of 59 samples, labels with noise 0.5; rounding",
        whose=OURS,
        chapter="noise",
        seeds=FIVE,
        seconds=0.5,
    ),
    Claim(
        id="noise-potential",
        source="section 8, limitations; our addition",
        statement="With label noise, training goes to where |theta|^2 and the noise's potential, the logarithm of "
        "det(I - eta Theta), are least together.",
        measure=_noise,
        limit=0.03,
        tolerance="distance of w_1^2 from the closed form on a parabola; means of 40 runs",
        whose=OURS,
        chapter="noise",
        seeds=FIVE,
        seconds=0.7,
    ),
    Claim(
        id="noise-edge",
        source="section 8, limitations; our addition",
        statement="At the edge of stability the mean training loss is lambda times the multiplier of the sharpness "
        "times its cap.",
        measure=_edge,
        limit=0.01,
        tolerance="relative gap on a parabola at lambda = 2e-3",
        whose=OURS,
        chapter="noise",
        seconds=2.0,
    ),
    Claim(
        id="noise-adamw",
        source="section 8, limitations; our addition",
        statement="AdamW follows -P_D theta, the projection in the metric of its own speeds.",
        measure=_adamw,
        limit=0.02,
        tolerance="one minus the cosine over 0.02 of s, at s = 0.35, learning rate 1e-3, p = 11",
        whose=OURS,
        chapter="noise",
        seeds=FIVE,
        seconds=1.0,
    ),
)
