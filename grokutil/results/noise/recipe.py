"""Noise and optimisers along the zero-loss manifold: small tanh networks, and addition modulo 11 and 17.

- ``batches_small``: mini-batches on three small networks, by slow step, learning rate and batch size
- ``batches``: mini-batches on the task, training and test error by batch size
- ``crossover``: label noise against weight decay on three small networks, with and without momentum
- ``unlearning``: label noise from networks that have grokked, beside weight decay for as long; the flow of the trace
- ``ratio``: weight decay and label noise together, by their ratio
- ``edge_small``: gradient descent at the edge of stability on five small networks, against the flow with a cap
- ``edge_task``: a network of four layers at the edge, with and without momentum
- ``momentum``: heavy ball on three small networks
- ``adamw_P_RATE``, ``adam_l2``, ``adamw_strong``: Adam with either weight decay against P and P_D

Runs of one setting are one stack, so that five seeds cost little more than one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from grokutil.activations import get_activation, softplus
from grokutil.constraints import TinyNetwork, ZeroLossManifold
from grokutil.data import Task, modular_addition
from grokutil.edge import edge, edge_flow, edge_multiplier, sharpest
from grokutil.gradient_flow import slow_flow, solve_flow
from grokutil.manifold import jacobian, join, split
from grokutil.measure import accuracy
from grokutil.model import default_weights, loss_gradient, predict
from grokutil.noise import noise_potential, noisy_descent, ntk_trace
from grokutil.optimisers import Adam, descend
from grokutil.tangent import Rows, descent_within, metric_projection
from grokutil.train import gradient_descent
from grokutil.walks import projected_flow, retract

SEEDS = range(5)
SOFT, TANH = softplus(10), get_activation("tanh")
TASKS = {11: 59, 17: 107}  # modulus: training pairs
WIDTH = 128
CELLS = (
    *("edge_small", "crossover", "edge_task", "adamw_11_3e-4", "adamw_11_1e-3", "momentum", "adam_l2", "adamw_strong"),
    *("unlearning", "batches_small", "batches", "ratio", "adamw_17_3e-4"),
)


def make(cell: str) -> tuple[dict[str, np.ndarray], dict]:
    """The arrays and the notes of one stored file."""
    if cell.startswith("adam"):
        return adam(cell), {"seeds": list(SEEDS), "width": WIDTH, **ADAM[cell]._asdict()}
    made: dict[str, Callable[[], tuple[dict[str, np.ndarray], dict]]] = {
        "batches_small": batches_small, "batches": batches, "crossover": crossover, "edge_small": edge_small,
        "momentum": momentum, "edge_task": edge_task, "unlearning": unlearning, "ratio": ratio,
    }  # fmt: skip
    return made[cell]()


# Small networks.


class Small(NamedTuple):
    """A tanh network with two inputs and one output, random samples, and a point of zero loss near random weights."""

    X: Tensor
    y: Tensor
    Z: ZeroLossManifold
    start: Tensor

    @property
    def sharpness(self) -> float:
        """At the start."""
        return float(sharpest(self.Z, self.start).values[0])


def small(seed: int, samples: int = 3, width: int = 4, size: float = 1.0) -> Small:
    """The network of a seed; targets are normal times ``size``."""
    draw = torch.Generator().manual_seed(seed)
    X = torch.randn(samples, 2, generator=draw, dtype=torch.float64)
    y = size * torch.randn(samples, generator=draw, dtype=torch.float64)
    network = TinyNetwork(X, width, TANH)
    Z = ZeroLossManifold(network.F, y)
    return Small(X, y, Z, Z.newton(network.random(seed)))


def stacked(networks: Iterable[Small], repeats: int) -> tuple[Tensor, Tensor, Tensor]:
    """Starts (R, d), inputs (R, n, 2) and targets (R, n, 1) of ``repeats`` runs of each network."""
    networks = list(networks)
    parts = ([n.start for n in networks], [n.X for n in networks], [n.y[:, None] for n in networks])
    theta, X, y = (torch.stack(part).repeat_interleave(repeats, 0) for part in parts)
    return theta, X, y


def gradient(theta: Tensor, X: Tensor, y: Tensor) -> Tensor:
    """Of the summed squared error, for a stack of small networks each with its own samples."""
    width = theta.shape[-1] // (X.shape[-1] + 1)
    W, a = theta[:, :-width].unflatten(1, (-1, width)), theta[:, -width:, None]
    return torch.cat([g.flatten(1) for g in loss_gradient(W, a, X, y, TANH)], 1)


def residual(theta: Tensor, X: Tensor, y: Tensor) -> Tensor:
    """(R, n, 1)."""
    width = theta.shape[-1] // (X.shape[-1] + 1)
    return torch.tanh(X @ theta[:, :-width].unflatten(1, (-1, width))) @ theta[:, -width:, None] - y


BATCH_SAMPLES, BATCH_STEPS, BATCH_STEADY = 3, (4e-5, 1.6e-5, 6.4e-6), 0.15  # slow steps eta lambda at this eta S
BATCH_RATES, BATCH_RIDGE = (0.05, 0.1, 0.2, 0.4), 4e-5 / 0.15  # eta S at this lambda / S
BATCH_END, BATCH_RUNS = 0.3, 40


def batch_networks() -> list[Small]:
    """Three networks of width 8 whose NTK has eigenvalues that differ by a factor of 30 at most."""
    found: list[Small] = []
    seed = 0
    while len(found) < 3:
        try:
            one = small(seed, BATCH_SAMPLES, 8, 0.7)
        except ValueError:  # no point of zero loss near these weights
            one = None
        if one:
            ev = torch.linalg.eigvalsh(one.Z.ntk(one.start))
            found += [one] if 30 * ev[0] > ev[-1] else []
        seed += 1
    return found


def batch_runs(
    networks: list[Small], steady: float, slow_step: float, size: int, runs: int, seed: int = 0, end: float = BATCH_END
) -> dict[str, np.ndarray]:
    """Mini-batches of ``size`` from Z to slow time ``end``, with eta S = ``steady`` and eta lambda = ``slow_step``.

    Returns:
        By network: ``shift`` of the mean of the runs from gradient descent and its standard error; the root mean square
        of their spread, ``normal`` and ``tangent``; ``worst`` distance to the slow flow; ``loss``, the mean of |r|^2
        over the last twentieth over that of gradient descent, its standard error, and what the stationary covariance
        says of it.
    """
    theta, X, y = stacked(networks, runs + 1)  # the last run of each takes all samples
    n, draw = X.shape[1], torch.Generator().manual_seed(seed)
    whole = torch.arange(len(theta)) % (runs + 1) == runs
    rates = torch.tensor([steady / one.sharpness for one in networks], dtype=torch.float64)
    rate, loss = rates.repeat_interleave(runs + 1)[:, None], theta.new_zeros(len(theta))
    steps = round(end / slow_step)
    tail = steps // 20
    for k in range(steps):
        chosen = torch.rand(len(theta), n, generator=draw).argsort(1) < size
        weight = torch.where(whole[:, None], 1.0, chosen * (n / size))[:, :, None].double()
        r = residual(theta, X, y)
        if k >= steps - tail:
            loss = loss + r.square().sum((1, 2)) / tail
        # the gradient of sum_i w_i r_i^2 is that for targets F - w r
        theta = (1 - 2 * slow_step) * theta - rate * gradient(theta, X, y + (1 - weight) * r)
    rows = []
    for one, ends, losses, eta in zip(
        networks, theta.unflatten(0, (len(networks), -1)), loss.unflatten(0, (len(networks), -1)),
        rates.tolist(), strict=True,
    ):  # fmt: skip
        mean, limit = ends[:-1].mean(0), slow_flow(one.Z, one.start, [0, end]).states[-1]
        spread = ends[:-1] - mean
        space = one.Z.at(mean)
        along = torch.stack([space.project(v) for v in spread])
        whole_loss = float(losses[-1])
        rows.append({
            "shift": float((mean - ends[-1]).norm()), "shift_error": float((ends[:-1].var(0) / runs).sum().sqrt()),
            "normal": float((spread - along).square().sum(1).mean().sqrt()),
            "tangent": float(along.square().sum(1).mean().sqrt()),
            "worst": float((ends[:-1] - limit).norm(dim=1).max()), "gd": float((ends[-1] - limit).norm()),
            "loss": float(losses[:-1].mean()) / whole_loss,
            "loss_error": float(losses[:-1].std()) / whole_loss / runs**0.5,
            "predicted": stationary_loss(space, eta, size),
        })  # fmt: skip
    return {key: np.array([row[key] for row in rows]) for key in rows[0]}


def stationary_loss(space: Rows, eta: float, size: int) -> float:
    r"""E |r|^2 over lambda^2 |mu|^2 from the fixed point of the covariance C of the residual over lambda.

    .. math:: C = (I - 2 \eta \Theta) C (I - 2 \eta \Theta) + 4 \eta^2 c_B \bigl( \Theta \operatorname{diag}(V) \Theta
              - \tfrac1n \Theta V \Theta \bigr), \qquad V = C + \mu \mu^\top, \quad c_B = \frac{n (n - B)}{B (n - 1)}
    """
    Theta, mu, n = space.ntk, space.multiplier(), len(space.J)
    unit = torch.eye(n).to(Theta)
    kept, factor = unit - 2 * eta * Theta, 4 * eta**2 * n * (n - size) / (size * (n - 1))
    noise = torch.einsum("ik,kl,lj->ijkl", Theta, unit, Theta) - torch.einsum("ik,lj->ijkl", Theta, Theta) / n
    noise = factor * noise.reshape(n * n, n * n)
    map_ = torch.einsum("ik,lj->ijkl", kept, kept).reshape(n * n, n * n) + noise
    C = torch.linalg.solve(torch.eye(n * n).to(Theta) - map_, noise @ torch.outer(mu, mu).flatten())
    return 1 + float(C.unflatten(0, (n, n)).trace() / mu.square().sum())


def batches_small() -> tuple[dict[str, np.ndarray], dict]:
    """Arrays (conditions, networks) of :func:`batch_runs`: by slow step, by learning rate, and by batch size."""
    networks = batch_networks()
    found: dict[str, np.ndarray] = {}
    scans = {
        "decay": [(BATCH_STEADY, step, 1) for step in BATCH_STEPS],
        "rate": [(rate, rate * BATCH_RIDGE, 1) for rate in BATCH_RATES],
        "size": [(BATCH_STEADY, BATCH_STEPS[0], size) for size in range(1, BATCH_SAMPLES)],
    }
    for name, conditions in scans.items():
        rows = [batch_runs(networks, *condition, BATCH_RUNS) for condition in conditions]
        found |= {f"{name}_{key}": np.array([row[key] for row in rows]) for key in rows[0]}
    return found, {"runs": BATCH_RUNS, "end": BATCH_END, "steady": BATCH_STEADY, "slow_steps": BATCH_STEPS,
                   "rates": BATCH_RATES, "samples": BATCH_SAMPLES, "width": 8}  # fmt: skip


CROSS_SEEDS, CROSS_RATIOS, CROSS_MOMENTA = (5, 21, 33), (0.0, 0.1, 1.0, 10.0, np.inf), (0.0, 0.9)
CROSS_STEPS, CROSS_RUNS, CROSS_END, CROSS_STEADY = 40_000, 40, 0.3, 0.25


def crossover(
    seeds: tuple[int, ...] = CROSS_SEEDS, steps: int = CROSS_STEPS, runs: int = CROSS_RUNS
) -> tuple[dict[str, np.ndarray], dict]:
    """Label noise and weight decay whose drifts are in the ratios, against the flow of both; all as far.

    With e = eta / (1 - b) and e S = ``CROSS_STEADY`` at the start, (lambda + e delta^2) e k is ``CROSS_END``.

    Returns:
        (networks, momenta, ratios): ``norm2`` and ``trace`` of the mean of the runs, ``flow_norm2`` and ``flow_trace``,
        their distance ``gap``, its standard error, and how far the flow ``moved``.
    """
    networks = [small(seed) for seed in seeds]
    shape = len(networks), len(CROSS_MOMENTA), len(CROSS_RATIOS)
    each = shape[1] * shape[2] * runs
    theta, X, y = stacked(networks, each)
    settings = np.zeros((*shape, 4))  # e, b, lambda, delta
    for index in np.ndindex(shape):
        e, b, ratio_ = CROSS_STEADY / networks[index[0]].sharpness, CROSS_MOMENTA[index[1]], CROSS_RATIOS[index[2]]
        total = CROSS_END / (steps * e)
        ridge = 0.0 if np.isinf(ratio_) else total / (1 + ratio_)
        settings[index] = e, b, ridge, ((total - ridge) / e) ** 0.5
    rate, kept, decay, noise = torch.from_numpy(settings).flatten(0, 2).repeat_interleave(runs, 0)[:, :, None].unbind(1)
    draw, velocity = torch.Generator().manual_seed(0), torch.zeros_like(theta)
    for _ in range(steps):
        noisy = y + noise[:, None] * torch.randn(y.shape, generator=draw, dtype=torch.float64)
        velocity = kept * velocity + gradient(theta, X, noisy) + 2 * decay * theta
        theta = theta - rate * (1 - kept) * velocity
    ends, rows = theta.reshape(*shape, runs, -1), np.zeros((*shape, 7))
    for index in np.ndindex(shape):
        one, mean = networks[index[0]], ends[index].mean(0)
        flow = noise_flow(one, settings[index].tolist(), steps)
        spread = float((ends[index].var(0) / runs).sum().sqrt())
        rows[index] = (
            *(float(v) for q in (mean, flow) for v in (q.square().sum(), one.Z.ntk(q).trace())),
            *(float((mean - flow).norm()), spread, float((flow - one.start).norm())),
        )
    names = ("norm2", "trace", "flow_norm2", "flow_trace", "gap", "error", "moved")
    return dict(zip(names, np.moveaxis(rows, -1, 0), strict=True)), {
        "seeds": seeds, "ratios": [str(one) for one in CROSS_RATIOS], "momenta": CROSS_MOMENTA, "steps": steps,
        "runs": runs, "steady": CROSS_STEADY, "end": CROSS_END,
    }  # fmt: skip


def noise_flow(one: Small, setting: list[float], steps: int) -> Tensor:
    """The end of the flow of lambda |z|^2 + U on Z, after as long as so many steps; setting is e, b, lambda, delta."""
    e, b, ridge, noise = setting

    def potential(theta: Tensor) -> Tensor:
        J = torch.func.jacrev(one.Z.F)(theta)
        return ridge * theta.square().sum() + noise_potential(J @ J.mT, e * (1 - b), noise, b)

    slope = torch.func.grad(potential)
    return solve_flow(lambda z: -one.Z.tangent(z, slope(z)), one.start, [0, e * steps], 1e-7).states[-1]


MOMENTA, MOMENTUM_RIDGES, MOMENTUM_S = (0.0, 0.5, 0.9), (1e-2, 3e-3), np.linspace(0, 1, 21)


def momentum() -> tuple[dict[str, np.ndarray], dict]:
    """Largest distance of heavy ball from the slow flow over lambda, (ridges, networks, momenta); e S = 0.3."""
    networks, found = [small(seed) for seed in CROSS_SEEDS], []
    limits = [torch.stack(slow_flow(one.Z, one.start, MOMENTUM_S).states) for one in networks]
    sharp = [max(float(sharpest(one.Z, q).values[0]) for q in path) for one, path in zip(networks, limits, strict=True)]
    for ridge in MOMENTUM_RIDGES:
        theta, X, y = stacked(networks, len(MOMENTA))
        slow_step = 0.3 / max(sharp) * ridge
        e = torch.full((len(theta), 1), slow_step / ridge, dtype=torch.float64)
        b = torch.tensor(MOMENTA * len(networks), dtype=torch.float64)[:, None]
        velocity, k, errors = torch.zeros_like(theta), 0, []
        for j, s in enumerate(MOMENTUM_S):
            while k < round(s / slow_step):
                velocity = b * velocity + gradient(theta, X, y) + 2 * ridge * theta
                theta, k = theta - e * (1 - b) * velocity, k + 1
            there = torch.stack([path[j] for path in limits]).repeat_interleave(len(MOMENTA), 0)
            errors.append((theta - there).norm(dim=1))
        found.append(torch.stack(errors).amax(0).unflatten(0, (len(networks), -1)).numpy() / ridge)
    return {"error": np.array(found)}, {"seeds": CROSS_SEEDS, "momenta": MOMENTA, "ridges": MOMENTUM_RIDGES}


EDGE_SEEDS, EDGE_S, EDGE_SHARE = (5, 21, 28, 33, 38), np.linspace(0, 1.5, 31), 0.35
EDGE_STEPS, EDGE_WINDOW = (5e-4, 1.6e-4, 5e-5, 1.6e-5), 60  # slow steps eta lambda; steps of a mean


def edge_problem(seed: int) -> dict[str, Any]:
    """A network whose sharpness rises along the slow flow, a cap in the rise, and the flows with and without it."""
    one = small(seed)
    free = torch.stack(slow_flow(one.Z, one.start, EDGE_S).states)
    S = np.array([float(sharpest(one.Z, q).values[0]) for q in free])
    low = S.argmin()
    cap = float(S[low] + EDGE_SHARE * (S[low:].max() - S[low]))
    held = torch.stack(edge_flow(one.Z, one.start, EDGE_S, cap).states)
    near = [float(sharpest(one.Z, q).values[0]) > cap * (1 - 1e-6) for q in held]
    nu = np.array([edge_multiplier(one.Z, q) if at else 0.0 for q, at in zip(held, near, strict=True)])
    mu2 = np.array([float(one.Z.multiplier(q).square().sum()) for q in held])
    return {"one": one, "cap": cap, "free": free, "held": held, "nu": nu, "mu2": mu2, "S": S}


def edge_small(
    seeds: tuple[int, ...] = EDGE_SEEDS, slow_steps: tuple[float, ...] = EDGE_STEPS
) -> tuple[dict[str, np.ndarray], dict]:
    """Gradient descent with 2 / eta = the cap, for falling weight decay, against the flows with and without the cap.

    Returns:
        (slow steps, networks): ``sup`` and ``end`` distance to the capped flow, ``free`` to the other at the end; the
        mean ``loss`` over s from 0.9 on, ``predicted`` and ``quadratic``, lambda^2 |mu|^2 alone; ``sharpness`` over the
        cap; ``ridge``. By network: ``cap``; (networks, T): ``nu``, ``free_sharpness``.
    """
    problems = [edge_problem(seed) for seed in seeds]
    caps = np.array([p["cap"] for p in problems])
    rows = []
    for slow_step in slow_steps:
        theta, X, y = stacked([p["one"] for p in problems], 1)
        eta = torch.tensor([edge_rate(cap) for cap in caps])[:, None]
        path, losses, k = [theta], [], 0
        for s in EDGE_S[1:]:
            end, total, mean = round(s / slow_step), theta.new_zeros(len(theta)), torch.zeros_like(theta)
            begin, window = k, min(EDGE_WINDOW, (end - k) // 2)
            for k in range(begin, end):
                total = total + residual(theta, X, y).square().sum((1, 2))
                if end - k <= window:
                    mean = mean + theta / window
                theta = (1 - 2 * slow_step) * theta - eta * gradient(theta, X, y)
            k = end
            path.append(mean)
            losses.append((total / (end - begin)).numpy())
        rows.append(_edge_row(problems, torch.stack(path, 1), np.array(losses).T, slow_step, eta[:, 0].numpy()))
    found = {key: np.array([row[key] for row in rows]) for key in rows[0]}
    found |= {"cap": caps, "nu": np.array([p["nu"] for p in problems]),
              "free_sharpness": np.array([p["S"] for p in problems])}  # fmt: skip
    return found, {"seeds": seeds, "slow_steps": slow_steps, "share": EDGE_SHARE, "end": float(EDGE_S[-1])}


def edge_rate(cap: float) -> float:
    """The learning rate whose edge is the cap."""
    return 2 / cap


def _edge_row(
    problems: list[dict], paths: Tensor, losses: np.ndarray, slow_step: float, eta: np.ndarray
) -> dict[str, np.ndarray]:
    late, rows = EDGE_S[1:] > 0.9, []
    middle = (EDGE_S[1:] + EDGE_S[:-1]) / 2
    for p, path, loss, rate in zip(problems, paths, losses, eta, strict=True):
        ridge, cap = slow_step / rate, p["cap"]
        nu, mu2 = (np.interp(middle, EDGE_S, p[key]) for key in ("nu", "mu2"))
        distance = (path - p["held"]).norm(dim=1)
        sharp = [float(sharpest(p["one"].Z, q).values[0]) for q in path[-6:]]
        rows.append({
            "sup": float(distance.max()), "end": float(distance[-1]), "free": float((path[-1] - p["free"][-1]).norm()),
            "loss": loss[late].mean(), "quadratic": (ridge**2 * mu2)[late].mean(),
            "predicted": (ridge**2 * mu2 + ridge * nu * cap)[late].mean(),
            "sharpness": np.mean(sharp) / cap, "ridge": ridge,
        })  # fmt: skip
    return {key: np.array([row[key] for row in rows]) for key in rows[0]}


# The task.


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
