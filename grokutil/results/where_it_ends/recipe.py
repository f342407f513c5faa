"""Long training of Fig. 5's networks (p = 11, 59 training pairs, width 128) with weight decay 4e-4, to s = 8.

- ``ACTIVATION_SEED``: from PyTorch's start; rank of J, live units, and whether -P theta, with P cut by rank, still
  predicts the next steps. ReLU: also with the kinks held, and whether more units would have led lower
- ``flow_SEED``: the quadratic network from a memorising point on Z: the slow flow, and training at two weight decays
- ``narrow_SEED``: weights of a quadratic network with 29 units that fits the same pairs
"""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import torch
from torch import Tensor

from grokutil.activations import Activation, softplus
from grokutil.constraints import SingularPointError
from grokutil.data import Task, modular_addition
from grokutil.kinks import sliding_kinks
from grokutil.manifold import TangentSpace, jacobian, split
from grokutil.measure import learning_curves
from grokutil.model import default_weights, hidden, loss, predict
from grokutil.train import gradient_descent, ridge_from_weight_decay
from grokutil.units import live_units
from grokutil.walks import Point, projected_flow, retract

P, TRAIN, WIDTH, RATE, DECAY = 11, 59, 128, 1.0, 4e-4
S = (0.05, 0.1, 0.25, 0.5, 0.75, *(0.5 * k for k in range(2, 17)))
AHEAD, PAST = 0.01, 20  # on the clock s, what P is to predict after a record; steps kept before it
CUTS = (0.0, 1e-4, 1e-3, 3e-3, 1e-2, 3e-2)  # singular values below this share of the largest count as zero
ACTIVATIONS: dict[str, str | Activation] = {"quadratic": "quadratic", "softplus": softplus(10), "relu": "relu"}
FLOW_S = (*(0.5 * k for k in range(9)), 5.0, 6.0, 7.0, 8.0)
FLOW_DECAYS = (4e-4, 1e-4)
STEP = 0.02
MORE_UNITS, SEARCH, AGAIN = 40, 4000, 10_000  # units added at the end, starts of the search for them, steps after it
NARROW = 29  # with 22 weights each: fewer weights than outputs
TRIES = 10
RIDGES = (1e-1, 3e-2, 1e-2, 3e-3, 1e-3, 3e-4, 1e-4, 1e-5, 1e-6, 1e-8)
CELLS = tuple(f"{name}_{seed}" for name in (*ACTIVATIONS, "flow", "narrow") for seed in range(5))


def make(cell: str) -> tuple[dict[str, np.ndarray], dict]:
    """The arrays and the notes of one stored file."""
    name, seed = cell.split("_")
    setting = {"seed": int(seed), "p": P, "train_size": TRAIN, "width": WIDTH, "learning_rate": RATE, "cuts": CUTS}
    if name == "narrow":
        return narrow(int(seed)), setting | {"activation": "quadratic", "width": NARROW, "ridges": RIDGES}
    if name == "flow":
        return flow(int(seed)), setting | {"activation": "quadratic", "weight_decays": FLOW_DECAYS, "step": STEP}
    return run(name, int(seed)), setting | {"activation": name, "weight_decay": DECAY}


def run(name: str, seed: int, end: float = S[-1]) -> dict[str, np.ndarray]:
    """One network, measured at each record up to ``end``.

    Returns:
        ``s`` (T,), ``test_accuracy`` (T,), and what :func:`measure`, :func:`predicted` and, for ReLU,
        :func:`with_kinks` return, each with a leading axis (T,). Run to the last record, a ReLU network also has what
        :func:`more_units` returns.
    """
    task, chosen = modular_addition(P, train_size=TRAIN, seed=seed), [s for s in S if s <= end]
    records = np.rint(2 * np.array(chosen) / DECAY).astype(int).tolist()
    times = [0, *(record + k for record in records for k in (*range(1 - PAST, 1), ahead(DECAY)))]
    path = iter(train(task, name, default_weights(P, WIDTH, P, seed), times)[1:])
    rows, recorded = [], []
    for states in zip(*[path] * (PAST + 1), strict=True):
        state: Point = states[-2]
        _, sigma, V = torch.linalg.svd(jacobian(*state, task.X_train, ACTIVATIONS[name]), full_matrices=False)
        rows.append(measure(state, sigma) | predicted(state, states[-1], sigma, V, DECAY))
        if name == "relu":
            rows[-1] |= with_kinks(task, states)
        recorded.append(state)
    accuracy = learning_curves(recorded, task, ACTIVATIONS[name]).test_accuracy
    arrays = {"s": np.array(chosen), "test_accuracy": accuracy} | stacked(rows)
    return arrays | (more_units(task, seed, state) if name == "relu" and end == S[-1] else {})


def train(
    task: Task, name: str, start: Point, times: list[int], decay: float = DECAY
) -> tuple[tuple[Tensor, Tensor], ...]:
    """States of gradient descent at these steps."""
    return gradient_descent(
        task, activation=ACTIVATIONS[name], learning_rate=RATE, weight_decay=decay, start=start, times=times,
        progress=False,
    ).states  # fmt: skip


def measure(state: Point, sigma: Tensor) -> dict:
    """Squared norm, sizes |w1h| |w2h| of all units (float32), how many live, extreme singular values, ranks by cut."""
    W1, W2 = state
    return {
        "norm2": float(W1.square().sum() + W2.square().sum()),
        "sizes": (W1.norm(dim=0) * W2.norm(dim=1)).float().numpy(),
        "live": int(live_units(W1, W2).sum()),
        "singular": sigma[[-1, 0]].numpy(),
        "rank": np.array([int((sigma > cut * sigma[0]).sum()) for cut in CUTS]),
    }


def ahead(decay: float) -> int:
    """How many steps are ``AHEAD`` on the clock s."""
    return round(2 * AHEAD / (RATE * decay))


def predicted(before: Point, after: Point, sigma: Tensor, V: Tensor, decay: float) -> dict[str, np.ndarray]:
    """Cosine and speed of the move ``AHEAD`` against -P theta, by cut; sigma (M,) and V (M, d) belong to J before."""
    theta = vector(before)
    normal = [V[sigma > cut * sigma[0]] for cut in CUTS]
    both = np.array([compared(before, after, N.mT @ (N @ theta) - theta, decay) for N in normal])
    return {"cosine": both[:, 0], "speed": both[:, 1]}


def compared(before: Point, after: Point, descent: Tensor, decay: float) -> tuple[float, float]:
    """Cosine of a move and -P theta, and its length over that of -eta wd P theta for as many steps."""
    moved = vector(after) - vector(before)
    length, expected = float(moved.norm()), RATE * decay * ahead(decay) * float(descent.norm())
    return float(moved @ descent) / (length * float(descent.norm())), length / expected


def with_kinks(task: Task, states: tuple) -> dict[str, np.ndarray]:
    """For ReLU: the smallest singular value of J with the kinks held, and cosine and speed with them."""
    (W1, W2), after = states[-2:]
    ridge = ridge_from_weight_decay(DECAY, *task.Y_train.shape)
    kinks = sliding_kinks(states[:-1], task.X_train, task.Y_train, ridge)
    space = TangentSpace(W1, W2, task.X_train, "relu", kinks)
    smallest = torch.linalg.eigvalsh(space.ntk)[0].clamp(min=0).sqrt()
    held = compared((W1, W2), after, -space.project(space.theta), DECAY)
    return {"smallest_held": np.array(float(smallest)), "held": np.array(held)}


def more_units(task: Task, seed: int, state: Point) -> dict[str, np.ndarray]:
    """Whether the end of a ReLU network could be left downwards with more units.

    Returns:
        ``at_units`` (live,), |U^T sigma(X w)| at the directions w of the live units, with U = -r / lambda (a mean over
        200 steps); ``elsewhere``, the largest value that a search over |w| = 1 finds; ``cost`` (2,), the mean of the
        cost over the last 200 steps of further training, with the network as it is, and with units added; ``bound``,
        2 lambda <a, Y> - lambda^2 |a|^2 at a = U / ``elsewhere``, which is below every cost if the search has found
        the largest value.
    """
    X, Y = task.X_train, task.Y_train
    ridge = ridge_from_weight_decay(DECAY, *Y.shape)
    near = train(task, "relu", state, list(range(201)))
    U = torch.stack([(Y - predict(W1, W2, X)) / ridge for W1, W2 in near]).mean(0)
    W1, W2 = near[-1]
    alive = live_units(W1, W2, 1e-2)
    units = W1[:, alive] / W1[:, alive].norm(dim=0)
    w, values = search(X, U, units, seed)

    chosen: list[int] = []
    for h in values.argsort(descending=True).tolist():
        if len(chosen) < MORE_UNITS and values[h] > 1 and all(w[:, h] @ w[:, j] < 0.99 for j in chosen):
            chosen.append(h)
    new1 = 0.1 * w[:, chosen]
    new2 = 0.1 * torch.nn.functional.normalize(hidden(w[:, chosen], X).mT @ U, dim=1)
    wider = torch.cat((W1, new1), 1), torch.cat((W2, new2))
    costs = []
    for start in ((W1, W2), wider):
        last = train(task, "relu", start, [0, *range(AGAIN - 199, AGAIN + 1)])[1:]
        costs.append(np.mean([float(loss(*point, X, Y, ridge=ridge)) for point in last]))
    a = U / max(1.0, float(values.max()))
    return {
        "at_units": (U.mT @ hidden(units, X)).norm(dim=0).numpy(),
        "elsewhere": np.array(float(values.max())),
        "cost": np.array(costs),
        "bound": np.array(float(2 * ridge * (a * Y).sum() - ridge**2 * a.square().sum())),
    }


def search(X: Tensor, U: Tensor, units: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    """Unit vectors w (d_in, m) by ascent of |U^T relu(X w)| from the units and from random starts, and its values."""
    generator = torch.Generator().manual_seed(seed)
    w = torch.cat((units, torch.randn(len(units), SEARCH, generator=generator, dtype=torch.float64)), 1)
    w = w / w.norm(dim=0)
    best, value = w, torch.zeros(w.shape[1], dtype=torch.float64)
    for step in range(1000):
        V = U.mT @ hidden(w, X)
        size = V.norm(dim=0)
        better = size > value
        best, value = torch.where(better, w, best), torch.where(better, size, value)
        w = w + 0.02 / (1 + step / 100) ** 0.5 * X.mT @ ((U @ (V / size.clamp(min=1e-12))) * (X @ w > 0))
        w = w / w.norm(dim=0)
    return best, value


def memorising_point(task: Task, seed: int) -> Point:
    """A point of Z: training without weight decay, and a retraction."""
    start = train(task, "quadratic", default_weights(P, WIDTH, P, seed), [0, 5000], decay=0.0)[-1]
    return retract(*start, task.X_train, task.Y_train, "quadratic")


def flow(seed: int, end: float = FLOW_S[-1]) -> dict[str, np.ndarray]:
    """The slow flow of the quadratic network, and training from the same point.

    Returns:
        ``s`` (T,); for ``flow`` and each ``train WD`` what :func:`measure` returns, as ``KEY of PATH``, for training
        also what :func:`predicted` does, for the flow ``multiplier``, the length of mu; ``distance`` (weight
        decays, T), from training to the flow. NaN from where the flow meets a numerically singular J.
    """
    task = modular_addition(P, train_size=TRAIN, seed=seed)
    s, start = [value for value in FLOW_S if value <= end], memorising_point(task, seed)
    walk: list[Point] = []
    with suppress(SingularPointError):
        run = projected_flow.begin(start, task.X_train, task.Y_train, s, activation="quadratic", step=STEP)
        for _, state, recorded in run:
            walk += [state] if recorded else []
    found, distances = {"s": np.array(s)}, []
    for decay in FLOW_DECAYS:
        times = np.rint(2 * np.array(s) / decay).astype(int)
        everything = train(task, "quadratic", start, sorted({*times, *(times + ahead(decay))}), decay)
        distances.append([float((vector(a) - vector(b)).norm()) for a, b in zip(everything[::2], walk, strict=False)])
        rows = []
        for before, after in zip(everything[::2], everything[1::2], strict=True):
            _, sigma, V = torch.linalg.svd(jacobian(*before, task.X_train, "quadratic"), full_matrices=False)
            rows.append(measure(before, sigma) | predicted(before, after, sigma, V, decay))
        found |= {f"{key} of train {decay:g}": column for key, column in stacked(rows).items()}
    rows = []
    for W1, W2 in walk:
        mu = TangentSpace(W1, W2, task.X_train, "quadratic").multiplier()
        sigma = torch.linalg.svdvals(jacobian(W1, W2, task.X_train, "quadratic"))
        rows.append(measure((W1, W2), sigma) | {"multiplier": float(mu.norm())})
    columns = stacked(rows)
    found |= {f"{key} of flow": to_the_end(column, len(s)) for key, column in columns.items()}
    found["distance"] = np.array([to_the_end(np.array(row), len(s)) for row in distances])
    return found


def narrow(seed: int) -> dict[str, np.ndarray]:
    """``W1`` (p, 29) and ``W2`` (29, p) of residual 0 up to rounding, from the first random start that leads there."""
    task = modular_addition(P, train_size=TRAIN, seed=seed)
    for start in range(TRIES):
        W1, W2 = fitted(task, start)
        if (predict(W1, W2, task.X_train, "quadratic") - task.Y_train).norm() < 1e-10:
            return {"W1": W1.numpy(), "W2": W2.numpy(), "start": np.array(start)}
    raise ValueError(f"none of {TRIES} starts has led to a network of {NARROW} units that fits split {seed}")


def fitted(task: Task, start: int) -> Point:
    """The cost of 29 quadratic units minimised for smaller and smaller lambda, then Gauss-Newton steps.

    There are fewer weights than outputs, so J does not have full rank, and a step inverts its larger singular values.
    """
    X, Y = task.X_train, task.Y_train
    shapes = torch.empty(P, NARROW, dtype=torch.float64), torch.empty(NARROW, P, dtype=torch.float64)
    generator = torch.Generator().manual_seed(start)
    theta = (0.6 * torch.randn(2 * P * NARROW, generator=generator, dtype=torch.float64)).requires_grad_()
    for ridge in RIDGES:
        optimizer = torch.optim.LBFGS(
            [theta], max_iter=1500, history_size=30, line_search_fn="strong_wolfe",
            tolerance_grad=1e-12, tolerance_change=1e-15,
        )  # fmt: skip

        def cost(ridge: float = ridge, optimizer: torch.optim.Optimizer = optimizer) -> Tensor:
            optimizer.zero_grad()
            value = loss(*split(theta, *shapes), X, Y, "quadratic", ridge)
            value.backward()
            return value

        optimizer.step(cost)
    end = theta.detach()
    for _ in range(20):
        W1, W2 = split(end, *shapes)
        r = (predict(W1, W2, X, "quadratic") - Y).flatten()
        end = end - torch.linalg.pinv(jacobian(W1, W2, X, "quadratic"), rtol=1e-5) @ r
    return split(end, *shapes)


def to_the_end(column: np.ndarray, records: int) -> np.ndarray:
    """A column (t, ...) made as long as there are records, with NaN."""
    missing = np.full((records - len(column), *column.shape[1:]), np.nan, dtype=np.float32)
    return np.concatenate((column, missing)) if len(missing) else column


def stacked(rows: list[dict]) -> dict[str, np.ndarray]:
    """A row for each record, as arrays by key."""
    return {key: np.array([row[key] for row in rows]) for key in rows[0]}


def vector(state: Point) -> Tensor:
    """Both layers as one vector theta."""
    return torch.cat([W.flatten() for W in state])
