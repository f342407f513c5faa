r"""Networks of any depth as functions of one flat vector, and their tangent space without the Jacobian.

.. math:: H_0 = X, \qquad H_l = \sigma(H_{l-1} W_l), \qquad \hat Y = H_{\ell-1} W_\ell

A layer with a bias has it as the last row of :math:`W_l`, and :math:`H_{l-1}` a column of ones. With ``normalised``
each row of :math:`H_{l-1} W_l` is divided by the root of the mean of its squares before the activation (RMSNorm).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from functools import cached_property
from itertools import accumulate, pairwise
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad

from grokutil.activations import Activation, get_activation
from grokutil.checks import Matrix, data, float_vector, generator, integer, matrix, same_size
from grokutil.constraints import ZeroLossManifold
from grokutil.tangent import Linearisation, factor_ntk


class DeepNetwork:
    r"""A network of :math:`\ell` layers; :math:`\theta = [W_1, \dots, W_\ell]`, each row-major, (d,).

    Args:
        X: inputs (n, d_in), float64.
        widths: of the hidden layers, then d_out: as many numbers as layers.
        activation: name or :class:`~grokutil.activations.Activation`, of every hidden layer.
        bias: whether each layer has a bias, the last row of its :math:`W_l`.
        normalised: whether hidden layers have RMSNorm, without a gain of its own, before the activation.

    Attributes:
        shapes: of :math:`W_1, \dots, W_\ell`.
        size: d.

    Raises:
        ValueError: X is not a finite float64 matrix, no width or one below 1, unknown activation.

    Source: paper, section 6.1, for more layers.
    """

    def __init__(
        self,
        X: Matrix,
        widths: Sequence[int],
        activation: str | Activation = "tanh",
        bias: bool = False,
        normalised: bool = False,
    ) -> None:
        self.X, self.activation, self.bias, self.normalised = (
            matrix("X", X),
            get_activation(activation),
            bias,
            normalised,
        )
        if not len(widths):
            raise ValueError(f"widths must name the hidden layers and d_out, got {widths!r}: give one number a layer")
        sizes = [self.X.shape[1], *(integer("each of widths", width, 1) for width in widths)]
        self.shapes = [(rows + bias, columns) for rows, columns in pairwise(sizes)]
        self._ends = list(accumulate(rows * columns for rows, columns in self.shapes))
        self.size = self._ends[-1]

    def layers(self, theta: Tensor) -> list[Tensor]:
        r""":math:`W_1, W_2, \dots`, as views of a vector (d,), or of the part of it that belongs to the first layers.

        Raises:
            ValueError: not as many entries as weights of some layers.
        """
        count = bisect_left(self._ends, len(theta)) + 1
        if count > len(self._ends) or len(theta) != self._ends[count - 1]:
            raise ValueError(f"theta has {len(theta)} entries, but layers {self.shapes} have {self.size}")
        starts = [0, *self._ends]
        return [theta[starts[k] : starts[k + 1]].reshape(self.shapes[k]) for k in range(count)]

    def random(self, seed: int) -> Tensor:
        """Weights (d,) with the law of ``nn.Linear``: uniform between plus and minus one over the root of the fan-in.

        The fan-in does not count the bias. The same for the same seed.
        """
        draw = generator(seed)
        uniform = [2 * torch.rand(shape, generator=draw, dtype=torch.float64) - 1 for shape in self.shapes]
        return torch.cat([(U / (len(U) - self.bias) ** 0.5).flatten() for U in uniform])

    def outputs(self, theta: Tensor, X: Matrix | None = None) -> Tensor:
        r""":math:`\hat Y`, (n, d_out), for the inputs of the network or others; inputs are not checked."""
        return self._sweep(theta, X)[-1].Z

    def F(self, theta: Tensor) -> Tensor:
        """The outputs stacked, (M,): output e of sample i is entry i d_out + e."""
        return self.outputs(theta).flatten()

    def features(self, weights: Tensor, X: Matrix | None = None) -> Tensor:
        r"""Hidden activations :math:`H_{\ell-1}` (n, d_h), with the ones that a bias needs.

        Args:
            weights: :math:`W_1, \dots, W_{\ell-1}` as one vector; not those of the readout.
            X: other inputs (n', d_in).
        """
        last = self._sweep(weights, X)[-1]
        return _ones(self.activation.value(last.U), self.bias)

    def loss_gradient(self, theta: Tensor, Y: Tensor) -> Tensor:
        r""":math:`\nabla \|\hat Y - Y\|^2 = 2 J^\top r`, (d,); inputs are not checked. Source: eq. 12."""
        at = self.at(theta)
        return 2 * at.transposed_product((at.outputs - Y).flatten())

    def at(self, theta: Tensor) -> DeepTangent:
        """The linearisation at ``theta``."""
        return DeepTangent(self, theta)

    def _sweep(self, theta: Tensor, X: Matrix | None = None) -> list[_Layer]:
        """What each layer sees and makes."""
        H, found = self.X if X is None else matrix("X", X), list[_Layer]()
        for W in self.layers(theta):
            if found:
                H = self.activation.value(found[-1].U)
            H = _ones(H, self.bias)
            same_size("the activations below", H, 1, "a layer", W, 0)
            Z = H @ W
            rms = self.normalised and len(found) < len(self.shapes) - 1
            size = Z.square().mean(1, keepdim=True).sqrt() if rms else torch.ones_like(Z[:, :1])
            found.append(_Layer(H, W, Z, Z / size if rms else Z, size))
        return found


class _Layer(NamedTuple):
    """Inputs H (n, rows of W), weights W, pre-activations Z, those that the activation sees, U, and U = Z / size."""

    H: Tensor
    W: Tensor
    Z: Tensor
    U: Tensor
    size: Tensor


class DeepTangent(Linearisation):
    r"""The linearised deep network at a point: products with J and its transpose, and the NTK, layer by layer.

    With :math:`D_l` (M, width) the derivatives of the outputs by the pre-activations of layer l,

    .. math::
        \Theta_{ic, je} = \sum_l (H_{l-1} H_{l-1}^\top)_{ij} \; D_{l,ic} \cdot D_{l,je}

    Right-hand sides are stacked outputs, (M,). J is not formed.

    Args:
        network: the network.
        theta: the point (d,), float64.

    Raises:
        ValueError: theta is not a finite float64 vector, or has another size.
    """

    def __init__(self, network: DeepNetwork, theta: Tensor) -> None:
        self.network, self._theta = network, float_vector("theta", theta)
        self._layers = network._sweep(self._theta)
        if len(self._layers) != len(network.shapes):
            raise ValueError(f"theta has {len(theta)} entries, but the network has {network.size} weights")
        slope = network.activation.slope
        self._slopes = [slope(layer.U) for layer in self._layers[:-1]]

    @property
    def theta(self) -> Tensor:
        """The point as a vector (d,)."""
        return self._theta

    @property
    def outputs(self) -> Tensor:
        r""":math:`\hat Y`, (n, d_out)."""
        return self._layers[-1].Z

    def product(self, v: Tensor) -> Tensor:
        """J v for a vector v (d,), (M,)."""
        dH = torch.zeros_like(self.network.X)
        for k, (layer, V) in enumerate(zip(self._layers, self.network.layers(data(v)), strict=True)):
            dZ = pad(dH, (0, self.network.bias)) @ layer.W + layer.H @ V
            if k < len(self._slopes):
                dH = self._slopes[k] * self._normalise(layer, dZ)
        return dZ.flatten()

    def transposed_product(self, U: Tensor) -> Tensor:
        """J^T U for stacked outputs U (M,), (d,)."""
        pulled = self._pull_back(U.reshape(self.outputs.shape))
        return torch.cat([(layer.H.mT @ D).flatten() for layer, D in zip(self._layers, pulled, strict=True)])

    @property
    def ntk(self) -> Tensor:
        r""":math:`\Theta = J J^\top`, (M, M)."""
        n, m = self.outputs.shape
        each = torch.eye(m, dtype=self.outputs.dtype, device=self.outputs.device)[:, None].expand(m, n, m)
        Theta = torch.zeros(n, m, n, m, dtype=self.outputs.dtype, device=self.outputs.device)
        for layer, D in zip(self._layers, self._pull_back(each), strict=True):
            D = D.movedim(0, 1).flatten(0, 1)  # (M, width): row i d_out + c
            K = layer.H @ layer.H.mT
            Theta = Theta + (D @ D.mT).reshape(n, m, n, m) * K[:, None, :, None]
        return Theta.reshape(n * m, n * m)

    @property
    def J(self) -> Tensor:
        """The Jacobian, (M, d), dense."""
        n, m = self.outputs.shape
        each = torch.eye(m, dtype=self.outputs.dtype, device=self.outputs.device)[:, None].expand(m, n, m)
        rows = [
            torch.einsum("na,cnb->ncab", layer.H, D).reshape(n * m, -1)
            for layer, D in zip(self._layers, self._pull_back(each), strict=True)
        ]
        return torch.cat(rows, 1)

    def solve(self, U: Tensor) -> Tensor:
        r""":math:`\Theta^{-1} U` for U (M,), by Cholesky.

        Raises:
            SingularPointError: the NTK is numerically singular.
        """
        return torch.cholesky_solve(U[:, None], self._factor)[:, 0]

    @cached_property
    def _factor(self) -> Tensor:
        return factor_ntk(self.ntk, overwrite=True)

    def _normalise(self, layer: _Layer, D: Tensor) -> Tensor:
        """The derivative of U by Z, a symmetric matrix for each sample, times D (..., n, width)."""
        if not self.network.normalised:
            return D
        return (D - layer.U * (layer.U * D).mean(-1, keepdim=True)) / layer.size

    def _pull_back(self, U: Tensor) -> list[Tensor]:
        """The derivatives of the sum of outputs times U (..., n, d_out) by the pre-activations of each layer."""
        pulled = [U]
        for k in range(len(self._slopes) - 1, -1, -1):
            W = self._layers[k + 1].W
            back = U @ (W[:-1] if self.network.bias else W).mT
            U = self._normalise(self._layers[k], back * self._slopes[k])
            pulled.append(U)
        return pulled[::-1]


class DeepManifold(ZeroLossManifold):
    r"""The zero-loss manifold of a deep network: :class:`~grokutil.constraints.ZeroLossManifold` with fast products.

    Args:
        network: the network.
        Y: targets (n, d_out), float64.

    Raises:
        ValueError: Y is not a finite float64 matrix with a row a sample and a column an output.
    """

    def __init__(self, network: DeepNetwork, Y: Matrix) -> None:
        Y = matrix("Y", Y)
        same_size("X", network.X, 0, "Y", Y, 0)
        if Y.shape[1] != network.shapes[-1][1]:
            raise ValueError(f"Y has {Y.shape[1]} columns, but the last of widths is {network.shapes[-1][1]}")
        super().__init__(network.F, Y.flatten())
        self.network = network

    def at(self, theta: Tensor) -> DeepTangent:  # type: ignore[override]
        """The linearisation at ``theta``, without its Jacobian."""
        return self.network.at(theta)

    def jacobian(self, theta: Tensor) -> Tensor:
        """J, (M, d)."""
        return self.at(theta).J

    def loss_gradient(self, theta: Tensor, ridge: float = 0.0) -> Tensor:
        r""":math:`\nabla L_\lambda = 2 J^\top r + 2 \lambda \theta`, (d,). Source: eq. 3, with the opposite sign."""
        at = self.at(theta)
        return 2 * at.transposed_product(at.outputs.flatten() - self.y) + 2 * ridge * theta


def _ones(H: Tensor, bias: bool) -> Tensor:
    """H with a column of ones for the bias."""
    return pad(H, (0, 1), value=1.0) if bias else H
