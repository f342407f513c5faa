r"""Two weights on a parabola: where training ends, by how one trains, in closed form.

One output, :math:`F(w) = w_2 - w_1^2`, with the target -2: zero loss on :math:`w_2 = w_1^2 - 2`. There the squared norm
is :math:`w_1^2 + (w_1^2 - 2)^2` and the NTK :math:`\Theta = 1 + 4 w_1^2`. The shortest weights have
:math:`w_1^2 = 3/2`, the flattest :math:`w_1 = 0`.
"""

from __future__ import annotations

import itertools

import numpy as np
import torch
from torch import Tensor

from grokutil.checks import integer, positive
from grokutil.constraints import ZeroLossManifold
from grokutil.optimisers import SGD, descend
from grokutil.runs.trajectory import Trajectory

START = (0.7, 0.7**2 - 2)
RATE, TOTAL, SLOW = 0.05, 1e-2, 4e-3  # eta, and lambda + eta delta^2; lambda at large learning rates
PRACTICES = {
    "label noise": "eta delta^2 / lambda",
    "learning rate": "eta",
    "speeds": "the first weight's, the second has speed 1",
}


def parabola(w: Tensor) -> Tensor:
    """The output :math:`w_2 - w_1^2` of weights (..., 2), (..., 1)."""
    return (w[..., 1] - w[..., 0] ** 2)[..., None]


PARABOLA = ZeroLossManifold(parabola, torch.tensor([-2.0], dtype=torch.float64))


def destination(practice: str, strength: float, learning_rate: float = RATE) -> float:
    r"""The square of the first weight where training ends, for small weight decay.

    .. math::
        \begin{aligned}
        \text{label noise } \gamma = \eta \delta^2 / \lambda: \quad &
            (2 w_1^2 - 3) (1 - \eta \Theta) + 4 \gamma = 0, \text{ else } 0 \\
        \text{learning rate } \eta: \quad & w_1^2 = \min(\tfrac32, \tfrac14 (1/\eta - 1)) \\
        \text{speeds } (a, 1), \text{ decoupled weight decay}: \quad & w_1^2 = \max(0, 2 - \tfrac1{2a})
        \end{aligned}

    The first minimises :math:`\|w\|^2 - \frac\gamma\eta \log(1 - \eta \Theta)`, which is
    :math:`\|w\|^2 + \gamma \Theta` for small :math:`\eta \Theta`, the second the norm where
    :math:`2 \Theta \le 2 / \eta`, the third :math:`w_1^2 / a + w_2^2`; each on the parabola.

    Args:
        practice: one of ``PRACTICES``.
        strength: the number that it names; a learning rate is below 1, since no point is stable beyond.
        learning_rate: :math:`\eta` beside label noise.

    Raises:
        ValueError: unknown practice, or a strength outside its range.
    """
    if practice not in PRACTICES:
        raise ValueError(f"unknown practice {practice!r}; known: {', '.join(PRACTICES)}")
    if practice == "label noise":
        if not strength >= 0:
            raise ValueError(f"strength must be at least 0 for label noise, got {strength}")
        eta = learning_rate  # 8 eta x^2 - (2 - 2 eta + 12 eta) x + 3 (1 - eta) - 4 gamma = 0 for x = w_1^2
        half, last = 1 + 5 * eta, 3 * (1 - eta) - 4 * strength
        return max(0.0, last / (half + (half**2 - 8 * eta * last) ** 0.5))
    strength = positive("strength", strength)
    if practice == "speeds":
        return max(0.0, 2 - 1 / (2 * strength))
    if strength >= 1:
        raise ValueError(f"strength {strength} is a learning rate at which no point of the parabola is stable")
    return min(1.5, (1 / strength - 1) / 4)


def trained(
    practice: str, strength: float, end: float = 4.0, records: int = 80, runs: int = 40, seed: int = 0
) -> Trajectory:
    r"""Training from ``START`` with one practice; the clock is s, for label noise :math:`(\lambda + \eta \delta^2) t`.

    Label noise: ``runs`` runs at once, of which the mean is recorded. Speeds: gradient descent with the learning rates
    :math:`\eta a` and :math:`\eta`, and weight decay that is the same for both.

    Args:
        practice: one of ``PRACTICES``.
        strength: as for :func:`destination`.
        end: when to stop.
        records: how many records after the start.
        runs: how many runs with label noise.
        seed: of the noise.

    Raises:
        ValueError: as for :func:`destination`, records below 1, or a run that leaves the finite numbers.
    """
    destination(practice, strength)
    eta, noise, root = RATE, 0.0, torch.ones(2, dtype=torch.float64)
    ridge, total, start = TOTAL, TOTAL, torch.tensor([START], dtype=torch.float64)
    if practice == "label noise":
        ridge = TOTAL / (1 + strength)
        noise, start = (strength * ridge / eta) ** 0.5, start.expand(runs, 2)
    elif practice == "learning rate":
        eta, ridge, total = strength, SLOW, SLOW
    else:
        root = torch.tensor([strength**0.5, 1.0], dtype=torch.float64)
        eta = RATE / max(1.0, strength)
    draw = torch.Generator().manual_seed(seed)

    def gradient(x: Tensor) -> Tensor:
        """Of the squared error by x = D^(-1/2) w."""
        w = root * x
        r = parabola(w) - PARABOLA.y
        if noise:
            r = r + noise * torch.randn(r.shape, generator=draw, dtype=r.dtype)
        return root * 2 * r * torch.stack((-2 * w[:, 0], torch.ones_like(w[:, 0])), 1)

    each = max(2, round(end / (eta * total) / integer("records", records, 1)))
    steps = (root * x for x, _ in descend(SGD(eta, 2 * ridge), gradient, start / root))
    path = [start.mean(0)]
    for _ in range(records):
        *_, last, now = itertools.islice(steps, each)
        path.append((last + now).mean(0) / 2)  # of two steps: at the edge training oscillates
    if not torch.isfinite(path[-1]).all():
        raise ValueError(f"{practice} with strength {strength:g} diverges from {START}: take less")
    times = end / records * np.arange(records + 1)
    return Trajectory(times, tuple(path), "s", each * records, settings={"practice": practice, "strength": strength})
