r"""Any zero-loss manifold :math:`Z = \{\theta : F(\theta) = y\}` and its geometry (section 4), for small problems.

``ZeroLossManifold`` takes any differentiable F and forms its Jacobian. For the two-layer network of section 6.1,
:mod:`grokutil.manifold` has the same geometry without the Jacobian.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from grokutil.activations import Activation, get_activation
from grokutil.checks import Matrix, float_vector, generator, integer, matrix
from grokutil.model import loss_gradient
from grokutil.tangent import Rows, metric_projection
from grokutil.tangent import SingularPointError as SingularPointError  # raised by all of this


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
        self.F, self.y = F, float_vector("y", y)

    def residual(self, theta: Tensor) -> Tensor:
        r""":math:`r = F(\theta) - y`, (M,)."""
        return self._outputs(self.F(float_vector("theta", theta))) - self.y

    def _outputs(self, outputs: Tensor) -> Tensor:
        """What F returned, checked to be one number a target: shapes that broadcast would pass for a residual."""
        if outputs.shape != self.y.shape:
            raise ValueError(
                f"F(theta) has shape {tuple(outputs.shape)}, but y has {tuple(self.y.shape)}: F must return them "
                f"stacked in a vector, one number for each target; flatten() makes one of a column or matrix"
            )
        return outputs

    def loss(self, theta: Tensor, ridge: float = 0.0) -> Tensor:
        r""":math:`L_\lambda = \|r\|^2 + \lambda \|\theta\|^2` with ``ridge`` for lambda, a scalar. Source: eq. 1."""
        return self.residual(theta).square().sum() + ridge * theta.square().sum()

    def loss_gradient(self, theta: Tensor, ridge: float = 0.0) -> Tensor:
        r""":math:`\nabla L_\lambda = 2 J^\top r + 2 \lambda \theta`, (d,). Source: eq. 3, with the opposite sign."""
        outputs, pull_back = torch.func.vjp(self.F, float_vector("theta", theta))  # type: ignore[misc]
        return 2 * pull_back(self._outputs(outputs) - self.y)[0] + 2 * ridge * theta

    def jacobian(self, theta: Tensor) -> Tensor:
        """J, (M, d)."""
        return torch.func.jacrev(self.F)(float_vector("theta", theta))

    def at(self, theta: Tensor) -> Rows:
        """The linearisation at ``theta``: products, NTK, multiplier, projection, all from one Jacobian."""
        return Rows(self.jacobian(theta), theta)

    def ntk(self, theta: Tensor) -> Tensor:
        r""":math:`\Theta = J J^\top`, (M, M)."""
        return self.at(theta).ntk

    def multiplier(self, theta: Tensor) -> Tensor:
        r""":math:`\mu = \Theta^{-1} J \theta`, (M,): the least-squares multiplier.

        It is that of :math:`\min \|\theta\|^2 / 2` subject to F = y.

        Raises:
            SingularPointError: J does not have full rank.
        """
        return self.at(theta).multiplier()

    def tangent(self, theta: Tensor, v: Tensor) -> Tensor:
        r""":math:`P(\theta) v = v - J^\top \Theta^{-1} J v`, (d,).

        Raises:
            SingularPointError: J does not have full rank.
        """
        return self.at(theta).project(v)

    def slow_velocity(self, theta: Tensor, speed: Tensor | None = None, decoupled: bool = False) -> Tensor:
        r"""The norm-minimising flow :math:`d\theta/ds = -2 P(\theta) \theta` on the clock s, (d,).

        With ``speed``, the diagonal of a matrix D, it is the limit for small weight decay of
        :math:`\dot\theta = -D \nabla L_\lambda`, training with one learning rate for each parameter:

        .. math:: \frac{d\theta}{ds} = -2 P_D D \theta = -2 D (\theta - J^\top \mu_D), \qquad
                  \mu_D = (J D J^\top)^{-1} J D \theta

        With ``decoupled`` weight decay, :math:`\dot\theta = -D \nabla L - 2 \lambda \theta` as in AdamW, it is
        :math:`-2 P_D \theta`: steepest descent of :math:`\theta^\top D^{-1} \theta`.

        Args:
            theta: parameters (d,), float64.
            speed: (d,) positive, float64; None for all ones.
            decoupled: whether weight decay acts without D.

        Raises:
            SingularPointError: J does not have full rank.
            ValueError: a speed that is not positive, or not one for each parameter.
        """
        D = speeds(theta, speed)
        return -2 * metric_projection(self.jacobian(theta), theta if decoupled else D * theta, D)

    def newton(self, theta: Tensor, tolerance: float = 1e-13) -> Tensor:
        r"""A point of Z near ``theta``, by steps :math:`\theta \leftarrow \theta - J^\top \Theta^{-1} r`.

        A step that would raise the residual is halved until it does not. The result is not the nearest
        point; see :meth:`nearest`.

        Raises:
            SingularPointError: J does not have full rank on the way.
            ValueError: no convergence in 100 steps.
        """
        for _ in range(100):
            r, here = self.residual(theta), self.at(theta)
            rounding = 10 * torch.finfo(r.dtype).eps * here.J.norm() * theta.norm()
            if r.norm() <= max(tolerance * self.y.norm(), rounding):
                return theta
            step = here.correction(r)
            while self.residual(theta - step).norm() > r.norm() and step.norm() > tolerance * theta.norm():
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
            while step.norm() > 1e-6 * (theta.norm() + z.norm()):
                closer = self.newton(z + step)
                if (theta - closer).norm() < (theta - z).norm():
                    break
                step = step / 2
            else:
                break
            z = closer
        for _ in range(20):  # Newton's method on the Lagrange conditions: z - theta = J^T nu, F(z) = y
            J, r = self.jacobian(z), self.residual(z)
            nu = Rows(J, z - theta).multiplier()
            hessian = torch.eye(len(z)).to(z) - torch.func.hessian(lambda w: self.F(w) @ nu)(z)  # noqa: B023
            M = len(r)
            kkt = torch.cat((torch.cat((hessian, -J.mT), 1), torch.cat((J, J.new_zeros(M, M)), 1)))
            step = torch.linalg.solve(kkt, torch.cat((theta - z, -r)))[: len(z)]
            z = z + step
            if step.norm() <= tolerance * (theta.norm() + z.norm()):
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
        return self.features(theta[: -self.width]) @ theta[-self.width :]

    def features(self, W: Tensor) -> Tensor:
        """Hidden activations (n, width) for the first layer, flat (d_in * width,)."""
        return self.activation.value(self.X @ W.reshape(-1, self.width))

    def loss_gradient(self, theta: Tensor, y: Tensor) -> Tensor:
        r"""Gradient of :math:`\|F(\theta) - y\|^2` for a stack of parameters, (..., d); inputs are not checked.

        Args:
            theta: parameters (..., d), float64.
            y: targets (n,), float64.
        """
        W, a = theta[..., : -self.width].unflatten(-1, (-1, self.width)), theta[..., -self.width :, None]
        by_layer = loss_gradient(W, a, self.X, y[:, None], self.activation)
        return torch.cat([g.flatten(-2) for g in by_layer], dim=-1)

    def face(self, theta: Tensor, kinks: Tensor) -> Callable[[Tensor], Tensor]:
        r"""The network on a face of its kinks, smooth where the network is not.

        Its outputs with the gates that it has at ``theta``, closed for the pairs of ``kinks``, and below them the
        pre-activations :math:`z_{ih}` of these pairs. With targets y and zeros it is the F of the slow flow there.

        Args:
            theta: parameters (d,), float64, which fix the gates.
            kinks: (n, width) bool, the pairs held at zero.

        Returns:
            A function of the parameters (d,) to n outputs and one number a pair, in row-major order.
        """
        gates = self.activation.slope(self._inner(theta)) * ~kinks

        def F(w: Tensor) -> Tensor:
            pre = self._inner(w)
            return torch.cat(((pre * gates) @ w[-self.width :], pre[kinks]))

        return F

    def _inner(self, theta: Tensor) -> Tensor:
        """Pre-activations (n, width)."""
        return self.X @ theta[: -self.width].reshape(-1, self.width)

    def random(self, seed: int) -> Tensor:
        """Standard normal parameters (d,), the same for the same seed."""
        return torch.randn(self.size, generator=generator(seed), dtype=torch.float64)


def speeds(theta: Tensor, speed: Tensor | None) -> Tensor:
    """``speed``, checked to be one positive number for each entry of ``theta``; ones for None."""
    if speed is None:
        return torch.ones_like(theta)
    speed = float_vector("speed", speed)
    if speed.shape != theta.shape or not (speed > 0).all():
        raise ValueError(
            f"speed must be one positive number for each of the {len(theta)} parameters, "
            f"got {len(speed)} numbers, {int((speed <= 0).sum())} of them not positive"
        )
    return speed
