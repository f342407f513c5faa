"""A network of four layers at the edge of stability."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

from grokutil.constraints import ZeroLossManifold
from grokutil.data import Task
from grokutil.edge import edge, sharpest
from grokutil.measure import accuracy
from grokutil.results.noise.task import DECAY, RATE, SOFT, columns, cosine, stack
from grokutil.tangent import descent_within

DEEP, DEEP_S, DEEP_MEAN, DEEP_SLOW = (11, 40, 40, 40, 11), (0.4, 0.5, 0.6), 100, 0.01
DEEP_SEEDS = range(3)


def deep_layers(theta: Tensor) -> list[Tensor]:
    """(..., d) as the matrices of the network of four layers."""
    sizes = [a * b for a, b in zip(DEEP, DEEP[1:], strict=False)]
    return [W.unflatten(-1, (a, -1)) for W, a in zip(theta.split(sizes, -1), DEEP, strict=False)]


def deep_outputs(theta: Tensor, X: Tensor) -> Tensor:
    """(..., n, 11)."""
    *hidden, readout = deep_layers(theta)
    for W in hidden:
        X = SOFT.value(X @ W)
    return X @ readout


def deep_gradient(theta: Tensor, X: Tensor, Y: Tensor) -> Tensor:
    """Of the mean squared error, for a stack."""
    layers, H, S = deep_layers(theta), [X], []
    for W in layers[:-1]:
        pre = H[-1] @ W
        H.append(SOFT.value(pre))
        S.append(SOFT.slope(pre))
    G, out = 2 * (H[-1] @ layers[-1] - Y) / Y[0].numel(), []
    for k in range(len(layers) - 1, -1, -1):
        out.append((H[k].mT @ G).flatten(1))
        if k:
            G = (G @ layers[k].mT) * S[k - 1]
    return torch.cat(out[::-1], 1)


def edge_task(
    seeds: Iterable[int] = DEEP_SEEDS, momenta: tuple[float, ...] = (0.0, 0.9), at: tuple[float, ...] = DEEP_S
) -> tuple[dict[str, np.ndarray], dict]:
    """Four layers at the edge of stability, eta / (1 - b) = 0.5: means of 100 steps, a hundredth of s apart.

    Returns:
        (momenta, seeds, marks): ``held``, the cosine of the displacement with norm descent with the outputs held;
        ``capped``, ``capped2``, with the sharpness, and the two largest eigenvalues, kept from rising; ``single``, of
        one step with the first; ``speed``, ``capped_speed``; ``sharpness`` and ``second``, eta / (1 - b) times the
        largest eigenvalues; ``loss``, the mean of |r|^2 between, ``predicted``, ``quadratic``; ``accuracy``, ``mse``.
    """
    seeds = list(seeds)
    runs = stack(11, seeds).repeat(len(momenta))
    N, R = runs.Y[0].numel(), len(runs.X)
    theta = torch.stack([_deep_start(seed) for seed in seeds]).repeat_interleave(len(momenta), 0)
    b = torch.tensor(momenta * len(seeds), dtype=torch.float64)[:, None]
    velocity, ahead = torch.zeros_like(theta), round(2 * DEEP_SLOW / RATE / DECAY)
    marks = [round(2 * s / RATE / DECAY) for s in at]
    means: dict[int, Tensor] = {}
    losses: dict[int, Tensor] = {}
    singles: dict[int, Tensor] = {}
    for k in range(marks[-1] + ahead + DEEP_MEAN):
        last = theta
        velocity = b * velocity + deep_gradient(theta, runs.X, runs.Y) + DECAY * theta
        for mark in marks:
            for begin in (mark, mark + ahead):
                if begin <= k < begin + DEEP_MEAN:
                    means[begin] = means.get(begin, torch.zeros_like(theta)) + theta / DEEP_MEAN
            if mark <= k < mark + ahead:
                errors = (deep_outputs(theta, runs.X) - runs.Y).square().sum((1, 2)) / ahead
                losses[mark] = losses.get(mark, torch.zeros_like(errors)) + errors
        theta = theta - RATE * (1 - b) * velocity
        if k in marks:
            singles[k] = theta - last
    ridge, cap, rows = N * DECAY / 2, edge(RATE / N), []
    for r, task in enumerate(runs.tasks):
        row = []
        Z = deep_manifold(task)
        for mark in marks:
            a, moved = means[mark][r], means[mark + ahead][r] - means[mark][r]
            space, (S, G) = Z.at(a), sharpest(Z, a, 2)
            free = -2 * space.project(a)
            one, two = descent_within(space, G[:1]), descent_within(space, G)
            quadratic = ridge**2 * float(space.multiplier().square().sum())
            outputs = deep_outputs(a, task.X_test)
            row.append({
                "held": cosine(moved, free), "capped": cosine(moved, one.velocity),
                "capped2": cosine(moved, two.velocity), "single": cosine(singles[mark][r], free),
                "speed": float(moved.norm() / free.norm()) / DEEP_SLOW,
                "capped_speed": float(moved.norm() / one.velocity.norm()) / DEEP_SLOW,
                "sharpness": RATE / N * float(S[0]), "second": RATE / N * float(S[1]), "loss": float(losses[mark][r]),
                "predicted": quadratic + ridge * float(one.multipliers[0]) * cap, "quadratic": quadratic,
                "mse": float((outputs - task.Y_test).square().mean()),
                "accuracy": float(accuracy(outputs, task.labels_test)),
            })  # fmt: skip
        rows.append(row)
    found = {key: value.reshape(len(seeds), len(momenta), -1).swapaxes(0, 1) for key, value in columns(rows).items()}
    assert R == len(rows)
    return found, {"seeds": seeds, "momenta": momenta, "marks": at, "learning_rate": RATE, "weight_decay": DECAY,
                   "widths": DEEP}  # fmt: skip


def deep_manifold(task: Task) -> ZeroLossManifold:
    """The zero-loss manifold of the network of four layers."""
    return ZeroLossManifold(lambda theta: deep_outputs(theta, task.X_train).flatten(), task.Y_train.flatten())


def _deep_start(seed: int) -> Tensor:
    """PyTorch's default weights."""
    draw = torch.Generator().manual_seed(seed)
    parts = [(2 * torch.rand(a, b, generator=draw).double() - 1) / a**0.5 for a, b in zip(DEEP, DEEP[1:], strict=False)]
    return torch.cat([W.flatten() for W in parts])
