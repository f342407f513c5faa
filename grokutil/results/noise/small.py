"""Small tanh networks: mini-batches, label noise against weight decay, momentum, the edge of stability."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from grokutil.activations import get_activation
from grokutil.constraints import TinyNetwork, ZeroLossManifold
from grokutil.edge import edge_flow, edge_multiplier, sharpest
from grokutil.gradient_flow import slow_flow, solve_flow
from grokutil.model import loss_gradient
from grokutil.noise import noise_potential
from grokutil.tangent import Rows

TANH = get_activation("tanh")


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
