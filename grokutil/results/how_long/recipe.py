"""How long training takes, and from where: the scale of the start, the learning rate, the faces of a ReLU network.

- ``scale_ACTIVATION_SEED``: training from one start at several scales, its output zeroed (``mirrored``); quadratic
  networks also with the output left as it is (``plain``), and along the slow flow, from larger scales (``flow``)
- ``large_relu_SEED``: the same from a scale that takes long
- ``rate_SEED``: training with several learning rates at one weight decay
- ``faces_SEED``: which kinks hold a ReLU network, and for how long
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from grokutil.data import Task, modular_addition
from grokutil.kinks import sliding_kinks
from grokutil.manifold import TangentSpace
from grokutil.margins import degree
from grokutil.measure import accuracy
from grokutil.model import default_weights, mirrored, predict
from grokutil.train import gradient_descent, ridge_from_weight_decay, slow_time
from grokutil.walks import projected_flow

P, TRAIN, WIDTH, SEEDS = 11, 59, 128, 5  # width after doubling
WEIGHT_DECAY = 4e-4
STEP = 0.02  # of the slow clock between records
CLOCK = np.arange(-86, 81) * STEP  # slow time less half the logarithm of the scale
SHARE = 0.8  # of the largest stable learning rate
SCALES = {"relu": (1.0, 3.0, 10.0), "quadratic": (1.0, 2.0, 4.0)}
FLOW_SCALES = (10.0, 30.0, 1000.0)
RATES = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 12.0)
RATE_TIMES = (0.25, 0.5, 0.75, 1.0)
FACE_DECAY, FACE_STARTS = 1e-4, (0.1, 0.3, 0.5, 1.0)
LARGE = 30.0  # for ReLU: half a million steps
FACE_WAITS = (0.0005, 0.001, 0.003, 0.01, 0.03, 0.1)  # slow time between two looks
CELLS = (
    *(f"{kind}_{seed}" for kind in ("rate", "faces") for seed in range(SEEDS)),
    *(f"scale_{activation}_{seed}" for activation in SCALES for seed in range(SEEDS)),
    *(f"large_relu_{seed}" for seed in range(SEEDS)),
)


def make(cell: str) -> tuple[dict[str, np.ndarray], dict]:
    """The arrays and the notes of one stored file."""
    kind, *rest = cell.split("_")
    seed = int(rest[-1])
    setting = {"p": P, "train_size": TRAIN, "width": WIDTH, "seed": seed}
    if kind in ("scale", "large"):
        activation, scales = rest[0], SCALES[rest[0]] if kind == "scale" else (LARGE,)
        notes = {"activation": activation, "weight_decay": WEIGHT_DECAY, "share": SHARE, "scales": scales}
        return scale(activation, seed, scales), setting | notes | {"flow_scales": FLOW_SCALES}
    if kind == "rate":
        return rate(seed), setting | {"activation": "quadratic", "weight_decay": WEIGHT_DECAY, "rates": RATES}
    return faces(seed), setting | {"activation": "relu", "weight_decay": FACE_DECAY, "waits": FACE_WAITS}


def scale(activation: str, seed: int, scales: tuple[float, ...] | None = None) -> dict[str, np.ndarray]:
    """Arrays (scales, T) on the grid, NaN before the start: ``KIND_mse`` and ``KIND_accuracy`` on the test pairs.

    KIND is ``mirrored``, and for quadratic networks ``plain`` and ``flow``; training also has ``KIND_loss``, the mean
    squared error on the training pairs, and ``KIND_steps``, the steps taken so far.
    """
    task, scales = modular_addition(P, train_size=TRAIN, seed=seed), scales or SCALES[activation]
    half, whole = (default_weights(P, width, P, seed) for width in (WIDTH // 2, WIDTH))
    found = {"mirrored": [training(task, activation, mirrored(*half, a), a) for a in scales]}
    if degree(activation) == 3:
        found["plain"] = [training(task, activation, (a * whole[0], a * whole[1]), a) for a in scales]
        found["flow"] = [flow(task, activation, mirrored(*half, a), a) for a in FLOW_SCALES]
    return {f"{kind}_{key}": np.stack([run[key] for run in runs]) for kind, runs in found.items() for key in runs[0]}


def training(task: Task, activation: str, start: tuple[Tensor, Tensor], size: float) -> dict[str, np.ndarray]:
    """Gradient descent on the grid, with a learning rate that keeps its share of the largest stable one."""
    behind, count, look = 0.5 * math.log(size), 0, torch.ones_like(task.Y_train)
    times, rows, now = behind + CLOCK[behind + CLOCK > 0], [], 0.0
    for time in times:
        sharpness, look = top(start, task.X_train, activation, look)
        rate = SHARE * task.Y_train.numel() / sharpness  # stable below n d_out / sharpness for loss "mean"
        steps = math.ceil((time - now) / slow_time(1, rate, WEIGHT_DECAY))
        rate = 2 * (time - now) / (WEIGHT_DECAY * steps)
        start = gradient_descent(
            task, activation=activation, learning_rate=rate, weight_decay=WEIGHT_DECAY, start=start,
            times=[0, steps], progress=False,
        ).states[-1]  # fmt: skip
        now, count = time, count + steps
        fitted = predict(*start, task.X_train, activation) - task.Y_train
        rows.append(test(task, activation, start) | {"loss": float(fitted.square().mean()), "steps": count})
    return on_grid(rows)


def top(point: tuple[Tensor, Tensor], X: Tensor, activation: str, look: Tensor) -> tuple[float, Tensor]:
    """Largest eigenvalue of the NTK by the power method, and its vector, where the next one begins."""
    space = TangentSpace(*point, X, activation)
    for _ in range(10):
        look = space.product(space.transposed_product(look / look.norm()))
    return float(look.norm()), look


def flow(task: Task, activation: str, start: tuple[Tensor, Tensor], size: float) -> dict[str, np.ndarray]:
    """The slow flow from the zero-loss point beside a large start."""
    behind = 0.5 * math.log(size)
    times = behind + CLOCK[behind + CLOCK > 0]
    run = projected_flow(
        start, task.X_train, task.Y_train, [0, *times], activation=activation, step=STEP, progress=False,
        measure=lambda _, point: test(task, activation, point),
    )  # fmt: skip
    return on_grid([{key: values[k] for key, values in run.measured.items()} for k in range(1, len(run.times))])


def test(task: Task, activation: str, point: tuple[Tensor, Tensor]) -> dict[str, float]:
    """Mean squared error and accuracy on the test pairs."""
    outputs = predict(*point, task.X_test, activation)
    error = float((outputs - task.Y_test).square().mean())
    return {"mse": error, "accuracy": float(accuracy(outputs, task.labels_test))}


def on_grid(rows: list[dict[str, float]]) -> dict[str, np.ndarray]:
    """Arrays over the grid, NaN where the run had not begun."""
    missing = np.full(len(CLOCK) - len(rows), np.nan)
    return {key: np.concatenate((missing, [row[key] for row in rows])) for key in rows[0]}


def rate(seed: int, rates: tuple[float, ...] = RATES) -> dict[str, np.ndarray]:
    """``mse`` and ``accuracy`` (rates, times) on the test pairs, ``sharpness`` (rates, times): the rate times it."""
    task, rows = modular_addition(P, train_size=TRAIN, seed=seed), []
    for eta in rates:
        records = [0, *(round(time / slow_time(1, eta, WEIGHT_DECAY)) for time in RATE_TIMES)]
        try:
            run = gradient_descent(
                task, width=WIDTH, activation="quadratic", learning_rate=eta, weight_decay=WEIGHT_DECAY, seed=seed,
                times=records, progress=False,
            )  # fmt: skip
            points = run.states[1:]
        except ValueError:  # it diverged
            points = ()
        row = {key: np.full(len(RATE_TIMES), np.nan) for key in ("mse", "accuracy", "sharpness")}
        for k, point in enumerate(points):
            for key, value in test(task, "quadratic", point).items():
                row[key][k] = value
            look = torch.ones_like(task.Y_train)
            row["sharpness"][k] = 2 * eta / task.Y_train.numel() * top(point, task.X_train, "quadratic", look)[0]
        rows.append(row)
    return {key: np.stack([row[key] for row in rows]) for key in rows[0]}


def faces(seed: int, starts: tuple[float, ...] = FACE_STARTS) -> dict[str, np.ndarray]:
    """How many kinks hold, and how many of them hold still a little later.

    ``sliding`` (starts,); ``kept`` and ``new`` (starts, waits): how many of them hold still, and how many others.
    """
    task, eta, rows = modular_addition(P, train_size=TRAIN, seed=seed), 1.0, []
    ridge = ridge_from_weight_decay(FACE_DECAY, TRAIN, P)
    looks = sorted({round((s + wait) / slow_time(1, eta, FACE_DECAY)) for s in starts for wait in (0.0, *FACE_WAITS)})
    records = [0, *sorted({k for look in looks for k in range(look - 19, look + 1)})]
    run = gradient_descent(task, width=WIDTH, weight_decay=FACE_DECAY, learning_rate=eta, seed=seed, times=records,
                           progress=False)  # fmt: skip
    states = dict(zip(run.times.astype(int).tolist(), run.states, strict=True))

    def held(s: float) -> Tensor:
        last = round(s / slow_time(1, eta, FACE_DECAY))
        past = [states[k] for k in range(last - 19, last + 1)]
        return sliding_kinks(past, task.X_train, task.Y_train, ridge)

    for s in starts:
        first = held(s)
        later = [held(s + wait) for wait in FACE_WAITS]
        rows.append(
            {
                "sliding": int(first.sum()),
                "kept": [int((first & one).sum()) for one in later],
                "new": [int((~first & one).sum()) for one in later],
            }
        )
    return {key: np.array([row[key] for row in rows]) for key in rows[0]}
