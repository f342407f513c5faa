"""What is read off a run."""

import math

import numpy as np
import pytest
import torch

from grokutil.measure import accuracy, crossing_time, relative_residual

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


def test_bad_input_says_what_to_do():
    with pytest.raises(ValueError, match=r"labels \(3,\) and output \(4, 2\) do not match"):
        accuracy(OUTPUT, torch.tensor([0, 1, 0]))
    with pytest.raises(ValueError, match=r"output \(4, 2\) and Y \(3, 2\) do not match"):
        relative_residual(OUTPUT, OUTPUT[:3])
    with pytest.raises(ValueError, match="Y is zero"):
        relative_residual(OUTPUT, torch.zeros_like(OUTPUT))
    with pytest.raises(ValueError, match=r"times \(2,\) and values \(1,\) do not match"):
        crossing_time([0, 1], [0], 0.5)
