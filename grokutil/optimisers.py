r"""Optimisers as rules of one step: SGD with heavy-ball momentum, Adam, AdamW, as ``torch.optim`` defines them.

A rule has no state of its own: ``begin`` makes the memory of a start, ``step`` returns the next parameters and the next
memory. All acts entry by entry, so a layer, a vector (d,) or a stack of runs (..., d) will do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from grokutil.checks import below_one, non_negative, positive


class Rule(Protocol):
    """What trains: a memory for a start, and a step."""

    def begin(self, theta: Tensor) -> Any:
        """The memory at step 0."""

    def step(self, theta: Tensor, gradient: Tensor, memory: Any) -> tuple[Tensor, Any]:
        """The next parameters and the next memory."""


@dataclass(frozen=True)
class SGD:
    r"""Heavy-ball momentum and weight decay: ``torch.optim.SGD``.

    .. math:: v \leftarrow b \, v + \nabla \ell(\theta) + wd \, \theta, \qquad \theta \leftarrow \theta - \eta v

    Args:
        learning_rate: :math:`\eta`, positive.
        weight_decay: wd, not negative.
        momentum: b, from 0 to below 1.

    Raises:
        ValueError: a number outside its range.
    """

    learning_rate: float
    weight_decay: float = 0.0
    momentum: float = 0.0

    def __post_init__(self) -> None:
        _rates(self)
        below_one("momentum", self.momentum)

    def begin(self, theta: Tensor) -> Tensor:
        """The velocity at rest."""
        return torch.zeros_like(theta)

    def step(self, theta: Tensor, gradient: Tensor, velocity: Tensor) -> tuple[Tensor, Tensor]:
        """The next parameters and the next velocity."""
        velocity = gradient.add(theta, alpha=self.weight_decay).add(velocity, alpha=self.momentum)
        return theta.add(velocity, alpha=-self.learning_rate), velocity


@dataclass(frozen=True)
class Adam:
    r"""Adam; with ``decoupled`` weight decay AdamW: ``torch.optim.Adam`` and ``torch.optim.AdamW``.

    .. math::
        \begin{aligned}
        m &\leftarrow b_1 m + (1 - b_1) \, g, \qquad v \leftarrow b_2 v + (1 - b_2) \, g^2, \\
        \theta &\leftarrow (1 - \eta \, wd) \, \theta - \eta D \frac{m}{1 - b_1^k}, \qquad
        D = \operatorname{diag} \frac{1}{\sqrt{v / (1 - b_2^k)} + \epsilon}
        \end{aligned}

    with :math:`g = \nabla \ell(\theta)`, entry by entry, at step k. Without ``decoupled`` the decay goes through the
    gradient, :math:`g = \nabla \ell + wd \, \theta`, and the factor :math:`1 - \eta \, wd` is not there.

    Args:
        learning_rate: :math:`\eta`, positive.
        weight_decay: wd, not negative.
        betas: :math:`b_1, b_2`, each from 0 to below 1.
        epsilon: positive.
        decoupled: whether weight decay acts on the weights, as in AdamW.

    Raises:
        ValueError: a number outside its range.
    """

    learning_rate: float
    weight_decay: float = 0.0
    betas: tuple[float, float] = (0.9, 0.999)
    epsilon: float = 1e-8
    decoupled: bool = True

    def __post_init__(self) -> None:
        _rates(self)
        for beta in self.betas:
            below_one("betas", beta)
        positive("epsilon", self.epsilon)

    def begin(self, theta: Tensor) -> tuple[int, Tensor, Tensor]:
        """No steps so far, and both moments zero."""
        return 0, torch.zeros_like(theta), torch.zeros_like(theta)

    def step(
        self, theta: Tensor, gradient: Tensor, memory: tuple[int, Tensor, Tensor]
    ) -> tuple[Tensor, tuple[int, Tensor, Tensor]]:
        """The next parameters, and (steps, m, v)."""
        (k, m, v), (b1, b2), eta, decay = memory, self.betas, self.learning_rate, self.weight_decay
        if not self.decoupled:
            gradient = gradient + decay * theta
        memory = k + 1, b1 * m + (1 - b1) * gradient, b2 * v + (1 - b2) * gradient * gradient
        kept = 1 - eta * decay if self.decoupled else 1.0
        return kept * theta - eta * self.speeds(memory) * memory[1] / (1 - b1 ** (k + 1)), memory

    def speeds(self, memory: tuple[int, Tensor, Tensor]) -> Tensor:
        """The diagonal of D, of the shape of the parameters, after the step that left this memory."""
        k, _, v = memory
        return 1 / ((v / (1 - self.betas[1] ** k)).sqrt() + self.epsilon)


def descend(rule: Rule, gradient: Callable[[Tensor], Tensor], start: Tensor) -> Iterator[tuple[Tensor, Any]]:
    r"""Endless steps of a rule: the parameters and the memory after each, from step 1 on.

    Args:
        rule: :class:`SGD` or :class:`Adam`.
        gradient: :math:`\nabla \ell`, without weight decay, of the shape of its argument.
        start: the parameters at step 0.
    """
    theta, memory = start, rule.begin(start)
    while True:
        theta, memory = rule.step(theta, gradient(theta), memory)
        yield theta, memory


def _rates(rule: SGD | Adam) -> None:
    positive("learning_rate", rule.learning_rate)
    non_negative("weight_decay", rule.weight_decay)
