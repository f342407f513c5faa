"""Addition modulo p: stacks of runs, mini-batches, un-learning, and a little noise beside weight decay."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from grokutil.activations import softplus
from grokutil.data import Task, modular_addition
from grokutil.manifold import jacobian, join, split
from grokutil.measure import accuracy
from grokutil.model import default_weights, loss_gradient, predict
from grokutil.noise import noisy_descent, ntk_trace
from grokutil.tangent import Rows
from grokutil.train import gradient_descent
from grokutil.walks import projected_flow, retract

SEEDS = range(5)
SOFT = softplus(10)
TASKS = {11: 59, 17: 107}  # modulus: training pairs
WIDTH = 128


class Stack(NamedTuple):
    """Tasks of several seeds, (R, n, p) each, and two-layer starts (R, d) of PyTorch's default."""

    tasks: list[Task]
    X: Tensor
    Y: Tensor
    start: Tensor

    def gradient(self, theta: Tensor, X: Tensor | None = None, Y: Tensor | None = None) -> Tensor:
        """Of the mean squared error, for weights (R, d); with X and Y of those."""
        X, Y = self.X if X is None else X, self.Y if Y is None else Y
        W1, W2 = two_layers(theta, X.shape[-1])
        by_layer = loss_gradient(W1, W2, X, Y, SOFT)
        return torch.cat([g.flatten(1) for g in by_layer], 1) / (Y.shape[-1] * Y.shape[-2])

    def repeat(self, times: int) -> Stack:
        """Each seed that many times, one after another."""
        return Stack([t for t in self.tasks for _ in range(times)],
                     *(one.repeat_interleave(times, 0) for one in (self.X, self.Y, self.start)))  # fmt: skip


def two_layers(theta: Tensor, p: int) -> tuple[Tensor, Tensor]:
    """(..., d) as W1 (..., p, width) and W2 (..., width, p)."""
    first, second = theta.split(theta.shape[-1] // 2, -1)
    return first.unflatten(-1, (p, -1)), second.unflatten(-1, (-1, p))


def stack(p: int, seeds: Iterable[int]) -> Stack:
    """The tasks and starts of some seeds."""
    tasks = [modular_addition(p, train_size=TASKS[p], seed=seed) for seed in seeds]
    starts = [join(*default_weights(p, WIDTH, p, seed)) for seed in seeds]
    X, Y = (torch.stack([getattr(t, name) for t in tasks]) for name in ("X_train", "Y_train"))
    return Stack(tasks, X, Y, torch.stack(starts))


def tested(theta: Tensor, task: Task) -> dict[str, float]:
    """Test error and accuracy of one network, its squared norm, the trace of its NTK."""
    W1, W2 = two_layers(theta, task.p)
    outputs = predict(W1, W2, task.X_test, SOFT)
    return {
        "mse": float((outputs - task.Y_test).square().mean()),
        "accuracy": float(accuracy(outputs, task.labels_test)),
        "norm2": float(theta.square().sum()), "trace": float(ntk_trace(W1, W2, task.X_train, SOFT)),
    }  # fmt: skip


def sharpness(theta: Tensor, task: Task, speed: Tensor | None = None) -> float:
    """Largest eigenvalue of the Hessian of the mean squared error on Z, or of D^(1/2) Hessian D^(1/2); by powers."""
    J = jacobian(*two_layers(theta, task.p), task.X_train, SOFT)
    J = J if speed is None else J * speed.sqrt()
    u = torch.ones(len(J), dtype=torch.float64)
    for _ in range(60):
        u = J @ (J.mT @ u)
        u = u / u.norm()
    return 2 / len(J) * float((J.mT @ u).square().sum())


def columns(rows: list[list[dict[str, float]]]) -> dict[str, np.ndarray]:
    """Arrays (first index, second index) by name."""
    return {key: np.array([[row[key] for row in one] for one in rows]) for key in rows[0][0]}


def cosine(a: Tensor, b: Tensor) -> float:
    """Of the angle between two vectors."""
    return float(a @ b / a.norm() / b.norm())


RATE, DECAY = 0.5, 1e-4
BATCH_SIZES, BATCH_START, BATCH_TASK_STEPS, BATCH_SETTLED = (59, 32, 16, 8, 4, 2, 1), 24_000, 6000, 2000


def batches(
    seeds: Iterable[int] = SEEDS, before: int = BATCH_START, steps: int = BATCH_TASK_STEPS
) -> tuple[dict[str, np.ndarray], dict]:
    """Full batch to s = 0.6, then mini-batches of each size from there.

    Returns:
        (sizes, seeds): ``loss``, the mean of |r|^2 over lambda^2 |mu|^2; ``leading``, what it is to first order in the
        learning rate; ``gap`` of P of the last step to weight decay, relative; ``mse`` and ``accuracy`` at the end.
    """
    runs = stack(11, seeds)
    R, n, p = runs.X.shape
    theta, draw = runs.start, torch.Generator().manual_seed(0)
    for _ in range(before):
        theta = (1 - RATE * DECAY) * theta - RATE * runs.gradient(theta)
    start, rows, ridge = theta, [], n * p * DECAY / 2
    for size in BATCH_SIZES:
        theta, loss = start, torch.zeros(R, dtype=torch.float64)
        for k in range(steps):
            chosen = torch.rand(R, n, generator=draw).argsort(1)[:, :size, None].expand(-1, -1, p)
            last = theta
            step = -RATE * runs.gradient(theta, runs.X.gather(1, chosen), runs.Y.gather(1, chosen))
            theta = (1 - RATE * DECAY) * theta + step
            if k >= min(BATCH_SETTLED, steps // 3) and k % 4 == 0:
                W1, W2 = two_layers(theta, p)
                loss += (SOFT.value(runs.X @ W1) @ W2 - runs.Y).square().sum((1, 2))
        count = len([k for k in range(steps) if k >= min(BATCH_SETTLED, steps // 3) and k % 4 == 0])
        row = []
        for r, task in enumerate(runs.tasks):
            space = Rows(jacobian(*two_layers(last[r], p), task.X_train, SOFT), last[r])
            Theta, mu = space.ntk, space.multiplier()
            blocks, U = Theta.unflatten(0, (n, p)).unflatten(2, (n, p)), mu.unflatten(0, (n, p))
            own = float(torch.einsum("ic,icid,id->", U, blocks, U))
            factor = RATE / (n * p) * n * (n - size) / (size * (n - 1))
            unit = float(mu.square().sum())
            moved, decay = space.project(theta[r] - last[r]), -RATE * DECAY * space.project(last[r])
            row.append({
                "loss": float(loss[r]) / count / ridge**2 / unit,
                "leading": 1 + factor * (own - float(mu @ Theta @ mu) / n) / unit,
                "gap": float((moved - decay).norm() / decay.norm()), **tested(theta[r], task),
            })  # fmt: skip
        rows.append(row)
    return columns(rows), {"seeds": list(seeds), "sizes": BATCH_SIZES, "learning_rate": RATE, "weight_decay": DECAY,
                           "before": before, "steps": steps}  # fmt: skip


LARGE_RATE = 1.0  # where noise does the work
UNLEARN_NOISE, UNLEARN_T, COOLING = 0.7, 0.04, 2000  # the time of the noise on the clock of the trace


def memorised(task: Task, seed: int) -> tuple[Tensor, Tensor]:
    """Trained without weight decay, and then on the manifold."""
    run = gradient_descent(
        task, width=WIDTH, activation=SOFT, learning_rate=RATE, weight_decay=0.0, times=[0, 3000], seed=seed,
        progress=False,
    )  # fmt: skip
    W1, W2 = run.states[-1]
    return retract(W1, W2, task.X_train, task.Y_train, SOFT)


def unlearning(
    seeds: Iterable[int] = SEEDS, until: float = UNLEARN_T, flow_step: float = 1.25e-3
) -> tuple[dict[str, np.ndarray], dict]:
    """Networks that have grokked: trained on with label noise, or with weight decay, or left to the flow of the trace.

    Returns:
        (seeds, 5): at the start and after each quarter of the training with noise, cooled down without noise: ``mse``,
        ``accuracy``, ``norm2``, ``trace``, ``sharpness``; ``control_...`` (seeds, 2) with weight decay, at the start
        and at the end; ``flow_...`` (seeds, 9), along the flow of the trace in the same steps of its clock, for twice
        as long.
    """
    seeds, grokked, flows = list(seeds), [], []
    runs = stack(11, seeds)
    N = runs.Y[0].numel()
    steps, times = round(until / (LARGE_RATE / N * UNLEARN_NOISE) ** 2), np.linspace(0, 2 * until, 9)
    for seed, task in zip(seeds, runs.tasks, strict=True):
        sides = task.X_train, task.Y_train
        options: dict[str, Any] = {"activation": SOFT, "progress": False}
        state = projected_flow(memorised(task, seed), *sides, [0, 1], step=0.05, **options).states[-1]
        grokked.append(join(*state))
        walked = [state]
        for part, step in ((times[:2], flow_step / 2), (times[1:], flow_step)):
            field = noisy_descent(SOFT, 0.0, 1.0)
            walk = projected_flow(walked[-1], *sides, part, field=field, step=step, **options)
            walked += walk.states[1:]
        flows.append([tested(join(*q), task) for q in walked])
    both, start = runs.repeat(2), torch.stack(grokked).repeat_interleave(2, 0)
    noise = torch.tensor([UNLEARN_NOISE, 0.0] * len(seeds), dtype=torch.float64)[:, None, None]
    decay = torch.tensor([0.0, DECAY] * len(seeds), dtype=torch.float64)[:, None]
    draw, theta, found = torch.Generator().manual_seed(0), start, [start]
    for k in range(1, steps + 1):
        noisy = both.Y + noise * torch.randn(both.Y.shape, generator=draw, dtype=torch.float64)
        theta = (1 - LARGE_RATE * decay) * theta - LARGE_RATE * both.gradient(theta, Y=noisy)
        if k % (steps // 4) == 0:
            cold = theta
            for _ in range(min(COOLING, steps)):
                cold = cold - LARGE_RATE * both.gradient(cold)
            found.append(cold)
    full = [[tested(q[r], both.tasks[r]) | {"sharpness": sharpness(q[r], both.tasks[r])} for q in found]
            for r in range(len(theta))]  # fmt: skip
    control = columns([[row[0], row[-1]] for row in full[1::2]])
    return columns(full[::2]) | {f"control_{key}": value for key, value in control.items()} | {
        f"flow_{key}": value for key, value in columns(flows).items()
    }, {"seeds": seeds, "noise": UNLEARN_NOISE, "steps": steps, "learning_rate": LARGE_RATE,
        "control_weight_decay": DECAY, "until": until}  # fmt: skip


RATIOS, RATIO_DECAY, RATIO_FLOWS = (0.0, 0.001, 0.003, 0.01, 0.03, 0.1), 2e-4, 1


def ratio(
    seeds: Iterable[int] = SEEDS, ratios: tuple[float, ...] = RATIOS, end: float = 1.0, flows: int = RATIO_FLOWS
) -> tuple[dict[str, np.ndarray], dict]:
    """From memorising networks to s = ``end`` with weight decay and label noise, by eta delta^2 / lambda.

    Returns:
        (seeds, ratios): ``mse``, ``accuracy``, ``norm2``, ``trace``, ``sharpness``; ``flow_...`` of the first seeds and
        the ratios up to 0.01.
    """
    seeds = list(seeds)
    runs = stack(11, seeds)
    start = torch.stack([join(*memorised(t, s)) for t, s in zip(runs.tasks, seeds, strict=True)])
    all_runs, N = runs.repeat(len(ratios)), runs.Y[0].numel()
    e, ridge = LARGE_RATE / N, N * RATIO_DECAY / 2
    noise = torch.tensor([(one * ridge / e) ** 0.5 for one in ratios] * len(seeds), dtype=torch.float64)[:, None, None]
    theta, draw = start.repeat_interleave(len(ratios), 0), torch.Generator().manual_seed(0)
    for _ in range(round(end / e / ridge)):
        noisy = all_runs.Y + noise * torch.randn(all_runs.Y.shape, generator=draw, dtype=torch.float64)
        theta = (1 - LARGE_RATE * RATIO_DECAY) * theta - LARGE_RATE * all_runs.gradient(theta, Y=noisy)
    for _ in range(COOLING):
        theta = theta - LARGE_RATE * all_runs.gradient(theta)
    measured = [tested(q, t) | {"sharpness": sharpness(q, t)} for q, t in zip(theta, all_runs.tasks, strict=True)]
    rows = [measured[i : i + len(ratios)] for i in range(0, len(measured), len(ratios))]
    followed = []
    for first, task in list(zip(start, runs.tasks, strict=True))[:flows]:
        row = []
        for one in [one for one in ratios if one <= 0.01]:
            walk = projected_flow(
                split(first, *two_layers(first, 11)), task.X_train, task.Y_train, [0, end],
                field=noisy_descent(SOFT, 1.0, one), activation=SOFT, step=end / (60 + 2500 * one), progress=False,
            )  # fmt: skip
            row.append(tested(join(*walk.states[-1]), task))
        followed.append(row)
    flow = {f"flow_{key}": value for key, value in columns(followed).items()} if flows else {}
    return columns(rows) | flow, {
        "seeds": seeds, "ratios": ratios, "learning_rate": LARGE_RATE, "weight_decay": RATIO_DECAY,
        "noise": noise[: len(ratios), 0, 0].tolist(), "end": end,
    }  # fmt: skip
