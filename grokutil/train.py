r"""Gradient descent with weight decay on the two-layer network, and what its steps mean on the clock s."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from grokutil.activations import Activation, get_activation
from grokutil.checks import Matrix, generator, integer, layers, matrix, non_negative, number, positive, targets
from grokutil.data import Task
from grokutil.losses import CROSS_ENTROPY, SQUARED, smoothed
from grokutil.model import default_weights, loss_gradient
from grokutil.optimisers import SGD, Adam, Rule
from grokutil.runs.recorder import Measure, Run, Steps, Until, recorded
from grokutil.runs.trajectory import increasing_times

OPTIMISERS = ("sgd", "adam", "adamw")
LOSSES = {"mean": SQUARED, "sum": SQUARED, "cross-entropy": CROSS_ENTROPY}


@recorded
def gradient_descent(
    task: Task | tuple[Matrix, Matrix],
    *,
    width: int = 128,
    activation: str | Activation = "relu",
    learning_rate: float = 1.0,
    weight_decay: float = 1e-4,
    loss: str = "mean",
    steps: int = 30_000,
    seed: int = 0,
    record_every: int = 100,
    times: Sequence[int] | np.ndarray | None = None,
    momentum: float = 0.0,
    batch_size: int | None = None,
    smoothing: float = 0.0,
    label_noise: float = 0.0,
    optimiser: str = "sgd",
    start: tuple[Matrix, Matrix] | None = None,
    measure: Measure | None = None,
    until: Until | None = None,
    progress: bool = True,
) -> Run:
    r"""Train both layers on the training half of a task; the defaults are those of Fig. 5.

    .. math::
        v \leftarrow m v + \nabla \ell(\theta) + wd \, \theta, \qquad \theta \leftarrow \theta - \eta v, \qquad
        \ell = \begin{cases} \mathcal L / (n \, d_{out}) & \text{"mean": nn.MSELoss} \\
                             \mathcal L & \text{"sum": eq. 12} \\
                             -\frac1n \sum_{ic} Y_{ic} \log \rho_{ic} & \text{"cross-entropy": nn.CrossEntropyLoss}
                             \end{cases}

    with :math:`\rho` the softmax of the outputs. This is ``torch.optim.SGD`` with ``lr``, ``weight_decay`` and
    ``momentum``; Adam and AdamW have PyTorch's other settings (:class:`grokutil.optimisers.Adam`). A run that is
    interrupted (Ctrl-C, or the stop button of a notebook) returns what it has; ``complete`` is then False. To go on,
    train again with ``start=states[-1]`` and ``times`` that begin at ``times[-1]``; the optimiser's memory and batches
    begin anew.
    ``gradient_descent.begin``, with the same arguments, hands over the :class:`~grokutil.runs.recorder.Run` as it goes,
    to draw, store or stop meanwhile.

    Args:
        task: where to take X_train (n, d_in) and Y_train (n, d_out) from, float64; the run stays on their device. For
            data of your own, the pair (X, Y) will do.
        width: hidden units d_h, for a fresh start.
        activation: name or :class:`~grokutil.activations.Activation`.
        learning_rate: :math:`\eta`.
        weight_decay: wd, PyTorch's: the gradient of the penalty is wd times the weights.
        loss: squared error, ``"mean"`` over samples and outputs or ``"sum"``; or ``"cross-entropy"``, the mean over
            samples.
        steps: how many steps to take.
        seed: seed of the initial weights (:func:`~grokutil.model.default_weights`), of mini-batches and of label noise.
        record_every: keep the weights at step 0, at each multiple of this, and at the last step.
        times: the steps at which to record, increasing, instead of ``steps`` and ``record_every``;
            ``times[0]`` is the start.
        momentum: m, from 0 to below 1.
        batch_size: samples a step, drawn without replacement in a new order each epoch; None is full batch. With loss
            ``"sum"`` the gradient of a batch is scaled by n / batch_size.
        smoothing: :math:`\varepsilon` of soft labels (:func:`grokutil.losses.smoothed`), for cross-entropy.
        label_noise: :math:`\delta`, the standard deviation of fresh normal noise on every target in every step, for
            squared error.
        optimiser: ``"sgd"``, ``"adam"`` (weight decay in the gradient) or ``"adamw"`` (decoupled weight decay).
        start: weights (W1, W2) to start from, float64, taken as data; None takes PyTorch's default initialisation.
        measure: called with (step, (W1, W2)) at each record; the numbers it returns by name are kept in place of the
            weights, as ``measured``.
        until: called with (step, (W1, W2)) at each record; training ends where it returns True.
        progress: show a progress bar when the run takes more than two seconds.

    Returns:
        A :class:`~grokutil.runs.trajectory.Trajectory` with clock ``"steps"`` and states (W1, W2).

    Raises:
        ValueError: an argument outside its range, shapes that do not match, or weights that stop being finite.

    Source: paper, Appendix D and Figs 5 and 7.
    """
    sigma = get_activation(activation)
    X, Y = _data(task)
    n, d_out = Y.shape
    eta, decay = positive("learning_rate", learning_rate), non_negative("weight_decay", weight_decay)
    scale, error = _loss_scale(loss, n, d_out), LOSSES[loss]
    if smoothing and error is not CROSS_ENTROPY:
        raise ValueError(f"smoothing {smoothing!r} is for loss 'cross-entropy', got loss {loss!r}: leave it at 0")
    Y = smoothed(Y, smoothing)
    rule, noise = _rule(optimiser, eta, decay, momentum), non_negative("label_noise", label_noise)
    if noise and error is not SQUARED:
        raise ValueError(f"label_noise {label_noise!r} is for squared error, got loss {loss!r}: leave it at 0")
    size = n if batch_size is None else integer("batch_size", batch_size, 1)
    if size > n:
        raise ValueError(f"batch_size {size} is larger than the training set of {n} samples")
    if times is None:
        times = np.unique([*range(0, integer("steps", steps, 1), integer("record_every", record_every, 1)), steps])
    times = increasing_times(times)  # a record's times are floats
    times = np.array([integer("each of times", int(k) if k.is_integer() else k, 0) for k in times.tolist()])
    if start is None:
        start = default_weights(X.shape[1], width, d_out, seed)
    W1, W2, X = layers(*start, X)
    Y = targets(Y, X, W2)
    W1, W2 = (W.to(X.device).clone() for W in (W1, W2))

    count = 0

    def descent() -> Steps:
        nonlocal count
        V1, V2, v1, v2 = W1, W2, rule.begin(W1), rule.begin(W2)
        batches = _batches(X, Y, size, seed, noise)
        for step in itertools.count(int(times[0]) + 1):
            G1, G2 = loss_gradient(V1, V2, *next(batches), sigma, error)
            V1, v1 = rule.step(V1, scale * n / size * G1, v1)
            V2, v2 = rule.step(V2, scale * n / size * G2, v2)
            count += 1
            yield step, lambda time, state=(V1, V2): state  # type: ignore[misc]  # noqa: ARG005

    settings = {
        **{"n": n, "d_out": d_out, "width": W1.shape[1], "activation": sigma.name, "loss": loss, "seed": seed},
        **{"learning_rate": eta, "weight_decay": decay, "momentum": float(momentum), "batch_size": size},
        **({"smoothing": float(smoothing)} if smoothing else {}),
        **({"label_noise": noise} if noise else {}),
        **({"optimiser": optimiser} if optimiser != "sgd" else {}),
    }
    return Run(
        descent(),
        (W1, W2),
        times,
        "steps",
        evaluations=lambda: count,
        settings=settings,
        measure=measure,
        until=until,
        progress=progress,
    )


def ridge_from_weight_decay(weight_decay: float, n: int, d_out: int, loss: str = "mean") -> float:
    r"""The :math:`\lambda` of eq. 13 that PyTorch's weight decay stands for.

    .. math:: \lambda = \tfrac12 \, wd \cdot n \, d_{out} \quad \text{("mean")}, \qquad
              \lambda = \tfrac12 \, wd \quad \text{("sum")}, \qquad
              \lambda = \tfrac12 \, wd \cdot n \quad \text{("cross-entropy")}

    Args:
        weight_decay: wd; the gradient of the penalty is wd times the weights.
        n: training samples.
        d_out: outputs.
        loss: ``"mean"`` (``nn.MSELoss``), ``"sum"`` (eq. 12) or ``"cross-entropy"`` (``nn.CrossEntropyLoss``).

    Raises:
        ValueError: negative weight decay, sizes below 1, unknown loss.

    Source: paper, eqs 1 and 13, Appendix D.
    """
    return non_negative("weight_decay", weight_decay) / 2 / _loss_scale(loss, n, d_out)


def weight_decay_from_ridge(ridge: float, n: int, d_out: int, loss: str = "mean") -> float:
    r"""PyTorch's weight decay for a :math:`\lambda` of eq. 13: the inverse of :func:`ridge_from_weight_decay`.

    .. math:: wd = 2 \lambda / (n \, d_{out}) \quad \text{("mean")}, \qquad wd = 2 \lambda \quad \text{("sum")}

    Raises:
        ValueError: negative ridge, sizes below 1, unknown loss.

    Source: paper, eqs 1 and 13, Appendix D.
    """
    return 2 * non_negative("ridge", ridge) * _loss_scale(loss, n, d_out)


def slow_time(steps: np.ndarray | float, learning_rate: float, weight_decay: float, momentum: float = 0.0):
    r"""The clock :math:`s = \lambda t` after ``steps`` steps of gradient descent; the same for both losses.

    .. math:: s = \frac{\eta \cdot wd \cdot \text{steps}}{2 (1 - m)}

    Args:
        steps: a number or an array of step counts.
        learning_rate: :math:`\eta`.
        weight_decay: wd; the gradient of the penalty is wd times the weights.
        momentum: m; heavy-ball momentum moves as far as a learning rate 1 / (1 - m) times larger.

    Returns:
        s, of the type of ``steps``.

    Raises:
        ValueError: a learning rate that is not positive, negative weight decay, momentum outside [0, 1).

    Source: paper, eq. 3 and section 4.6, on the slow clock.
    """
    eta, decay, m = positive("learning_rate", learning_rate), non_negative("weight_decay", weight_decay), momentum
    steps = np.asarray(steps) if isinstance(steps, (list, tuple)) else steps
    return eta * decay * steps / (2 * positive("1 - momentum", 1 - number("momentum", m)))


def _loss_scale(loss: str, n: int, d_out: int) -> float:
    """What the sum over samples (and outputs) is multiplied with: 1 / (n d_out), 1 or 1 / n."""
    if loss not in LOSSES:
        raise ValueError(f"unknown loss {loss!r}; known: {', '.join(LOSSES)}")
    n, d_out = integer("n", n, 1), integer("d_out", d_out, 1)
    return {"mean": 1 / (n * d_out), "sum": 1.0, "cross-entropy": 1 / n}[loss]


def _data(task: Task | tuple[Matrix, Matrix]) -> tuple[Tensor, Tensor]:
    """X and Y of a task, or of a pair of them."""
    if not isinstance(task, tuple):
        missing = [name for name in ("X_train", "Y_train") if not hasattr(task, name)]
        if missing:
            raise ValueError(f"task has no {' and no '.join(missing)}: give a Task, or the pair (X, Y)")
        task = task.X_train, task.Y_train
    if len(task) != 2:
        raise ValueError(f"task must be a Task or the pair (X, Y), got {len(task)} things")
    return matrix("X", task[0]), matrix("Y", task[1])


def _rule(optimiser: str, eta: float, decay: float, momentum: float) -> Rule:
    """The optimiser of that name."""
    if optimiser not in OPTIMISERS:
        raise ValueError(f"unknown optimiser {optimiser!r}; known: {', '.join(OPTIMISERS)}")
    if optimiser == "sgd":
        return SGD(eta, decay, momentum)
    if momentum:
        raise ValueError(f"momentum {momentum!r} is for optimiser 'sgd', got {optimiser!r}, whose betas are PyTorch's")
    return Adam(eta, decay, decoupled=optimiser == "adamw")


def _batches(X: Tensor, Y: Tensor, size: int, seed: int, noise: float) -> Iterator[tuple[Tensor, Tensor]]:
    """Endless (X, Y) of one step each, with fresh noise on Y: all, or ``size`` samples of a new order each epoch."""
    draw, noises = generator(seed), generator(seed)

    def noisy(targets: Tensor) -> Tensor:
        if not noise:
            return targets
        return targets + noise * torch.randn(targets.shape, generator=noises, dtype=Y.dtype).to(Y.device)

    while size < len(X):
        order = torch.randperm(len(X), generator=draw).to(X.device)
        for k in range(0, len(X) - size + 1, size):
            chosen = order[k : k + size]
            yield X[chosen], noisy(Y[chosen])
    while True:
        yield X, noisy(Y)
