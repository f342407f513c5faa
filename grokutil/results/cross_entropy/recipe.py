"""Cross-entropy on addition modulo 11 (59 of 66 pairs, width 128) and a few larger tasks.

- ``training_ACTIVATION_SEED``: squared error, soft and hard labels, each held against its own tangent space
- ``margins_SEED``: hard labels, quadratic network: the rescaled flow for several scales, the rule of active margins,
  plain gradient descent beside it, and training without weight decay on its own clock
- ``clamped_SEED``: the norm held, p = 17: the time to half of the test pairs, by scale
- ``larger_SEED``: p = 29: does the rescaled flow grok?
- ``price_SEED``: the squared norm at margin one, by number of pairs
- ``toy_NAME_SEED``: Theorem C on small problems, the distance to the limit by scale
- ``soft_SEED``: soft labels on small networks, the distance to the slow flow by weight decay
- ``arrivals_SEED``: the rule of active margins around s = 0.5 at larger scales, and margins on their way to the wall
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from torch import Tensor

from grokutil.activations import Activation, softplus
from grokutil.data import Task, modular_addition
from grokutil.flow import integrate
from grokutil.gradient_flow import slow_flow, training_flow
from grokutil.losses import smoothed
from grokutil.manifold import TangentSpace, join
from grokutil.margins import (
    MarginFlow,
    UndecayedMarginFlow,
    active_margins,
    at_margin,
    margin_jacobian,
    margins,
    scale_from_ridge,
)  # fmt: skip
from grokutil.measure import accuracy
from grokutil.model import predict
from grokutil.soft_labels import SoftLabelManifold
from grokutil.sweeping import MarginProblem, caught_up, margin_training, sweeping_flow, undecayed_margin_training
from grokutil.tangent import least_norm
from grokutil.train import gradient_descent, ridge_from_weight_decay

P, TRAIN, WIDTH, RATE = 11, 59, 128, 1.0
SEEDS = range(5)
ACTIVATIONS: dict[str, str | Activation] = {"quadratic": "quadratic", "softplus": softplus(10)}
RUNS = {  # name: loss, smoothing, weight decay
    "squared": ("mean", 0.0, 1e-4),
    "soft 0.1": ("cross-entropy", 0.1, 1e-4),
    "soft 0.3": ("cross-entropy", 0.3, 1e-4),
    "hard": ("cross-entropy", 0.0, 1e-4),
    "hard, decay 1e-5": ("cross-entropy", 0.0, 1e-5),
}
RECORDS, AHEAD = (1000, 3000, 10_000, 20_000), 200

SCALES, END = (8, 16, 32, 64), 8.0
S = np.linspace(0, END, 41)
RULE_S, WINDOWS = (0.5, 1.5), (2.0, 4.0)  # windows over the scale
PLAIN = {1e-3: 1.0, 1e-4: 1.0, 1e-5: 4.0}  # learning rate by weight decay
PLAIN_S = np.linspace(0, 1, 6)
CLOCK_S, CLOCK_SCALES = np.linspace(0, 0.6, 13), (16, 64)
CLAMPED_SCALES, CLAMPED_STEPS = (6, 8, 11, 15, 20), 20_000
LARGER = (("relu", 0.8), ("quadratic", 0.8), ("quadratic", 0.7))
LARGER_S, LARGER_SCALE = np.linspace(0, 8, 21), 16
PAIRS, WHOLE = (20, 33, 46, 59, 66), (11, 17, 29)

ARRIVAL_SCALES, ARRIVAL_S, ARRIVING = (64, 128, 256, 512), (0.4, 0.45, 0.5, 0.55, 0.6), -0.3  # a margin's velocity
SOFT_RIDGES, SOFT_S, SOFT_SMOOTHING, SOFT_SIZES = 4e-3 / 4.0 ** np.arange(5), np.linspace(0, 0.5, 11), 0.3, (3, 3, 3, 8)

TOYS = tuple(f"{name}_{seed}" for name in ("diagonal", "quadratic") for seed in range(3))
TOY_SCALES, TOY_STARTS, TOY_S = (10, 20, 40, 80, 160, 320), (5, 10, 20, 40), np.linspace(0, 1.5, 31)

CELLS = (
    *(f"toy_{toy}" for toy in TOYS),
    *(f"margins_{seed}" for seed in SEEDS),
    *(f"training_{name}_{seed}" for name in ACTIVATIONS for seed in SEEDS),
    *(f"{name}_{seed}" for name in ("price", "clamped", "larger", "soft", "arrivals") for seed in SEEDS),
)


def make(cell: str) -> tuple[dict[str, np.ndarray], dict]:
    """The arrays and the notes of one stored file."""
    name, *rest = cell.split("_")
    seed = int(rest[-1])
    notes = {"seed": seed, "p": P, "train_size": TRAIN, "width": WIDTH}
    if name == "toy":
        return toy(rest[0], seed), {"seed": seed, "model": rest[0], "scales": TOY_SCALES, "starts": TOY_STARTS}
    if name == "training":
        return training(rest[0], seed), notes | {"activation": rest[0], "runs": list(RUNS), "learning_rate": RATE}
    if name == "margins":
        return margin_runs(seed), notes | {"activation": "quadratic", "scales": SCALES}
    if name == "price":
        return price(seed), {"seed": seed, "width": WIDTH, "activation": "quadratic", "scale": 32, "end": END}
    if name == "soft":
        return soft(seed), {"seed": seed, "n, d_in, p, width": SOFT_SIZES, "smoothing": SOFT_SMOOTHING}
    if name == "arrivals":
        return arrivals(seed), notes | {"activation": "quadratic", "scales": ARRIVAL_SCALES, "times": ARRIVAL_S}
    if name == "clamped":
        return clamped(seed), notes | {"p": 17, "train_size": 122, "scales": CLAMPED_SCALES}
    return larger(seed), notes | {"p": 29, "train_size": 0, "runs": LARGER, "scale": LARGER_SCALE}


# Squared error, soft labels, hard labels.


def training(
    name: str, seed: int, end: int = RECORDS[-1], runs: tuple[str, ...] = tuple(RUNS)
) -> dict[str, np.ndarray]:
    """One network for each of ``runs``, measured at the records up to ``end``.

    Returns:
        Arrays (runs, T). ``identity``: how far P of a step is from -eta wd P theta, relative; ``share``: of the squared
        length of a step, what lies in the tangent space; ``cosine``, ``speed``, ``law``: the next 200 steps against
        -P theta, the length over that of -eta wd P theta, the change of the squared norm over the norm law;
        ``gap``, ``multiplier_cosine``: of the residual over -2 lambda (soft; over -lambda for squared error) and the
        multiplier; ``accuracy`` on the test pairs; ``norm2``; ``margin``, the smallest; ``smallest``, the smallest
        singular value of what is held. P belongs to J for squared error, to QJ for cross-entropy.
    """
    task = modular_addition(P, train_size=TRAIN, seed=seed)
    records = [record for record in RECORDS if record <= end]
    rows = []
    for run in runs:
        loss, smoothing, decay = RUNS[run]
        states = gradient_descent(
            task, width=WIDTH, activation=ACTIVATIONS[name], learning_rate=RATE, weight_decay=decay, loss=loss,
            smoothing=smoothing, seed=seed, progress=False,
            times=[0, *sorted(record + k for record in records for k in (0, 1, AHEAD))],
        ).states[1:]  # fmt: skip
        rows.append([step_row(task, name, run, states[i : i + 3]) for i in range(0, len(states), 3)])
    return {key: np.array([[row[key] for row in one] for one in rows]) for key in rows[0][0]}


def step_row(task: Task, name: str, run: str, states: tuple) -> dict[str, float]:
    """One entry of each array of :func:`training`, from a state, the next, and one later."""
    (loss, smoothing, decay), sigma, n = RUNS[run], ACTIVATIONS[name], len(task.X_train)
    W1, W2 = states[0]
    theta, after, later = (join(*state) for state in states)
    soft = loss == "cross-entropy"
    space = TangentSpace(W1, W2, task.X_train, sigma, gauge=soft)
    down, step, moved = -space.project(theta), after - theta, later - theta
    outputs, Y = predict(W1, W2, task.X_train, sigma), smoothed(task.Y_train, smoothing)
    residual = (torch.softmax(outputs, 1) - Y) / 2 if soft else outputs - Y
    guess, mu = -residual / ridge_from_weight_decay(decay, n, P, loss), space.multiplier()
    tangent, rate = space.project(step), RATE * decay
    sizes = torch.linalg.eigvalsh(space.ntk)
    return {
        "identity": float((tangent - rate * down).norm() / (rate * down.norm())),
        "share": float(tangent @ tangent / (step @ step)),
        "cosine": float(moved @ down / (moved.norm() * down.norm())),
        "speed": float(moved.norm() / (AHEAD * rate * down.norm())),
        "law": float((later @ later - theta @ theta) / (-2 * AHEAD * rate * down @ down)),
        "gap": float((guess - mu).norm() / mu.norm()),
        "multiplier_cosine": float((guess * mu).sum() / (guess.norm() * mu.norm())),
        "accuracy": accuracy(predict(W1, W2, task.X_test, sigma), task.labels_test),
        "norm2": float(theta @ theta),
        "margin": float(margins(outputs, task.labels_train).min()),
        "smallest": float(sizes[n if soft else 0].clamp(min=0).sqrt()),
    }


# Hard labels: the rescaled flow.


def memorised(X: Tensor, Y: Tensor, activation: str, seed: int, margin: float = 1.0) -> tuple[Tensor, Tensor]:
    """Weights that are trained without decay until all margins are 3, then scaled to ``margin`` for the smallest."""
    labels = Y.argmax(1)
    run = gradient_descent(
        (X, Y), width=WIDTH, activation=activation, loss="cross-entropy", learning_rate=RATE, weight_decay=0.0,
        steps=200_000, record_every=50, seed=seed, progress=False, measure=lambda step, _: {"step": step},
        until=lambda _, state: float(margins(predict(state[0], state[1], X, activation), labels).min()) > 3,
    )  # fmt: skip
    return at_margin(run.states[-1], X, labels, activation, margin)


def quadratic_task(seed: int, margin: float = 1.0) -> tuple[Task, Tensor, Callable[..., MarginFlow]]:
    """The task, a memorising start, and the rescaled flow as a function of the scale."""
    task = modular_addition(P, train_size=TRAIN, seed=seed)
    start = join(*memorised(task.X_train, task.Y_train, "quadratic", seed, margin))

    def flow(scale: float, kind: type[MarginFlow] = MarginFlow) -> MarginFlow:
        return kind(task.X_train, task.labels_train, P, WIDTH, "quadratic", scale)

    return task, start, flow


def read(task: Task | None, flow: MarginFlow, labels: Tensor, state: Tensor) -> dict[str, float]:
    """Squared norm, smallest margin, KKT residual, complementarity gap, multipliers, accuracy of a state."""
    W1, W2 = flow.layers(state)
    q, mu, theta = margins(predict(W1, W2, flow.X, flow.sigma), labels), flow.multipliers(state), join(W1, W2)
    wrong, velocity = torch.isfinite(q), flow(state)[: len(theta)]
    row = {
        "norm2": float(theta @ theta),
        "margin": float(q.min()),
        "kkt": float(velocity.norm() / (2 * theta.norm())),
        "slack": float((mu[wrong] * (q[wrong] - q.min())).sum() / (mu[wrong] * q[wrong]).sum()),
        "active": int((mu > 0.01 * mu.max()).sum()),
    }
    if task is not None:
        row["accuracy"] = accuracy(predict(W1, W2, task.X_test, flow.sigma), task.labels_test)
    return row


def follow(flow: MarginFlow, start: Tensor, times: np.ndarray, row: Callable[[Tensor], dict[str, float]]):
    """The arrays of ``row`` along the flow, and its last state."""
    run = integrate(flow, start, times, step=flow.step, measure=lambda _, state: row(state), progress=False)
    return dict(run.measured), run.states[-1]


def margin_runs(seed: int, scales: tuple[int, ...] = SCALES, parts: tuple[str, ...] = ("plain", "clocks")) -> dict:
    """The runs of ``margins_SEED``.

    Returns:
        ``norm2``, ``margin``, ``kkt``, ``slack``, ``active``, ``accuracy`` (scales, T) at ``S``; ``rule_fibre``
        (scales, 2), the length of P v over that of the velocity v at ``RULE_S``, P belonging to all outputs up to the
        gauge; ``rule_cosine``, ``rule_speed``, ``rule_near``, ``rule_held``, ``rule_correlation`` (scales, 2, windows),
        the true velocity against the rule of active margins; ``plain_norm2``, ``plain_margin`` (decays, 2, 6), the
        rescaled flow and gradient descent; ``clock_price`` (4, T), the squared norm at margin one at ``CLOCK_S`` for
        two scales and two starts of the undecayed flow; ``clock_distance`` (4,), of the directions at the end from the
        second's; ``clock_moved``, from start to end.
    """
    task, start, flow = quadratic_task(seed)
    labels, rows, rule = task.labels_train, [], []
    for scale in scales:
        at = flow(scale)
        rows.append(follow(at, start, S, partial(read, task, at, labels))[0])
        middle = integrate(at, start, [0, *RULE_S], step=at.step, progress=False).states[1:]
        rule.append([rule_row(at, labels, state) for state in middle])
    found = {key: np.array([row[key] for row in rows]) for key in rows[0]}
    found |= {f"rule_{key}": np.array([[row[key] for row in one] for one in rule]) for key in rule[0][0]}
    if "plain" in parts:
        pairs = np.array([plain(task, start, flow, decay) for decay in PLAIN])
        found |= {"plain_norm2": pairs[:, 0], "plain_margin": pairs[:, 1]}
    if "clocks" in parts:
        found |= clocks(seed)
    return found


def rule_row(flow: MarginFlow, labels: Tensor, state: Tensor) -> dict[str, float | list[float]]:
    """The velocity at a state against the whole fibre and against the rule of active margins."""
    (W1, W2), velocity, mu = flow.layers(state), flow(state), flow.multipliers(state)
    fibre = TangentSpace(W1, W2, flow.X, flow.sigma, gauge=True).project(velocity)
    row: dict = {"fibre": float(fibre.norm() / velocity.norm())}
    row |= {key: [] for key in ("cosine", "speed", "near", "held", "correlation")}
    for window in WINDOWS:
        found = active_margins(W1, W2, flow.X, labels, flow.sigma, window / flow.scale)
        row["cosine"].append(float(velocity @ found.velocity / (velocity.norm() * found.velocity.norm())))
        row["speed"].append(float(velocity.norm() / found.velocity.norm()))
        row["near"].append(int(found.near.sum()))
        row["held"].append(int((found.multipliers > 0).sum()))
        row["correlation"].append(float(np.corrcoef(found.multipliers[found.near], mu[found.near])[0, 1]))
    return row


def arrivals(seed: int, scales: tuple[int, ...] = ARRIVAL_SCALES, finer: bool = True) -> dict[str, np.ndarray]:
    """The rule of active margins at ``ARRIVAL_S``, and the margins that it holds too early.

    Returns:
        ``cosine`` (scales, T) of the velocity with the rule, window 4 over the scale; ``arriving``, how many margins in
        the window fall faster than ``ARRIVING``; ``without``, the cosine if these are left out; and ``finer`` (T,), the
        cosine at the first scale with steps a quarter as long.
    """
    task, start, flow = quadratic_task(seed)
    X, labels, times = task.X_train, task.labels_train, [0, *ARRIVAL_S]

    def row(at: MarginFlow, state: Tensor) -> tuple[float, int, float]:
        W1, W2, v = *at.layers(state), at(state)
        found = active_margins(W1, W2, X, labels, at.sigma, WINDOWS[1] / at.scale)
        J = margin_jacobian(W1, W2, X, labels, at.sigma)[found.near]
        late = J @ v < ARRIVING
        kept, theta = J[~late], join(W1, W2)
        other = least_norm(-kept.mT, theta) @ kept - theta
        return cosine(v, found.velocity), int(late.sum()), cosine(v, other)

    runs = [(at, integrate(at, start, times, step=at.step, progress=False).states[1:]) for at in map(flow, scales)]
    found = np.array([[row(at, state) for state in states] for at, states in runs])
    arrays = {"cosine": found[..., 0], "arriving": found[..., 1].astype(int), "without": found[..., 2]}
    if finer:
        at = runs[0][0]
        states = integrate(at, start, times, step=lambda s, state: at.step(s, state) / 4, progress=False).states[1:]
        arrays["finer"] = np.array([row(at, state)[0] for state in states])
    return arrays


def cosine(a: Tensor, b: Tensor) -> float:
    """Of the angle between two vectors."""
    return float(a @ b / (a.norm() * b.norm()))


def plain(task: Task, start: Tensor, flow: Callable[..., MarginFlow], decay: float) -> np.ndarray:
    """Squared norm and smallest margin, rescaled, of the rescaled flow and of gradient descent at ``PLAIN_S``."""
    scale = scale_from_ridge(ridge_from_weight_decay(decay, TRAIN, P, "cross-entropy"), 3)
    at, rate = flow(scale), PLAIN[decay]
    fine = integrate(at, start, PLAIN_S, step=lambda s, state: at.step(s, state) / 3, progress=False)
    steps = np.rint(2 * PLAIN_S / (rate * decay)).astype(int)
    run = gradient_descent(
        task, activation="quadratic", loss="cross-entropy", learning_rate=rate, weight_decay=decay, times=steps,
        start=at.layers(scale ** (1 / 3) * start), progress=False,
    )  # fmt: skip
    descended = [join(*state) / scale ** (1 / 3) for state in run.states]
    rows = [[read(None, at, task.labels_train, state) for state in states] for states in (fine.states, descended)]
    return np.array([[[row[key] for row in one] for one in rows] for key in ("norm2", "margin")])


def clocks(seed: int) -> dict[str, np.ndarray]:
    """With weight decay and without, on the same clock s, from a start a little inside."""
    task, start, flow = quadratic_task(seed, margin=1.25)
    prices, ends = [], []
    for kind in (MarginFlow, UndecayedMarginFlow):
        for scale in CLOCK_SCALES:
            at = flow(scale, kind)
            state = at.begin(start) if isinstance(at, UndecayedMarginFlow) else start

            def row(state: Tensor, at: MarginFlow = at) -> dict[str, float]:
                theta = join(*at.layers(state))
                q = margins(predict(*at.layers(state), task.X_train, "quadratic"), task.labels_train).min()
                return {"price": float(theta @ theta / q ** (2 / 3))}

            measured, end = follow(at, state, CLOCK_S, row)
            prices.append(measured["price"])
            ends.append(join(*at.layers(end)))
    unit = [theta / theta.norm() for theta in (*ends, start)]
    return {
        "clock_price": np.array(prices),
        "clock_distance": np.array([float((u - unit[1]).norm()) for u in unit[:-1]]),
        "clock_moved": np.array(float((unit[-1] - unit[1]).norm())),
    }


# Hard labels: the norm held.


def clamped(seed: int, scales: tuple[int, ...] = CLAMPED_SCALES) -> dict[str, np.ndarray]:
    """Gradient flow on the sphere, p = 17 and 80 % of the pairs, from a memorising start to half of the test pairs.

    The weights are those of :class:`MarginFlow` at the smallest margin one, with their norm held, and logits
    multiplied by the scale.

    Returns:
        Arrays (scales,): ``log_time`` to half accuracy, NaN where it does not come in 20000 steps; the ``margin``
        there; and the ``path`` to it, the sum of h: the same for all scales if the path is.
    """
    task = modular_addition(17, 0.8, seed=seed)
    start = join(*memorised(task.X_train, task.Y_train, "quadratic", seed))
    rows = []
    for scale in scales:
        flow = MarginFlow(task.X_train, task.labels_train, 17, WIDTH, "quadratic", scale)
        theta, norm, log_time, path = start, start.norm(), -math.inf, 0.0
        for step in range(CLAMPED_STEPS):
            W1, W2 = flow.layers(theta)
            if step % 10 == 0 and accuracy(predict(W1, W2, task.X_test, "quadratic"), task.labels_test) >= 0.5:
                break
            total = 2 * float(flow.multipliers(theta).sum())
            push = (flow(theta) + 2 * theta) * 60 / total
            push = push - (push @ theta) / (theta @ theta) * theta
            h = 0.006 / scale
            theta = theta + h * push
            theta = theta * (norm / theta.norm())
            took = math.log(60 * h / total) + scale - (1 - 2 / flow.degree) * math.log(scale)
            log_time, path = float(np.logaddexp(log_time, took)), path + h
        else:
            log_time = math.nan
        q = margins(predict(*flow.layers(theta), task.X_train, "quadratic"), task.labels_train)
        rows.append((log_time, float(q.min()), path))
    return dict(zip(("log_time", "margin", "path"), np.array(rows).T, strict=True))


# Hard labels: larger p, and prices.


def larger(seed: int, runs: tuple = LARGER, times: np.ndarray = LARGER_S) -> dict[str, np.ndarray]:
    """Modulo 29: squared norm, margin, KKT residual, accuracy (runs, T) at ``LARGER_S``."""
    rows = []
    for activation, fraction in runs:
        task = modular_addition(29, fraction, seed=seed)
        start = join(*memorised(task.X_train, task.Y_train, activation, seed))
        flow = MarginFlow(task.X_train, task.labels_train, 29, WIDTH, activation, LARGER_SCALE)
        rows.append(follow(flow, start, times, partial(read, task, flow, task.labels_train))[0])
    return {key: np.array([row[key] for row in rows]) for key in rows[0]}


def price(seed: int, pairs: tuple[int, ...] = PAIRS, whole: tuple[int, ...] = WHOLE) -> dict[str, np.ndarray]:
    """The squared norm at margin one at s = 8.

    Returns:
        ``pairs`` (counts,) for p = 11 at scale 32, ``whole`` (moduli,) on all pairs at scale 16, and the KKT residuals
        ``pairs_kkt``, ``whole_kkt`` there.
    """

    def end(p: int, n: int, scale: float) -> tuple[float, float]:
        every = modular_addition(p, train_size=p * (p + 1) // 2 - 1, seed=seed)
        X, Y = (torch.cat((getattr(every, f"{part}_train"), getattr(every, f"{part}_test")))[:n] for part in "XY")
        flow = MarginFlow(X, Y.argmax(1), p, WIDTH, "quadratic", scale)
        start = join(*memorised(X, Y, "quadratic", seed))
        found, _ = follow(flow, start, np.array([0, END]), partial(read, None, flow, Y.argmax(1)))
        return found["norm2"][-1] / found["margin"][-1] ** (2 / 3), found["kkt"][-1]

    some = np.array([end(11, n, 32) for n in pairs])
    all_pairs = np.array([end(p, p * (p + 1) // 2, 16) for p in whole])
    found = {"pairs": some[:, 0], "pairs_kkt": some[:, 1]} if pairs else {}
    return found | ({"whole": all_pairs[:, 0], "whole_kkt": all_pairs[:, 1]} if whole else {})


# Soft labels on small networks.


def soft_problem(seed: int) -> tuple[SoftLabelManifold, Tensor]:
    """Three samples with three soft labels, a tanh network of width 8 (48 weights), and a point of its manifold."""
    n, d_in, p, width = SOFT_SIZES
    draw = torch.Generator().manual_seed(seed)
    X = torch.randn(n, d_in, generator=draw, dtype=torch.float64)
    Y = smoothed(torch.eye(p, dtype=torch.float64)[torch.randint(p, (n,), generator=draw)], SOFT_SMOOTHING)
    at = d_in * width
    Z = SoftLabelManifold(lambda theta: torch.tanh(X @ theta[:at].reshape(d_in, -1)) @ theta[at:].reshape(-1, p), Y)
    return Z, Z.newton(torch.randn(width * (d_in + p), generator=draw, dtype=torch.float64))


def soft(seed: int, ridges: np.ndarray = SOFT_RIDGES) -> dict[str, np.ndarray]:
    """Training against the slow flow to s = 0.5.

    Returns:
        Arrays (ridges,): ``error``, the largest distance; ``fast``, the largest size of e from s = 0.25 on; ``gap``,
        that of rho - y. And ``smallest``, the least singular value of QJ along the slow flow; ``norm2`` at its ends.
    """
    Z, start = soft_problem(seed)
    limit = torch.stack(slow_flow(Z, start, SOFT_S).states)
    rows = []
    for ridge in ridges:
        run = training_flow(Z, start, float(ridge), SOFT_S, rtol=1e-9).states
        row = {"error": (torch.stack(run) - limit).norm(dim=1).max()}
        row["fast"] = max(Z.fast_variable(theta, float(ridge)).norm() for theta in run[5:])
        row["gap"] = max(Z.gap(theta).norm() for theta in run[5:])
        rows.append(row)
    found = {key: np.array([float(row[key]) for row in rows]) for key in rows[0]}
    smallest = min(float(torch.linalg.svdvals(Z.jacobian(theta)).min()) for theta in limit)
    return found | {"smallest": np.array(smallest), "norm2": limit[[0, -1]].square().sum(1).numpy()}


# Theorem C on small problems.


def toy_problem(name: str, seed: int) -> tuple[MarginProblem, Tensor]:
    """Five margins of a diagonal linear network (16 weights, m = 2) or a quadratic one (20, m = 3), and a start.

    The start: random weights, brought into the region of margins of at least one, trained for a moment at scale 10,
    then scaled to a smallest margin of one.
    """
    draw = torch.Generator().manual_seed(100 + seed)
    X = torch.randn(5, 8 if name == "diagonal" else 3, generator=draw, dtype=torch.float64)
    signs = torch.randint(0, 2, (5,), generator=draw).double() * 2 - 1
    if name == "diagonal":
        problem = MarginProblem(lambda theta: signs * (X @ (theta[:8] ** 2 - theta[8:] ** 2)), 2)
        size = 16
    else:
        problem = MarginProblem(lambda theta: signs * ((X @ theta[:15].reshape(3, 5)) ** 2 @ theta[15:]), 3)
        size = 20
    theta = 1.5 * torch.randn(size, generator=draw, dtype=torch.float64)
    theta = margin_training(problem, caught_up(problem, theta), 10.0, [0, 0.05]).states[-1]
    return problem, theta / float(problem.q(theta).min()) ** (1 / problem.degree)


def toy(name: str, seed: int, scales: tuple[int, ...] = TOY_SCALES, starts: tuple[int, ...] = TOY_STARTS) -> dict:
    """The largest distance from the limit by scale, to s = 1.5; of directions without weight decay, to s = 1.

    Returns:
        ``error`` (scales,), ``undecayed`` (starts,), ``norm2`` (2,) at both ends of the limit, ``moved``, ``active``.
    """
    problem, start = toy_problem(name, seed)
    limit = torch.stack(sweeping_flow(problem, start, TOY_S).states)
    runs = {scale: torch.stack(margin_training(problem, start, scale, TOY_S).states) for scale in scales}
    early = TOY_S <= 1
    free = {T: torch.stack(undecayed_margin_training(problem, start, T, TOY_S[early]).states) for T in starts}

    def unit(states: Tensor) -> Tensor:
        return states / states.norm(dim=1, keepdim=True)

    return {
        "error": np.array([float((x - limit).norm(dim=1).max()) for x in runs.values()]),
        "undecayed": np.array([float((unit(x[:, :-1]) - unit(limit[early])).norm(dim=1).max()) for x in free.values()]),
        "norm2": limit[[0, -1]].square().sum(1).numpy(),
        "moved": np.array(float((limit[-1] - limit[0]).norm())),
        "active": np.array(int((problem.q(limit[-1]) < 1.001).sum())),
    }
