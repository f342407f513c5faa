"""Adam with either weight decay on the task, against P and P_D."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from grokutil.manifold import jacobian
from grokutil.model import predict
from grokutil.optimisers import Adam, descend
from grokutil.results.noise.task import SOFT, columns, cosine, sharpness, stack, tested, two_layers
from grokutil.tangent import metric_projection


class AdamSetting(NamedTuple):
    """A run of Adam or AdamW on the task of a modulus, with the steps at which it is measured."""

    p: int
    learning_rate: float
    weight_decay: float
    decoupled: bool
    marks: tuple[float, ...]  # slow times of AdamW, steps of Adam
    seeds: int = 5


ADAM = {
    "adamw_11_1e-3": AdamSetting(11, 1e-3, 0.3, True, (0.05, 0.2, 0.5, 0.75, 1.0)),
    "adamw_11_3e-4": AdamSetting(11, 3e-4, 0.3, True, (0.05, 0.2, 0.5, 0.75, 1.0)),
    "adamw_17_3e-4": AdamSetting(17, 3e-4, 0.3, True, (0.5, 1.0), 3),
    "adamw_strong": AdamSetting(11, 1e-3, 3.0, True, (0.5, 1.0)),
    "adam_l2": AdamSetting(11, 1e-3, 1e-6, False, (2000, 8000, 16_000)),
}
ADAM_SLOW, ADAM_AHEAD, ADAM_MEAN = 0.02, 400, 200  # slow time, or steps, between two means; steps of a mean at most


def adam(cell: str, seeds: int | None = None, marks: tuple[float, ...] | None = None) -> dict[str, np.ndarray]:
    """The displacement between two means of steps, against the laws of P and of P_D.

    Returns:
        (seeds, marks): cosines ``own`` with the law of the optimiser's metric, ``plain`` with -P theta, ``theta`` with
        -theta, ``shuffled`` with the law of a metric whose entries are shuffled within each layer, ``frozen`` with that
        of the first mark; ``speed`` over that of the law; ``edge``, the learning rate times the largest eigenvalue of
        D^(1/2) Hessian D^(1/2); the mean squared error ``train``; ``mse``, ``accuracy``, ``norm2``, ``trace``.
    """
    setting = ADAM[cell]
    p, eta, decay = setting.p, setting.learning_rate, setting.weight_decay
    marks = marks or setting.marks
    rule = Adam(eta, decay, decoupled=setting.decoupled)
    runs = stack(p, range(seeds or setting.seeds))
    ahead = round(2 * ADAM_SLOW / eta / decay) if setting.decoupled else ADAM_AHEAD
    mean = min(ADAM_MEAN, ahead // 2)
    steps = [round(2 * s / eta / decay) if setting.decoupled else round(s) for s in marks]
    means: dict[int, list[Tensor]] = {}
    for k, (theta, (_, _, v)) in enumerate(descend(rule, runs.gradient, runs.start), 1):
        for begin in {b for step in steps for b in (step, step + ahead) if b <= k < b + mean}:
            kept = means.setdefault(begin, [torch.zeros_like(theta), torch.zeros_like(v)])
            kept[0] += theta / mean
            kept[1] += v / mean
        if k == steps[-1] + ahead + mean:
            break
    shuffle, rows = torch.Generator().manual_seed(0), []
    frozen: dict[int, Tensor] = {}
    for r, task in enumerate(runs.tasks):
        row = []
        for step in steps:
            a, v = (one[r] for one in means[step])
            D, moved = rule.speeds((step, v, v)), means[step + ahead][0][r] - a
            J = jacobian(*two_layers(a, p), task.X_train, SOFT)

            def law(speed: Tensor, a: Tensor = a, J: Tensor = J) -> Tensor:
                return -metric_projection(J, a if setting.decoupled else speed * a, speed)

            frozen.setdefault(r, D)
            own, half = law(D), len(D) // 2
            mixed = torch.cat([D[i : i + half][torch.randperm(half, generator=shuffle)] for i in (0, half)])
            W1, W2 = two_layers(a, p)
            row.append({
                "own": cosine(moved, own), "plain": cosine(moved, law(torch.ones_like(D))),
                "theta": cosine(moved, -a), "shuffled": cosine(moved, law(mixed)),
                "frozen": cosine(moved, law(frozen[r])),
                "speed": float(moved.norm() / own.norm()) / (ahead * eta * decay),
                "edge": eta * sharpness(a, task, D),
                "train": float((predict(W1, W2, task.X_train, SOFT) - task.Y_train).square().mean()), **tested(a, task),
            })  # fmt: skip
        rows.append(row)
    return columns(rows)
