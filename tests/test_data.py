"""Section 7.1: the modular-addition task."""

import dataclasses
import itertools
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from grokutil.data import Task, division, group_product, modular_addition, pairs_task, sparse_parity
from grokutil.measure import learning_curves
from grokutil.train import gradient_descent


def test_the_papers_sizes():
    task = modular_addition(p=37, train_fraction=0.7, seed=0)
    assert task.X_train.shape == (492, 37) and task.X_test.shape == (211, 37)
    assert task.Y_train.dtype == torch.float64 and task.labels_train.dtype == torch.int64


@given(p=st.integers(2, 23), fraction=st.floats(0.4, 0.6), seed=st.integers(0, 10**6))
def test_every_pair_once_and_every_row_its_sum(p, fraction, seed):
    task = modular_addition(p, fraction, seed=seed)
    pairs = torch.cat((task.pairs_train, task.pairs_test)).tolist()
    assert sorted(pairs) == [[a, b] for a in range(p) for b in range(a, p)]
    assert len(task.pairs_train) == round(fraction * p * (p + 1) / 2)
    for part in ("train", "test"):
        pairs, labels = getattr(task, f"pairs_{part}"), getattr(task, f"labels_{part}")
        X, Y = getattr(task, f"X_{part}"), getattr(task, f"Y_{part}")
        identity = torch.eye(p, dtype=torch.float64)
        assert torch.equal(X, identity[pairs[:, 0]] + identity[pairs[:, 1]])
        assert torch.equal(labels, pairs.sum(1) % p) and torch.equal(Y, identity[labels])


def test_a_seed_gives_one_split_and_another_seed_another():
    first, again, other = (modular_addition(11, seed=s) for s in (3, 3, 4))
    assert torch.equal(first.pairs_train, again.pairs_train)
    assert not torch.equal(first.pairs_train, other.pairs_train)


def test_train_size_replaces_the_fraction():
    task = modular_addition(11, train_size=59)
    assert len(task.X_train) == 59 and len(task.X_test) == 7


def test_a_task_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        modular_addition(5).p = 7


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"p": 1}, ["p", "at least 2", "1"]),
        ({"p": 5.0}, ["p", "whole number", "5.0"]),
        ({"p": 5, "train_fraction": 1.5}, ["train_fraction", "between 0 and 1", "1.5"]),
        ({"p": 5, "train_fraction": 0.0}, ["train_fraction", "0.0"]),
        ({"p": 5, "train_fraction": "half"}, ["train_fraction", "number", "half"]),
        ({"p": 5, "train_fraction": float("nan")}, ["train_fraction", "nan"]),
        ({"p": 3, "train_fraction": 0.01}, ["train_fraction=0.01", "empty split", "0 of 6", "between 1 and 5"]),
        ({"p": 3, "train_size": 6}, ["train_size=6", "empty split", "0 for test"]),
        ({"p": 3, "train_size": 2.5}, ["train_size", "whole number", "2.5"]),
        ({"p": 3, "train_size": 2, "train_fraction": 0.5}, ["train_fraction", "train_size", "not both"]),
        ({"p": 3, "seed": -1}, ["seed", "at least 0", "-1"]),
    ],
)
def test_bad_input_says_what_to_do(arguments, words):
    with pytest.raises(ValueError) as error:
        modular_addition(**arguments)
    assert all(word in str(error.value) for word in words), error.value


@given(p=st.integers(2, 9), seed=st.integers(0, 99))
def test_any_operation_on_ordered_pairs(p, seed):
    task = pairs_task(lambda a, b: (a - b) % p, p, 0.5, ordered=True, seed=seed)
    pairs = torch.cat((task.pairs_train, task.pairs_test)).tolist()
    assert sorted(pairs) == [[a, b] for a in range(p) for b in range(p)]
    identity = torch.eye(p, dtype=torch.float64)
    a, b = task.pairs_train.unbind(1)
    assert torch.equal(task.X_train, torch.cat((identity[a], identity[b]), 1))
    assert torch.equal(task.labels_train, (a - b) % p) and torch.equal(task.Y_train, identity[(a - b) % p])


def test_unordered_addition_is_the_papers_task():
    mine = pairs_task(lambda a, b: (a + b) % 11, 11, train_size=59, seed=3)
    papers = modular_addition(11, train_size=59, seed=3)
    assert torch.equal(mine.X_train, papers.X_train) and torch.equal(mine.Y_test, papers.Y_test)


def test_division_undoes_multiplication_and_leaves_zero_out():
    task = pairs_task(division(7), 7, 0.5, ordered=True)
    a, b = torch.cat((task.pairs_train, task.pairs_test)).unbind(1)
    c = torch.cat((task.labels_train, task.labels_test))
    assert len(a) == 42 and not (b == 0).any() and torch.equal(b * c % 7, a)
    with pytest.raises(ValueError, match="p = 9 is no prime"):
        division(9)


def test_the_symmetric_group_is_a_group():
    product, size = group_product(4)
    assert size == 24 and all(product(0, a) == product(a, 0) == a for a in range(size))
    for a, b, c in torch.randint(size, (50, 3), generator=torch.Generator().manual_seed(0)).tolist():
        assert product(product(a, b), c) == product(a, product(b, c))
    assert all(sorted(product(a, b) for b in range(size)) == list(range(size)) for a in range(size))
    assert any(product(a, b) != product(b, a) for a in range(size) for b in range(size))
    assert group_product(5)[1] == 120


def test_sparse_parity_is_the_product_of_the_first_bits():
    task, other = (sparse_parity(12, 3, 100, 50, seed=seed) for seed in (0, 1))
    assert task.X_train.shape == (100, 12) and task.Y_test.shape == (50, 2) and not len(task.pairs_train)
    assert set(task.X_train.flatten().tolist()) == {-1.0, 1.0} and not torch.equal(task.X_train, other.X_train)
    assert torch.equal(task.labels_train == 1, task.X_train[:, 0] * task.X_train[:, 1] * task.X_train[:, 2] < 0)


def test_arrays_of_ones_own_are_a_task():
    X, Y = torch.randn(6, 3, dtype=torch.float64), torch.eye(6, dtype=torch.float64)[:, :2]
    task = Task.from_arrays(X.numpy(), Y, X[:2], Y[:2])
    assert torch.equal(task.X_train, X) and len(task.X_test) == 2 and not len(task.labels_train)  # a row without a one
    alone = Task.from_arrays(X, torch.eye(6, dtype=torch.float64))
    assert alone.labels_train.tolist() == list(range(6)) and not len(alone.X_test) and not len(alone.labels_test)
    assert Task.from_arrays(X, Y, labels_train=torch.arange(6)).labels_train.tolist() == list(range(6))
    run = gradient_descent(alone, width=8, steps=3, progress=False)
    curves = learning_curves(run.states, alone)
    assert np.isfinite(curves.train_accuracy).all() and np.isnan(curves.test_accuracy).all()
    assert np.isnan(learning_curves(run.states, SimpleNamespace(X_train=X, Y_train=alone.Y_train)).train_accuracy).all()


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda X, Y: Task.from_arrays(X, Y[:1]), r"X_train \(3, 2\) and Y_train \(1, 2\) do not match"),
        (lambda X, Y: Task.from_arrays(X, Y, X), "both X_test and Y_test, or neither"),
        (lambda X, Y: Task.from_arrays(X, Y, X[:, :1], Y), "as many columns"),
        (lambda X, Y: Task.from_arrays(X, Y, labels_train=Y), "labels_train must be whole numbers"),
        (lambda X, Y: Task.from_arrays(X.float(), Y), "X_train must be float64"),
        (lambda X, Y: pairs_task(lambda a, b: a - b, 3), r"operation\(0, 1\)"),
        (lambda X, Y: pairs_task(lambda a, b: a, 3), r"\(0, 1\) is 0 and operation\(1, 0\) is 1: .* ordered=True"),
        (lambda X, Y: pairs_task(lambda a, b: a + b, 3), r"\(1, 2\) is 3: results must be numbers from 0 to 2"),
        (lambda X, Y: sparse_parity(3, 4, 5, 5), "relevant is 4, more than the 3 bits"),
        (lambda X, Y: group_product(7), "too many pairs"),
    ],
)
def test_tasks_that_cannot_be_say_why(make, words):
    with pytest.raises(ValueError, match=words):
        make(torch.ones(3, 2, dtype=torch.float64), torch.ones(3, 2, dtype=torch.float64))


def test_seeds_far_apart_give_other_splits_too():
    """Where a seed is cut, or some of its digits are not looked at, two of these meet."""
    seeds = [0, 1, 2, 10, 100, 1000, 1001, 10**6, *(2**k for k in range(8, 32, 4)), 2**32 - 1]
    splits = {tuple(map(tuple, modular_addition(11, seed=seed).pairs_train.tolist())) for seed in seeds}
    draws = {tuple(sparse_parity(8, 2, 20, 1, seed=seed).X_train.flatten().tolist()) for seed in seeds}
    assert len(splits) == len(draws) == len(seeds)
    with pytest.raises(ValueError, match=r"seed must be below 2\^32"):  # its first 32 bits would be used alone
        modular_addition(11, seed=2**32)


def test_a_task_remembers_its_seed_and_splits_as_the_paper_does():
    task = modular_addition(10, seed=4)
    assert task.seed == 4 and len(task.X_train) == round(0.7 * 55)


def test_in_the_group_the_second_is_applied_first():
    operation, size = group_product(3)
    numbers = list(itertools.permutations(range(3)))
    for (a, f), (b, g) in itertools.product(enumerate(numbers), repeat=2):
        assert numbers[operation(a, b)] == tuple(f[g[i]] for i in range(3))
    assert size == 6


def test_each_half_has_the_labels_of_its_own_one_hot_rows_and_other_rows_have_none():
    rows = torch.eye(3, dtype=torch.float64)
    task = Task.from_arrays(rows, rows, rows, rows[[2, 0, 1]])
    assert task.labels_train.tolist() == [0, 1, 2] and task.labels_test.tolist() == [2, 0, 1]
    for other in ([[0.5, 0.5, 0.0]], [[2.0, -1.0, 0.0]], [[1.0, 1.0, 0.0]], [[0.0, 0.0, 0.0]]):
        Y = torch.cat((rows[:2], torch.tensor(other, dtype=torch.float64)))
        assert len(Task.from_arrays(rows, Y).labels_train) == 0
