"""The modular-addition task of section 7.1: one-hot pairs, their sums, a random split."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from grokutil.checks import integer, number


@dataclass(frozen=True, eq=False)
class Task:
    """A supervised task split in two (paper, section 7.1).

    For n training samples: ``X_train`` (n, p) and ``Y_train`` (n, p) float64, ``labels_train`` (n,) and
    ``pairs_train`` (n, 2) int64; the same with ``_test``.
    """

    p: int
    seed: int
    pairs_train: Tensor
    pairs_test: Tensor
    labels_train: Tensor
    labels_test: Tensor
    X_train: Tensor
    X_test: Tensor
    Y_train: Tensor
    Y_test: Tensor


def modular_addition(
    p: int, train_fraction: float | None = None, *, train_size: int | None = None, seed: int = 0
) -> Task:
    r"""Addition modulo p on all p(p+1)/2 unordered pairs, split at random.

    .. math:: X_i = e_a + e_b, \quad Y_i = e_c, \quad c = (a + b) \bmod p, \quad 0 \le a \le b < p

    Args:
        p: the modulus, at least 2.
        train_fraction: share of the pairs to train on, in (0, 1); ``round(train_fraction * pairs)`` of them.
            The paper's 0.7 when neither this nor ``train_size`` is given.
        train_size: number of training pairs, instead of a fraction.
        seed: seed of the split; the same seed gives the same split on every machine.

    Returns:
        A frozen :class:`Task` on the CPU, float64 and int64.

    Raises:
        ValueError: p < 2, a fraction outside (0, 1), both a fraction and a size, or an empty side of the split.

    Source: paper, section 7.1.
    """
    p = integer("p", p, 2)
    pairs = torch.combinations(torch.arange(p), with_replacement=True)
    n = _train_size(len(pairs), train_fraction, train_size)
    order = torch.randperm(len(pairs), generator=torch.Generator().manual_seed(integer("seed", seed, 0)))

    def side(chosen: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        ab = pairs[chosen]
        labels = ab.sum(1) % p
        return ab, labels, one_hot(ab, p).sum(1).double(), one_hot(labels, p).double()

    # Task's fields alternate: pairs_train, pairs_test, labels_train, ...
    return Task(p, seed, *(v for both in zip(side(order[:n]), side(order[n:]), strict=True) for v in both))


def _train_size(pairs: int, fraction: float | None, size: int | None) -> int:
    if size is not None:
        if fraction is not None:
            raise ValueError(f"give train_fraction or train_size, not both (got {fraction!r} and {size!r})")
        n = integer("train_size", size, 1)
        chosen = f"train_size={n}"
    else:
        fraction = 0.7 if fraction is None else number("train_fraction", fraction)
        if not 0 < fraction < 1:
            raise ValueError(f"train_fraction must lie strictly between 0 and 1, got {fraction!r}")
        n = round(fraction * pairs)
        chosen = f"train_fraction={fraction}"
    if not 0 < n < pairs:
        raise ValueError(
            f"{chosen} leaves an empty split: {n} of {pairs} pairs for training, {pairs - n} for test; "
            f"choose between 1 and {pairs - 1} training pairs"
        )
    return n
