"""What is read off a run."""

import math

import numpy as np
import pytest
import torch

from grokutil.data import modular_addition
from grokutil.measure import accuracy, crossing_time, learning_curves, relative_residual
from grokutil.train import gradient_descent

OUTPUT = torch.tensor([[0.1, 0.9], [2.0, -1.0], [0.0, 1.0], [5.0, 4.0]], dtype=torch.float64)


def test_accuracy_counts_the_largest_output():
    assert accuracy(OUTPUT, torch.tensor([1, 0, 1, 0])) == 1.0
    assert accuracy(OUTPUT, torch.tensor([1, 0, 0, 1])) == 0.5
    assert accuracy(OUTPUT.numpy(), np.array([0, 1, 0, 1])) == 0.0


def test_relative_residual():
    assert relative_residual(OUTPUT, OUTPUT) == 0.0
    assert relative_residual(3 * OUTPUT, OUTPUT) == pytest.approx(2.0)


def test_crossing_time_is_linear_between_records():
    times, values = [0, 1, 2, 4], [0.0, 0.1, 0.5, 0.9]
    assert crossing_time(times, values, 0.7) == pytest.approx(3.0)
    assert crossing_time(times, values, 0.0) == 0.0
    assert crossing_time(times, values, 0.1) == pytest.approx(1.0)
    assert math.isnan(crossing_time(times, values, 0.95))


@pytest.mark.parametrize(("name", "module"), [("relu", torch.nn.ReLU()), ("tanh", torch.nn.Tanh())])
def test_learning_curves_are_pytorchs_mse_and_the_share_of_right_answers(name, module):
    task = modular_addition(5, train_size=11, seed=0)
    run = gradient_descent(task, width=16, activation=name, steps=60, record_every=30)
    curves = learning_curves(run.states, task, name)
    assert [len(c) for c in curves] == [3, 3, 3, 3]
    for i, (W1, W2) in enumerate(run.states):
        for half in ("train", "test"):
            X, Y, labels = (getattr(task, f"{part}_{half}") for part in ("X", "Y", "labels"))
            output = module(X @ W1) @ W2
            right = sum(int(row.argmax()) == int(label) for row, label in zip(output, labels, strict=True))
            assert getattr(curves, f"{half}_loss")[i] == pytest.approx(float(torch.nn.MSELoss()(output, Y)))
            assert getattr(curves, f"{half}_accuracy")[i] == pytest.approx(right / len(Y))
    assert curves.train_loss[-1] < curves.train_loss[0]


def test_bad_input_says_what_to_do():
    with pytest.raises(ValueError, match=r"labels \(3,\) and output \(4, 2\) do not match"):
        accuracy(OUTPUT, torch.tensor([0, 1, 0]))
    with pytest.raises(ValueError, match=r"output \(4, 2\) and Y \(3, 2\) do not match"):
        relative_residual(OUTPUT, OUTPUT[:3])
    with pytest.raises(ValueError, match="Y is zero"):
        relative_residual(OUTPUT, torch.zeros_like(OUTPUT))
    with pytest.raises(ValueError, match=r"times \(2,\) and values \(1,\) do not match"):
        crossing_time([0, 1], [0], 0.5)
    with pytest.raises(ValueError, match=r"states must be pairs.*velocity.readout"):
        learning_curves([OUTPUT], modular_addition(5))


def test_accuracy_of_one_column_or_of_labels_that_are_no_classes_is_refused():
    """The largest of one column is always class 0; a label out of range is never right."""
    labels = torch.tensor([0, 1, 1, 0])
    with pytest.raises(ValueError, match=r"output \(4, 1\) has one column.*output\[:, 0\] > 0.5"):
        accuracy(labels.double()[:, None], labels)
    for bad in (torch.tensor([0, 1, 2, 0]), torch.tensor([0, -1, 1, 0]), labels.double()):
        with pytest.raises(ValueError, match="labels must be whole numbers from 0 to 1"):
            accuracy(OUTPUT, bad)


def test_a_level_is_reached_at_the_last_record_too_and_records_without_a_value_are_left_out():
    assert crossing_time([0, 1, 2], [0.0, 0.5, 1.0], 1.0) == 2.0
    assert crossing_time([0, 1, 2, 3], [0.0, math.nan, 1.0, math.nan], 0.5) == 1.0
    assert math.isnan(crossing_time([0, 1], [math.nan, math.nan], 0.5))
    with pytest.raises(ValueError, match="times must increase"):
        crossing_time([0, 5, 2], [0, 0.5, 1], 0.7)
