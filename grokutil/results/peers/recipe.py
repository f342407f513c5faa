"""What other groups published of networks that add, computed again by our own code from the settings they state.

- ``adamw_SEED``: addition modulo 23 on all ordered pairs, quadratic network of width 512, cross-entropy, AdamW without
  weight decay: the setting ``quad_random`` of He et al.
- ``mirrored_SEED``: their setting ``grokking``: ReLU, weight decay 2, 396 of the 529 *ordered* pairs. (a, b) and (b, a)
  are the same input, so most test pairs are in the training set.
- ``margin``: explicit networks at the bound of Morwani et al.

Equal inputs are computed once, with their number as weight.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from grokutil.checks import generator
from grokutil.margins import margins
from grokutil.model import predict
from grokutil.price import all_pairs

P, WIDTH, SCALE = 23, 512, 0.1
BETAS, WARM = (0.9, 0.98), 10
EPOCHS = (500, 2500, 4000, 4999)
TRAIN, MEMORISED = 396, 3000
SEEDS = range(5)
PRIMES = (7, 11, 23)
PHASES = {6: 4, 8: 2}  # phases a frequency, and how many times as fast the phase of b turns

CELLS = (*(f"adamw_{seed}" for seed in SEEDS), *(f"mirrored_{seed}" for seed in SEEDS), "margin")


def make(cell: str) -> tuple[dict[str, np.ndarray], dict]:
    """The arrays and the notes of one stored file."""
    name, *rest = cell.split("_")
    if name == "margin":
        return margin(), {"p": PRIMES, "phases": list(PHASES), "seed": None}  # nothing is drawn
    seed, notes = int(rest[0]), {"p": P, "width": WIDTH, "scale": SCALE, "betas": BETAS, "seed": int(rest[0])}
    if name == "adamw":
        return adamw(seed), notes | {"activation": "quadratic", "learning_rate": 5e-5, "weight_decay": 0.0}
    return mirrored(seed), notes | {"activation": "relu", "learning_rate": 1e-4, "weight_decay": 2.0}


def train(
    seed: int,
    X: Tensor,
    labels: Tensor,
    weights: Tensor,
    activation: str,
    rate: float,
    decay: float,
    records: tuple[int, ...],
) -> Iterator[tuple[Tensor, Tensor, float]]:
    """The weights before step k, for each k of ``records``: AdamW on the weighted mean of cross-entropy."""
    draw = generator(seed)
    drawn = (torch.randn(size, generator=draw, dtype=torch.float64) for size in ((P, WIDTH), (WIDTH, P)))
    W1, W2 = ((SCALE / P**0.5 * W).requires_grad_() for W in drawn)
    rule = torch.optim.AdamW([W1, W2], lr=rate, betas=BETAS, weight_decay=decay, fused=True)
    warm = torch.optim.lr_scheduler.LambdaLR(rule, lambda step: min(step / WARM, 1))
    for step in range(max(records) + 1):
        loss = torch.nn.functional.cross_entropy(predict(W1, W2, X, activation), labels, reduction="none") @ weights
        if step in records:
            yield W1.detach(), W2.detach(), float(loss.detach())
        rule.zero_grad()
        loss.backward()
        rule.step()
        warm.step()


def adamw(seed: int, epochs: tuple[int, ...] = EPOCHS) -> dict[str, np.ndarray]:
    """Arrays (records,): ``loss``, mean over ordered pairs; ``norm``; ``price``, squared norm at margin one, or NaN."""
    X, Y = all_pairs(P)
    labels, twice = Y.argmax(1), torch.where(X.max(1).values == 2, 1.0, 2.0).double()
    rows = []
    for W1, W2, loss in train(seed, X, labels, twice / P**2, "quadratic", 5e-5, 0.0, epochs):
        norm2 = float(W1.square().sum() + W2.square().sum())
        q = float(margins(predict(W1, W2, X, "quadratic"), labels).min())
        rows.append((loss, norm2**0.5, norm2 / q ** (2 / 3) if q > 0 else math.nan))
    return dict(zip(("loss", "norm", "price"), np.array(rows).T, strict=True))


def mirrored(seed: int, step: int = MEMORISED) -> dict[str, np.ndarray]:
    """Of the ordered test pairs: ``share``, with their mirror in training; ``accuracy`` of all, ``seen``, ``unseen``.

    ``memorised`` is the accuracy on the training pairs at this step.
    """
    shuffled = torch.randperm(P**2, generator=generator(seed))
    a, b = shuffled // P, shuffled % P
    X = torch.eye(P, dtype=torch.float64)
    X, labels = X[a] + X[b], (a + b) % P
    known = torch.zeros(P, P, dtype=torch.bool)
    known[a[:TRAIN], b[:TRAIN]] = True
    mirror = known[b, a][TRAIN:]
    inputs, index, counts = X[:TRAIN].unique(dim=0, return_inverse=True, return_counts=True)
    answers = labels.new_zeros(len(inputs)).scatter(0, index, labels[:TRAIN])
    ((W1, W2, _),) = train(seed, inputs, answers, counts.double() / TRAIN, "relu", 1e-4, 2.0, (step,))
    right = predict(W1, W2, X, "relu").argmax(1) == labels
    found = {"memorised": right[:TRAIN], "share": mirror, "accuracy": right[TRAIN:]}
    found |= {"seen": right[TRAIN:][mirror], "unseen": right[TRAIN:][~mirror]}
    return {key: np.array(float(array.double().mean())) for key, array in found.items()}


def margin_over_norm(p: int, phases: int, fast: int) -> tuple[float, int]:
    r"""The margin of :math:`\\sum_h (u_{ha} + v_{hb})^2 w_{hc}` over the sum of cubed norms of units, and their number.

    Cosines: the phase of v turns ``fast`` times as fast as that of u, that of w as fast as both together.
    """
    j, k = torch.arange(p), torch.arange(1, (p + 1) // 2).double()
    angle = 2 * math.pi * torch.arange(phases, dtype=torch.float64) / phases
    wave = 2 * math.pi * k[:, None, None] * j / p
    u, v, w = (torch.cos(wave - turn * angle[:, None]).flatten(0, 1) for turn in (1, fast, 1 + fast))
    F = torch.einsum("hab,hc->abc", (u[:, :, None] + v[:, None, :]) ** 2, w).reshape(p * p, p)
    q = margins(F, (j[:, None] + j).flatten() % p).min()
    sizes = torch.stack((u, v, w)).square().sum((0, 2))
    return float(q / sizes.pow(1.5).sum()), len(u)


def margin() -> dict[str, np.ndarray]:
    """The margin over its bound, ``reached`` (phases, moduli), and the ``units`` of the networks."""
    rows = np.array([[margin_over_norm(p, q, fast) for p in PRIMES] for q, fast in PHASES.items()])
    bounds = np.array([math.sqrt(2 / 27) / (math.sqrt(p) * (p - 1)) for p in PRIMES])
    return {"reached": rows[..., 0] / bounds, "units": rows[..., 1].astype(int)}
