"""The questions of the paper's reviewers, each with a check that answers a part of it (2 and 4: ``other_paths``)."""

from __future__ import annotations

import math

import numpy as np
import torch
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

from grokutil.claims.along_the_manifold import singular_values
from grokutil.claims.record import FIVE, REVIEWERS, Claim
from grokutil.claims.zero_loss_manifold import TANH, tanh_network, trained
from grokutil.constraints import ZeroLossManifold
from grokutil.data import modular_addition
from grokutil.isolated import reduced_cost
from grokutil.manifold import jacobian
from grokutil.model import default_weights, gaussian_embedding, hidden


def _small_loss() -> tuple[float, None]:
    """L_lambda at a point at distance 3 from Z = {3}, over the least on Z."""
    ridge = 1e-4
    Z = ZeroLossManifold(lambda w: (w - 3) * torch.exp(-((w - 3) ** 2)), torch.zeros(1, dtype=torch.float64))
    on, far = torch.tensor([3.0], dtype=torch.float64), torch.zeros(1, dtype=torch.float64)
    return float(Z.loss(far, ridge) / Z.loss(on, ridge)), None


def _same_first_part() -> tuple[float, None]:
    """Gap of the first parts at two times of training y = (a + b) / sqrt 2, over that of the second parts there."""
    Z = ZeroLossManifold(lambda w: w.sum()[None] / 2**0.5, torch.zeros(1, dtype=torch.float64))

    def velocity(t: float, w: np.ndarray) -> np.ndarray:  # noqa: ARG001
        return -Z.loss_gradient(torch.from_numpy(w), 0.5).numpy()

    path = solve_ivp(velocity, (0, 5), [0.0, -2.0], rtol=1e-10, atol=1e-12, dense_output=True).sol
    times = np.linspace(0, 5, 501)
    above = np.flatnonzero(np.diff(np.sign(path(times)[0] - 0.25)))  # a = 1/4
    first, last = (path(brentq(lambda t: path(t)[0] - 0.25, times[k], times[k + 1])) for k in (above[0], above[-1]))
    if abs(first[1] - last[1]) < 1e-6:
        return math.inf, None  # one passage only
    return float(abs(first[0] - last[0]) / abs(first[1] - last[1])), None


def _singular_values(seed: int) -> tuple[float, None]:
    return singular_values("relu", seed)


def _force_along_Z(seed: int) -> tuple[float, None]:
    """Force of the loss over weight decay, both along Z at the nearest point; the largest from s = 0.1 to 2."""
    Z, _ = tanh_network(seed)
    ridge, worst = 1e-4, 0.0
    for theta in trained(seed, ridge)[1:]:
        z = Z.nearest(theta)
        decay = 2 * ridge * Z.tangent(z, theta)
        worst = max(worst, float(Z.tangent(z, Z.loss_gradient(theta)).norm() / decay.norm()))
    return worst, None


def _one_inverse(seed: int) -> tuple[float, None]:
    """For H of section 7.3 and J of Appendix D: how many of M^T M and M M^T have an inverse, minus one."""
    p37, p11 = modular_addition(37, 0.7, seed=seed), modular_addition(11, train_size=59, seed=seed)
    matrices = (
        hidden(gaussian_embedding(37, 512, seed=seed), p37.X_train),
        jacobian(*default_weights(11, 128, 11, seed=seed), p11.X_train),
    )
    off = []
    for M in matrices:
        rank = int(torch.linalg.matrix_rank(M @ M.mT, hermitian=True))
        off.append(abs((rank == M.shape[0]) + (rank == M.shape[1]) - 1))
    return float(max(off)), None


def _variable_projection(seed: int) -> tuple[float, None]:
    """Gap of R and |W1|^2 lambda + |(I - Q Q^T) b|^2, Q an orthonormal basis of [H; sqrt(lambda) I], b = [Y; 0]."""
    task, ridge = modular_addition(7, 0.7, seed=seed), 0.1
    W1 = gaussian_embedding(7, 40, seed=seed)
    H = hidden(W1, task.X_train, "tanh")
    Q = torch.linalg.qr(torch.cat((H, ridge**0.5 * torch.eye(40, dtype=H.dtype)))).Q
    b = torch.cat((task.Y_train, torch.zeros(40, 7, dtype=H.dtype)))
    projected = (b - Q @ (Q.mT @ b)).square().sum() + ridge * W1.square().sum()
    return float((ridge * reduced_cost(W1, task.X_train, task.Y_train, "tanh", ridge) / projected - 1).abs()), None


CLAIMS = (
    Claim(
        id="question-1-small-loss",
        source="question 1, on Theorem 4.8",
        whose=REVIEWERS,
        statement="L_lambda can be smaller far from Z than anywhere on Z; so Theorem 4.8 has to assume a start on Z.",
        measure=_small_loss,
        limit=1.0,
        tolerance="L_lambda at a point at distance 3 from Z, over the least on Z, lambda = 1e-4",
        chapter="zero_loss_manifold",
    ),
    Claim(
        id="question-3-same-first-part",
        source="question 3, on section 5 and eq. 7",
        whose=REVIEWERS,
        statement="That a path does not cross itself does not keep its first part from coming back: with one weight in "
        "it, training can pass the same value twice, with two second parts.",
        measure=_same_first_part,
        limit=1e-6,
        tolerance="gap of the first weights at two passages, over that of the second weights; linear network",
        chapter="isolated_dynamics",
    ),
    Claim(
        id="question-5-singular-value",
        source="question 5, on section 4.4",
        whose=REVIEWERS,
        statement="Watched over the first 10000 steps, s = 0.5, the smallest singular value of J keeps a gap, for the "
        "ReLU network of Appendix D.",
        measure=_singular_values,
        limit=0.5,
        tolerance="its fall as a share of its largest value; 1 is singular, one half leaves a gap. It says nothing of "
        "later steps",
        chapter="along_the_manifold",
        seeds=FIVE,
        seconds=14.0,
    ),
    Claim(
        id="question-6-size",
        source="question 6, on Theorem 4.14 and Remark 4.15",
        whose=REVIEWERS,
        statement="Along Z the loss pulls less than weight decay in size, not only at a right angle.",
        measure=_force_along_Z,
        limit=0.1,
        tolerance="largest force of the loss along Z over that of weight decay, lambda = 1e-4, tanh network; a tenth",
        chapter="slow_flow_up_close",
        seeds=FIVE,
        seconds=6.0,
        shares=TANH,
    ),
    Claim(
        id="question-7-one-inverse",
        source="question 7, on section 6.3",
        whose=REVIEWERS,
        statement="Of the two formulas of a pseudo-inverse exactly one exists: for H of section 7.3, J of Appendix D.",
        measure=_one_inverse,
        limit=0.5,
        tolerance="number of M^T M and M M^T that have an inverse, minus one, of the worse matrix",
        chapter="closed_form",
        seeds=FIVE,
        seconds=2.0,
    ),
    Claim(
        id="question-8-variable-projection",
        source="question 8, on section 5.1",
        whose=REVIEWERS,
        statement="The isolated dynamics are variable projection (Golub and Pereyra 1973), of the ridge problem.",
        measure=_variable_projection,
        limit=1e-10,
        tolerance="relative gap of the reduced cost and the projected residual of [H; sqrt(lambda) I]; rounding only",
        chapter="isolated_dynamics",
        seeds=FIVE,
    ),
)
