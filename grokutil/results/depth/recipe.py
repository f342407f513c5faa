"""Deeper networks: the three numbers against depth, isolated flows, linear heads, linear networks, normalised layers.

- ``small_BIAS``: tanh networks of two to four layers, full flows against the slow flow, for three weight decays
- ``network_DEPTH_SEED``: gradient descent on addition modulo 11, 59 pairs, the numbers of the theory on the way
- ``isolated_P_DEPTH_WIDTH``: the isolated flow of all layers below the readout
- ``head_P``: the isolated flow of the first layer under a linear head of 1, 2, 3 and infinitely many layers
- ``linear``: gradient descent of deep linear networks, to one output from a balanced start, to three from a random one
- ``normalised_SEED``: a network with RMSNorm, its slow flow and gradient descent at two rates
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import numpy as np
import torch
from scipy.sparse.linalg import eigsh
from torch import Tensor

from grokutil.activations import softplus
from grokutil.data import Task, modular_addition
from grokutil.deep import DeepManifold, DeepNetwork
from grokutil.flow import integrate
from grokutil.gradient_flow import slow_flow, training_flow, training_steps
from grokutil.heads import HeadDynamics, balanced_factors, head_cost, power
from grokutil.isolated import FeatureDynamics
from grokutil.measure import accuracy
from grokutil.train import ridge_from_weight_decay
from grokutil.walks import manifold_walk

SIGMA = softplus(10)
SEEDS = 5
DEPTHS = {2: (128, 0.5), 3: (48, 0.5), 4: (40, 0.2)}  # width and rate
DECAY, MARKS, AHEAD = 1e-4, (0.25, 0.5, 0.75, 1.0), 0.005  # PyTorch's; slow times, and how far a look ahead is
CURVE = np.round(np.arange(0, 1.0001, 0.05), 3)
RIDGES, SMALL_S = (1e-3, 3e-4, 1e-4), np.linspace(0, 1, 11)
ISOLATED = ((11, 2, 128), (11, 3, 128), (11, 4, 128), (11, 2, 400), (11, 3, 80))  # p, layers, width
HEADS, HEAD_WIDTHS = (1, 2, 3, math.inf), {11: 128}
ISOLATED_S = np.round(np.arange(0, 2.0001, 0.025), 3)
HEAD_S = np.round(np.arange(0, 1.2001, 0.025), 3)
LINEAR_DEPTHS, LINEAR_S, LINEAR_RIDGE, START, END = (1, 2, 3, 4, 6), np.linspace(0, 2.4, 49), 2e-3, 4.0, 0.05
RATES = {0.3: 3e-4, 0.1: 1e-3}  # and weight decays, PyTorch's: about the same slow time a step
NORMED_S, NORMED_STEP, STEEP = np.round(np.arange(0, 1.6001, 0.04), 2), 0.01, 25.0
CELLS = (
    *(f"small_{bias}" for bias in (0, 1)),
    *(f"network_{depth}_{seed}" for depth in DEPTHS for seed in range(SEEDS)),
    *(f"isolated_{p}_{depth}_{width}" for p, depth, width in ISOLATED),
    *(f"head_{p}" for p in HEAD_WIDTHS),
    "linear",
    *(f"normalised_{seed}" for seed in range(SEEDS)),
)


def make(cell: str) -> tuple[dict[str, np.ndarray], dict]:
    """The arrays and the notes of one stored file."""
    kind, *numbers = cell.split("_")
    if kind == "small":
        return small(bool(int(numbers[0]))), {"seed": list(range(SEEDS)), "ridges": RIDGES, "s": SMALL_S.tolist()}
    if kind == "network":
        depth, seed = map(int, numbers)
        notes = {"marks": MARKS, "curve": CURVE.tolist(), "weight_decay": DECAY, "seed": seed}
        return network(depth, seed), notes | dict(zip(("width", "rate"), DEPTHS[depth], strict=True))
    if kind == "isolated":
        p, depth, width = map(int, numbers)
        return isolated(p, depth, width), {"width": width, "seed": list(range(SEEDS)), "s": ISOLATED_S.tolist()}
    if kind == "head":
        p = int(numbers[0])
        return heads(p), {
            "layers": [str(m) for m in HEADS],
            "width": HEAD_WIDTHS[p],
            "seed": list(range(SEEDS)),
            "s": HEAD_S.tolist(),
        }
    if kind == "linear":
        return linear(), {
            "layers": LINEAR_DEPTHS,
            "s": LINEAR_S.tolist(),
            "ridge": LINEAR_RIDGE,
            "seed": list(range(SEEDS)),
        }
    notes = {"rates": list(RATES), "decays": list(RATES.values()), "s": NORMED_S.tolist(), "seed": int(numbers[0])}
    return normalised(int(numbers[0])), notes


# Theorems A and B.


def small_network(depth: int, bias: bool, seed: int) -> tuple[DeepManifold, Tensor]:
    """A tanh network of width 4 on three samples with normal inputs and targets, and a point of its zero-loss set."""
    draw = torch.Generator().manual_seed(seed)
    X = torch.randn(3, 2, generator=draw, dtype=torch.float64)
    y = torch.randn(3, 1, generator=draw, dtype=torch.float64)
    net = DeepNetwork(X, [4] * (depth - 1) + [1], "tanh", bias)
    Z, start = DeepManifold(net, y), torch.randn(net.size, generator=draw, dtype=torch.float64)
    try:
        return Z, Z.newton(start)
    except ValueError:  # too far away: another start
        return Z, Z.newton(1.3 * torch.randn(net.size, generator=draw, dtype=torch.float64))


def small(bias: bool, depths: Sequence[int] = (2, 3, 4), seeds: Sequence[int] = range(SEEDS)) -> dict[str, np.ndarray]:
    """Training against the slow flow, full flows to s = 1.

    Returns:
        ``error`` (depths, seeds, ridges), the largest distance; ``residual`` (depths, seeds), the largest residual over
        lambda R / sigma_min, R the norm at the start, and at the middle of the path with the least lambda
        ``splitting``, the relative gap of P v and -2 lambda P theta, ``law``, the rate of the squared norm over
        -4 lambda times that of P theta; ``sigma`` (depths, seeds), the least singular value of J.
    """
    rows = [[small_row(*small_network(depth, bias, seed)) for seed in seeds] for depth in depths]
    return {key: np.array([[row[key] for row in one] for one in rows]) for key in rows[0][0]}


def small_row(Z: DeepManifold, start: Tensor) -> dict[str, object]:
    """The numbers of one network."""
    limit = torch.stack(slow_flow(Z, start, SMALL_S).states)
    paths = [torch.stack(training_flow(Z, start, ridge, SMALL_S).states) for ridge in RIDGES]
    path, ridge = paths[-1], RIDGES[-1]
    sigma = min(float(torch.linalg.svdvals(Z.jacobian(theta))[-1]) for theta in path)
    residual = max(float(Z.residual(theta).norm()) for theta in path)
    theta = path[len(path) // 2]
    v, tangent = -Z.loss_gradient(theta, ridge), Z.tangent(theta, theta)
    return {
        "error": [float((one - limit).norm(dim=1).max()) for one in paths],
        "residual": residual * sigma / (ridge * float(start.norm())),
        "splitting": float((Z.tangent(theta, v) + 2 * ridge * tangent).norm() / (2 * ridge * tangent).norm()),
        "law": float(2 * theta @ v / (-4 * ridge * tangent @ tangent)),
        "sigma": sigma,
    }


def network_of(depth: int, seed: int, width: int | None = None) -> tuple[Task, DeepNetwork, Tensor]:
    """The book's task, modulo 11 with 59 pairs, and a network of a depth with its start."""
    task, width = modular_addition(11, train_size=59, seed=seed), width or DEPTHS[depth][0]
    net = DeepNetwork(task.X_train, [width] * (depth - 1) + [11], SIGMA)
    return task, net, net.random(seed)


def descend(net: DeepNetwork, Y: Tensor, start: Tensor, rate: float, decay: float, slow: np.ndarray) -> list[Tensor]:
    """States of gradient descent on the mean squared error at slow times, rate and weight decay being PyTorch's."""
    ridge, steps = ridge_from_weight_decay(decay, *Y.shape), np.rint(2 * slow / (rate * decay)).astype(int)
    return list(training_steps(lambda theta: net.loss_gradient(theta, Y), start, ridge, rate / Y.numel(), steps).states)


def network(depth: int, seed: int, until: float = 1.0) -> dict[str, np.ndarray]:
    """Gradient descent to s = 1.

    Returns:
        At ``MARKS`` (4,): over the next 0.005 of s the cosine with -P theta (``direction``), the length over that of
        2 P theta (``speed``), the change of the squared norm over that of the norm law (``law``); ``gap``, of
        -r / lambda and mu, relative; ``sigma2`` and ``sharpness``, the extreme eigenvalues of the NTK, the latter as
        eta times the sharpness; and ``norm2``. At ``CURVE``: ``accuracy`` and ``mse`` on the test pairs, ``loss`` the
        mean square on the training pairs.
    """
    task, net, start = network_of(depth, seed)
    rate, Y = DEPTHS[depth][1], task.Y_train
    slow = np.unique(np.round([*CURVE, *MARKS, *(s + AHEAD for s in MARKS)], 6))
    slow = slow[slow <= until + AHEAD]
    states = dict(zip(slow.tolist(), descend(net, Y, start, rate, DECAY, slow), strict=True))
    rows = [ahead(net, Y, states[s], states[round(s + AHEAD, 6)], rate) for s in MARKS if s <= until]
    curve = [curves(task, net, states[s]) for s in CURVE.tolist() if s <= until]
    return {key: np.array([row[key] for row in part]) for part in (rows, curve) for key in part[0]}


def ahead(net: DeepNetwork, Y: Tensor, theta: Tensor, later: Tensor, rate: float) -> dict[str, float]:
    """The numbers of the theory at a state, given a later one."""
    at, ridge, moved = net.at(theta), ridge_from_weight_decay(DECAY, *Y.shape), later - theta
    tangent, mu = at.project(theta), at.multiplier()
    r, eigenvalues = (at.outputs - Y).flatten(), torch.linalg.eigvalsh(at.ntk)
    predicted = 2 * AHEAD * tangent
    return {
        "direction": float(-moved @ predicted / (moved.norm() * predicted.norm())),
        "speed": float(moved.norm() / predicted.norm()),
        "law": float((theta @ theta - later @ later) / (2 * predicted @ tangent)),
        "gap": float((r / ridge + mu).norm() / mu.norm()),
        "sigma2": float(eigenvalues[0]),
        "sharpness": rate / Y.numel() * 2 * float(eigenvalues[-1]),
        "norm2": float(theta @ theta),
    }


def curves(task: Task, net: DeepNetwork, theta: Tensor) -> dict[str, float]:
    """Test accuracy and errors of a state."""
    outputs = net.outputs(theta, task.X_test)
    return {
        "accuracy": float(accuracy(outputs, task.labels_test)),
        "mse": float((outputs - task.Y_test).square().mean()),
        "loss": float((net.outputs(theta) - task.Y_train).square().mean()),
    }


# Isolated flows.


def pairs(p: int, seed: int) -> Task:
    """Addition modulo p: 59 pairs for 11, else 0.7 of them."""
    return modular_addition(p, train_size=59, seed=seed) if p == 11 else modular_addition(p, 0.7, seed=seed)


def normal_start(p: int, depth: int, width: int, seed: int) -> Tensor:
    """Layers below the readout: the first of variance 1 / p, the others of 2 / width."""
    draw = torch.Generator().manual_seed(seed)
    sizes = [p] + [width] * (depth - 1)
    layers = [
        torch.randn(a, b, generator=draw, dtype=torch.float64) * (2 * (k > 0) + (k == 0)) ** 0.5 / a**0.5
        for k, (a, b) in enumerate(zip(sizes, sizes[1:], strict=False))
    ]
    return torch.cat([W.flatten() for W in layers])


def isolated(p: int, depth: int, width: int, seeds: Sequence[int] = range(SEEDS)) -> dict[str, np.ndarray]:
    """``accuracy`` (seeds, T) on the test pairs at ``ISOLATED_S``, ``norm2`` (seeds, 2) at both ends."""
    runs = [isolated_run(p, depth, width, seed) for seed in seeds]
    return {key: np.array([run[key] for run in runs]) for key in runs[0]}


def isolated_run(p: int, depth: int, width: int, seed: int) -> dict[str, object]:
    """One isolated flow."""
    task = pairs(p, seed)
    net = DeepNetwork(task.X_train, [width] * (depth - 1) + [p], SIGMA)
    return followed(
        task, net, FeatureDynamics(net.features, task.Y_train), normal_start(p, depth, width, seed), ISOLATED_S
    )


def followed(
    task: Task, net: DeepNetwork, dynamics: FeatureDynamics, start: Tensor, slow: np.ndarray
) -> dict[str, object]:
    """Accuracy at slow times and the squared norm below the readout at both ends, along an isolated flow."""

    def row(_: float, weights: Tensor) -> dict[str, float]:
        outputs = net.features(weights, task.X_test) @ dynamics.readout(weights)
        return {"accuracy": float(accuracy(outputs, task.labels_test)), "norm2": float(weights @ weights)}

    run = integrate(dynamics, start, 2 * slow, method="rkc", rtol=1e-2, measure=row, progress=False)
    return {"accuracy": run.measured["accuracy"], "norm2": run.measured["norm2"][[0, -1]]}


def heads(p: int, layers: Sequence[float] = HEADS, seeds: Sequence[int] = range(SEEDS)) -> dict[str, np.ndarray]:
    """``accuracy`` (heads, seeds, T) at ``HEAD_S``, ``norm2`` (heads, seeds, 2) of the first layer at both ends."""
    runs = [[head_run(p, m, seed) for seed in seeds] for m in layers]
    return {key: np.array([[run[key] for run in one] for one in runs]) for key in runs[0][0]}


def head_run(p: int, m: float, seed: int) -> dict[str, object]:
    """The isolated flow of the first layer under a linear head of m layers."""
    task = pairs(p, seed)
    net = DeepNetwork(task.X_train, [HEAD_WIDTHS[p], p], SIGMA)
    start = normal_start(p, 2, HEAD_WIDTHS[p], seed)
    return followed(task, net, HeadDynamics(net.features, task.Y_train, m), start, HEAD_S)


# Deep linear networks, five seeds in a stack.


def linear() -> dict[str, np.ndarray]:
    """Gradient descent of deep linear networks.

    Returns:
        ``distance`` (depths, seeds, T) at ``LINEAR_S``: the part of the product that the data do not see, from 4 on,
        its destination having length 1; with three outputs, for 2, 3 and 4
        layers (3, seeds) at s = 4.5: ``product``, ``norm``, ``residual`` and at
        s = 0.5 ``balance``, the relative gaps to their formulas; ``excess``, the squared norm at the start over
        the least.
    """
    found = {"distance": np.array([linear_path(layers).T for layers in LINEAR_DEPTHS])}
    rows = [linear_end(layers) for layers in (2, 3, 4)]
    return found | {key: np.array([row[key] for row in rows]) for key in rows[0]}


def linear_path(layers: int, slow: np.ndarray = LINEAR_S, seeds: int = SEEDS) -> np.ndarray:
    """(T, seeds): the distance along gradient descent, three samples in eight dimensions, width 6."""
    draw = np.random.default_rng(0)
    X = inputs(draw, 3, seeds)
    end = np.linalg.pinv(X) @ draw.normal(size=(seeds, 3, 1))
    end /= norm(end)[:, None, None]
    away = draw.normal(size=(seeds, 8, 1))
    away -= np.linalg.pinv(X) @ (X @ away)
    start = end + START * away / norm(away)[:, None, None]
    width = 6 if layers > 1 else None
    each = [balanced_factors(torch.from_numpy(w), layers, width, seed) for seed, w in enumerate(start)]
    Ws = [np.stack([factors[k].numpy() for factors in each]) for k in range(layers)]
    hidden = np.eye(8) - np.linalg.pinv(X) @ X  # what the data do not see
    states = descend_linear(Ws, X, X @ end, LINEAR_RIDGE, slow)
    return np.array([norm(hidden @ product(state)) for state in states])


def linear_end(layers: int, ridge: float = 3e-3) -> dict[str, np.ndarray]:
    """The numbers with three outputs, four samples in eight dimensions, width 6, from a random start."""
    draw = np.random.default_rng(1)
    X, Y = inputs(draw, 4, SEEDS), draw.normal(size=(SEEDS, 4, 3))
    sizes = [8] + [6] * (layers - 1) + [3]
    Ws = [1.2 * draw.normal(size=(SEEDS, a, b)) / (a * b) ** 0.25 for a, b in zip(sizes, sizes[1:], strict=False)]
    Ws = descend_linear(Ws, X, Y, 1e-9, np.array([0, 40e-9]), 0.3)[-1]  # the fall
    path = descend_linear(Ws, X, Y, ridge, np.array([0, 0.1, 0.25, 0.5, 1, 2, 3, 4.5]))
    B = np.linalg.solve(X @ turned(X), Y)
    powers = np.stack([power(torch.from_numpy(one), 1 / layers - 1).numpy() for one in turned(Y) @ B])
    least = np.array([float(head_cost(x, y, layers)) for x, y in zip(X, Y, strict=True)])
    W, destination, residual = product(path[-1]), turned(X) @ B, -ridge * B @ powers
    before, after = balance(path[0]), balance(path[3])
    return {
        "product": norm(W - destination) / norm(destination),
        "norm": abs(squared_norm(path[-1]) / least - 1),
        "residual": norm(X @ W - Y - residual) / norm(residual),
        "balance": np.linalg.norm(after - before * math.exp(-2), axis=1) / np.linalg.norm(before, axis=1),
        "excess": squared_norm(path[0]) / least,
    }


def inputs(draw: np.random.Generator, n: int, seeds: int) -> np.ndarray:
    """Inputs (seeds, n, 8) with singular values from 0.7 to 1.3."""
    return np.linalg.qr(draw.normal(size=(seeds, 8, 8)))[0][:, :n] * np.linspace(0.7, 1.3, n)[:, None]


def turned(A: np.ndarray) -> np.ndarray:
    """A stack of matrices, each transposed."""
    return np.swapaxes(A, -1, -2)


def norm(A: np.ndarray) -> np.ndarray:
    """(seeds,)."""
    return np.linalg.norm(A, axis=(1, 2))


def product(Ws: Sequence[np.ndarray]) -> np.ndarray:
    """The product of layers, each a stack."""
    return functools.reduce(np.matmul, Ws)


def squared_norm(Ws: Sequence[np.ndarray]) -> np.ndarray:
    """(seeds,)."""
    return np.sum([norm(W) ** 2 for W in Ws], axis=0)


def balance(Ws: Sequence[np.ndarray]) -> np.ndarray:
    """The entries of all balance matrices, (seeds, ...)."""
    forms = [turned(A) @ A - B @ turned(B) for A, B in zip(Ws, Ws[1:], strict=False)]
    return np.concatenate([form.reshape(len(form), -1) for form in forms], axis=1)


def linear_gradient(Ws: Sequence[np.ndarray], X: np.ndarray, Y: np.ndarray) -> list[np.ndarray]:
    """Half the gradient of the squared error by each layer."""
    Hs = [X]
    for W in Ws:
        Hs.append(Hs[-1] @ W)
    D, found = Hs[-1] - Y, []
    for H, W in zip(Hs[-2::-1], Ws[::-1], strict=True):
        found.append(turned(H) @ D)
        D = D @ turned(W)
    return found[::-1]


def bound(Ws: Sequence[np.ndarray], X: np.ndarray) -> float:
    """A bound of the sharpness over the stack: twice the sum over layers of the products of spectral norms."""
    Hs, back, total = [X], np.eye(Ws[-1].shape[-1])[None], np.zeros(len(X))
    for W in Ws:
        Hs.append(Hs[-1] @ W)
    for H, W in zip(Hs[-2::-1], Ws[::-1], strict=True):
        total = total + np.linalg.norm(H, 2, axis=(1, 2)) ** 2 * np.linalg.norm(back, 2, axis=(1, 2)) ** 2
        back = W @ back
    return 2 * float(total.max())


def descend_linear(
    Ws: Sequence[np.ndarray], X: np.ndarray, Y: np.ndarray, ridge: float, slow: np.ndarray, safety: float = 0.5
) -> list[list[np.ndarray]]:
    """States of gradient descent at slow times, with steps of ``safety`` over a bound of the sharpness."""
    Ws, states = list(Ws), [list(Ws)]
    for before, end in zip(slow, slow[1:], strict=False):
        steps = math.ceil((end - before) * bound(Ws, X) / (safety * ridge))
        eta = (end - before) / (steps * ridge)
        for _ in range(steps):
            found = linear_gradient(Ws, X, Y)
            Ws = [(1 - 2 * eta * ridge) * W - 2 * eta * G for W, G in zip(Ws, found, strict=True)]
        states.append(list(Ws))
    return states


# Normalised layers.


def normalised_start(seed: int, width: int = 128) -> tuple[Task, DeepManifold, Tensor]:
    """The book's task, a network with RMSNorm, and the zero-loss point where training without weight decay leads."""
    task = modular_addition(11, train_size=59, seed=seed)
    net = DeepNetwork(task.X_train, [width, 11], SIGMA, normalised=True)
    W1, W2 = net.layers(net.random(seed))
    theta = torch.cat((W1.flatten(), 0.3 * W2.flatten()))
    for _ in range(40_000):
        theta = theta - 0.05 / task.Y_train.numel() * net.loss_gradient(theta, task.Y_train)
        if float((net.outputs(theta) - task.Y_train).square().mean()) < 1e-4:
            break
    Z = DeepManifold(net, task.Y_train)
    return task, Z, Z.newton(theta, 1e-11)


def normalised(seed: int, rates: dict[float, float] = RATES, slow: np.ndarray = NORMED_S) -> dict[str, np.ndarray]:
    """Slow flow and gradient descent, at ``NORMED_S``.

    Returns:
        ``norm2`` (1 + rates, T), of the first layer; ``sharpness``, 2 lambda_max(Theta) / M, not times eta;
        ``accuracy``.
        The slow flow comes first; NaN from where its sharpness is 25 on.
    """
    task, Z, start = normalised_start(seed)

    def row(theta: Tensor) -> list[float]:
        W1 = Z.network.layers(theta)[0]
        top = eigsh(Z.at(theta).ntk.numpy(), k=1, tol=1e-6, return_eigenvectors=False)[0]
        outputs = Z.network.outputs(theta, task.X_test)
        return [float(W1.square().sum()), 2 * float(top) / len(Z.y), float(accuracy(outputs, task.labels_test))]

    walk = manifold_walk(
        Z, start, slow, step=NORMED_STEP, measure=lambda _, theta: {"row": row(theta)},
        until=lambda _, theta: row(theta)[1] > STEEP, progress=False,
    )  # fmt: skip
    first = np.full((len(slow), 3), np.nan)
    first[: len(walk.measured["row"])] = walk.measured["row"]
    runs = [descend(Z.network, task.Y_train, start, rate, decay, slow) for rate, decay in rates.items()]
    rows = np.array([first, *([row(theta) for theta in run] for run in runs)])
    return dict(zip(("norm2", "sharpness", "accuracy"), np.moveaxis(rows, 2, 0), strict=True))
