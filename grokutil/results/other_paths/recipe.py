"""Other paths on the zero-loss manifold of addition modulo 11, and the end of long training by training fraction.

- ``walks_SEED``: paths of unit speed from one memorising point, 59 of 66 pairs, quadratic network
- ``ACTIVATION_P_SEED``: training with weight decay on several fractions of the pairs, to s = 8 (quadratic, p = 11) or
  4. ``whole`` is trained on all pairs; ``train`` from a random start; ``released`` from the end of ``whole``, with the
  test pairs dropped, for as long again
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from grokutil.data import Task, modular_addition
from grokutil.manifold import TangentSpace
from grokutil.measure import learning_curves
from grokutil.model import predict
from grokutil.train import gradient_descent, ridge_from_weight_decay
from grokutil.units import rescaled_norm2
from grokutil.walks import Field, Point, at_angle, norm_descent, projected_flow, retract, unit_speed

WIDTH, LENGTH, STEP = 128, 10.0, 0.1
ANGLES = (0, 30, 60, 90, 180)
DECAY = 5e-4
FRACTIONS = {11: (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9), 13: (0.4, 0.5, 0.6, 0.7, 0.8), 17: (0.4, 0.5, 0.6, 0.7)}
SWEEPS = {("quadratic", 11): range(5), ("relu", 11): range(3), ("quadratic", 13): range(3), ("quadratic", 17): range(2)}
S_END = {("quadratic", 11): 8.0, ("relu", 11): 4.0, ("quadratic", 13): 4.0, ("quadratic", 17): 4.0}
CELLS = (
    *(f"walks_{seed}" for seed in range(5)),
    *(f"{activation}_{p}_{seed}" for (activation, p), seeds in SWEEPS.items() for seed in seeds),
)


def make(cell: str) -> tuple[dict[str, np.ndarray], dict]:
    """The arrays and the notes of one stored file."""
    name, *numbers = cell.split("_")
    seed = int(numbers[-1])
    if name == "walks":
        return walks(seed), {"seed": seed, "p": 11, "train_size": 59, "width": WIDTH, "step": STEP}
    p = int(numbers[0])
    setting = {"seed": seed, "p": p, "activation": name, "width": WIDTH, "weight_decay": DECAY, "learning_rate": 1.0}
    return sweep(name, p, seed), setting


def memorising_point(seed: int) -> tuple[Task, Point]:
    """The task, and a zero-loss point of the quadratic network that is trained without weight decay."""
    task = modular_addition(11, train_size=59, seed=seed)
    run = gradient_descent(
        task, activation="quadratic", weight_decay=0.0, seed=seed, times=[0, 5000], width=WIDTH, progress=False
    )
    W1, W2 = run.states[-1]
    return task, retract(W1, W2, task.X_train, task.Y_train, "quadratic")


def fields(point: Point, seed: int) -> dict[str, Field]:
    """The fields of the walks by name; random ones by the seed."""
    d1, d = point[0].numel(), sum(W.numel() for W in point)
    generator = torch.Generator().manual_seed(1000 + seed)
    g, h = torch.randn(2, d, generator=generator, dtype=torch.float64)
    first = torch.zeros_like(g)
    first[:d1] = 1

    def weighted(weights: torch.Tensor) -> Field:
        def descent(space: TangentSpace) -> torch.Tensor:
            return -weights * space.theta

        return unit_speed(descent)

    def constant(space: TangentSpace) -> torch.Tensor:
        return g

    return {
        **{f"angle {angle}": at_angle(angle, g) for angle in ANGLES},
        "random": unit_speed(constant),
        "only W1": weighted(first),
        "only W2": weighted(1 - first),
        "weighted": weighted(h.exp()),
    }


def walks(seed: int, length: float = LENGTH, names: Sequence[str] | None = None) -> dict[str, np.ndarray]:
    """Walks of that length from one point, recorded every half unit.

    Returns:
        ``lengths`` (T,), and for each walk ``NAME`` (4, T): squared norm, least squared norm under rescaling of units,
        test loss, test accuracy; and ``ends`` (walks, walks): distances of the end points, in the order of the names.
    """
    task, start = memorising_point(seed)
    X, Y = torch.cat((task.X_train, task.X_test)), predict(*start, torch.cat((task.X_train, task.X_test)), "quadratic")
    lengths, found, ends = np.arange(0, length + 0.25, 0.5), {}, []
    todo = {name: (field, task.X_train, task.Y_train) for name, field in fields(start, seed).items()}
    todo["held"] = (unit_speed(norm_descent), X, Y)  # the test outputs stay as they are
    for name in names or todo:
        field, inputs, targets = todo[name]
        run = projected_flow(
            start, inputs, targets, lengths, field=field, activation="quadratic", step=STEP, progress=False
        )
        curves = learning_curves(run.states, task, "quadratic")
        norms = np.array([(norm2(point), rescaled_norm2(point[0], point[1], "quadratic")) for point in run.states]).T
        found[name] = np.array([*norms, curves.test_loss, curves.test_accuracy])
        ends.append(torch.cat([W.flatten() for W in run.states[-1]]))
    stacked = torch.stack(ends)
    distances = torch.cdist(stacked, stacked, compute_mode="donot_use_mm_for_euclid_dist")
    return {"lengths": lengths, **found, "ends": distances.numpy()}


def norm2(point: Point) -> float:
    """Squared norm of all weights."""
    return float(sum(W.square().sum() for W in point))


def sweep(
    activation: str, p: int, seed: int, s_end: float | None = None, fractions: Sequence[float] | None = None
) -> dict[str, np.ndarray]:
    """Long training on fractions of the pairs.

    Returns:
        ``s`` (T,), ``fractions`` (F,), ``whole`` (3, T), ``train`` and ``released`` (F, 3, T): test accuracy, test loss
        (for ``whole``: on all pairs) and the squared norm on Z, estimated up to terms of second order in the weight
        decay. ``released`` for p = 11 only.
    """
    chosen = fractions or FRACTIONS[p]
    s = np.array([0.2, 0.4, 0.6, 0.8, 1.0]) * (s_end or S_END[activation, p])
    times = [0, *np.rint(2 * s / DECAY).astype(int)]

    def trained(task: Task, start: Point | None = None) -> tuple[Point, ...]:
        run = gradient_descent(
            task, activation=activation, weight_decay=DECAY, times=times, seed=seed, start=start, progress=False
        )
        return run.states[1:]

    rows: dict[str, list] = {"train": [], "released": []}
    whole = all_pairs(p)
    states = trained(whole)
    generalising = states[-1]
    arrays = {"s": s, "fractions": np.array(chosen), "whole": measure(states, whole, activation)}
    for fraction in chosen:
        task = modular_addition(p, fraction, seed=seed)
        for name, start in (("train", None), ("released", generalising)):
            if name == "train" or p == 11:
                rows[name].append(measure(trained(task, start), task, activation))
    return arrays | {name: np.array(row) for name, row in rows.items() if row}


def all_pairs(p: int) -> Task:
    """Addition modulo p with every pair on both sides of the split."""
    task = modular_addition(p, 0.5, seed=0)
    X, Y = torch.cat((task.X_train, task.X_test)), torch.cat((task.Y_train, task.Y_test))
    pairs, labels = torch.cat((task.pairs_train, task.pairs_test)), torch.cat((task.labels_train, task.labels_test))
    return Task(p, 0, pairs, pairs, labels, labels, X, X, Y, Y)


def measure(states: Sequence[Point], task: Task, activation: str) -> np.ndarray:
    r"""Test accuracy, test loss, and :math:`\|\theta\|^2 + 2 L / \lambda`, (3, T).

    Where :math:`r = -\lambda \mu + O(\lambda^2)`, the last is the squared norm of the nearest zero-loss point z up to
    :math:`O(\lambda^2)`: :math:`\|\theta\|^2 = \|z\|^2 - 2 \lambda \|\mu\|^2` and :math:`L = \lambda^2 \|\mu\|^2`.
    """
    curves = learning_curves(states, task, activation)
    ridge = ridge_from_weight_decay(DECAY, *task.Y_train.shape)
    L = curves.train_loss * task.Y_train.numel()
    norms = np.array([norm2(point) for point in states]) + 2 * L / ridge
    return np.array([curves.test_accuracy, curves.test_loss, norms])
