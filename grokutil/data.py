"""Tasks split in two: modular addition (section 7.1), other operations on pairs, sparse parity, your own arrays."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from grokutil.checks import Matrix, data, generator, integer, matrix, number, same_size


@dataclass(frozen=True, eq=False)
class Task:
    """A supervised task split in two (paper, section 7.1).

    For n training samples: ``X_train`` (n, d_in) and ``Y_train`` (n, d_out) float64, ``labels_train`` (n,) int64, the
    classes, and ``pairs_train`` (n, 2) int64, the two numbers of each sample; the same with ``_test``. What a task does
    not have is an empty tensor: a test half, labels, pairs. :meth:`from_arrays` makes one of your own data.

    Attributes:
        p: how many numbers the pairs are made of; 0 where there are no pairs.
        seed: of the split.
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

    @classmethod
    def from_arrays(
        cls,
        X_train: Matrix,
        Y_train: Matrix,
        X_test: Matrix | None = None,
        Y_test: Matrix | None = None,
        *,
        labels_train: Tensor | None = None,
        labels_test: Tensor | None = None,
    ) -> Task:
        """A task of arrays of your own; everything that takes a task takes it.

        Args:
            X_train: inputs (n, d_in), float64.
            Y_train: targets (n, d_out), float64.
            X_test: inputs of the other half, if there is one.
            Y_test: its targets.
            labels_train: classes (n,), whole numbers; None takes those of ``Y_train`` where its rows are one-hot, and
                no labels elsewhere.
            labels_test: classes of the other half.

        Raises:
            ValueError: one of them is not such an array, sizes that do not match, or half of a half.
        """
        if (X_test is None) != (Y_test is None):
            raise ValueError("give both X_test and Y_test, or neither")
        X, Y = data(matrix("X_train", X_train)), data(matrix("Y_train", Y_train))
        same_size("X_train", X, 0, "Y_train", Y, 0)
        others = X[:0], Y[:0]
        if X_test is not None and Y_test is not None:
            others = data(matrix("X_test", X_test)), data(matrix("Y_test", Y_test))
            same_size("X_test", others[0], 0, "Y_test", others[1], 0)
            for name, mine, theirs in (("X", X, others[0]), ("Y", Y, others[1])):
                if mine.shape[1] != theirs.shape[1]:
                    raise ValueError(
                        f"{name}_train {tuple(mine.shape)} and {name}_test {tuple(theirs.shape)} do not match: "
                        f"both must have as many columns"
                    )
        labels = _labels("labels_train", labels_train, Y), _labels("labels_test", labels_test, others[1])
        none = torch.empty(0, 2, dtype=torch.int64)
        return cls(0, 0, none, none, *labels, X, others[0], Y, others[1])


def _labels(name: str, labels: Tensor | None, Y: Tensor) -> Tensor:
    """Checked labels, or those of one-hot rows, or none."""
    if labels is None:
        one_of_many = Y.shape[1] > 1 and bool((((Y == 0) | (Y == 1)).all(1) & (Y.sum(1) == 1)).all())
        return Y.argmax(1) if one_of_many and len(Y) else Y.new_empty(0, dtype=torch.int64)
    labels = torch.as_tensor(labels)
    if labels.shape != Y.shape[:1] or labels.is_floating_point() or labels.dtype == torch.bool:
        raise ValueError(f"{name} must be whole numbers, one a row of Y ({len(Y)}), got {labels.dtype} {labels.shape}")
    return labels.long()


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
    return pairs_task(lambda a, b: (a + b) % p, integer("p", p, 2), train_fraction, train_size=train_size, seed=seed)


def pairs_task(
    operation: Callable[[int, int], int | None],
    p: int,
    train_fraction: float | None = None,
    *,
    ordered: bool = False,
    train_size: int | None = None,
    seed: int = 0,
) -> Task:
    r"""Any operation :math:`c = a \circ b` on the numbers 0 ... p-1, on all its pairs, split at random.

    .. math:: X_i = e_a + e_b \quad \text{(unordered)}, \qquad X_i = [e_a, e_b] \quad \text{(ordered)}, \qquad
              Y_i = e_c

    Args:
        operation: maps (a, b) to c, one of 0 ... p-1, or to None where the pair has no result and is left out. See
            :func:`division`, :func:`group_product`.
        p: how many numbers there are, at least 2.
        train_fraction: share of the pairs to train on, in (0, 1); the paper's 0.7 when neither this nor ``train_size``
            is given.
        ordered: whether (a, b) and (b, a) are two samples, of 2p inputs. If not, each pair with a <= b is one sample
            of p inputs, and the operation must be symmetric.
        train_size: number of training pairs, instead of a fraction.
        seed: seed of the split; the same seed gives the same split on every machine.

    Returns:
        A frozen :class:`Task` on the CPU, float64 and int64.

    Raises:
        ValueError: p < 2, results that are no numbers of the task, an unordered operation that is not symmetric, a
            fraction outside (0, 1), both a fraction and a size, or an empty side of the split.

    Source: paper, section 7.1, for addition; the other operations are ours.
    """
    p = integer("p", p, 2)
    table = {(a, b): operation(a, b) for a, b in itertools.product(range(p), repeat=2)}
    for (a, b), c in table.items():
        if c is not None and not 0 <= integer(f"operation({a}, {b})", c, 0) < p:
            raise ValueError(f"operation({a}, {b}) is {c}: results must be numbers from 0 to {p - 1}, or None")
        if not ordered and table[b, a] != c:
            raise ValueError(
                f"operation({a}, {b}) is {c} and operation({b}, {a}) is {table[b, a]}: an operation that is not "
                f"symmetric needs ordered=True"
            )
    kept = [(a, b) for (a, b), c in table.items() if c is not None and (ordered or a <= b)]
    pairs, results = torch.tensor(kept), torch.tensor([table[pair] for pair in kept])
    n = _train_size(len(pairs), train_fraction, train_size)
    order = torch.randperm(len(pairs), generator=generator(seed))

    def side(chosen: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        ab, labels = pairs[chosen], results[chosen]
        units = one_hot(ab, p)
        return ab, labels, (units.flatten(1) if ordered else units.sum(1)).double(), one_hot(labels, p).double()

    # Task's fields alternate: pairs_train, pairs_test, labels_train, ...
    return Task(p, seed, *(v for both in zip(side(order[:n]), side(order[n:]), strict=True) for v in both))


def division(p: int) -> Callable[[int, int], int | None]:
    r"""The operation :math:`a / b` modulo a prime p, for :func:`pairs_task` with ``ordered=True``; none for b = 0.

    Raises:
        ValueError: p is no prime.
    """
    if integer("p", p, 2) > 2 and any(p % k == 0 for k in range(2, int(p**0.5) + 1)):
        raise ValueError(f"p = {p} is no prime: division modulo p needs one")
    return lambda a, b: a * pow(b, -1, p) % p if b else None


def group_product(n: int) -> tuple[Callable[[int, int], int], int]:
    r"""The product in the symmetric group :math:`S_n`, for :func:`pairs_task` with ``ordered=True``.

    Number a stands for the a-th permutation of 0 ... n-1 in alphabetical order, and :math:`a \circ b` applies b first.

    Returns:
        The operation, and how many permutations there are, n!.

    Raises:
        ValueError: n below 2, or above 6 (720 permutations, half a million pairs).
    """
    if integer("n", n, 2) > 6:
        raise ValueError(f"n = {n} has too many pairs; take at most 6")
    permutations = list(itertools.permutations(range(n)))
    number_of = {permutation: a for a, permutation in enumerate(permutations)}
    product = [[number_of[tuple(f[g[i]] for i in range(n))] for g in permutations] for f in permutations]
    return lambda a, b: product[a][b], len(permutations)


def sparse_parity(bits: int, relevant: int, train_size: int, test_size: int, seed: int = 0) -> Task:
    r"""The parity of the first few of many bits, on random inputs.

    .. math:: x_i \in \{-1, 1\}^{d_{in}}, \qquad y_i = e_c, \quad c = [\textstyle\prod_{j < k} x_{ij} < 0]

    Args:
        bits: d_in.
        relevant: k, how many bits count, at most ``bits``.
        train_size: training samples, drawn independently.
        test_size: test samples.
        seed: seed of the draw.

    Returns:
        A frozen :class:`Task` without pairs; d_out = 2.

    Raises:
        ValueError: a size below 1, or more relevant bits than bits.
    """
    d_in, k = integer("bits", bits, 1), integer("relevant", relevant, 1)
    if k > d_in:
        raise ValueError(f"relevant is {k}, more than the {d_in} bits")
    sizes = integer("train_size", train_size, 1), integer("test_size", test_size, 1)
    X = 1 - 2 * torch.randint(2, (sum(sizes), d_in), generator=generator(seed)).double()
    Y = one_hot((X[:, :k].prod(1) < 0).long(), 2).double()
    n = sizes[0]
    return Task.from_arrays(X[:n], Y[:n], X[n:], Y[n:])


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
