"""What is read off a state or a run: accuracy, residual, the time at which something happens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from grokutil.activations import Activation
from grokutil.checks import Matrix, matrix, same_size
from grokutil.data import Task
from grokutil.model import predict
from grokutil.runs.trajectory import increasing_times


def accuracy(output: Matrix, labels: Matrix) -> float:
    r"""Share of samples whose largest output is at the right class.

    .. math:: \frac1n \, \#\{ i : \arg\max_c \hat Y_{ic} = c_i \}

    Args:
        output: network outputs (n, p), float64.
        labels: right classes (n,), int64.

    Raises:
        ValueError: not as many labels as rows of output, labels that are no classes, or fewer than two columns.

    Source: paper, section 7.2.
    """
    output, labels = matrix("output", output), torch.as_tensor(labels)
    classes = output.shape[1]
    if classes < 2:
        raise ValueError(
            f"output {tuple(output.shape)} has one column, whose largest entry is always at class 0: give one column "
            f"for each class, or compare (output[:, 0] > 0.5) with the labels yourself"
        )
    if labels.shape != output.shape[:1]:
        raise ValueError(
            f"labels {tuple(labels.shape)} and output {tuple(output.shape)} do not match: one label a row is needed"
        )
    if labels.is_floating_point() or not ((labels >= 0) & (labels < classes)).all():
        raise ValueError(
            f"labels must be whole numbers from 0 to {classes - 1}, one class for each column of output; "
            f"got {labels.dtype} from {labels.min().item()} to {labels.max().item()}"
        )
    return float((output.argmax(1) == labels.to(output.device)).double().mean())


def relative_residual(output: Matrix, Y: Matrix) -> float:
    r"""Distance of the outputs from their targets, :math:`\|\hat Y - Y\|_F / \|Y\|_F`.

    Args:
        output: network outputs (n, d_out), float64.
        Y: targets (n, d_out), float64, not all zero.

    Raises:
        ValueError: shapes do not match, or Y is zero.
    """
    output, Y = matrix("output", output), matrix("Y", Y)
    for axis in (0, 1):
        same_size("output", output, axis, "Y", Y, axis)
    norm = float(Y.norm())
    if norm == 0:
        raise ValueError("Y is zero: a residual relative to it has no meaning; look at the norm of output itself")
    return float((output - Y).norm()) / norm


def crossing_time(times: Sequence[float] | np.ndarray, values: Sequence[float] | np.ndarray, level: float) -> float:
    """First time at which ``values`` reaches ``level`` from below, linear between records; NaN if it never does.

    Args:
        times: (T,) increasing.
        values: (T,) what is watched; NaN where nothing was measured: such records are left out.
        level: the threshold.

    Returns:
        A time in the units of ``times``.

    Raises:
        ValueError: times and values differ in length, or times do not increase.
    """
    times, values = increasing_times(times), np.asarray(values, dtype=np.float64)
    if times.shape != values.shape:
        raise ValueError(f"times {times.shape} and values {values.shape} do not match: one value a time is needed")
    known = np.logical_not(np.isnan(values))
    times, values = times[known], values[known]
    above = np.flatnonzero(np.greater_equal(values, level))
    if not above.size:
        return float("nan")
    i = above[0]
    if i == 0:
        return float(times[0])
    return float(np.interp(level, values[i - 1 : i + 1], times[i - 1 : i + 1]))


class LearningCurves(NamedTuple):
    """Loss and accuracy along a run, each (T,); the losses are means over samples and outputs, as ``nn.MSELoss``."""

    train_loss: np.ndarray
    test_loss: np.ndarray
    train_accuracy: np.ndarray
    test_accuracy: np.ndarray


def learning_curves(
    states: Sequence[tuple[Tensor, Tensor]], task: Task, activation: str | Activation = "relu"
) -> LearningCurves:
    r"""Loss :math:`\|\hat Y - Y\|_F^2 / (n \, d_{out})` and accuracy on both halves of a task, state by state.

    Args:
        states: T pairs (W1, W2), as in a run of :func:`grokutil.train.gradient_descent`.
        task: the task the run was trained on. Where it has no test half or no labels, the curves are NaN.
        activation: the activation it was trained with, which a run does not apply by itself.

    Returns:
        :class:`LearningCurves`.

    Raises:
        ValueError: states that are no pairs, shapes do not match, not finite, unknown activation.

    Source: paper, Figs 5 and 7.
    """
    if not all(isinstance(state, tuple) and len(state) == 2 for state in states):
        raise ValueError(
            "states must be pairs (W1, W2); for a flow of the first layer alone, give "
            "[(W1, velocity.readout(W1)) for W1 in states]"
        )
    losses, accuracies = [], []
    for half in ("train", "test"):
        X, Y, labels = (_part(task, f"{name}_{half}") for name in ("X", "Y", "labels"))
        outputs = [predict(W1, W2, X, activation) for W1, W2 in states] if len(X) else []
        none = np.full(len(states), np.nan)
        losses.append(np.array([float((out - Y).square().mean()) for out in outputs]) if len(X) else none)
        accuracies.append(np.array([accuracy(out, labels) for out in outputs]) if len(X) and len(labels) else none)
    return LearningCurves(*losses, *accuracies)


def _part(task: Task, name: str) -> Tensor:
    """A part of a task; an empty one where an object that stands for a task has none."""
    return getattr(task, name, torch.empty(0))
