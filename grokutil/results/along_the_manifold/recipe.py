"""Figs 5 and 7 (p = 11, 59 training pairs, width 128, learning rate 1, weight decay 1e-4), five seeds an activation.

- ``relu``:      as in the paper
- ``softplus``:  beta 10
- ``quadratic``

At each record the displacement over a stretch of steps is held against -P theta, for several P.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from grokutil.activations import Activation, get_activation, softplus
from grokutil.constraints import SingularPointError
from grokutil.data import Task, modular_addition
from grokutil.kinks import flipping_kinks, sliding_kinks
from grokutil.manifold import TangentSpace
from grokutil.measure import learning_curves
from grokutil.model import predict
from grokutil.train import gradient_descent, ridge_from_weight_decay

P, TRAIN, WIDTH, RATE, DECAY, STEPS = 11, 59, 128, 1.0, 1e-4, 30_000
ACTIVATIONS: dict[str, str | Activation] = {"relu": "relu", "softplus": softplus(10), "quadratic": "quadratic"}
CELLS = tuple(f"{name}_{seed}" for name in ACTIVATIONS for seed in range(5))
RECORDS = (20, 40, 60, 80, 100, 150, 200, 300, 400, 500, 700, 1000, 1250, 1500, 1750, *range(2000, STEPS + 1, 500))
PAST, AHEAD = 20, 200  # steps kept before a record, to find its kinks, and after it, to test them
STRETCHES = {"last 10": (-10, 0), "next 10": (0, 10), "next 200": (0, 200)}
EPSILON = 1e-3
SMOOTH = ("J", "theta'")
KINKED = (*SMOOTH, "kinks", "kinks 3e-4", "kinks 3e-3", "near", "hindsight", "control")


def make(cell: str) -> tuple[dict[str, np.ndarray], dict]:
    """The arrays and the notes of one stored file."""
    name, seed = cell.split("_")
    setting = {"activation": name, "seed": int(seed), "p": P, "train_size": TRAIN, "width": WIDTH, "epsilon": EPSILON}
    lists = {"stretches": list(STRETCHES), "projections": list(projections(name))}
    return run(name, int(seed)), setting | lists | {"learning_rate": RATE, "weight_decay": DECAY}


def projections(name: str) -> tuple[str, ...]:
    """What P is taken at, and with which rows."""
    return KINKED if get_activation(ACTIVATIONS[name]).kink else SMOOTH


def run(name: str, seed: int, end: int = STEPS) -> dict[str, np.ndarray]:
    """One network, measured at each record up to ``end``.

    Returns:
        Arrays: ``times`` (T,); the four of ``learning_curves`` (T,); ``norm2`` (T,), the squared norm of all weights;
        ``cosine``, ``speed`` and ``law`` (T, stretches, projections): cosine of the displacement with -P theta, its
        length over that of -eta wd P theta, and the change of the squared norm over the one that the norm law gives;
        ``tangent_norm2`` (T, projections), the squared length of P theta; ``count`` (T, projections), how many kinks
        are held; ``overlap`` (T,), how many of the kinks are among those in hindsight; ``singular`` (T, 2), smallest
        and largest singular value of J; ``smallest_held`` (T,), the smallest with the kinks held;
        ``multiplier_gap`` and ``multiplier_cosine`` (T,), of -r / lambda against the multiplier, with r the mean over
        the last steps for ReLU.
    """
    task = modular_addition(P, train_size=TRAIN, seed=seed)
    rows, recorded = [], []
    for record, states in windows(task, name, seed, end):
        rows.append(measure(task, name, seed + record, states))
        recorded.append(states[PAST - 1])
    curves = learning_curves(recorded, task, ACTIVATIONS[name])._asdict()
    arrays = {key: np.array([row[key] for row in rows]) for key in rows[0]}
    return {"times": np.array(RECORDS[: len(rows)]), **curves, **arrays}


def windows(task: Task, name: str, seed: int, end: int) -> Iterator[tuple[int, tuple]]:
    """Each record with the states of the last ``PAST`` steps, of the record, and of the next ``AHEAD``."""
    records = [record for record in RECORDS if record <= end]
    run = gradient_descent.begin(
        task,
        width=WIDTH,
        activation=ACTIVATIONS[name],
        learning_rate=RATE,
        weight_decay=DECAY,
        seed=seed,
        times=sorted({0, *(record + k for record in records for k in range(1 - PAST, AHEAD + 1))}),
        measure=lambda step, _: {"step": step},  # the states that are needed are kept here
    )
    states: deque[tuple[Tensor, Tensor]] = deque(maxlen=PAST + AHEAD)
    for step, state, recorded in run:
        if recorded:
            states.append(state)
        if recorded and step - AHEAD in records:
            yield int(step) - AHEAD, tuple(states)


def measure(task: Task, name: str, seed: int, states: tuple) -> dict:
    """One row of each array of :func:`run`; the seed draws the control."""
    activation = ACTIVATIONS[name]
    X, Y = task.X_train, task.Y_train
    past, (W1, W2) = states[:PAST], states[PAST - 1]
    theta = vector((W1, W2))
    kinks = kink_sets(task, seed, states) if len(projections(name)) > 2 else {}
    plain, held = (TangentSpace(W1, W2, X, activation, kinks.get(which)) for which in ("J", "kinks"))
    spaces = {"J": plain, "theta'": TangentSpace(*fallen(task, name, (W1, W2)), X, activation), "kinks": held}
    spaces |= {which: TangentSpace(W1, W2, X, activation, mask) for which, mask in kinks.items() if which != "kinks"}

    shape = (len(STRETCHES), len(projections(name)))
    row: dict = {"norm2": float(theta @ theta)}
    row |= {key: np.full(shape, np.nan) for key in ("cosine", "speed", "law")} | {"tangent_norm2": np.zeros(shape[1])}
    for g, which in enumerate(projections(name)):
        descent = -project(spaces[which], theta)
        row["tangent_norm2"][g] = descent @ descent
        for k, (begin, finish) in enumerate(STRETCHES.values()):
            before, after = (vector(states[PAST - 1 + at]) for at in (begin, finish))
            moved, rate = after - before, RATE * DECAY * (finish - begin)
            row["cosine"][k, g] = moved @ descent / (moved.norm() * descent.norm())
            row["speed"][k, g] = moved.norm() / (rate * descent.norm())
            row["law"][k, g] = (after @ after - before @ before) / (-2 * rate * descent @ descent)

    row["count"] = np.array([int(kinks[w].sum()) if w in kinks else 0 for w in projections(name)])
    row["overlap"] = int((kinks["kinks"] & kinks["hindsight"]).sum()) if kinks else 0
    sizes = torch.linalg.eigvalsh(plain.ntk)[[0, -1]].clamp(min=0).sqrt()
    row["singular"] = sizes.numpy()
    row["smallest_held"] = float(torch.linalg.eigvalsh(held.ntk)[0].clamp(min=0).sqrt()) if kinks else float(sizes[0])

    shown = past if kinks else past[-1:]
    r = torch.stack([predict(W1, W2, X, activation) - Y for W1, W2 in shown]).mean(0)
    guess = -r / ridge_from_weight_decay(DECAY, *Y.shape)
    try:
        mu = held.multiplier()
    except SingularPointError:
        mu = torch.full_like(r, torch.nan)
    row["multiplier_gap"] = float((guess - mu).norm() / mu.norm())
    row["multiplier_cosine"] = float((guess * mu).sum() / (guess.norm() * mu.norm()))
    return row


def kink_sets(task: Task, seed: int, states: tuple) -> dict[str, Tensor]:
    """Pairs (i, h) to hold: by Clarke's rule for three epsilon, all that are near, in hindsight, and at random."""
    X, Y, past = task.X_train, task.Y_train, states[:PAST]
    ridge = ridge_from_weight_decay(DECAY, *Y.shape)
    sets = {"kinks": EPSILON, "kinks 3e-4": 3e-4, "kinks 3e-3": 3e-3}
    masks = {which: sliding_kinks(past, X, Y, ridge, epsilon=epsilon) for which, epsilon in sets.items()}
    masks["near"] = torch.stack([X @ W1 for W1, _ in past]).mean(0).abs() <= EPSILON
    masks["hindsight"] = flipping_kinks(states[PAST - 1 :], X)
    masks["control"] = random_pairs(X @ past[-1][0] > 0, flipping_kinks(states[PAST - 1 :], X, least=1), masks, seed)
    return masks


def random_pairs(on: Tensor, flips: Tensor, masks: dict[str, Tensor], seed: int) -> Tensor:
    """As many pairs as there are kinks, drawn from those that are on and do not flip."""
    candidates = (on & ~flips).nonzero()
    order = torch.randperm(len(candidates), generator=torch.Generator().manual_seed(seed))
    chosen, mask = candidates[order[: int(masks["kinks"].sum())]], torch.zeros_like(on)
    mask[chosen[:, 0], chosen[:, 1]] = True
    return mask


def fallen(task: Task, name: str, state: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """The paper's theta': 100 steps without weight decay, with momentum 0.9 and the learning rate of the run."""
    return gradient_descent(
        task, start=state, times=[0, 100], progress=False,
        activation=ACTIVATIONS[name], learning_rate=RATE, weight_decay=0.0, momentum=0.9,
    ).states[-1]  # fmt: skip


def vector(state: tuple[Tensor, Tensor]) -> Tensor:
    """Both layers as one vector theta."""
    return torch.cat([W.flatten() for W in state])


def project(space: TangentSpace, theta: Tensor) -> Tensor:
    """P theta; NaN where the NTK is singular."""
    try:
        return space.project(theta)
    except SingularPointError:
        return torch.full_like(theta, torch.nan)
