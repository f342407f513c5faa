"""Claims about singular points on Z, and about where long training ends; ours, about Theorem 4.10 and section 3.3."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from grokutil.activations import get_activation
from grokutil.claims.appendix_D import cosine, space, task, vector
from grokutil.claims.record import FIVE, OURS, Claim
from grokutil.manifold import jacobian
from grokutil.measure import relative_residual
from grokutil.model import default_weights, hidden, predict
from grokutil.train import gradient_descent, ridge_from_weight_decay
from grokutil.units import merge, pad, rescaled_norm2

DECAY = 4e-4
State = tuple[Tensor, Tensor]


def trained(activation: str, seed: int, times: list[int]) -> tuple[State, ...]:
    """Fig. 5's training with four times the paper's weight decay: 5000 steps are 1 on the clock s."""
    return gradient_descent(
        task(seed), activation=activation, weight_decay=DECAY, seed=seed, times=times, progress=False
    ).states


def _exception(seed: int) -> tuple[float, None]:
    """The narrow network that sees the sums, padded: its relative residual; infinite where J has full rank."""
    pairs, p, step, found = task(seed), 11, 2.0, []
    a, sums = torch.arange(p), torch.arange(2 * p - 1)  # as many units as sums
    answers = torch.nn.functional.one_hot(sums % p, p).double()
    for activation in ("relu", "tanh"):
        H = get_activation(activation).value(step * (sums[:, None] - sums + 0.5).double())
        W1 = step * (a[:, None] - sums / 2 + 0.25).double()
        point = pad(W1, torch.linalg.solve(H, answers), 128)
        J = jacobian(*point, pairs.X_train, activation)
        residual = relative_residual(predict(*point, pairs.X_train, activation), pairs.Y_train)
        found.append(residual if torch.linalg.matrix_rank(J) < len(J) else float("inf"))
    return max(found), None


def _copies(seed: int) -> tuple[float, None]:
    """Gap of the cost of four copies over that of one unit to the cube root of 4 (quadratic) and to 1 (ReLU)."""
    W1, W2 = default_weights(11, 1, 11, seed)
    copies, gaps = (W1.repeat(1, 4), W2.repeat(4, 1) / 4), []
    for activation, factor in (("quadratic", 4 ** (1 / 3)), ("relu", 1.0)):
        split, one = (rescaled_norm2(*point, activation) for point in (copies, merge(*copies, activation)))
        gaps.append(abs(split / one - factor))
    return max(gaps), None


def _loses_rank(seed: int) -> tuple[float, None]:
    """Smallest over largest singular value of J of the quadratic network at s = 6."""
    W1, W2 = trained("quadratic", seed, [0, 30_000])[-1]
    sigma = torch.linalg.svdvals(jacobian(W1, W2, task(seed).X_train, "quadratic"))
    return float(sigma[-1] / sigma[0]), None


def _dying(seed: int) -> tuple[float, None]:
    """Largest gap to 4 of the rate at which |w1h| |w2h| falls from s = 6 to 7, over the units below 1e-6 at s = 6."""
    states = trained("quadratic", seed, [0, 30_000, 35_000])[1:]
    before, after = (W1.norm(dim=0) * W2.norm(dim=1) for W1, W2 in states)
    dead = before < 1e-6 * before.max()
    return float((torch.log(after / before)[dead] + 4).abs().max()), None


def _cut(seed: int) -> tuple[float, None]:
    """1 - cosine of the next 50 steps with -P theta at s = 4, singular values below 1/100 of the largest left out."""
    before, after = trained("quadratic", seed, [0, 20_000, 20_050])[1:]
    J, theta = jacobian(*before, task(seed).X_train, "quadratic"), vector(before)
    _, sigma, V = torch.linalg.svd(J, full_matrices=False)
    normal = V[sigma > 0.01 * sigma[0]]
    whole = -space(before, task(seed).X_train, "quadratic").project(theta)
    cut, moved = normal.mT @ (normal @ theta) - theta, vector(after) - theta
    return (1 - cosine(moved, cut)) / (1 - cosine(moved, whole)), None


def _pull(seed: int) -> tuple[float, None]:
    """1 over the largest |U^T relu(X w)| found, |w| = 1, U = -r / lambda a mean over 200 steps from s = 8."""
    pairs = task(seed)
    X, Y = pairs.X_train, pairs.Y_train
    states = trained("relu", seed, [0, *range(39_801, 40_001)])[1:]
    U = torch.stack([Y - predict(W1, W2, X) for W1, W2 in states]).mean(0) / ridge_from_weight_decay(DECAY, *Y.shape)
    w = torch.randn(X.shape[1], 2000, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    largest = 0.0
    for step in range(400):
        w = w / w.norm(dim=0)
        V = U.mT @ hidden(w, X)
        size = V.norm(dim=0)
        largest = max(largest, float(size.max()))
        w = w + 0.02 / (1 + step / 100) ** 0.5 * X.mT @ ((U @ (V / size.clamp(min=1e-12))) * (X @ w > 0))
    return 1 / largest, None


ours = partial(Claim, chapter="where_it_ends", seeds=FIVE, whose=OURS)

CLAIMS = (
    ours(
        id="theorem-4.10-data",
        source="Theorem 4.10, sections 3.3 and 7.1",
        statement="The paper's own data are an exception of Theorem 4.10: Z has singular points, at every width from "
        "2p - 1 on.",
        measure=_exception,
        limit=1e-10,
        tolerance="relative residual of a padded network of 2p - 1 units (ReLU, tanh) where J is not of full rank; "
        "rounding",
        seconds=3.0,
    ),
    ours(
        id="rescaled-norm-copies",
        source="our addition to section 3.2",
        statement="Split into c copies a quadratic unit costs c^(1/3) times as much norm, a ReLU unit the same.",
        measure=_copies,
        limit=1e-12,
        tolerance="gap of the factor for four copies, norm after the best rescaling; rounding",
    ),
    ours(
        id="singular-end",
        source="sections 3.3 and 4.4, our addition",
        statement="Trained on to s = 6, the quadratic networks of Fig. 5's task lose rank.",
        measure=_loses_rank,
        limit=1e-3,
        tolerance="smallest over largest singular value of J; at s = 0.5 it is 0.03",
        seconds=20.0,
    ),
    ours(
        id="dying-units",
        source="our addition to section 4.5",
        statement="A small quadratic unit dies at the rate 4 on the clock s.",
        measure=_dying,
        limit=0.01,
        tolerance="largest gap of the rate of |w1h| |w2h| from s = 6 to 7; the step of training makes 0.0008",
        seconds=20.0,
    ),
    ours(
        id="rank-cut",
        source="our addition to section 4.6",
        statement="After the loss of rank -P theta predicts training better with the small singular values left out.",
        measure=_cut,
        limit=0.5,
        tolerance="1 - cosine over 50 steps from s = 4, with a cut at 1/100 of the largest over without; one half",
        seconds=20.0,
    ),
    ours(
        id="relu-not-lowest",
        source="our addition to section 4.6",
        statement="At s = 8 the ReLU networks are not at a minimum over all widths.",
        measure=_pull,
        limit=0.95,
        tolerance="1 over the largest pull |U^T relu(X w)| of -r / lambda on a direction; at a minimum at least 1",
        seconds=40.0,
    ),
)
