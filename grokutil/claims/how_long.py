"""Claims about how long training takes, and from where: scale, learning rate, all time, a face of kinks; ours."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from grokutil.claims.record import FIVE, OURS, Claim
from grokutil.constraints import TinyNetwork, ZeroLossManifold
from grokutil.data import modular_addition
from grokutil.gradient_flow import slow_flow, training_flow, training_steps
from grokutil.model import predict
from grokutil.train import gradient_descent, slow_time

SHORT = 1.2  # the squared norm that counts as short, in that of the end


def _scale(seed: int) -> tuple[float, None]:
    """Slope of the slow time at which the norm is short against log scale, from 10 to 100, less one half."""
    draw = torch.Generator().manual_seed(seed)
    X, y = torch.randn(3, 3, generator=draw, dtype=torch.float64), torch.randn(3, generator=draw, dtype=torch.float64)
    net = TinyNetwork(X, 8, "quadratic")
    half = net.random(seed)
    W, a = half[:24].view(3, 8)[:, :4], half[24:28]
    start = torch.cat((torch.cat((W, W), 1).flatten(), a, -a))  # output zero
    Z, times = ZeroLossManifold(net.F, y), np.linspace(0, 3, 301)
    when = []
    for alpha in (10, 100):
        later = 0.5 * np.log(alpha)
        run = slow_flow(Z, Z.newton(alpha * start), [0, *(later + times)], rtol=1e-8)
        norm2 = np.array([float(zeta @ zeta) for zeta in run.states[1:]])
        k = int(np.flatnonzero(norm2 < SHORT * norm2[-1])[0])
        part = (norm2[k - 1] - SHORT * norm2[-1]) / (norm2[k - 1] - norm2[k])
        when.append(later + times[k - 1] + part * (times[k] - times[k - 1]))
    return abs((when[1] - when[0]) / np.log(10) - 0.5), None


def _rate(seed: int) -> tuple[float, None]:
    """Relative change of the test error at s = 0.5 between the learning rates 0.5 and 4."""
    task, errors = modular_addition(11, train_size=59, seed=seed), []
    for eta in (0.5, 4.0):
        steps = round(0.5 / slow_time(1, eta, 4e-4))
        run = gradient_descent(
            task, activation="quadratic", learning_rate=eta, weight_decay=4e-4, times=[0, steps], seed=seed,
            progress=False,
        )  # fmt: skip
        W1, W2 = run.states[-1]
        outputs = predict(W1, W2, task.X_test, "quadratic")
        errors.append(float((outputs - task.Y_test).square().mean()))
    return abs(errors[1] / errors[0] - 1), None


def _all_time(seed: int) -> tuple[float, None]:
    """Growth of the largest distance to the slow flow from s = 10 to 30, relative, at lambda = 0.01."""
    draw = torch.Generator().manual_seed(2)
    X, y = torch.randn(3, 2, generator=draw, dtype=torch.float64), torch.randn(3, generator=draw, dtype=torch.float64)
    net = TinyNetwork(X, 4, "tanh")
    Z = ZeroLossManifold(net.F, y)
    start, s = Z.newton(net.random(seed)), np.concatenate((np.linspace(0, 10, 41), np.linspace(15, 30, 4)))
    limit, run = slow_flow(Z, start, s, rtol=1e-6), training_flow(Z, start, 1e-2, s, rtol=1e-5)
    gap = [float((a - b).norm()) for a, b in zip(run.states, limit.states, strict=True)]
    return max(gap) / max(gap[:41]) - 1, None


def sliding_unit() -> tuple[TinyNetwork, Tensor, Tensor, ZeroLossManifold]:
    """Two samples, two units, the first on the kink of the second sample: the network, a point, its kinks, its face."""
    net = TinyNetwork(torch.tensor([[1, 0, 0], [0.5, 1, 1]], dtype=torch.float64), 2, "relu")
    theta = torch.tensor([1, -0.5, -0.5, 0, 0, 1, 1.8, -1], dtype=torch.float64)
    kinks = torch.tensor([[False, False], [True, False]])
    F = net.face(theta, kinks)
    return net, theta, kinks, ZeroLossManifold(F, torch.cat((F(theta)[:2], theta.new_zeros(1))))


def _face() -> tuple[float, None]:
    """Distance of the power of lambda to one, of training on a face from its slow flow, at 0.01 and 0.002."""
    net, theta, _, Z = sliding_unit()
    mu, eta, errors = Z.multiplier(theta)[:2], 0.02, []
    for ridge in (1e-2, 2e-3):
        settled = torch.cat((Z.y[:2] - ridge * mu, theta.new_zeros(1)))
        start = ZeroLossManifold(Z.F, settled).newton(theta)
        records = np.linspace(0, round(0.5 / (ridge * eta)), 11).astype(int)
        run = training_steps(lambda w: net.loss_gradient(w, Z.y[:2]), start, ridge, eta, records)
        limit = slow_flow(Z, theta, records * ridge * eta, rtol=1e-9)
        errors.append(max(float((a - b).norm()) for a, b in zip(run.states, limit.states, strict=True)))
    return abs(float(np.log(errors[0] / errors[1]) / np.log(5)) - 1), None


CLAIMS = (
    Claim(
        id="how-long-scale",
        source="our addition to section 3.1",
        statement="From a large start of output zero the time to shrink, on the slow clock, grows as half the "
        "logarithm of the scale.",
        measure=_scale,
        limit=0.01,
        tolerance="slope between the scales 10 and 100, less one half; quadratic networks of 32 weights",
        whose=OURS,
        chapter="how_long",
        seeds=FIVE,
        seconds=2.0,
    ),
    Claim(
        id="how-long-rate",
        source="our addition to section 4.6",
        statement="Below the edge the learning rate does not change the network that is reached at a slow time.",
        measure=_rate,
        limit=0.01,
        tolerance="relative change of the test error at s = 0.5 between the rates 0.5 and 4",
        whose=OURS,
        chapter="how_long",
        seeds=FIVE,
        seconds=2.5,
    ),
    Claim(
        id="how-long-all-time",
        source="our addition to section 4.6",
        statement="If the slow flow ends at a nondegenerate minimum of the norm, training stays near it for all time.",
        measure=_all_time,
        limit=0.01,
        tolerance="growth of the largest distance from s = 10 to s = 30, relative; tanh networks of 12 weights",
        whose=OURS,
        chapter="how_long",
        seeds=FIVE,
        seconds=4.5,
    ),
    Claim(
        id="how-long-face",
        source="our addition to section 3.3",
        statement="On a face of kinks that attract training follows the slow flow of the face, with an error "
        "proportional to the weight decay.",
        measure=_face,
        limit=0.1,
        tolerance="power of lambda less one, two units and two samples",
        whose=OURS,
        chapter="how_long",
        seconds=1.0,
    ),
)
