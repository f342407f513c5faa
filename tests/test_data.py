"""Section 7.1: the modular-addition task."""

import dataclasses

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from grokutil.data import modular_addition


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
