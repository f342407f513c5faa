r"""The zero-loss manifold :math:`Z = \{\theta : F(\theta) = y\}` and its geometry (section 4).

``ZeroLossManifold`` takes any differentiable F and forms its Jacobian: for small problems. The functions below it are
for the two-layer network of section 6.1; they use its structure and never form the Jacobian unless asked to.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from grokutil.activations import Activation, get_activation
from grokutil.checks import Matrix, finite, integer, matrix, same_size
from grokutil.linalg import cholesky_or_none


class SingularPointError(ValueError):
    """The Jacobian does not have full rank (Def. 4.9): there is no tangent space to project on."""


class ZeroLossManifold:
    r"""The set :math:`Z = \{\theta \in \mathbb R^d : F(\theta) = y\}` of M constraints, M at most d.

    Throughout, r is the residual, J the Jacobian (M, d), :math:`\Theta = J J^\top` the empirical NTK,
    :math:`P = I - J^\top \Theta^{-1} J` the projection on the tangent space of the level set of F through
    :math:`\theta`.

    Args:
        F: maps a parameter vector (d,) to the stacked outputs (M,); differentiable by ``torch.func``.
        y: stacked targets (M,), float64.

    Raises:
        ValueError: y is not a finite float64 vector.

    Source: paper, Defs 4.6 and 4.9-4.13, eqs 1 and 3.
    """

    def __init__(self, F: Callable[[Tensor], Tensor], y: Tensor) -> None:
        self.F, self.y = F, _vector("y", y)

    def residual(self, theta: Tensor) -> Tensor:
        r""":math:`r = F(\theta) - y`, (M,)."""
        return self.F(_vector("theta", theta)) - self.y

    def loss(self, theta: Tensor, ridge: float = 0.0) -> Tensor:
        r""":math:`L_\lambda = \|r\|^2 + \lambda \|\theta\|^2` with ``ridge`` for lambda, a scalar. Source: eq. 1."""
        return self.residual(theta).square().sum() + ridge * theta.square().sum()

    def loss_gradient(self, theta: Tensor, ridge: float = 0.0) -> Tensor:
        r""":math:`\nabla L_\lambda = 2 J^\top r + 2 \lambda \theta`, (d,). Source: eq. 3, with the opposite sign."""
        outputs, pull_back = torch.func.vjp(self.F, _vector("theta", theta))  # type: ignore[misc]
        return 2 * pull_back(outputs - self.y)[0] + 2 * ridge * theta

    def jacobian(self, theta: Tensor) -> Tensor:
        """J, (M, d)."""
        return torch.func.jacrev(self.F)(_vector("theta", theta))

    def ntk(self, theta: Tensor) -> Tensor:
        r""":math:`\Theta = J J^\top`, (M, M)."""
        J = self.jacobian(theta)
        return J @ J.mT

    def multiplier(self, theta: Tensor) -> Tensor:
        r""":math:`\mu = \Theta^{-1} J \theta`, (M,): least-squares multiplier of min |theta|^2 / 2 subject to F = y.

        Raises:
            SingularPointError: J does not have full rank.
        """
        J = self.jacobian(theta)
        return _solve(J @ J.mT, J @ theta)

    def tangent(self, theta: Tensor, v: Tensor) -> Tensor:
        r""":math:`P(\theta) v = v - J^\top \Theta^{-1} J v`, (d,).

        Raises:
            SingularPointError: J does not have full rank.
        """
        J = self.jacobian(theta)
        return v - J.mT @ _solve(J @ J.mT, J @ v)

    def slow_velocity(self, theta: Tensor) -> Tensor:
        r"""The norm-minimising flow :math:`d\theta/ds = -2 P(\theta) \theta` on the clock s, (d,)."""
        return -2 * self.tangent(theta, theta)

    def newton(self, theta: Tensor, tolerance: float = 1e-13) -> Tensor:
        r"""A point of Z near ``theta``, by steps :math:`\theta \leftarrow \theta - J^\top \Theta^{-1} r`.

        A step that would raise the residual is halved until it does not. The result is not the nearest
        point; see :meth:`nearest`.

        Raises:
            SingularPointError: J does not have full rank on the way.
            ValueError: no convergence in 100 steps.
        """
        for _ in range(100):
            r, J = self.residual(theta), self.jacobian(theta)
            if r.norm() <= tolerance * (1 + self.y.norm()):
                return theta
            step = J.mT @ _solve(J @ J.mT, r)
            while self.residual(theta - step).norm() > r.norm() and step.norm() > tolerance:
                step = step / 2
            theta = theta - step
        raise ValueError(f"no zero-loss point found from theta: residual {float(r.norm()):.1e} after 100 Newton steps")

    def nearest(self, theta: Tensor, tolerance: float = 1e-13) -> Tensor:
        """The point z of Z at which the distance to ``theta`` is stationary, reached from :meth:`newton`.

        At z the difference theta - z is normal to Z. It is the nearest point when ``theta`` is close to Z.
        Source: paper, Def. 4.13.

        Raises:
            SingularPointError: J does not have full rank on the way.
            ValueError: no convergence; ``theta`` is too far from Z for its curvature.
        """
        z = self.newton(theta)
        for _ in range(500):  # descend along Z: a tangent step, then back to Z, as long as that brings z nearer
            step = self.tangent(z, theta - z)
            closer = z
            while step.norm() > 1e-6 * (1 + z.norm()):
                closer = self.newton(z + step)
                if (theta - closer).norm() < (theta - z).norm():
                    break
                step = step / 2
            else:
                break
            z = closer
        for _ in range(20):  # Newton's method on the Lagrange conditions: z - theta = J^T nu, F(z) = y
            J, r = self.jacobian(z), self.residual(z)
            nu = _solve(J @ J.mT, J @ (z - theta))
            hessian = torch.eye(len(z), dtype=z.dtype) - torch.func.hessian(lambda w: self.F(w) @ nu)(z)  # noqa: B023
            M = len(r)
            kkt = torch.cat((torch.cat((hessian, -J.mT), 1), torch.cat((J, J.new_zeros(M, M)), 1)))
            step = torch.linalg.solve(kkt, torch.cat((theta - z, -r)))[: len(z)]
            z = z + step
            if step.norm() <= tolerance * (1 + z.norm()):
                return z
        raise ValueError("no nearest point was found: theta is too far from Z for its curvature")


class TinyNetwork:
    r"""A two-layer network with one output as a function of one flat vector: :math:`F(\theta) = \sigma(X W) a`.

    :math:`\theta = [W \text{ row-major}, a]`, no biases; ``size`` is its length d.

    Args:
        X: inputs (n, d_in), float64.
        width: hidden units.
        activation: name or :class:`~grokutil.activations.Activation`.

    Raises:
        ValueError: X is not a finite float64 matrix, width below 1, unknown activation.
    """

    def __init__(self, X: Matrix, width: int, activation: str | Activation = "tanh") -> None:
        self.X, self.width = matrix("X", X), integer("width", width, 1)
        self.activation = get_activation(activation)
        self.size = (self.X.shape[1] + 1) * self.width

    def F(self, theta: Tensor) -> Tensor:
        """Outputs (n,) for the parameters ``theta`` (d,)."""
        W, a = theta[: -self.width].reshape(-1, self.width), theta[-self.width :]
        return self.activation.value(self.X @ W) @ a

    def random(self, seed: int) -> Tensor:
        """Standard normal parameters (d,), the same for the same seed."""
        generator = torch.Generator().manual_seed(integer("seed", seed, 0))
        return torch.randn(self.size, generator=generator, dtype=torch.float64)


# --- the two-layer network: theta is (W1, W2), outputs are the n * d_out entries of H W2, row by row ------------------


def jacobian(W1: Matrix, W2: Matrix, X: Matrix, activation: str | Activation = "relu") -> Tensor:
    r"""Jacobian of the outputs :math:`\hat Y = \sigma(X W_1) W_2` by all weights.

    .. math::
        \frac{\partial \hat Y_{ic}}{\partial W_{1,ah}} = X_{ia} \, \sigma'(Z_{ih}) \, W_{2,hc}, \qquad
        \frac{\partial \hat Y_{ic}}{\partial W_{2,he}} = H_{ih} \, \delta_{ce}

    Dense: (n d_out) (d_in d_h + d_h d_out) numbers. :func:`tangent_projection` does without.

    Args:
        W1: first layer (d_in, d_h), float64.
        W2: readout (d_h, d_out), float64.
        X: inputs (n, d_in), float64.
        activation: name or :class:`~grokutil.activations.Activation`.

    Returns:
        (n d_out, d) tensor; row i d_out + c is output c of sample i; columns are W1 row-major, then W2 row-major.

    Raises:
        ValueError: shapes do not match, not float64, not finite, unknown activation.

    Source: paper, section 4.4 and Appendix D (which prints J of the loss).
    """
    W1, W2, X, H, S = _layers(W1, W2, X, activation)
    identity = torch.eye(W2.shape[1], dtype=W2.dtype, device=W2.device)
    by_W1 = torch.einsum("ia,ih,hc->icah", X, S, W2)
    by_W2 = torch.einsum("ih,ce->iche", H, identity)
    return torch.cat((by_W1.flatten(2), by_W2.flatten(2)), dim=2).flatten(0, 1)


def ntk(W1: Matrix, W2: Matrix, X: Matrix, activation: str | Activation = "relu") -> Tensor:
    r"""Empirical NTK :math:`\Theta = J J^\top`, assembled block by block without J.

    .. math::
        \Theta_{ic,je} = (X X^\top)_{ij} \sum_h S_{ih} S_{jh} W_{2,hc} W_{2,he} + (H H^\top)_{ij} \, \delta_{ce},
        \qquad S = \sigma'(X W_1)

    Args and errors as for :func:`jacobian`.

    Returns:
        (n d_out, n d_out) symmetric tensor, ordered like the rows of :func:`jacobian`.
    """
    return _ntk(*_layers(W1, W2, X, activation))


def _ntk(W1: Tensor, W2: Tensor, X: Tensor, H: Tensor, S: Tensor) -> Tensor:
    n, d_out = len(X), W2.shape[1]
    XX, Theta = X @ X.mT, torch.empty(n, d_out, n, d_out, dtype=X.dtype, device=X.device)
    for c in range(d_out):
        for e in range(c + 1):
            Theta[:, c, :, e] = Theta[:, e, :, c] = XX * ((S * (W2[:, c] * W2[:, e])) @ S.mT)
        Theta[:, c, :, c] += H @ H.mT
    return Theta.reshape(n * d_out, n * d_out)


def tangent_projection(
    W1: Matrix, W2: Matrix, X: Matrix, vector: Tensor, activation: str | Activation = "relu"
) -> Tensor:
    r"""Projection of a vector on the tangent space at the weights: :math:`P v = v - J^\top \Theta^{-1} J v`.

    By products with J and a Cholesky factor of the NTK; J is not formed.

    Args:
        W1: first layer (d_in, d_h), float64.
        W2: readout (d_h, d_out), float64.
        X: inputs (n, d_in), float64.
        vector: (d,), flat like a row of :func:`jacobian`.
        activation: name or :class:`~grokutil.activations.Activation`.

    Returns:
        (d,) tensor.

    Raises:
        SingularPointError: J does not have full rank.
        ValueError: shapes do not match, not float64, not finite, unknown activation.

    Source: paper, Def. 4.12 and Appendix D.
    """
    W1, W2, X, H, S = layers = _layers(W1, W2, X, activation)
    vector = _vector("vector", vector)
    if len(vector) != W1.numel() + W2.numel():
        raise ValueError(
            f"vector has {len(vector)} entries, but W1 {tuple(W1.shape)} and W2 {tuple(W2.shape)} "
            f"have {W1.numel() + W2.numel()} weights"
        )
    V1, V2 = vector[: W1.numel()].reshape(W1.shape), vector[W1.numel() :].reshape(W2.shape)
    Jv = ((X @ V1) * S) @ W2 + H @ V2
    U = _solve(_ntk(*layers), Jv.flatten()).reshape(Jv.shape)
    return vector - torch.cat(((X.mT @ ((U @ W2.mT) * S)).flatten(), (H.mT @ U).flatten()))


def norm_minimizing_direction(W1: Matrix, W2: Matrix, X: Matrix, activation: str | Activation = "relu") -> Tensor:
    r"""Direction of steepest norm descent on the zero-loss manifold: :math:`-P \theta / \|P \theta\|`.

    Args and errors as for :func:`jacobian`.

    Returns:
        (d,) unit vector, flat like a row of :func:`jacobian`.

    Raises:
        SingularPointError: J does not have full rank.
        ValueError: the norm is stationary here: :math:`P \theta = 0`, so no direction lowers it.

    Source: paper, section 4.6 and eqs 28, 29.
    """
    theta = torch.cat((matrix("W1", W1).flatten(), matrix("W2", W2).flatten()))
    direction = -tangent_projection(W1, W2, X, theta, activation)
    length = direction.norm()
    if length <= 1e-12 * theta.norm():
        raise ValueError("P theta = 0: the norm is stationary on the zero-loss manifold here, no direction lowers it")
    return direction / length


def _layers(
    W1: Matrix, W2: Matrix, X: Matrix, activation: str | Activation
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """The checked weights and inputs, H = sigma(X W1) and S = sigma'(X W1)."""
    W1, W2, X = matrix("W1", W1), matrix("W2", W2), matrix("X", X)
    same_size("X", X, 1, "W1", W1, 0)
    same_size("W1", W1, 1, "W2", W2, 0)
    sigma, Z = get_activation(activation), X @ W1
    return W1, W2, X, sigma.value(Z), sigma.slope(Z)


def _vector(name: str, value: Tensor) -> Tensor:
    if not isinstance(value, Tensor) or value.dtype != torch.float64 or value.ndim != 1:
        got = f"{value.dtype} {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
        raise ValueError(f"{name} must be a float64 tensor with one axis, got {got}")
    finite(name, value)
    return value


def _solve(Theta: Tensor, b: Tensor) -> Tensor:
    """Theta^{-1} b by Cholesky."""
    L = cholesky_or_none(Theta)
    if L is None:
        raise SingularPointError(
            f"J J^T ({len(Theta)} x {len(Theta)}) is numerically singular: theta is a singular point (Def. 4.9), where "
            f"the tangent space is not defined; use more parameters, drop repeated samples, or move away from it"
        )
    return torch.cholesky_solve(b[:, None], L)[:, 0]
