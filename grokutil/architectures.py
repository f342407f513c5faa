r"""Small networks of the kinds in use, each with a symmetry: the table of laws of :mod:`grokutil.symmetry`.

A network is a function of named weights and inputs; :class:`Example` gives it one flat vector. Nothing is trained here,
and nothing is fast.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from grokutil.checks import generator
from grokutil.symmetry import Symmetry

Weights = dict[str, Tensor]
TOKENS, EMBEDDING, KEYS = 4, 4, 3
UNIT = torch.eye(5, dtype=torch.float64)[0]  # the first of five units


@dataclass(frozen=True)
class Example:
    """A network, and what it does not feel.

    Attributes:
        name: of the network and its symmetry.
        form: what decays, in words and formulas.
        network: maps weights by name and inputs (n, ...) to outputs.
        shapes: of the weights.
        inputs: shape of one input.
        moved: maps weights by name to those of G theta, or to v; weights that stay at rest may be left out.
        shift: whether the symmetry is a shift.
        control: whether the network has not got the symmetry.
        smooth: whether it has no kinks.
        scale: of the weights that are drawn.
    """

    name: str
    form: str
    network: Callable[[Weights, Tensor], Tensor]
    shapes: Mapping[str, tuple[int, ...]]
    inputs: tuple[int, ...]
    moved: Callable[[Weights], Weights]
    shift: bool = False
    control: bool = False
    smooth: bool = True
    scale: float = 0.4

    def named(self, theta: Tensor) -> Weights:
        """The weights of a vector (d,), by name."""
        found, start = {}, 0
        for name, shape in self.shapes.items():
            size = torch.Size(shape).numel()
            found[name], start = theta[start : start + size].reshape(shape), start + size
        return found

    def flat(self, weights: Weights) -> Tensor:
        """Weights by name as a vector (d,), zeros for those that are left out."""
        zeros = {name: torch.zeros(shape, dtype=torch.float64) for name, shape in self.shapes.items()}
        return torch.cat([weights.get(name, zeros[name]).flatten() for name in self.shapes])

    @property
    def symmetry(self) -> Symmetry:
        """The symmetry, for a vector."""
        if self.shift:
            return Symmetry(self.flat(self.moved({})))
        return Symmetry(lambda theta: self.flat(self.moved(self.named(theta))))

    def F(self, X: Tensor) -> Callable[[Tensor], Tensor]:
        """The network on inputs X (n, ...), as a function of one vector that returns stacked outputs (M,)."""
        return lambda theta: self.network(self.named(theta), X).flatten()

    def draw(self, seed: int, samples: int = 6) -> tuple[Tensor, Tensor, Tensor]:
        """Normal inputs X (samples, ...), weights (d,) of the scale, and targets (M,) of scale one half, all normal."""
        random = generator(seed)
        X = torch.randn(samples, *self.inputs, generator=random, dtype=torch.float64)
        size = sum(torch.Size(shape).numel() for shape in self.shapes.values())
        theta = self.scale * torch.randn(size, generator=random, dtype=torch.float64)
        y = torch.randn(len(self.F(X)(theta)), generator=random, dtype=torch.float64) / 2
        return X, theta, y


def _layered(sigma: Callable[[Tensor], Tensor]) -> Callable[[Weights, Tensor], Tensor]:
    return lambda w, x: sigma(sigma(x @ w["W1"] + w["b1"]) @ w["W2"]) @ w["W3"]


def _linear(w: Weights, x: Tensor) -> Tensor:
    return torch.tanh(x @ w["W1"]) @ w["W2"] @ w["W3"]


def _residual(w: Weights, x: Tensor) -> Tensor:
    h = x @ w["in"]
    return (h + torch.relu(h @ w["U"]) @ w["V"]) @ w["out"]


def _attention(w: Weights, x: Tensor) -> Tensor:
    """One head with softmax over the tokens, read at the last of them."""
    scores = (x @ w["query"]) @ (x @ w["key"] + w["bias"]).mT / KEYS**0.5
    return (x + torch.softmax(scores, -1) @ (x @ w["value"]) @ w["output"])[:, -1]


def _rms(z: Tensor) -> Tensor:
    return z / z.square().mean(-1, keepdim=True).sqrt()


def _rms_norm(w: Weights, x: Tensor) -> Tensor:
    return torch.tanh(_rms(x @ w["W1"])) @ w["W2"]


def _layer_norm(w: Weights, x: Tensor) -> Tensor:
    z = x @ w["W1"]
    return torch.tanh(_rms(z - z.mean(-1, keepdim=True))) @ w["W2"]


LAYERS = {"W1": (3, 5), "b1": (5,), "W2": (5, 5), "W3": (5, 2)}
BLOCK = {"in": (3, 4), "U": (4, 5), "V": (5, 4), "out": (4, 2)}
HEAD = {"query": (EMBEDDING, KEYS), "key": (EMBEDDING, KEYS), "bias": (KEYS,)}
HEAD |= {"value": (EMBEDDING, KEYS), "output": (KEYS, EMBEDDING)}
NORMED = {"W1": (3, 5), "W2": (5, 2)}
MIX = torch.tensor([[0.5, 1.0, 0.0], [1.0, -0.3, 0.2], [0.0, 0.2, 0.7]], dtype=torch.float64)  # any symmetric matrix
MIX5 = torch.nn.functional.pad(MIX, (0, 2, 0, 2))


def _into(w: Weights) -> Weights:
    """A unit of the second layer: its inputs longer, its outputs shorter."""
    return {"W2": w["W2"] * UNIT, "W3": -w["W3"] * UNIT[:, None]}


EXAMPLES = (
    Example(
        "ReLU, a unit of the first layer, with its bias", "in less out", _layered(torch.relu), LAYERS, (3,),
        lambda w: {"W1": w["W1"] * UNIT, "b1": w["b1"] * UNIT, "W2": -w["W2"] * UNIT[:, None]}, smooth=False,
    ),
    Example("ReLU, a unit of the second layer", "in less out", _layered(torch.relu), LAYERS, (3,), _into, smooth=False),
    Example(
        "square, a unit of the second layer", "in less twice out", _layered(torch.square), LAYERS, (3,),
        lambda w: {"W2": w["W2"] * UNIT, "W3": -2 * w["W3"] * UNIT[:, None]}, scale=0.25,
    ),
    Example(
        "two linear layers", "a matrix, in less out", _linear, {"W1": (3, 5), "W2": (5, 5), "W3": (5, 2)}, (3,),
        lambda w: {"W2": w["W2"] @ MIX5, "W3": -MIX5 @ w["W3"]},
    ),
    Example(
        "ReLU residual block, a unit", "in less out", _residual, BLOCK, (3,),
        lambda w: {"U": w["U"] * UNIT, "V": -w["V"] * UNIT[:, None]}, smooth=False,
    ),
    Example(
        "ReLU residual stream", "embedding less readout", _residual, BLOCK, (3,),
        lambda w: {"in": w["in"], "out": -w["out"]}, smooth=False,
    ),
    Example(
        "attention, queries and keys", "a matrix, queries less keys", _attention, HEAD, (TOKENS, EMBEDDING),
        lambda w: {"query": w["query"] @ MIX, "key": -w["key"] @ MIX},
    ),
    Example(
        "attention, values and outputs", "a matrix, values less outputs", _attention, HEAD, (TOKENS, EMBEDDING),
        lambda w: {"value": w["value"] @ MIX, "output": -MIX @ w["output"]},
    ),
    Example(
        "attention, key bias", "each entry", _attention, HEAD, (TOKENS, EMBEDDING),
        lambda _: {"bias": torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)}, shift=True,
    ),
    Example("RMSNorm, the layer below", "its squared norm", _rms_norm, NORMED, (3,), lambda w: {"W1": w["W1"]}),
    Example("LayerNorm, the layer below", "its squared norm", _layer_norm, NORMED, (3,), lambda w: {"W1": w["W1"]}),
    Example(
        "LayerNorm, mean over the units", "each mean", _layer_norm, NORMED, (3,),
        lambda _: {"W1": torch.tensor([[1.0], [0.5], [-1.0]], dtype=torch.float64).expand(3, 5)}, shift=True,
    ),
    Example("tanh, a unit of the second layer", "in less out", _layered(torch.tanh), LAYERS, (3,), _into, control=True),
)  # fmt: skip
